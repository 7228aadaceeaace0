"""The W3C trace context header, read strictly and written anew."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casegraph.telemetry.traceparent import TraceContext, parse

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
CONTEXTS = st.builds(
    TraceContext,
    st.integers(1, 2**128 - 1).map("{:032x}".format),
    st.integers(1, 2**64 - 1).map("{:016x}".format),
    st.integers(0, 3),
)


@given(CONTEXTS)
def test_what_is_written_is_read(context: TraceContext) -> None:
    """Every context reads back as itself."""
    assert context == parse([str(context)])


@given(st.text(alphabet="0123456789abcdefABCDEFg-\r\n ", max_size=70))
def test_anything_read_is_written_valid(text: str) -> None:
    """Whatever is accepted is written as 55 characters that are accepted again."""
    context = parse([text])
    if context is not None:
        assert (55, context) == (len(str(context)), parse([str(context)]))


@given(CONTEXTS, st.integers(0, 54), st.characters())
def test_one_changed_character(context: TraceContext, at: int, char: str) -> None:
    """A header with any one character replaced is either refused or another valid header."""
    text = str(context)
    parsed = parse([text[:at] + char + text[at + 1 :]])
    assert parsed is None or parsed == parse([str(parsed)])


@pytest.mark.parametrize(
    ("header", "flags"),
    [
        (f"00-{TRACE}-{SPAN}-00", 0),
        (f"00-{TRACE}-{SPAN}-01", 1),
        (f"00-{TRACE}-{SPAN}-ff", 3),  # undefined flags are not passed on
        (f" 00-{TRACE}-{SPAN}-01\t", 1),
        (f"01-{TRACE}-{SPAN}-01", 1),
        (f"cc-{TRACE}-{SPAN}-01-what-comes-later", 1),
    ],
)
def test_valid(header: str, flags: int) -> None:
    """Version 00 and what later versions may append are read; version 00 is written."""
    assert f"00-{TRACE}-{SPAN}-{flags:02x}" == str(parse([header]))


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [""],
        [f"00-{TRACE}-{SPAN}-01"] * 2,
        [f"ff-{TRACE}-{SPAN}-01"],
        [f"00-{TRACE}-{SPAN}-01-more"],
        [f"00-{TRACE}-{SPAN}-01\n"],
        [f"00-{TRACE}-{SPAN}"],
        [f"00-{TRACE.upper()}-{SPAN}-01"],
        [f"00-{'0' * 32}-{SPAN}-01"],
        [f"00-{TRACE}-{'0' * 16}-01"],
        [f"00-{TRACE[:-1]}-{SPAN}-01"],
        [f"00_{TRACE}_{SPAN}_01"],
        [f"cc-{TRACE}-{SPAN}-01more"],
        [f"cc-{TRACE}-{SPAN}-01-" + "x" * 300],
        [f"cc-{TRACE}-{SPAN}-01-\u00e9"],
        [f"00-{TRACE}-{SPAN}-\u0660\u0661"],
    ],
)
def test_invalid(headers: list[str]) -> None:
    """A missing, doubled, malformed or all-zero context is none."""
    assert parse(headers) is None
