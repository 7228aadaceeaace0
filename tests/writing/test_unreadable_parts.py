"""A change of what the vendor sent in no readable form: refused, and never "unchanged"."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from casegraph.linking.identity import CaseKey
from casegraph.loading.kept_store import MemoryStore as KeptStore
from casegraph.upstreams.action_management.client import CaseDocument
from casegraph.upstreams.action_management.records import (
    ProgramList,
    ProgramListItem,
    ProgramListType,
)
from casegraph.upstreams.decode import Id
from casegraph.writing.case_writer import CaseWrite, CaseWriter, Written
from casegraph.writing.changes import Change, ChangeUsers, ClearListValue, SetListValue, SetMember
from casegraph.writing.conflicts import Conflicts
from casegraph.writing.detached import Passage
from casegraph.writing.documents import Document
from casegraph.writing.leases import OneWriter
from casegraph.writing.outcomes import ErrorCode, WriteOutcome
from casegraph.writing.store import MemoryStore
from casegraph.writing.versions import Versions

ITEM = ProgramListItem(Id("11"))
STATUS = ProgramList(Id("9423"), "Status", ProgramListType.STATUS, items=(ITEM,))
ASSIGN, UNASSIGN = ChangeUsers("5", added=("2",)), ChangeUsers("5", removed=("1",))
BROKEN = [
    ({"roles": [{"id": 5, "users": [{"id": None}, {"id": 1}]}]}, ASSIGN),
    ({"roles": [{"id": 5, "users": [None, {"id": 1}]}]}, UNASSIGN),
    ({"roles": [None, {"id": 5, "users": [{"id": 1}]}]}, UNASSIGN),
    ({"listValues": [None]}, SetListValue((STATUS,), STATUS, ITEM)),
    ({"listValues": [None, {"listId": 9423, "id": 11}]}, ClearListValue((STATUS,), STATUS)),
]


class Vendor:
    """One case that is replaced at once."""

    def __init__(self, members: Mapping[str, Any]) -> None:
        self.case: Any = {"id": 1, "name": "a", **members}
        self.puts = 0

    async def case_document(self, hub_id: str, _case_id: str) -> CaseDocument:
        """Return the case."""
        text = msgspec.json.encode(self.case)
        members = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
        return CaseDocument(Document(members).case(hub_id), members, None)

    async def case_put(self, *asked: Any) -> None:
        """Replace the case."""
        self.puts += 1
        self.case = msgspec.json.decode(msgspec.json.encode(asked[2]))

    async def case_delete(self, *_: Any) -> None:
        """Never asked here."""
        raise AssertionError


async def write(vendor: Vendor, *changes: Change, dry_run: bool = False) -> Written:
    """Make some changes of the case."""

    async def plan() -> Any:
        return changes, []

    store = MemoryStore(lambda: 0.0)
    writer = CaseWriter(lambda: vendor, OneWriter(store), Conflicts(Versions(KeptStore())))
    return await writer.write(CaseWrite(CaseKey("96", "1"), plan, dry_run=dry_run), Passage())


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize(("members", "change"), BROKEN)
async def test_a_change_of_an_unreadable_part_is_refused(
    members: Any,
    change: Change,
    dry_run: bool,
) -> None:
    """Nobody could see whether it was made; a second change beside it does not hide that."""
    vendor = Vendor(members)
    for changes in ([change], [SetMember("name", "b"), change]):
        ending = (await write(vendor, *changes, dry_run=dry_run)).ending
        assert ending.outcome is WriteOutcome.NOT_APPLIED
        assert [error.code for error in ending.errors] == [ErrorCode.UPSTREAM_CONTRACT]
    assert vendor.puts == 0


@pytest.mark.parametrize("members", [members for members, _ in BROKEN])
async def test_an_unreadable_part_costs_no_other_change(members: Any) -> None:
    """What the change does not touch goes back as it came."""
    vendor = Vendor(members)
    before = vendor.case
    other = ChangeUsers("6", added=("2",)) if "listValues" in members else SetMember("cost", 5)
    ending = (await write(vendor, SetMember("name", "b"), other)).ending

    assert ending.outcome is WriteOutcome.APPLIED
    touched = {"listValues": "roles"}.get(next(iter(members)), "cost")
    assert {**before, "name": "b", touched: vendor.case[touched]} == vendor.case
