"""Several processes behind one socket, for more than one core's worth of requests.

The parent binds the socket, starts the workers and hands signals on; it serves nothing itself. The
workers share the socket and nothing else, so what must hold over all of them (paces, pauses, kept
data, repeated mutations, rates) is in Redis or it is each worker's own.
Invariants: of two signals the first asks every worker and the second ends them; a worker that dies
is replaced, one that cannot start ends all; no worker outlives its parent, however that ends.
"""

import logging
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from types import FrameType
from typing import TypeAlias

Work: TypeAlias = Callable[[socket.socket, Callable[[], None]], None]
"""What a worker does with the socket until a signal ends it; tells once it accepts connections.

It is pickled, so it is a function of a module, or a partial of one.
"""

_RESTART_SECONDS = 1.0
"""Shortest life after which a worker is replaced at once: a crash at each start is no loop."""
_LOOK_SECONDS = 0.5
_SPAWN = multiprocessing.get_context("spawn")  # a fork would copy threads' locks as they are

_log = logging.getLogger("casegraph.workers")


class WorkerFailed(Exception):
    """A worker ended before it accepted connections; its own log says why."""


@dataclass(slots=True)
class _Worker:
    process: SpawnProcess
    told: Connection
    """Says once that the worker accepts connections."""
    lifeline: Connection
    """Held open by the parent for as long as it lives."""
    born: float
    is_ready: bool = False

    def close(self) -> None:
        self.told.close()
        self.lifeline.close()
        self.process.close()


class _Crew:
    """The workers of one socket."""

    def __init__(self, count: int, bound: socket.socket, work: Work, patience: float) -> None:
        self._bound = bound
        self._work = work
        self._patience = patience
        self._give_up_at = float("inf")
        self._is_stopping = False
        self._missing: list[float] = []
        """When each worker that is to be replaced may be, on the monotonic clock."""
        self.workers = [self._born() for _ in range(count)]

    def stop(self, _signal: int = 0, _frame: FrameType | None = None) -> None:
        """Ask every worker to stop, or the second time to end."""
        # Another signal the second time: two of the same in a moment are one to who receives them.
        asked = signal.SIGINT if self._is_stopping else signal.SIGTERM
        if not self._is_stopping:
            self._is_stopping = True
            self._give_up_at = time.monotonic() + self._patience
        for worker in self.workers:
            if worker.process.is_alive() and worker.process.pid is not None:
                os.kill(worker.process.pid, asked)

    def tend(self, ready: Callable[[], None]) -> None:
        """Watch over the workers until all have ended; raises WorkerFailed."""
        unsaid, failed = True, False
        while self.workers or self._missing:
            self._wait()
            self._replace()
            for worker in self.workers:
                if not worker.is_ready and worker.told.poll():
                    worker.is_ready = _says_so(worker.told)
            for worker in [each for each in self.workers if not each.process.is_alive()]:
                failed = self._ended(worker) or failed
            if unsaid and self.workers and all(worker.is_ready for worker in self.workers):
                unsaid = False
                ready()
            if time.monotonic() > self._give_up_at:
                for worker in self.workers:
                    worker.process.kill()
        if failed:
            raise WorkerFailed

    def _wait(self) -> None:
        sentinels = [worker.process.sentinel for worker in self.workers]
        unready = [worker.told for worker in self.workers if not worker.is_ready]
        wait([*sentinels, *unready], _LOOK_SECONDS)

    def _replace(self) -> None:
        """Start those whose time has come, unless all are to end."""
        if self._is_stopping:
            self._missing.clear()
        now = time.monotonic()
        due = [moment for moment in self._missing if moment <= now]
        self._missing = [moment for moment in self._missing if moment > now]
        for _ in due:
            self.workers.append(self._born())
            if self._is_stopping:  # asked meanwhile, when the new one could not hear it
                self.workers[-1].process.terminate()

    def _ended(self, worker: _Worker) -> bool:
        """Have a worker replaced that has ended unasked; returns whether it failed to start."""
        self.workers.remove(worker)
        failed = not self._is_stopping and not worker.is_ready
        if failed:
            self.stop()
        if not self._is_stopping:
            _log.error("a worker has ended and is replaced")
            self._missing.append(worker.born + _RESTART_SECONDS)
        worker.close()
        return failed

    def _born(self) -> _Worker:
        told, tell = _SPAWN.Pipe(duplex=False)
        held, lifeline = _SPAWN.Pipe(duplex=False)
        process = _SPAWN.Process(target=_live, args=(self._work, self._bound, tell, held))
        process.start()
        tell.close()
        held.close()
        return _Worker(process, told, lifeline, time.monotonic())


def serve_with_workers(
    count: int,
    bound: socket.socket,
    work: Work,
    ready: Callable[[], None],
    patience_seconds: float,
) -> None:
    """Let workers serve a bound socket until a signal ends them; raises WorkerFailed.

    Workers that have not ended `patience_seconds` after they were asked to are killed.
    """
    crew = _Crew(count, bound, work, patience_seconds)
    with _signals_to(crew.stop):
        crew.tend(ready)


@contextmanager
def _signals_to(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    before = {each: signal.signal(each, handler) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for each, old in before.items():
            signal.signal(each, old)


def _says_so(told: Connection) -> bool:
    try:
        return bool(told.recv())
    except EOFError:  # ended without a word
        return False


def _live(work: Work, bound: socket.socket, tell: Connection, held: Connection) -> None:
    """Be a worker."""
    os.setsid()  # a terminal's Ctrl-C is the parent's to hand on: heard twice, it would end at once
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    threading.Thread(target=_watch, args=(held,), name="casegraph-lifeline", daemon=True).start()
    with suppress(KeyboardInterrupt):  # asked to stop, stopping is success
        work(bound, lambda: tell.send(True))  # noqa: FBT003  a pipe takes no names


def _watch(held: Connection) -> None:
    """Stop this worker when its parent has gone."""
    try:
        held.recv()
    except (EOFError, OSError):
        os.kill(os.getpid(), signal.SIGTERM)
