"""The headers of an answer: as they were sent, each name once, and within their bounds."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casegraph.transport import exchange_lean_head as head
from casegraph.transport.bodies import joined

NAMES = st.sampled_from([b"Etag", b"ETAG", b"x-a", b"X-A", b"Content-Length", b"X" * 100])
VALUES = st.binary(max_size=20).map(lambda value: value.replace(b"\n", b"").replace(b"\r", b""))


@given(st.lists(st.tuples(NAMES, VALUES)))
def test_headers_are_those_that_were_sent(pairs: Any) -> None:
    """In any case of letters, repeated or not, with any bytes: the same as decoded one by one."""
    fields = [part for pair in pairs for part in pair]
    one_by_one = joined(
        (name.decode("latin-1"), value.decode("latin-1").strip(" \t")) for name, value in pairs
    )
    for _ in range(2):
        assert head.headers_of(fields) == one_by_one


@pytest.mark.parametrize(
    ("fields", "is_bounded"),
    [
        ([], True),
        ([b"a", b"1"] * 128, True),
        ([b"a", b"1"] * 129, False),
        ([b"a", b"x" * 8_189], True),
        ([b"a", b"x" * 8_190], False),
        ([b"a" * 8_190, b"x"], False),
        ([b"a" * 4_000, b"x" * 4_190] * 128, True),
        ([b"a", b"1"] * 127 + [b"a", b"x" * 8_190], False),
    ],
)
def test_each_header_and_their_number_are_bounded(fields: Any, is_bounded: Any) -> None:
    """128 of 8,190 bytes pass, name and value together; one more of either does not."""
    assert head.is_bounded(fields) is is_bounded


def test_what_is_kept_of_names_is_bounded() -> None:
    """Any number of names may come, of any length, and each is read as it is."""
    for number in range(2 * head._NAMES_KEPT):
        name = b"X-%d" % number
        assert head.headers_of([name, b"1", name * 20, b"2"]) == {
            name.decode().lower(): "1",
            name.decode().lower() * 20: "2",
        }
    assert len(head._names) <= head._NAMES_KEPT
    assert max(map(len, head._names)) <= head._LONGEST_KEPT
