"""Completes the values that generated code leaves alone, exactly as the specification says.

Generated code takes a value only when its class proves that nothing can be wrong with it. Anything
else comes here: failures, nulls, awaitables, odd containers, wrong types, classes not met before.
What a class proves is remembered, so that the next value of that class stays in the generated code.
Invariants: nothing raised by a resolver or a value leaves here but as an error of the answer; every
odd value is gone through once, so what can be used up is used up once.
"""

from collections.abc import AsyncIterable, Awaitable, Callable
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import msgspec
from graphql import GraphQLError, GraphQLScalarType, Undefined
from graphql.execution.executor import Executor, invalid_return_type_error
from graphql.pyutils import is_iterable
from graphql.pyutils.is_awaitable import is_async_iterable, is_awaitable

from casegraph.engine.compiled.checks import TEXTS
from casegraph.engine.compiled.classes import CLASSES_MAX, is_honest
from casegraph.engine.compiled.plan import Entry, Indexes, Kind, Selection, Shape

if TYPE_CHECKING:
    from casegraph.engine.compiled.run import Run


def complete(shape: Shape, value: Any, run: "Run", entry: Entry | None, *indexes: int) -> Any:
    """Return what stands in the answer for a value, or None for one that fails or comes later."""
    try:
        if is_awaitable(value):
            return run.wait(value, shape, entry, indexes)
    except Exception as error:  # noqa: BLE001  a value may do anything when it is looked at
        if shape.outer is not None:  # graphql-core looks at an item before it is one
            return run.failed(shape.outer, error, entry, indexes[:-1], inside=True)
        return run.failed(shape, error, entry, indexes)
    return settle(shape, value, run, entry, *indexes)


def settle(shape: Shape, value: Any, run: "Run", entry: Entry | None, *indexes: int) -> Any:
    """Return the same for a value that has been awaited, or needs not be."""
    try:
        if _is_failure(value):
            return run.failed(shape, value, entry, indexes)
        if value is not None and value is not Undefined:
            return _BY_KIND[shape.kind](shape, value, run, entry, indexes)
    except Exception as error:  # noqa: BLE001  whatever a value or a type's function raises
        return run.failed(shape, error, entry, indexes)
    if shape.is_nullable:
        return None
    message = f"Cannot return null for non-nullable field {shape.step.name}."
    return run.failed(shape, TypeError(message), entry, indexes)


def _is_failure(value: Any) -> bool:
    """Return whether a value is an exception; raises one that is no failure of a field's."""
    if isinstance(value, BaseException) and not isinstance(value, Exception):
        raise value  # somebody was cancelled
    return isinstance(value, Exception)


def _leaf(shape: Shape, value: Any, run: "Run", entry: Entry | None, indexes: Indexes) -> Any:
    completed = Executor.complete_leaf_value(shape.type, value)
    if is_awaitable(completed):
        return later(completed, shape, run, entry, indexes)
    completed = as_member(completed)
    if shape.type.name in TEXTS and isinstance(value, str):
        run.classes.learn_text(value)
    elif isinstance(shape.type, GraphQLScalarType):
        run.classes.learn(shape.type.name, value)
    return completed


def later(
    text: Awaitable[Any], shape: Shape, run: "Run", entry: Entry | None, indexes: Indexes
) -> None:
    """Let a leaf stand in the answer as what its text turns out to be; that is not looked at."""
    run.wait(text, shape, entry, indexes, as_member)


def as_member(text: Any) -> Any:
    """Return a leaf as a row can hold it: what msgspec takes for no member is text elsewhere."""
    return str(text) if text is msgspec.UNSET else text


def _list(shape: Shape, value: Any, run: "Run", entry: Entry | None, indexes: Indexes) -> Any:
    if is_async_iterable(value):
        then = partial(_collected, shape, run, entry, indexes)
        return run.wait(_collect(value), shape, entry, indexes, then)
    if not is_iterable(value):
        raise GraphQLError(
            f"Expected Iterable, but did not find one for field '{shape.step.name}'."
        )
    return _items(shape, value, run, entry, indexes)


