"""What a request accepts by its Cache-Control, and what an answer says of its age."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from casegraph.edge.cache_control import accepted, answer_headers
from casegraph.edge.decoding import BadRequest
from casegraph.loading.freshness import ANY, Acceptance

INFINITE = float("inf")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("", ANY),
        (" , ,", ANY),
        ("no-transform, private, x-thing=1", ANY),
        ("no-cache", Acceptance(no_cache=True)),
        ("No-Store", Acceptance(no_cache=True)),
        ("max-age=0", Acceptance(max_age=0)),
        ("max-age=60, max-stale=30", Acceptance(max_age=60, max_stale=30)),
        ("MAX-AGE = 60", Acceptance(max_age=60)),
        ('max-age="60"', Acceptance(max_age=60)),
        ("max-stale", Acceptance(max_stale=INFINITE)),
        ("max-stale, max-stale=5", Acceptance(max_stale=5)),
        ("max-stale=5, max-stale", Acceptance(max_stale=5)),
        ("max-age=60, max-age=10, max-age=20", Acceptance(max_age=10)),
        ("only-if-cached, max-age=9", Acceptance(max_age=9, only_if_cached=True)),
        ('x="a, no-cache, b", max-age=1', Acceptance(max_age=1)),
    ],
)
def test_directives_are_read(said: str, expected: Acceptance) -> None:
    """Known directives count in any case and order, unknown ones do not."""
    assert accepted({"cache-control": said}) == expected


def test_lines_of_the_header_hold_together() -> None:
    """A second line of the same header is as good as a comma."""
    lines = [(b"cache-control", b"max-age=60"), (b"cache-control", b"max-stale=5")]
    assert accepted(Headers(raw=lines)) == Acceptance(max_age=60, max_stale=5)
    assert accepted({}) is ANY


@pytest.mark.parametrize(
    "said",
    ["max-age", "max-age=", "max-age=-1", "max-age=1.5", "max-age=1e3", "max-stale=x", "max-age=٣"],
)
def test_a_number_that_is_none_is_the_clients_error(said: str) -> None:
    """The error names the directive, so that a typo is not taken for the default."""
    with pytest.raises(BadRequest, match=r"max-(age|stale) must be"):
        accepted({"cache-control": said})


@given(st.text(max_size=60))
def test_no_header_is_anything_but_understood_or_refused(said: str) -> None:
    """Whatever is sent reads as an acceptance or is refused with a reason."""
    try:
        understood = accepted({"cache-control": said})
    except BadRequest:
        assert re.search("max-(age|stale)", said, re.IGNORECASE)
    else:
        assert isinstance(understood, Acceptance)


@pytest.mark.parametrize(
    ("age", "fresh_for", "expected"),
    [
        (None, 0.0, {"cache-control": "private, no-cache"}),
        (0.0, 0.0, {"age": "0", "cache-control": "private, no-cache"}),
        (0.2, 0.9, {"age": "1", "cache-control": "private, no-cache"}),
        (10.0, 50.9, {"age": "10", "cache-control": "private, max-age=60"}),
        (10.1, 49.9, {"age": "11", "cache-control": "private, max-age=60"}),
    ],
)
def test_an_answer_says_how_old_it_is_and_how_long_it_is_fresh(
    age: float | None, fresh_for: float, expected: dict[str, str]
) -> None:
    """A cache that takes `Age` off `max-age` comes to the time for which all parts are fresh."""
    assert answer_headers(age, fresh_for, is_whole=True) == expected


def test_an_answer_with_errors_is_nothing_to_keep() -> None:
    """Half an answer must not be given to the next who asks."""
    assert answer_headers(10, 50, is_whole=False) == {"cache-control": "no-store"}
