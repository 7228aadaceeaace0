"""How the value of each field of a schema is had: read, called, awaited one by one, or in a batch.

A field of strawberry's with nothing around its resolver (no extensions, permissions or handlers of
exceptions) is called without strawberry's own layers, which cost more than most resolvers do; any
other keeps its full resolver. Found once for each field.
Invariant: a way that leaves anything out is taken only where it is known that nothing is there.
"""

import builtins
import inspect
import keyword
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import strawberry
from graphql import GraphQLField, GraphQLObjectType, GraphQLSchema, default_field_resolver
from strawberry.relay import GlobalID
from strawberry.scalars import is_scalar
from strawberry.types.arguments import convert_arguments
from strawberry.types.base import StrawberryMaybe, StrawberryOptional
from strawberry.types.enum import StrawberryEnumDefinition
from strawberry.types.field import StrawberryField

BATCH = "batch"
"""The name in a strawberry field's `metadata` under which its batch resolver stands."""

_DEFINITION = "strawberry-definition"
_CONVERTER = "GraphQLCoreConverter."
_IMMUTABLE = (str, int, float, bool, type(None), Enum, type(strawberry.UNSET))


class Way(Enum):
    """How a field's value is had."""

    TYPENAME = "typename"
    READ = "read"
    """An attribute of the parent."""
    CALLED = "called"
    """A function of the parent, on the spot; what it returns may still have to be awaited."""
    AWAITED = "awaited"
    """A coroutine per parent, all of a level together."""
    BATCHED = "batched"
    """One call for all parents of a level."""


@dataclass(frozen=True, slots=True)
class FieldSource:
    """How one field's value is had.

    A batch resolver is called as `batch(parents, info, **arguments)` and returns, or resolves to, a
    list with the value or the exception of each parent, in order; `info` is the first parent's.
    """

    way: Way
    attribute: str = ""
    """What is read."""
    call: Callable[..., Any] | None = None
    """What is called."""
    parent: str | None = None
    """The name of the parameter that takes the parent; empty where it comes first."""
    info: str | None = None
    """The name of the parameter that takes strawberry's info."""
    field: Any = None
    """strawberry's field, whose resolver is called without its layers; None with them."""
    takes_arguments: bool = False
    """Whether that field has arguments."""
    leaves: Mapping[str, str] | None = None
    """The Python names of those that strawberry hands over as they were read, by their own."""
    batch: Callable[..., Any] | None = None

    @property
    def is_placeless(self) -> bool:
        """Whether it is a function of the parent and its arguments: it is told of no place."""
        return (
            self.way is Way.CALLED
            and self.field is not None
            and self.parent == ""
            and self.info is None
        )

    @property
    def is_plain(self) -> bool:
        """Whether it is a function of the parent alone."""
        return self.is_placeless and not self.takes_arguments


