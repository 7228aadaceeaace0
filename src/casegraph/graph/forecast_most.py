"""The calls that a field makes at most on a gateway that has nothing in hand: one table.

Nothing is kept, no feed is filled, and nobody has counted anything, so each key is a call of its
own, which is the way that always exists; a list with conditions is walked as far as a walk goes.
Each call succeeds, and what the document names by id exists. Left out is what requests share: the
index over a hub's data fields counts as a call for each hub, because it is read once in minutes.
Invariants: one rule a field, for the same fields as the forecast; no rule looks anything up.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from casegraph.errors import InvalidArgument
from casegraph.graph import ids
from casegraph.graph.arguments import PAGE_MAX, page_size
from casegraph.graph.forecast_links import DETAILS_ONLY
from casegraph.graph.ids import Kind
from casegraph.linking.identity import System
from casegraph.linking.rules import DataFieldRule, TableRule
from casegraph.loading.access.cost import LOOK_KEYS
from casegraph.loading.case_filter import WALK_PAGES
from casegraph.loading.links import LinkConfig

UNPAGED = 10
"""Records of a list that has no page size: lists and roles of a hub, a customer's cases."""
WRITE_CALLS = 5
"""Of one change: three readings, the write, and the list or the roles that it is checked by."""


@dataclass(slots=True, eq=False)
class Group:
    """Records of one type that an operation comes to together: `count` of them, all different."""

    type_name: str
    count: int = 1
    cases: "Group | None" = None
    """The cases from which they were reached."""
    leads_to: int | None = None
    """How many cases they lead back to, where that is fewer than one each."""
    is_detailed: bool = True
    met: dict[str, "Group"] = field(default_factory=dict)
    """What was read for them, by need: it is read once."""


class Tally(Protocol):
    """Where the rules write down calls."""

    links: LinkConfig

    def call(self, calls: int = 1) -> None:
        """Count calls."""

    def once(self, what: str) -> None:
        """Count a call that is made once however often its answer is wanted."""


@dataclass(frozen=True, slots=True)
class Place:
    """A field as a rule sees it."""

    parents: Group
    arguments: Mapping[str, Any]
    type_name: str
    asks: frozenset[str]


Found = tuple[Group, int]
"""A group, and how many of it stand below each parent in the answer."""
Rule = Callable[[Tally, Place], Iterable[Found]]
"""Counts what a field costs and returns what it leads to; raises InvalidArgument."""


def _first(place: Place) -> int:
    return page_size(place.arguments.get("first"))


def _calls(calls: int, type_name: str, *, leads_to: int | None = None) -> Rule:
    """Return the rule of a root field that finds one record."""

    def rule(tally: Tally, _place: Place) -> Iterable[Found]:
        tally.call(calls)
        return ((Group(type_name, leads_to=leads_to), 1),)

    return rule


def _cases(tally: Tally, place: Place) -> Iterable[Found]:
    size = _first(place)
    conditions = [
        value for value in (place.arguments.get("filter") or {}).values() if value is not None
    ]
    if any(value in ([], ()) for value in conditions):
        return ()  # no case can pass, and none is asked for
    pages = WALK_PAGES if conditions else 1
    tally.call(pages)
    if conditions and "hasNextPage" in place.asks:
        tally.call(pages)
    return ((Group("Case", size, is_detailed=False), size),)


def _notes(tally: Tally, place: Place) -> Iterable[Found]:
    size = _first(place)
    goes_on = place.arguments.get("after") is not None
    tally.call(WALK_PAGES if goes_on else 1)
    if goes_on and "totalCount" in place.asks:
        tally.call()
    return ((Group("Note", size), size),)


def _review_entries(tally: Tally, place: Place) -> Iterable[Found]:
    size = _first(place)
    # A page of ours may lie over two of the vendor's.
    tally.call(1 if place.arguments.get("after") is None else 2)
    if "hasNextPage" in place.asks:
        tally.call(WALK_PAGES)
    if "totalCount" in place.asks:
        tally.call()
    return ((Group("ReviewEntry", size), size),)


