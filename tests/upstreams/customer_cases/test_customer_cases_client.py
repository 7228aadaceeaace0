"""The client of customers' cases against the simulated CRM and against the published shapes."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from casegraph.errors import (
    ContractViolation,
    CredentialsRefused,
    InvalidArgument,
    UpstreamNotFound,
    UpstreamRejected,
    UpstreamUnavailable,
)
from casegraph.transport.credentials import FixedHeaders
from casegraph.upstreams.base import Rest
from casegraph.upstreams.customer_cases.client import CustomerCases
from casegraph.upstreams.customer_cases.records import CustomerCaseStatus
from casegraph.upstreams.customer_cases.simulator import Credentials, Switches, create_app
from support import samples
from support.hostile_ids import HOSTILE_IDS
from support.raw_server import always, once, raw_server, response

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def crm(stage: Any, store: Any, clock: Any, exchange: Any) -> Any:
    """Play a CRM under given switches and return a client of it."""

    def crm(
        value: Any = "sandbox-khoros-key",
        header: Any = "authorization",
        credentials: Any = None,
        **switches: Any,
    ) -> Any:
        app = create_app(
            store, Switches(**switches), credentials=credentials or Credentials(), now=clock
        )
        stage.play(app)
        send = FixedHeaders(exchange.send, {header: value})
        return CustomerCases(Rest("customer_cases", stage.url, "/crm/v1", send))

    return crm


@pytest.fixture
def told(exchange: Any) -> Any:
    """Return a caller of one method of a client that is answered with the given bytes."""

    async def told(ask: Any, answer: Any, **bounds: Any) -> Any:
        async with raw_server(answer) as server:
            rest = Rest("customer_cases", server.origin, "", exchange.send, **bounds)
            return await ask(CustomerCases(rest))

    return told


def cases_of_11(client: Any) -> Any:
    """Ask for a customer's cases."""
    return client.customer_cases("11")


def case_21(client: Any) -> Any:
    """Ask for one case."""
    return client.case("21")


async def test_a_customers_cases_come_whole_in_one_call(crm: Any, stage: Any) -> None:
    """Interactions and custom values are in the list, so no case is asked for again."""
    older, newer = await crm().customer_cases("11")
    assert stage.targets == ["GET /crm/v1/customer/11/cases"]
    assert (older.customer_case_id, older.status) == ("20", CustomerCaseStatus.CLOSED)
    assert (newer.customer_case_id, newer.number, newer.customer_id) == ("21", "N-21", "11")
    assert (newer.created_at, newer.updated_at) == (NOON, NOON)
    (post,) = newer.interactions
    assert (post.body, post.link_url, post.author.handle) == ("My line is dead", "", "@cleo")
    assert post.author.is_brand_owned is False
    assert newer.asked_customer_id == "11"


async def test_custom_keys_stand_at_top_level_and_are_kept(crm: Any) -> None:
    """Whatever is not built in is a custom field, in the vendor's order, as text."""
    _, case = await crm().customer_cases("11")
    assert [(each.name, each.value) for each in case.custom_fields] == [
        ("product", "Phone"),
        ("urgent", "true"),
    ]
    _, bare = await crm(custom_keys=False).customer_cases("11")
    assert bare.custom_fields == ()


@pytest.mark.parametrize("checkbox_as_text", [True, False])
async def test_a_checkbox_is_the_same_text_in_both_forms(crm: Any, checkbox_as_text: Any) -> None:
    """A boolean and the word for it are one value."""
    case = await crm(checkbox_as_text=checkbox_as_text).case("21")
    assert case.custom_fields[1].value == "true"


@pytest.mark.parametrize("integer_ids", [True, False])
async def test_integer_ids_and_text_ids_are_one(crm: Any, integer_ids: Any) -> None:
    """Ids are text, whichever way they came."""
    _, case = await crm(integer_ids=integer_ids).customer_cases("11")
    assert (case.customer_case_id, case.customer_id) == ("21", "11")


async def test_json_is_read_whatever_its_content_type(crm: Any) -> None:
    """The contract's own document declares text/plain."""
    client = crm(text_plain=True)
    assert len(await client.customer_cases("11")) == 2
    assert (await client.case("21")).title == "Case 21"


