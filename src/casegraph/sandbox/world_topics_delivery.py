"""The writer's sheets on deliveries: late, missed, damaged, wrong, incomplete.

They are the bulk of the work of a shop that brings heavy appliances to people's homes.
Invariant: see `world_topic`.
"""

from casegraph.sandbox.world_topic import (
    ANY,
    DELIVERY,
    DISHWASHER,
    FRIDGE,
    HOB,
    OVEN,
    WASHER,
    Topic,
)

LATE = Topic(
    category=DELIVERY,
    subcategory="Late delivery",
    weight=13,
    things=ANY,
    titles=(
        "{thing} still not delivered, order {order}",
        "Late delivery of {thing} to {city}",
        "{last}: {thing} a week overdue",
    ),
    comments=(
        "Promised within three days, it is now more than a week and nobody calls.",
        "I had to ring three times to find out that my {thing} is still in the warehouse.",
        "Good price, but the delivery date moved twice without a word.",
    ),
    contact=(
        "The {thing} missed two departures at {carrier}. New delivery agreed for {day}, {slot}.",
        "Explained that the stock in {city} was booked twice. {first} accepts {day}, {slot}.",
        "{carrier} has the parcel on a depot shelf. Rebooked with priority for {day}.",
    ),
    progress=(
        "{carrier} confirms the {thing} is on the truck list for {day}.",
        "Depot sent a photo of the label, the pallet left for {city} this morning.",
        "Dispatch moved the order up; driver will ring {first} half an hour before.",
    ),
    asked="Asked {first} for an address where someone can sign during the day.",
    answered="{first} gives the neighbour's door, same building. Passed on to {carrier}.",
    closing=(
        "Delivered on {day}, signed by {last}. Delivery fee of {fee} refunded.",
        "{carrier} delivered on {day} within the slot. {first} got a {voucher} voucher.",
        "{thing} arrived on {day}, unpacked and checked together with {first} on the phone.",
    ),
    quick=(
        "The {thing} was already on the truck; tracking link sent, it arrived while we spoke.",
        "Wrong date on our page, the delivery is on time. Explained and apologised.",
    ),
    missing=(
        "No reason for the delay from {carrier} on file. Ask the depot before this is closed.",
        "The refund of the delivery fee was promised, but there is no booking reference.",
    ),
    causes=("Carrier delay", "Stock error"),
)

MISSED_SLOT = Topic(
    category=DELIVERY,
    subcategory="Missed time slot",
    weight=9,
    things=ANY,
    titles=(
        "Driver did not come in the slot {slot}, {city}",
        "{last} took a day off, no delivery",
        "Missed time slot for {thing}, order {order}",
    ),
    comments=(
        "Took a day off work, waited from eight to six, nobody came and nobody called.",
        "The app said delivered. It was not.",
        "Driver claims that he rang the bell. My door camera says otherwise.",
    ),
    contact=(
        "Apologised for the lost day. {carrier} comes back on {day}, {slot}, first stop.",
        "Driver's scan was made two streets away. New slot {day}, {slot}.",
        "{first} can only do {slot}; {carrier} agrees to {day}.",
    ),
    progress=(
        "Complaint opened with {carrier} about the false scan, GPS log requested.",
        "Called the depot: the tour of {day} has {last} as its first stop.",
    ),
    asked="Asked {first} to confirm the new slot by text message.",
    answered="{first} confirmed the slot; phone number in the order was wrong and is corrected.",
    closing=(
        "Delivered on {day} at the start of the slot. {voucher} voucher for the lost day.",
        "Driver came on {day} and carried the {thing} up to the third floor. {first} is content.",
        "Delivery done on {day}. {carrier} admits the false scan and credits {fee}.",
    ),
    quick=(
        "Driver was in the street and turned round; delivered the same hour.",
        "{first} had two messages with different slots, the later one was right. Cleared up.",
    ),
    missing=(
        "The carrier's GPS log is announced in the notes but not attached.",
        "{first} asked to be paid for the day off. No answer on that anywhere.",
    ),
    causes=("Carrier delay", "Wrong contact data"),
)

