"""The comparison itself: it lets nothing wrong pass, and nothing right fail."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from graphql import ExecutionResult, GraphQLError, build_schema, parse, validate

from casegraph.engine.standard import StandardEngine
from engine.differential.comparing import outcome_of, unlawful
from engine.differential.dice import dice
from engine.differential.grounds import NAMES, ground
from engine.differential.meddling_engines import FAULTS, Meddle, Meddling
from engine.differential.odd_values import Turn
from engine.differential.thorough import thorough
from engine.differential.trying import WIDE, Tally, drawn, judged, quiet, told_by_core, tried

pytestmark = pytest.mark.filterwarnings(
    # graphql-core leaves coroutines behind where a sibling fails at once.
    "ignore:coroutine .* was never awaited:RuntimeWarning"
)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda each: each.__name__)
async def test_every_planted_fault_is_noticed(fault: Meddle) -> None:
    """A run with the fault differs each time, but for an error that need not have been told."""
    grounds = [ground(name) for name in ("leaves", "animals")]
    meddled, found, tally = 0, [], Tally()
    for seed in range(6):
        chosen = grounds[seed % 2]
        engine = Meddling(StandardEngine(chosen.schema, limits=WIDE), fault)
        trial = drawn(chosen, dice(seed))
        found += await tried(chosen, replace(trial, runs=trial.runs[:4]), engine, tally)
        meddled += engine.meddled

    assert len(found) == meddled - tally.otherwise_told
    assert len(found) > 3


SDL = "type Query { top: Top } type Top { a: Int! b: Int! deep: Deep c: Int } type Deep { d: Int! }"


class Data:
    """Fails in two fields that must not be null, and below one that may be."""

    def __init__(self, *late: str) -> None:
        self._late = late

    def top(self, _info: Any) -> Mapping[str, Any]:
        """Return fields that fail, some of them after a turn."""

        async def later(name: str) -> Any:
            await Turn()
            raise ValueError(name)

        def failing(name: str) -> Any:
            return lambda _info: later(name) if name in self._late else ValueError(name)

        deep = {"d": failing("d")}
        return {"a": failing("a"), "b": failing("b"), "c": failing("c"), "deep": deep}


async def unlawfully(data: Any, *told: str) -> list[str]:
    """Return what is unlawful about telling these errors of the fields above."""
    schema = build_schema(SDL)
    document = parse("{ top { a b c deep { d } } }")
    assert schema.query_type is not None
    schema.query_type.fields["top"].resolve = lambda _, info: Data().top(info)
    whole = await thorough(schema, document, None, {}, None)
    assert whole.data == {"top": None}
    given = [each.error for each in whole.errors if str(each.error.message) in told]
    given += [GraphQLError("made up", path=["top", "e"])] * ("made up" in told)
    return list(unlawful(outcome_of(ExecutionResult(data, given)), data, whole))


@pytest.mark.parametrize(
    "told", [("a",), ("b",), ("a", "b"), ("a", "c"), ("b", "c", "d"), ("a", "b", "c", "d")]
)
async def test_any_error_that_explains_the_null_will_do(told: tuple[str, ...]) -> None:
    """Of what is below a null, one that leads to it is enough, and all may be told."""
    assert await unlawfully({"top": None}, *told) == []


@pytest.mark.parametrize("told", [(), ("c",), ("d",), ("c", "d"), ("a", "made up")])
async def test_a_null_is_explained_by_an_error_that_leads_to_it(told: tuple[str, ...]) -> None:
    """An error of a field that may be null explains no null above it; a made-up one is none."""
    assert len(await unlawfully({"top": None}, *told)) == 1


@pytest.mark.parametrize("name", NAMES)
async def test_a_complete_execution_agrees_with_the_standard_one(name: str) -> None:
    """What judges errors comes to the same data, and calls the standard errors lawful."""
    chosen = ground(name)
    for seed in range(3):
        trial = drawn(chosen, dice(seed))
        document = parse(trial.document.text)
        if validate(chosen.schema, document):
            continue
        for run in trial.runs:
            context = await chosen.context(run)
            truth = outcome_of(await told_by_core(chosen, document, run, context))
            await quiet()
            assert await judged(chosen, document, run, truth, truth) == []
