"""Frames of answers in parts: merged, in either shape, they are the whole answer."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from graphql import (
    GraphQLDeferDirective,
    GraphQLError,
    GraphQLSchema,
    GraphQLStreamDirective,
    build_schema,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from casegraph.edge.incremental import Frame, Patches, errors_of, first_frame, later_frame
from casegraph.engine.incremental import Parts
from casegraph.engine.limits import Limits
from casegraph.engine.standard import Operation, StandardEngine
from casegraph.graph import failures
from support.parts import in_order, merged_newer, merged_older

SDL = """
type Query { top: Thing  tops: [Thing] }
type Thing { id: Int! name: String broken: String part: Thing parts: [Thing] must: Must }
type Must { id: Int! never: String! }
"""
ROWS = 3


async def _later(value: Any, turns: int) -> Any:
    """Return a value after some turns of the loop, so that answers come in any order."""
    for _ in range(turns):
        await asyncio.sleep(0)
    return value


def thing(number: int) -> dict[str, int]:
    """Return a thing; what is below it has other numbers."""
    return {"id": number}


def build() -> GraphQLSchema:
    """Return a schema of which each field needs its own number of turns."""
    schema = build_schema(SDL)
    schema.directives = (*schema.directives, GraphQLDeferDirective, GraphQLStreamDirective)

    def fail(source: Any, _info: Any) -> None:
        raise ValueError(f"secret of {source}")

    def parts(source: Any, _info: Any) -> Any:
        base = source["id"] * 10 if source else 0
        return _later([thing(base + index) for index in range(ROWS)], base % 4)

    query, kind, must = (schema.type_map[name].fields for name in ("Query", "Thing", "Must"))
    query["top"].resolve = lambda _source, _info: _later(thing(1), 1)
    query["tops"].resolve = parts
    kind["name"].resolve = lambda source, _info: _later(f"name {source['id']}", source["id"] % 5)
    kind["broken"].resolve = fail
    kind["part"].resolve = lambda source, _info: thing(source["id"] + 3)
    kind["parts"].resolve = parts
    kind["must"].resolve = lambda source, _info: source
    must["never"].resolve = fail
    return schema


ENGINE = StandardEngine(build(), limits=Limits(comparisons=1_000_000))


def present(error: GraphQLError) -> dict[str, Any]:
    """Return an error without its cause."""
    return {"message": "masked", **({"path": error.path} if error.path else {})}


async def frames_of(query: str) -> tuple[list[Frame], list[Frame]]:
    """Return the frames of a query in both shapes, as they would be read from the wire."""
    parts = await ENGINE.run_in_parts(Operation(query), None)
    assert isinstance(parts, Parts), parts
    patches = Patches()
    frame = first_frame(parts.initial, present)
    newer, older = [json.dumps(frame)], [json.dumps(patches.first(frame))]
    async for part in parts.later():
        frame = later_frame(part, present)
        newer.append(json.dumps(frame))
        older.append(json.dumps(patches.later(frame)))
    return [json.loads(each) for each in newer], [json.loads(each) for each in older]


async def whole(query: str) -> Frame:
    """Return the answer to a query as one."""
    result = await ENGINE.run(Operation(query), None)
    return {"data": result.data, "errors": in_order(map(present, result.errors or ()))}


class Writer:
    """Writes random documents; every label is used once, as validation wants it."""

    def __init__(self, draw: Any, labels: str) -> None:
        self._draw = draw
        self._label = labels
        self._labels = iter(range(1000))

    def document(self) -> str:
        """Return a query that puts something off, if only nothing."""
        fields = self._draw(st.lists(st.sampled_from(["top", "tops"]), min_size=1, max_size=2))
        inside = " ".join(self._field(name, 2) for name in fields)
        return f"{{ {inside} ... {self._directive('defer')} {{ __typename }} }}"

    def _selection(self, depth: int) -> str:
        kinds = ["id", "name", "broken", "defer"]
        if depth:
            kinds += ["part", "parts", "defer"]
        chosen = self._draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=3))
        return " ".join(self._one(each, depth) for each in chosen)

    def _one(self, kind: str, depth: int) -> str:
        if kind == "defer":
            return f"... {self._directive('defer')} {{ {self._selection(max(0, depth - 1))} }}"
        return self._field(kind, depth - 1) if kind in {"part", "parts"} else kind

    def _field(self, name: str, depth: int) -> str:
        streamed = ""
        counts = st.integers(-1, ROWS + 1)
        if name in {"parts", "tops"} and (count := self._draw(counts)) >= 0:
            # An alias of its own: a field that is streamed may stand once only.
            name = f"{name}{next(self._labels)}: {name}"
            streamed = f"@stream(initialCount: {count})"
        return f"{name} {streamed} {{ {self._selection(depth)} }}"

    def _directive(self, name: str) -> str:
        label = self._label and self._draw(st.booleans())
        return f'@{name}(label: "{self._label}{next(self._labels)}")' if label else f"@{name}"


@st.composite
def documents(draw: Any, labels: str = "l") -> str:
    """Return a query with @defer and @stream in places that a person would not think of."""
    return Writer(draw, labels).document()


async def answers(query: str) -> tuple[Frame, list[Frame], list[Frame]]:
    """Return the whole answer and the frames in both shapes."""
    return await whole(query), *await frames_of(query)


@settings(max_examples=60)
@given(documents())
def test_all_frames_merged_are_the_whole_answer(query: str) -> None:
    """In both shapes, with errors, whatever is put off where and whatever is ready when."""
    expected, newer, older = asyncio.run(answers(query))

    assert merged_newer(newer) == expected
    assert merged_older(older) == expected
    told = [error for frame in newer for error in errors_of(frame)]
    assert in_order(told) == expected["errors"]


@settings(max_examples=30)
@given(documents(labels="Page$defer$"))
def test_relay_finds_every_fragment_at_its_own_place(query: str) -> None:
    """Each of its labels has one patch, at the path that was announced, and nothing is lost."""
    expected, newer, older = asyncio.run(answers(query))

    promised = [each for frame in newer for each in frame.get("pending", ()) if "label" in each]
    patches = [each for frame in older for each in frame.get("incremental", ()) if "label" in each]
    places = sorted((each["label"], str(each["path"])) for each in promised)
    assert sorted((each["label"], str(each["path"])) for each in patches) == places
    assert merged_older(older, as_relay=True) == expected


async def test_rows_of_a_streamed_list_say_their_index() -> None:
    """In the older shape a patch with rows has the index of its first row."""
    _, older = await frames_of('{ tops @stream(initialCount: 1, label: "rows") { id } }')

    patches = [each for frame in older[1:] for each in frame.get("incremental", ())]
    assert patches[0]["path"] == ["tops", 1]
    assert {each["label"] for each in patches} == {"rows"}
    assert [row for each in patches for row in each["items"]] == [{"id": 1}, {"id": 2}]


async def test_fragments_that_share_fields_are_all_told_of() -> None:
    """Clients of the older shape find each label at the place of its fragment, once."""
    query = """{ top {
      ... @defer(label: "a") { part { id } }
      ... @defer(label: "b") { part { id } }
      ... @defer(label: "c") { part { id name } name }
    } }"""

    _, older = await frames_of(query)

    patches = [each for frame in older[1:] for each in frame.get("incremental", ())]
    places = [(each["label"], *each["path"]) for each in patches]
    assert sorted(places) == [("a", "top"), ("b", "top"), ("c", "top"), ("c", "top", "part")]
    assert merged_older(older) == await whole(query)


async def test_a_fragment_that_fails_as_a_whole_is_null() -> None:
    """A null that reaches a fragment's border ends it: an error where it completes, or no data."""
    query = '{ top { id must { id ... @defer(label: "m") { never } } } }'

    newer, older = await frames_of(query)

    error = {"message": "masked", "path": ["top", "must", "never"]}
    assert [each for frame in newer[1:] for each in frame["completed"]] == [
        {"id": "0", "errors": [error]}
    ]
    assert [each for frame in older[1:] for each in frame["incremental"]] == [
        {"path": ["top", "must"], "label": "m", "data": None, "errors": [error]}
    ]
    assert merged_newer(newer)["data"] == {"top": {"id": 1, "must": {"id": 1}}}
    assert merged_older(older) == merged_newer(newer)


