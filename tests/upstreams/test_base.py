"""What a status means, how long to wait, and what is sent for an operation."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from casegraph.errors import (
    ContractViolation,
    CredentialsRefused,
    DeadlineExceeded,
    InvalidArgument,
    RateLimited,
    UpstreamConflict,
    UpstreamError,
    UpstreamNotFound,
    UpstreamRejected,
    UpstreamUnavailable,
)
from casegraph.transport.calls import Call, Effect, Reply
from casegraph.upstreams.action_management import client as action_management
from casegraph.upstreams.base import Operation, Rest, raise_for_status, retry_after_ms
from casegraph.upstreams.case_reviews import client as case_reviews
from casegraph.upstreams.customer_cases import client as customer_cases
from casegraph.upstreams.decode import Where
from casegraph.upstreams.paths import int32
from casegraph.upstreams.ratings import client as ratings

THING = Operation("thing", Effect.READ, "GET", "/things/{thing}")
VENDORS_WORDS = b'{"message": "c4n4ry: SQL error near line 3"}'


@pytest.mark.parametrize(
    ("status", "cause", "code", "retryable"),
    [
        (100, ContractViolation, "UPSTREAM_CONTRACT", False),
        (101, ContractViolation, "UPSTREAM_CONTRACT", False),
        (301, ContractViolation, "UPSTREAM_CONTRACT", False),
        (302, ContractViolation, "UPSTREAM_CONTRACT", False),
        (304, ContractViolation, "UPSTREAM_CONTRACT", False),
        (308, ContractViolation, "UPSTREAM_CONTRACT", False),
        (400, UpstreamRejected, "INVALID_ARGUMENT", False),
        (401, CredentialsRefused, "UNAVAILABLE", False),
        (403, CredentialsRefused, "UNAVAILABLE", False),
        (404, UpstreamNotFound, "NOT_FOUND", False),
        (405, ContractViolation, "UPSTREAM_CONTRACT", False),
        (406, ContractViolation, "UPSTREAM_CONTRACT", False),
        (408, DeadlineExceeded, "DEADLINE_EXCEEDED", True),
        (409, UpstreamConflict, "CONFLICT", False),
        (410, ContractViolation, "UPSTREAM_CONTRACT", False),
        (412, UpstreamConflict, "CONFLICT", False),
        (415, ContractViolation, "UPSTREAM_CONTRACT", False),
        (422, UpstreamRejected, "INVALID_ARGUMENT", False),
        (426, CredentialsRefused, "UNAVAILABLE", False),
        (429, RateLimited, "RATE_LIMITED", True),
        (454, CredentialsRefused, "UNAVAILABLE", False),
        (500, UpstreamUnavailable, "UNAVAILABLE", True),
        (501, ContractViolation, "UPSTREAM_CONTRACT", False),
        (502, UpstreamUnavailable, "UNAVAILABLE", True),
        (503, UpstreamUnavailable, "UNAVAILABLE", True),
        (504, UpstreamUnavailable, "UNAVAILABLE", True),
        (505, ContractViolation, "UPSTREAM_CONTRACT", False),
        (599, UpstreamUnavailable, "UNAVAILABLE", True),
        (999, UpstreamUnavailable, "UNAVAILABLE", True),
    ],
)
def test_a_status_stands_for_one_cause(status: Any, cause: Any, code: Any, retryable: Any) -> None:
    """Each status has its class, its code and its word on asking again; no vendor's text."""
    reply = Reply(status, {"x-secret": "c4n4ry"}, VENDORS_WORDS)
    with pytest.raises(UpstreamError) as caught:
        raise_for_status("somebody", "thing", reply)
    error = caught.value
    assert (type(error), error.code, error.retryable) == (cause, code, retryable)
    assert str(error).startswith("somebody: ")
    assert str(error).endswith("(thing).")
    assert "c4n4ry" not in str(error) + repr(error)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 206, 299])
def test_good_statuses_pass(status: Any) -> None:
    """Everything from 200 to 299 is an answer."""
    assert raise_for_status("somebody", "thing", Reply(status, {}, b"")) is None


