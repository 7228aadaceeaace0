"""Several processes behind one socket: served, replaced, and gone with their parent."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from casegraph.errors import SettingsInvalid
from casegraph.settings import load_settings
from support.command import run_command, started_command
from support.gateway import plain_client
from support.upstreams import Upstreams

PROGRAM = """
import functools, os, sys, time
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from casegraph.serving import Stopping, bind, serve_bound
from casegraph.workers import WorkerFailed, serve_with_workers

async def pid(_request):
    return PlainTextResponse(str(os.getpid()))

def work(drain, bound, ready):
    if drain < 0:
        raise SystemExit(3)
    app = Starlette(routes=[Route("/", pid)])
    serve_bound(app, bound, ready, Stopping(drain_seconds=drain))

if __name__ == "__main__":
    with bind("127.0.0.1", 0) as bound:
        port = bound.getsockname()[1]
        tell = functools.partial(print, port, flush=True)
        try:
            serve_with_workers(2, bound, functools.partial(work, float(sys.argv[1])), tell, 60)
        except WorkerFailed:
            sys.exit(7)
"""
PATIENCE = 30


@contextmanager
def crew(folder: Path, drain: float = 0.0) -> Iterator[subprocess.Popen[str]]:
    """Run two workers of a small application."""
    program = folder / "program.py"
    program.write_text(PROGRAM)
    with subprocess.Popen(  # noqa: S603 - our own interpreter and our own script
        [sys.executable, str(program), str(drain)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def url_of(process: subprocess.Popen[str]) -> str:
    """Return where the workers serve, once they do."""
    assert process.stdout is not None
    return f"http://127.0.0.1:{int(process.stdout.readline())}/"


def pids(url: str, at_least: int) -> set[int]:
    """Return who serves; each request is a connection of its own."""
    found: set[int] = set()
    until = time.monotonic() + PATIENCE
    with plain_client() as client:
        while len(found) < at_least and time.monotonic() < until:
            found.add(int(client.get(url, headers={"connection": "close"}).text))
    return found


def is_alive(pid: int) -> bool:
    """Return whether a process runs."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def gone(workers: set[int]) -> bool:
    """Return whether all of these end in time."""
    until = time.monotonic() + PATIENCE
    while any(map(is_alive, workers)) and time.monotonic() < until:
        os.sched_yield()
    return not any(map(is_alive, workers))


def test_workers_serve_and_are_replaced_and_stop(tmp_path: Path) -> None:
    """Two processes answer; one that is killed has a successor; a signal ends all of them."""
    with crew(tmp_path) as process:
        url = url_of(process)
        before = pids(url, 2)
        groups = {os.getpgid(pid) for pid in before}
        os.kill(min(before), signal.SIGKILL)
        assert gone({min(before)})
        after = pids(url, 2)
        process.send_signal(signal.SIGTERM)
        code = process.wait(PATIENCE)

        assert (len(before), len(after), len(before | after)) == (2, 2, 3)
        assert groups == before  # a terminal's Ctrl-C reaches the parent alone, and once
        assert code == 0
        assert gone(after)


def test_of_two_signals_the_second_ends_them(tmp_path: Path) -> None:
    """A minute of draining is cut short by asking again."""
    with crew(tmp_path, drain=60.0) as process:
        workers = pids(url_of(process), 2)
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGINT)

        assert process.wait(PATIENCE) == 0
        assert gone(workers)


def test_workers_do_not_outlive_a_parent_that_was_killed(tmp_path: Path) -> None:
    """Nobody is left on the port when the parent could not say goodbye."""
    with crew(tmp_path) as process:
        workers = pids(url_of(process), 2)
        process.kill()
        process.wait(PATIENCE)

        assert gone(workers)


def test_workers_that_cannot_start_end_the_parent(tmp_path: Path) -> None:
    """A fault at every start is told by the exit code, and not tried for ever."""
    with crew(tmp_path, drain=-1.0) as process:
        assert process.wait(PATIENCE) == 7


def test_the_command_serves_with_workers(upstreams: Upstreams) -> None:
    """It says where it listens once all accept connections, answers, and stops with success."""
    with started_command(
        "serve", "--workers", "2", "--port", "0", variables=upstreams.environment
    ) as running:
        url = running.read_until(r"GraphQL +(\S+)")[1]
        answers = [httpx.post(url, json={"query": "{ __typename }"}).json() for _ in range(4)]
        code = running.stop(signal.SIGTERM)

    assert answers == [{"data": {"__typename": "Query"}}] * 4
    assert code == 0
    assert "Traceback" not in running.said


def test_wrong_settings_are_told_once_and_before_listening() -> None:
    """The parent refuses them; no worker is started for them."""
    ended = run_command("serve", "--workers", "2", "--host", "0.0.0.0", "--port", "0")

    assert ended.returncode == 2
    assert ended.stderr.startswith("casegraph: CASEGRAPH_HOST: ")
    assert "CASEGRAPH_AUTH__ANYONE" in ended.stderr


def test_workers_share_a_pace_between_them(
    upstreams: Upstreams, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without Redis each has its part of what a vendor allows; with it they hold it together."""
    for name, value in upstreams.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CASEGRAPH_CASE_REVIEWS__MAX_PER_SECOND", "0.5")
    alone = load_settings()
    part = alone.of_one_worker(4)
    monkeypatch.setenv("CASEGRAPH_CACHE__URL", "redis://127.0.0.1:1/0")
    together = load_settings().of_one_worker(4)
    monkeypatch.setenv("CASEGRAPH_CACHE__URL", "memory://")
    monkeypatch.setenv("CASEGRAPH_FEED__FILE", "feeds.sqlite")

    assert part.case_reviews.max_per_second == 0.125
    assert (part.case_reviews.burst, part.ratings.concurrency) == (1, 2)
    assert together.case_reviews.max_per_second == 0.5
    with pytest.raises(SettingsInvalid, match="CASEGRAPH_FEED__FILE"):
        load_settings().of_one_worker(2)
