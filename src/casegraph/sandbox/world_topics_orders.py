"""The writer's sheets on everything that is not a visit: money, warranty, the web shop, the stores.

Invariant: see `world_topic`.
"""

from casegraph.sandbox.world_topic import (
    ANY,
    DISHWASHER,
    MONEY,
    ORDER,
    STORE,
    WARRANTY,
    WASHER,
    Topic,
)

REFUND = Topic(
    category=MONEY,
    subcategory="Refund not received",
    weight=7,
    things=ANY,
    titles=(
        "Refund of {amount} not received",
        "{last} waits for money back, order {order}",
        "Returned {thing}, no refund yet",
    ),
    comments=(
        "Returned three weeks ago, still no money.",
        "Every agent says it takes five days. It has been twenty.",
        "You were very quick to take my money.",
    ),
    contact=(
        "Return was scanned but not released. Released today, {amount} by {day}.",
        "Refund bounced, the card has expired. Transfer to the bank account by {day}.",
    ),
    progress=(
        "Accounting confirms the payment run, {amount} is on the list.",
        "Second signature done, amount above the desk's limit.",
    ),
    asked="Asked {first} for an account number through the secure form.",
    answered="{first} filled in the form; checked against the name on the order.",
    closing=(
        "{amount} paid on {day}, payment advice sent to {email}.",
        "Money arrived on {day} according to {first}. {voucher} for the wait.",
    ),
    quick=(
        "Refund had gone to the gift card balance. Shown to {first}, fine.",
        "Paid two days ago, the bank needed the weekend. {first} has seen it meanwhile.",
    ),
    missing=(
        "No payment reference for the {amount}.",
        "The second signature for a refund of this size is missing.",
    ),
    causes=("Process delay", "Payment provider"),
)

WRONG_AMOUNT = Topic(
    category=MONEY,
    subcategory="Wrong amount",
    weight=4,
    things=ANY,
    titles=(
        "Invoice for {order} does not match the offer",
        "{last}: campaign price not applied",
    ),
    comments=(
        "The price on the shelf was lower than on the receipt.",
        "The campaign code was accepted and then not deducted.",
    ),
    contact=(
        "Campaign was valid on the order date. Credit note of {fee} by {day}.",
        "{store} confirms the shelf label. Difference goes back by {day}.",
    ),
    progress=("Credit note is written, waits for the night run.",),
    asked="Asked {first} for a photo of the receipt.",
    answered="Receipt received, label and receipt differ by {fee}.",
    closing=(
        "Credit note sent on {day}, {fee} back on the card.",
        "Corrected invoice sent on {day}, {first} thanks us.",
    ),
    quick=(
        "The code excludes installation. Explained line by line, {first} accepts it.",
        "{fee} credited at once, shelf label was ours to keep right.",
    ),
    missing=("No picture of the shelf label, only the customer's word.",),
    causes=("Price data", "Campaign set-up"),
)

DOUBLE_CHARGE = Topic(
    category=MONEY,
    subcategory="Double charge",
    weight=3,
    things=ANY,
    titles=(
        "{amount} taken twice, order {order}",
        "{last} charged two times for one {thing}",
    ),
    comments=(
        "Twice the money for one machine. My account is in the red because of you.",
        "Two bookings, one minute apart. Please just fix it.",
    ),
    contact=(
        "Second booking is a reservation, it lapses on {day}. Told {first} what to look for.",
        "Both were captured. One of them is being returned, value date {day}.",
    ),
    progress=("Payment provider confirms the reversal under one reference.",),
    asked="Asked {first} for a statement that shows both lines.",
    answered="Statement received, sent on to the payment provider.",
    closing=(
        "Reservation lapsed on {day}, {first} confirms.",
        "Second {amount} returned on {day}; overdraft interest of {interest} paid as well.",
    ),
    quick=(
        "One of the lines was a cancelled attempt and is gone already.",
        "Two orders by mistake; the second one cancelled before dispatch.",
    ),
    missing=("Reference of the payment provider is missing.",),
    causes=("Payment provider", "Website error"),
)

