"""The W3C trace context header: read strictly, written anew, never copied.

What a client sends is passed on to upstreams only when it is a valid `traceparent`, and then as
this gateway writes it, so nothing else can ride along. `tracestate` and `baggage` are dropped, as
the recommendation allows: they are free text from outside.
Invariant: `parse` accepts exactly what the recommendation (level 1, with level 2's random flag)
calls valid, and `parse(str(context)) == context`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_HEADER = re.compile(
    r"(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})"
    r"-(?P<flags>[0-9a-f]{2})(?P<rest>-[!-~]*)?",
    re.ASCII,
)
_LONGEST = 256
"""Later versions may append; nothing sane is longer, and 55 characters are all that is used."""
_NO_TRACE = "0" * 32
_NO_SPAN = "0" * 16
_FORBIDDEN_VERSION = "ff"
_SAMPLED = 0x01
_DEFINED_FLAGS = 0x03
"""Sampled, and level 2's "the trace id is random"; the others must be written as zero."""


@dataclass(frozen=True, slots=True)
class TraceContext:
    """Where in a trace somebody stands: 32 and 16 lower-case hexadecimal digits, and flags."""

    trace_id: str
    span_id: str
    flags: int = _SAMPLED

    def __str__(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{self.flags & _DEFINED_FLAGS:02x}"


def parse(values: Sequence[str]) -> TraceContext | None:
    """Return the context of a request's `traceparent` headers; None when there is no valid one.

    Takes all of them, because two are as bad as a broken one: none can be believed.
    """
    if len(values) != 1 or len(values[0]) > _LONGEST:
        return None
    found = _HEADER.fullmatch(values[0].strip(" \t"))
    if found is None or found["version"] == _FORBIDDEN_VERSION:
        return None
    if found["version"] == "00" and found["rest"] is not None:
        return None
    if found["trace"] == _NO_TRACE or found["span"] == _NO_SPAN:
        return None
    return TraceContext(found["trace"], found["span"], int(found["flags"], 16) & _DEFINED_FLAGS)
