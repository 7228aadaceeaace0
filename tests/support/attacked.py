"""The gateway as an attacker meets it: a process of its own, closed as in production, on a socket.

Everything that it writes goes into a file, so that a test can say what one request has left there.
"""

import json
import re
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.command import environment_with
from support.raw_client import Heard, call
from support.rehearsed import until

CLOSED = {
    f"CASEGRAPH_{name}": "0"
    for name in ("EXPLORER", "INTROSPECTION", "SUGGESTIONS", "METRICS", "TRACE")
}
_CORPUS = Path(__file__).parent.parent / "attacks" / "corpus"
_ADDRESS = re.compile(r"(http://127\.0\.0\.1:[0-9]+)/graphql\b")


@dataclass
class Attacked:
    """A running gateway and what it writes."""

    url: str
    written: Path
    process_id: int

    def send(
        self,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        method: str = "POST",
        target: str = "/graphql",
    ) -> tuple[Heard, list[dict[str, Any]]]:
        """Send one request; return the answer and the lines of requests written meanwhile."""
        before = self.written.stat().st_size
        named = {"Content-Type": "application/json", "X-Request-Id": uuid.uuid4().hex}
        heard = call(method, self.url + target, {**named, **(headers or {})}, body, patience=10)
        return heard, self.lines(before)

    def lines(self, since: int = 0) -> list[dict[str, Any]]:
        """Return the lines of requests written since the file had this size."""
        with self.written.open("rb") as file:
            file.seek(since)
            whole, _, _ = file.read().rpartition(b"\n")  # the last one may still be written
        found = [json.loads(line) for line in whole.splitlines() if line[:2] == b'{"']
        return [line for line in found if line.get("event") == "request"]


@contextmanager
def attacked_gateway(environment: Mapping[str, str], written: Path) -> Iterator[Attacked]:
    """Run a closed gateway over these settings for the time of the context."""
    with (
        written.open("wb") as sink,
        subprocess.Popen(
            [sys.executable, "-m", "casegraph", "serve", "--port", "0"],
            stdout=sink,
            stderr=subprocess.STDOUT,
            env=environment_with({**environment, **CLOSED}),
        ) as child,
    ):
        try:
            until(lambda: _ADDRESS.search(written.read_text()), patience=60)
            found = _ADDRESS.search(written.read_text())
            assert found is not None
            yield Attacked(found[1], written, child.pid)
        finally:
            child.send_signal(signal.SIGTERM)
            child.wait(30)


def corpus(name: str) -> list[dict[str, Any]]:
    """Return the entries of a file of the corpus: one JSON object a line, `//` begins a remark."""
    lines = (_CORPUS / f"{name}.jsonl").read_text("ascii").splitlines()
    return [json.loads(line) for line in lines if line and not line.startswith("//")]


def text_of(parts: str | list[Any]) -> str:
    """Return the text that a corpus entry stands for.

    A part is a text, or a pair of a text and how often: there `{i}` is the number of the
    repetition and `{j}` the next one.
    """
    if isinstance(parts, str):
        return parts
    return "".join(
        part
        if isinstance(part, str)
        else "".join(
            part[0].replace("{i}", str(number)).replace("{j}", str(number + 1))
            for number in range(part[1])
        )
        for part in parts
    )