@pytest.mark.parametrize("switches", [{"interactions": False}, {"author": False}])
async def test_optional_parts_may_be_missing(crm: Any, switches: Any) -> None:
    """No interactions, or interactions of nobody."""
    case = await crm(**switches).case("21")
    assert [post.author for post in case.interactions] in ([], [None])


async def test_an_id_with_a_slash_stays_one_segment(crm: Any, stage: Any) -> None:
    """Ids are any text; one with a slash reaches the customer it names."""
    assert await crm().customer_cases("acme/7") == ()
    assert stage.targets == ["GET /crm/v1/customer/acme%2F7/cases"]


async def test_an_unknown_customer_is_not_found(crm: Any) -> None:
    """404 with an empty body, which is not the same as no cases."""
    client = crm()
    with pytest.raises(UpstreamNotFound):
        await client.customer_cases("12")
    assert await client.customer_cases("acme/7") == ()
    with pytest.raises(UpstreamNotFound):
        await crm(no_cases_is_404=True).customer_cases("acme/7")


@pytest.mark.parametrize("case_error_texts", [True, False])
async def test_an_unknown_case_is_not_found_although_the_vendor_says_422(
    crm: Any, case_error_texts: Any
) -> None:
    """The lookup's 422 can mean nothing else."""
    with pytest.raises(UpstreamNotFound):
        await crm(case_error_texts=case_error_texts).case("99")


async def test_the_key_is_sent_as_it_is_in_the_configured_header(crm: Any, stage: Any) -> None:
    """No scheme is added; a wrong key is our credentials' trouble."""
    credentials = Credentials(header="X-Api-Key", value="key of ours")
    await crm("key of ours", "x-api-key", credentials).customer_cases("11")
    (seen,) = stage.requests
    assert seen.headers["x-api-key"] == "key of ours"
    assert "authorization" not in seen.headers
    with pytest.raises(CredentialsRefused) as caught:
        await crm("c4n4ry").customer_cases("11")
    assert "c4n4ry" not in str(caught.value)


async def test_a_failure_of_the_crm_is_unavailable(crm: Any) -> None:
    """500 with the vendor's own words, which stay there."""
    with pytest.raises(UpstreamUnavailable) as caught:
        await crm(fails=True).customer_cases("11")
    assert "unexpected" not in str(caught.value).lower()


async def test_the_declared_fields_can_be_asked_for_a_check(crm: Any, stage: Any) -> None:
    """A call that changes nothing and needs no customer."""
    assert await crm().object_fields() is None
    assert stage.targets == ["GET /crm/v1/meta/object/case"]
    with pytest.raises(CredentialsRefused):
        await crm("wrong").object_fields()


async def test_the_published_shape_is_read_whole(told: Any) -> None:
    """Text ids, fractions of a second, a custom word and a custom flag."""
    body = json.dumps([samples.CUSTOMER_CASE]).encode()
    (case,) = await told(cases_of_11, always(response(body, "Content-Type: text/plain")))
    assert (case.customer_case_id, case.customer_id, case.number) == ("crm-21", "acme/7", "CS-21")
    assert case.created_at == datetime(2020, 2, 1, 10, tzinfo=UTC)
    assert case.interactions[0].author.service_id == "998"
    assert [(each.name, each.value) for each in case.custom_fields] == [
        ("productLine", "Mobile"),
        ("isUrgent", "true"),
    ]


async def test_custom_values_of_any_type_are_text(told: Any) -> None:
    """Numbers, lists and objects keep their JSON; null stays null."""
    row = {"id": 1, "a": 5, "b": 1.5, "c": [1, "x"], "d": {"e": None}, "f": None, "g": "x"}
    case = await told(case_21, always(response(json.dumps(row).encode())))
    assert {each.name: each.value for each in case.custom_fields} == {
        "a": "5", "b": "1.5", "c": '[1,"x"]', "d": '{"e":null}', "f": None, "g": "x",
    }  # fmt: skip


