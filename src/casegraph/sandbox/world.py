"""One support organisation, seen by all four systems at once, and the same one for a given seed.

Demonstrations, tests and measurements start from it, so what they show can be repeated anywhere.
Each part draws from a random source of its own: a change to one leaves the others as they were.
Invariant: the special rows named by `Oddities` exist whatever the seed.
"""

import random
from dataclasses import dataclass
from datetime import UTC, datetime

from casegraph.sandbox.world_cases import (
    CUSTOMER_CARE,
    STORE_OPERATIONS,
    CaseDesk,
    customer_texts,
)
from casegraph.sandbox.world_clock import REFERENCE_MOMENT, creation_moments
from casegraph.sandbox.world_course import Course
from casegraph.sandbox.world_customers import CustomerDesk
from casegraph.sandbox.world_people import Person, draw_person, draw_relative
from casegraph.sandbox.world_plans import Link, Plans, draw_plans
from casegraph.sandbox.world_program import FIRST_CASE
from casegraph.sandbox.world_ratings import RatingDesk
from casegraph.sandbox.world_reviews import ReviewDesk
from casegraph.sandbox.world_stories import Story, draw_story
from casegraph.upstreams.action_management.store import Store as ActionManagementStore
from casegraph.upstreams.case_reviews.store import Store as CaseReviewsStore
from casegraph.upstreams.customer_cases.store import Store as CustomerCasesStore
from casegraph.upstreams.ratings.store import Store as RatingsStore

_LOWEST_CUSTOMER = 1_200


@dataclass(frozen=True)
class Oddities:
    """The rows worth asking for by name; cases are those of the hub with a program."""

    hub_with_program: int
    hub_without_program: int
    case_without_links: int
    case_with_everything: int
    """Notes, two reviews, three ratings, a customer with three social cases."""
    case_with_broken_customer: int
    case_with_padded_customer: int
    case_with_two_customers: int
    shared_customer: str
    shared_customer_cases: tuple[int, int]
    review_of_unknown_case: int
    """The id of the review, not of the case."""
    case_without_due_date: int
    case_with_inactive_user: int


@dataclass
class World:
    """The four stores, filled, and what is special in them."""

    seed: int
    action_management: ActionManagementStore
    case_reviews: CaseReviewsStore
    ratings: RatingsStore
    customer_cases: CustomerCasesStore
    oddities: Oddities
    now: datetime
    """The moment at which the world ends; nothing in it happened later."""


def build_world(seed: int = 7, cases: int = 2500, now: datetime | None = None) -> World:
    """Build the organisation as of `now`, by default a fixed moment.

    Raises `ValueError` for too few cases to hold the special ones and for a `now` without a zone.
    """
    if now is not None and now.tzinfo is None:
        raise ValueError("now needs a time zone")
    until = (now or REFERENCE_MOMENT).astimezone(UTC).replace(microsecond=0)
    plans = draw_plans(_source(seed, "plans"), cases)
    stories = _stories(seed, plans, until)
    action_management = CaseDesk(_source(seed, "cases"), until)
    reviews = ReviewDesk(_source(seed, "reviews"), until)
    ratings = RatingDesk(_source(seed, "ratings"), until)
    customers = CustomerDesk(_source(seed, "customers"), until)
    customer_ids = _customer_ids(_source(seed, "customer ids"), plans)
    relatives = _source(seed, "relatives")
    for story, ids in zip(stories, customer_ids, strict=True):
        action_management.add_case(story, customer_texts(story.plan.link, ids))
        reviews.add_reviews(story)
        ratings.add_case(story)
        if story.plan.link is not Link.BROKEN:
            for place, customer_id in enumerate(ids):
                person = draw_relative(relatives, story.person) if place else story.person
                customers.add_customer(customer_id, person, story)
    action_management.add_notes(stories)
    unknown_review = reviews.finish(stories)
    ratings.finish()
    customers.finish()
    return World(
        seed=seed,
        action_management=action_management.store,
        case_reviews=reviews.store,
        ratings=ratings.store,
        customer_cases=customers.store,
        oddities=_oddities(plans, customer_ids, unknown_review),
        now=until,
    )


def _source(seed: int, part: str) -> random.Random:
    return random.Random(f"{seed}/{part}")  # noqa: S311 - sample data, and it must be repeatable


def _stories(seed: int, plans: Plans, until: datetime) -> list[Story]:
    moments = creation_moments(_source(seed, "moments"), len(plans.plans), until)
    people = _source(seed, "people")
    persons: list[Person] = [draw_person(people) for _ in moments]
    first, second = plans.special.sharing
    persons[second] = persons[first]
    source = _source(seed, "stories")
    course = Course(_source(seed, "course"), until)
    stories: list[Story] = []
    for place, (moment, plan, person) in enumerate(zip(moments, plans.plans, persons, strict=True)):
        story = draw_story(source, FIRST_CASE + place, moment, plan, person)
        course.run(story)
        stories.append(story)
    return stories


def _customer_ids(rng: random.Random, plans: Plans) -> list[tuple[str, ...]]:
    """Return the customer ids of each case; those of broken links lie above all that exist."""
    ceiling = _LOWEST_CUSTOMER + 4 * len(plans.plans)
    numbers = iter(rng.sample(range(_LOWEST_CUSTOMER, ceiling), len(plans.plans) + 1))
    shared = _customer_id(next(numbers))
    ids: list[tuple[str, ...]] = []
    for plan in plans.plans:
        match plan.link:
            case Link.BLANK:
                ids.append(())
            case Link.SHARED:
                ids.append((shared,))
            case Link.BROKEN:
                ids.append((_customer_id(ceiling + rng.randrange(10_000)),))
            case Link.TWO:
                ids.append((_customer_id(next(numbers)), _customer_id(next(numbers))))
            case _:
                ids.append((_customer_id(next(numbers)),))
    return ids


def _customer_id(number: int) -> str:
    return f"C-{number:06d}"


def _oddities(plans: Plans, ids: list[tuple[str, ...]], unknown_review: int) -> Oddities:
    special = plans.special
    first, second = special.sharing
    return Oddities(
        hub_with_program=CUSTOMER_CARE,
        hub_without_program=STORE_OPERATIONS,
        case_without_links=FIRST_CASE + special.bare,
        case_with_everything=FIRST_CASE + special.thorough,
        case_with_broken_customer=FIRST_CASE + special.broken,
        case_with_padded_customer=FIRST_CASE + special.padded,
        case_with_two_customers=FIRST_CASE + special.two_customers,
        shared_customer=ids[first][0],
        shared_customer_cases=(FIRST_CASE + first, FIRST_CASE + second),
        review_of_unknown_case=unknown_review,
        case_without_due_date=FIRST_CASE + special.undated,
        case_with_inactive_user=FIRST_CASE + special.owner_left,
    )
