"""What look-ups hold, for many records at once or for a hub: lists, items, roles, workflows' names.

A page of a hundred cases takes one look-up of its hub. A coroutine and a task for each case cost
1.8 of the 12.6 ms that a page with details took; nothing waits at all where every case was told the
name of its workflow, nor where a hub's lists and roles are in this process's memory: the tasks were
100 of the 270 µs that asking for both took.
Invariant: one value or one failure for each parent, in the parents' order.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias

import strawberry

from casegraph.graph.arguments import given, hub
from casegraph.graph.batches import Values
from casegraph.graph.context import Info
from casegraph.graph.freshness import reads_of
from casegraph.graph.program import find_item, find_list
from casegraph.loading.lookups import LookUpReads
from casegraph.upstreams.action_management import records as am

Load: TypeAlias = Callable[[LookUpReads, str], Awaitable[Any]]
Batch: TypeAlias = Callable[[Sequence[Any], Info], Awaitable[Values]]


def looked_up(load: Load, found: Callable[[Any, Any], Any]) -> Batch:
    """Return the batch of a field that is `found` for a record in its hub's look-up."""

    async def batch(records: Sequence[Any], info: Info) -> Values:
        by_hub = await _by_hub(load, [record.hub_id for record in records], info)
        values: Values = []
        for record in records:
            known = by_hub[record.hub_id]
            values.append(
                known if isinstance(known, BaseException) else _tried(found, record, known)
            )
        return values

    return batch


def workflow_names(cases: Sequence[am.Case], info: Info) -> Values | Awaitable[Values]:
    """Take the names from the cases, and those that are missing from their hubs' other cases."""
    values = [_told_name(case) for case in cases]
    missing = [at for at, value in enumerate(values) if value is _MISSING]
    return _found_names(cases, values, missing, info) if missing else values


async def _found_names(
    cases: Sequence[am.Case], values: Values, missing: Sequence[int], info: Info
) -> Values:
    hub_ids = [cases[at].hub_id for at in missing]
    by_hub = await _by_hub(lambda reads, hub_id: reads.workflow_names(hub_id), hub_ids, info)
    for at in missing:
        known = by_hub[cases[at].hub_id]
        is_failure = isinstance(known, BaseException)
        values[at] = known if is_failure else known.get(str(cases[at].workflow_id))
    return values


def program_lists_of_hub(
    roots: Sequence[Any],
    info: Info,
    hub_id: str,
    type: am.ProgramListType | None = strawberry.UNSET,  # noqa: A002  the argument's name in the graph
) -> Values | Awaitable[Values]:
    """Return the lists of a hub's program, of one type or of all."""
    look_ups, hub_id, kind = reads_of(info).look_ups, hub(hub_id), given(type)
    known = look_ups.program_lists_at_once(hub_id)
    if known is None:
        return _each_of(roots, look_ups.program_lists(hub_id), lambda lists: _of_type(lists, kind))
    return [_of_type(known, kind)] * len(roots)


def roles_of_hub(roots: Sequence[Any], info: Info, hub_id: str) -> Values | Awaitable[Values]:
    """Return the roles of a hub's program."""
    look_ups, hub_id = reads_of(info).look_ups, hub(hub_id)
    known = look_ups.roles_at_once(hub_id)
    if known is None:
        return _each_of(roots, look_ups.roles(hub_id), lambda roles: roles)
    return [known] * len(roots)


async def _each_of(
    roots: Sequence[Any], read: Awaitable[Any], chosen: Callable[[Any], Any]
) -> Values:
    """Return what is chosen of the same look-up for each of several roots."""
    return [chosen(await read)] * len(roots)


def _of_type(
    lists: tuple[am.ProgramList, ...], kind: am.ProgramListType | None
) -> Sequence[am.ProgramList]:
    return lists if kind is None else [each for each in lists if each.type is kind]


_MISSING = object()


def _told_name(case: am.Case) -> Any:
    """Return a case's word on the name of its workflow, or that it says nothing."""
    name = case.workflow_name
    if isinstance(name, str):
        return name
    if case.workflow_id is None or isinstance(case.workflow_id, Exception):
        return case.workflow_id
    return _MISSING


async def _by_hub(load: Load, hub_ids: Sequence[str], info: Info) -> Mapping[str, Any]:
    """Return each hub's look-up, or its failure."""
    hubs = list(dict.fromkeys(hub_ids))
    try:
        look_ups = reads_of(info).look_ups
        if len(hubs) == 1:
            return {hubs[0]: await load(look_ups, hubs[0])}
    except Exception as error:  # noqa: BLE001  it is the failure of each of the fields
        return dict.fromkeys(hubs, error)
    found = await asyncio.gather(
        *(load(look_ups, hub_id) for hub_id in hubs), return_exceptions=True
    )
    return dict(zip(hubs, found, strict=True))


def _tried(found: Callable[[Any, Any], Any], record: Any, known: Any) -> Any:
    try:
        return found(record, known)
    except Exception as error:  # noqa: BLE001  it is the failure of one record's field
        return error


def _list_of(value: am.ListValue, lists: tuple[am.ProgramList, ...]) -> am.ProgramList | None:
    """Return the list that an item was chosen from."""
    return find_list(lists, value.type, value.list_id)


def _item_of(value: am.ListValue, lists: tuple[am.ProgramList, ...]) -> am.ProgramListItem | None:
    """Return a chosen item as the program defines it."""
    return find_item(_list_of(value, lists), value.item_id)


def _role_of(part: am.CaseRole, roles: tuple[am.Role, ...]) -> am.Role | None:
    """Return the role of a part of a case as the program defines it."""
    return next((role for role in roles if role.role_id == part.role_id), None)


lists = looked_up(lambda reads, hub_id: reads.program_lists(hub_id), _list_of)
"""The lists that chosen items are from."""
items = looked_up(lambda reads, hub_id: reads.program_lists(hub_id), _item_of)
"""Chosen items as their program defines them."""
roles = looked_up(lambda reads, hub_id: reads.roles(hub_id), _role_of)
"""Roles of cases as their program defines them."""
OF_HUBS: frozenset[Callable[..., Any]] = frozenset({program_lists_of_hub, roles_of_hub})
"""Those that return look-ups as they are kept: functions of these and of their arguments."""