def _ratings(tally: Tally, place: Place) -> Iterable[Found]:
    size = _first(place)
    tally.call()
    return ((Group("Rating", size, leads_to=1), size),)


def _recent_ratings(tally: Tally, place: Place) -> Iterable[Found]:
    limit = place.arguments.get("limit")
    size = 3 if limit is None else limit
    if not 1 <= size <= PAGE_MAX:
        raise InvalidArgument(f"limit: a number from 1 to {PAGE_MAX} is asked for.")
    tally.call()
    is_one = "caseId" in (place.arguments.get("of") or {})
    return ((Group("Rating", size, leads_to=1 if is_one else None), size),)


def _customer_cases(tally: Tally, _place: Place) -> Iterable[Found]:
    tally.call()
    return ((Group("CustomerCase", UNPAGED, leads_to=1), UNPAGED),)


def _listed(name: str) -> Rule:
    def rule(tally: Tally, place: Place) -> Iterable[Found]:
        tally.once(f"{name} {place.arguments.get('hubId')}")
        return ((Group(place.type_name, UNPAGED), UNPAGED),)

    return rule


def _node(tally: Tally, place: Place) -> Iterable[Found]:
    return _by_ids(tally, [place.arguments["id"]])


def _nodes(tally: Tally, place: Place) -> Iterable[Found]:
    texts = place.arguments["ids"]
    if len(texts) > PAGE_MAX:
        raise InvalidArgument(f"ids: at most {PAGE_MAX} are answered at once.")
    return _by_ids(tally, texts)


def _by_ids(tally: Tally, texts: Sequence[str]) -> Iterable[Found]:
    counts: dict[Kind, int] = defaultdict(int)
    for text in dict.fromkeys(texts):
        try:
            wanted = ids.decode(text)
        except InvalidArgument:
            continue  # an error in its place, and no call
        counts[wanted.kind] += 1
        if wanted.kind in _LOOKED_UP:
            tally.once(f"{_LOOKED_UP[wanted.kind]} {wanted.parts[0]}")
        else:
            tally.call()
    return [(Group(kind.value, count), count) for kind, count in counts.items()]


_LOOKED_UP = {Kind.ROLE: "roles", Kind.PROGRAM_LIST: "lists"}


