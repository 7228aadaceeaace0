"""Bodies that nobody would send on purpose: read, or a breach of contract, and nothing else."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from casegraph.errors import ContractViolation
from casegraph.upstreams.decode import Shape, Where, read_json
from support.record_samples import SAMPLES, nodes, replaced

WHERE = Where("somebody", "thing")
EACH = pytest.mark.parametrize(("kind", "sample"), SAMPLES.values(), ids=SAMPLES)


def said(attempt: Any) -> Any:
    """Return what a violation says, nothing where there is none; all else fails the test."""
    try:
        attempt()
    except ContractViolation as violation:
        return str(violation)
    return ""


HOSTILE = {
    "empty": b"",
    "blank": b"  \n",
    "nan": b'{"cost": NaN}',
    "infinity": b"[Infinity, -Infinity]",
    "huge_float": b'{"id": 1, "cost": 1e999}',
    "invalid_utf8": b'{"name": "\xff\xfe"}',
    "surrogate": b'{"name": "\\ud800"}',
    "bom": b"\xef\xbb\xbf{}",
    "utf16": '{"id": 1}'.encode("utf-16"),
    "deep_lists": b"[" * 100_000,
    "deep_objects": b'{"items":' * 100_000,
    "deep_closed": b"[" * 5_000 + b"]" * 5_000,
    "huge_integer": b'{"id": ' + b"9" * 5_000_000 + b"}",
    "large_integer": b'{"id": 1, "totalCount": ' + b"9" * 400 + b', "cost": ' + b"9" * 400 + b"}",
    "html": b"<html><body>Down for maintenance</body></html>",
    "cut": b'{"id": 1, "name": "abc',
    "twice": b"{}{}",
    "null": b"null",
    "number": b"5",
    "text": b'"c4n4ry"',
    "list": b"[1, null, {}]",
    "single_quotes": b"{'id': 1}",
    "comment": b'{"id": 1} // c4n4ry',
    "control": b'{"name": "a\x00b"}',
}


@EACH
@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_no_body_raises_anything_but_a_violation(kind: Any, sample: Any, body: Any) -> None:
    """Whatever comes, it is read or it broke the contract; it is never repeated."""
    shape = Shape(kind)
    for attempt in (shape.read, read_json):
        assert "c4n4ry" not in said(lambda attempt=attempt: attempt(body, WHERE))


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(data=st.data(), name=st.sampled_from(sorted(SAMPLES)))
def test_a_body_with_anything_anywhere_is_read_or_is_a_violation(data: Any, name: Any) -> None:
    """Values of a sample replaced by any JSON: no other exception, and no traceback of ours."""
    kind, sample = SAMPLES[name]
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from([path for path, _ in nodes(sample)]))
        try:
            sample = replaced(sample, path, data.draw(ANYTHING))
        except (KeyError, IndexError, TypeError):
            continue  # an earlier replacement has taken this path away
    body = msgspec.json.encode(sample)
    said(lambda: repr(Shape(kind).read(body, WHERE)))


@given(data=st.data(), name=st.sampled_from(sorted(SAMPLES)))
def test_a_body_with_bytes_changed_is_read_or_is_a_violation(data: Any, name: Any) -> None:
    """Bytes of a sample replaced, cut out or put in: no other exception."""
    kind, sample = SAMPLES[name]
    body = bytearray(msgspec.json.encode(sample))
    for _ in range(data.draw(st.integers(1, 6))):
        start = data.draw(st.integers(0, len(body)))
        end = min(len(body), start + data.draw(st.integers(0, 12)))
        body[start:end] = data.draw(
            st.binary(max_size=4) | st.sampled_from([b'"', b"}", b"null", b"-", b"\\u"])
        )
    said(lambda: repr(Shape(kind).read(bytes(body), WHERE)))
