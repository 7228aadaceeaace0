"""Upstream JSON to typed records: fast when the body keeps its contract, precise when it does not.

The fast path is one typed msgspec decode of the whole body. If that refuses anything, the body is
decoded again field by field: a value of a wrong type becomes a ContractViolation in the place of
the value, so that it costs its own field and the path of the spot is known, while its siblings
stand. Only a body that is no JSON, or has no usable key where one must be, fails as a whole.
Invariant: nothing of the body is repeated in an error, and nothing raised here is not ours.

Ids and moments cost a call into Python each, half of what a page costs (tests/bench/decode_cost.py:
3.4 µs a note, 7.7 µs a case), so the forms that all vendors send need the fewest steps.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, partial
from operator import methodcaller
from typing import Any, Generic, TypeVar, cast, get_args, get_origin

import msgspec

from casegraph.errors import ContractViolation

T = TypeVar("T")

_BEFORE_TIME = ("T", " ", "")
_LAST = frozenset("0123456789Z")
"""What a moment ends in that has nothing around it to be stripped."""
_IDS_KEPT = 4096
"""Ids kept for the next time, half a megabyte: those of lists, roles and people come in each row.
Then all are let go, which is cheaper than knowing which is the oldest."""
_INSTANTS_KEPT = 4096
"""Moments kept, a megabyte: a row that nobody has edited carries one twice, and the rows that are
asked for come again. One that is kept costs 0.1 µs, one that is not 0.6."""
_LONGEST_KEPT = 40
"""Characters of what is kept: more than any id of the vendors, or any form of a moment, has."""


class _OfText(type):
    """Has any text be an instance: msgspec asks, and is given plain text.

    Text of a class of its own takes a call more wherever it is printed or sent (0.1 µs an id).
    """

    __instancecheck__ = str.__instancecheck__


class _OfMoments(type):
    """Has any moment be an instance: msgspec prints those of datetime's own class by itself.

    That takes 0.1 µs, and `isoformat` takes 1.0.
    """

    __instancecheck__ = datetime.__instancecheck__


class Id(str, metaclass=_OfText):
    """An upstream's id as text, whether it came as a number or as a string; read as plain text.

    So any text counts as one for isinstance, and for msgspec where no hook is given.
    """

    __slots__ = ()
    as_json = str.__str__


class Instant(datetime, metaclass=_OfMoments):
    """A moment in UTC, whichever of the vendors' forms it came in; read as a plain datetime."""

    __slots__ = ()
    as_json = datetime.isoformat


class Record(msgspec.Struct, frozen=True, gc=False):
    """What an object of a body is read into: text, numbers, moments, and tuples of records.

    None of them can be part of a cycle, so the collector need not know them, which saves an eighth
    of reading a page and 16 bytes a record. One that holds an error can: who raises the error puts
    his frame, and so the record, into its traceback. Such a record is of a class below the one
    asked for, see `_collected`; so ask with isinstance, and put no error into a record yourself.
    """


def moment(text: str) -> Instant:
    """Read one of the vendors' forms; raises ValueError or OverflowError for anything else.

    It is a plain datetime, which counts as an Instant. Seven fractional digits are cut to six
    (never rounded up), a space may stand for the T, a date alone is its midnight, and text without
    an offset is UTC.
    """
    # fromisoformat would take weeks, bare digits, and any character at all for the T.
    if text[10:11] != "T" or text[4] != "-" or text[7] != "-" or text[-1] not in _LAST:
        text = text.strip()
        if text[4:5] != "-" or text[7:8] != "-" or text[10:11] not in _BEFORE_TIME:
            raise ValueError("not one of the forms")
    found: Any = datetime.fromisoformat(text)
    if found.tzinfo is not UTC:
        found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    read: Instant = found
    return read


def _convert_special(kind: type, value: Any) -> Any:
    if kind is Id:
        if value.__class__ is int or value.__class__ is str:  # and not bool, which is an int
            return _ids.get(value) or _new_id(value)
    elif kind is Instant and isinstance(value, str):
        return _instants.get(value) or _new_instant(value)
    raise ValueError(f"not {kind.__name__}")


_ids: dict[str | int, str] = {}
_instants: dict[str, Instant] = {}


def _new_id(value: str | int) -> str:
    if value == "":
        raise ValueError("not Id")
    made = str(value)
    if len(made) <= _LONGEST_KEPT:
        if len(_ids) >= _IDS_KEPT:
            _ids.clear()
        _ids[value] = made
    return made


def _new_instant(text: str) -> Instant:
    try:
        made = moment(text)
    except OverflowError:
        raise ValueError("out of range") from None
    if len(text) <= _LONGEST_KEPT:
        if len(_instants) >= _INSTANTS_KEPT:
            _instants.clear()
        _instants[text] = made
    return made


_encode_special: Callable[[Any], str] = methodcaller("as_json")
"""Called by msgspec for ids and moments that are of a class of their own, as made by hand; whatever
else has no encoding is an AttributeError."""


def encode(value: Any) -> bytes:
    """Return records as JSON under the vendor's names, readable again by a Shape of their type."""
    return msgspec.json.encode(value, enc_hook=_encode_special)


def encoded_size(value: Any) -> int:
    """Return the bytes of records as JSON."""
    return len(_sizes.encode(value))


_sizes = msgspec.json.Encoder(enc_hook=_encode_special)


UNREAD = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What `Shape.read_strictly` raises."""


def _nobody() -> None:
    pass


class Where(msgspec.Struct, frozen=True):
    """Whose body is read, for the error that may come of it."""

    upstream: str
    operation: str
    on_repair: Callable[[], None] = _nobody
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

    def read(self, body: bytes | msgspec.Raw, where: Where, path: str = "$") -> T:
        """Return the body as this shape; raises ContractViolation where no part can be saved.

        `path` is where it stands, if it is a part of a larger body.
        """
        try:
            return self._decoder.decode(body)
        except msgspec.ValidationError:
            return cast("T", _lenient(read_json(body, where), self.kind, path, where))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise where.violation("a body that is not JSON") from None

    def read_strictly(self, body: bytes | msgspec.Raw) -> T:
        """Return the body as this shape; raises one of `UNREAD` if anything does not fit."""
        return self._decoder.decode(body)

    def convert(self, value: Any, where: Where, path: str = "$") -> T:
        """Return a value that is decoded already as this shape, as `read` does."""
        return cast("T", _lenient(value, self.kind, path, where))


def read_json(body: bytes | msgspec.Raw, where: Where) -> Any:
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
            values[known.name] = _without_trail(violation)
    return _collected(kind)(**values)


def _without_trail(violation: ContractViolation) -> ContractViolation:
    """Return an error that no longer leads to the frames it came through: they hold the body."""
    violation.__context__ = None
    return violation.with_traceback(None)


@cache
def _collected(kind: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """Return a record's class for those that hold an error somewhere: the collector knows them."""
    return msgspec.defstruct(kind.__name__, [], bases=(kind,), module=kind.__module__, gc=True)
