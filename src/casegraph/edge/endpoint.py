"""The GraphQL endpoint: a POST of JSON or a GET of a query in, one answer of JSON out, or in parts.

The way of a request is here, what is decided on it elsewhere: `negotiation` the media type,
`parameters` and `persisted` what is to run, `origins` whether a GET was meant, `statuses` the
status, `delivery` how an answer leaves that comes in parts.
Invariant: every answer is JSON in UTF-8, whole or in parts, with a code in every error; knows
nothing of cases.
"""

import logging
import os
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Protocol

from graphql import ExecutionResult, GraphQLError
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from casegraph.edge.admission import RETRY_AFTER_SECONDS, Admission, Overloaded
from casegraph.edge.answers import encode, formatted, refused
from casegraph.edge.cancellation import ClientGone, while_connected
from casegraph.edge.decoding import NO_HEADERS, BadRequest, BodyBounds
from casegraph.edge.delivery import Delivery
from casegraph.edge.door import Door
from casegraph.edge.headers import RequestHeaders, raw_names
from casegraph.edge.identity import ANYONE, Identity
from casegraph.edge.negotiation import (
    PLAIN_JSON,
    PartsShape,
    answer_type,
    names_html,
    parts_shape,
)
from casegraph.edge.origins import Gets, is_forgeable, is_rebound
from casegraph.edge.parameters import from_body, from_url
from casegraph.edge.persisted import Documents
from casegraph.edge.ready import ReadyAnswer, ReadyAnswers, Standing
from casegraph.edge.refusals import (
    Forgeable,
    MediaTypeRefused,
    MethodRefused,
    Misdirected,
    NotAcceptable,
)
from casegraph.edge.replies import Reply
from casegraph.edge.statuses import StatusCodes, StatusTable
from casegraph.engine.incremental import Parts
from casegraph.engine.standard import Operation, ReadsOnly
from casegraph.telemetry.observer import Observer, RequestEnd, RequestRecord
from casegraph.telemetry.vocabulary import RequestOutcome

DEADLINE_HEADER = "X-Deadline-Ms"

_log = logging.getLogger("casegraph.endpoint")

_MILLISECONDS = re.compile(r"[0-9]{1,9}", re.ASCII)
_CLIENT_GONE = 499
"""What proxies log for a client that left; nobody receives it."""
_FAILED = 500
_NO_PLACE = 503
_WHOLE: dict[str, Any] = {"data": {}}
"""All that is to be known of an answer's body where it has no errors."""
_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)
_OF_BODIES = raw_names(("content-length", "transfer-encoding"))
_READS = frozenset({"GET", "HEAD"})


class Session(Protocol):
    """One request behind the door, from its headers to what its answer says beside the data."""

    async def run(self, operation: Operation) -> ExecutionResult:
        """Return data and errors; raises ReadsOnly."""

    async def run_in_parts(self, operation: Operation) -> ExecutionResult | Parts:
        """Return the same, or parts where the operation puts something off; raises ReadsOnly."""

    def headers(self) -> Mapping[str, str]:
        """Return further headers of the answer, once the operation has run."""

    def extensions(self) -> Mapping[str, Any]:
        """Return the answer's `extensions`, once the operation has run; empty for none."""

    def standing(self) -> Standing | None:
        """Return what tells whether the answer still holds; None where it is told no more."""

    def forget(self) -> None:
        """Let go of what was read, once the last part was made."""


Open = Callable[[str, float, Mapping[str, str], Identity], Session]
"""Begins a request from its id, its time in seconds, its headers (lower case) and its caller."""


@dataclass(frozen=True, slots=True)
class Manners:
    """How the endpoint speaks HTTP, where there is a choice."""

    status_codes: StatusCodes = "audit"
    gets: Gets = "open"
    origins: Collection[str] = ()
    """Of which pages may ask across origins."""
    documents: Documents = field(default_factory=Documents)
    door: Door = field(default_factory=Door)
    """Who is let in."""
    is_local: bool = False
    """Whether being on this machine is all that callers need, so that names must be looked at."""
    forwarded: Collection[str] = ()
    """Headers that are sent on to upstreams, so that answers depend on them."""
    ready: ReadyAnswers = field(default_factory=ReadyAnswers)
    """Answers that need not be made anew."""


@dataclass(slots=True)
class _Exchange:
    """One request and what is known of its answer."""

    scope: Scope
    receive: Receive
    headers: RequestHeaders
    request_id: str
    record: RequestRecord
    media_type: str | None
    shape: PartsShape | None
    """In which an answer with parts is taken."""
    send: Send
    method: str
    """HTTP's word for what is wanted."""
    begun: Delivery | None = None
    """The answer, where some of it has left already."""


Answered = tuple[Reply | Delivery, dict[str, Any]]
"""An answer as it leaves, and what its body says."""


