"""The bytes of an answer in parts."""

import json

from hypothesis import given
from hypothesis import strategies as st

from casegraph.edge.answers import encode
from casegraph.edge.multipart import content_type, first_part, last_part, later_part
from casegraph.edge.negotiation import PartsShape
from support.parts import split_parts


def test_each_chunk_ends_at_a_boundary() -> None:
    """A reader that waits for the boundary behind a part has it with the part."""
    head = b"\r\nContent-Type: application/json; charset=utf-8\r\n\r\n"

    assert first_part(b"1") == b"\r\n---" + head + b"1\r\n---"
    assert later_part(b"2") == head + b"2\r\n---"
    assert last_part(b"3") == head + b"3\r\n-----\r\n"


@given(st.lists(st.dictionaries(st.text(), st.text() | st.just("\r\n-----\r\n")), min_size=2))
def test_no_text_looks_like_a_boundary(frames: list[dict[str, str]]) -> None:
    """Whatever the frames hold, a reader finds the same frames."""
    first, *others, last = map(encode, frames)
    body = first_part(first) + b"".join(map(later_part, others)) + last_part(last)

    for shape in PartsShape:
        assert split_parts(content_type(shape), body) == json.loads(encode(frames))
