"""The GraphQL endpoint: one POST of JSON, one answer of JSON, the explorer for a browser's GET.

Answers are `application/graphql-response+json` for clients that take it and `application/json`
otherwise; a refused request is 400 in the first form and 200 in the second, because clients of the
second throw the errors of a 4xx away.
Invariant: every answer is JSON in UTF-8 with a code in every error; knows nothing of cases.
"""

import re
import uuid
from collections.abc import Callable
from typing import Any, Protocol

import msgspec
from graphql import ExecutionResult, GraphQLError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from casegraph.edge.cancellation import ClientGone, while_connected
from casegraph.edge.decoding import BadRequest, decode_operation
from casegraph.engine.standard import Operation
from casegraph.telemetry.observer import Observer, RequestEnd, RequestRecord
from casegraph.telemetry.vocabulary import RequestOutcome

BODY_MAX = 256 * 1024
"""Largest request body, in bytes (reliability default)."""
GRAPHQL_JSON = "application/graphql-response+json"
PLAIN_JSON = "application/json"

DEADLINE_HEADER = "X-Deadline-Ms"

_MILLISECONDS = re.compile(r"[0-9]{1,9}", re.ASCII)
_CLIENT_GONE = 499
"""What proxies log for a client that left; nobody receives it."""
_FAILED = 500
_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)


class Engine(Protocol):
    """Runs one operation in one context."""

    async def run(self, operation: Operation, context: Any) -> ExecutionResult:
        """Return data and errors."""


class GraphQLEndpoint:
    """Answers requests of every method for one engine, as an ASGI application.

    `new_context` makes the context of a request from its id and its time in seconds; `present`
    gives an error the form in which it may leave; `page` answers a browser, told the path below
    which the gateway is mounted.
    """

    def __init__(
        self,
        engine: Engine,
        new_context: Callable[[str, float], Any],
        present: Callable[[GraphQLError, str], dict[str, Any]],
        page: Callable[[str], Response] | None,
        *,
        deadline_seconds: float,
        observer: Observer,
    ) -> None:
        self._engine = engine
        self._new_context = new_context
        self._present = present
        self._page = page
        self._deadline_seconds = deadline_seconds
        self._observer = observer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        request_id = _request_id(request)
        if request.method == "POST":
            response = await self._observed(request, request_id)
        else:
            response = self._read(request, request_id)
        response.headers["x-request-id"] = request_id
        await response(scope, receive, send)

    def _read(self, request: Request, request_id: str) -> Response:
        """Answer a browser with the page and everything else with 405."""
        reads = request.method in {"GET", "HEAD"}
        if reads and self._page is not None and "text/html" in request.headers.get("accept", ""):
            return self._page(request.scope.get("root_path", ""))
        response, _ = _refusal(request_id, 405, "Send a POST with a JSON body.")
        response.headers["allow"] = "POST"
        return response

    async def _observed(self, request: Request, request_id: str) -> Response:
        """Answer a POST and tell how it ended, whatever happens."""
        record = self._observer.request_started(request_id, request.headers.getlist("traceparent"))
        end = RequestEnd(RequestOutcome.FAILED, _FAILED)
        try:
            response, answer = await self._post(request, request_id, record)
            end = RequestEnd.of_answer(answer, response.status_code)
        except (ClientDisconnect, ClientGone):
            end = RequestEnd(RequestOutcome.CLIENT_GONE, _CLIENT_GONE)
            response = Response(status_code=_CLIENT_GONE)  # nobody is there to read it
        finally:
            self._observer.request_finished(record, end)
        return response

    async def _post(
        self, request: Request, request_id: str, record: RequestRecord
    ) -> tuple[Response, dict[str, Any]]:
        if not _is_json(request.headers.get("content-type", "")):
            return _refusal(request_id, 415, "Content-Type must be application/json in UTF-8.")
        if request.headers.get("content-encoding", "identity") != "identity":
            return _refusal(request_id, 415, "Send the body as it is, without Content-Encoding.")
        try:
            body = await _body(request)
            if body is None:
                return _refusal(request_id, 413, f"The body is larger than {BODY_MAX} bytes.")
            operation = decode_operation(body)
            seconds = self._time_for(request)
        except BadRequest as error:
            return _refusal(request_id, 400, str(error))
        record.operation_name = operation.name
        work = self._engine.run(operation, self._new_context(request_id, seconds))
        result = await while_connected(request.receive, work)
        return self._answer(request, result, request_id)

    def _time_for(self, request: Request) -> float:
        """Return the request's time in seconds: the setting, or less where the client says so."""
        asked = request.headers.get(DEADLINE_HEADER)
        if asked is None:
            return self._deadline_seconds
        if not _MILLISECONDS.fullmatch(asked.strip()):
            raise BadRequest(f"{DEADLINE_HEADER} must be a whole number of milliseconds.")
        return min(int(asked) / 1000, self._deadline_seconds)

    def _answer(
        self, request: Request, result: ExecutionResult, request_id: str
    ) -> tuple[Response, dict[str, Any]]:
        answer = formatted(result, lambda error: self._present(error, request_id))
        refused = "data" not in answer
        typed = GRAPHQL_JSON in request.headers.get("accept", "").lower()
        response = Response(
            encode(answer),
            status_code=400 if refused and typed else 200,
            media_type=f"{GRAPHQL_JSON if typed else PLAIN_JSON}; charset=utf-8",
            headers={"vary": "Accept"},
        )
        return response, answer


def formatted(
    result: ExecutionResult, present: Callable[[GraphQLError], dict[str, Any]]
) -> dict[str, Any]:
    """Return an answer's members; a request that was refused before execution has no `data`."""
    errors = [present(error) for error in result.errors or ()]
    answer: dict[str, Any] = {"errors": errors} if errors else {}
    if result.data is not None or any("path" in error for error in errors):
        answer["data"] = result.data
    return answer


def encode(answer: Any) -> bytes:
    """Return an answer as JSON; text subclasses (ids) are text."""
    return msgspec.json.encode(answer, enc_hook=str)


async def _body(request: Request) -> bytes | None:
    """Return the body, None when it is too large; stops reading there."""
    chunks = bytearray()
    async for chunk in request.stream():
        chunks += chunk
        if len(chunks) > BODY_MAX:
            return None
    return bytes(chunks)


def _is_json(content_type: str) -> bool:
    kind, *parameters = (part.strip().lower() for part in content_type.split(";"))
    charsets = [text for text in parameters if text.startswith("charset=")]
    return kind == PLAIN_JSON and all(
        text.removeprefix("charset=").strip('"') in {"utf-8", "utf8"} for text in charsets
    )


def _request_id(request: Request) -> str:
    offered = request.headers.get("x-request-id", "")
    return offered if _REQUEST_ID.fullmatch(offered) else uuid.uuid4().hex


def _refusal(request_id: str, status: int, message: str) -> tuple[Response, dict[str, Any]]:
    extensions = {"code": "BAD_REQUEST", "retryable": False, "requestId": request_id}
    answer = {"errors": [{"message": message, "extensions": extensions}]}
    media_type = f"{PLAIN_JSON}; charset=utf-8"
    return Response(encode(answer), status_code=status, media_type=media_type), answer
