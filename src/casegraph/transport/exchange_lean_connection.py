"""One connection: a request goes out, an answer comes in, and whether the next may follow it.

The answer is read by llhttp, the parser of Node and of our own server, as strictly as Node reads
but for two liberties that RFC 9112 gives (§2.2, §7.1.1). What it leaves open is decided here: how
large a head may be, when a body without a length has ended, that only `chunked` is a transfer
coding, that a 1xx is no answer. Those of 204 and 304 have no body for it, and 101 is an error.
Bodies are read as they come; there is nothing to hold back, because each stops at the call's cap.
Invariant: an answer is handed out once, whole, and to the call that was sent before it. After the
first byte that belongs to no call, after a call that was given up, after an error of any kind the
connection is ended and never used again. No callback of the parser raises.
"""

import asyncio
import select
from collections.abc import Mapping
from time import monotonic
from typing import Protocol, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from casegraph.errors import DeadlineExceeded, UpstreamError, UpstreamUnavailable
from casegraph.transport.bodies import BodyReader, whole
from casegraph.transport.calls import Call, Reply
from casegraph.transport.exchange_lean_head import headers_of, is_bounded, their_patience

_HEAD_BYTES = 65_536
"""Most bytes that bring neither the end of a head nor a piece of a body (reliability §3)."""
_VERSIONS = frozenset({"1.0", "1.1"})
_FIRST_FINAL = 200
_TIMER_SECONDS = 0.001
"""A timer may fire that much too early."""

Outcome = Reply | UpstreamError
"""What becomes of a call; an error is a value here and is raised by who asked."""


def _parser(connection: "Connection") -> HttpResponseParser:
    parser = HttpResponseParser(connection)
    # A bare line feed ends a line, and a chunk's size may be padded: old servers do both.
    parser.set_dangerous_leniencies(
        lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
    )
    return parser


class Owner(Protocol):
    """Who has to know which connections there are."""

    def made(self, connection: "Connection") -> None:
        """Hear of a connection that stands."""

    def lost(self, connection: "Connection") -> None:
        """Hear of one that has ended; the last that is heard of it."""