def _items(shape: Shape, value: Any, run: "Run", entry: Entry | None, indexes: Indexes) -> Any:
    item = cast("Shape", shape.item)
    return [complete(item, each, run, entry, *indexes, at) for at, each in enumerate(value)]


async def _collect(value: AsyncIterable[Any]) -> tuple[list[Any], Exception | None]:
    """Return the items that there are, and what ended them if it was a failure."""
    items: list[Any] = []
    try:
        async for item in value:
            items.append(item)  # noqa: PERF401  what came before a failure is kept
    except Exception as error:  # noqa: BLE001  it belongs to the list
        return items, error
    return items, None


def _collected(
    shape: Shape,
    run: "Run",
    entry: Entry | None,
    indexes: Indexes,
    found: tuple[list[Any], Exception | None],
) -> Any:
    items, error = found
    completed = _items(shape, items, run, entry, indexes)
    return completed if error is None else run.failed(shape, error, entry, indexes)


def _object(shape: Shape, value: Any, run: "Run", entry: Entry | None, indexes: Indexes) -> Any:
    selection = shape.selections[shape.type.name]
    return _of_type(selection, shape, value, run, entry, indexes)


def _of_type(
    selection: Selection,
    shape: Shape,
    value: Any,
    run: "Run",
    entry: Entry | None,
    indexes: Indexes,
) -> Any:
    """Complete an object whose type is told, once it has been asked whether it is of that type."""
    check = selection.type.is_type_of
    if check is not None:
        is_one = check(value, run.type_info(shape, entry, indexes))
        if is_awaitable(is_one):
            then = partial(_checked, selection, shape, value, run, entry, indexes)
            return run.wait(is_one, shape, entry, indexes, then)
        if not is_one:
            raise invalid_return_type_error(selection.type, value, shape.step.details)
    if shape.kind is Kind.OBJECT and run.classes.decides(selection.type, value):
        run.classes.learn(selection.type.name, value)
    return selection.make(value, run, entry, *indexes)


def _checked(
    selection: Selection,
    shape: Shape,
    value: Any,
    run: "Run",
    entry: Entry | None,
    indexes: Indexes,
    is_one: object,
) -> Any:
    if not is_one:
        raise invalid_return_type_error(selection.type, value, shape.step.details)
    return selection.make(value, run, entry, *indexes)


def _abstract(shape: Shape, value: Any, run: "Run", entry: Entry | None, indexes: Indexes) -> Any:
    resolve = shape.type.resolve_type or run.default_type_resolver
    name = resolve(value, run.type_info(shape, entry, indexes), shape.type)
    if is_awaitable(name):
        then = partial(_named, shape, value, run, entry, indexes)
        return run.wait(name, shape, entry, indexes, then)
    return _named(shape, value, run, entry, indexes, name)


def _named(
    shape: Shape,
    value: Any,
    run: "Run",
    entry: Entry | None,
    indexes: Indexes,
    name: Any,
) -> Any:
    info: Any = SimpleNamespace(
        parent_type=shape.step.owner.type, field_name=shape.step.nodes[0].name.value
    )
    told = Executor.ensure_valid_runtime_type(
        cast("Any", run.plan), name, shape.type, shape.step.details, info, value
    )
    selection = shape.selections[told.name]
    made = _of_type(selection, shape, value, run, entry, indexes)
    known, kind = shape.functions, type(value)
    is_new = id(kind) not in known and len(known) < CLASSES_MAX and is_honest(kind)
    if is_new and run.classes.decides_all(shape, value):
        known[id(kind)] = selection.make
        shape.held.append(kind)
    return made


_BY_KIND: dict[Kind, Callable[[Shape, Any, "Run", Entry | None, Indexes], Any]] = {
    Kind.LEAF: _leaf,
    Kind.LIST: _list,
    Kind.OBJECT: _object,
    Kind.ABSTRACT: _abstract,
}
