import gzip
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from casegraph.app import create_app
from casegraph.cli import bundled_examples
from casegraph.edge.explorer import Explorer
from casegraph.edge.explorer.assets import BUNDLE, Bundle
from casegraph.sandbox.world import World
from casegraph.serving import start_in_thread
from casegraph.settings import load_settings
from support.browser import FLAGS, Visit, unavailable
from support.upstreams import Upstreams, running_upstreams

SCRIPT = b"console.log('explorer');" * 40
FONT = b"wOF2 not really"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Lay out a bundle as the build leaves it, with a file beside it that the manifest omits."""
    files = {
        "explorer-1a.js": (SCRIPT, "text/javascript; charset=utf-8", True),
        "part-2b.js": (b"export {};", "text/javascript; charset=utf-8", True),
        "explorer-3c.css": (b"body { margin: 0 }", "text/css; charset=utf-8", True),
        "licences-4d.txt": (b"MIT", "text/plain; charset=utf-8", True),
        "font-5e.woff2": (FONT, "font/woff2", False),
    }
    described = {}
    for name, (content, kind, gzipped) in files.items():
        target = tmp_path / (f"{name}.gz" if gzipped else name)
        target.write_bytes(gzip.compress(content) if gzipped else content)
        described[name] = {"type": kind, "gzip": gzipped, "size": len(content)}
    manifest = {
        "entry": "explorer-1a.js",
        "styles": ["explorer-3c.css"],
        "preload": ["part-2b.js"],
        "notices": "licences-4d.txt",
        "files": described,
    }
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    (tmp_path / "unlisted.js").write_text("secret")
    return tmp_path


@pytest.fixture
def client_of() -> Callable[..., httpx.AsyncClient]:
    """Make a client of an application that has an explorer's routes and nothing else."""

    def connect(explorer: Explorer, root_path: str = "") -> httpx.AsyncClient:
        transport = httpx.ASGITransport(Starlette(routes=explorer.routes()), root_path=root_path)
        return httpx.AsyncClient(transport=transport, base_url="http://gateway")

    return connect


@pytest.fixture
def client(folder: Path, client_of: Callable[..., httpx.AsyncClient]) -> httpx.AsyncClient:
    """Return a client of an explorer with a bundle and no examples."""
    return client_of(Explorer(bundle=Bundle.load(folder)))


@pytest.fixture(scope="session")
def upstreams_here() -> Iterator[Upstreams]:
    """Start upstreams of these tests' own, small ones."""
    with running_upstreams(cases=100) as running:
        yield running


@pytest.fixture
def world(upstreams_here: Upstreams) -> World:
    """Return the world that the gateway's upstreams show."""
    return upstreams_here.world


@pytest.fixture(scope="session")
def explorer_url(upstreams_here: Upstreams) -> Iterator[str]:
    """Serve the real gateway with the examples it shows on its bundled upstreams."""
    if not (BUNDLE / "manifest.json").is_file():
        unavailable("the explorer is not built: install the package where Node is on PATH")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in upstreams_here.environment.items():
            patch.setenv(name, value)
        settings = load_settings()
    with start_in_thread(create_app(settings, bundled_examples(upstreams_here.world))) as running:
        yield f"{running.url}/"


@pytest.fixture(scope="module")  # its event loop stands in the way of asynchronous tests
def browser() -> Iterator[Any]:
    """Start a Chromium that can resolve no name."""
    chromium = shutil.which("chromium")
    if chromium is None:
        unavailable("chromium is not on PATH (Debian package chromium)")
    try:
        from playwright.sync_api import sync_playwright  # noqa: PLC0415 - optional here
    except ImportError:
        unavailable("the Python package playwright is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Any, explorer_url: str) -> Iterator[Visit]:
    """Come for the first time; at the end nothing left the machine and nothing was refused."""
    context = browser.new_context(viewport={"width": 1360, "height": 820})
    visit = Visit(context.new_page(), explorer_url)
    yield visit
    context.close()
    assert visit.outside() == []
    assert visit.complaints == []
