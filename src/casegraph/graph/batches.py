"""Links from many records at once, for the compiled executor: one call for a whole level.

Here arguments are checked once, and the keys of a level are handed to their loader together, with
no task for each. The resolvers of one record, which graphql's own executor calls, ask for it alone.
Invariant: one value or one failure for each parent, in the parents' order.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias

import strawberry
from msgspec import UNSET, Struct

from casegraph.errors import again
from casegraph.graph.arguments import PAGE_DEFAULT, given, page_size
from casegraph.graph.connections import Rows
from casegraph.graph.context import Info
from casegraph.graph.cursors import Scope
from casegraph.graph.freshness import reads_of
from casegraph.graph.selections import asks_for_details, is_of_one
from casegraph.linking.identity import CaseKey, System
from casegraph.loading.link_reads import origin_of
from casegraph.loading.listing import Listing, Position, slice_after
from casegraph.upstreams.action_management import records as am

Values: TypeAlias = list[Any]
Told: TypeAlias = Callable[[Sequence[am.Case], Info], Values | Awaitable[Values]]
Page: TypeAlias = Listing[Any] | BaseException


async def alone(values: Values | Awaitable[Values]) -> Any:
    """Return what a batch has for its only parent; raises its failure."""
    (found,) = values if isinstance(values, list) else await values
    if isinstance(found, BaseException):
        try:
            raise again(found)
        finally:
            # Its traceback holds this frame; holding it from here would be a cycle.
            del found, values
    return found


def key_of(case: am.Case) -> CaseKey:
    """Return the key of a case."""
    return CaseKey(case.hub_id, str(case.case_id))


def no_rows() -> Listing[Any]:
    """Return a page of a list that has no rows."""
    return slice_after((), str, 1, None)


def told(name: str) -> Told:
    """Return the batch of a field that case lists leave out."""

    def batch(cases: Sequence[am.Case], info: Info) -> Values | Awaitable[Values]:
        values = [getattr(case, name) for case in cases]
        missing = [
            at for at, value in enumerate(values) if value is UNSET and not cases[at].detailed
        ]
        if missing:
            return _from_details(cases, values, missing, name, info)
        return [None if value is UNSET else value for value in values]

    return batch


async def _from_details(
    cases: Sequence[am.Case], values: Values, missing: Sequence[int], name: str, info: Info
) -> Values:
    found = await reads_of(info).cases.details_of([key_of(cases[at]) for at in missing])
    for at, details in zip(missing, found, strict=True):
        known = details is None or isinstance(details, BaseException)
        values[at] = details if known else getattr(details, name)
    return [None if value is UNSET else value for value in values]


def notes(
    cases: Sequence[am.Case],
    info: Info,
    first: int | None = PAGE_DEFAULT,
    after: str | None = strawberry.UNSET,
    include_system: bool | None = True,
) -> Values | Awaitable[Values]:
    """Return a page of each case's notes."""
    system = include_system is not False
    size = page_size(first)
    scopes = [Scope("Case.notes", case.hub_id, case.case_id, system) for case in cases]
    wanted = [key_of(case) for case in cases]
    positions, pages = _positions(scopes, after)
    asked = [at for at, page in enumerate(pages) if page is None]
    reads, lists = reads_of(info).notes, [(wanted[at], positions[at]) for at in asked]
    found = reads.of_cases_at_once(lists, size, include_system=system)
    if found is None:
        later = reads.of_cases(lists, size, include_system=system, alone=is_of_one(info))
        return _rows_later(scopes, pages, asked, later)
    return _rows(scopes, pages, asked, found)


def reviews(
    cases: Sequence[am.Case],
    info: Info,
    status: Any = strawberry.UNSET,
    first: int | None = PAGE_DEFAULT,
    after: str | None = strawberry.UNSET,
) -> Values | Awaitable[Values]:
    """Follow each case's link to the reviews system."""
    reads = reads_of(info).reviews
    at_once, later = reads.of_cases_at_once, reads.of_cases
    asks = _Linked(System.CASE_REVIEWS, "Case.reviews", given(status), at_once, later)
    return _followed(asks, cases, info, first, after)


def ratings(
    cases: Sequence[am.Case],
    info: Info,
    score: Any = strawberry.UNSET,
    first: int | None = PAGE_DEFAULT,
    after: str | None = strawberry.UNSET,
) -> Values | Awaitable[Values]:
    """Follow each case's link to the ratings system."""
    reads = reads_of(info).ratings
    at_once, later = reads.of_cases_at_once, reads.of_cases
    asks = _Linked(System.RATINGS, "Case.ratings", given(score), at_once, later)
    return _followed(asks, cases, info, first, after)


