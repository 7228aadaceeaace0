"""The command line as its own process, as a person or a supervisor starts it."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

COMMAND = [sys.executable, "-m", "casegraph"]
PATIENT = [sys.executable, "-m", "support.patient_command"]
"""The same, but that no use of Redis fails for want of some milliseconds."""
PATIENCE_SECONDS = 60


def environment_with(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a child that finds this code and has only these settings."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("CASEGRAPH_")}
    path = os.pathsep.join(entry for entry in sys.path if entry)
    return {**kept, "PYTHONPATH": path, **variables}


def run_command(
    *arguments: str, stdin: str = "", variables: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(  # noqa: S603  our own interpreter and our own package
        [*COMMAND, *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
        env=environment_with(variables or {}),
    )


@dataclass
class Started:
    """A command that runs until it is told to stop."""

    process: subprocess.Popen[str]
    said: str = field(default="")

    def read_until(self, pattern: str) -> re.Match[str]:
        """Read what it prints until a line matches; fails the test when it ends before."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said += line
            found = re.search(pattern, line)
            if found:
                return found
        raise AssertionError(f"ended without printing {pattern}:\n{self.said}")

    def stop(self, signal_number: int) -> int:
        """Send a signal, read the rest, and return the exit code."""
        assert self.process.stdout is not None
        self.process.send_signal(signal_number)
        self.said += self.process.stdout.read()
        return self.process.wait(PATIENCE_SECONDS)


@contextmanager
def started_command(
    *arguments: str,
    variables: Mapping[str, str] | None = None,
    command: Sequence[str] = COMMAND,
) -> Iterator[Started]:
    """Start a command; whatever happens, it is gone after the context."""
    with subprocess.Popen(  # noqa: S603  our own interpreter and our own package
        [*command, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment_with(variables or {}),
    ) as process:
        try:
            yield Started(process)
        finally:
            if process.poll() is None:
                process.kill()
