"""The endpoint's own path and every other one, with and without a search for a route."""

from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from casegraph.edge.shortcut import Shortcut


class Named:
    """Middleware that writes its name on every answer."""

    def __init__(self, app: ASGIApp, name: str) -> None:
        self._app = app
        self._name = name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""

        async def send_named(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"by", self._name.encode())]
            await send(message)

        await self._app(scope, receive, send_named)


class Endpoint:
    """Tells the method, or fails when told to."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["query_string"]:
            raise ZeroDivisionError
        await PlainTextResponse(scope["method"])(scope, receive, send)


async def other(_request: Request) -> PlainTextResponse:
    """Answer at another path."""
    return PlainTextResponse("other")


@pytest.fixture
def app() -> Starlette:
    """Return an application with the endpoint at /here and one more route."""
    return Shortcut(
        "/here",
        Endpoint(),
        around=[Middleware(Named, "inner")],
        routes=[Route("/other", other)],
        middleware=[Middleware(Named, "first"), Middleware(Named, "second")],
    )


async def ask(app: Any, method: str, path: str) -> tuple[int, str, list[str]]:
    """Return status, text, and by whom an answer came, innermost first."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        answer = await client.request(method, path)
    return answer.status_code, answer.text, answer.headers.get_list("by")


@pytest.mark.parametrize("method", ["POST", "GET", "OPTIONS", "PURGE"])
@pytest.mark.parametrize("below", ["", "/tools"])
async def test_the_endpoint_is_behind_all_its_middleware(
    app: Starlette, method: str, below: str
) -> None:
    """In the same order by the short way and by the long one, which a mounted application has."""
    mounted = Starlette(routes=[Mount("/tools", app=app)]) if below else app

    answer = await ask(mounted, method, f"{below}/here")

    assert answer == (200, method, ["inner", "second", "first"])


async def test_other_paths_are_searched_for(app: Starlette) -> None:
    """Routes, what is nowhere, and a slash too many."""
    assert await ask(app, "GET", "/other") == (200, "other", ["second", "first"])
    assert await ask(app, "GET", "/nowhere") == (404, "Not Found", ["second", "first"])
    assert await ask(app, "GET", "/here/") == (307, "", ["second", "first"])


async def test_a_failure_is_the_server_s_to_tell(app: Starlette) -> None:
    """It comes through, as it does from any application."""
    status, _, _ = await ask(app, "GET", "/here?fail")

    assert status == 500
