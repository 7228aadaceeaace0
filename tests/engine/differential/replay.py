"""Runs one trial again and shows both answers: `python -m engine.differential.replay NAME SEED`.

With a third argument, that many trials before it are run first by the same engine, for what depends
on what an engine has learnt.
"""

import asyncio
import sys

from graphql import parse

from engine.differential.comparing import outcome_of
from engine.differential.dice import dice
from engine.differential.grounds import ground
from engine.differential.trying import Tally, drawn, engine_for, quiet, told_by_core, tried


def command(name: str, seed: int, before: int = 0) -> str:
    """Return what to type to see a trial again."""
    more = f" {before}" if before else ""
    return f"PYTHONPATH=src:tests python -m engine.differential.replay {name} {seed}{more}"


async def replay(name: str, seed: int, before: int) -> list[str]:
    """Show a trial; returns the differences."""
    chosen = ground(name)
    engine, tally = engine_for(chosen), Tally()
    for each in range(seed - before, seed):
        await tried(chosen, drawn(chosen, dice(each)), engine, tally)
    trial = drawn(chosen, dice(seed))
    _say(trial.document.text)
    for run in trial.runs:
        context = await chosen.context(run)
        truth = outcome_of(await told_by_core(chosen, parse(trial.document.text), run, context))
        await quiet()
        _say(f"\n{run}\n{truth.text.decode()}", *map(str, truth.errors))
    found = await tried(chosen, trial, engine, tally)
    _say(f"\n{tally}", *(f"\n{each}" for each in found))
    return found


def _say(*lines: str) -> None:
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    number, *history = map(int, sys.argv[2:])
    sys.exit(bool(asyncio.run(replay(sys.argv[1], number, *(history or [0])))))