async def test_a_custom_name_like_one_of_ours_is_custom_all_the_same(told: Any) -> None:
    """What the client stamps cannot be forged by a row, nor does a row lose a field to it."""
    row = {"id": 1, "_custom_fields": "x", "_asked_customer_id": "y"}
    (case,) = await told(cases_of_11, always(response(json.dumps([row]).encode())))
    assert [(each.name, each.value) for each in case.custom_fields] == [
        ("_custom_fields", "x"),
        ("_asked_customer_id", "y"),
    ]
    assert case.asked_customer_id == "11"


async def test_a_wrong_type_costs_its_field_alone(told: Any) -> None:
    """The second row has a broken title; both rows are there and the spot is named."""
    rows = [samples.CUSTOMER_CASE, {**samples.CUSTOMER_CASE, "id": "b", "title": ["x"]}]
    good, broken = await told(cases_of_11, always(response(json.dumps(rows).encode())))
    assert isinstance(broken.title, ContractViolation)
    assert broken.title.path == "$[1].title"
    assert (good.title, broken.description) == ("Line is dead", good.description)


@pytest.mark.parametrize("status", ["204 No Content", "200 OK"])
async def test_no_content_is_no_cases(told: Any, status: Any) -> None:
    """An empty body that says it is complete means an empty list."""
    assert await told(cases_of_11, always(response(b"", status=status))) == ()


async def test_an_answer_cut_before_its_body_is_not_an_empty_list(told: Any) -> None:
    """Without a length nobody knows whether the list was empty or lost."""
    with pytest.raises(UpstreamUnavailable):
        await told(cases_of_11, once(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"))


@pytest.mark.parametrize("body", [b"{}", b"null", b"5", b"<html>", b"[5]", b'[{"number": "x"}]'])
async def test_what_is_no_list_of_cases_breaks_the_contract(told: Any, body: Any) -> None:
    """A good status with anything else is not an empty list."""
    with pytest.raises(ContractViolation):
        await told(cases_of_11, always(response(body)))


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b'{"number": "x"}'])
async def test_what_is_no_case_breaks_the_contract(told: Any, body: Any) -> None:
    """One case needs at least its id."""
    with pytest.raises(ContractViolation):
        await told(case_21, always(response(body)))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"Something is wrong",
        b'{"error": "bad_request", "message": "c4n4ry", "fields": {"id": "bad"}}',
        b'{"error": "bad_request", "fields": [{"name": "id", "errorMessage": "c4n4ry"}]}',
        b'{"fields": 5}',
    ],
)
async def test_error_bodies_of_every_form_leave_the_status_to_speak(told: Any, body: Any) -> None:
    """Fields as an object or a list, text, or nothing: reading an error never fails."""
    for ask in (cases_of_11, case_21):
        with pytest.raises(UpstreamRejected) as caught:
            await told(ask, always(response(body, status="400 Bad Request")))
        assert "c4n4ry" not in str(caught.value)
        with pytest.raises(UpstreamUnavailable):
            await told(ask, always(response(body, status="500 Oops")))


async def test_a_large_array_is_taken_up_to_the_cap(told: Any) -> None:
    """The one list without bound ends at the client's own."""
    row = {**samples.CUSTOMER_CASE, "description": "x" * 1000}
    body = json.dumps([{**row, "id": number} for number in range(200)]).encode()
    cases = await told(cases_of_11, always(response(body)), max_bytes=len(body))
    assert len(cases) == 200
    with pytest.raises(ContractViolation, match="more than"):
        await told(cases_of_11, always(response(body)), max_bytes=len(body) - 1)


async def test_no_hostile_id_leaves_its_place(crm: Any, stage: Any) -> None:
    """Each id of the corpus is refused, or is one segment of the one path it may stand in."""
    client = crm()
    sent = 0
    for hostile in HOSTILE_IDS:
        for ask in (client.customer_cases, client.case):
            try:
                await ask(hostile)
            except InvalidArgument:
                continue
            except UpstreamNotFound:
                sent += 1
    assert sent == len(stage.requests)
    for seen in stage.requests:
        parts = seen.target.split("/")
        shape = parts[:4] if parts[3] == "case" else [*parts[:4], parts[5]]
        assert shape in (["", "crm", "v1", "case"], ["", "crm", "v1", "customer", "cases"])
        assert len(parts) == len(shape) + 1
        assert parts[4] not in {"", ".", ".."}
