"""What each case shall be linked to, decided before its story is told.

The special rows a demonstration or a test asks for by name are planned here, not searched for
afterwards, so they exist for every seed.
Invariant: special cases are distinct and lie in the older half of the cases, which leaves each of
them more time than its story can take (`world_clock`).
"""

import random
from dataclasses import dataclass, field
from enum import Enum

FEWEST_CASES = 20
"""Below this the older half has no room for the special cases."""

_BROKEN_SHARE = 0.005
_REVIEWS = (40, 35, 20, 5)
_RATINGS = (37, 39, 18, 6)
_KAYAKO_SHARE = 0.86
_CUSTOMER_SHARE = 0.55
_DUE_SHARE = 0.88
_OWNER_LEFT_SHARE = 0.025
_HAND_MADE_SHARE = 0.06


class Link(Enum):
    """How the data field `customer_id` of a case stands to the CRM."""

    BLANK = "no customer"
    OWN = "one customer, of this case only"
    PADDED = "one customer, the id padded with spaces"
    BROKEN = "an id which the CRM does not know"
    TWO = "two fields with different customers"
    SHARED = "the customer of another case as well"


@dataclass(slots=True)
class Plan:
    """The links of one case; `ratings` is None where the rating desk does not know it."""

    reviews: int
    ratings: int | None
    link: Link
    has_due_date: bool = True
    owner_left: bool = False
    hand_made: bool = False
    is_thorough: bool = False
    """Whether the case went through all stages and left something in every system."""


@dataclass(frozen=True, slots=True)
class Special:
    """Positions of the special cases in order of creation."""

    bare: int
    thorough: int
    broken: int
    padded: int
    two_customers: int
    sharing: tuple[int, int]
    undated: int
    owner_left: int


@dataclass(slots=True)
class Plans:
    """All plans in order of creation, and where the special ones are."""

    special: Special
    plans: list[Plan] = field(default_factory=list)


def draw_plans(rng: random.Random, cases: int) -> Plans:
    """Draw the plans of so many cases; `ValueError` when they cannot hold the special ones."""
    if cases < FEWEST_CASES:
        raise ValueError(f"a world needs at least {FEWEST_CASES} cases, not {cases}")
    bare, thorough, broken, padded, two, one, other, undated, left = rng.sample(
        range(cases // 2), 9
    )
    sharing = (min(one, other), max(one, other))
    special = Special(bare, thorough, broken, padded, two, sharing, undated, left)
    plans = Plans(special, [_ordinary(rng) for _ in range(cases)])
    _mark(plans.plans, special)
    return plans


def _ordinary(rng: random.Random) -> Plan:
    link = Link.BLANK
    if rng.random() < _CUSTOMER_SHARE:
        link = Link.BROKEN if rng.random() < _BROKEN_SHARE else Link.OWN
    hand_made = rng.random() < _HAND_MADE_SHARE
    return Plan(
        reviews=rng.choices(range(4), _REVIEWS)[0],
        ratings=rng.choices(range(4), _RATINGS)[0] if rng.random() < _KAYAKO_SHARE else None,
        link=Link.BLANK if hand_made else link,
        has_due_date=rng.random() < _DUE_SHARE,
        owner_left=rng.random() < _OWNER_LEFT_SHARE,
        hand_made=hand_made,
    )


def _mark(plans: list[Plan], special: Special) -> None:
    plans[special.bare] = Plan(reviews=0, ratings=None, link=Link.BLANK)
    plans[special.thorough] = Plan(reviews=2, ratings=3, link=Link.OWN, is_thorough=True)
    for spot, link in (
        (special.broken, Link.BROKEN),
        (special.padded, Link.PADDED),
        (special.two_customers, Link.TWO),
        (special.sharing[0], Link.SHARED),
        (special.sharing[1], Link.SHARED),
    ):
        plans[spot].link = link
        plans[spot].hand_made = False
    plans[special.undated].has_due_date = False
    plans[special.owner_left].owner_left = True
