"""The explorer's page and files as Starlette routes.

The page asks for nothing outside its own origin: its policy forbids it, and the built bundle does
not need it. Without a bundle there is still a page, which says how to get one, or, only when asked
for, takes the explorer from a content delivery network under a policy widened for that one host.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec
from graphql import GraphQLSyntaxError, OperationDefinitionNode, parse
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from casegraph.edge.explorer import cdn, markup
from casegraph.edge.explorer.assets import ASSET_HEADERS, Bundle, asset_response, not_found

Fallback = Literal["message", "cdn"]

FOLDER = "/explorer"
_CDN_SCRIPT = "cdn.js"
_EMPTY_SCRIPT = "empty.js"

# Monaco writes style elements as it runs, so styles must be allowed inline; scripts never are.
BUNDLE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self'; "
    "img-src 'self' data:; worker-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
MESSAGE_POLICY = (
    f"default-src 'none'; style-src {markup.inline_hash(markup.MESSAGE_STYLE)}; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
PAGE_HEADERS = {
    "Cache-Control": "no-cache",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    # The endpoint's address answers with this page or with JSON, as the client prefers.
    "Vary": "Accept",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@dataclass(frozen=True)
class Example:
    """A ready operation of the explorer; `variables` is JSON text as a person would type it.

    Raises ValueError when `name` is no operation of `query` (the tab takes its title from there)
    or when `variables` is neither empty nor a JSON object.
    """

    name: str
    query: str
    variables: str = ""

    def __post_init__(self) -> None:
        try:
            definitions = parse(self.query, no_location=True).definitions
        except GraphQLSyntaxError as error:
            raise ValueError(f"example {self.name!r}: {error.message}") from error
        operations = [node for node in definitions if isinstance(node, OperationDefinitionNode)]
        if self.name not in {node.name.value for node in operations if node.name}:
            raise ValueError(f"example {self.name!r}: its query has no operation of that name")
        if self.variables:
            self._check_variables()

    def _check_variables(self) -> None:
        try:
            msgspec.json.decode(self.variables, type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise ValueError(f"example {self.name!r}: variables: {error}") from error


@dataclass(frozen=True, kw_only=True)
class Explorer:
    """One explorer over one endpoint: its page, to be shown anywhere, and its routes.

    `endpoint` is a path of the same origin; `bundle` is what the installation built, if anything.
    """

    endpoint: str = "/graphql"
    examples: Sequence[Example] = ()
    fallback: Fallback = "message"
    bundle: Bundle | None = field(default_factory=Bundle.load)

    def __post_init__(self) -> None:
        if not self.endpoint.startswith("/") or self.endpoint.startswith("//"):
            raise ValueError(f"the explorer's endpoint is a path such as /graphql: {self.endpoint}")
        names = [example.name for example in self.examples]
        if len(set(names)) < len(names):
            raise ValueError(f"two examples of the explorer have the same name: {names}")

    def page(self, root_path: str = "") -> Response:
        """Return the page; `root_path` is the ASGI scope's, for a gateway mounted below a path."""
        if self.bundle is not None:
            html, policy = self._bundled(self.bundle, root_path), BUNDLE_POLICY
        elif self.fallback == "cdn":
            html, policy = self._from_cdn(root_path)
        else:
            html, policy = markup.message_html(root_path + self.endpoint), MESSAGE_POLICY
        return HTMLResponse(html, headers={**PAGE_HEADERS, "Content-Security-Policy": policy})

    def routes(self) -> list[BaseRoute]:
        """Return the routes of the page, at `/`, and of its files."""

        async def page(request: Request) -> Response:
            return self.page(request.scope.get("root_path", ""))

        def file(request: Request) -> Response:  # reads files: Starlette runs it in a thread
            return self._file(request)

        return [
            Route("/", page, methods=["GET"], name="explorer"),
            Route(f"{FOLDER}/{{file}}", file, methods=["GET"], name="explorer-file"),
        ]

    def _file(self, request: Request) -> Response:
        name: str = request.path_params["file"]
        if self.bundle is not None:
            asset = self.bundle.assets.get(name)
            return not_found() if asset is None else asset_response(request, asset)
        scripts = {_CDN_SCRIPT: cdn.SCRIPT.read_text("utf-8"), _EMPTY_SCRIPT: cdn.EMPTY_SCRIPT}
        if self.fallback != "cdn" or name not in scripts:
            return not_found()
        headers = {**ASSET_HEADERS, "Cache-Control": "no-cache"}
        return Response(scripts[name], headers=headers, media_type="text/javascript")

    def _settings(self, root_path: str) -> dict[str, Any]:
        examples = [
            {"name": example.name, "query": example.query, "variables": example.variables}
            for example in self.examples
        ]
        return {
            "title": markup.TITLE,
            "endpoint": root_path + self.endpoint,
            "examples": examples,
        }

    def _bundled(self, bundle: Bundle, root_path: str) -> str:
        folder = f"{root_path}{FOLDER}/"
        return markup.explorer_html(
            scripts=[folder + bundle.entry],
            styles=[folder + name for name in bundle.styles],
            preload=[folder + name for name in bundle.preload],
            notices=folder + bundle.notices,
            settings=self._settings(root_path),
        )

    def _from_cdn(self, root_path: str) -> tuple[str, str]:
        folder = f"{root_path}{FOLDER}/"
        import_map = cdn.import_map(folder + _EMPTY_SCRIPT)
        html = markup.explorer_html(
            scripts=[folder + _CDN_SCRIPT],
            styles=cdn.styles(),
            settings=self._settings(root_path),
            import_map=import_map,
        )
        return html, cdn.content_security_policy(markup.inline_hash(import_map))


def explorer_routes(
    *,
    endpoint: str = "/graphql",
    examples: Sequence[Example] = (),
    fallback: Fallback = "message",
) -> list[BaseRoute]:
    """Return the routes of an explorer over `endpoint`, from the bundle of this installation."""
    return Explorer(endpoint=endpoint, examples=examples, fallback=fallback).routes()
