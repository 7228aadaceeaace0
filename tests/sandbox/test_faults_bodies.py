"""What faults do to bodies, as functions: for every body, and nothing beyond what was asked."""

import copy
import gzip
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casegraph.sandbox.fault_bodies import broken, dropped, gzipped, padded, replaced

FORMS = ["cut", "empty", "words", "nan", "duplicate_keys", "bad_utf8", "deep"]
KEYS = st.text("ab/~*0", max_size=3)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


def pointer(*keys: str) -> str:
    """Write a JSON pointer."""
    return "".join("/" + key.replace("~", "~0").replace("/", "~1") for key in keys)


@settings(deadline=None)
@given(st.binary(max_size=200), st.integers(0, 300))
def test_padding_reaches_the_size_and_keeps_the_body(body: bytes, size: int) -> None:
    """The body stands in front, unchanged, whatever the size."""
    result = padded(body, size)
    assert max(size, len(body)) == len(result)
    assert body == result[: len(body)]


@settings(deadline=None)
@given(st.binary(max_size=200), st.integers(0, 200_000), st.integers(1, 3))
def test_gzip_unpacks_to_the_padded_body(body: bytes, size: int, times: int) -> None:
    """So many times gzip, and the padded body is inside."""
    packed = gzipped(body, size, times)
    for _ in range(times):
        packed = gzip.decompress(packed)
    assert padded(body, size) == packed


@settings(deadline=None)
@given(JSON.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=50))
@pytest.mark.parametrize("form", FORMS)
def test_broken_json_is_refused_by_a_strict_reader(form: str, body: bytes) -> None:
    """Whatever the body was, no strict reader takes it any more."""

    def no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) < len(pairs):
            raise ValueError("twice")
        return dict(pairs)

    def no_constant(name: str) -> None:
        raise ValueError(name)

    with pytest.raises((ValueError, RecursionError)):
        json.loads(broken(body, form), object_pairs_hook=no_twins, parse_constant=no_constant)


@settings(deadline=None)
@given(JSON, st.lists(KEYS | st.integers(0, 3).map(str) | st.just("*"), max_size=3))
def test_paths_that_lead_nowhere_change_nothing(value: Any, keys: list[str]) -> None:
    """Any path over any body gives JSON again, and the same where nothing is at the path."""
    body = json.dumps(value).encode()
    path = pointer(*keys)
    found = list(places(value, keys))
    changed = json.loads(replaced(body, path, "new"))
    assert (changed == value) is (not found or all(each == "new" for each in found))
    if keys:
        gone = json.loads(dropped(body, path))
        assert (gone == value) is not found


def places(value: Any, keys: list[str]) -> Any:
    """Yield what stands at the path, found in another way than the code does."""
    if not keys:
        yield value
    elif isinstance(value, dict):
        for key in value if keys[0] == "*" else [keys[0]]:
            if key in value:
                yield from places(value[key], keys[1:])
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            if keys[0] == "*" or (keys[0].isdigit() and int(keys[0]) == number):
                yield from places(inner, keys[1:])


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("", "unexpected"),
        ("/items", {"items": "unexpected", "total": 2}),
        ("/total", {"items": [{"a/b": 1}, {"a/b": None}], "total": {"unexpected": True}}),
        (
            "/items/*/a~1b",
            {"items": [{"a/b": {"unexpected": True}}, {"a/b": {"unexpected": True}}], "total": 2},
        ),
        ("/items/1", {"items": [{"a/b": 1}, "unexpected"], "total": 2}),
        ("/items/9", {"items": [{"a/b": 1}, {"a/b": None}], "total": 2}),
        ("/items/" + "9" * 5000, {"items": [{"a/b": 1}, {"a/b": None}], "total": 2}),
    ],
)
def test_another_type_is_put_at_the_path(path: str, expected: Any) -> None:
    """A scalar becomes an object and a container a text, at each place and nowhere else."""
    body = {"items": [{"a/b": 1}, {"a/b": None}], "total": 2}
    before = copy.deepcopy(body)
    assert expected == json.loads(replaced(json.dumps(body).encode(), path))
    assert before == body


def test_elements_are_dropped_from_behind() -> None:
    """Dropping every element empties the list, though places move."""
    assert dropped(b'{"a": [1, 2, 3]}', "/a/*") == b'{"a":[]}'


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff"])
def test_what_is_no_json_stays(body: bytes) -> None:
    """Paths lead nowhere in a body that is not JSON."""
    assert (body, body) == (replaced(body, "/a", 1), dropped(body, "/a"))
