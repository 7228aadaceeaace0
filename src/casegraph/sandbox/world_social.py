"""What people write to the company in public, and what it answers.

Invariant: a thread begins with the customer; sides alternate, so the place of a text says who
wrote it.
"""

SERVICES = {
    "facebook": ("post", "comment"),
    "twitter": ("post", "reply"),
    "instagram": ("post", "comment"),
    "trustpilot": ("review", "reply"),
}
"""Content types of what opens a thread and of what follows."""

CHATTY_SERVICES = ("facebook", "twitter", "instagram")
"""Where people ask and praise; on the fourth they only complain."""

REPLIES = (
    "Hello {first}, we are sorry. May we have your order number by direct message? /{agent}",
    "Hi {first}, thank you for telling us. It is with the team for your order now. /{agent}",
    "Dear {first}, we are looking into it and will call you today. Kind regards, {agent}",
    "{first}, sorry for the trouble! I found your order {order} and will get back to you. /{agent}",
)
FOLLOW_UPS = (
    "Sent you a message. Please hurry.",
    "It is {order}. I have sent it three times now.",
    "OK, waiting for your call then.",
    "Thanks for the quick answer at least.",
)
LAST_WORDS = (
    "Thank you {first}, we have it and take it from here. /{agent}",
    "All arranged, {first}. You will get an e-mail with the details. /{agent}",
)

THREADS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "Question on opening hours",
        (
            "Is {store} open on the bank holiday?",
            "Hi {first}, yes, from 10 to 16. See you there!",
        ),
    ),
    (
        "Spare part wanted",
        (
            "Where do I get a new {part} for my {product}?",
            "Hello {first}, the {part} is in our web shop under spare parts. /{agent}",
            "Found it, thanks!",
        ),
    ),
    (
        "Praise for a delivery crew",
        (
            "Two very nice people carried my {thing} up four floors today. Chapeau!",
            "What a lovely message, {first}. We will read it to them. /{agent}",
        ),
    ),
    (
        "Energy label",
        (
            "Your page says A, the sticker on the {thing} says B. Which one is it?",
            "Good catch, {first}: the sticker is right. The page is being corrected. /{agent}",
            "And what about the price then?",
            "We are sending you a voucher of {voucher} for the find. /{agent}",
        ),
    ),
    (
        "Campaign code does not work",
        (
            "Code SPRING does not work on the {product}???",
            "Hi {first}, it is valid from Monday on. Sorry for the unclear banner! /{agent}",
        ),
    ),
    (
        "Availability",
        (
            "When will the {product} be back in stock in {city}?",
            "Hello {first}, a truck is due next week. Shall we reserve one for you? /{agent}",
            "Yes please, in white.",
            "Done, you get a message when it is there. /{agent}",
        ),
    ),
    (
        "Worry about an e-mail",
        (
            "Got an e-mail from you asking for my card number. Is this real?",
            "No, {first}, please delete it. We never ask for card numbers by e-mail. /{agent}",
        ),
    ),
    (
        "Recycling of packaging",
        (
            "So much polystyrene for one {thing}. Do you take it back?",
            "Yes, {first}, any of our stores does, without a receipt. /{agent}",
        ),
    ),
    (
        "Photo of a new kitchen",
        ("Finally finished! Thanks to the team of {store} for the patience with us.",),
    ),
    (
        "Wait on the phone",
        (
            "25 minutes of music. Change the song at least.",
            "Point taken, {first}. Write us your number in a message, we ring you. /{agent}",
        ),
    ),
)
"""Titles and texts of threads that have nothing to do with the case of the hub."""

HOME_DETAILS = (
    "Third floor, no lift.",
    "Ring at the neighbour's, Apt 4.",
    "Access through the yard, height limit 2.1 m.",
    "Do not call before 10, works night shifts.",
    "Dog in the garden, please ring first.",
    "Prefers messages to calls.",
)
