"""Cases whose ids are not the numbers that the vendor's contract says."""

import json

import pytest

from casegraph.loading.access.planning import Access
from casegraph.loading.asking import Asking
from casegraph.loading.case_reads import CaseReads
from casegraph.loading.freshness import Acceptance
from casegraph.loading.kept import Kept
from casegraph.loading.kept_store import MemoryStore
from casegraph.loading.ledger import Ledger
from casegraph.loading.scope import DataScope
from casegraph.loading.sources import Sources
from casegraph.transport.calls import Call, Reply
from casegraph.upstreams.action_management.client import ActionManagement, CaseQuery
from casegraph.upstreams.base import Rest


async def anywhere(_hub_id: str) -> bool:
    """Say that every hub has a program."""
    return True


@pytest.mark.parametrize("odd", ["²", "x", "-2", "9" * 5_000], ids=range(4))
async def test_an_id_that_is_no_number_is_listed_like_any_other(odd: str) -> None:
    """Nothing can be learned of the list's order from it, and that is all."""

    async def send(_call: Call) -> Reply:
        body = json.dumps({"items": [{"id": 1}, {"id": odd}], "totalCount": 2})
        return Reply(200, {}, body.encode())

    rest = Rest("action_management", "https://cases.example", "/v1", send)
    asking = Asking(DataScope(), Acceptance(), Ledger())
    access = Access(Kept(MemoryStore()))
    reads = CaseReads(Sources(ActionManagement(rest, rest)), access, asking, anywhere)

    found = await reads.case_list("1", CaseQuery(2, order_by="id", ascending=True), None, None)

    assert [case.case_id for case in found.items] == ["1", odd]
    await access.kept.close()