DAMAGED = Topic(
    category=DELIVERY,
    subcategory="Damaged on arrival",
    weight=10,
    things=(WASHER, FRIDGE, OVEN, DISHWASHER),
    titles=(
        "Dent in the door of {product}",
        "{thing} damaged on arrival, order {order}",
        "{last}: packaging torn, side panel bent",
    ),
    comments=(
        "The driver saw the dent, shrugged and left.",
        "Beautiful machine, sadly with a scratch across the whole front.",
        "Box was soaked and one corner crushed. I signed only under protest.",
    ),
    contact=(
        "Offered exchange or {discount} off. {first} wants the exchange, booked for {day}.",
        "Damage is clear from the photos. New {thing} reserved, swap on {day}, {slot}.",
        "{first} keeps the {thing} if the door is replaced. Technician booked for {day}.",
    ),
    progress=(
        "Replacement picked in the warehouse, second check of the packaging done.",
        "Claim filed with {carrier}, photos and delivery note attached.",
    ),
    asked="Asked {first} for photos of the dent and of the label on the box.",
    answered="Four photos received from {first}; the strap has cut into the side panel.",
    closing=(
        "{first} chose to keep it after all, with {discount} off; {small} booked on {day}.",
        "Swapped on {day}, the damaged unit is on its way back to the warehouse.",
        "Door replaced on {day}, technician's photo shows a clean front.",
    ),
    quick=(
        "Scratch is on the side that faces the wall. {first} takes {discount} off and keeps it.",
        "Only the outer box was hurt, {first} checked the {thing} while we spoke. All fine.",
    ),
    missing=(
        "No photo of the damage on file. {first} has to send one before the claim expires.",
        "It is not clear who collects the damaged {thing}.",
    ),
    causes=("Transport damage", "Poor packaging"),
)

WRONG_ITEM = Topic(
    category=DELIVERY,
    subcategory="Wrong item",
    weight=5,
    things=ANY,
    titles=(
        "Wrong {thing} delivered, order {order}",
        "{last} ordered {product}, got another model",
        "Wrong colour of {thing}, {city}",
    ),
    comments=(
        "I ordered the white one. This is black.",
        "Different model from the one I paid for, and the old one is already gone.",
        "Somebody in the next town now has my {thing} and I have theirs.",
    ),
    contact=(
        "Two labels were mixed up at {store}. Exchange for the right {thing} on {day}, {slot}.",
        "{first} got the smaller model. Right one in stock, swap agreed for {day}.",
    ),
    progress=(
        "Right {product} reserved, the other household in {city} is informed too.",
        "Pick-up of the wrong unit is on the same tour, no second visit needed.",
    ),
    asked="Asked {first} for the serial number on the type plate.",
    answered="Serial number received: it belongs to the order before this one.",
    closing=(
        "Right {thing} delivered on {day}, wrong one collected.",
        "Swapped on {day}. {first} received {voucher} for the second morning at home.",
    ),
    quick=(
        "{first} likes the model that came and keeps it; difference of {fee} refunded.",
        "It is the right model with last year's panel. Explained, {first} is fine with it.",
    ),
    missing=(
        "The wrong {thing} is still at the customer's home according to the stock list.",
        "Nobody told the other household whose order was swapped.",
    ),
    causes=("Picking error", "Stock error"),
)

MISSING_PARTS = Topic(
    category=DELIVERY,
    subcategory="Missing parts",
    weight=6,
    things=(WASHER, DISHWASHER, OVEN, HOB),
    titles=(
        "{part} missing with {product}",
        "Parts missing in the box, order {order}",
        "{last} cannot use the {thing}: {part} not in the box",
    ),
    comments=(
        "No {part}, no screws, no manual. How am I supposed to connect it?",
        "One small part is missing and I am told to wait ten days.",
        "The box had been opened before, I am sure.",
    ),
    contact=(
        "The {part} goes out today by post, should be there on {day}.",
        "{store} has the {part} on the shelf; {first} collects it on {day}.",
    ),
    progress=(
        "Parcel with the {part} handed to {carrier}, tracking number sent by e-mail.",
        "Parts desk confirms: the {part} fits this model from 2024 on.",
    ),
    asked="Asked {first} for the number on the sticker inside the door.",
    answered="{first} sent the number, it is the older series with another {part}.",
    closing=(
        "{part} arrived on {day}, the {thing} is running.",
        "{first} collected the {part} on {day}, no cost. Apologised for the trip.",
    ),
    quick=(
        "The {part} was taped inside the packaging. Found together on the phone.",
        "{first} bought a {part} nearby; {fee} refunded against the receipt.",
    ),
    missing=(
        "The notes do not say which {part} was sent.",
        "No word on why the box had been opened. Ask {store}.",
    ),
    causes=("Picking error", "Supplier packing"),
)

DELIVERY_TOPICS = (LATE, MISSED_SLOT, DAMAGED, WRONG_ITEM, MISSING_PARTS)
