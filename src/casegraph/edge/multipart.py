"""An answer in parts on the wire: `multipart/mixed`, one JSON object a part.

Readers know that a part has ended by the boundary behind it. So each part is sent together with
that boundary, not with the one in front of it, and can be read as soon as it is there; the last
one brings the end of all.
Invariant: what is sent together ends at a boundary; the first part begins with a line break, which
belongs to the boundary and which some readers look for.
"""

from collections.abc import Mapping

from casegraph.edge.negotiation import PartsShape

_HEADERS = b"\r\nContent-Type: application/json; charset=utf-8\r\n\r\n"
_BOUNDARY = b"\r\n---"
_END = b"--\r\n"


def content_type(shape: PartsShape) -> str:
    """Return the media type of an answer in parts of this shape."""
    return f'multipart/mixed; boundary="-"; {shape.value}'


HEADERS: Mapping[str, str] = {
    # nginx collects what it forwards unless it is told not to.
    "x-accel-buffering": "no"
}
"""Headers of every answer in parts."""


def first_part(frame: bytes) -> bytes:
    """Return the first frame as it is sent."""
    return _BOUNDARY + later_part(frame)


def later_part(frame: bytes) -> bytes:
    """Return a frame between the first and the last as it is sent."""
    return _HEADERS + frame + _BOUNDARY


def last_part(frame: bytes) -> bytes:
    """Return the last frame as it is sent."""
    return later_part(frame) + _END
