"""What every upstream client is made of: declared operations, and statuses turned into causes.

An operation says once what it is called, what repeating it does, and where it stands; the client
fills in ids and reads the body. Statuses become our errors here and nowhere else, because the
vendors' own texts are for nobody but them. What a good answer does not need is made for a bad one
only: a call takes 1.8 µs here, and reading two notes 2.5.
Invariant: an upstream's message, URL or header never gets into an error.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from casegraph.errors import (
    ContractViolation,
    CredentialsRefused,
    DeadlineExceeded,
    OutcomeUnknown,
    RateLimited,
    UpstreamConflict,
    UpstreamError,
    UpstreamNotFound,
    UpstreamRejected,
    UpstreamUnavailable,
)
from casegraph.transport.calls import Call, Effect, Reply, Send
from casegraph.transport.rate_gate import retry_after_seconds
from casegraph.transport.receipt import note_body, note_repair
from casegraph.upstreams.decode import UNREAD, Shape, Where
from casegraph.upstreams.paths import Segment, target

T = TypeVar("T")

_CAUSES: Mapping[int, tuple[type[UpstreamError], str]] = {
    400: (UpstreamRejected, "the request was refused as wrong"),
    401: (CredentialsRefused, "the credentials were refused"),
    403: (CredentialsRefused, "the credentials do not allow this"),
    404: (UpstreamNotFound, "nothing is known under this key"),
    408: (DeadlineExceeded, "the upstream gave up waiting for itself"),
    409: (UpstreamConflict, "the object has changed meanwhile"),
    412: (UpstreamConflict, "the object has changed meanwhile"),
    422: (UpstreamRejected, "the request was refused as wrong"),
    426: (CredentialsRefused, "the subscription does not allow this"),
    429: (RateLimited, "a pause is asked for"),
    454: (CredentialsRefused, "the session was refused"),
    501: (ContractViolation, "an operation that the upstream does not have"),
    505: (ContractViolation, "a protocol that the upstream does not speak"),
}
_STRONG_ETAG = re.compile(r'"[\x21\x23-\x7e]{0,200}"', re.ASCII)
"""RFC 9110 §8.8.3; longer ones are nobody's."""
_LONGEST_WAIT_SECONDS = 86_400.0
"""Longest wait told to a client: a day, so that a vendor's slip stays a number that fits."""
_NO_IDS: Mapping[str, Segment] = {}
_ACCEPT = {"accept": "application/json"}
_ACCEPT_AND_SEND = {**_ACCEPT, "content-type": "application/json"}


@dataclass(frozen=True, slots=True)
class Operation:
    """One endpoint as a client may use it."""

    name: str
    effect: Effect
    method: str
    template: str


Check = Callable[["Operation", Reply, Where], None]
"""Raises what an answer says, where a vendor says it otherwise than by its status."""


