"""What a case can be about, as a writer's sheet: titles, what customers say, what agents write.

Every text is a template over the words of one story (`world_stories.words_of` lists them), so the
same sheet gives a delivery in Lyon and one in Kraków.
Invariant: a text that names {day} is only used after that day was agreed with the customer, and
`quick` texts never name it, because they settle a case in one contact.
"""

from dataclasses import dataclass

DELIVERY = "Delivery"
INSTALLATION = "Installation"
PRODUCT = "Product fault"
MONEY = "Invoice and refund"
WARRANTY = "Warranty"
ORDER = "Website and order"
STORE = "Store experience"

WASHER = "washing machine"
DRYER = "tumble dryer"
DISHWASHER = "dishwasher"
FRIDGE = "fridge-freezer"
OVEN = "oven"
HOB = "induction hob"
ANY = (WASHER, DRYER, DISHWASHER, FRIDGE, OVEN, HOB)


@dataclass(frozen=True, slots=True)
class Topic:
    """One kind of case; `weight` is its share among all cases."""

    category: str
    subcategory: str | None
    weight: int
    things: tuple[str, ...]
    titles: tuple[str, ...]
    comments: tuple[str, ...]
    """The survey comment that opened the case."""
    contact: tuple[str, ...]
    """What the agent did at the first contact; it follows a sentence on how they spoke."""
    progress: tuple[str, ...]
    asked: str
    """What the case waits for the customer to send or say."""
    answered: str
    closing: tuple[str, ...]
    """How it ended; of n first contacts the k-th leads to the endings k, k + n, k + 2n, ..."""
    quick: tuple[str, ...]
    missing: tuple[str, ...]
    """What a reviewer finds missing when a review asks for attention."""
    causes: tuple[str, ...]
