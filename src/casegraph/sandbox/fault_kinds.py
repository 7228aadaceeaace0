"""The kinds of fault a plan may order, one frozen class each; `kind` is the class's tag.

Four families. Some come before the effect (slow, hang, reset); some instead of it (status, html,
redirect); some perform it and spoil the answer's body (bloat to drop_field) or the way it is sent
(drip to cut_lengthless); one performs it and then denies it (status_after).
Invariant: what decodes can be carried out. Whatever would fail while a call is answered, such as a
header with a line break or a body beside 204, is refused when the plan is read.
"""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

BODILESS = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})
"""Statuses that HTTP forbids a body."""

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\xa0-\xff]*")
_URL = re.compile(r"[\x21-\x7e]{1,2000}")
_POINTER = re.compile(r"(/([^~/]|~0|~1)*)*")
_LENGTH_HEADERS = frozenset({"content-length", "transfer-encoding", "connection"})

Milliseconds = Annotated[float, Meta(ge=0, le=600_000)]
"""Up to ten minutes: longer than any deadline worth testing."""
Size = Annotated[int, Meta(ge=0, le=64 * 1024 * 1024)]
"""Bytes, up to 64 MiB: beyond every body cap, and still held by any machine."""
Times = Annotated[int, Meta(ge=1, le=1_000_000_000)] | Literal["forever"]
Named = Literal[
    "429_seconds",
    "429_date",
    "429_absent",
    "429_garbage",
    "429_zero",
    "429_negative",
    "429_past_date",
    "429_huge",
    "kayako_rate_limit_reached",
    "kayako_authentication_locked",
]
"""Ready answers: 429 with each form of Retry-After, and Kayako's two bodies of it."""


class Outcome(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag_field="kind",
):
    """What happens to `times` calls; a call met with less than certainty passes, uncounted."""

    times: Times = 1
    probability: Annotated[float, Meta(gt=0, le=1)] = 1.0


class Pass(Outcome, frozen=True, tag="pass"):
    """Nothing happens; so that a plan can say "the third call"."""


class Slow(Outcome, frozen=True, tag="slow"):
    """The call waits, then has its effect and its answer."""

    delay_ms: Milliseconds


class Hang(Outcome, frozen=True, tag="hang"):
    """No byte until the plan is replaced or cleared, or the caller leaves; no effect before."""


class HangAfterHeaders(Outcome, frozen=True, tag="hang_after_headers"):
    """The effect and the headers come; the body not until the plan is replaced or cleared."""


class Drip(Outcome, frozen=True, tag="drip"):
    """The body comes `bytes` at a time, with `interval_ms` between."""

    bytes: Annotated[int, Meta(ge=1, le=1_000_000)] = 1
    interval_ms: Milliseconds = 1000


class Reset(Outcome, frozen=True, tag="reset"):
    """The connection is reset (TCP RST) before any byte of the answer, without the effect."""


class _Cut(Outcome, frozen=True):
    """An answer of which only the first `after_bytes` of the body are sent; half when unset.

    At least one byte is always missing.
    """

    after_bytes: Size | None = None


class ResetInBody(_Cut, frozen=True, tag="reset_in_body"):
    """The connection is reset in the body; of a large one, bytes still under way may be lost."""


class Truncate(_Cut, frozen=True, tag="truncate"):
    """Content-Length tells the whole length, and the connection closes before it is met."""


class CutChunked(_Cut, frozen=True, tag="cut_chunked"):
    """The body comes chunked, and the connection closes without the last chunk."""


class CutLengthless(_Cut, frozen=True, tag="cut_lengthless"):
    """No length and no chunks: the close that cuts the body looks like its end."""


class Bloat(Outcome, frozen=True, tag="bloat"):
    """The body is padded with blanks to `bytes`; what was JSON stays the same JSON."""

    bytes: Size


class GzipBomb(Outcome, frozen=True, tag="gzip_bomb"):
    """The body, padded to `bytes`, comes as gzip: about a thousandth of that on the wire."""

    bytes: Size = 50_000_000


class DoubleGzip(Outcome, frozen=True, tag="double_gzip"):
    """The same with gzip applied twice; without `bytes`, nothing is padded."""

    bytes: Size = 0


class BadJson(Outcome, frozen=True, tag="bad_json"):
    """The body is JSON no longer, or JSON that hurts its reader."""

    form: Literal[
        "cut",
        "empty",
        "words",
        "nan",
        "duplicate_keys",
        "bad_utf8",
        "deep",
        "huge_integer",
    ] = "cut"


