"""The compiled engine answers random operations as graphql-core does, over any data."""

import asyncio
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from casegraph.engine.compiled import CompiledEngine
from casegraph.engine.standard import Operation
from engine.differential.dice import dice
from engine.differential.grounds import NAMES, RANDOM, ground
from engine.differential.replay import command
from engine.differential.trying import Ground, Tally, Trial, drawn, engine_for, tried

DOCUMENTS = 14
"""Of each schema in the default suite, each run eight times."""
SOAK_DOCUMENTS = 3_400
"""Of each schema in the soak, which has 20,400 with those of random schemas."""
_PER_RANDOM_SCHEMA = 8
_PER_ENGINE = 200

pytestmark = pytest.mark.filterwarnings(
    # graphql-core leaves coroutines behind where a sibling fails at once.
    "ignore:coroutine .* was never awaited:RuntimeWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)


def differences(chosen: Ground, seeds: range, tally: Tally) -> list[str]:
    """Return how one engine differs that runs all these trials."""
    found: list[str] = []
    engine = engine_for(chosen)
    with asyncio.Runner() as runner:
        for seed in seeds:
            trial = drawn(chosen, dice(seed))
            different = runner.run(tried(chosen, trial, engine, tally))
            if different:
                line = command(chosen.name, seed, seed - seeds.start)
                found.append("\n".join((line, *different)))
    return found


@pytest.mark.parametrize("name", NAMES)
def test_random_operations_come_to_the_same(name: str) -> None:
    """Same data, same key order, same errors, whatever is asked of whatever data."""
    tally = Tally()

    found = differences(ground(name), range(DOCUMENTS), tally)

    assert not found, found[0]
    assert tally.invalid <= tally.documents * 0.1
    assert tally.with_errors >= tally.runs * 0.2


def test_operations_of_random_schemas_come_to_the_same() -> None:
    """The same holds for schemas that nobody wrote."""
    for seed in range(8):
        found = differences(ground(f"{RANDOM}{seed}"), range(3), Tally())

        assert not found, found[0]


@pytest.mark.parametrize("name", NAMES)
def test_most_of_them_are_run_by_plans(name: str) -> None:
    """What is compared is the compiled engine, not graphql-core with itself."""
    chosen = ground(name)
    engine = engine_for(chosen)
    trials = [drawn(chosen, dice(seed)) for seed in range(8)]

    planned = [trial for trial in trials if _is_planned(engine, trial)]

    assert len(planned) >= len(trials) * 0.75


def _is_planned(engine: CompiledEngine, trial: Trial) -> bool:
    run = trial.runs[0]
    plan = engine.plan(Operation(trial.document.text, dict(run.variables), run.name))
    return not isinstance(plan, str)


@settings(
    max_examples=15,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)
@given(rng=st.randoms(use_true_random=False), number=st.integers(0, 10))
def test_a_difference_shrinks(rng: Random, number: int) -> None:
    """The same with randomness that Hypothesis draws, so that what it finds is made small."""
    chosen = ground("animals" if number == 0 else f"{RANDOM}{number}")

    with asyncio.Runner() as runner:
        found = runner.run(tried(chosen, drawn(chosen, rng), engine_for(chosen), Tally()))

    assert not found, found[0]


@pytest.mark.soak
@pytest.mark.parametrize("name", [*NAMES, RANDOM])
def test_many_random_operations_come_to_the_same(name: str) -> None:
    """Thousands of each schema, by engines that live through many of them; each failure is told."""
    tally, found = Tally(), []
    step = _PER_RANDOM_SCHEMA if name == RANDOM else _PER_ENGINE
    for start in range(10**6, 10**6 + SOAK_DOCUMENTS, step):
        chosen = ground(f"{RANDOM}{start}" if name == RANDOM else name)
        found += differences(chosen, range(start, start + step), tally)

    print(f"{name}: {tally}", *found[:10], sep="\n")  # noqa: T201  the seeds are to be seen
    assert not found, f"{len(found)} documents differ"
    assert tally.invalid <= tally.documents * 0.1