class GraphQLEndpoint:
    """Answers requests of every method, as an ASGI application.

    `begin` opens the session that runs the operation and raises BadRequest for a header that cannot
    be read; `present` gives an error the form in which it may leave; `page` answers a browser, told
    the path below which the gateway is mounted.
    """

    def __init__(
        self,
        begin: Open,
        present: Callable[[GraphQLError, str], dict[str, Any]],
        page: Callable[[str], Response] | None,
        *,
        deadline_seconds: float,
        observer: Observer,
        admission: Admission,
        body: BodyBounds,
        manners: Manners | None = None,
    ) -> None:
        self._begin = begin
        self._present = present
        self._page = page
        self._deadline_seconds = deadline_seconds
        self._observer = observer
        self._admission = admission
        self._body = body
        self._manners = manners or Manners()
        self._statuses = StatusTable(self._manners.status_codes)
        self._is_guarded = self._manners.door.is_guarded
        proofs = ("Authorization", "X-API-Key") if self._is_guarded else ()
        known = {name.lower() for name in proofs}
        forwarded = sorted(name for name in self._manners.forwarded if name not in known)
        self._vary = ", ".join(("Accept", *proofs, *forwarded))
        self._vary_bytes = self._vary.encode()
        self._methods = ("POST",) if self._manners.gets == "off" else ("GET", "HEAD", "POST")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers = RequestHeaders(scope["headers"])
        request_id = _request_id(headers.get("x-request-id", ""))
        accept = ",".join(headers.getlist("accept"))
        response: ASGIApp
        if self._page is not None and scope["method"] in _READS and names_html(accept):
            page = self._page(scope.get("root_path", ""))
            page.headers["x-request-id"] = request_id
            response = page
        else:
            record = self._observer.request_started(request_id, headers.getlist("traceparent"))
            kind, method = answer_type(accept), scope["method"]
            shape = parts_shape(accept) if method != "HEAD" else None
            response = await self._observed(
                _Exchange(scope, receive, headers, request_id, record, kind, shape, send, method)
            )
        await response(scope, receive, send)

    async def _observed(self, exchange: _Exchange) -> ASGIApp:
        """Answer a request and tell how it ended, whatever happens."""
        response: ASGIApp
        request_id = exchange.request_id
        end = RequestEnd(RequestOutcome.FAILED, _FAILED)
        try:
            reply, answer = await self._answered(exchange)
            end = RequestEnd.of_answer(answer, reply.status_code)
            response = reply
        except (ClientDisconnect, ClientGone):
            end = RequestEnd(RequestOutcome.CLIENT_GONE, _CLIENT_GONE)
            # Nobody is there to read it.
            response = exchange.begun or Response(status_code=_CLIENT_GONE)
        except Exception:  # noqa: BLE001  a bug of ours, which is told in our own form
            _log.exception("unexpected failure in request %s", request_id)
            said = f"Something went wrong in the gateway; its log has more under {request_id}."
            answer = refused(request_id, said, code="INTERNAL")
            response = exchange.begun or self._response(exchange, answer, _FAILED)
            end = RequestEnd.of_answer(answer, _FAILED)
        finally:
            self._observer.request_finished(exchange.record, end)
        return response

    async def _answered(self, exchange: _Exchange) -> Answered:
        try:
            return await self._run(exchange)
        except Overloaded as error:
            wait = {"retryable": True, "retryAfterMs": RETRY_AFTER_SECONDS * 1000}
            answer = refused(exchange.request_id, str(error), code="UNAVAILABLE", **wait)
            headers = {"retry-after": str(RETRY_AFTER_SECONDS)}
            return self._response(exchange, answer, _NO_PLACE, headers), answer
        except ReadsOnly:
            return self._refusal(exchange, MethodRefused("POST"))
        except BadRequest as error:
            return self._refusal(exchange, error)

    async def _run(self, exchange: _Exchange) -> Answered:
        """Answer a request that is one; raises BadRequest, Overloaded and ReadsOnly."""
        if exchange.media_type is None:
            raise NotAcceptable("Answers are application/graphql-response+json or JSON.")
        headers, documents = exchange.headers, self._manners.documents
        if self._manners.is_local and is_rebound(headers, self._manners.origins):
            raise Misdirected("Browsers are answered under this machine's own names only.")
        caller = await self._manners.door.identify(headers) if self._is_guarded else ANYONE
        self._check_form(exchange)
        time = self._time_for(headers.get(DEADLINE_HEADER))
        is_get, body = exchange.method in _READS, b""
        if not is_get:
            body = await self._body.read(exchange.receive)
            ready = self._manners.ready.find(body, headers, caller.scopes)
            if ready is not None:
                return self._again(exchange, *ready)
        asked = from_url(exchange.scope["query_string"]) if is_get else from_body(body)
        operation = await documents.operation(asked, reads_only=is_get, scopes=caller.scopes)
        session = self._begin(exchange.request_id, time, headers, caller)
        exchange.record.operation_name = operation.name
        run = session.run if exchange.shape is None else session.run_in_parts
        with self._admission.place():
            # Behind a body that nobody reads no server sees the end; who listens reads it.
            is_unread = is_get and headers.names_any(_OF_BODIES)
            scope = {} if is_unread else exchange.scope
            result = await while_connected(scope, exchange.receive, run(operation))
            if isinstance(result, Parts):
                reply = await self._delivered(exchange, session, result)
                await documents.ran(asked)
                return reply
        answer = formatted(result, lambda error: self._present(error, exchange.request_id))
        extensions = session.extensions()
        if extensions:
            answer["extensions"] = dict(extensions)
        if "data" in answer:
            await documents.ran(asked)
        status = self._statuses.of_result(result, answer, exchange.media_type)
        response = self._response(exchange, answer, status, session.headers())
        standing = session.standing() if body and asked.document_id is None else None
        if standing is not None:
            self._manners.ready.keep(
                body, headers, caller.scopes, response.body, exchange.record, standing
            )
        return response, answer

    def _again(self, exchange: _Exchange, ready: ReadyAnswer, said: Mapping[str, str]) -> Answered:
        """Give an answer that is there already."""
        record = exchange.record
        record.operation_name, record.operation_type = ready.operation_name, ready.operation_type
        media_type = exchange.media_type or PLAIN_JSON
        reply = Reply(200, ready.body, media_type, exchange.request_id, self._vary_bytes, said)
        return reply, _WHOLE

    async def _delivered(self, exchange: _Exchange, session: Session, parts: Parts) -> Answered:
        """Send an answer in parts while they are made; returns when the last one is ready."""
        headers = {
            **session.headers(),
            "vary": self._vary,
            "x-request-id": exchange.request_id,
        }
        response = exchange.begun = Delivery(exchange.shape or PartsShape.PATCHES, headers)
        response.begin(exchange.send)
        making = response.make(
            parts, lambda error: self._present(error, exchange.request_id), session.extensions
        )
        try:
            answer = await while_connected(exchange.scope, exchange.receive, making)
        except BaseException:
            response.abandon()
            raise
        finally:
            await parts.close()
            session.forget()
        return response, answer

    def _check_form(self, exchange: _Exchange) -> None:
        """Check how the request was sent; raises BadRequest, and Overloaded before its body."""
        method, headers = exchange.method, exchange.headers
        if method not in self._methods:
            raise MethodRefused(*self._methods)
        if method in _READS:
            if is_forgeable(headers, self._manners.gets, self._manners.origins):
                raise Forgeable("A GET needs a header like GraphQL-Require-Preflight: 1 here.")
            return
        if not _is_json(headers.get("content-type", "")):
            raise MediaTypeRefused("Content-Type must be application/json in UTF-8.")
        if headers.get("content-encoding", "identity") != "identity":
            raise MediaTypeRefused("Send the body as it is, without Content-Encoding.")
        self._admission.refuse_when_full()

    def _time_for(self, asked: str | None) -> float:
        """Return the request's time in seconds: the setting, or less where the client says so."""
        if asked is None:
            return self._deadline_seconds
        if not _MILLISECONDS.fullmatch(asked.strip()):
            raise BadRequest(f"{DEADLINE_HEADER} must be a whole number of milliseconds.")
        return min(int(asked) / 1000, self._deadline_seconds)

    def _refusal(self, exchange: _Exchange, error: BadRequest) -> Answered:
        wait = {} if error.retry_after_ms is None else _retryable(error.retry_after_ms)
        answer = refused(exchange.request_id, str(error), code=error.code, **wait)
        status = self._statuses.of_refusal(error, exchange.media_type or PLAIN_JSON)
        return self._response(exchange, answer, status, error.headers), answer

    def _response(
        self,
        exchange: _Exchange,
        answer: dict[str, Any],
        status: int,
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> Reply:
        media_type = self._statuses.type_of(status, exchange.media_type or PLAIN_JSON)
        return Reply(
            status, encode(answer), media_type, exchange.request_id, self._vary_bytes, headers
        )


def _retryable(after_ms: int) -> dict[str, Any]:
    return {"retryable": True, "retryAfterMs": after_ms}


@lru_cache(maxsize=64)  # clients send always the same
def _is_json(content_type: str) -> bool:
    kind, *parameters = (part.strip().lower() for part in content_type.split(";"))
    charsets = [text for text in parameters if text.startswith("charset=")]
    return kind == PLAIN_JSON and all(
        text.removeprefix("charset=").strip('"') in {"utf-8", "utf8"} for text in charsets
    )


def _request_id(offered: str) -> str:
    return offered if offered and _REQUEST_ID.fullmatch(offered) else _random_id()


def _random_id() -> str:
    """Return 128 bits; one call into the kernel, 1 to 7 µs, is for many of them."""
    try:
        return _random_ids.pop()
    except IndexError:  # and gateways on other threads may have found the same
        digits = os.urandom(16 * 256).hex()
        _random_ids.extend(digits[at : at + 32] for at in range(32, len(digits), 32))
        return digits[:32]


_random_ids: list[str] = []
