"""The indexed headers find what the library's find."""

from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from casegraph.edge.headers import RequestHeaders

NAMES = st.sampled_from(["accept", "x-a", "x-b", "traceparent"])
LINES = st.lists(st.tuples(NAMES.map(str.encode), st.binary(max_size=4)), max_size=6)


@given(lines=LINES, asked=NAMES | NAMES.map(str.title) | st.text(max_size=4))
def test_every_look_finds_the_same(lines: list[tuple[bytes, bytes]], asked: str) -> None:
    """First lines, all lines, absence, in any case of the letters."""
    ours, theirs = RequestHeaders(lines), Headers(raw=lines)
    if not asked.isascii():
        assert asked not in ours
        return

    assert ours.get(asked) == theirs.get(asked)
    assert ours.get(asked, "else") == theirs.get(asked, "else")
    assert (asked in ours) == (asked in theirs)
    assert ours.getlist(asked) == theirs.getlist(asked)
    assert ours.items() == theirs.items()
    assert ours == theirs
