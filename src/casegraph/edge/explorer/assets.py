"""The built files of the explorer, and how they go out.

Only names listed in the bundle's manifest are ever opened, so no request can reach another file.
Names carry a hash of their content, hence the year-long cache. Text is kept gzipped alone: nearly
every client takes it as it is, and for the rest it is unpacked on the way out.
"""

import gzip
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

BUNDLE = Path(__file__).parent / "bundle"
FOREVER = "public, max-age=31536000, immutable"
# A worker obeys the policy its own script came with, not the page's; none of ours loads anything.
ASSET_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*\.[a-z0-9]+")


@dataclass(frozen=True)
class Asset:
    """One file: where it is, what it is, and whether it is stored gzipped."""

    path: Path
    media_type: str
    gzipped: bool


@dataclass(frozen=True)
class Bundle:
    """A built explorer: the files the page names, and every file it may ask for later."""

    entry: str
    styles: tuple[str, ...]
    preload: tuple[str, ...]
    notices: str
    assets: Mapping[str, Asset]

    @classmethod
    def load(cls, folder: Path = BUNDLE) -> Self | None:
        """Read the manifest; None when there is no bundle, ValueError when it is damaged."""
        try:
            manifest = json.loads((folder / "manifest.json").read_bytes())
        except FileNotFoundError:
            return None
        try:
            assets = {name: _asset(folder, name, of) for name, of in manifest["files"].items()}
            bundle = cls(
                entry=manifest["entry"],
                styles=tuple(manifest["styles"]),
                preload=tuple(manifest["preload"]),
                notices=manifest["notices"],
                assets=assets,
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{folder / 'manifest.json'} is not a manifest") from error
        named = {bundle.entry, *bundle.styles, *bundle.preload, bundle.notices}
        if missing := named - assets.keys():
            raise ValueError(f"{folder / 'manifest.json'} does not list {sorted(missing)}")
        return bundle


def _asset(folder: Path, name: str, described: Mapping[str, Any]) -> Asset:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name for an asset")
    gzipped = bool(described["gzip"])
    path = folder / (f"{name}.gz" if gzipped else name)
    if not path.is_file():
        raise ValueError(f"{path} is missing")
    return Asset(path, described["type"], gzipped)


def asset_response(request: Request, asset: Asset) -> Response:
    """Read and answer one asset; blocking, so the route must run it in a thread."""
    headers = {**ASSET_HEADERS, "Cache-Control": FOREVER}
    content = asset.path.read_bytes()
    if asset.gzipped:
        headers["Vary"] = "Accept-Encoding"
        if accepts_gzip(request.headers.get("Accept-Encoding", "")):
            headers["Content-Encoding"] = "gzip"
        else:
            content = gzip.decompress(content)
    return Response(content, headers=headers, media_type=asset.media_type)


def not_found() -> Response:
    """Answer for every name the manifest does not list."""
    return PlainTextResponse(
        "Not Found", status_code=404, headers={**ASSET_HEADERS, "Cache-Control": "no-store"}
    )


def accepts_gzip(header: str) -> bool:
    """Whether an Accept-Encoding header allows gzip (RFC 9110, 12.5.3); absent means it does not.

    The RFC lets a server send anything when the header is absent; a client that sends none rarely
    unpacks, so it gets the plain file.
    """
    weights: dict[str, bool] = {}
    for part in header.lower().split(","):
        coding, _, parameter = part.partition(";")
        weights[coding.strip()] = not re.fullmatch(r"\s*q\s*=\s*0(\.0{0,3})?\s*", parameter)
    for coding in ("gzip", "x-gzip", "*"):
        if coding in weights:
            return weights[coding]
    return False
