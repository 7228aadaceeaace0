"""That the comparison runs alone, verifies what it measures and prints its tables."""

import asyncio
import itertools
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from graphql import parse, validate

from bench.chapters import DEFAULT_PEERS, chapters, peers
from bench.closed_loop import closed_loop, percentile, request_bytes
from bench.contestants import PEER
from bench.peer.serve import SAFETIES, bench_settings, upstream_settings
from bench.questions import FIVE, SCALES, Cases, in_our_words
from casegraph import app, serving, wiring
from casegraph.graph.schema import build_schema
from casegraph.settings import unknown_variables
from support.command import environment_with
from support.gateway import running_gateway
from support.upstreams import Upstreams

QUERIES = ("Q2", "Q3")


@pytest.mark.bench
def test_it_runs_alone(tmp_path: Path) -> None:
    """One command over the sandbox: all answers verified, a table for each query, all figures."""
    told = tmp_path / "figures.json"
    short = ["--cases", "100", "--rounds", "1", "--seconds", "0.2", "--json", str(told)]
    asked = ["--only", "queries,parts", "--queries", ",".join(QUERIES)]
    ran = subprocess.run(  # noqa: S603  our own interpreter and our own script
        [sys.executable, "-m", "bench.side_by_side", *short, *asked],
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
        env=environment_with({}),
    )

    assert ran.returncode == 0, ran.stderr
    assert "Same data: 2 gateways gave" in ran.stdout
    assert "strawberry-graphql" in ran.stdout
    figures = json.loads(told.read_text())
    assert {each["task"]["question"] for each in figures["queries"]} == set(QUERIES)
    assert sum(each["failed"] for name in ("queries", "parts") for each in figures[name]) == 0
    for each in figures["queries"]:
        assert each["answers"] >= 10
        assert each["cpu"]["best"] > 0
        assert f"**{each['task']['question']}**" in ran.stdout
    whole, parted = (each["first"]["best"] for each in figures["parts"][-2:])
    assert parted < whole


def test_every_question_is_one_of_this_schema() -> None:
    """A change of the schema that the benchmark has to follow fails here, and not in a long run."""
    schema = build_schema()._schema
    cases = Cases([str(each) for each in range(2000)], [None] * 200)

    asked = in_our_words(cases)

    assert asked.keys() >= {*FIVE, *SCALES}
    for chapter in chapters().values():
        assert asked.keys() >= {task.question for task in chapter.tasks}
    for questions in asked.values():
        assert validate(schema, parse(questions[0]["query"])) == []
        declared = parse(questions[0]["query"]).definitions[0].variable_definitions  # type: ignore[attr-defined]
        assert {each.variable.name.value for each in declared} == questions[0]["variables"].keys()


def test_pages_are_the_whole_ones() -> None:
    """Each begins where the one before ended, and a hub smaller than a page has one."""
    cursors = [None, *(f"c{tens}" for tens in range(1, 25))]
    cases = Cases([str(each) for each in range(245)], cursors)

    assert cases.pages(100) == [None, "c10"]
    assert cases.pages(20) == [None, *(f"c{tens}" for tens in range(2, 24, 2))]
    assert Cases(["1"], [None]).pages(100) == [None]


def test_every_setting_of_the_benchmark_is_one() -> None:
    """A setting that is renamed is not silently left at its default."""
    chosen = bench_settings({}) | upstream_settings("http://127.0.0.1:1")
    contestants = [each for chapter in chapters().values() for each in chapter.contestants]
    names = {f"CASEGRAPH_{name}" for name in chosen}
    names |= {name for each in contestants for name in each.environment if "CASEGRAPH" in name}

    assert unknown_variables(dict.fromkeys(names, "1")) == []


@pytest.mark.parametrize("safety", SAFETIES)
def test_every_safety_is_where_it_is_taken_out(
    safety: str, monkeypatch: pytest.MonkeyPatch, upstreams: Upstreams
) -> None:
    """Without one of them a gateway answers as with all."""
    for module, name in ((app, "OperationCosts"), (app, "wire"), (wiring, "build_chain")):
        monkeypatch.setattr(module, name, getattr(module, name))  # put back after the test
    for name in ("BoundedConnection", "Collector"):
        monkeypatch.setattr(serving, name, getattr(serving, name))

    SAFETIES[safety]()

    with running_gateway(upstreams.environment) as gateway:
        assert gateway.ask("{ cases(hubId: 96, first: 1) { nodes { name } } }").data["cases"]


def test_percentiles_are_of_all_answers() -> None:
    """In milliseconds; of one answer it is that one, and of none there is none."""
    assert percentile([each / 1000 for each in range(1, 101)], 50) == pytest.approx(50.5)
    assert percentile([0.25], 99) == 250
    assert percentile([], 50) == float("inf")


async def test_clients_count_what_fails_and_time_what_does_not() -> None:
    """Whole answers are timed to their first and last bytes; any status but 200 has failed."""
    answers = itertools.cycle([b"200 OK", b"500 Internal Server Error"])

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                break
            length = re.search(rb"content-length: (\d+)", head)
            assert length is not None
            await reader.readexactly(int(length[1]))
            status = next(answers)
            writer.write(b"HTTP/1.1 " + status + b"\r\ncontent-length: 2\r\n\r\n{}")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        sample = await closed_loop(port, [request_bytes({"query": "{ a }"})], 1, 0, at_least=5)

    assert len(sample.whole) == len(sample.first) == 3
    assert sample.failed == 2
    assert all(first <= whole for first, whole in zip(sample.first, sample.whole, strict=True))


def test_only_peers_that_are_known_are_asked() -> None:
    """A misspelt name ends the run before anything is started."""
    assert [each.name for each in peers(PEER, DEFAULT_PEERS)] == list(DEFAULT_PEERS)
    with pytest.raises(SystemExit, match="No peer is called yogurt"):
        peers(PEER, ["yogurt"])
