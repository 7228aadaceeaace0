"""What changes seldom and is asked by everyone: program lists, roles, hubs, workflow names.

Each is read whole in one call and kept for five minutes, give or take a tenth, for all requests of
the process, or of all processes when the cache is a Redis.
Invariant: entries are JSON under the vendors' names, so any version of this gateway that reads the
same records can read them; whatever cannot be read is a miss.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Any, TypeVar

import msgspec

from casegraph.errors import UpstreamError, UpstreamNotFound
from casegraph.loading.asking import Asking
from casegraph.loading.freshness import Kind
from casegraph.loading.kept import Kept, Reading, What
from casegraph.loading.kept_holds import Hold
from casegraph.loading.kept_rules import NEGATIVE_SECONDS
from casegraph.loading.loader import Loader, one_by_one
from casegraph.loading.once import made_once
from casegraph.loading.sources import Sources
from casegraph.upstreams.action_management.client import CASE_PAGE_MAX, CaseQuery
from casegraph.upstreams.action_management.records import Hub, ProgramList, Role
from casegraph.upstreams.decode import Shape, encode

_MOST_FINDINGS = 1000
"""Hubs remembered for having no program; clients may make numbers up."""

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class _Finding:
    """What asking a hub for its roles has shown when it brought none."""

    has_program: bool
    until: float


def _whole(kind: type[R], known_as: Kind, name: str) -> What[tuple[R, ...]]:
    """Return how a collection is kept that is read whole; all its records are nodes."""
    shape: Shape[tuple[R, ...]] = Shape(tuple[kind, ...])  # type: ignore[valid-type]  # a run-time type
    return What("action_management", known_as, name, encode, shape.read_strictly, _themselves)


def _themselves(records: tuple[R, ...]) -> tuple[R, ...]:
    return records


def _names(stored: bytes) -> dict[str, str]:
    return msgspec.json.decode(stored, type=dict[str, str])


_LISTS = _whole(ProgramList, Kind.LISTS, "lists")
_ROLES = _whole(Role, Kind.ROLES, "roles")
_HUBS = _whole(Hub, Kind.LISTS, "hubs")
_WORKFLOWS: What[dict[str, str]] = What(
    "action_management", Kind.LISTS, "workflows", encode, _names, lambda _: (), is_digest=True
)

_BY_NAME: dict[str, What[Any]] = {what.name: what for what in (_LISTS, _ROLES, _HUBS, _WORKFLOWS)}


class LookUps:
    """The look-ups of one process, shared by all requests."""

    def __init__(
        self,
        sources: Sources,
        kept: Kept,
        *,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._sources = sources
        self._kept = kept
        self._clock = clock
        self._findings: dict[tuple[str, ...], _Finding] = {}

    async def program_lists(self, hub_id: str, asking: Asking) -> tuple[ProgramList, ...]:
        """Return the hub's program lists, in the vendor's order."""
        fetch = partial(self._sources.action_management.program_lists, hub_id)
        lists = await self._kept.read(_LISTS, (hub_id,), fetch, asking)
        return _stamped(lists, hub_id)

    def program_lists_at_once(self, hub_id: str, asking: Asking) -> tuple[ProgramList, ...] | None:
        """Return the same where nothing has to be waited for, None elsewhere."""
        fetch = partial(self._sources.action_management.program_lists, hub_id)
        reading = self._kept.at_once(_LISTS, (hub_id,), fetch, asking)
        return None if reading is None else _stamped(reading.value, hub_id)

    async def roles(self, hub_id: str, asking: Asking) -> tuple[Role, ...]:
        """Return the hub's roles."""
        fetch = partial(self._sources.action_management.roles, hub_id)
        roles = await self._kept.read(_ROLES, (hub_id,), fetch, asking)
        return _stamped(roles, hub_id)

    def roles_at_once(self, hub_id: str, asking: Asking) -> tuple[Role, ...] | None:
        """Return the same where nothing has to be waited for, None elsewhere."""
        fetch = partial(self._sources.action_management.roles, hub_id)
        reading = self._kept.at_once(_ROLES, (hub_id,), fetch, asking)
        return None if reading is None else _stamped(reading.value, hub_id)

    async def has_program(self, hub_id: str, asking: Asking) -> bool:
        """Return False when the vendor knows no such hub, or none with a program.

        Costs at most the roles, once in five minutes; what they do not tell is taken for a yes.
        """
        key = (*asking.scope.parts("action_management"), hub_id)
        finding = self._findings.get(key)
        if finding is not None and self._clock() < finding.until:
            return finding.has_program
        try:
            await self.roles(hub_id, asking)
        except UpstreamError as error:
            has_program = not isinstance(error, UpstreamNotFound)
            self._remember(key, _Finding(has_program, self._clock() + NEGATIVE_SECONDS))
            return has_program
        return True

    def _remember(self, key: tuple[str, ...], finding: "_Finding") -> None:
        self._findings.pop(key, None)
        if len(self._findings) >= _MOST_FINDINGS:
            self._findings.pop(next(iter(self._findings)))
        self._findings[key] = finding

    async def hub_ids(self, asking: Asking) -> tuple[str, ...]:
        """Return the hubs that the credentials may see."""
        fetch = self._sources.action_management.hubs
        hubs = await self._kept.read(_HUBS, ("all",), fetch, asking)
        return tuple(str(hub.hub_id) for hub in hubs)

    async def workflow_names(self, hub_id: str, asking: Asking) -> dict[str, str]:
        """Return the names of the workflows of the hub's newest cases, by workflow id.

        No endpoint lists workflows and case details leave their names out; a page of the case list
        tells those in use.
        """
        client = self._sources.action_management

        async def fetch() -> dict[str, str]:
            page = await client.case_query(hub_id, CaseQuery(top=CASE_PAGE_MAX))
            return {
                str(case.workflow_id): case.workflow_name
                for case in page.items
                if isinstance(case.workflow_id, str) and isinstance(case.workflow_name, str)
            }

        return await self._kept.read(_WORKFLOWS, (hub_id,), fetch, asking)

    def hold(self, what: What[Any], hub_id: str, value: object, asking: Asking) -> Hold | None:
        """Return a hold on the look-up of a hub that was read; None where it does not stand."""
        return self._kept.holds.take(what, (hub_id,), value, asking)

    async def at_hand(self, name: str, hub_id: str, asking: Asking) -> Reading[Any] | None:
        """Return a look-up that needs no call: `lists`, `roles`, `workflows`, `hubs` of `all`."""
        return await self._kept.peek(_BY_NAME[name], (hub_id,), asking)


