"""Upstream JSON to typed records: fast when the body keeps its contract, precise when it does not.

The fast path is one typed msgspec decode of the whole body. If that refuses anything, the body is
decoded again field by field: a value of a wrong type becomes a ContractViolation in the place of
the value, so that it costs its own field and the path of the spot is known, while its siblings
stand. Only a body that is no JSON, or has no usable key where one must be, fails as a whole.
Invariant: nothing of the body is repeated in an error, and nothing raised here is not ours.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, Generic, TypeVar, cast, get_args, get_origin

import msgspec

from casegraph.errors import ContractViolation

T = TypeVar("T")


_BEFORE_TIME = ("T", " ", "")


class Id(str):
    """An upstream's id as text, whether it came as a number or as a string."""

    __slots__ = ()


class Instant(datetime):
    """A moment in UTC, whichever of the vendors' forms it came in.

    Seven fractional digits are cut to six (never rounded up), a space may stand for the T, a date
    alone is its midnight, and text without an offset is UTC.
    """

    @classmethod
    def parse(cls, text: str) -> "Instant":
        """Read one of the vendors' forms; raises ValueError or OverflowError for anything else."""
        text = text.strip()
        # fromisoformat would take weeks, bare digits, and any character at all for the T.
        if text[4:5] != "-" or text[7:8] != "-" or text[10:11] not in _BEFORE_TIME:
            raise ValueError("not one of the forms")
        moment = cls.fromisoformat(text)
        if moment.tzinfo is None:
            return moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC)


def _convert_special(kind: type, value: Any) -> Any:
    if kind is Id and value.__class__ in (str, int) and value != "":
        return Id(value)
    if kind is Instant and isinstance(value, str):
        try:
            return Instant.parse(value)
        except OverflowError:
            raise ValueError("out of range") from None
    raise ValueError(f"not {kind.__name__}")


def _encode_special(value: Any) -> str:
    if isinstance(value, str):  # ids, and what was put into a path
        return str.__str__(value)
    if isinstance(value, Instant):
        return value.isoformat()
    # The error that msgspec asks for from its hook where a value has no encoding.
    raise NotImplementedError(type(value).__name__)


def encode(value: Any) -> bytes:
    """Return records as JSON under the vendor's names, readable again by a Shape of their type."""
    return msgspec.json.encode(value, enc_hook=_encode_special)


def _nobody() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Where:
    """Whose body is read, for the error that may come of it."""

    upstream: str
    operation: str
    on_repair: Callable[[], None] = field(default=_nobody, repr=False, compare=False)
    """Called for each value that gives way to its error while its record stands."""

    def violation(self, what: str, path: str = "$") -> ContractViolation:
        """Return the error for one spot of the body."""
        return ContractViolation(self.upstream, self.operation, what, path)


@dataclass(frozen=True)
class Shape(Generic[T]):
    """A type that bodies are read into, with its decoder made once."""

    kind: Any
    _decoder: msgspec.json.Decoder[T] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        decoder = msgspec.json.Decoder(self.kind, dec_hook=_convert_special)
        object.__setattr__(self, "_decoder", decoder)

    def read(self, body: bytes, where: Where) -> T:
        """Return the body as this shape; raises ContractViolation where no part can be saved."""
        try:
            return self._decoder.decode(body)
        except msgspec.ValidationError:
            return cast("T", _lenient(read_json(body, where), self.kind, "$", where))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise where.violation("a body that is not JSON") from None

    def read_strictly(self, body: bytes) -> T:
        """Return the body as this shape; raises msgspec's own error if anything does not fit."""
        return self._decoder.decode(body)

    def convert(self, value: Any, where: Where, path: str = "$") -> T:
        """Return a value that is decoded already as this shape, as `read` does."""
        return cast("T", _lenient(value, self.kind, path, where))


def read_json(body: bytes, where: Where) -> Any:
    """Return the body as plain values; raises ContractViolation when it is not JSON."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise where.violation("a body that is not JSON") from None


def _lenient(value: Any, kind: Any, path: str, where: Where) -> Any:
    """Return `value` as `kind`, with violations in the place of what does not fit."""
    try:
        return msgspec.convert(value, kind, dec_hook=_convert_special)
    except msgspec.ValidationError:
        repair = _repair(kind, value)
        if repair is None:
            raise where.violation("a value of a wrong type", path) from None
        return repair(value, path, where)


def _repair(kind: Any, value: Any) -> Callable[[Any, str, Where], Any] | None:
    """Return how to save the sound parts of `value`, or None when it has no parts."""
    choices = (kind,) if get_origin(kind) is tuple else (get_args(kind) or (kind,))
    for choice in choices:
        if get_origin(choice) is tuple and isinstance(value, list):
            return partial(_items, get_args(choice)[0])
        if _is_record(choice) and isinstance(value, dict):
            return partial(_record, choice)
    return None


def _items(kind: Any, values: Sequence[Any], path: str, where: Where) -> tuple[Any, ...]:
    return tuple(
        _lenient(value, kind, f"{path}[{index}]", where) for index, value in enumerate(values)
    )


def _is_record(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _record(kind: Any, members: Mapping[str, Any], path: str, where: Where) -> Any:
    """Build a record field by field; a bad value stays in its place as the error it is."""
    values: dict[str, Any] = {}
    for known in msgspec.structs.fields(kind):
        here = f"{path}.{known.encode_name}"
        if known.encode_name not in members:
            if known.required:
                raise where.violation("nothing where a key must be", here)
            continue
        try:
            values[known.name] = _lenient(members[known.encode_name], known.type, here, where)
        except ContractViolation as violation:
            if known.required:
                raise
            where.on_repair()
            values[known.name] = violation
    return kind(**values)