class Sources:
    """The fields of one schema, each looked at once."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._known: dict[tuple[str, str], FieldSource] = {}
        owner = getattr(schema, "_strawberry_schema", None)
        self._config: Any = getattr(owner, "config", None)
        self._converter: Any = getattr(owner, "schema_converter", None)

    def of(self, kind: GraphQLObjectType, name: str, definition: GraphQLField) -> FieldSource:
        """Return how a field of an object type is had."""
        source = self._known.get((kind.name, name))
        if source is None:
            source = self._known[kind.name, name] = self._found(name, definition)
        return source

    def info_of(self, field: Any, raw: Any) -> Any:
        """Return strawberry's info around graphql-core's."""
        return self._config.info_class(_raw_info=raw, _field=field)

    def converted(
        self, source: FieldSource, arguments: Mapping[str, Any], info: Any
    ) -> dict[str, Any]:
        """Return arguments as strawberry hands them to a resolver.

        Scalars and enums have been read already; to find that out anew took strawberry 3 µs each.
        """
        leaves = source.leaves or {}
        if all(name in leaves for name in arguments):
            return {leaves[name]: value for name, value in arguments.items()}
        return convert_arguments(
            dict(arguments),
            source.field.arguments,
            scalar_registry=self._converter.scalar_registry,
            config=self._config,
            info=info,
        )

    def _leaves_of(self, field: Any) -> dict[str, str]:
        """Return the arguments of a field that are scalars and enums."""
        leaves: dict[str, str] = {}
        for argument in field.arguments:
            kind = argument.type
            while isinstance(kind, StrawberryOptional) and not isinstance(kind, StrawberryMaybe):
                kind = kind.of_type
            is_leaf = isinstance(kind, StrawberryEnumDefinition) or (
                kind is not GlobalID and is_scalar(kind, self._converter.scalar_registry)
            )
            if is_leaf:
                leaves[self._config.name_converter.from_argument(argument)] = argument.python_name
        return leaves

    def _found(self, name: str, definition: GraphQLField) -> FieldSource:
        if name == "__typename":
            return FieldSource(Way.TYPENAME)
        field: Any = definition.extensions.get(_DEFINITION)
        resolve = definition.resolve or default_field_resolver
        if not self._is_bare(field, resolve):
            is_async = inspect.iscoroutinefunction(resolve)
            return FieldSource(Way.AWAITED if is_async else Way.CALLED, call=resolve)
        if field.base_resolver is None:
            return self._read(field, resolve)
        return self._resolved(field, resolve)

    def _is_bare(self, field: Any, resolve: Any) -> bool:
        """Return whether a field is strawberry's, as strawberry made it, with nothing around it."""
        if field is None or self._config is None:
            return False
        return (
            isinstance(field, StrawberryField)
            and type(field).get_result is StrawberryField.get_result
            and not field.extensions
            and not getattr(self._converter, "_exception_handler_specs", ())
            and getattr(resolve, "__qualname__", "").startswith(_CONVERTER)
        )

    def _read(self, field: Any, resolve: Any) -> FieldSource:
        name = field.python_name
        is_name = name.isidentifier() and not keyword.iskeyword(name)
        if field.default_resolver is builtins.getattr and is_name:
            return FieldSource(Way.READ, attribute=name)
        return FieldSource(Way.CALLED, call=resolve)

    def _resolved(self, field: Any, resolve: Any) -> FieldSource:
        resolver = field.base_resolver
        batch = (field.metadata or {}).get(BATCH)
        way = Way.AWAITED if resolver.is_async else Way.CALLED
        if batch is not None:
            way = Way.BATCHED
        call = resolver.wrapped_func
        if isinstance(call, staticmethod):
            call = call.__func__
        parameters = [
            each
            for each in (
                resolver.self_parameter,
                resolver.parent_parameter,
                resolver.root_parameter,
            )
            if each is not None
        ]
        names = {each.name for each in parameters}
        if not inspect.isroutine(call) or isinstance(call, classmethod) or len(names) > 1:
            takes = batch is not None and bool(field.arguments)
            return FieldSource(
                way, call=resolve, field=batch and field, takes_arguments=takes, batch=batch
            )
        parent = names.pop() if names else None
        if parent is not None and _comes_first(call, parent):
            parent = ""
        info = resolver.info_parameter
        return FieldSource(
            way,
            call=call,
            parent=parent,
            info=None if info is None else info.name,
            field=field,
            takes_arguments=bool(field.arguments),
            leaves=self._leaves_of(field),
            batch=batch,
        )


def _comes_first(call: Callable[..., Any], name: str) -> bool:
    first = next(iter(inspect.signature(call).parameters.values()), None)
    return (
        first is not None
        and first.name == name
        and first.kind in (first.POSITIONAL_ONLY, first.POSITIONAL_OR_KEYWORD)
    )


def is_shareable(arguments: Mapping[str, Any]) -> bool:
    """Return whether arguments may be handed to several calls: none of them can be changed."""
    return all(isinstance(value, _IMMUTABLE) for value in arguments.values())
