"""The writer's sheets on work at the customer's home: installation visits and product faults.

Invariant: see `world_topic`; faults only befall appliances that can have them.
"""

from casegraph.sandbox.world_topic import (
    DISHWASHER,
    DRYER,
    FRIDGE,
    HOB,
    INSTALLATION,
    OVEN,
    PRODUCT,
    WASHER,
    Topic,
)

NO_SHOW = Topic(
    category=INSTALLATION,
    subcategory="Technician no-show",
    weight=6,
    things=(WASHER, DISHWASHER),
    titles=(
        "Technician did not come, {city}",
        "{last}: {thing} in the hall, nobody installs it",
        "Installation of {product} missed twice",
    ),
    comments=(
        "The new {thing} has been standing in the hall for five days.",
        "Second appointment and again no technician. I am running out of holidays.",
        "He called from the car to say that he was too late and went home.",
    ),
    contact=(
        "Partner was one technician short. New visit on {day}, {slot}, name given to {first}.",
        "Apologised. {first} wants an evening visit; partner agrees to {day} after 17.",
    ),
    progress=(
        "Partner confirms two people for {day}, water tap has to be changed as well.",
        "Technician rang {first} himself and went through the connections.",
    ),
    asked="Asked {first} for a picture of the tap and the socket.",
    answered="Picture received, an adapter is needed. The technician has it in his van.",
    closing=(
        "Installed on {day}, test run without findings. Fee of {fee} dropped.",
        "Technician came on {day}; {first} praised him. {voucher} voucher for the first visit.",
    ),
    quick=(
        "Technician was stuck in traffic and came an hour later; already installed.",
        "{first} connected it with a neighbour; installation fee of {fee} refunded.",
    ),
    missing=(
        "No statement from the partner about the first missed visit.",
        "The waived installation fee is not booked yet.",
    ),
    causes=("Partner capacity", "Wrong contact data"),
)

NOT_CONNECTED = Topic(
    category=INSTALLATION,
    subcategory="Not connected",
    weight=5,
    things=(HOB, OVEN),
    titles=(
        "{thing} delivered but not connected, order {order}",
        "{last} paid for installation, {thing} not connected",
    ),
    comments=(
        "I paid for the connection and they just put it in the kitchen.",
        "The men said that connecting it was not on their sheet. It is on my invoice.",
    ),
    contact=(
        "Installation is on the order, the partner's sheet lacked it. Visit on {day}, {slot}.",
        "The {thing} needs an electrician by law, explained. Electrician booked for {day}.",
    ),
    progress=(
        "Order line for the installation sent again to the partner, confirmed.",
        "Electrician asked for the fuse rating, {first} read it out: 16 A.",
    ),
    asked="Asked {first} whether the old connection has its own fuse.",
    answered="{first} says yes and sent a photo of the fuse box.",
    closing=(
        "Connected on {day}, test run without findings.",
        "Electrician connected the {thing} on {day}, certificate sent to {first}.",
    ),
    quick=(
        "Installation had not been ordered. {first} understands and books it in the shop.",
        "{first} connected it alone; installation price of {fee} refunded.",
    ),
    missing=(
        "The certificate of the electrician is not attached.",
        "Unclear whether installation was on the order. Attach the invoice.",
    ),
    causes=("Order data incomplete", "Partner capacity"),
)

OLD_LEFT = Topic(
    category=INSTALLATION,
    subcategory="Old appliance left behind",
    weight=4,
    things=(WASHER, FRIDGE, DRYER, DISHWASHER),
    titles=(
        "Old {thing} not taken back, {city}",
        "{last}: take-back of the old {thing} was paid",
    ),
    comments=(
        "Now I own two and the old one blocks my balcony.",
        "Take-back was promised in the store. The driver said no.",
    ),
    contact=(
        "Take-back is on the receipt. {carrier} collects the old {thing} on {day}.",
        "Driver had no room left. Collection booked for {day}, {slot}.",
    ),
    progress=("Collection order is with {carrier}, {first} leaves it in the yard.",),
    asked="Asked {first} to empty and unplug the old appliance and to tell us when.",
    answered="{first} says it is ready and stands next to the lift.",
    closing=(
        "Old {thing} collected on {day}, recycling slip sent.",
        "Collected on {day}. {first} gets {fee} back for the wait.",
    ),
    quick=(
        "{first} took it to the recycling yard; take-back fee of {fee} refunded.",
        "The law gives {first} free take-back at {store}; the store will collect it.",
    ),
    missing=("No recycling slip on file, the collection cannot be proven.",),
    causes=("Carrier delay", "Order data incomplete"),
)