class _Linked(Struct, frozen=True):
    """A link of cases to a system that lists rows under a case's id there."""

    system: System
    field: str
    chosen: Any
    """Which rows are wanted, None for all."""
    at_once: Callable[..., Sequence[Any] | None]
    """Returns the pages that need no waiting; None where one does."""
    pages: Callable[..., Awaitable[Sequence[Any]]]


def _followed(
    link: _Linked, cases: Sequence[am.Case], info: Info, first: int | None, after: str | None
) -> Values | Awaitable[Values]:
    """Follow a link of each case, and cut a page of what is there."""
    size = page_size(first)
    scopes = [Scope(link.field, case.hub_id, case.case_id, link.chosen) for case in cases]
    positions, pages = _positions(scopes, after)
    ids, asked = _linked(cases, link.system, pages, info)
    wanted = [(key_of(cases[at]), ids[at], positions[at]) for at in asked]
    found = link.at_once(wanted, link.chosen, size)
    if found is None:
        later = link.pages(wanted, link.chosen, size, alone=is_of_one(info))
        return _rows_later(scopes, pages, asked, later)
    return _rows(scopes, pages, asked, found)


async def customer_cases(cases: Sequence[am.Case], info: Info) -> Values:
    """Follow each case's link to its customer."""
    values: Values = [None] * len(cases)
    ids, asked = _linked(cases, System.CUSTOMER_CASES, values, info)
    found = await reads_of(info).customers.of_cases([(key_of(cases[at]), ids[at]) for at in asked])
    for at, value in zip(asked, found, strict=True):
        values[at] = value
    return [() if isinstance(value, Listing) else value for value in values]


async def cases_of_notes(found: Sequence[am.Note], info: Info) -> Values:
    """Take the case of each note, in hand or asked for."""
    keys = [CaseKey(note.hub_id, str(note.case_id)) for note in found]
    detailed = asks_for_details(info)
    return [*await reads_of(info).cases.cases_of(keys, detailed=detailed)]


def back(
    system: System, external_id: Callable[[Any], str | None]
) -> Callable[[Sequence[Any], Info], Awaitable[Values]]:
    """Return the batch of a link back to a case from another system's record."""

    async def batch(records: Sequence[Any], info: Info) -> Values:
        reads, detailed = reads_of(info), asks_for_details(info)
        origins = [origin_of(record) for record in records]
        known = [origin for origin in origins if origin is not None]
        if len(known) == len(records):
            return [*await reads.cases.cases_of(known, detailed=detailed)]
        return await asyncio.gather(
            *(
                reads.links.case_of(system, external_id(record), origin, detailed=detailed)
                for record, origin in zip(records, origins, strict=True)
            ),
            return_exceptions=True,
        )

    return batch


def _positions(
    scopes: Sequence[Scope], after: str | None
) -> tuple[list[Position | None], list[Page | None]]:
    """Return where to go on from in each list, and the failures of cursors of other lists."""
    cursor = given(after)
    positions: list[Position | None] = [None] * len(scopes)
    pages: list[Page | None] = [None] * len(scopes)
    if cursor is not None:
        for at, scope in enumerate(scopes):
            try:
                positions[at] = scope.decode(cursor)
            except Exception as error:  # noqa: BLE001  it is the failure of one case's field
                pages[at] = error
    return positions, pages


def _linked(
    cases: Sequence[am.Case], system: System, pages: list[Any], info: Info
) -> tuple[dict[int, str], list[int]]:
    """Return the cases' ids in another system, and which of them there are to be asked."""
    links = reads_of(info).links
    ids: dict[int, str] = {}
    for at, case in enumerate(cases):
        if pages[at] is not None:
            continue
        try:
            external_id = links.external_id(case, system)
        except Exception as error:  # noqa: BLE001  as above
            pages[at] = error
            continue
        if external_id is None:
            pages[at] = no_rows()
        else:
            ids[at] = external_id
    return ids, [*ids]


async def _rows_later(
    scopes: Sequence[Scope],
    pages: list[Page | None],
    asked: Sequence[int],
    found: Awaitable[Sequence[Page]],
) -> Values:
    return _rows(scopes, pages, asked, await found)


def _rows(
    scopes: Sequence[Scope],
    pages: list[Page | None],
    asked: Sequence[int],
    found: Sequence[Page],
) -> Values:
    for at, page in zip(asked, found, strict=True):
        pages[at] = page
    return [
        Rows(page, scope) if isinstance(page, Listing) else page
        for page, scope in zip(pages, scopes, strict=True)
    ]
