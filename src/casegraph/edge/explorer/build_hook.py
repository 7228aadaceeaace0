"""Builds the explorer's JavaScript while the package is being installed or packed.

Hatchling loads this file by its path, before the package exists: it imports nothing of casegraph.
Invariants: a build never fails because of the explorer (without Node the gateway installs and says
so on its page), a bundle made from the same sources is never made again, and a bundle folder holds
either a whole bundle or nothing. Packages are installed in a temporary folder with their install
scripts switched off; nothing is left behind in the source tree but the bundle.

Trap: Hatchling runs this file without entering it in sys.modules, and a dataclass whose annotations
are strings looks itself up there. So no `from __future__ import annotations` here.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

HERE = Path("src/casegraph/edge/explorer")
SWITCH = "CASEGRAPH_BUILD_EXPLORER"
DIGEST_FILE = "sources.sha256"
OLDEST_NODE = 20  # what package.json asks for under "engines"
# A cold npm cache on a home connection needs about half a minute. Past two minutes a person thinks
# the installation hangs, and the gateway is worth more than its explorer.
TIMEOUT_SECONDS = 120.0
NPM_INSTALL = (
    "install",
    "--no-audit",
    "--no-fund",
    "--no-package-lock",
    "--prefer-offline",  # versions are exact, so what the cache holds is still right
    "--ignore-scripts",  # esbuild's program comes as a package, so no script is needed
    "--loglevel=error",
)


class Runner(Protocol):
    """Runs one command to its end and returns what it wrote to standard output."""

    def __call__(self, command: Sequence[str], folder: Path, timeout: float) -> str:
        """Raise OSError or subprocess.SubprocessError when the command does not succeed."""
        ...


class ExplorerNotBuiltError(Exception):
    """Why there is no new bundle, in words for the person who installs."""


def run_command(command: Sequence[str], folder: Path, timeout: float) -> str:
    """Run a command without a shell; its output is kept for the error message."""
    finished = subprocess.run(  # noqa: S603 - fixed arguments, programs found on PATH
        command,
        cwd=folder,
        timeout=timeout,
        check=True,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    return finished.stdout


def sources_digest(sources: Path) -> str:
    """SHA-256 over the names and contents of all source files, in the order of their names."""
    total = hashlib.sha256()
    for file in sorted(sources.rglob("*")):
        if file.is_file():
            content = hashlib.sha256(file.read_bytes()).hexdigest()
            total.update(f"{file.relative_to(sources).as_posix()} {content}\n".encode())
    return total.hexdigest()


@dataclass(frozen=True, kw_only=True)
class ExplorerBuild:
    """One attempt to bring the bundle folder in line with the sources."""

    sources: Path
    bundle: Path
    run: Runner = run_command
    which: Callable[[str], str | None] = shutil.which
    clock: Callable[[], float] = time.monotonic
    timeout: float = TIMEOUT_SECONDS

    def is_current(self) -> bool:
        """Whether the bundle was made from these very sources."""
        try:
            made_from = (self.bundle / DIGEST_FILE).read_text("ascii").strip()
        except (OSError, ValueError):
            return False
        return made_from == sources_digest(self.sources)

    def make(self) -> None:
        """Build and put in place; raises ExplorerNotBuiltError and then leaves the folder alone."""
        ends = self.clock() + self.timeout
        try:
            with tempfile.TemporaryDirectory(prefix="casegraph-explorer-") as folder:
                work = Path(folder) / "work"
                shutil.copytree(self.sources, work)
                self._put_in_place(self._build(work, ends))
        except subprocess.TimeoutExpired as error:
            raise ExplorerNotBuiltError(f"it took more than {self.timeout:.0f} s") from error
        except subprocess.CalledProcessError as error:
            command = " ".join(map(str, error.cmd[:2]))
            raise ExplorerNotBuiltError(f"`{command}` failed: {_last_lines(error)}") from error
        except OSError as error:
            raise ExplorerNotBuiltError(str(error)) from error

    def _build(self, work: Path, ends: float) -> Path:
        node, npm = self._program("node"), self._program("npm")
        version = self.run([node, "--version"], work, self._left(ends)).strip()
        if _major(version) < OLDEST_NODE:
            raise ExplorerNotBuiltError(f"Node {version} is too old")
        self.run([npm, *NPM_INSTALL], work, self._left(ends))
        built = work.parent / "built"
        self.run([node, "build.mjs", str(built)], work, self._left(ends))
        if not (built / "manifest.json").is_file():
            raise ExplorerNotBuiltError("the build ended without a manifest")
        (built / DIGEST_FILE).write_text(f"{sources_digest(self.sources)}\n", "ascii")
        return built

    def _put_in_place(self, built: Path) -> None:
        shutil.rmtree(self.bundle, ignore_errors=True)
        try:
            shutil.copytree(built, self.bundle)
        except OSError:
            shutil.rmtree(self.bundle, ignore_errors=True)
            raise

    def _program(self, name: str) -> str:
        found = self.which(name)
        if found is None:
            raise ExplorerNotBuiltError(f"`{name}` is not on PATH")
        return found

    def _left(self, ends: float) -> float:
        return max(ends - self.clock(), 0.001)


def _major(version: str) -> int:
    digits = version.removeprefix("v").split(".")[0]
    return int(digits) if digits.isdecimal() else 0


def _last_lines(error: subprocess.CalledProcessError) -> str:
    lines = f"{error.stderr or error.stdout or ''}".strip().splitlines()
    return " / ".join(lines[-5:]) or f"status {error.returncode}"


def ensure_bundle(
    build: ExplorerBuild,
    *,
    environ: Mapping[str, str],
    inform: Callable[[str], None],
    warn: Callable[[str], None],
) -> None:
    """Make the bundle if it is missing or old; whatever goes wrong becomes a warning."""
    if environ.get(SWITCH) == "0":
        inform(f"explorer: not built, because {SWITCH}=0")
        return
    if build.is_current():
        inform("explorer: already built from these sources")
        return
    inform("explorer: building it with Node, which takes up to half a minute")
    try:
        build.make()
    except Exception as reason:  # noqa: BLE001 - an installation never fails for its explorer
        warn(
            f"explorer: NOT built: {reason}. The gateway works without it. To get it, install"
            f" Node {OLDEST_NODE} or newer with npm and install casegraph again;"
            f" {SWITCH}=0 silences this."
        )


class ExplorerBuildHook(BuildHookInterface[Any]):
    """What Hatchling calls before it packs a wheel, standard or editable."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """See the base class; an sdist carries the sources and no bundle."""
        del version, build_data  # the same for standard and editable; artifacts are in pyproject
        if self.target_name != "wheel":
            return
        here = Path(self.root) / HERE
        ensure_bundle(
            ExplorerBuild(sources=here / "sources", bundle=here / "bundle"),
            environ=os.environ,
            inform=self.app.display_info,
            warn=self.app.display_warning,
        )