HOME_DAMAGE = Topic(
    category=INSTALLATION,
    subcategory="Damage to the home",
    weight=3,
    things=(WASHER, FRIDGE, OVEN),
    titles=(
        "Floor scratched during delivery of {thing}",
        "{last}: damage to the door frame, {city}",
    ),
    comments=(
        "There is a long scratch in my new oak floor and nobody feels responsible.",
        "They knocked a piece out of the door frame and left without saying a word.",
    ),
    contact=(
        "Apologised, took the report. The insurer's surveyor comes on {day}, {slot}.",
        "{first} has a joiner's offer of {repair}. Sent to the insurer, answer by {day}.",
    ),
    progress=(
        "Partner's insurer opened a claim, reference given to {first}.",
        "Crew admits that the trolley had no mats.",
    ),
    asked="Asked {first} for photos in daylight and an offer for the repair.",
    answered="Photos and an offer of {repair} received, passed to the insurer.",
    closing=(
        "Surveyor agreed on {day}; {repair} will be paid to {first} directly.",
        "Joiner repaired it after {day}, invoice paid by the partner's insurer.",
    ),
    quick=(
        "Mark came off with water; {first} laughs about it.",
        "{first} wants it on record only, no claim. {voucher} voucher sent.",
    ),
    missing=(
        "The insurer's reference is missing.",
        "No photos from before the delivery. Ask the crew whether they took any.",
    ),
    causes=("Handling by crew", "Partner capacity"),
)

LEAK = Topic(
    category=PRODUCT,
    subcategory="Leak",
    weight=6,
    things=(WASHER, DISHWASHER),
    titles=(
        "{product} leaks after two weeks",
        "Water under the {thing}, {city}",
        "{last}: {thing} leaking at the door seal",
    ),
    comments=(
        "Every second wash there is a puddle in front of it.",
        "The neighbour below now has a wet ceiling.",
        "Great machine, if only it kept the water inside.",
    ),
    contact=(
        "Told {first} to close the tap. Technician with a new door seal comes on {day}, {slot}.",
        "Sounds like the drain hose. Visit on {day}, hose and clamp ordered.",
    ),
    progress=(
        "Seal arrived at the partner, visit of {day} stands.",
        "Technician suspects the pump housing; he takes one along.",
    ),
    asked="Asked {first} for a short film of a wash with the panel open.",
    answered="Film received and sent on to the technician, he knows what to bring.",
    closing=(
        "Seal replaced on {day}, three test runs dry.",
        "Hose clamp was loose since the installation; fixed on {day}, no charge.",
        "Pump housing cracked, {thing} exchanged on {day}.",
    ),
    quick=(
        "Filter cover was not tight. Tightened together on the phone, dry since.",
        "Too much detergent, foam came out of the drawer. {first} will use less.",
    ),
    missing=(
        "Serial number is missing, the supplier will not pay without it.",
        "Was the wet ceiling of the neighbour reported to the insurer? Nothing on it here.",
    ),
    causes=("Component defect", "Installation error"),
)

