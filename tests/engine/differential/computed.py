"""Fields with a resolver whose values are drawn, in every form that a resolver may have.

All forms of one field give the same: a plain function, a coroutine, one that waits for some turns
of the loop, and a batch of all parents at once beside the ordinary one.
Invariant: a resolver reads nothing but its parent, its arguments and the run's source.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from inspect import Parameter, Signature
from typing import Any

import strawberry
from strawberry.extensions import FieldExtension

from engine.differential.odd_values import Raise, Turn, given, settled

_Resolver = Callable[..., Any]


class Mode(Enum):
    """How a field is computed."""

    SYNC = "sync"
    ASYNC = "async"
    EITHER = "either"
    """A plain function that returns a coroutine for some parents."""
    BATCH = "batch"
    BATCH_ALONE = "batch_alone"
    """With a batch that is a plain function, beside an ordinary coroutine."""


class Passing(FieldExtension):
    """A field extension that changes nothing, as a measuring one would."""

    def resolve(
        self, next_: _Resolver, source: Any, info: strawberry.Info, **arguments: Any
    ) -> Any:
        """Hand on."""
        return next_(source, info, **arguments)

    async def resolve_async(
        self, next_: _Resolver, source: Any, info: strawberry.Info, **arguments: Any
    ) -> Any:
        """Hand on."""
        return await next_(source, info, **arguments)


def computed(
    where: str,
    kind: Any,
    arguments: Mapping[str, Any] | None = None,
    *,
    mode: Mode = Mode.SYNC,
    extensions: Sequence[FieldExtension] = (),
    echoes: bool = False,
) -> Any:
    """Return a strawberry field; `arguments` maps names to a type, or to a type and a default.

    One that `echoes` is a text of the arguments as they arrived.
    """
    value = _echo if echoes else _answer
    field: Any = strawberry.field(
        resolver=_signed(_single(where, mode, value), arguments or {}),
        graphql_type=kind,
        extensions=list(extensions),
        metadata={"batch": _batch(where, mode, value)} if mode in _BATCHES else None,
    )
    return field


_PARENT: Any = strawberry.Parent[Any]  # type: ignore[misc]  # an alias, used at run time
_BATCHES = {Mode.BATCH, Mode.BATCH_ALONE}
_Value = Callable[[Any, Any, str, dict[str, Any]], Any]


def _answer(root: Any, info: Any, where: str, arguments: dict[str, Any]) -> Any:
    return info.context.answer(root, where, arguments)


def _echo(_root: Any, _info: Any, _where: str, arguments: dict[str, Any]) -> Any:
    return repr(sorted(arguments.items()))


def _single(where: str, mode: Mode, value: _Value) -> _Resolver:
    def at_once(root: Any, info: Any, **arguments: Any) -> Any:
        return given(value(root, info, where, arguments))

    async def later(root: Any, info: Any, **arguments: Any) -> Any:
        turns = info.context.turns(root, where)
        return await settled(value(root, info, where, arguments), turns)

    def either(root: Any, info: Any, **arguments: Any) -> Any:
        is_late = info.context.turns(root, where) % 2
        return (later if is_late else at_once)(root, info, **arguments)

    return {Mode.SYNC: at_once, Mode.EITHER: either}.get(mode, later)


def _tried(value: _Value, *arguments: Any) -> Any:
    try:
        return value(*arguments)
    except Exception as error:  # noqa: BLE001  it is one parent's failure
        return error


def _batch(where: str, mode: Mode, value: _Value) -> _Resolver:
    """Return what answers for all parents: values, or exceptions in their places."""

    def at_once(parents: Sequence[Any], info: Any, **arguments: Any) -> list[Any]:
        found = [_tried(value, parent, info, where, arguments) for parent in parents]
        return [each.exception if isinstance(each, Raise) else each for each in found]

    async def later(parents: Sequence[Any], info: Any, **arguments: Any) -> list[Any]:
        await Turn()
        return at_once(parents, info, **arguments)

    return at_once if mode is Mode.BATCH_ALONE else later


def _signed(resolver: _Resolver, arguments: Mapping[str, Any]) -> _Resolver:
    """Give a resolver the signature that strawberry reads its arguments from."""
    given_ = {
        name: each if isinstance(each, tuple) else (each, Parameter.empty)
        for name, each in arguments.items()
    }
    ordered = sorted(given_.items(), key=lambda item: item[1][1] is not Parameter.empty)
    resolver.__signature__ = Signature(  # type: ignore[attr-defined]  # as documented
        [
            Parameter("root", Parameter.POSITIONAL_OR_KEYWORD, annotation=_PARENT),
            Parameter("info", Parameter.POSITIONAL_OR_KEYWORD, annotation=strawberry.Info),
            *(
                Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, annotation=kind, default=default)
                for name, (kind, default) in ordered
            ),
        ]
    )
    return resolver
