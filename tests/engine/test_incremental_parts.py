"""Operations run in parts by the engine alone: what ends them, and what is left of them."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from graphql import GraphQLDeferDirective, GraphQLStreamDirective, build_schema

from casegraph.engine.incremental import OutOfTime, Parts
from casegraph.engine.standard import Operation, StandardEngine
from casegraph.transport.deadline import request_deadline

SDL = """
type Query { quick: Int slow: Int broken: Int rows: [Row] }
type Mutation { change: Row }
type Row { slow: Int quick: Int }
"""
ROWS = 150
"""More than the library's queue of a stream holds."""
DEFERRED = '{ quick ... @defer(label: "d") { slow } }'


class Waiting:
    """Resolvers that wait until they are let go, and who waits."""

    def __init__(self) -> None:
        self.let_go = asyncio.Event()
        self.begun = 0
        self.ended: list[str] = []

    async def slow(self) -> int:
        """Answer when let go."""
        self.begun += 1
        try:
            await self.let_go.wait()
        except asyncio.CancelledError:
            self.ended.append("cancelled")
            raise
        self.ended.append("answered")
        return 1


def build() -> StandardEngine:
    """Return an engine over fields that are quick, slow or broken."""
    schema = build_schema(SDL)
    schema.directives = (*schema.directives, GraphQLDeferDirective, GraphQLStreamDirective)
    query, mutation, row = (schema.type_map[name].fields for name in ("Query", "Mutation", "Row"))
    for fields in (query, row):
        fields["slow"].resolve = lambda _source, info: info.context.slow()
        fields["quick"].resolve = lambda _source, _info: 0
    query["rows"].resolve = lambda _source, _info: [{}] * ROWS
    mutation["change"].resolve = lambda _source, _info: {}
    return StandardEngine(schema)


ENGINE = build()


async def parts_of(query: str, context: Waiting) -> Parts:
    """Return the parts of a query that has some."""
    parts = await ENGINE.run_in_parts(Operation(query), context)
    assert isinstance(parts, Parts), parts
    return parts


async def ticks() -> None:
    """Let everything run that can."""
    for _ in range(20):
        await asyncio.sleep(0)


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Set the request's deadline for the time of the context."""
    token = request_deadline.set(time.monotonic() + seconds)
    yield
    request_deadline.reset(token)


async def test_the_first_part_is_there_before_the_second() -> None:
    """What is put off is begun at once and waited for by nobody."""
    waiting = Waiting()

    parts = await parts_of(DEFERRED, waiting)
    await ticks()
    begun = waiting.begun
    waiting.let_go.set()
    later = [part async for part in parts.later()]

    assert parts.initial.data == {"quick": 0}
    assert begun == 1
    assert [part.has_next for part in later] == [False]
    assert later[0].incremental[0].data == {"slow": 1}


async def test_rows_of_a_stream_are_begun_together() -> None:
    """A row does not wait for the row before it, so that their keys are asked together."""
    waiting = Waiting()

    parts = await parts_of("{ rows @stream { slow } }", waiting)
    await ticks()
    begun = waiting.begun
    waiting.let_go.set()
    later = [part async for part in parts.later()]

    assert begun == ROWS
    rows = [row for part in later for each in part.incremental or () for row in each.items]
    assert rows == [{"slow": 1}] * ROWS


@pytest.mark.parametrize("query", [DEFERRED, "{ rows @stream(initialCount: 1) { quick slow } }"])
@pytest.mark.parametrize("when", ["before", "unread", "reading"])
async def test_nothing_is_left_of_parts_that_nobody_reads(query: str, when: str) -> None:
    """Ended before the first part, between the first and the second, or while it is awaited."""
    waiting = Waiting()
    if when == "before":
        query = query.replace("{", "{ first: slow ", 1)
    running = asyncio.create_task(ENGINE.run_in_parts(Operation(query), waiting))
    await ticks()
    if when == "before" or not running.done():
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    else:
        parts = running.result()
        if when == "reading":
            reading = asyncio.create_task(_first_of(parts.later))
            await ticks()
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        else:
            await parts.close()
            await parts.close()
    await ticks()

    assert waiting.begun >= 1
    assert waiting.ended == ["cancelled"] * waiting.begun
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def _first_of(later: Callable[[], AsyncIterator[Any]]) -> Any:
    async for part in later():
        return part
    return None


async def test_what_hangs_past_the_deadline_is_failed() -> None:
    """Whatever it is that nobody bounded: the promise is failed, and the work is ended."""
    waiting = Waiting()
    with deadline(-1):
        parts = await parts_of(DEFERRED, waiting)

        (last,) = [part async for part in parts.later()]

    assert last.has_next is False
    (failed,) = last.completed
    assert failed.id == parts.initial.pending[0].id
    (error,) = failed.errors
    assert isinstance(error.original_error, OutOfTime)
    assert error.original_error.code == "DEADLINE_EXCEEDED"
    assert waiting.ended == ["cancelled"]


async def test_parts_that_cannot_be_made_are_failed() -> None:
    """A fault of the machinery itself is told as one of what was promised, not thrown."""

    async def faulty() -> AsyncIterator[Any]:
        raise RuntimeError("inside")
        yield

    waiting = Waiting()
    parts = await parts_of(DEFERRED, waiting)
    spoiled = Parts(parts.initial, faulty(), parts.executor)

    (last,) = [part async for part in spoiled.later()]
    await parts.close()

    assert [str(error.original_error) for error in last.completed[0].errors] == ["inside"]
    assert last.has_next is False
    assert waiting.ended == ["cancelled"] * waiting.begun


async def test_a_mutation_is_never_in_parts() -> None:
    """What its fields do is done in order, and what they answer comes whole."""
    query = "mutation { change { quick ... @defer { again: quick } } }"

    result = await ENGINE.run_in_parts(Operation(query), Waiting())

    assert not isinstance(result, Parts)
    assert result.data == {"change": {"quick": 0, "again": 0}}


@pytest.mark.parametrize("run", [ENGINE.run, ENGINE.run_in_parts])
@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("{ rows @stream(initialCount: -1) { quick } }", None),
        ("query($n: Int) { rows @stream(initialCount: $n) { quick } }", -1),
        ("query($n: Int = -1) { rows @stream(initialCount: $n) { quick } }", None),
        ("{ ...F } fragment F on Query { rows @stream(initialCount: -7) { quick } }", None),
        ("{ ... @include(if: true) { rows @stream(initialCount: -1) { quick } } }", None),
    ],
)
async def test_a_negative_count_is_the_clients_fault(
    run: Callable[[Operation, Any], Awaitable[Any]], query: str, count: int | None
) -> None:
    """Refused before anything runs, in words that name it."""
    result = await run(Operation(query, {} if count is None else {"n": count}), Waiting())

    assert result.data is None
    assert [error.message for error in result.errors] == [
        "initialCount of @stream must be 0 or more."
    ]


async def test_a_count_of_another_operation_is_not_looked_at() -> None:
    """Its variable has no value here; a document may hold several operations."""
    query = """query A { quick }
      query B($n: Int!) { rows @stream(initialCount: $n) { quick } }"""

    result = await ENGINE.run_in_parts(Operation(query, None, "A"), Waiting())

    assert result.data == {"quick": 0}
