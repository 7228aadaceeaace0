"""Both engines on a share of the queries: what is counted, and that answers are left alone."""

import asyncio
import logging
from typing import Any

import pytest
import strawberry
from graphql import ExecutionResult, GraphQLSchema

from casegraph.engine.shadow import AT_ONCE_MAX, ShadowedEngine
from casegraph.engine.standard import Operation
from casegraph.telemetry.vocabulary import Comparison

CALLS: list[str] = []
"""What was resolved, in order."""


@strawberry.type
class Query:
    """The root."""

    @strawberry.field
    async def one(self) -> int:
        """Count and return."""
        CALLS.append("one")
        return 1


@strawberry.type
class Mutation:
    """The other root."""

    @strawberry.mutation
    def touch(self) -> int:
        """Count and return."""
        CALLS.append("touch")
        return 1


@pytest.fixture
def schema() -> GraphQLSchema:
    """Return the schema, with nothing resolved yet."""
    CALLS.clear()
    return strawberry.Schema(Query, Mutation)._schema


class Altered(ShadowedEngine):
    """Answers wrongly where it is the standard engine's turn."""

    async def by_standard(self, _operation: Operation, context: Any) -> ExecutionResult:
        """Return other data, or fail."""
        if context == "bug":
            raise RuntimeError("a bug")
        return ExecutionResult({"one": 2}, None)


@pytest.mark.parametrize("answers", ["compiled", "standard"])
async def test_a_drawn_query_is_run_twice_and_compared(schema: GraphQLSchema, answers: Any) -> None:
    """The second run comes after the answer, and that they are the same is counted."""
    told: list[Comparison] = []
    engine = ShadowedEngine(schema, share=1, told=told.append, answers=answers, sights=1)

    result = await engine.run(Operation("{ one }"), None)
    before = (list(CALLS), list(told))
    await engine.settled()

    assert result.data == {"one": 1}
    assert before == (["one"], [])
    assert (CALLS, told) == (["one", "one"], [Comparison.SAME])


@pytest.mark.parametrize(
    ("context", "outcome"), [(None, Comparison.DIFFERENT), ("bug", Comparison.FAILED)]
)
async def test_a_difference_is_counted_and_logged_without_values(
    schema: GraphQLSchema, caplog: pytest.LogCaptureFixture, context: Any, outcome: Comparison
) -> None:
    """The answer stays what the first engine gave; the log names operation and position."""
    told: list[Comparison] = []
    engine = Altered(schema, share=1, told=told.append, sights=1)

    with caplog.at_level(logging.ERROR):
        result = await engine.run(Operation("query Q { one }", None, "Q"), context)
        await engine.settled()

    assert (result.data, told) == ({"one": 1}, [outcome])
    assert "Q" in caplog.messages[0]
    if outcome is Comparison.DIFFERENT:
        assert caplog.messages == ["the engines differ on Q at data.one"]


async def test_mutations_and_what_is_not_drawn_run_once(schema: GraphQLSchema) -> None:
    """Nothing is written twice, and the share is kept."""
    told: list[Comparison] = []
    draws = iter([0.5, 0.4])
    engine = ShadowedEngine(
        schema, share=0.45, told=told.append, sights=1, draw=lambda: next(draws)
    )

    for query in ("mutation { touch }", "{ one }", "{ one }"):
        await engine.run(Operation(query), None)
    await engine.settled()

    assert CALLS == ["touch", "one", "one", "one"]
    assert told == [Comparison.SAME]


async def test_second_runs_are_bounded_and_end_with_the_engine(schema: GraphQLSchema) -> None:
    """Beyond the bound queries are run once; closing ends what is under way."""
    told: list[Comparison] = []
    engine = ShadowedEngine(schema, share=1, told=told.append, sights=1)
    for _ in range(AT_ONCE_MAX + 3):
        engine._follow(Operation("{ one }"), ExecutionResult({}, None), _never)

    assert not engine._is_drawn()
    await asyncio.sleep(0)
    await engine.close()
    assert (len(asyncio.all_tasks()), told) == (1, [])


async def _never() -> ExecutionResult:
    await asyncio.Event().wait()
    raise AssertionError
