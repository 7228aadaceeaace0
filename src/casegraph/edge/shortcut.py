"""The library's application, in which the one path that matters needs no search for its route.

Routing, the handlers of exceptions that routes may raise, and a second and third wrapper around
`send` took 9 µs of each request, for an endpoint that matches one path, answers every method and
turns its own failures into answers. So requests for exactly that path go to it directly, through
the same middleware; whatever else (another path, a mounted application) takes the library's way.
Invariant: both ways lead through the same middleware to the same endpoint.
"""

from collections.abc import Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send


class Shortcut(Starlette):
    """An application with an endpoint, itself an ASGI application, at the path `at`."""

    def __init__(
        self,
        at: str,
        endpoint: ASGIApp,
        *,
        around: Sequence[Middleware],
        routes: Sequence[BaseRoute],
        middleware: Sequence[Middleware],
        **options: Any,
    ) -> None:
        """Take the endpoint with the middleware `around` it, and the other routes.

        `middleware` is around all of them.
        """
        route = Route(at, endpoint, middleware=around)
        super().__init__(routes=[route, *routes], middleware=middleware, **options)
        self._at = at
        self._direct = endpoint
        for each in reversed([*middleware, *around]):
            self._direct = each.cls(self._direct, *each.args, **each.kwargs)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or live through the process's life."""
        if scope.get("path") == self._at and scope["type"] == "http" and not scope.get("root_path"):
            await self._direct(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)
