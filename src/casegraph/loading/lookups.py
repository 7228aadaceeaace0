"""What changes seldom and is asked by everyone: program lists, roles, hubs, workflow names.

Each is read whole in one call and kept for five minutes, give or take a tenth, for all requests of
the process, or of all processes when the cache is a Redis.
Invariant: entries are JSON under the vendors' names, so any version of this gateway that reads the
same records can read them; whatever cannot be read is a miss.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random
from time import monotonic
from typing import Any, TypeVar

import msgspec

from casegraph.errors import UpstreamError, UpstreamNotFound
from casegraph.loading.cache import Cache
from casegraph.loading.flight import SingleFlight
from casegraph.loading.lookup import LookUp
from casegraph.loading.sources import Sources
from casegraph.transport.deadline import in_time, own_time
from casegraph.upstreams.action_management.client import CASE_PAGE_MAX, CaseQuery
from casegraph.upstreams.action_management.records import Hub, ProgramList, Role
from casegraph.upstreams.decode import Shape, encode

TTL_SECONDS = 300.0
"""Lists and roles change when an administrator edits the program; design default five minutes."""

NEGATIVE_SECONDS = 15.0
"""How long a hub without roles is remembered as such (reliability §3, negative entry)."""
_MOST_FINDINGS = 1000
"""Hubs so remembered; clients may make numbers up."""

FLIGHT_SECONDS = 10.0
"""Time for one shared fetch: as long as a request has by default."""

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class _Finding:
    """What asking a hub for its roles has shown when it brought none."""

    has_program: bool
    until: float


class LookUps:
    """The look-ups of one process, shared by all requests."""

    def __init__(
        self,
        sources: Sources,
        cache: Cache,
        random: Random,
        ttl_seconds: float = TTL_SECONDS,
        *,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._sources = sources
        self._clock = clock
        self._findings: dict[str, _Finding] = {}
        self._flight = SingleFlight()

        def look_up(name: str, decode: Callable[[bytes], R]) -> LookUp[R]:
            return LookUp(
                cache, self._flight, name, ttl_seconds, encode=encode, decode=decode, random=random
            )

        self._lists = look_up("lists", _records(ProgramList))
        self._roles = look_up("roles", _records(Role))
        self._hubs = look_up("hubs", _records(Hub))
        self._workflows = look_up("workflows", _names)

    async def program_lists(self, hub_id: str) -> tuple[ProgramList, ...]:
        """Return the hub's program lists, in the vendor's order."""
        client = self._sources.action_management
        lists = await self._get(self._lists, hub_id, lambda: client.program_lists(hub_id))
        return _stamped(lists, hub_id)

    async def roles(self, hub_id: str) -> tuple[Role, ...]:
        """Return the hub's roles."""
        client = self._sources.action_management
        roles = await self._get(self._roles, hub_id, lambda: client.roles(hub_id))
        return _stamped(roles, hub_id)

    async def has_program(self, hub_id: str) -> bool:
        """Return False when the vendor knows no such hub, or none with a program.

        Costs at most the roles, once in five minutes; what they do not tell is taken for a yes.
        """
        finding = self._findings.get(hub_id)
        if finding is not None and self._clock() < finding.until:
            return finding.has_program
        try:
            await self.roles(hub_id)
        except UpstreamError as error:
            has_program = not isinstance(error, UpstreamNotFound)
            self._remember(hub_id, _Finding(has_program, self._clock() + NEGATIVE_SECONDS))
            return has_program
        return True

    def _remember(self, hub_id: str, finding: "_Finding") -> None:
        self._findings.pop(hub_id, None)
        if len(self._findings) >= _MOST_FINDINGS:
            self._findings.pop(next(iter(self._findings)))
        self._findings[hub_id] = finding

    async def hub_ids(self) -> tuple[str, ...]:
        """Return the hubs that the credentials may see."""
        hubs = await self._get(self._hubs, "all", self._sources.action_management.hubs)
        return tuple(str(hub.hub_id) for hub in hubs)

    async def workflow_names(self, hub_id: str) -> dict[str, str]:
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

        return await self._get(self._workflows, hub_id, fetch)

    async def _get(self, look_up: LookUp[R], key: str, fetch: Callable[[], Awaitable[R]]) -> R:
        """Wait no longer than the request has; the fetch itself has a time of its own."""

        async def shared() -> R:
            own_time(FLIGHT_SECONDS)
            return await fetch()

        return await in_time(look_up.get((key,), shared), "action_management", look_up.name)

    async def close(self) -> None:
        """Finish what is being written to the cache and cancel what is being read."""
        await self._flight.close()
        for look_up in (self._lists, self._roles, self._hubs, self._workflows):
            await look_up.close()


def _records(kind: type[R]) -> Callable[[bytes], tuple[R, ...]]:
    shape: Shape[tuple[R, ...]] = Shape(tuple[kind, ...])  # type: ignore[valid-type]  # a run-time type
    return shape.read_strictly


def _names(stored: bytes) -> dict[str, str]:
    return msgspec.json.decode(stored, type=dict[str, str])


def _stamped(records: tuple[R, ...], hub_id: str) -> tuple[R, ...]:
    """Tell records their hub: it is not under the vendor's names, so the cache may lack it."""
    for record in records:
        if getattr(record, "hub_id", None) != hub_id:
            _set_hub(record, hub_id)
    return records


def _set_hub(record: Any, hub_id: str) -> None:
    msgspec.structs.force_setattr(record, "hub_id", hub_id)
