import asyncio
import gzip
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette

from casegraph.edge.explorer import Explorer
from casegraph.edge.explorer.assets import Bundle, accepts_gzip


async def status_of(explorer: Explorer, path: str) -> int:
    """Ask for a path exactly as given: HTTP clients tidy paths up before they send them."""
    sent: list[Any] = []
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode("utf-8", "surrogatepass"),
        "root_path": "",
        "query_string": b"",
        "headers": [],
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    app = Starlette(routes=explorer.routes())
    app.router.redirect_slashes = False  # or a slash at the end asks the client to come again
    await app(scope, receive, send)
    return sent[0]["status"]


async def test_a_file_goes_out_gzipped_as_it_is_stored(
    client: httpx.AsyncClient, folder: Path
) -> None:
    """A client that takes gzip gets the stored bytes, to keep for a year."""
    async with client.stream(
        "GET", "/explorer/explorer-1a.js", headers={"Accept-Encoding": "br, gzip"}
    ) as response:
        raw = b"".join([part async for part in response.aiter_raw()])

    assert raw == (folder / "explorer-1a.js.gz").read_bytes()
    assert response.headers["content-encoding"] == "gzip"
    assert response.headers["content-length"] == str(len(raw))
    assert response.headers["content-type"] == "text/javascript; charset=utf-8"
    assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert response.headers["vary"] == "Accept-Encoding"
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("accepted", ["", "identity", "br", "gzip;q=0", "gzip; q=0.000, *;q=0.5"])
async def test_a_client_without_gzip_gets_the_plain_file(
    client: httpx.AsyncClient, folder: Path, accepted: str
) -> None:
    """Files are unpacked for who cannot do it."""
    response = await client.get("/explorer/explorer-1a.js", headers={"Accept-Encoding": accepted})

    assert response.content == gzip.decompress((folder / "explorer-1a.js.gz").read_bytes())
    assert "content-encoding" not in response.headers
    assert response.headers["vary"] == "Accept-Encoding"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("gzip", True),
        ("GZIP;q=0.1", True),
        ("x-gzip", True),
        ("*", True),
        ("*;q=0", False),
        ("gzip;q=0, *", False),
        ("deflate, br", False),
        ("", False),
    ],
)
def test_accept_encoding_is_read_with_its_weights(header: str, expected: bool) -> None:
    """A weight of zero forbids a coding, and a name beats the star."""
    assert accepts_gzip(header) is expected


async def test_fonts_are_sent_as_they_are(client: httpx.AsyncClient, folder: Path) -> None:
    """What is compressed already is not announced as gzip."""
    response = await client.get("/explorer/font-5e.woff2", headers={"Accept-Encoding": "gzip"})

    assert response.content == (folder / "font-5e.woff2").read_bytes()
    assert "content-encoding" not in response.headers
    assert response.headers["content-type"] == "font/woff2"


@pytest.mark.parametrize(
    "path",
    [
        "/explorer/unlisted.js",
        "/explorer/manifest.json",
        "/explorer/explorer-1a.js.gz",
        "/explorer/",
        "/explorer/..",
        "/explorer/../page.py",
        "/explorer/./explorer-1a.js",
        "/explorer//etc/passwd",
        "/explorer/..\\page.py",
        "/explorer/explorer-1a.js\0",
        "/explorer/EXPLORER-1A.JS",
        "/explorer/cdn.js",
        "/explorer/nothing-here.js",
    ],
)
async def test_only_what_the_manifest_lists_is_served(folder: Path, path: str) -> None:
    """Every other name is 404, whatever lies on the disk."""
    explorer = Explorer(bundle=Bundle.load(folder))

    assert await status_of(explorer, path) == 404
    assert await status_of(explorer, "/explorer/explorer-1a.js") == 200


@given(name=st.text(min_size=1, max_size=40))
def test_no_name_reaches_a_file_that_is_not_listed(name: str) -> None:
    """Whatever the name, a bundle without files answers 404."""
    explorer = Explorer(bundle=Bundle("a.js", (), (), "b.txt", {}))

    assert asyncio.run(status_of(explorer, f"/explorer/{name}")) == 404


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        ({"files": {"../x.js": {"type": "text/css", "gzip": False}}}, "no name"),
        ({"files": {"gone.js": {"type": "text/css", "gzip": False}}}, "missing"),
        ({"entry": "other.js"}, "does not list"),
        ({"files": []}, "not a manifest"),
    ],
)
def test_a_damaged_bundle_is_refused_at_start(
    folder: Path, damage: dict[str, Any], expected: str
) -> None:
    """A manifest that names what is not there fails when it is read, not at a request."""
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | damage))

    with pytest.raises(ValueError, match=expected):
        Bundle.load(folder)


def test_no_manifest_means_no_bundle(tmp_path: Path) -> None:
    """An installation without Node has no folder, or an empty one."""
    assert Bundle.load(tmp_path) is None
    assert Bundle.load(tmp_path / "absent") is None
