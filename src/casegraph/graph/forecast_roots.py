"""The fields of Query, and the questions about a list that may cost calls: where a forecast begins.

Arguments are checked as the resolvers check them, so what they would refuse is told as refused and
costs nothing.
Invariant: equal questions under two aliases are one question, as they are to the loaders.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace

from casegraph.errors import InvalidArgument
from casegraph.graph import ids
from casegraph.graph.arguments import PAGE_MAX, case_key, hub, page_size
from casegraph.graph.forecast_links import cases_by_id, has_program
from casegraph.graph.forecast_plan import NONE, ONE, Span
from casegraph.graph.forecast_walk import Population, Rule, Spot, Walk
from casegraph.graph.ids import Kind
from casegraph.loading import freshness
from casegraph.loading.case_filter import WALK_PAGES
from casegraph.upstreams.paths import int32, int63, opaque

_FILTERED = "cases, filtered"
_HUB_NOTES = "notes of a hub, gone on"
_ENTRIES = "review entries"


def _once(rule: Rule) -> Rule:
    """Return a rule of a root field that answers equal questions once."""

    async def first(walk: Walk, spot: Spot) -> Iterable[Population]:
        question = f"{spot.field.name} {sorted(spot.arguments.items(), key=str)}"
        found = walk.roots.get(question)
        if found is None:
            found = walk.roots[question] = tuple(await rule(walk, spot))
        return found

    return first


async def _case(walk: Walk, spot: Spot) -> Iterable[Population]:
    key = case_key(spot.arguments["hubId"], spot.arguments["caseId"])
    return (await _one_case(walk, spot, key.hub_id, key.case_id),)


async def _one_case(walk: Walk, spot: Spot, hub_id: str, case_id: str) -> Population:
    if await spot.outlook.case(hub_id, case_id):
        ready = walk.call(spot, "action_management", "case", NONE, state="kept")
    else:
        ready = walk.call(spot, "action_management", "case")
        await has_program(walk, spot, hub_id)
    return Population("Case", ONE, ready, hub_id, case_id)


async def _cases(walk: Walk, spot: Spot) -> Iterable[Population]:
    hub_id = hub(spot.arguments["hubId"])
    size = page_size(spot.arguments.get("first"))
    conditions = {
        name: value
        for name, value in (spot.arguments.get("filter") or {}).items()
        if value is not None
    }
    total = spot.outlook.cases_of(hub_id)
    likely = size if total is None else min(size, total)
    calls, listing = _perhaps_kept(spot, freshness.Kind.CASES, ONE), None
    note = ""
    if any(value in ([], ()) for value in conditions.values()):
        calls, likely = NONE, 0
    elif conditions:
        pages = spot.outlook.case_pages_of(hub_id) or 1
        calls, listing = Span(calls.least, WALK_PAGES, min(WALK_PAGES, pages)), _FILTERED
        note = "reads on until enough cases pass the filter"
    ready = walk.call(spot, "action_management", "case_query", calls, note=note)
    rows = Span(0, size, likely)
    return (
        Population(spot.field.type_name, rows, ready, hub_id, is_detailed=False, listing=listing),
    )


async def _note(walk: Walk, spot: Spot) -> Iterable[Population]:
    key = case_key(spot.arguments["hubId"], spot.arguments["caseId"])
    int32("noteId", spot.arguments["noteId"])
    calls = _perhaps_kept(spot, freshness.Kind.NOTES, ONE)
    ready = walk.call(spot, "action_management", "case_note", calls)
    await has_program(walk, spot, key.hub_id)
    return (Population("Note", Span(0, 1, 1), ready, key.hub_id),)


async def _notes(walk: Walk, spot: Spot) -> Iterable[Population]:
    hub_id = hub(spot.arguments["hubId"])
    size = page_size(spot.arguments.get("first"))
    goes_on = spot.arguments.get("after") is not None
    calls = _perhaps_kept(spot, freshness.Kind.NOTES, ONE)
    if goes_on:
        calls = Span(calls.least, WALK_PAGES, 1)
    ready = walk.call(spot, "action_management", "hub_notes", calls)
    listing = _HUB_NOTES if goes_on else None
    rows = Span(0, size, size)
    return (Population(spot.field.type_name, rows, ready, hub_id, listing=listing),)


def _listed(name: str) -> Rule:
    async def rule(walk: Walk, spot: Spot) -> Iterable[Population]:
        hub_id = hub(spot.arguments["hubId"])
        ready = await walk.look_up(spot, name, hub_id)
        return (Population(spot.field.type_name, Span(0, None, 1), ready, hub_id),)

    return rule


async def _review_entry(walk: Walk, spot: Spot) -> Iterable[Population]:
    int63("reviewEntryId", spot.arguments["reviewEntryId"])
    calls = _perhaps_kept(spot, freshness.Kind.REVIEWS, ONE)
    ready = walk.call(spot, "case_reviews", "review", calls)
    return (Population("ReviewEntry", Span(0, 1, 1), ready),)


async def _review_entries(walk: Walk, spot: Spot) -> Iterable[Population]:
    size = page_size(spot.arguments.get("first"))
    calls = _perhaps_kept(spot, freshness.Kind.REVIEWS, ONE)
    if spot.arguments.get("after") is not None:
        calls = replace(calls, most=2)  # a page of ours may lie over two of the vendor's
    ready = walk.call(spot, "case_reviews", "reviews", calls)
    return (Population(spot.field.type_name, Span(0, size, size), ready, listing=_ENTRIES),)


def _ratings(operation: str, *ids_of: str) -> Rule:
    """Return the rule of a question about the ratings of one case."""

    async def rule(walk: Walk, spot: Spot) -> Iterable[Population]:
        for name in ids_of:
            int63(name, spot.arguments[name])
        size = page_size(spot.arguments.get("first"))
        calls = ONE
        if operation != "rating_by_hash":  # it holds a secret, and is kept nowhere
            calls = _perhaps_kept(spot, freshness.Kind.RATINGS, ONE)
        ready = walk.call(spot, "ratings", operation, calls)
        rows = Span(0, size if operation == "ratings" else 1, 1)
        return (Population(spot.field.type_name, rows, ready, distinct=Span(0, 1, 1)),)

    return rule


async def _recent_ratings(walk: Walk, spot: Spot) -> Iterable[Population]:
    limit = spot.arguments.get("limit")
    count = 3 if limit is None else limit
    if not 1 <= count <= PAGE_MAX:
        raise InvalidArgument(f"limit: a number from 1 to {PAGE_MAX} is asked for.")
    calls = _perhaps_kept(spot, freshness.Kind.RATINGS, ONE)
    ready = walk.call(spot, "ratings", "recent_ratings", calls)
    is_one = "caseId" in (spot.arguments["of"] or {})
    distinct = Span(0, 1, 1) if is_one else None
    return (Population(spot.field.type_name, Span(0, count, count), ready, distinct=distinct),)


async def _customer_cases(walk: Walk, spot: Spot) -> Iterable[Population]:
    opaque("customerId", spot.arguments["customerId"])
    calls = _perhaps_kept(spot, freshness.Kind.CUSTOMER_CASES, ONE)
    ready = walk.call(spot, "customer_cases", "customer_cases", calls)
    rows = Span(0, None, 1)
    return (Population(spot.field.type_name, rows, ready, distinct=Span(0, 1, 1)),)


async def _node(walk: Walk, spot: Spot) -> Iterable[Population]:
    return await _by_ids(walk, spot, [spot.arguments["id"]])


async def _nodes(walk: Walk, spot: Spot) -> Iterable[Population]:
    texts = spot.arguments["ids"]
    if len(texts) > PAGE_MAX:
        raise InvalidArgument(f"ids: at most {PAGE_MAX} are answered at once.")
    return await _by_ids(walk, spot, texts)


async def _by_ids(walk: Walk, spot: Spot, texts: Iterable[str]) -> Iterable[Population]:
    """Group what is asked by kind and hub: what is asked together is planned together."""
    groups: dict[tuple[Kind, str | None], list[tuple[str, ...]]] = defaultdict(list)
    for text in dict.fromkeys(texts):
        try:
            wanted = ids.decode(text)
        except InvalidArgument as error:
            walk.refused.append((spot.path, str(error)))
            continue
        is_of_hub = wanted.kind in _OF_HUBS
        groups[wanted.kind, wanted.parts[0] if is_of_hub else None].append(wanted.parts)
    found = []
    for (kind, hub_id), parts in groups.items():
        found.append(await _group(walk, spot, kind, hub_id, len(parts), parts[0]))
    return found


_OF_HUBS = frozenset({Kind.CASE, Kind.NOTE, Kind.ROLE, Kind.PROGRAM_LIST})
_EACH: Mapping[Kind, tuple[str, str, freshness.Kind]] = {
    Kind.NOTE: ("action_management", "case_note", freshness.Kind.NOTES),
    Kind.REVIEW_ENTRY: ("case_reviews", "review", freshness.Kind.REVIEWS),
    Kind.RATING: ("ratings", "rating", freshness.Kind.RATINGS),
    Kind.CUSTOMER_CASE: ("customer_cases", "case", freshness.Kind.CUSTOMER_CASES),
}


async def _group(
    walk: Walk,
    spot: Spot,
    kind: Kind,
    hub_id: str | None,
    count: int,
    first: tuple[str, ...],
) -> Population:
    keys = Span.exactly(count)
    match kind, hub_id:
        case Kind.CASE, str():
            if count == 1:
                return await _one_case(walk, spot, hub_id, first[1])
            population = await cases_by_id(walk, spot, hub_id, keys)
            await has_program(walk, spot, hub_id)
            return population
        case ((Kind.ROLE | Kind.PROGRAM_LIST), str()):
            name = "roles" if kind is Kind.ROLE else "lists"
            ready = await walk.look_up(spot, name, hub_id)
        case _:
            upstream, operation, known_as = _EACH[kind]
            ready = walk.call(spot, upstream, operation, _perhaps_kept(spot, known_as, keys))
            if kind is Kind.NOTE and hub_id is not None:
                await has_program(walk, spot, hub_id)
    return Population(kind.value, keys, ready, hub_id)


def _perhaps_kept(spot: Spot, kind: freshness.Kind, calls: Span) -> Span:
    """Return calls that what is kept from before may make needless."""
    return replace(calls, least=0) if spot.outlook.may_be_kept(kind) else calls


def _more(upstream: str, operation: str, most: int, note: str, *, likely: int = 0) -> Rule:
    """Return the rule of a question about a list that may cost further calls."""

    async def rule(walk: Walk, spot: Spot) -> Iterable[Population]:
        least = likely if likely == most else 0
        walk.call(spot, upstream, operation, Span(least, most, likely), note=note)
        return ()

    return rule


def _table(**rules: Rule) -> dict[tuple[str, str], Rule]:
    return {("Query", name): _once(rule) for name, rule in rules.items()}


ROOTS: Mapping[tuple[str, str], Rule] = {
    **_table(
        node=_node,
        nodes=_nodes,
        case=_case,
        cases=_cases,
        note=_note,
        notes=_notes,
        programLists=_listed("lists"),
        roles=_listed("roles"),
        reviewEntry=_review_entry,
        reviewEntries=_review_entries,
        rating=_ratings("rating", "caseId", "ratingId"),
        ratingByHash=_ratings("rating_by_hash", "caseId"),
        ratings=_ratings("ratings", "caseId"),
        recentRatings=_recent_ratings,
        customerCases=_customer_cases,
    ),
    (_FILTERED, "hasNextPage"): _more(
        "action_management", "case_query", WALK_PAGES, "looks for one more case that passes"
    ),
    (_HUB_NOTES, "totalCount"): _more(
        "action_management", "hub_notes", 1, "the count of the whole window", likely=1
    ),
    (_ENTRIES, "hasNextPage"): _more(
        "case_reviews", "reviews", WALK_PAGES, "only where a page ends exactly"
    ),
    (_ENTRIES, "totalCount"): _more(
        "case_reviews", "reviews_count", 1, "only where there is more than a page"
    ),
}
"""What each root field needs, and each question about a list that is more than its page."""
