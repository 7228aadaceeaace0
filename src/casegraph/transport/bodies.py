"""What may go out and what may come in, whichever HTTP client stands behind the exchange.

A client's own checks come too late: it would repeat a forbidden header's value in its error, or
inflate 248 bytes to 50 MB before anyone counts. So headers are checked before it sees them, and it
hands over bodies as they are on the wire.
Invariant: no body grows past its cap, however small it was on the wire; a body that was cut short
is never taken for a whole one.
"""

import re
import zlib
from collections.abc import Iterable, Mapping

import msgspec

from casegraph.errors import ContractViolation, InvalidArgument, UpstreamUnavailable
from casegraph.transport.calls import Call, Effect, Reply

_ORIGIN = re.compile(r"https?://[^/?#@\\\s]+", re.ASCII)
_CLIMBING = re.compile(r"/(?:\.|%2e){1,2}(?:/|$)", re.ASCII | re.IGNORECASE)
"""A segment that servers and clients resolve away, also when its dots are escaped."""
_METHOD = re.compile(r"[A-Z]{1,16}", re.ASCII)
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}", re.ASCII)
_HEADER_VALUE = re.compile(r"[!-~](?:[\t -~]*[!-~])?", re.ASCII)
_FRAMING = frozenset({"connection", "content-length", "host", "transfer-encoding", "upgrade"})
"""Headers that decide where a request goes and where it ends; never a caller's."""
OURS = {"accept": "*/*", "accept-encoding": "identity", "user-agent": "casegraph"}
"""The same whichever client sends, and without its name and version."""
_BODILESS = frozenset({204, 304})


def check_sendable(call: Call) -> None:
    """Refuse what HTTP does not allow, and a path that climbs; repeats no value."""
    headers = all(is_header(name, value) for name, value in call.headers.items())
    if not (_ORIGIN.fullmatch(call.origin) and headers and is_method(call.method)):
        raise InvalidArgument(f"{call.upstream}: this cannot be sent.")
    check_target(call)


def check_target(call: Call) -> None:
    """Refuse a target that HTTP does not allow, and a path that climbs; repeats no value."""
    target = call.target
    if not _is_target(target):
        raise InvalidArgument(f"{call.upstream}: this cannot be sent.")
    # Looked for at length only where something like it is there: nearly never.
    may_climb = "/." in target or "/%2" in target
    if may_climb and _CLIMBING.search(target.partition("?")[0]):
        raise InvalidArgument(f"{call.upstream}: this would leave the upstream's own paths.")


def _is_target(target: str) -> bool:
    """Say whether it is a path of visible ASCII, and no `#`.

    A fragment would never reach the upstream, and cut the query off.
    """
    return (
        target[:1] == "/"
        and target.isascii()
        and target.isprintable()  # of ASCII, the visible and the space
        and " " not in target
        and "#" not in target
    )


def is_method(method: str) -> bool:
    """Say whether this is a method as we send them."""
    return _METHOD.fullmatch(method) is not None


def is_header(name: str, value: str) -> bool:
    """Say whether a caller's header may be sent: it injects nothing and does not frame."""
    return (
        _HEADER_NAME.fullmatch(name) is not None
        and _HEADER_VALUE.fullmatch(value) is not None
        and name.lower() not in _FRAMING
    )


def outgoing(call: Call) -> dict[str, str]:
    """Return the headers to send, names in lower case: the caller's over ours."""
    return OURS | {name.lower(): value for name, value in call.headers.items()}


def joined(headers: Iterable[tuple[str, str]]) -> Mapping[str, str]:
    """Return headers by name in lower case; a repeated one joined, so that two codings show."""
    known: dict[str, str] = {}
    for name, value in headers:
        key = name.lower()
        known[key] = f"{known[key]}, {value}" if key in known else value
    return known


class BodyReader:
    """Takes a body chunk by chunk, as it is on the wire, within the call's cap."""

    __slots__ = ("_body", "_call", "_inflate")

    def __init__(self, call: Call, headers: Mapping[str, str]) -> None:
        coding = headers.get("content-encoding")
        self._call = call
        self._inflate = None if coding is None else _inflating(call, coding)
        self._body: bytes | bytearray = b""

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes; raises ContractViolation past the cap and for broken gzip."""
        call, inflate, body = self._call, self._inflate, self._body
        if inflate is not None:
            chunk = _inflated(call, inflate, chunk, call.max_bytes + 1 - len(body))
        if not body:
            self._body = body = chunk  # all of it, as a rule
        else:
            if isinstance(body, bytes):
                self._body = body = bytearray(body)
            body += chunk
        if len(body) > call.max_bytes:
            raise ContractViolation(
                call.upstream, call.operation, f"a body of more than {call.max_bytes} bytes"
            )
        if inflate and inflate.unused_data:
            # Kept by zlib, so an endless tail would grow past every cap.
            raise ContractViolation(call.upstream, call.operation, "data after the gzip body")

    def finish(self) -> bytes:
        """Return the whole body; raises UpstreamUnavailable when it ended too early."""
        if self._inflate and self._body and not self._inflate.eof:
            raise cut_short(self._call)
        return bytes(self._body)


def _inflating(call: Call, coding: str) -> "zlib._Decompress | None":
    """Return what undoes a coding, None if there is nothing to undo; raises ContractViolation."""
    coding = coding.strip().lower()
    if coding == "gzip":
        return zlib.decompressobj(wbits=31)
    if coding in {"identity", ""}:
        return None
    raise ContractViolation(call.upstream, call.operation, "an unknown content coding")


def _inflated(call: Call, inflate: "zlib._Decompress", chunk: bytes, most: int) -> bytes:
    try:
        return inflate.decompress(chunk, most)
    except zlib.error:
        raise ContractViolation(call.upstream, call.operation, "a broken gzip body") from None


def whole(call: Call, reply: Reply) -> Reply:
    """Return the reply unless it may be cut: a good one to a read, without a length, not JSON."""
    headers = reply.headers
    if (
        "content-length" not in headers
        and "transfer-encoding" not in headers
        and call.effect is Effect.READ
        and 200 <= reply.status < 300  # noqa: PLR2004  the range is the definition of success
        and reply.status not in _BODILESS
        and not _is_json(reply.body)
    ):
        raise cut_short(call)
    return reply


def cut_short(call: Call) -> UpstreamUnavailable:
    """Return the error for an answer that ended before its end."""
    return UpstreamUnavailable(call.upstream, call.operation, "the answer was cut short")


def _is_json(body: bytes) -> bool:
    try:
        msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True