async def test_no_part_tells_what_went_wrong_inside() -> None:
    """A bug in what came later is told by the request's id, as one in the first part is."""
    query = "{ first: top { broken } ... @defer { top { broken parts @stream { broken } } } }"
    parts = await ENGINE.run_in_parts(Operation(query), None)
    assert isinstance(parts, Parts)

    def masked(error: GraphQLError) -> dict[str, Any]:
        return failures.present(error, "request-7")

    frames = [first_frame(parts.initial, masked)]
    frames += [later_frame(part, masked) async for part in parts.later()]

    errors = [error for frame in frames for error in errors_of(frame)]
    assert len(errors) == ROWS + 2
    assert {error["extensions"]["code"] for error in errors} == {"INTERNAL"}
    assert "secret" not in json.dumps(frames)


def a_failed_stream() -> Iterator[Frame]:
    """Yield frames of a list that fails after a row, which no field of these schemas can do."""
    yield {"data": {"rows": [1]}, "pending": [{"id": "0", "path": ["rows"]}], "hasNext": True}
    yield {"incremental": [{"id": "0", "items": [2]}], "hasNext": True}
    yield {"completed": [{"id": "0", "errors": [{"message": "lost"}]}], "hasNext": False}


def test_a_list_that_fails_ends_at_its_next_row() -> None:
    """In the older shape the rows that will not come are null, with the error."""
    first, *others = a_failed_stream()
    patches = Patches()

    patches.first(first)
    told = [patches.later(each) for each in others]

    assert told == [
        {"incremental": [{"path": ["rows", 1], "items": [2]}], "hasNext": True},
        {
            "incremental": [{"path": ["rows", 2], "items": None, "errors": [{"message": "lost"}]}],
            "hasNext": False,
        },
    ]


@pytest.mark.parametrize(
    "query",
    [
        "{ top { ... @defer(if: false) { name } } }",
        "{ top { parts @stream(if: false) { id } } }",
        '{ top { ...F } } fragment F on Thing { name } # "@defer"',
        "{ top @skip(if: true) { ... @defer { name } } tops @include(if: false) @stream { id } }",
    ],
)
async def test_what_puts_nothing_off_is_answered_whole(query: str) -> None:
    """Directives that are switched off, skipped or only mentioned make no parts."""
    result = await ENGINE.run_in_parts(Operation(query), None)

    assert not isinstance(result, Parts)
    assert (await ENGINE.run(Operation(query), None)).data == result.data
