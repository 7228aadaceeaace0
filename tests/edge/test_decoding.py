"""Bodies alone: what strict JSON lets through, what it refuses, and how long a body may take."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

from casegraph.edge.decoding import (
    JSON_DEPTH_MAX,
    BadRequest,
    BodyBounds,
    BodyTooLarge,
    BodyTooSlow,
    decode_json,
)
from casegraph.edge.parameters import from_body

NOT_JSON = "The body is not valid JSON in UTF-8."
LONG = "The body has a number of more than 20 digits, or above 1e100."
DEEP = f"The body nests deeper than {JSON_DEPTH_MAX} levels."
TWICE = "The body has an object with the same key twice."
HALF = "The body has a string with half a character."


def refusal(body: bytes) -> str | None:
    """Return what is said against a body, None when it is taken."""
    try:
        decode_json(body)
    except BadRequest as error:
        return str(error)
    return None


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", NOT_JSON),
        (b"\xef\xbb\xbf{}", NOT_JSON),
        (b'"\xff"', NOT_JSON),
        (b'"\xed\xa0\x80"', NOT_JSON),
        (b'"\x00"', NOT_JSON),
        (b"{} {}", NOT_JSON),
        (b"{}\x00", NOT_JSON),
        (b"{'a': 1}", NOT_JSON),
        (b'{"a": 1,}', NOT_JSON),
        (b"[1, 2,]", NOT_JSON),
        (b"01", NOT_JSON),
        (b"+1", NOT_JSON),
        (b".5", NOT_JSON),
        (b"0x10", NOT_JSON),
        (b"// no\n1", NOT_JSON),
        (b"9" * 5_000, NOT_JSON),
        (b"[" * 100_000, NOT_JSON),
        (b'{"a":' * 40_000, NOT_JSON),
        (b'"' + b'\\"' * 100_000, NOT_JSON),
        (b"NaN", "The body is not valid JSON: NaN is no number there."),
        (b"[-Infinity]", "The body is not valid JSON: -Infinity is no number there."),
        (b'{"a": 1, "a": 1}', TWICE),
        (b'[{"b": {"a": 1, "\\u0061": 2}}]', TWICE),
        (b"1" * 21, LONG),
        (b"0." + b"1" * 21, LONG),
        (b"1e100", LONG),
        (b"[1E+0999]", LONG),
        (b"[" * 33 + b"]" * 33, DEEP),
        (b'{"a":' * 33 + b"1" + b"}" * 33, DEEP),
        (b'[{"a":' * 17 + b"1" + b"}]" * 17, DEEP),
        (b'"\\ud800"', HALF),
        (b'{"\\uDFFF": 1}', HALF),
        (b'["\\udc00\\ud800"]', HALF),
    ],
    ids=lambda value: repr(value[:30]),
)
def test_what_two_readers_could_read_differently_is_refused(body: bytes, expected: str) -> None:
    """Each refusal says what is wrong, in words that repeat nothing of the body."""
    assert refusal(body) == expected


@pytest.mark.parametrize(
    "body",
    [
        b" \n\t[] ",
        b'"NaN"',
        b'"' + b"9" * 30 + b'"',
        b'"' + b"[" * 99 + b'"',
        b'"\\"[[[["',
        b'"\\\\"',
        b"[" * 32 + b"]" * 32,
        b"[" + b"[[]]," * 500 + b"[]]",
        b"1" * 20,
        b"-1.5e99",
        b"1e-999",
        b"5e-324",
        b'"\\ud83d\\ude00"',
        b'"\\\\ud800"',
        b'[{"a": 1}, {"a": 1}]',
        '"ção 日本"'.encode(),
    ],
    ids=lambda value: repr(value[:30]),
)
def test_what_is_json_is_read_as_json(body: bytes) -> None:
    """Brackets, digits and names inside strings are text, and bounds are what is still allowed."""
    assert decode_json(body) == json.loads(body)


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(10**19), 10**19)
        | st.floats(-1e15, 1e15)
        | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    ),
    st.booleans(),
)
def test_every_value_survives(value: Any, ascii_only: bool) -> None:
    """What another program writes is what is read, escaped or not."""
    assert decode_json(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@given(st.lists(st.sampled_from('{}[]":,\\ua1e9 -.'), max_size=40).map("".join))
def test_every_text_is_read_or_refused(text: str) -> None:
    """No text makes the reader raise anything else, nor read what the library would not."""
    said = refusal(text.encode())

    if said is None:
        assert decode_json(text.encode()) == json.loads(text)
    else:
        assert said.startswith("The body ")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'[{"query": "{a}"}]', "batches"),
        (b"[]", "batches"),
        (b'"x"', "one JSON object"),
        (b"null", "one JSON object"),
        (b"{}", "`query`"),
        (b'{"query": 1}', "`query`"),
        (b'{"query": "\\n"}', "`query`"),
        (b'{"query": "{a}", "variables": [1]}', "`variables`"),
        (b'{"query": "{a}", "extensions": "x"}', "`extensions`"),
        (b'{"query": "{a}", "operationName": {}}', "`operationName`"),
    ],
)
def test_a_refusal_names_what_is_wrong(body: bytes, expected: str) -> None:
    """Who sends a batch, or a member of another type, is told so."""
    with pytest.raises(BadRequest, match=expected) as refused:
        from_body(body)

    assert refused.value.status == 400


def arriving(*chunks: bytes, then: Callable[[], Any] | None = None) -> Receive:
    """Return what a server tells of a body in chunks; `then` is awaited after them."""
    more = then is not None
    told = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    told[-1]["more_body"] = more
    messages = iter(told)

    async def receive() -> Message:
        for message in messages:
            return message
        if then is not None:
            await then()
        return {"type": "http.disconnect"}

    return receive


async def test_a_body_comes_in_pieces() -> None:
    """They are put together, and a body of exactly the bound is taken."""
    assert await BodyBounds(at_most=4).read(arriving(b"ab", b"", b"cd")) == b"abcd"


async def test_a_body_beyond_its_bound_is_not_read_on() -> None:
    """The piece that passes the bound is the last one that is asked for."""
    asked: list[str] = []

    async def more() -> None:
        asked.append("more")

    with pytest.raises(BodyTooLarge, match="larger than 3 bytes") as refused:
        await BodyBounds(at_most=3).read(arriving(b"ab", b"cd", then=more))

    assert refused.value.status == 413
    assert asked == []


async def test_a_body_that_does_not_come_is_given_up() -> None:
    """After its time the reader goes, whatever has come so far."""
    never = asyncio.Event()

    with pytest.raises(BodyTooSlow, match=r"within 0\.01 seconds") as refused:
        await BodyBounds(seconds=0.01).read(arriving(b"{", then=never.wait))

    assert refused.value.status == 408


async def test_a_client_that_leaves_in_its_body_is_told_from_one_that_ends_it() -> None:
    """Half a body is no request."""

    async def left() -> None:
        await asyncio.sleep(0)

    with pytest.raises(ClientDisconnect):
        await BodyBounds().read(arriving(b'{"query":', then=left))


async def test_the_time_of_a_body_begins_with_the_wait_for_it() -> None:
    """No timer is left behind, however the reading ends."""
    never = asyncio.Event()

    assert await BodyBounds(seconds=0).read(arriving(b"{}")) == b"{}"
    with pytest.raises(BodyTooSlow):
        await BodyBounds(seconds=0).read(arriving(b"{", then=never.wait))
