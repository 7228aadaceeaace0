"""Real clients and tools from npm, run by node: pinned by a lock file, kept outside of this tree.

They are installed once per lock file, into the user's cache, where no test tree sees them.
Invariant: a folder that has its final name is complete, whoever else installs at the same time.
"""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from support.browser import unavailable

CLIENTS = Path(__file__).parents[1] / "clients"
INSTALL_SECONDS = 300
SCRIPT_SECONDS = 120
_INSTALL = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")


def run_client(script: str, *arguments: str) -> Any:
    """Run a script of `tests/clients` with node and return the JSON that it prints.

    Skips the test where there is no node or the packages cannot be had; in CI that is a failure.
    """
    node, folder = shutil.which("node"), installed(CLIENTS)
    shutil.copyfile(CLIENTS / script, folder / script)
    done = subprocess.run(  # noqa: S603  our own script
        [node or "node", str(folder / script), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=SCRIPT_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def installed(manifest: Path) -> Path:
    """Return the folder of the packages that a folder's lock file names, installing them if needed.

    Skips the test where there is no node or the packages cannot be had; in CI that is a failure.
    """
    npm = shutil.which("npm")
    if shutil.which("node") is None or npm is None:
        unavailable("node and npm are not on the path (Debian packages nodejs and npm)")
    manifests = [manifest / "package.json", manifest / "package-lock.json"]
    digest = hashlib.sha256(b"".join(each.read_bytes() for each in manifests)).hexdigest()[:16]
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "casegraph-tests"
    folder = base / digest
    if folder.exists():
        return folder
    base.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=base) as name:
        work = Path(name) / "clients"
        work.mkdir()
        for each in manifests:
            shutil.copy(each, work)
        _install(npm, work)
        try:
            work.rename(folder)
        except OSError:
            assert folder.exists()  # somebody else was faster, with the same packages
    return folder


def _install(npm: str, work: Path) -> None:
    try:
        done = subprocess.run(  # noqa: S603  npm and our own words
            [npm, *_INSTALL],
            cwd=work,
            capture_output=True,
            text=True,
            check=False,
            timeout=INSTALL_SECONDS,
        )
    except subprocess.TimeoutExpired:
        unavailable(f"npm needed more than {INSTALL_SECONDS} s to install the test clients")
    if done.returncode:
        unavailable(f"npm could not install the test clients: {done.stderr.strip()[-500:]}")
