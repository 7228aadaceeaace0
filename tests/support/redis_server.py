"""A real Redis server on loopback that a test may stop, suspend and kill.

Its port is one that the system gives to nobody by itself, so that no connection of another test
takes it before the server starts, or while a test has it stopped.
Invariant: the process is ended by whoever started it, whatever state a test left it in.
"""

import os
import random
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

BINARY = shutil.which("redis-server")
PASSWORD = "p@ss:word"
_PORTS = range(20_000, 32_000)
"""Below those that Linux gives to outgoing connections and to who asks for any free one."""

needs_redis = pytest.mark.skipif(
    BINARY is None and os.environ.get("CI_RUN") != "1",
    reason="no redis-server on the path (Debian package redis-server)",
)


class RedisServer:
    """A real Redis server in a folder of its own, on a port of its own."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.folder = folder
        self.url = f"redis://:p%40ss%3Aword@127.0.0.1:{self.port}/3"
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start the server and return when it says that it accepts connections."""
        assert BINARY is not None, "CI_RUN=1 wants a redis-server on the path"
        words = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        words += ["--port", str(self.port), "--requirepass", PASSWORD, "--dir", str(self.folder)]
        self.process = subprocess.Popen(  # noqa: S603 - our own words only
            [BINARY, *words], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        assert any("Ready to accept" in line for line in self.process.stdout)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to this very process."""
        assert self.process is not None
        self.process.send_signal(number)

    def stop(self) -> None:
        """Kill the process, stopped or not, and wait for its end."""
        if self.process is not None:
            with self.process:
                self.process.kill()
            self.process = None

    def admin(self) -> Any:
        """Return an independent client, to look and meddle behind everybody's back."""
        options: dict[str, Any] = {"protocol": 2}
        return redis.Redis(port=self.port, db=3, password=PASSWORD, **options)


def free_port() -> int:
    """Return a port at which nobody listens."""
    dice = random.SystemRandom()
    while True:
        port = dice.choice(_PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


@contextmanager
def running_redis(folder: Path) -> Iterator[RedisServer]:
    """Run a server, and end it however the block left it."""
    server = RedisServer(folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()
