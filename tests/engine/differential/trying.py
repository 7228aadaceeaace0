"""One operation run by graphql-core and by an engine, several times over, and compared each time.

An engine compiles a document when it sees it again, and what it has learnt in one run counts in the
next; so every document is run over several data sets, with other variables, by an engine that
lives on.
Invariant: both sides get data of their own, drawn from the same seed.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from inspect import isawaitable
from random import Random
from typing import Any, Protocol

from graphql import DocumentNode, ExecutionResult, Executor, GraphQLSchema, parse, validate
from graphql.execution import experimental_execute_incrementally

from casegraph.engine.compiled import CompiledEngine
from casegraph.engine.limits import Limits
from casegraph.engine.standard import ERRORS_MAX, Operation
from engine.differential.comparing import Outcome, encoded, outcome_of, plain_differences, unlawful
from engine.differential.inputs import Inputs
from engine.differential.operations import Document, OperationMaker, Wishes, values_for
from engine.differential.thorough import thorough

RUNS = 8
"""At the third sight a document is compiled, whoever counts."""
WIDE = Limits(
    characters=10**6,
    tokens=10**6,
    depth=100,
    aliases=10**4,
    root_fields=10**4,
    mutations=10**4,
    operations=10**4,
    directives=10**4,
    fields=10**4,
    comparisons=10**7,
)
"""Limits that no random document meets."""
_ODDNESS = (0.0, 0.03, 0.1, 0.3)


class Engine(Protocol):
    """What is tried."""

    async def run(self, operation: Operation, context: Any) -> ExecutionResult:
        """Return data and errors."""


@dataclass(frozen=True)
class Ground:
    """A schema, how its data is made, and what its operations look like."""

    name: str
    schema: GraphQLSchema
    context: Callable[["Run"], Awaitable[Any]]
    wishes: Wishes = field(default_factory=Wishes)
    options: Mapping[str, Any] = field(default_factory=dict)
    """What the engine is told beside the schema."""


@dataclass(frozen=True)
class Run:
    """One execution of a document."""

    name: str | None
    variables: Mapping[str, Any]
    seed: int
    oddness: float
    once: bool
    """Whether no field is selected twice, so that data may hold what can be used up."""
    again: bool
    """Whether it is run twice over the same objects, as those of a cache are."""


@dataclass(frozen=True)
class Trial:
    """A document and its runs."""

    document: Document
    runs: tuple[Run, ...]


def drawn(ground: Ground, rng: Random) -> Trial:
    """Return a random trial."""
    document = OperationMaker(ground.schema, rng, ground.wishes).make()
    inputs = Inputs(rng, ground.wishes.known)
    runs = []
    names = list(document.operations)
    for _ in range(RUNS):
        name = rng.choice(names)
        variables = values_for(document.operations[name], rng, inputs)
        seed, oddness, again = rng.getrandbits(24), rng.choice(_ODDNESS), rng.random() < 0.2
        once = not (document.is_aliased or again)
        runs.append(Run(name, variables, seed, oddness, once, again))
    return Trial(document, tuple(runs))


@dataclass
class Tally:
    """What a number of trials came to."""

    documents: int = 0
    invalid: int = 0
    runs: int = 0
    with_errors: int = 0
    otherwise_told: int = 0
    """Runs whose errors differ as the specification allows."""
    differences: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """Print the figures."""
        return (
            f"{self.documents} documents ({self.invalid} invalid), {self.runs} runs,"
            f" {self.with_errors} with errors, {self.otherwise_told} told otherwise"
        )


def engine_for(ground: Ground) -> CompiledEngine:
    """Return a new engine that has seen nothing yet."""
    return CompiledEngine(ground.schema, limits=WIDE, as_rows=True, **ground.options)


async def tried(ground: Ground, trial: Trial, engine: Engine, tally: Tally) -> list[str]:
    """Run a trial; returns how the engine differs, each with what it takes to see it."""
    tally.documents += 1
    document = parse(trial.document.text)
    if validate(ground.schema, document):
        tally.invalid += 1
        return []
    found: list[str] = []
    for number, run in enumerate(trial.runs):
        tally.runs += 1
        differences = await compared(ground, document, trial.document.text, run, engine, tally)
        if differences:
            found.append(_report(ground, trial, number, differences))
    return found


async def compared(
    ground: Ground, document: DocumentNode, text: str, run: Run, engine: Engine, tally: Tally
) -> list[str]:
    """Return how one run by the engine differs from graphql-core's."""
    context = await ground.context(run)
    truth = outcome_of(await told_by_core(ground, document, run, context))
    await quiet()
    tally.with_errors += bool(truth.errors)
    context = await ground.context(run)
    operation = Operation(text, dict(run.variables), run.name)
    for _ in range(1 + run.again):
        got = await _told_by(engine, operation, context)
        differences = [] if truth == got else plain_differences(truth, got)
        if differences and truth.text == got.text and not got.noise:
            differences = await judged(ground, document, run, truth, got)
            tally.otherwise_told += not differences
        if differences:
            return differences
    return []


async def _told_by(engine: Engine, operation: Operation, context: Any) -> Outcome:
    """Return what an engine comes to, and what it leaves behind."""
    noise: list[str] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, told: noise.append(str(told.get("message"))))
    result = ExecutionResult(None, None)
    try:
        result = await engine.run(operation, context)
    except Exception as error:  # noqa: BLE001  an engine raises nothing; whatever it is is told
        noise.append(f"raised: {error!r}")
    try:
        noise += [f"still running: {each}" for each in await quiet()]
    finally:
        loop.set_exception_handler(None)
    return outcome_of(result, tuple(noise))


async def judged(
    ground: Ground, document: DocumentNode, run: Run, truth: Outcome, got: Outcome
) -> list[str]:
    """Return what the specification does not allow about errors that differ."""
    if None in {path for _, path, _, _ in (*truth.errors, *got.errors)}:
        return plain_differences(truth, got)
    context = await ground.context(run)
    whole = await thorough(ground.schema, document, context, dict(run.variables), run.name)
    data = json.loads(truth.text)  # which takes half of a surrogate pair, too
    found = list(unlawful(got, data, whole))
    # What judges must itself agree with what is the truth.
    if encoded(whole.data) != truth.text:
        found.append(f"the complete execution came to other data: {encoded(whole.data)!r}")
    found += [f"graphql-core: {each}" for each in unlawful(truth, data, whole)]
    return [*found, *plain_differences(truth, got)] if found else []


async def told_by_core(
    ground: Ground, document: DocumentNode, run: Run, context: Any
) -> ExecutionResult:
    """Return what graphql-core's plain executor comes to."""
    # `execute` refuses schemas that have @defer; this executor is the one that ignores it.
    result: Any = experimental_execute_incrementally(
        ground.schema,
        document,
        context_value=context,
        variable_values=dict(run.variables),
        operation_name=run.name,
        max_coercion_errors=ERRORS_MAX - 1,
        executor_class=Executor,
    )
    told: ExecutionResult = await result if isawaitable(result) else result
    return told


async def quiet() -> list[str]:
    """Let what runs in the background end; returns what does not end by itself."""
    for _ in range(50):
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if not others:
            return []
        await asyncio.sleep(0)
    left = [str(each.get_coro()) for each in others]
    for each in others:
        each.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    return left


def _report(ground: Ground, trial: Trial, number: int, differences: list[str]) -> str:
    run = trial.runs[number]
    return "\n".join(
        (
            f"schema {ground.name}, run {number + 1} of {len(trial.runs)}: {run}",
            trial.document.text,
            *differences,
        )
    )