class LookUpReads:
    """The look-ups as one request reads them, each at most once."""

    def __init__(self, look_ups: LookUps, asking: Asking) -> None:
        self._look_ups = look_ups
        self._asking = asking

    @made_once
    def _lists(self) -> Loader[str, tuple[ProgramList, ...]]:
        look_ups, asking = self._look_ups, self._asking
        return Loader(
            one_by_one(partial(look_ups.program_lists, asking=asking)),
            partial(look_ups.program_lists_at_once, asking=asking),
        )

    @made_once
    def _roles(self) -> Loader[str, tuple[Role, ...]]:
        look_ups, asking = self._look_ups, self._asking
        return Loader(
            one_by_one(partial(look_ups.roles, asking=asking)),
            partial(look_ups.roles_at_once, asking=asking),
        )

    @made_once
    def _workflows(self) -> Loader[str, dict[str, str]]:
        return Loader(one_by_one(partial(self._look_ups.workflow_names, asking=self._asking)))

    async def program_lists(self, hub_id: str) -> tuple[ProgramList, ...]:
        """Return the hub's program lists, in the vendor's order."""
        return await self._lists.load(hub_id)

    async def roles(self, hub_id: str) -> tuple[Role, ...]:
        """Return the hub's roles."""
        return await self._roles.load(hub_id)

    def program_lists_at_once(self, hub_id: str) -> tuple[ProgramList, ...] | None:
        """Return what `program_lists` returns without waiting; None where it would wait or fail."""
        return self._lists.at_once(hub_id)

    def roles_at_once(self, hub_id: str) -> tuple[Role, ...] | None:
        """Return what `roles` returns without waiting; None where it would wait or fail."""
        return self._roles.at_once(hub_id)

    def held(self) -> list[Hold] | None:
        """Return holds on the lists and roles that were read; None where one does not stand."""
        take = partial(self._look_ups.hold, asking=self._asking)
        holds = [take(_LISTS, hub_id, lists) for hub_id, lists in self._lists.loaded()]
        holds += [take(_ROLES, hub_id, roles) for hub_id, roles in self._roles.loaded()]
        standing = [hold for hold in holds if hold is not None]
        return standing if len(standing) == len(holds) else None

    async def workflow_names(self, hub_id: str) -> dict[str, str]:
        """Return the names of the workflows of the hub's newest cases, by workflow id."""
        return await self._workflows.load(hub_id)

    async def has_program(self, hub_id: str) -> bool:
        """Return False when the vendor knows no such hub, or none with a program."""
        return await self._look_ups.has_program(hub_id, self._asking)

    async def hub_ids(self) -> tuple[str, ...]:
        """Return the hubs that the credentials may see."""
        return await self._look_ups.hub_ids(self._asking)


def _stamped(records: Sequence[R], hub_id: str) -> tuple[R, ...]:
    """Tell records their hub: it is not under the vendor's names, so what is kept may lack it."""
    for record in records:
        if getattr(record, "hub_id", None) != hub_id:
            _set_hub(record, hub_id)
    return tuple(records)


def _set_hub(record: Any, hub_id: str) -> None:
    msgspec.structs.force_setattr(record, "hub_id", hub_id)