def test_an_inner_status_overrides_the_outer_one() -> None:
    """An envelope may say it better, in both directions."""
    with pytest.raises(UpstreamNotFound):
        raise_for_status("somebody", "thing", Reply(200, {}, b""), 404)
    assert raise_for_status("somebody", "thing", Reply(404, {}, b""), 200) is None


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        (None, None),
        ("0", 0),
        ("3", 3_000),
        (" 120 ", 120_000),
        ("86400", 86_400_000),
        ("99999999999999999999", 86_400_000),
        ("9" * 5_000, 86_400_000),
        ("-1", None),
        ("soon", None),
        ("", None),
        ("٣", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        ("Wed, 99 Oct 2015 07:28:00 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400_000),
    ],
)
def test_every_form_of_retry_after_is_a_wait_or_none(text: Any, milliseconds: Any) -> None:
    """Seconds and dates count, a day at most; what is neither names no wait."""
    headers = {} if text is None else {"retry-after": text}
    for status, cause in ((429, RateLimited), (503, UpstreamUnavailable)):
        reply = Reply(status, headers, b"")
        assert retry_after_ms(reply) == milliseconds
        with pytest.raises(cause) as caught:
            raise_for_status("somebody", "thing", reply)
        assert caught.value.retry_after_ms == milliseconds


def test_a_date_to_come_is_a_wait_from_now() -> None:
    """The HTTP-date form is turned into a span."""
    in_an_hour = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    wait = retry_after_ms(Reply(429, {"retry-after": in_an_hour}, b""))
    assert 3_500_000 < wait <= 3_600_000


class Recorder:
    """Keeps calls and answers each with the same reply."""

    def __init__(self, reply: Any) -> None:
        self.reply = reply
        self.calls = []

    async def __call__(self, call: Call) -> Reply:
        """Keep the call."""
        self.calls.append(call)
        return self.reply


def rest(send: Any) -> Any:
    """Return the REST side of an upstream at a base path."""
    return Rest("somebody", "http://upstream.test", "/v1", send, max_bytes=1234)


async def test_a_call_carries_what_its_operation_declares() -> None:
    """Name, effect, method, address and cap come from the declaration; a body is JSON."""
    send = Recorder(Reply(200, {}, b"[]"))
    operation = Operation("change", Effect.REPEATABLE, "PUT", "/things/{thing}")
    await rest(send).call(
        operation, {"thing": int32("thingId", "7")}, [("a", "b c")], body={"x": None}
    )
    assert send.calls == [
        Call(
            upstream="somebody",
            operation="change",
            effect=Effect.REPEATABLE,
            method="PUT",
            origin="http://upstream.test",
            target="/v1/things/7?a=b%20c",
            headers={"accept": "application/json", "content-type": "application/json"},
            body=b'{"x":null}',
            max_bytes=1234,
        )
    ]


async def test_a_call_without_a_body_has_no_content_type() -> None:
    """Null is a body, nothing is not."""
    send = Recorder(Reply(200, {}, b""))
    here = rest(send)
    await here.call(THING, {"thing": int32("thingId", "7")})
    await here.call(THING, {"thing": int32("thingId", "7")}, body=None)
    assert [call.body for call in send.calls] == [None, b"null"]
    assert ["content-type" in call.headers for call in send.calls] == [False, True]


async def test_a_check_replaces_the_common_reading() -> None:
    """A vendor that says it better is heard, and a good check lets the reply pass."""
    seen = []
    send = Recorder(Reply(404, {}, b""))
    reply = await rest(send).call(
        THING, {"thing": int32("thingId", "7")}, check=lambda *given: seen.append(given)
    )
    assert seen == [(THING, reply, Where("somebody", "thing"))]


async def test_a_missing_id_sends_nothing() -> None:
    """A template with an open place is refused before it is a call."""
    send = Recorder(Reply(200, {}, b""))
    with pytest.raises(InvalidArgument):
        await rest(send).call(THING)
    assert send.calls == []


CLIENTS = (action_management, case_reviews, customer_cases, ratings)


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.__name__.split(".")[-2])
def test_every_operation_declares_its_effect(client: Any) -> None:
    """All operations of a client are listed, under names of their own, each with an effect."""
    declared = [value for value in vars(client).values() if isinstance(value, Operation)]
    assert sorted(map(id, client.OPERATIONS)) == sorted(map(id, declared))
    names = [operation.name for operation in client.OPERATIONS]
    assert len(set(names)) == len(names)
    assert {type(operation.effect) for operation in client.OPERATIONS} == {Effect}


def test_only_what_changes_nothing_is_a_read() -> None:
    """A write is never declared a read, and whatever may double is declared once."""
    effects = {each.name: each.effect for client in CLIENTS for each in client.OPERATIONS}
    writes = {name: effect for name, effect in effects.items() if effect is not Effect.READ}
    assert writes == {
        "case_put": Effect.ONCE,
        "case_delete": Effect.ONCE,
        "rating_update": Effect.ONCE,
        "rating_add": Effect.ONCE,
        "rating_trigger": Effect.ONCE,
    }
    methods = {
        each.method
        for client in CLIENTS
        for each in client.OPERATIONS
        if each.effect is Effect.READ and each.name not in {"case_query", "token"}
    }
    assert methods == {"GET"}
