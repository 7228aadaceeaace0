"""Execution of a whole operation to its very end: every error there is, with the null it leads to.

graphql-core stops below a position that is already null, and which of two siblings it hears first
depends on turns of the loop; the specification allows an executor to report either, or both. What
may be reported at all is found out here, by a plain walk that never stops early: one field after
the other, with graphql-core's own parts for collecting, arguments, leaves and run-time types.
Invariant: every error that any executor may report is in `errors`, once.
"""

from dataclasses import dataclass, field
from inspect import isawaitable
from typing import Any, NoReturn, TypeAlias

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    Undefined,
    is_leaf_type,
    located_error,
)
from graphql.execution.collect_fields import collect_fields
from graphql.execution.executor import Executor, invalid_return_type_error, to_nodes
from graphql.execution.values import get_argument_values
from graphql.pyutils import Path, is_iterable
from graphql.type import is_abstract_type

Place: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True)
class Found:
    """An error, and the position that is null because of it."""

    error: GraphQLError
    nulled: Place


class _Failed(Exception):
    """Errors on their way up to a position that may be null."""

    def __init__(self, errors: list[GraphQLError]) -> None:
        self.errors = errors
        super().__init__()


@dataclass
class Thorough:
    """What the walk has found."""

    data: Any = None
    errors: list[Found] = field(default_factory=list)


async def thorough(
    schema: GraphQLSchema,
    document: DocumentNode,
    context: Any,
    variables: dict[str, Any],
    name: str | None,
) -> Thorough:
    """Run an operation whose variables can be coerced."""
    executor = Executor.build(schema, document, None, context, variables, name)
    if not isinstance(executor, Executor):
        raise TypeError("the operation cannot be run")
    root = schema.get_root_type(executor.operation.operation)
    if root is None:
        raise TypeError("a schema without such operations")
    walk = _Walk(executor)
    grouped = collect_fields(
        schema,
        executor.fragments,
        executor.variable_values,
        root,
        executor.operation,
    )[0]
    try:
        walk.found.data = await walk.fields(root, None, None, grouped)
    except _Failed as failed:
        walk.caught(failed.errors, ())
    return walk.found


class _Walk:
    def __init__(self, executor: Executor[Any]) -> None:
        self._executor = executor
        self.found = Thorough()

    def caught(self, errors: list[GraphQLError], place: Place) -> None:
        """Enter errors that end at a position."""
        self.found.errors += [Found(error, place) for error in errors]

    async def fields(
        self, kind: GraphQLObjectType, source: Any, path: Path | None, grouped: Any
    ) -> dict[str, Any]:
        """Return an object, or raise what all of its fields raise."""
        results: dict[str, Any] = {}
        errors: list[GraphQLError] = []
        for key, details in grouped.items():
            try:
                value = await self._field(kind, source, details, Path(path, key, kind.name))
            except _Failed as failed:
                errors += failed.errors
            else:
                if value is not Undefined:
                    results[key] = value
        if errors:
            raise _Failed(errors)
        return results

    async def _field(self, kind: GraphQLObjectType, source: Any, details: Any, path: Path) -> Any:
        executor = self._executor
        node = details[0].node
        definition = executor.schema.get_field(kind, node.name.value)
        if definition is None:
            return Undefined
        info = executor.build_resolve_info(definition, to_nodes(details), kind, path)
        resolve = definition.resolve or executor.field_resolver
        try:
            arguments = get_argument_values(definition, node, executor.variable_values)
            value = resolve(source, info, **arguments)
            value = await _awaited(value)
            return await self._complete(definition.type, details, info, path, value)
        except Exception as error:  # noqa: BLE001  whatever a resolver raises is an error of its field
            self._handled(error, definition.type, details, path)
            return None

    def _handled(self, error: Exception, kind: Any, details: Any, path: Path) -> None:
        place = path.as_list()
        errors = (
            error.errors
            if isinstance(error, _Failed)
            else [located_error(error, to_nodes(details), place)]
        )
        if isinstance(kind, GraphQLNonNull):
            raise _Failed(errors)
        self.caught(errors, tuple(place))

    async def _complete(self, kind: Any, details: Any, info: Any, path: Path, value: Any) -> Any:
        if isinstance(value, Exception):
            raise value
        if isinstance(kind, GraphQLNonNull):
            completed = await self._complete(kind.of_type, details, info, path, value)
            if completed is None:
                _no_null(info)
            return completed
        if value is None or value is Undefined:
            return None
        if isinstance(kind, GraphQLList):
            return await self._list(kind.of_type, details, info, path, value)
        if is_leaf_type(kind):
            return self._executor.complete_leaf_value(kind, value)
        if is_abstract_type(kind):
            kind = await self._runtime_type(kind, details, info, value)
        return await self._object(kind, details, info, path, value)

    async def _runtime_type(self, kind: Any, details: Any, info: Any, value: Any) -> Any:
        executor = self._executor
        resolve: Any = kind.resolve_type or executor.type_resolver
        found = await _awaited(resolve(value, info, kind))
        return executor.ensure_valid_runtime_type(found, kind, details, info, value)

    async def _object(self, kind: Any, details: Any, info: Any, path: Path, value: Any) -> Any:
        if kind.is_type_of and not await _awaited(kind.is_type_of(value, info)):
            raise invalid_return_type_error(kind, value, details)
        grouped = self._executor.collect_subfields(kind, details)[0]
        return await self.fields(kind, value, path, grouped)

    async def _list(self, kind: Any, details: Any, info: Any, path: Path, value: Any) -> Any:
        if not is_iterable(value) and not hasattr(value, "__aiter__"):
            raise GraphQLError(
                "Expected Iterable, but did not find one for field"
                f" '{info.parent_type}.{info.field_name}'."
            )
        results: list[Any] = []
        errors: list[GraphQLError] = []
        items, failure = await _items(value)
        for index, item in enumerate(items):
            place = path.add_key(index, None)
            try:
                value = await _awaited(item)
                results.append(await self._complete(kind, details, info, place, value))
            except Exception as error:  # noqa: BLE001  an error of the item, whatever it is
                results.append(None)
                try:
                    self._handled(error, kind, details, place)
                except _Failed as failed:
                    errors += failed.errors
        if failure is not None:
            errors.append(located_error(failure, to_nodes(details), path.as_list()))
        if errors:
            raise _Failed(errors)
        return results


async def _awaited(value: Any) -> Any:
    """Return what a value that is awaited once comes to."""
    return await value if isawaitable(value) else value


async def _items(value: Any) -> tuple[list[Any], Exception | None]:
    """Return the items that can be had, and what ended them early."""
    items: list[Any] = []
    try:
        if hasattr(value, "__aiter__"):
            async for item in value:
                items.append(item)  # noqa: PERF401  those before a failure count
        else:
            for item in value:
                items.append(item)  # noqa: PERF402  as above
    except Exception as error:  # noqa: BLE001  an iterator may raise anything
        return items, error
    return items, None


def _no_null(info: Any) -> NoReturn:
    raise TypeError(
        f"Cannot return null for non-nullable field {info.parent_type}.{info.field_name}."
    )
