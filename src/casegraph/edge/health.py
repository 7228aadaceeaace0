"""Whether the process lives and whether it wants requests; for balancers and people at night."""

from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route


class Readiness:
    """Ready from start-up's end to shutdown's begin."""

    def __init__(self) -> None:
        self.ready = False

    def end(self) -> None:
        """Want no more requests: the process is asked to stop."""
        self.ready = False


def health_routes(readiness: Readiness) -> list[Route]:
    """Return `/livez` and `/readyz`."""

    async def livez(_request: Request) -> PlainTextResponse:
        return PlainTextResponse("alive\n")

    async def readyz(_request: Request) -> PlainTextResponse:
        if readiness.ready:
            return PlainTextResponse("ready\n")
        return PlainTextResponse("not ready\n", status_code=503)

    return [Route("/livez", livez), Route("/readyz", readyz)]
