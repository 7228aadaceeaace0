"""Fault plans: what goes wrong, where, how often; decoded strictly from JSON or TOML.

    {"seed": 7,
     "upstreams": {
       "case_reviews": {"pace": {"interval_ms": 2000}},
       "ratings": {"operations": {
         "ratings": [{"kind": "slow", "delay_ms": 800, "times": 2}, {"kind": "reset"}],
         "*": [{"kind": "status", "code": 503, "times": "forever"}]}}}}

Each operation's list is consumed in order; `*` serves calls whose own list is absent or used up.
Invariant: any text and any file gives a Plan or PlanInvalid, and PlanInvalid names the spot.
"""

import json
import math
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

import msgspec

from casegraph.errors import SettingsInvalid
from casegraph.sandbox.fault_kinds import KINDS, AnyOutcome, Pace, Quota

ANY = "*"
"""The operation that stands for every operation of its upstream."""

_DEEPEST = 32
_INT64 = 2**63
_SEED = Annotated[int, msgspec.Meta(ge=0, le=_INT64 - 1)]


class PlanInvalid(SettingsInvalid):
    """The plan cannot be carried out; the message begins with the spot."""

    def __init__(self, spot: str, what: str) -> None:
        super().__init__(f"{spot}: {what}")


class UpstreamPlan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one upstream does; `operations` holds each operation's outcomes in order."""

    pace: Pace | None = None
    quota: Quota | None = None
    operations: Mapping[str, tuple[AnyOutcome, ...]] = {}


class Plan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What every upstream does; `seed` decides where probabilities are below one."""

    seed: int = 0
    upstreams: Mapping[str, UpstreamPlan] = {}

    def check_names(self, known: Mapping[str, Iterable[str]]) -> None:
        """Raise PlanInvalid unless all names are among the `known` operations by upstream."""
        for upstream, part in self.upstreams.items():
            if upstream not in known:
                raise PlanInvalid(f"upstreams.{upstream}", _none_of("upstream", known))
            operations = {ANY, *known[upstream]}
            for operation in part.operations:
                if operation not in operations:
                    spot = f"upstreams.{upstream}.operations.{operation}"
                    raise PlanInvalid(spot, _none_of("operation", operations))


def load_plan(path: Path) -> Plan:
    """Read a plan from a file, as JSON or TOML by its suffix; raises PlanInvalid."""
    forms: dict[str, Literal["json", "toml"]] = {".json": "json", ".toml": "toml"}
    form = forms.get(path.suffix.lower())
    if form is None:
        raise PlanInvalid(str(path), "a fault plan ends in .json or .toml")
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "cannot be read"
        raise PlanInvalid(str(path), reason) from None
    try:
        return read_plan(content, form)
    except PlanInvalid as error:
        raise PlanInvalid(str(path), str(error)) from None


def read_plan(content: bytes, form: Literal["json", "toml"] = "json") -> Plan:
    """Decode a plan from UTF-8 text; raises PlanInvalid."""
    try:
        text = content.decode()
        value = tomllib.loads(text) if form == "toml" else _from_json(text)
    except UnicodeDecodeError as error:
        raise PlanInvalid(f"byte {error.start}", "not UTF-8") from None
    except RecursionError:
        raise PlanInvalid("plan", "nested too deeply") from None
    except json.JSONDecodeError as error:
        raise PlanInvalid(f"line {error.lineno}, column {error.colno}", error.msg) from None
    except tomllib.TOMLDecodeError as error:
        raise PlanInvalid("TOML", str(error)) from None
    except ValueError as error:  # an integer of thousands of digits, a date that is none
        raise PlanInvalid("plan", str(error)) from None
    return _plan(value)


def plan_as_json(plan: Plan) -> dict[str, Any]:
    """Return the plan as what `read_plan` reads, ready to be sent as JSON."""
    built: dict[str, Any] = msgspec.to_builtins(plan)
    return built


def _from_json(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise PlanInvalid("plan", f"the key {twice!r} stands twice in one object")
    return found


def _no_constant(name: str) -> NoReturn:
    raise PlanInvalid("plan", f"{name} is not JSON")


def _plan(value: Any) -> Plan:
    _check_values(value)
    top = _table(value, "plan", {"seed", "upstreams"})
    upstreams = _table(top.get("upstreams", {}), "upstreams")
    return Plan(
        seed=_converted(top.get("seed", 0), _SEED, "seed"),
        upstreams={name: _upstream(part, f"upstreams.{name}") for name, part in upstreams.items()},
    )


def _upstream(value: Any, spot: str) -> UpstreamPlan:
    part = _table(value, spot, {"pace", "quota", "operations"})
    operations = _table(part.get("operations", {}), f"{spot}.operations")
    return UpstreamPlan(
        pace=_converted(part.get("pace"), Pace | None, f"{spot}.pace"),
        quota=_converted(part.get("quota"), Quota | None, f"{spot}.quota"),
        operations={
            name: _outcomes(outcomes, f"{spot}.operations.{name}")
            for name, outcomes in operations.items()
        },
    )


def _outcomes(value: Any, spot: str) -> tuple[AnyOutcome, ...]:
    if not isinstance(value, list):
        raise PlanInvalid(spot, "must be a list of outcomes")
    return tuple(_outcome(each, f"{spot}[{index}]") for index, each in enumerate(value))


def _outcome(value: Any, spot: str) -> AnyOutcome:
    if isinstance(value, dict) and value.get("kind") not in KINDS:
        raise PlanInvalid(f"{spot}.kind", _none_of("kind", KINDS))
    outcome: AnyOutcome = _converted(value, AnyOutcome, spot)
    return outcome


def _table(value: Any, spot: str, names: set[str] | None = None) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise PlanInvalid(spot, "must be an object")
    for name in value:
        if names is not None and name not in names:
            raise PlanInvalid(f"{spot}.{name}", _none_of("key", names))
    return value


def _converted(value: Any, kind: Any, spot: str) -> Any:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        what, _, inside = str(error).partition(" - at `$")
        raise PlanInvalid(spot + inside.rstrip("`"), what) from None


def _check_values(value: Any) -> None:
    """Refuse what cannot be written as JSON again; iterative, for the depth is not known yet."""
    waiting: list[tuple[str, int, Any]] = [("plan", 0, value)]
    while waiting:
        spot, depth, each = waiting.pop()
        if depth > _DEEPEST:
            raise PlanInvalid(spot, f"nested deeper than {_DEEPEST}")
        if isinstance(each, dict):
            for name, inner in each.items():
                _check_text(name, spot)
                waiting.append((f"{spot}.{name}", depth + 1, inner))
        elif isinstance(each, list):
            waiting += [(f"{spot}[{n}]", depth + 1, inner) for n, inner in enumerate(each)]
        else:
            _check_scalar(each, spot)


def _check_scalar(value: Any, spot: str) -> None:
    if isinstance(value, str):
        _check_text(value, spot)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise PlanInvalid(spot, "must be a finite number")
    elif isinstance(value, int):
        if not -_INT64 <= value < _INT64:
            raise PlanInvalid(spot, "must fit 64 bits")
    elif value is not None:
        raise PlanInvalid(spot, "dates and times are not taken")


def _check_text(text: str, spot: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise PlanInvalid(spot, "holds half of a surrogate pair") from None


def _none_of(what: str, known: Iterable[str]) -> str:
    return f"no such {what}; known: {', '.join(sorted(known))}"
