"""Plans are shared by requests: each gets its own answer, none leaves anything behind."""

import asyncio
import gc
from dataclasses import replace
from typing import Any

import pytest
from graphql import GraphQLSchema, build_schema, parse, validate

from casegraph.engine.compiled import CompiledEngine
from casegraph.engine.compiled import engine as engine_module
from casegraph.engine.compiled.memory import BYTES_MAX, DOCUMENTS_MAX, SEEN_MAX
from casegraph.engine.compiled.plan import Plan
from casegraph.engine.standard import Operation
from engine.differential.comparing import outcome_of, plain_differences
from engine.differential.dice import dice
from engine.differential.drawing import Source
from engine.differential.grounds import ground
from engine.differential.inputs import Inputs
from engine.differential.odd_values import Turn
from engine.differential.operations import values_for
from engine.differential.trying import (
    Run,
    drawn,
    engine_for,
    judged,
    quiet,
    told_by_core,
)

pytestmark = pytest.mark.filterwarnings(
    # graphql-core leaves coroutines behind where a sibling fails at once, and cancelling does too.
    "ignore:coroutine .* was never awaited:RuntimeWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)


@pytest.mark.parametrize("name", ["office", "animals", "project"])
@pytest.mark.parametrize("seed", range(4))
async def test_requests_that_run_together_get_their_own_answers(name: str, seed: int) -> None:
    """One document, many requests at the same time with other variables and data: no mixing."""
    chosen, rng = ground(name), dice(seed)
    trial = drawn(chosen, rng)
    document, text = parse(trial.document.text), trial.document.text
    assert not validate(chosen.schema, document)
    inputs = Inputs(rng, chosen.wishes.known)
    runs = [
        replace(run, seed=number, variables=values_for(_declared(trial, run), rng, inputs))
        for number, run in enumerate(trial.runs * 2)
    ]
    truths = []
    for run in runs:
        context = await chosen.context(run)
        truths.append(outcome_of(await told_by_core(chosen, document, run, context)))
        await quiet()
    engine = engine_for(chosen)
    contexts = [await chosen.context(run) for run in runs]

    results = await asyncio.gather(
        *(
            engine.run(Operation(text, dict(run.variables), run.name), context)
            for run, context in zip(runs, contexts, strict=True)
        )
    )

    for run, truth, result in zip(runs, truths, results, strict=True):
        got = outcome_of(result)
        assert got.text == truth.text
        if plain_differences(truth, got):
            assert await judged(chosen, document, run, truth, got) == []


def _declared(trial: Any, run: Run) -> Any:
    return trial.document.operations[run.name]


class Endless(Source):
    """Data of which everything that has to be waited for never comes."""

    def turns(self, parent: Any, where: str) -> int:
        """Return more turns than anybody waits."""
        return 10**9 if super().turns(parent, where) else 1


WAITING = """{
  worker(id: "1") { tasks { owner { team(of: { number: 1 }) { name } } due } }
  workers(wanted: { text: "" }) { nextTask { title owner { name } } team(of: { number: 2 }) { name }
  }
  theBoss { name boss { nextTask { owner { name } } } }
  find { owner { tasks { title } } }
}"""


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 5, 8, 13])
async def test_cancelling_a_run_leaves_nothing_running(turns: int) -> None:
    """Wherever a run is when its request ends, its work ends; the plan is fit for others."""
    chosen = ground("office")
    engine = engine_for(chosen)
    run = Run(None, {}, seed=3, oddness=0.0, once=False, again=False)
    operation, others = Operation(WAITING), asyncio.all_tasks()
    for _ in range(3):
        before = outcome_of(await engine.run(operation, await chosen.context(run)))
    for seed in range(6):
        sound: Any = await chosen.context(replace(run, seed=seed))
        request = asyncio.create_task(engine.run(operation, Endless(sound.vocabulary, seed)))
        for _ in range(turns):
            await Turn()
        assert request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request

        assert asyncio.all_tasks() == others

    after = outcome_of(await engine.run(operation, await chosen.context(run)))
    assert after == before
    assert not after.errors
    assert await quiet() == []


async def test_a_run_that_fails_leaves_nothing_running() -> None:
    """Where the whole answer is null at once, what was begun beside it is not left alone."""
    chosen = ground("office")
    engine = engine_for(chosen)
    sound: Any = await chosen.context(Run(None, {}, 1, 0.0, once=False, again=False))
    text = "{ theBoss { name tasks { title } } late: theBoss { team(of: {number: 1}) { name } } }"
    failed = 0
    for seed in range(40):
        context = Source(sound.vocabulary, seed, 0.4)
        result = await engine.run(Operation(text), context)
        failed += result.data is None
        assert await quiet() == []

    assert failed > 5


@pytest.fixture
def plain() -> GraphQLSchema:
    """Return a schema of fields that know their numbers."""
    schema = build_schema("type Query { n(of: Int!): Int self: Query }")
    assert schema.query_type is not None
    schema.query_type.fields["n"].resolve = lambda _, __, of: of
    schema.query_type.fields["self"].resolve = lambda _, __: {}
    return schema


async def flooded(schema: GraphQLSchema, documents: int) -> CompiledEngine:
    """Run so many documents, each often enough to be planned."""
    engine = CompiledEngine(schema)
    for number in range(documents):
        text = f"{{ a: n(of: {number}) }}"
        for _ in range(2):
            assert (await engine.run(Operation(text), None)).data == {"a": number}
    return engine


def assert_bounded(engine: CompiledEngine, documents: int, before: int) -> None:
    """Check that no more is kept than the bounds say, by what the engine says and by what is."""
    assert len(engine._documents) == documents
    assert 0 < engine._documents.weight <= BYTES_MAX
    assert len(engine._seen) <= SEEN_MAX
    assert plans_alive() - before == documents


def plans_alive() -> int:
    """Return how many plans there are."""
    gc.collect()
    return sum(type(each) is Plan for each in gc.get_objects())


async def test_plans_are_let_go(plain: GraphQLSchema, monkeypatch: pytest.MonkeyPatch) -> None:
    """More documents than are kept: those used least recently go, with their plans and code."""
    monkeypatch.setattr(engine_module, "DOCUMENTS_MAX", 15)
    before = plans_alive()

    engine = await flooded(plain, 40)

    assert_bounded(engine, 15, before)


async def test_one_document_has_a_bounded_number_of_plans(plain: GraphQLSchema) -> None:
    """A document with ten switches has a thousand forms, of which few are planned."""
    before, engine = plans_alive(), CompiledEngine(plain)
    names = [f"v{number}" for number in range(10)]
    declared = ", ".join(f"${name}: Boolean!" for name in names)
    fields = " ".join(f"{name}: n(of: 1) @skip(if: ${name})" for name in names)
    text = f"query ({declared}) {{ {fields} x: n(of: 2) }}"
    for number in range(24):
        switches = {name: bool(number >> place & 1) for place, name in enumerate(names)}
        result = await engine.run(Operation(text, switches), None)
        shown = [name for name, is_off in switches.items() if not is_off]
        assert result.data == {**dict.fromkeys(shown, 1), "x": 2}

    gc.collect()
    assert 0 < plans_alive() - before <= 16


@pytest.mark.soak
async def test_ten_thousand_documents_are_not_kept(plain: GraphQLSchema) -> None:
    """Nor is anything else that belongs to them."""
    before = plans_alive()

    engine = await flooded(plain, 10_000)

    assert_bounded(engine, DOCUMENTS_MAX, before)
