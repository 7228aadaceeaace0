"""Measures the gateway as clients and its machine see it, beside others where there are any.

From the project's folder, on an otherwise idle machine with two cores:

    PYTHONPATH=tests python -m bench.side_by_side
    PYTHONPATH=tests python -m bench.side_by_side --harness FOLDER --peers mercurius-jit,yoga,apollo

Alone it asks casegraph over its own sandbox. With the folder of a harness (a simulator, peers,
queries; also BENCH_HARNESS), its simulator stands for the upstreams and its peers run too.
Invariant: nothing is measured before all give the same data, and versions are printed.
"""

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.chapters import DEFAULT_PEERS, OURS, REFERENCE, Chapter, chapters, peers
from bench.contestants import (
    LOAD_CORE,
    Contestant,
    Upstreams,
    running_gateways,
    running_upstreams,
)
from bench.questions import FIVE, Asked, in_our_words, in_their_words, verify, walked
from bench.rounds import measure

_PACKAGES = ("casegraph", "strawberry-graphql", "graphql-core", "uvicorn", "uvloop", "httptools")
_MOST_CASES = 2500


def options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(
        prog="bench.side_by_side", description=(__doc__ or "").split("\n", maxsplit=1)[0]
    )
    parser.add_argument("--harness", type=Path, default=os.environ.get("BENCH_HARNESS"))
    parser.add_argument("--peers", default=",".join(DEFAULT_PEERS), help="Peers of the harness.")
    parser.add_argument("--only", default="", help=f"Chapters: {', '.join(chapters())}.")
    parser.add_argument("--queries", default=",".join(FIVE))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="Of one sample.")
    parser.add_argument("--cases", type=int, default=_MOST_CASES, help="Of the sandbox.")
    parser.add_argument("--json", type=Path, help="File for all figures.")
    chosen = parser.parse_args(arguments)
    chosen.harness = Path(chosen.harness).resolve() if chosen.harness else None
    return chosen


def run(chosen: argparse.Namespace) -> None:
    """Verify, measure and print."""
    os.sched_setaffinity(0, {LOAD_CORE})
    known = chapters(chosen.queries.split(","))
    names = chosen.only.split(",") if chosen.only else list(known)
    if not known.keys() >= set(names):
        raise SystemExit(f"Chapters are {', '.join(known)}.")
    others = peers(chosen.harness, chosen.peers.split(",")) if chosen.harness else []
    told: dict[str, Any] = {"at": datetime.now(UTC).isoformat(), "versions": _versions()}
    _say(_heading(told, chosen))
    with running_upstreams(chosen.harness, chosen.cases) as upstreams:
        asked = _verified(upstreams, [known[name] for name in names], others, chosen)
        for name in names:
            told[name] = _chapter(known[name], upstreams, asked, others, chosen)
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(told, indent=1))


def _verified(
    upstreams: Upstreams,
    wanted: Sequence[Chapter],
    others: Sequence[Contestant],
    chosen: argparse.Namespace,
) -> Asked:
    """Return the questions, once everyone who will be measured has answered them alike."""
    everyone = {each.name: each for chapter in wanted for each in chapter.contestants}
    everyone |= {each.name: each for each in others}
    reference = min(others, key=lambda each: each.is_floor, default=REFERENCE)
    candidates = [each for name, each in everyone.items() if name != reference.name]
    with running_gateways([OURS, reference], upstreams) as (ours, first):
        cases = walked(ours, _MOST_CASES)
        theirs = in_their_words(chosen.harness, len(cases.ids)) if chosen.harness else {}
        asked = Asked(in_our_words(cases), theirs)
        compared = 0
        for each in candidates:  # one at a time: each takes memory
            with running_gateways([each], upstreams) as started:
                compared += verify(first, started, asked, chosen.harness)
    _say(
        f"\nSame data: {len(candidates)} {'gateway' if len(candidates) == 1 else 'gateways'} gave"
        f" {compared} answers, each as {reference.name} gave it, over {len(cases.ids):,} cases.",
    )
    return asked


def _chapter(
    chapter: Chapter,
    upstreams: Upstreams,
    asked: Asked,
    others: Sequence[Contestant],
    chosen: argparse.Namespace,
) -> list[dict[str, Any]]:
    """Measure and print one chapter; returns its figures."""
    contestants = [*chapter.contestants, *(others if chapter.has_peers else ())]
    with running_gateways(contestants, upstreams) as gateways:
        at_start = {each.contestant.name: each.megabytes("VmRSS") for each in gateways}
        figures = measure(gateways, upstreams, asked, chapter.tasks, chosen.rounds, chosen.seconds)
    _say("\n".join([f"\n### {chapter.title}\n", *chapter.table(figures)]))
    return [each.summary() | {"megabytes_at_start": at_start[each.contestant]} for each in figures]


def _versions() -> dict[str, str]:
    found = {name: version(name) for name in _PACKAGES}
    return {"python": platform.python_version(), **found}


def _heading(told: dict[str, Any], chosen: argparse.Namespace) -> str:
    versions = ", ".join(f"{name} {each}" for name, each in told["versions"].items())
    load = " / ".join(f"{each:.1f}" for each in os.getloadavg())
    where = "over a harness's simulator" if chosen.harness else "over the project's sandbox"
    node = _node() if chosen.harness else ""
    return (
        f"{told['at'][:16]}Z, {where}; {chosen.rounds} rounds of {chosen.seconds:g} s, best"
        f" (median); load of the machine before: {load}.\n{versions}{node}, {platform.machine()},"
        f" {os.cpu_count()} cores."
    )


def _say(text: str) -> None:
    """Print at once: a run takes minutes, and each chapter is worth reading when it is there."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _node() -> str:
    told = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False)  # noqa: S607  as the harness finds it
    return f", node {told.stdout.strip()}"


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was started is ended, too
    run(options(sys.argv[1:]))
