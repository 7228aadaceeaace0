import gzip
import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from casegraph.edge.explorer import Explorer
from casegraph.edge.explorer.assets import Bundle

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
