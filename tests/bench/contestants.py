"""Who is measured: gateways and the upstreams below them, each a process of its own.

With the folder of a side-by-side harness, its simulator stands in for the upstreams and its peers
can be asked too; without, the project's own sandbox does, and only casegraph runs. Gateways share
one core, upstreams and clients the other, where the machine has two.
Invariant: what was started is gone after the context, by its own id.
"""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

PEER = Path(__file__).parent / "peer"
FLOOR = Path(__file__).parent / "floor"
_PATIENCE_SECONDS = 120.0
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_CORES = sorted(os.sched_getaffinity(0))
GATEWAY_CORE, LOAD_CORE = _CORES[0], _CORES[-1]


@dataclass(frozen=True)
class Contestant:
    """A gateway as it is to be started."""

    name: str
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path = PEER
    """Where its run.sh is."""

    @property
    def is_ours(self) -> bool:
        """Whether it speaks our schema."""
        return self.folder == PEER

    @property
    def is_floor(self) -> bool:
        """Whether it speaks no GraphQL and knows the five queries by their names alone."""
        return self.name.startswith("floor-")


@dataclass
class Gateway:
    """A running contestant."""

    contestant: Contestant
    port: int
    process: subprocess.Popen[bytes]

    def cpu_seconds(self) -> float:
        """Return the CPU time of its process so far, user and system."""
        stat = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(stat[11]) + int(stat[12])) / _TICKS_PER_SECOND

    def megabytes(self, which: str) -> float:
        """Return its memory: VmRSS as it is, VmHWM at most so far."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(rf"^{which}:\s+(\d+) kB", status, re.MULTILINE)
        assert found is not None
        return int(found[1]) / 1024

    def forget_peak(self) -> None:
        """Let VmHWM begin anew, at what is resident now."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def ask(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer to one question; raises when it is none, or has errors."""
        answer: dict[str, Any] = json.loads(
            fetch(f"http://127.0.0.1:{self.port}/graphql", question)
        )
        if "errors" in answer:
            raise SystemExit(f"{self.contestant.name}: {json.dumps(answer['errors'])[:500]}")
        return answer


class Upstreams(Protocol):
    """The four systems below a gateway."""

    @property
    def environment(self) -> Mapping[str, str]:
        """What points a gateway here."""

    def delay(self, milliseconds: float, upstream: str | None = None) -> None:
        """Let every call take at least so long, or those to one upstream."""

    def calls(self) -> int:
        """Return the calls since this was last asked."""


class Simulator:
    """The harness's simulator."""

    def __init__(self, base: str) -> None:
        self._base = base
        self.environment = {"UPSTREAM": base, "UPSTREAM_CONNECTIONS": "64"}

    def delay(self, milliseconds: float, upstream: str | None = None) -> None:
        """Set the latency."""
        which = {"case_reviews": "&ep=reviews", "ratings": "&ep=ratings"}.get(upstream or "", "")
        fetch(f"{self._base}/__latency?ms={milliseconds:g}{which}")

    def calls(self) -> int:
        """Return the calls since this was last asked."""
        counted: int = json.loads(fetch(f"{self._base}/__stats?reset=1"))["total"]
        return counted


class Sandbox:
    """The project's sandbox."""

    def __init__(self, base: str, environment: Mapping[str, str]) -> None:
        self._control = f"{base}/__control"
        self.environment = environment

    def delay(self, milliseconds: float, upstream: str | None = None) -> None:
        """Set the latency."""
        asked = {"ms": milliseconds} | ({"upstream": upstream} if upstream else {})
        fetch(f"{self._control}/latency", asked, "PUT")

    def calls(self) -> int:
        """Return the calls since this was last asked."""
        counted: int = json.loads(fetch(f"{self._control}/calls"))["total"]
        fetch(f"{self._control}/calls", method="DELETE")
        return counted


def fetch(url: str, body: Mapping[str, Any] | None = None, method: str | None = None) -> bytes:
    """Return the body of an answer; raises HTTPError for any that is not a success."""
    headers = {"content-type": "application/json", "accept": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310  loopback
    with urllib.request.urlopen(request, timeout=_PATIENCE_SECONDS) as response:  # noqa: S310
        content: bytes = response.read()
        return content


@contextmanager
def running_upstreams(harness: Path | None, cases: int) -> Iterator[Upstreams]:
    """Start what gateways ask: the harness's simulator, or the sandbox with so many cases."""
    if harness is None:
        with _running_sandbox(cases) as sandbox:
            yield sandbox
        return
    port = free_port()
    command = ["node", str(harness / "simulator" / "server.mjs")]
    with _process(command, {"PORT": str(port)}, LOAD_CORE) as process:
        _await_port(port, process)
        yield Simulator(f"http://127.0.0.1:{port}")


@contextmanager
def _running_sandbox(cases: int) -> Iterator[Sandbox]:
    port = free_port()
    command = [sys.executable, "-m", "casegraph", "sandbox"]
    options = ["--port", str(port), "--cases", str(cases)]
    with _process([*command, *options], {}, LOAD_CORE, subprocess.PIPE) as process:
        assert process.stdout is not None
        environment: dict[str, str] = {}
        while "CASEGRAPH_CUSTOMER_CASES__URL" not in environment:
            line = process.stdout.readline().decode()
            if not line:
                raise SystemExit("The sandbox did not start.")
            if line.startswith("export "):
                name, _, value = shlex.split(line)[1].partition("=")
                environment[name] = value
        base = f"http://127.0.0.1:{port}"
        _await_port(port, process)
        yield Sandbox(base, environment)


@contextmanager
def running_gateways(
    contestants: Sequence[Contestant], upstreams: Upstreams
) -> Iterator[list[Gateway]]:
    """Start gateways, one after the other."""
    with ExitStack() as stack:
        started = []
        for each in contestants:
            port = free_port()
            environment = {**upstreams.environment, **each.environment, "PORT": str(port)}
            command = [str(each.folder.resolve() / "run.sh")]
            process = stack.enter_context(_process(command, environment, GATEWAY_CORE))
            _await_port(port, process)
            started.append(Gateway(each, port, process))
        yield started


def free_port() -> int:
    """Return a port that nobody has just now."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        return port


@contextmanager
def _process(
    command: Sequence[str],
    environment: Mapping[str, str],
    core: int,
    stdout: int = subprocess.DEVNULL,
) -> Iterator[subprocess.Popen[bytes]]:
    outside = {name: each for name, each in os.environ.items() if not name.startswith("CASEGRAPH_")}
    with subprocess.Popen(  # noqa: S603  our own command, or one of the folder that was named
        command,
        stdout=stdout,
        stderr=subprocess.DEVNULL,
        env={**outside, "CASEGRAPH_PYTHON": sys.executable, **environment},
    ) as process:
        os.sched_setaffinity(process.pid, {core})
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(15)
            process.kill()


def _await_port(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < until and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)  # a port that opens tells nobody
    raise SystemExit(f"{process.args!r} does not listen on {port}.")
