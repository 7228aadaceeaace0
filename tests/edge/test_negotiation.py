"""Which media type an answer has for every Accept that clients send, and for what nobody should."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casegraph.edge.negotiation import (
    ACCEPT_MAX,
    GRAPHQL_JSON,
    PLAIN_JSON,
    PartsShape,
    answer_type,
    names_html,
    parts_shape,
)

URQL = f"{GRAPHQL_JSON}, application/graphql+json, {PLAIN_JSON}, text/event-stream, multipart/mixed"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", PLAIN_JSON),
        ("  ", PLAIN_JSON),
        ("*/*", PLAIN_JSON),
        ("application/*", PLAIN_JSON),
        (PLAIN_JSON, PLAIN_JSON),
        (GRAPHQL_JSON, GRAPHQL_JSON),
        (f"{GRAPHQL_JSON},{PLAIN_JSON};q=0.9", GRAPHQL_JSON),
        (f"{PLAIN_JSON},{GRAPHQL_JSON};q=0.9", PLAIN_JSON),
        (f"{PLAIN_JSON},{GRAPHQL_JSON}", GRAPHQL_JSON),
        (f"{GRAPHQL_JSON};q=0.2,*/*", PLAIN_JSON),
        (f"{GRAPHQL_JSON},*/*", GRAPHQL_JSON),
        (f"{PLAIN_JSON},*/*", PLAIN_JSON),
        (f"{PLAIN_JSON};q=0,*/*", GRAPHQL_JSON),
        (f"{GRAPHQL_JSON};q=0,*/*", PLAIN_JSON),
        ("Application/GraphQL-Response+JSON ; Q=1.0", GRAPHQL_JSON),
        (f'{GRAPHQL_JSON}; charset="UTF-8"', GRAPHQL_JSON),
        (f"{PLAIN_JSON}; charset=utf-8; q=0.5, text/csv", PLAIN_JSON),
        ("application/json, multipart/mixed", PLAIN_JSON),
        (URQL, GRAPHQL_JSON),
        (BROWSER, PLAIN_JSON),
    ],
)
def test_the_answer_has_the_type_that_is_wanted_most(accept: str, expected: str) -> None:
    """Weights decide, then how exactly a type is named, then what can tell a refusal."""
    assert answer_type(accept) == expected


@pytest.mark.parametrize(
    "accept",
    [
        "text/html",
        "text/csv, image/*",
        "text/event-stream",
        "application/jsonfoo",
        "json",
        f"{PLAIN_JSON};q=0",
        "*/*;q=0",
        f"{PLAIN_JSON};q=2",
        f"{PLAIN_JSON};q=x",
        f"{PLAIN_JSON};charset=utf-16",
        f"{GRAPHQL_JSON};charset=utf-16;q=0.9",
        ",;,",
        f"{PLAIN_JSON}," * (ACCEPT_MAX // 16),
    ],
    ids=lambda accept: accept[:40],
)
def test_a_client_that_takes_none_of_ours_gets_none(accept: str) -> None:
    """Nothing is sent that the client said it cannot read."""
    assert answer_type(accept) is None


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (BROWSER, True),
        ("TEXT/HTML", True),
        ("text/html;q=0.1", True),
        ("text/html;q=0", False),
        ("*/*", False),
        ("text/*", False),
        ("", False),
        (PLAIN_JSON, False),
        ("text/html," * ACCEPT_MAX, False),
    ],
    ids=lambda value: str(value)[:40],
)
def test_the_page_is_for_who_names_html(accept: str, expected: bool) -> None:
    """A tool that takes anything wants data, a browser names HTML."""
    assert names_html(accept) is expected


PENDING, PATCHES = PartsShape.PENDING, PartsShape.PATCHES


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", None),
        ("*/*", None),
        ("multipart/*", None),
        (PLAIN_JSON, None),
        (URQL, PATCHES),
        (f"{PLAIN_JSON}, multipart/mixed", PATCHES),
        ("multipart/mixed", PATCHES),
        ("Multipart/Mixed; Q=1.0", PATCHES),
        (f"multipart/mixed;deferSpec=20220824,{GRAPHQL_JSON},{PLAIN_JSON};q=0.9", PATCHES),
        ('multipart/mixed; boundary="-"; deferSpec="20220824"', PATCHES),
        (f"multipart/mixed;incrementalSpec=v0.2,{GRAPHQL_JSON},{PLAIN_JSON};q=0.9", PENDING),
        ("multipart/mixed, multipart/mixed;incrementalSpec=v0.2", PENDING),
        ("multipart/mixed, multipart/mixed;incrementalSpec=v0.2;q=0.5", PATCHES),
        (f"multipart/mixed;q=0.5, {PLAIN_JSON}", None),
        (f"multipart/mixed;q=0.5, {PLAIN_JSON};q=0.5", PATCHES),
        ("multipart/mixed;q=0", None),
        ("multipart/mixed;deferSpec=20200101", None),
        ('multipart/mixed;subscriptionSpec="1.0"', None),
        ("multipart/mixed;deferSpec=20220824;subscriptionSpec=1.0", None),
        ("multipart/mixed," * ACCEPT_MAX, None),
    ],
    ids=lambda value: str(value)[:60],
)
def test_parts_are_for_who_names_them(accept: str, expected: PartsShape | None) -> None:
    """A shape is named by its parameter, the older one also by none; weights decide."""
    assert parts_shape(accept) is expected


@pytest.mark.parametrize("accept", ["multipart/mixed", "multipart/mixed;incrementalSpec=v0.2"])
def test_who_reads_parts_reads_json(accept: str) -> None:
    """An answer without parts, and a refusal, is JSON also for who names nothing else."""
    assert answer_type(accept) == PLAIN_JSON


@given(st.text(alphabet=st.sampled_from('aj/*+;,=q0.1 "-'), max_size=40) | st.text(max_size=40))
def test_no_header_breaks_the_reading(accept: str) -> None:
    """Whatever stands in the header, one of our types or none is the answer."""
    assert answer_type(accept) in {GRAPHQL_JSON, PLAIN_JSON, None}
    assert names_html(accept) in {True, False}
    assert parts_shape(accept) in {*PartsShape, None}


@given(st.permutations([GRAPHQL_JSON, f"{PLAIN_JSON};q=0.9", "text/csv", "*/*;q=0.1"]))
def test_the_order_of_the_ranges_says_nothing(ranges: list[str]) -> None:
    """Only weights do."""
    assert answer_type(", ".join(ranges)) == GRAPHQL_JSON