class Rest:
    """The REST side of one upstream: operations in, complete good answers out.

    `on_unreadable` is told at once of an answer of which nothing can be used, for the breaker. An
    answer with a bad value in some field is no such one: what costs one field must not, counted
    twenty times, cost the upstream. `on_unusable` is told of both, by the operation's name, once an
    answer; of an answer whose status alone is a breach it is not, for that stands with the attempt.
    """

    def __init__(
        self,
        upstream: str,
        origin: str,
        base: str,
        send: Send,
        *,
        max_bytes: int = 5 * 2**20,
        on_unreadable: Callable[[], None] = lambda: None,
        on_unusable: Callable[[str], None] = lambda _operation: None,
    ) -> None:
        self.upstream = upstream
        self._on_unreadable = on_unreadable
        self._on_unusable = on_unusable
        self._origin = origin
        self._base = base
        self._send = send
        self._max_bytes = max_bytes

    def where(self, operation: Operation) -> Where:
        """Return whose body is read, for decoding."""
        return Where(self.upstream, operation.name)

    def reading(self, operation: Operation) -> "Reading":
        """Tell of a body that breaks its contract, whole or in some field, whoever finds it."""
        return Reading(self.upstream, operation.name, self._on_unreadable, self._on_unusable)

    def read(self, operation: Operation, shape: Shape[T], reply: Reply) -> T:
        """Return a reply's body as a shape; raises ContractViolation."""
        try:
            return shape.read_strictly(reply.body)
        except UNREAD:
            with self.reading(operation) as where:
                return shape.read(reply.body, where)

    async def call(
        self,
        operation: Operation,
        ids: Mapping[str, Segment] | None = None,
        query: Iterable[tuple[str, str]] = (),
        body: Any = msgspec.UNSET,
        check: Check | None = None,
        more_headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send one request and return its reply of 200 to 299; raises UpstreamError otherwise.

        `check` raises in place of the common reading of statuses, for vendors that say it better;
        it reads the body with the Where that it is given.
        """
        has_body = body is not msgspec.UNSET
        headers = _ACCEPT_AND_SEND if has_body else _ACCEPT
        call = Call(
            upstream=self.upstream,
            operation=operation.name,
            effect=operation.effect,
            method=operation.method,
            origin=self._origin,
            target=target(self._base, operation.template, ids or _NO_IDS, query),
            headers={**headers, **more_headers} if more_headers else headers,
            body=msgspec.json.encode(body) if has_body else None,
            max_bytes=self._max_bytes,
        )
        try:
            reply = await self._send(call)
            note_body(reply.body)
            if check is not None or not is_good(reply.status):
                self._judge(operation, reply, check)
        except (DeadlineExceeded, UpstreamUnavailable) as error:
            if operation.effect is Effect.READ or not error.sent or not error.retryable:
                raise
            what = "sent, and no answer says whether it took effect"
            raise OutcomeUnknown(self.upstream, operation.name, what) from None
        return reply

    def _judge(self, operation: Operation, reply: Reply, check: Check | None) -> None:
        """Raise what the answer says, and tell of one that breaks its contract."""
        if check is not None and is_good(reply.status):
            with self.reading(operation) as where:
                check(operation, reply, where)
            return
        try:
            if check is not None:
                check(operation, reply, self.where(operation))
            else:
                raise_for_status(self.upstream, operation.name, reply)
        except ContractViolation:
            self._on_unreadable()
            raise


class Reading:
    """While it stands a body is read; what breaks its contract is told of at the end, once."""

    __slots__ = ("_has_repairs", "_on_unreadable", "_on_unusable", "_operation", "_upstream")

    def __init__(
        self,
        upstream: str,
        operation: str,
        on_unreadable: Callable[[], None],
        on_unusable: Callable[[str], None],
    ) -> None:
        self._upstream = upstream
        self._operation = operation
        self._on_unreadable = on_unreadable
        self._on_unusable = on_unusable
        self._has_repairs = False

    def __enter__(self) -> Where:
        """Return whose body is read."""
        return Where(self._upstream, self._operation, self._repaired)

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """Tell of what was found; the error goes on."""
        if isinstance(error, ContractViolation):
            self._on_unreadable()
            self._on_unusable(self._operation)
        elif error is None and self._has_repairs:
            self._on_unusable(self._operation)

    def _repaired(self) -> None:
        self._has_repairs = True
        note_repair()


def raise_for_status(
    upstream: str, operation: str, reply: Reply, status: int | None = None
) -> None:
    """Raise the cause that a status stands for; `status` overrides the one of the reply.

    401 and 403 are the credentials that the upstream was asked with: this gateway's, or those that
    the caller brought for it, never those that opened this gateway.
    """
    code = reply.status if status is None else status
    if is_good(code):
        return
    if code == 429:  # noqa: PLR2004  the status made to carry a wait
        raise RateLimited(upstream, operation, _CAUSES[code][1], retry_after_ms(reply))
    if code in _CAUSES:
        cause, what = _CAUSES[code]
        raise cause(upstream, operation, what)
    if code >= 500:  # noqa: PLR2004  the upstream's own failures; 503 may name a wait too
        what = "the upstream failed on its own side"
        raise UpstreamUnavailable(upstream, operation, what, retry_after_ms(reply))
    what = "a redirect" if 300 <= code < 400 else "a status outside the contract"  # noqa: PLR2004
    raise ContractViolation(upstream, operation, what)


def strong_etag(value: str | None) -> str | None:
    """Return an ETag that If-Match may carry; None for a weak one and for what is none."""
    return value if value is not None and _STRONG_ETAG.fullmatch(value) else None


def if_match(etag: str | None) -> dict[str, str]:
    """Return the headers that make a write depend on an ETag; none without one."""
    return {} if etag is None else {"if-match": etag}


def retry_after_ms(reply: Reply) -> int | None:
    """Return the wait that a reply asks for, in ms, a day at most; None when it names none."""
    seconds = retry_after_seconds(reply.headers, _now)
    return None if seconds is None else int(min(seconds, _LONGEST_WAIT_SECONDS) * 1000)


def is_good(status: int) -> bool:
    """Say whether a status tells of success."""
    return 200 <= status < 300  # noqa: PLR2004  the range is the definition of success


def _now() -> datetime:
    return datetime.now(UTC)
