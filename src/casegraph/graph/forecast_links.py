"""The fields of objects that cross to an upstream, each with what it needs: one table.

A link outwards reads rows of cases, a way back reads cases, a look-up reads a list that everybody
uses. Whoever adds a field that crosses adds a line here; a test holds the table against the schema.
Invariant: one rule a field; the rules ask an Outlook and nobody else.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from casegraph.graph.arguments import page_size
from casegraph.graph.forecast_plan import NONE, PERHAPS, Span
from casegraph.graph.forecast_walk import Population, Rule, Spot, Walk
from casegraph.linking.identity import System
from casegraph.loading.access.cost import NeedKind
from casegraph.loading.links import INDEX_PAGES

DETAILS_ONLY = frozenset(
    {"isOverdue", "dueAt", "preOverdueAt", "postOverdueAt", "updatedAt", "source", "version"}
)
"""The fields of a case that lists leave out."""

_ALL_HUBS = "all"
_PAGED = frozenset({NeedKind.NOTES, NeedKind.REVIEWS, NeedKind.RATINGS})


def _rows(need: NeedKind) -> Rule:
    """Return the rule of a link from cases to the rows of another list."""

    async def rule(walk: Walk, spot: Spot) -> Iterable[Population]:
        cases = spot.parents
        # A customer's cases come whole, however many they are.
        size = page_size(spot.arguments.get("first")) if need in _PAGED else None
        ready = cases.met.get(need.value)
        if ready is None:
            ready = await _met(walk, spot, need)
            cases.met[need.value] = ready
        most = None
        if cases.count.most is not None and size is not None:
            most = cases.count.most * size
        rows = Span(0, most, cases.count.likely)
        name = spot.field.type_name
        return (Population(name, rows, ready, cases.hub_id, cases.case_id, cases=cases),)

    return rule


async def _met(walk: Walk, spot: Spot, need: NeedKind) -> float:
    cases, outlook = spot.parents, spot.outlook
    keys = cases.count
    if need is NeedKind.RATINGS and cases.case_id is not None:
        config = outlook.shared.links.config
        is_same = System.RATINGS not in config.tables and not outlook.is_searched(System.RATINGS)
        if is_same and await outlook.rating_of_case(cases.case_id):
            return walk.call(spot, "ratings", "ratings", NONE, state="kept")
    prospect = await outlook.prospect(need, cases.hub_id)
    is_sure = need in {NeedKind.NOTES, NeedKind.DETAILS}
    if not is_sure:
        # A case may have no link, an ambiguous one, or share its customer with others.
        system = _SYSTEMS[need]
        if outlook.is_searched(system) or outlook.is_told(system):
            keys = replace(keys, least=0)
    return walk.need(spot, prospect, keys)


_SYSTEMS = {
    NeedKind.REVIEWS: System.CASE_REVIEWS,
    NeedKind.RATINGS: System.RATINGS,
    NeedKind.CUSTOMER_CASES: System.CUSTOMER_CASES,
}


async def _details(walk: Walk, spot: Spot) -> Iterable[Population]:
    """Fetch the details of listed cases, once for all their fields."""
    cases = spot.parents
    if not cases.is_detailed and NeedKind.DETAILS.value not in cases.met:
        prospect = await spot.outlook.prospect(NeedKind.DETAILS, cases.hub_id)
        cases.met[NeedKind.DETAILS.value] = walk.need(spot, prospect, cases.count)
    return (cases.seen_as(spot.field.type_name),)


def _look_up(name: str) -> Rule:
    """Return the rule of a field that a look-up of the hub answers."""

    async def rule(walk: Walk, spot: Spot) -> Iterable[Population]:
        hub_id = spot.parents.hub_id
        if hub_id is None:
            calls = replace(spot.parents.count, least=0)
            note = "once for each hub, unless kept"
            ready = walk.call(spot, "action_management", name, calls, note=note)
        else:
            ready = await walk.look_up(spot, name, hub_id, is_sure=False)
        return (replace(spot.parents.seen_as(spot.field.type_name), ready=ready),)

    return rule


async def _workflow_name(walk: Walk, spot: Spot) -> Iterable[Population]:
    """Look the name up where the case came with its details, which leave it out."""
    if not spot.parents.is_detailed:
        return ()
    return await _look_up("workflows")(walk, spot)


async def _case_of_note(walk: Walk, spot: Spot) -> Iterable[Population]:
    """Go back to the case in hand, or ask for the cases of a hub's notes."""
    if spot.parents.cases is not None:
        return (_again(spot.parents),)
    return (await cases_by_id(walk, spot, spot.parents.hub_id, _back(spot.parents)),)


