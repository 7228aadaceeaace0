"""Which answers a client's REST side tells of as breaking their contract, and to whom.

The breaker hears of answers that nothing can be saved of; the watchers hear of those and of each
answer with a bad value in some field, once an answer.
"""

from contextlib import suppress
from typing import Any

import msgspec
import pytest

from casegraph.errors import ContractViolation, UpstreamError
from casegraph.transport.calls import Call, Effect, Reply
from casegraph.upstreams.base import Operation, Rest
from casegraph.upstreams.customer_cases.client import CustomerCases
from casegraph.upstreams.decode import Id, Shape
from casegraph.upstreams.ratings.client import Ratings

THING = Operation("thing", Effect.READ, "GET", "/thing")
UNREADABLE = "unreadable"


class Row(msgspec.Struct):
    """A record with a key, and two fields that may be wrong."""

    key: Id = msgspec.field(name="id")
    name: str | None = None
    size: int | None = None


ROWS = Shape[tuple[Row, ...]](tuple[Row, ...])


def telling(reply: Reply | Exception) -> tuple[Rest, list[str]]:
    """Return a REST side that always gets this, and what it tells."""
    told: list[str] = []

    async def send(_call: Call) -> Reply:
        if isinstance(reply, Exception):
            raise reply
        return reply

    rest = Rest(
        "somebody",
        "http://upstream.test",
        "/v1",
        send,
        on_unreadable=lambda: told.append(UNREADABLE),
        on_unusable=told.append,
    )
    return rest, told


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'[{"id": 1, "name": "a", "size": 2}]', []),
        (b'[{"id": 1}, {"id": 2}]', []),
        (b'[{"id": 1, "name": 5}]', ["thing"]),
        (b'[{"id": 1, "name": 5, "size": "x"}, {"id": 2, "name": []}]', ["thing"]),
        (b'[{"id": 1, "name": 5}, {"name": "no key"}]', [UNREADABLE, "thing"]),
        (b'[{"name": "no key"}]', [UNREADABLE, "thing"]),
        (b"<html>", [UNREADABLE, "thing"]),
        (b"{}", [UNREADABLE, "thing"]),
    ],
)
async def test_a_body_is_told_of_once_however_much_of_it_is_wrong(
    body: bytes, expected: list[str]
) -> None:
    """Whole, repaired or lost: one answer is one telling."""
    rest, told = telling(Reply(200, {}, body))
    reply = await rest.call(THING)
    with suppress(ContractViolation):
        rest.read(THING, ROWS, reply)

    assert expected == told


@pytest.mark.parametrize("status", [302, 501, 418])
async def test_a_status_that_is_a_breach_is_for_the_breaker_only(status: int) -> None:
    """Its attempt was told as a breach already."""
    rest, told = telling(Reply(status, {}, b""))
    with pytest.raises(ContractViolation):
        await rest.call(THING)

    assert told == [UNREADABLE]


@pytest.mark.parametrize("status", [404, 409, 422, 429, 500])
async def test_an_answer_that_only_says_no_breaks_nothing(status: int) -> None:
    """Nobody is told."""
    rest, told = telling(Reply(status, {}, b""))
    with pytest.raises(UpstreamError):
        await rest.call(THING)

    assert told == []


async def test_what_the_chain_found_out_itself_is_not_told_again() -> None:
    """A body over its cap never came here; the layers that met it have counted it."""
    rest, told = telling(ContractViolation("somebody", "thing", "too large"))
    with pytest.raises(ContractViolation):
        await rest.call(THING)

    assert told == []


def envelope(**members: Any) -> bytes:
    """Return an envelope of the ratings vendor."""
    return msgspec.json.encode({"status": 200, **members})


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (envelope(data=[{"id": 1, "score": "good"}], total_count=1), []),
        (envelope(data=[{"id": 1, "score": "good", "comment": 5}], total_count=1), ["ratings"]),
        (envelope(data=[], total_count="many"), ["ratings"]),
        (envelope(total_count=1), [UNREADABLE, "ratings"]),
        (envelope(data="none"), [UNREADABLE, "ratings"]),
        (b"<html>", [UNREADABLE, "ratings"]),
    ],
)
async def test_an_envelope_is_one_answer(body: bytes, expected: list[str]) -> None:
    """What is wrong inside it, or with it, is told once, under the operation's name."""
    rest, told = telling(Reply(200, {}, body))
    with suppress(UpstreamError):
        await Ratings(rest).ratings("7")

    assert expected == told


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", []),
        (b'[{"id": "1", "title": "a"}]', []),
        (b'[{"id": "1", "title": 5}, {"id": "2", "title": 5}]', ["customer_cases"]),
        (b'["no object"]', [UNREADABLE, "customer_cases"]),
    ],
)
async def test_an_array_of_cases_is_one_answer(body: bytes, expected: list[str]) -> None:
    """However many of its rows were repaired."""
    rest, told = telling(Reply(200, {}, body))
    with suppress(UpstreamError):
        await CustomerCases(rest).customer_cases("7")

    assert expected == told
