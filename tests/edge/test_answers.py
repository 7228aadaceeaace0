"""Answers as bytes."""

import json

import pytest

from casegraph.edge.answers import encode, refused


class Id(str):
    """A text of a class of its own."""

    __slots__ = ()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": "não 😀"}, '{"a":"não 😀"}'.encode()),
        ({"a": Id("7")}, b'{"a":"7"}'),
        ({"a": "half \ud800", "b": Id("é")}, b'{"a":"half \\ud800","b":"\\u00e9"}'),
    ],
)
def test_text_is_utf_8_unless_it_cannot_be(value: object, expected: bytes) -> None:
    """Half a character, which UTF-8 cannot say, makes an answer of escapes and not a failure."""
    assert encode(value) == expected
    assert json.loads(encode(value)) == value


def test_a_refusal_says_no_more_than_it_is_told() -> None:
    """Its one error has a code, whether to try again, and the request's id."""
    extensions = {"code": "X", "retryable": False, "requestId": "1"}

    assert refused("1", "No.", code="X") == {
        "errors": [{"message": "No.", "extensions": extensions}]
    }