class Connection(asyncio.Protocol):
    """A protocol of asyncio that carries one call at a time; `owner` hears of it."""

    __slots__ = (
        "_body",
        "_call",
        "_ends",
        "_fields",
        "_future",
        "_headers",
        "_is_complete",
        "_is_heard",
        "_is_interim",
        "_is_kept",
        "_is_over",
        "_is_refused",
        "_is_tainted",
        "_loop",
        "_owner",
        "_parser",
        "_patience",
        "_status",
        "_timer",
        "_timer_ends",
        "_transport",
        "_unheard",
        "kept_seconds",
        "until",
    )

    def __init__(self, owner: Owner, kept_seconds: float) -> None:
        self._owner = owner
        self._patience = kept_seconds
        self.kept_seconds = kept_seconds
        """How long it may be idle after its last answer; less where the server says less."""
        self.until = 0.0
        """The moment of the monotonic clock at which it is idle too long; the pool's to set."""
        self._transport: asyncio.Transport | None = None
        self._parser: HttpResponseParser | None = _parser(self)
        self._future: asyncio.Future[Outcome] | None = None
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ends = self._ends = 0.0
        self._call: Call | None = None
        self._is_over = False
        self._begin()

    def _begin(self) -> None:
        self._fields: list[bytes] = []
        self._headers: Mapping[str, str] = {}
        self._body: BodyReader | None = None
        self._status = 0
        self._unheard = 0
        self._is_heard = self._is_interim = self._is_complete = self._is_refused = False
        self._is_tainted = self._is_kept = False

    @property
    def is_ready(self) -> bool:
        """Whether the next call may be sent over it."""
        transport = self._transport
        return (
            not self._is_over
            and self._future is None
            and transport is not None
            and not transport.is_closing()
        )

    def is_quiet(self) -> bool:
        """Say whether the socket holds nothing unread; an end that has come in is unread too.

        A system call: for calls that must not be sent into a connection that has just been closed.
        """
        assert self._transport is not None  # noqa: S101  asked of a connection that is ready
        held = self._transport.get_extra_info("socket")
        poll = select.poll()
        poll.register(held.fileno(), select.POLLIN)
        return not poll.poll(0)

    def ask(self, call: Call, request: bytes, seconds: float) -> asyncio.Future[Outcome]:
        """Send a request and return its outcome, which comes within these seconds."""
        assert self._transport is not None  # noqa: S101  asked of a connection that is ready
        loop = self._loop
        self._begin()
        self._call = call
        self._future = future = loop.create_future()
        self._ends = ends = monotonic() + seconds
        if self._timer is None or ends < self._timer_ends:
            self._set_timer(seconds, ends)
        self._transport.write(request)
        return future

    def leave(self) -> None:
        """End the connection if its call is not through: nobody waits for it any more."""
        if self._future is not None:
            self._settle(None)
            self.abort()

    def give_up(self, why: str) -> None:
        """End the connection; a call that is on it is unavailable for this reason."""
        self._fail(why)

    def abort(self) -> None:
        """End the connection at once, with what is buffered unsent and without a farewell."""
        self._is_over = True
        if self._transport is not None:
            self._transport.abort()

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)
        self._owner.made(self)

    def data_received(self, data: bytes) -> None:
        """Read some bytes of the answer; outside a call there is nothing to say."""
        parser = self._parser
        if self._future is None or parser is None:
            self.abort()
            return
        try:
            self._is_heard = False
            parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            # Their texts may hold what was sent. Behind a whole answer it is only noise.
            self._is_tainted = True
            if not self._is_complete:
                self._fail()
                return
        if self._is_complete:
            self._deliver()
            return
        self._unheard = 0 if self._is_heard else self._unheard + len(data)
        if self._is_refused or self._unheard > _HEAD_BYTES or not is_bounded(self._fields):
            self._fail()

    def eof_received(self) -> None:
        """Take the end as that of a body without a length; otherwise the answer was cut."""
        self._is_over = True
        if self._body is not None and not self._is_framed():
            self._deliver()
        else:
            self._fail()

    def connection_lost(self, _error: Exception | None) -> None:
        """Fail the call that waits, if any, and tell the pool."""
        self._transport = None
        self._fail()
        self._parser = None  # it holds this object's methods: without it there is no cycle
        self._stop_timer()
        self._owner.lost(self)

    # the parser's side

    def on_message_begin(self) -> None:
        """Notice a second answer, which nobody asked for."""
        if self._is_complete:
            self._is_tainted = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header, or a trailer, which nobody reads; what is too much shows at the end."""
        fields = self._fields
        fields += (name, value)

    def on_headers_complete(self) -> None:
        """Decide what the answer's body will be, now that its head is known."""
        parser, call = self._parser, self._call
        if parser is None or call is None or self._is_complete:
            return
        self._is_heard = True
        self._status = status = parser.get_status_code()
        if status < _FIRST_FINAL:
            self._is_interim = True  # or 101, behind which the parser stops with an error
            return
        self._is_kept = parser.should_keep_alive()
        fields, self._fields = self._fields, []
        self._headers = headers = headers_of(fields)
        told = headers.get("keep-alive")
        self.kept_seconds = self._patience if told is None else self._shorter(told)
        if not (is_bounded(fields) and self._is_readable(parser)):
            self._is_refused = True
        try:
            self._body = BodyReader(call, headers)
        except UpstreamError as error:
            self._end(error)
        if call.method == "HEAD":
            # The parser cannot be told that no body follows, so it is of no use for the next.
            self._is_complete = True
            self._is_kept = False

    def on_body(self, chunk: bytes) -> None:
        """Take a piece of the body, as far as the cap."""
        if self._is_complete or self._body is None:
            self._is_tainted = True
            return
        self._is_heard = True
        if self._future is not None:
            try:
                self._body.feed(chunk)
            except UpstreamError as error:
                self._end(error)

    def on_message_complete(self) -> None:
        """Note that the answer is whole, unless it was only a word before it."""
        if self._is_interim:
            self._is_interim = False
        elif self._body is not None:
            self._is_complete = True
        if self._fields:
            self._is_refused |= not is_bounded(self._fields)
            self._fields = []

    # inside

    def _shorter(self, told: str) -> float:
        """Return our patience, or a little less than the server's own."""
        theirs = their_patience(told)
        return self._patience if theirs is None else min(self._patience, theirs)

    def _is_readable(self, parser: HttpResponseParser) -> bool:
        """Say whether version and transfer coding are ones that we know."""
        coding = self._headers.get("transfer-encoding")
        if coding is not None and coding.lower() != "chunked":
            return False
        return self._is_kept or parser.get_http_version() in _VERSIONS

    def _is_framed(self) -> bool:
        headers = self._headers
        return "content-length" in headers or "transfer-encoding" in headers

    def _deliver(self) -> None:
        """Hand out the answer and decide whether another call may follow it."""
        call, body, transport = self._call, self._body, self._transport
        if self._future is None or call is None or body is None or transport is None:
            return  # refused already
        if self._is_refused:
            self._fail()
            return
        # An answer to a request that has not all left yet is one to what comes behind, too.
        unfit = self._is_tainted or not self._is_kept or transport.get_write_buffer_size() > 0
        try:
            self._settle(whole(call, Reply(self._status, self._headers, body.finish())))
        except UpstreamError as error:
            self._settle(error)
            unfit = True
        if unfit:
            self.abort()

    # One timer serves the calls one after the other, and is set anew where it fires too early:
    # starting and stopping one for each of them would be a twentieth of what a call costs.

    def _set_timer(self, seconds: float, ends: float) -> None:
        self._stop_timer()
        self._timer_ends = ends
        self._timer = self._loop.call_later(seconds, self._late)

    def _stop_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _late(self) -> None:
        self._timer = None
        call = self._call
        if call is None:
            return
        left = self._ends - monotonic()
        if left > _TIMER_SECONDS:
            self._set_timer(left, self._ends)
            return
        self._end(DeadlineExceeded(call.upstream, call.operation, "no answer in time"))

    def _fail(self, why: str = "the connection failed") -> None:
        """End the connection; the call was sent and has no answer."""
        if self._future is not None and self._call is not None:
            self._settle(UpstreamUnavailable(self._call.upstream, self._call.operation, why))
        self.abort()

    def _end(self, error: UpstreamError) -> None:
        self._settle(error)
        self.abort()

    def _settle(self, outcome: Outcome | None) -> None:
        """Let go of the call, with this outcome unless whoever asked has left.

        And of the body: a connection may be idle for minutes, and a body be megabytes.
        """
        future, self._future = self._future, None
        self._call = self._body = None
        if future is not None and outcome is not None and not future.done():
            future.set_result(outcome)
