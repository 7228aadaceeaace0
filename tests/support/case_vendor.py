"""A vendor of one case that stops at every step: reading, taking a write, answering it.

It replaces whole objects and knows no versions, as the contract says. Every state it ever had is
kept with who brought it about, so a test can tell what was lost, to whom, and when.
Invariant: what a read answers is the state at one moment; a write takes effect at one moment.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from casegraph.errors import OutcomeUnknown, UpstreamConflict, UpstreamNotFound
from casegraph.upstreams.action_management.client import CaseDocument
from casegraph.writing.documents import Document
from support.scheduling import Scheduler

STATUS_LIST = 9423

CASE: dict[str, Any] = {
    "id": 1,
    "name": "n0",
    "workflowId": 7,
    "cost": 0,
    "isClosed": False,
    "listValues": [{"listId": STATUS_LIST, "id": 11, "type": "status", "isOpen": True}],
    "roles": [{"id": 5, "users": [{"id": 1, "isActive": False, "strange": 1}]}],
    "unknown": {"kept": [1.10]},
}


@dataclass
class State:
    """The case from one moment on, and who made it so."""

    case: dict[str, Any] | None
    by: str


@dataclass
class Vendor:
    """One case behind gates."""

    scheduler: Scheduler
    states: list[State] = field(default_factory=lambda: [State(dict(CASE), "the beginning")])
    etags: bool = False
    faults: list[str] = field(default_factory=list)
    """For the next writes: `lost_before`, `lost_after`, or `` for none."""
    first_reads: dict[str, int] = field(default_factory=dict)
    """By writer: how many states there were when it first read."""

    @property
    def case(self) -> dict[str, Any] | None:
        """The case as it is."""
        return self.states[-1].case

    def become(self, by: str, case: dict[str, Any] | None) -> None:
        """Change the case."""
        self.states.append(State(case, by))

    def etag(self) -> str | None:
        """Return the case's version, where the vendor has any."""
        return f'"{len(self.states)}"' if self.etags else None

    def by(self, writer: str) -> "Client":
        """Return the vendor as one writer sees it."""
        return Client(self, writer)


@dataclass
class Client:
    """The vendor's client in the hands of one writer."""

    vendor: Vendor
    writer: str

    async def case_document(self, hub_id: str, case_id: str) -> CaseDocument:  # noqa: ARG002  one case
        """Read the case at one moment between two gates."""
        await self.vendor.scheduler.gate("read")
        self.vendor.first_reads.setdefault(self.writer, len(self.vendor.states))
        case, etag = self.vendor.case, self.vendor.etag()
        if case is None:
            raise UpstreamNotFound("action_management", "case", "nothing")
        members = msgspec.json.decode(msgspec.json.encode(case), type=dict[str, msgspec.Raw])
        await self.vendor.scheduler.gate("read answered")
        return CaseDocument(Document(members).case(hub_id), members, etag)

    async def case_put(
        self,
        hub_id: str,  # noqa: ARG002  there is one case
        case_id: str,  # noqa: ARG002  as above
        document: Mapping[str, Any],
        etag: str | None = None,
    ) -> None:
        """Replace the case at one moment between two gates."""
        await self._write(msgspec.json.decode(msgspec.json.encode(document)), etag)

    async def case_delete(
        self,
        hub_id: str,  # noqa: ARG002  there is one case
        case_id: str,  # noqa: ARG002  as above
        etag: str | None = None,
    ) -> None:
        """Delete the case at one moment between two gates."""
        await self._write(None, etag)

    async def _write(self, case: dict[str, Any] | None, etag: str | None) -> None:
        await self.vendor.scheduler.gate("write")
        fault = self.vendor.faults.pop(0) if self.vendor.faults else ""
        if self.vendor.case is None:
            raise UpstreamNotFound("action_management", "case_put", "nothing")
        if etag is not None and etag != self.vendor.etag():
            raise UpstreamConflict("action_management", "case_put", "changed")
        if fault != "lost_before":
            self.vendor.become(self.writer, case)
        await self.vendor.scheduler.gate("write answered")
        if fault:
            raise OutcomeUnknown("action_management", "case_put", "no answer")