class Html(Outcome, frozen=True, tag="html"):
    """200 with an HTML page, as a proxy's sign-in or maintenance page is; no effect."""


class _AtPath(Outcome, frozen=True):
    """Something at `path`, a JSON pointer (RFC 6901) in which `*` is each member or element."""

    path: str

    def __post_init__(self) -> None:
        if not _POINTER.fullmatch(self.path):
            raise ValueError("`path` must be a JSON pointer, such as /items/*/id")


class WrongTypes(_AtPath, frozen=True, tag="wrong_types"):
    """What is at `path` becomes `value`; unset, a value of a type it certainly had not."""

    value: Any | UnsetType = UNSET


class DropField(_AtPath, frozen=True, tag="drop_field"):
    """What is at `path` is missing."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.path:
            raise ValueError("`path` must name a field; the whole body cannot be dropped")


class _Canned(Outcome, frozen=True):
    """An answer that the plan spells out; Content-Length is added."""

    headers: Mapping[str, str] = {}
    body: str = ""

    def _check(self, code: int) -> None:
        for name, value in self.headers.items():
            if not _TOKEN.fullmatch(name):
                raise ValueError(f"`headers`: {name!r} cannot be a header's name")
            if name.lower() in _LENGTH_HEADERS:
                raise ValueError(f"`headers`: {name} is not to be set; see the kind truncate")
            if not _HEADER_VALUE.fullmatch(value):
                raise ValueError(f"`headers`: the value of {name} cannot be a header's value")
        if self.body and code in BODILESS:
            raise ValueError(f"`body` must be empty with status {code}")


Code = Annotated[int, Meta(ge=200, le=599)]


class Status(_Canned, frozen=True, tag="status"):
    """An answer instead of the effect: spelled out by `code`, `headers`, `body`, or `named`.

    `retry_after_seconds` is the wait that a named answer tells, where its form has one.
    """

    code: Code | None = None
    named: Named | None = None
    retry_after_seconds: Annotated[int, Meta(ge=0, le=86_400)] = 2

    def __post_init__(self) -> None:
        if (self.code is None) == (self.named is None):
            raise ValueError("either `code` or `named` must be given")
        if self.named is not None and (self.headers or self.body):
            raise ValueError("`named` brings its own headers and body")
        self._check(self.code or 200)


class Redirect(Outcome, frozen=True, tag="redirect"):
    """An answer that sends the caller `to` another URL instead of the effect."""

    to: str
    code: Literal[301, 302, 303, 307, 308] = 302

    def __post_init__(self) -> None:
        if not _URL.fullmatch(self.to):
            raise ValueError("`to` must be a URL of printable ASCII")


class StatusAfter(_Canned, frozen=True, tag="status_after"):
    """The effect happens, and the caller is told `code`, is reset, or hears nothing at all."""

    code: Code = 408
    then: Literal["answer", "reset", "hang"] = "answer"

    def __post_init__(self) -> None:
        self._check(self.code)


AnyOutcome = (
    Pass
    | Slow
    | Hang
    | HangAfterHeaders
    | Drip
    | Reset
    | ResetInBody
    | Truncate
    | CutChunked
    | CutLengthless
    | Bloat
    | GzipBomb
    | DoubleGzip
    | BadJson
    | Html
    | WrongTypes
    | DropField
    | Status
    | Redirect
    | StatusAfter
)
KINDS: tuple[str, ...] = tuple(str(kind.__struct_config__.tag) for kind in AnyOutcome.__args__)
"""Every kind by name, in the order above."""


class Pace(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """At most one call of the upstream per `interval_ms`, after `burst` at once.

    What comes too early is refused with 429 and Retry-After, or queued until its turn.
    """

    interval_ms: Annotated[float, Meta(gt=0, le=600_000)]
    burst: Annotated[int, Meta(ge=1, le=1_000_000)] = 1
    excess: Literal["reject", "queue"] = "reject"


class Quota(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """`limit` calls per window, told by X-RateLimit-* headers on every answer, then 429.

    The window starts with its first call. X-RateLimit-Reset is a Unix time or the seconds left.
    """

    limit: Annotated[int, Meta(ge=0, le=1_000_000_000)]
    window_ms: Annotated[float, Meta(gt=0, le=86_400_000)] = 60_000
    reset_as: Literal["epoch", "seconds"] = "epoch"
    retry_after: bool = True
