"""Writes of Action Management, and the vendor's published shapes read by the real client."""

import copy
import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from casegraph.errors import (
    ContractViolation,
    CredentialsRefused,
    OutcomeUnknown,
    UpstreamNotFound,
    UpstreamRejected,
)
from casegraph.transport.credentials import FixedHeaders
from casegraph.upstreams.action_management.client import ActionManagement, CaseQuery
from casegraph.upstreams.action_management.records import ProgramListType
from casegraph.upstreams.action_management.simulator import (
    Credentials,
    PutAnswer,
    PutMode,
    Switches,
    create_app,
)
from casegraph.upstreams.action_management.token import ApiUser, token_renewal
from casegraph.upstreams.base import Rest
from support import samples
from support.raw_server import always, raw_server, response

START = datetime(2024, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def tenant(stage: Any, store: Any, exchange: Any) -> Any:
    """Play a tenant under given switches and return a client of it."""

    async def tenant(**switches: Any) -> Any:
        stage.play(create_app(store, Switches(**switches), now=lambda: START))
        known = Credentials()
        user = ApiUser(
            "action_management",
            stage.url,
            "/identity/connect/token",
            known.client_id,
            known.client_secret,
            known.scope,
        )
        proof = await token_renewal(user, exchange.send, lambda: 0.0)()
        send = FixedHeaders(exchange.send, proof.headers)
        rest = Rest("action_management", stage.url, "/v1/actionmanagement", send)
        return ActionManagement(rest, Rest("action_management", stage.url, "/v1", send))

    return tenant


@pytest.fixture
def told(exchange: Any) -> Any:
    """Return a caller of one method of a client that is answered with the given value."""

    async def told(ask: Any, value: Any, status: Any = "200 OK") -> Any:
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        async with raw_server(always(response(body, status=status))) as server:
            rest = Rest("action_management", server.origin, "", exchange.send)
            return await ask(ActionManagement(rest, rest))

    return told


@pytest.mark.parametrize("answer", PutAnswer)
@pytest.mark.parametrize("mode", PutMode)
async def test_a_case_is_read_changed_and_put_back_whole(
    tenant: Any, store: Any, stage: Any, answer: Any, mode: Any
) -> None:
    """What is not changed stays, in both readings of PUT and under both answers."""
    before = copy.deepcopy(store.hubs[7].cases[1])
    client = await tenant(put_answers=answer, put_mode=mode)
    document = {**(await client.case_document("7", "1")).members, "name": "Renamed"}
    assert await client.case_put("7", "1", document) is None
    assert store.hubs[7].cases[1] == before | {"name": "Renamed", "dateModified": START}
    assert stage.targets[-1] == "PUT /v1/actionmanagement/hubs/7/cases/1"
    assert stage.requests[-1].body == msgspec.json.encode(document)
    assert stage.requests[-1].headers["content-type"] == "application/json"


async def test_what_a_put_leaves_out_is_cleared(tenant: Any, store: Any) -> None:
    """The vendor replaces; the client sends exactly what it was given."""
    client = await tenant(put_mode=PutMode.REPLACE)
    document = dict((await client.case_document("7", "1")).members)
    del document["dateDue"]
    await client.case_put("7", "1", document)
    assert "dateDue" not in store.hubs[7].cases[1]


async def test_a_document_keeps_what_nobody_knows(told: Any) -> None:
    """Unknown keys, links and every digit of a number come back as they were."""
    plain = json.dumps(samples.CASE_DETAILS | {"new": {"deep": [1, None]}, "big": 2**70})
    odd = b', "rate": 1.10, "sum": 12345678901234567.89, "\\u006eote": "\\u00e9"}'
    strange = plain[:-1].encode() + odd
    document = await told(lambda client: client.case_document("7", "31001"), strange)
    assert json.loads(msgspec.json.encode(document.members)) == json.loads(strange)
    assert bytes(document.members["rate"]) == b"1.10"
    assert bytes(document.members["sum"]) == b"12345678901234567.89"
    assert bytes(document.members["note"]) == b'"\\u00e9"'
    assert document.case.name == samples.CASE_DETAILS["name"]
    assert document.case.detailed


async def test_a_put_the_vendor_refuses_is_rejected_and_changes_nothing(
    tenant: Any, store: Any
) -> None:
    """An unknown item of a list is the caller's mistake."""
    before = copy.deepcopy(store.hubs[7].cases[1])
    client = await tenant()
    members = (await client.case_document("7", "1")).members
    document = {**members, "listValues": [{"listId": 100, "id": 999}]}
    with pytest.raises(UpstreamRejected):
        await client.case_put("7", "1", document)
    assert store.hubs[7].cases[1] == before


@pytest.mark.parametrize("answer", PutAnswer)
async def test_a_deleted_case_is_gone(tenant: Any, store: Any, stage: Any, answer: Any) -> None:
    """204 or the deleted object are one success; the second time nothing is known."""
    client = await tenant(delete_answers=answer)
    assert await client.case_delete("7", "1") is None
    assert 1 not in store.hubs[7].cases
    assert stage.targets[-1] == "DELETE /v1/actionmanagement/hubs/7/cases/1"
    with pytest.raises(UpstreamNotFound):
        await client.case_delete("7", "1")


def put(client: Any) -> Any:
    """Put a case."""
    return client.case_put("7", "1", {"name": "x"})


def delete(client: Any) -> Any:
    """Delete a case."""
    return client.case_delete("7", "1")


WRITES = pytest.mark.parametrize("ask", [put, delete])


@WRITES
@pytest.mark.parametrize("status", ["200 OK", "202 Accepted", "204 No Content"])
@pytest.mark.parametrize("body", [b"", b"{}", b"not JSON"])
async def test_no_body_of_a_write_can_undo_it(told: Any, ask: Any, status: Any, body: Any) -> None:
    """What was written is written, whatever is said about it."""
    if status.startswith("204"):
        body = b""
    assert await told(ask, body, status) is None


@WRITES
@pytest.mark.parametrize("status", ["408 Request Timeout", "500 Oops", "502 Bad", "503 Busy"])
async def test_a_write_nobody_confirms_has_an_unknown_outcome(
    told: Any, ask: Any, status: Any
) -> None:
    """It was sent, and it may have taken effect."""
    with pytest.raises(OutcomeUnknown):
        await told(ask, b"", status)


@WRITES
@pytest.mark.parametrize(
    ("status", "cause"),
    [
        ("400 Bad", UpstreamRejected),
        ("401 Who", CredentialsRefused),
        ("403 No", CredentialsRefused),
        ("404 Gone", UpstreamNotFound),
        ("302 Moved", ContractViolation),
    ],
)
async def test_a_refused_write_has_its_cause(told: Any, ask: Any, status: Any, cause: Any) -> None:
    """What the vendor refused had no effect, and that is said."""
    with pytest.raises(cause) as caught:
        await told(ask, {"message": "c4n4ry"}, status)
    assert "c4n4ry" not in str(caught.value)


@pytest.mark.parametrize("value", [[], None, 5, b"", b"<html>"])
async def test_what_is_no_document_breaks_the_contract(told: Any, value: Any) -> None:
    """Nothing but an object can be changed and put back."""
    with pytest.raises(ContractViolation):
        await told(lambda client: client.case_document("7", "1"), value)


# The published shapes.


async def test_the_published_case_list_is_read(told: Any) -> None:
    """Any order of keys, hub and scheme of links that are not ours, no details."""
    page = await told(lambda client: client.case_query("6254", CaseQuery(top=1)), samples.CASE_PAGE)
    (case,) = page.items
    assert (case.case_id, case.hub_id, page.total_count) == ("31001", "6254", 2500)
    assert [value.type for value in case.list_values] == [
        ProgramListType.STATUS,
        ProgramListType.SEVERITY,
        ProgramListType.CATEGORY,
    ]
    assert case.list_values[2].sub_category_name == "Late"
    assert [user.is_active for user in case.roles[0].users] == [True, False]


async def test_the_published_details_are_read(told: Any) -> None:
    """Offsets of three kinds become UTC; the response id is text although it is a number."""
    case = await told(lambda client: client.case("6254", "31001"), samples.CASE_DETAILS)
    assert case.due_at == datetime(2023, 3, 21, 15, 15, tzinfo=UTC)
    assert case.pre_overdue_at == datetime(2023, 3, 20, 16, 15, tzinfo=UTC)
    assert case.source.response_id == "81"


async def test_the_published_notes_are_read(told: Any) -> None:
    """A user's note and a system's, for the case and for the hub."""
    notes = await told(lambda client: client.case_notes("6254", "31001"), samples.NOTE_PAGE)
    assert [(note.note_id, note.is_system_generated) for note in notes] == [
        ("5002", False),
        ("5001", True),
    ]
    start = datetime(1900, 1, 1, tzinfo=UTC)
    page = await told(
        lambda client: client.hub_notes("6254", start=start, end=None), samples.NOTE_PAGE
    )
    assert (page.items, page.total_count) == (notes, 2)
    note = await told(lambda client: client.case_note("6254", "31001", "5002"), samples.NOTE)
    assert note == notes[0]


async def test_the_published_lists_and_roles_are_read(told: Any) -> None:
    """Shared ids, foreign list ids, seven digits."""
    category, custom = await told(
        lambda client: client.program_lists("6254"), samples.PROGRAM_LISTS
    )
    assert (category.list_id, custom.list_id) == ("9425", "9425")
    assert (category.default_item_id, custom.default_item_id) == ("11001", None)
    assert [sub.name for sub in category.items[0].sub_categories] == ["Late", "Damaged"]
    (role,) = await told(lambda client: client.roles("6254"), samples.ROLES)
    assert role.updated_at == datetime(2024, 10, 22, 15, 41, 11, 12_400, tzinfo=UTC)
    (hub,) = await told(lambda client: client.hubs(), samples.HUBS)
    assert (hub.hub_id, hub.name) == ("6254", "North")