def _rows(type_name: str, *, is_paged: bool = True, may_look: bool = False) -> Rule:
    """Return the rule of a link from cases to their rows elsewhere: a call for each case."""

    def rule(tally: Tally, place: Place) -> Iterable[Found]:
        cases = place.parents
        size = _first(place) if is_paged else UNPAGED
        rows = cases.met.get(type_name)
        if rows is None:
            tally.call(cases.count)
            if may_look and cases.count >= LOOK_KEYS:
                tally.call(cases.count // LOOK_KEYS)
            rows = cases.met[type_name] = Group(type_name, cases.count * size, cases)
        return ((rows, size),)

    return rule


def _details(tally: Tally, place: Place) -> Iterable[Found]:
    cases = place.parents
    if not cases.is_detailed:
        cases.is_detailed = True
        tally.call(cases.count)
    return ()


def _look_up(name: str) -> Rule:
    """Return the rule of a field that a look-up of the records' hub answers."""

    def rule(tally: Tally, place: Place) -> Iterable[Found]:
        for number in range(max(1, len(tally.links.hubs))):
            tally.once(f"{name} of hub {number}")
        return ((Group(place.type_name), 1),)

    return rule


def _case_of_note(tally: Tally, place: Place) -> Iterable[Found]:
    return _back(tally, place.parents, 1)


def _case_of(system: System) -> Rule:
    """Return the rule of the way back from another system."""

    def rule(tally: Tally, place: Place) -> Iterable[Found]:
        rows, links = place.parents, tally.links
        if rows.cases is not None or isinstance(links.rules[system], TableRule):
            return _back(tally, rows, 1)
        hubs = max(1, len(links.hubs))
        if not links.hubs:
            tally.once("hubs")
        if isinstance(links.rules[system], DataFieldRule):
            for number in range(hubs):
                tally.once(f"index of hub {number}")
            return _back(tally, rows, 1)
        return _back(tally, rows, hubs)

    return rule


def _back(tally: Tally, rows: Group, calls: int) -> Iterable[Found]:
    """Go back to the cases in hand, or read the cases of rows, each with so many calls."""
    cases = rows.cases or rows.met.get("case")
    if cases is None:
        count = rows.count if rows.leads_to is None else min(rows.count, rows.leads_to)
        tally.call(count * calls)
        cases = rows.met["case"] = Group("Case", count)
    return ((cases, 1),)


def _write(type_name: str) -> Rule:
    def rule(tally: Tally, _place: Place) -> Iterable[Found]:
        tally.call(WRITE_CALLS)
        return ((Group(type_name), 1),)

    return rule


def _write_many(tally: Tally, place: Place) -> Iterable[Found]:
    count = len(place.arguments["input"]["cases"])
    tally.call(count * WRITE_CALLS)
    return ((Group("Case", max(1, count)), count),)


MOST: Mapping[tuple[str, str], Rule] = {
    ("Query", "node"): _node,
    ("Query", "nodes"): _nodes,
    ("Query", "case"): _calls(1, "Case"),
    ("Query", "cases"): _cases,
    ("Query", "note"): _calls(1, "Note"),
    ("Query", "notes"): _notes,
    ("Query", "programLists"): _listed("lists"),
    ("Query", "roles"): _listed("roles"),
    ("Query", "reviewEntry"): _calls(1, "ReviewEntry"),
    ("Query", "reviewEntries"): _review_entries,
    ("Query", "rating"): _calls(1, "Rating"),
    ("Query", "ratingByHash"): _calls(1, "Rating"),
    ("Query", "ratings"): _ratings,
    ("Query", "recentRatings"): _recent_ratings,
    ("Query", "customerCases"): _customer_cases,
    ("Case", "notes"): _rows("Note", may_look=True),
    ("Case", "reviews"): _rows("ReviewEntry", may_look=True),
    ("Case", "ratings"): _rows("Rating"),
    ("Case", "customerCases"): _rows("CustomerCase", is_paged=False),
    **{("Case", name): _details for name in sorted(DETAILS_ONLY)},
    ("Note", "case"): _case_of_note,
    ("ReviewEntry", "case"): _case_of(System.CASE_REVIEWS),
    ("Rating", "case"): _case_of(System.RATINGS),
    ("CustomerCase", "case"): _case_of(System.CUSTOMER_CASES),
    ("ListValue", "list"): _look_up("lists"),
    ("ListValue", "item"): _look_up("lists"),
    ("CaseRole", "role"): _look_up("roles"),
    ("Workflow", "name"): _look_up("workflows"),
    **{
        ("Mutation", name): _write("Case")
        for name in (
            "assignCaseUsers",
            "clearCaseListValue",
            "deleteCase",
            "setCaseListValue",
            "unassignCaseUsers",
            "updateCase",
        )
    },
    ("Mutation", "updateCases"): _write_many,
    **{("Mutation", name): _write("Rating") for name in ("addRating", "updateRating")},
    ("Mutation", "triggerRating"): _write("Rating"),
}
"""What each field costs at most; a field that is not named here costs nothing."""

_FIRST = ("first",)
READS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("Query", "node"): ("id",),
    ("Query", "nodes"): ("ids",),
    ("Query", "cases"): ("first", "filter"),
    ("Query", "notes"): ("first", "after"),
    ("Query", "reviewEntries"): ("first", "after"),
    ("Query", "ratings"): _FIRST,
    ("Query", "recentRatings"): ("of", "limit"),
    ("Case", "notes"): _FIRST,
    ("Case", "reviews"): _FIRST,
    ("Case", "ratings"): _FIRST,
    ("Mutation", "updateCases"): ("input",),
}
"""The arguments that a rule reads; the others cannot change what a field costs."""