NOISE = Topic(
    category=PRODUCT,
    subcategory="Noise or vibration",
    weight=5,
    things=(WASHER,),
    titles=(
        "{product} very loud",
        "{thing} wanders through the room, {city}",
        "{last} hears the {thing} two floors down",
    ),
    comments=(
        "It jumps across the bathroom when it spins.",
        "Sold to me as whisper quiet. It roars.",
        "My neighbours have complained already.",
    ),
    contact=(
        "Transport bolts are out. Noise comes from the bearing, visit on {day}.",
        "Went through levelling, no change. Technician on {day}, {slot}.",
    ),
    progress=(
        "Technician measured 71 dB, the data sheet says 62. Part ordered.",
        "Supplier agrees to a new motor mount under warranty.",
    ),
    asked="Asked {first} for a sound recording during the spin.",
    answered="Recording received, the workshop has listened to it.",
    closing=(
        "Bearing changed on {day}; {first} says it is quiet again.",
        "Rubber feet and mount changed on {day}, 60 dB measured.",
        "Could not be repaired, {thing} exchanged after {day}.",
    ),
    quick=(
        "Transport bolts were still in. Removed by {first} on the phone, quiet now.",
        "Stood on a tile edge. Moved by a hand's width, silent.",
    ),
    missing=(
        "There is no measurement before the repair, only after it.",
        "{first} was promised a call after a week of use. Not done yet.",
    ),
    causes=("Component defect", "Installation error"),
)

ERROR_CODE = Topic(
    category=PRODUCT,
    subcategory="Error code",
    weight=5,
    things=(WASHER, DISHWASHER),
    titles=(
        "Error {code} on {product}",
        "{thing} stops with error {code}, {city}",
    ),
    comments=(
        "It stops in the middle of the programme and blinks {code}.",
        "Manual has forty pages and not one word about {code}.",
        "Reset it ten times as your chat robot told me. Same error.",
    ),
    contact=(
        "{code} points to the control board. Technician with a board comes on {day}, {slot}.",
        "Reset done together, {code} came back. Visit on {day}.",
    ),
    progress=(
        "Board is on back order, supplier promises it one day before {day}.",
        "Workshop knows {code} in this series: software update first, board second.",
    ),
    asked="Asked {first} when exactly {code} shows up and for the software version.",
    answered="{first}: always at the end of the heating phase. Version 1.14.",
    closing=(
        "Board replaced on {day}, {code} gone after three full programmes.",
        "Software updated on {day}; no {code} since.",
    ),
    quick=(
        "{code} means a closed water tap. Opened, runs.",
        "Ten minutes without power cleared {code}. {first} calls again if it returns.",
    ),
    missing=(
        "Software version is not noted. The supplier asks for it with every {code}.",
        "Closed without a test run? The notes do not mention one.",
    ),
    causes=("Component defect", "Software"),
)

NOT_COOLING = Topic(
    category=PRODUCT,
    subcategory="Not cooling",
    weight=4,
    things=(FRIDGE,),
    titles=(
        "{product} does not get cold",
        "{last}: food spoiled, fridge warm",
    ),
    comments=(
        "Eleven degrees inside and the weekend shopping is in the bin.",
        "It cools only on the freezer side.",
    ),
    contact=(
        "Loan fridge offered. Technician on {day}, {slot}.",
        "Ruled out the door and the setting. Compressor runs hot, visit on {day}.",
    ),
    progress=(
        "Loan fridge delivered, {first} is relieved.",
        "Technician found no leak but a dead fan. Fan ordered.",
    ),
    asked="Asked {first} for the list of spoiled food and the receipts.",
    answered="List received, {small} in all. Within the limit, will be paid.",
    closing=(
        "Fan changed on {day}, 4 degrees after six hours. Food compensated with {small}.",
        "Compressor dead, new fridge-freezer delivered on {day}, loan unit collected.",
    ),
    quick=(
        "Holiday mode was on. Switched off, cools.",
        "It had been switched on one hour after transport; waiting a day solved it.",
    ),
    missing=(
        "Compensation for the food was promised without an amount.",
        "The loan fridge is not in the stock list as lent.",
    ),
    causes=("Component defect", "Handling by crew"),
)

REPAIR_TOPICS = (
    NO_SHOW,
    NOT_CONNECTED,
    OLD_LEFT,
    HOME_DAMAGE,
    LEAK,
    NOISE,
    ERROR_CODE,
    NOT_COOLING,
)
