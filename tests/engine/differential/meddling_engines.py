"""Engines that are wrong in one way each, to see that the comparison notices.

Invariant: each makes its one fault wherever it finds a place for it, and counts the places.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec
from graphql import ExecutionResult, GraphQLError

from casegraph.edge.answers import encode
from casegraph.engine.standard import Operation
from engine.differential.trying import Engine

Meddle = Callable[[ExecutionResult], ExecutionResult | None]
"""Returns a result with a fault in it, None where there is no place for it."""


class Meddling:
    """An engine whose results are meddled with."""

    def __init__(self, inner: Engine, meddle: Meddle) -> None:
        self._inner = inner
        self._meddle = meddle
        self.meddled = 0

    async def run(self, operation: Operation, context: Any) -> ExecutionResult:
        """Return the inner engine's result with a fault."""
        result = await self._inner.run(operation, context)
        wrong = self._meddle(
            ExecutionResult(msgspec.json.decode(encode(result.data)), list(result.errors or ()))
        )
        if wrong is None:
            return result
        self.meddled += 1
        return wrong


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for each in value.values():
            yield from _objects(each)
    elif isinstance(value, list):
        for each in value:
            yield from _objects(each)


def swapped_keys(result: ExecutionResult) -> ExecutionResult | None:
    """Put the first key of some object last."""
    for each in _objects(result.data):
        if len(each) > 1:
            key = next(iter(each))
            each[key] = each.pop(key)
            return result
    return None


def dropped_key(result: ExecutionResult) -> ExecutionResult | None:
    """Leave a key out."""
    for each in _objects(result.data):
        if each:
            each.popitem()
            return result
    return None


def changed_leaf(result: ExecutionResult) -> ExecutionResult | None:
    """Make a number another, a text longer, a truth false."""
    for each in _objects(result.data):
        for key, value in each.items():
            if isinstance(value, str | int | float):
                each[key] = not value if isinstance(value, bool) else value * 2 or 1
                return result if each[key] != value else None
    return None


def changed_form(result: ExecutionResult) -> ExecutionResult | None:
    """Write a whole number as a float, which is equal to it and is other JSON."""
    for each in _objects(result.data):
        for key, value in each.items():
            if type(value) is int and abs(value) < 2**53:
                each[key] = float(value)
                return result
    return None


def raised_null(result: ExecutionResult) -> ExecutionResult | None:
    """Put something where a null is."""
    for each in _objects(result.data):
        for key, value in each.items():
            if value is None:
                each[key] = {}
                return result
    return ExecutionResult({}, result.errors) if result.data is None and result.errors else None


def nulled(result: ExecutionResult) -> ExecutionResult | None:
    """Put a null where something is."""
    for each in _objects(result.data):
        for key, value in each.items():
            if value is not None:
                each[key] = None
                return result
    return None


def shortened_list(result: ExecutionResult) -> ExecutionResult | None:
    """Leave the last item of a list out."""
    for each in _objects(result.data):
        for value in each.values():
            if isinstance(value, list) and value:
                value.pop()
                return result
    return None


def dropped_error(result: ExecutionResult) -> ExecutionResult | None:
    """Keep one error to itself."""
    return ExecutionResult(result.data, result.errors[1:]) if result.errors else None


def repeated_error(result: ExecutionResult) -> ExecutionResult | None:
    """Tell one error twice."""
    if not result.errors:
        return None
    return ExecutionResult(result.data, [*result.errors, result.errors[0]])


def made_up_error(result: ExecutionResult) -> ExecutionResult | None:
    """Tell an error of a place that is null because of another one."""
    for error in result.errors or ():
        if error.path is not None:
            made_up = _like(error, path=[*error.path, "below"])
            return ExecutionResult(result.data, [*(result.errors or ()), made_up])
    return None


def moved_error(result: ExecutionResult) -> ExecutionResult | None:
    """Tell another path for an error."""
    return _first_error(result, lambda error: {"path": [*(error.path or ()), 0]})


def displaced_error(result: ExecutionResult) -> ExecutionResult | None:
    """Tell no place in the document for an error that has one."""
    if not result.errors or not result.errors[0].locations:
        return None
    return _first_error(result, lambda _: {"nodes": None})


def reworded_error(result: ExecutionResult) -> ExecutionResult | None:
    """Tell another message for an error."""
    return _first_error(result, lambda error: {"message": f"{error.message}!"})


def wrapped_error(result: ExecutionResult) -> ExecutionResult | None:
    """Lose what was raised."""
    if not result.errors or result.errors[0].original_error is None:
        return None
    return _first_error(result, lambda _: {"original_error": None})


def _first_error(
    result: ExecutionResult, change: Callable[[GraphQLError], Mapping[str, Any]]
) -> ExecutionResult | None:
    if not result.errors:
        return None
    first, *others = result.errors
    return ExecutionResult(result.data, [_like(first, **change(first)), *others])


def _like(error: GraphQLError, **changed: Any) -> GraphQLError:
    said: dict[str, Any] = {
        "message": error.message,
        "nodes": error.nodes,
        "path": error.path,
        "original_error": error.original_error,
        **changed,
    }
    return GraphQLError(said.pop("message"), **said)


FAULTS: tuple[Meddle, ...] = (
    swapped_keys,
    dropped_key,
    changed_leaf,
    changed_form,
    raised_null,
    nulled,
    shortened_list,
    dropped_error,
    repeated_error,
    made_up_error,
    moved_error,
    displaced_error,
    reworded_error,
    wrapped_error,
)