WARRANTY_CLAIM = Topic(
    category=WARRANTY,
    subcategory=None,
    weight=6,
    things=ANY,
    titles=(
        "Warranty claim for {product} refused",
        "{last}: who pays for the repair of the {thing}?",
        "Extended warranty not found, order {order}",
    ),
    comments=(
        "I paid extra for five years and now nobody can find the contract.",
        "Broken after 25 months. What a coincidence.",
        "Store sends me to the maker, the maker sends me to the store.",
    ),
    contact=(
        "Contract found under the old e-mail address. Repair booked for {day}, {slot}.",
        "One month over, asked the supplier for goodwill; decision by {day}.",
    ),
    progress=(
        "Supplier agrees to pay the part, we pay the work.",
        "Contract moved to the right customer number.",
    ),
    asked="Asked {first} for the receipt or the card statement of the purchase.",
    answered="{first} found the receipt from {store}. Good enough.",
    closing=(
        "Repaired on {day} under the extended warranty, no cost for {first}.",
        "Goodwill granted on {day}: part free, work {small}. {first} agrees.",
    ),
    quick=(
        "Contract number sent by e-mail; it had been there under a different spelling.",
        "Damage from outside is not covered. Explained, {first} books a paid repair.",
    ),
    missing=(
        "Copy of the purchase receipt is missing.",
        "Supplier's decision was by phone. Ask for it in writing.",
    ),
    causes=("Contract data", "Component defect"),
)

ORDER_CHANGE = Topic(
    category=ORDER,
    subcategory="Order change",
    weight=5,
    things=ANY,
    titles=(
        "Change of address for order {order}",
        "{last} wants a different {thing}",
        "Cancellation of {order} not possible online",
    ),
    comments=(
        "I only wanted to change the floor in the address. Two days in the queue.",
        "The cancel button does nothing.",
        "Order can not be changed, says the page. Why not?",
    ),
    contact=(
        "Address changed, delivery moves to {day}, {slot}.",
        "Model changed to {product}, difference of {fee} paid by link. Delivery {day}.",
    ),
    progress=("Warehouse stopped the old parcel, new label printed.",),
    asked="Asked {first} for the new floor and the name on the bell.",
    answered="{first}: fourth floor, no lift. Two-person crew booked.",
    closing=(
        "Delivered to the new address on {day}.",
        "Changed order arrived on {day}, {first} is pleased with the choice.",
    ),
    quick=(
        "Cancelled by hand, {amount} goes back to the card.",
        "Address changed before dispatch, confirmation sent.",
    ),
    missing=("The change was made by phone without checking who is calling.",),
    causes=("Website error", "Order data incomplete"),
)

PAYMENT_FAILED = Topic(
    category=ORDER,
    subcategory="Payment failed",
    weight=3,
    things=ANY,
    titles=(
        "Payment failed three times, {last}",
        "Order {order} unpaid although the bank says paid",
    ),
    comments=(
        "Page turned white after I had confirmed in my bank's app.",
        "Your shop does not like my card. Others do.",
    ),
    contact=(
        "Payment link sent, basket and campaign price kept until {day}.",
        "Bank's confirmation came after our time limit. Checked again on {day}.",
    ),
    progress=("Web team found the time-out in the log, ticket raised.",),
    asked="Asked {first} for the reference from the bank's app.",
    answered="Reference received, passed to accounting.",
    closing=(
        "Paid by link, order left the warehouse on {day}.",
        "Payment matched, {thing} delivered on {day}.",
    ),
    quick=(
        "Paid by link while we spoke.",
        "Limit of the card was too low; {first} paid by transfer.",
    ),
    missing=("No screenshot and no time of the failed attempt, the web team needs both.",),
    causes=("Payment provider", "Website error"),
)

STORE_VISIT = Topic(
    category=STORE,
    subcategory=None,
    weight=5,
    things=(WASHER, DISHWASHER),
    titles=(
        "Long wait at {store}",
        "{last}: wrong advice on a {thing}",
        "Complaint about the service desk, {store}",
    ),
    comments=(
        "Forty minutes in the queue and then the desk closed.",
        "The young man was friendly but knew less than the label.",
        "Sold me a model that does not fit under a standard worktop.",
    ),
    contact=(
        "Apologised, {first} will be received by the store manager on {day}.",
        "{store} takes the {thing} back although unpacked; collection on {day}.",
    ),
    progress=("Store manager knows about it: two of five were ill that day.",),
    asked="Asked {first} for the day and time of the visit.",
    answered="{first} was there on a Saturday around noon.",
    closing=(
        "Store manager spoke to {first} on {day} and handed over a {voucher} voucher.",
        "Exchanged for a lower model on {day}, {first} is happy with it.",
    ),
    quick=(
        "{first} wanted to be heard. Passed on to the manager of {store} with thanks.",
        "Right model found and reserved at {store}, no extra cost.",
    ),
    missing=("No answer from {store} on file.",),
    causes=("Staffing", "Training"),
)

ORDER_TOPICS = (
    REFUND,
    WRONG_AMOUNT,
    DOUBLE_CHARGE,
    WARRANTY_CLAIM,
    ORDER_CHANGE,
    PAYMENT_FAILED,
    STORE_VISIT,
)
