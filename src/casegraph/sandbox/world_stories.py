"""One case as it went: who complained about what, who dealt with it, when, and how it ended.

A story is told forward from its creation until it ends or until `now` is reached; the rows of all
four systems are then printed from the same story, which is why they agree.
Invariant: entries are in order of time, none is later than `now`, and a closed case has an entry
that says how it was settled.
"""

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from casegraph.sandbox.world_people import Person
from casegraph.sandbox.world_phrases import FOREIGN_COMMENTS
from casegraph.sandbox.world_plans import Plan
from casegraph.sandbox.world_program import FIRST_CASE, NOT_STARTED, TOPICS
from casegraph.sandbox.world_staff import (
    BILLING_DESK,
    DELIVERY_DESK,
    PRODUCT_DESK,
    Colleague,
    members,
)
from casegraph.sandbox.world_topic import (
    DELIVERY,
    DISHWASHER,
    DRYER,
    FRIDGE,
    HOB,
    INSTALLATION,
    MONEY,
    ORDER,
    OVEN,
    PRODUCT,
    STORE,
    WARRANTY,
    WASHER,
    Topic,
)

MODELS = {
    WASHER: (("Lumo W714", 549), ("Lumo W914 Silent", 729), ("Vasko 8 kg", 399)),
    DRYER: (("Lumo T820", 649), ("Vasko Heat 7", 479)),
    DISHWASHER: (("Klara D60", 529), ("Klara D45 Slim", 459)),
    FRIDGE: (("Koldra KF300", 899), ("Koldra KF360 Frost Free", 1149)),
    OVEN: (("Brasa OV72", 619), ("Brasa OV45 Compact", 749)),
    HOB: (("Brasa IH64", 499), ("Brasa IH80 Flex", 869)),
}
"""Models and their price in euros."""

_PARTS = {
    WASHER: ("drain hose", "inlet hose", "water filter"),
    DISHWASHER: ("cutlery tray", "inlet hose", "worktop bracket"),
    OVEN: ("baking tray", "side rail", "mounting frame"),
    DRYER: ("lint filter", "drain kit"),
    FRIDGE: ("door shelf", "water filter"),
    HOB: ("sealing strip", "mounting clamp", "connection cable"),
}
_DESK_OF = {
    DELIVERY: DELIVERY_DESK,
    INSTALLATION: PRODUCT_DESK,
    PRODUCT: PRODUCT_DESK,
    WARRANTY: PRODUCT_DESK,
    MONEY: BILLING_DESK,
    ORDER: BILLING_DESK,
    STORE: BILLING_DESK,
}
_SHARES = tuple(itertools.accumulate(topic.weight for topic in TOPICS))
_CARRIERS = ("Nordfrakt", "Vekta Home", "Trans-Delta", "Bring & Build")
_SLOTS = ("8-12", "7-11", "12-16", "14-18")
_CODES = ("E18", "F05", "E24", "H20", "F21")
_FOREIGN_SHARE = 0.65
_ORDER_BASE = 2_041_300
_WHOLE_UNITS_FROM = 2.0
"""Currencies of small units are quoted without decimals."""


@dataclass(slots=True)
class Entry:
    """A note; without an author the system wrote it."""

    moment: datetime
    text: str
    author: Colleague | None = None
    editor: Colleague | None = None
    edited: datetime | None = None


@dataclass(slots=True)
class Story:
    """One case over all systems."""

    case_id: int
    created: datetime
    plan: Plan
    person: Person
    topic: Topic
    owner: Colleague
    desk: str
    store: str
    is_online: bool
    comment: str
    words: dict[str, str]
    """What the templates may name."""
    title: str = ""
    status: str = NOT_STARTED
    contacted: datetime | None = None
    closed: datetime | None = None
    entries: list[Entry] = field(default_factory=list)

    @property
    def updated(self) -> datetime:
        """When the case was last changed."""
        return max((entry.edited or entry.moment for entry in self.entries), default=self.created)

    @property
    def language(self) -> str:
        """The language of the customer."""
        return self.person.country.language

    def say(self, template: str) -> str:
        """Fill in a template with the words of this story."""
        return template.format_map(self.words)


def draw_story(
    rng: random.Random, case_id: int, created: datetime, plan: Plan, person: Person
) -> Story:
    """Draw who and what a case is about; its course is added by `world_course`."""
    topic = rng.choices(TOPICS, cum_weights=_SHARES)[0]
    desk = _DESK_OF[topic.category]
    owner = rng.choice(members(desk, active=not plan.owner_left))
    store, city = rng.choice(person.country.stores)
    is_online = topic.category == ORDER or (topic.category != STORE and rng.random() < 1 / 2)
    words = _words(rng, topic, person, case_id)
    words |= {"store": store, "city": city, "agent": owner.first, "day": ""}
    title = rng.choice(topic.titles).format_map(words)
    return Story(
        case_id=case_id,
        created=created,
        plan=plan,
        person=person,
        topic=topic,
        owner=owner,
        desk=desk,
        store=store,
        is_online=is_online,
        comment=_comment(rng, topic, person).format_map(words),
        words=words,
        title=title[0].upper() + title[1:],
    )


def _words(rng: random.Random, topic: Topic, person: Person, case_id: int) -> dict[str, str]:
    appliance, price = draw_appliance(rng, topic.things)
    return appliance | {
        "first": person.first,
        "last": person.last,
        "name": person.name,
        "email": person.email,
        "order": f"HV-{_ORDER_BASE + 3 * (case_id - FIRST_CASE) + rng.randrange(3)}",
        "carrier": rng.choice(_CARRIERS),
        "slot": rng.choice(_SLOTS),
        "code": rng.choice(_CODES),
        "discount": rng.choice(("10 %", "15 %", "20 %")),
        "amount": money(person, price),
        "voucher": money(person, rng.choice((20, 25, 40, 50))),
        "fee": money(person, rng.choice((29, 39, 49, 59))),
        "small": money(person, rng.randrange(35, 140)),
        "repair": money(person, rng.randrange(150, 480, 10)),
        "interest": money(person, rng.randrange(3, 12)),
    }


def draw_appliance(rng: random.Random, things: Sequence[str]) -> tuple[dict[str, str], int]:
    """Draw a model of one of these kinds: the words that name it, and its price in euros."""
    thing = rng.choice(things)
    model, price = rng.choice(MODELS[thing])
    words = {"thing": thing, "product": f"{model} {thing}", "part": rng.choice(_PARTS[thing])}
    return words, price


def money(person: Person, euros: float) -> str:
    """Return a sum as it is written in the customer's country, about so many euros."""
    country = person.country
    if country.rate > _WHOLE_UNITS_FROM:
        return f"{country.currency} {round(euros * country.rate):,}"
    return f"{country.currency} {euros * country.rate:,.2f}"


def _comment(rng: random.Random, topic: Topic, person: Person) -> str:
    known = FOREIGN_COMMENTS.get(person.country.language, {})
    foreign = known.get(topic.subcategory or "") or known.get(topic.category)
    if foreign and rng.random() < _FOREIGN_SHARE:
        return rng.choice(foreign)
    return rng.choice(topic.comments)
