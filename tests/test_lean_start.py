"""What a start does without: libraries of ways that this process does not go."""

import subprocess
import sys

from support.command import environment_with

UNUSED = {
    "aiocache",
    "aiohttp",
    "cryptography",
    "httpx",
    "jwt",
    "limits",
    "redis",
    "rich",
    "sqlite3",
}
"""With no Redis, no tokens, the own exchange and nothing to colour; together they take 34 MB."""
BUNDLED = {"casegraph.sandbox.server", "casegraph.sandbox.world"}
"""With upstreams of its own; 3 MB more."""
IMPORTED = "import sys; import casegraph.cli; print(*sys.modules)"


def test_a_start_imports_only_what_it_uses() -> None:
    """The command line alone brings none of the libraries that a setting has to ask for."""
    told = subprocess.run(  # noqa: S603  our own interpreter and our own script
        [sys.executable, "-c", IMPORTED],
        capture_output=True,
        text=True,
        check=True,
        env=environment_with({}),
    ).stdout.split()

    assert "casegraph" in told
    packages = {name.partition(".")[0] for name in told}
    assert UNUSED.isdisjoint(packages), UNUSED.intersection(packages)
    assert BUNDLED.isdisjoint(told)