def _case_of(system: System) -> Rule:
    """Return the rule of the way back from another system."""

    async def rule(walk: Walk, spot: Spot) -> Iterable[Population]:
        rows, outlook = spot.parents, spot.outlook
        if rows.cases is not None:
            return (_again(rows),)
        keys = _back(rows)
        if outlook.is_told(system):
            return (await cases_by_id(walk, spot, None, replace(keys, least=0)),)
        hubs = await outlook.hubs()
        ready = rows.ready
        if not outlook.shared.links.config.hubs:
            ready = await walk.look_up(spot, "hubs", _ALL_HUBS, is_sure=keys.least > 0)
        spot = replace(spot, parents=replace(rows, ready=ready))
        if outlook.is_searched(system):
            ready = _search(walk, spot, hubs)
            spot = replace(spot, parents=replace(rows, ready=ready))
            return (await cases_by_id(walk, spot, _only(hubs), replace(keys, least=0)),)
        if hubs is not None and len(hubs) == 1:
            return (await cases_by_id(walk, spot, hubs[0], keys),)
        # Every hub is asked for a number that nobody has found yet.
        many = Span(0, None, keys.likely) if hubs is None else keys.times(len(hubs))
        return (await cases_by_id(walk, spot, None, replace(many, least=0)),)

    return rule


def _search(walk: Walk, spot: Spot, hubs: tuple[str, ...] | None) -> float:
    """Add the walk over the hubs' cases that makes the index of a data field."""
    likely, most = 0, 0
    for hub_id in hubs or ():
        likely += spot.outlook.case_pages_of(hub_id) or 1
        most += INDEX_PAGES
    pages = Span(0, None if hubs is None else most, likely)
    note = "none while the index of the last five minutes holds"
    return walk.call(spot, "action_management", "case_query", pages, note=note)


async def cases_by_id(walk: Walk, spot: Spot, hub_id: str | None, keys: Span) -> Population:
    """Add what reading cases by id costs; returns those cases."""
    wanted = walk.document.fields("Case", spot.field.selection_sets())
    needs_details = any(each.name in DETAILS_ONLY for each in wanted)
    prospect = await spot.outlook.prospect(NeedKind.CASES, hub_id)
    ready = walk.need(spot, prospect, keys, direct=needs_details)
    return Population("Case", keys, ready, hub_id)


async def has_program(walk: Walk, spot: Spot, hub_id: str) -> None:
    """Add the question that is only asked where a case is missing: is its hub too."""
    if await spot.outlook.look_up("roles", hub_id) is None:
        note = "only where there is no such case: does the hub exist?"
        walk.call(spot, "action_management", "roles", PERHAPS, note=note)


def _again(rows: Population) -> Population:
    if rows.cases is None:
        raise AssertionError(rows.type_name)
    return replace(rows.cases, type_name="Case", ready=max(rows.ready, rows.cases.ready))


def _back(rows: Population) -> Span:
    """Return how many different cases rows lead back to."""
    count = rows.count if rows.distinct is None else rows.distinct
    return Span(min(1, count.least), count.most, count.likely)


def _only(hubs: tuple[str, ...] | None) -> str | None:
    return hubs[0] if hubs is not None and len(hubs) == 1 else None


CROSSINGS: Mapping[tuple[str, str], Rule] = {
    ("Case", "notes"): _rows(NeedKind.NOTES),
    ("Case", "reviews"): _rows(NeedKind.REVIEWS),
    ("Case", "ratings"): _rows(NeedKind.RATINGS),
    ("Case", "customerCases"): _rows(NeedKind.CUSTOMER_CASES),
    **{("Case", name): _details for name in sorted(DETAILS_ONLY)},
    ("Note", "case"): _case_of_note,
    ("ReviewEntry", "case"): _case_of(System.CASE_REVIEWS),
    ("Rating", "case"): _case_of(System.RATINGS),
    ("CustomerCase", "case"): _case_of(System.CUSTOMER_CASES),
    ("ListValue", "list"): _look_up("lists"),
    ("ListValue", "item"): _look_up("lists"),
    ("CaseRole", "role"): _look_up("roles"),
    ("Workflow", "name"): _workflow_name,
}
"""What each field of an object needs; a field that is not named here needs no call."""
