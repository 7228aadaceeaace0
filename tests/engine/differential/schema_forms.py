"""A schema of every form in which strawberry lets a field be written.

Methods, functions with the parent first, last or not at all, keyword-only arguments, names that
are other names in the graph, defaults, permissions, extensions, an `Info` of one's own; and fields
that tell what their `info` says, which must be the same whoever runs the operation.
"""

from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated, Any

import strawberry
from graphql import print_ast
from strawberry.extensions import FieldExtension
from strawberry.permission import BasePermission
from strawberry.schema.config import StrawberryConfig

from engine.differential.carriers import seed_of
from engine.differential.computed import Mode, computed
from engine.differential.odd_values import Turn


class OwnInfo(strawberry.Info):
    """An `Info` that knows one thing more."""

    @property
    def shouted(self) -> str:
        """The field's name in capitals."""
        return self.field_name.upper()


def told(info: strawberry.Info) -> str:
    """Return what an info says, as text."""
    raw: Any = info._raw_info
    return "; ".join(
        (
            f"{info.path.as_list()} {info.path.typename}",
            f"{info.field_name} {info.python_name} {raw.parent_type} {raw.return_type}",
            f"{sorted(info.variable_values.items(), key=str)}",
            f"{info.operation.name and info.operation.name.value} {sorted(raw.fragments)}",
            f"{info.selected_fields}",
            f"{[print_ast(each) for each in raw.field_nodes]}",
            f"{info.root_value} {type(info.schema).__name__}",
        )
    )


class Odd(BasePermission):
    """Lets every other object through."""

    message = "not this one"

    def has_permission(self, source: Any, info: strawberry.Info, **_arguments: Any) -> bool:
        """Tell by the seed."""
        return bool(seed_of(source, info.context.seed) % 2)


class Late(BasePermission):
    """The same, after a turn."""

    message = "not now"

    async def has_permission(self, source: Any, info: strawberry.Info, **_arguments: Any) -> bool:
        """Tell by the seed."""
        await Turn()
        return bool(seed_of(source, info.context.seed) % 3)


class Twice(FieldExtension):
    """Doubles a text."""

    def resolve(self, next_: Any, source: Any, info: strawberry.Info, **arguments: Any) -> Any:
        """Double it."""
        return next_(source, info, **arguments) * 2


class Base:
    """Methods that types inherit, one of which they replace."""

    @strawberry.field
    def inherited(self) -> int:
        """Return a number of the object."""
        return seed_of(self, 0) % 100

    @strawberry.field
    def replaced(self) -> int:
        """Return what nobody sees."""
        return 1


def _parent_last(info: OwnInfo, n: int, root: strawberry.Parent[Any]) -> str:
    return f"{n} {info.shouted} {seed_of(root, 0)}"


def _alone() -> int:
    return 7


def _arguments_only(a: int, b: str = "x") -> str:
    return f"{a} {b}"


def _scaled(root: strawberry.Parent[Any], by: int, factor: int = 2) -> int:
    return seed_of(root, 0) % 50 * by * factor


async def _streamed(root: strawberry.Parent[Any]) -> AsyncIterator[int]:
    for number in range(seed_of(root, 0) % 4):
        await Turn()
        yield number


_Form = Annotated["Form", strawberry.lazy("engine.differential.schema_forms")]


@strawberry.type
class Form(Base):
    """An object with fields of all forms."""

    plain: int | None
    renamed: str = strawberry.field(name="otherName")
    class_: str | None = strawberry.field(name="class", default="none")
    items: list[int] = strawberry.field(default_factory=list)
    forms: (
        list[Annotated["Form", strawberry.lazy("engine.differential.schema_forms")] | None] | None
    )
    hidden: strawberry.Private[int]

    replaced = computed("Form.replaced", int | None, mode=Mode.EITHER)
    last = strawberry.field(resolver=_parent_last)
    alone = strawberry.field(resolver=_alone)
    arguments_only = strawberry.field(resolver=_arguments_only)
    scaled = strawberry.field(resolver=partial(_scaled, factor=3))
    numbers = strawberry.field(resolver=_streamed, graphql_type=list[int])

    @strawberry.field
    def method(self) -> int | None:
        """Return a number of the object."""
        return seed_of(self, 0) % 10 or None

    @strawberry.field
    def keyword(self, *, n: int = 1, info: strawberry.Info) -> str:
        """Return the argument."""
        return f"{n} {info.python_name}"

    @strawberry.field
    @staticmethod
    def told(info: strawberry.Info, root: strawberry.Parent[Any]) -> str:
        """Return what the info says."""
        return f"{seed_of(root, 0)} {told(info)}"

    @strawberry.field
    async def told_late(self, info: strawberry.Info, n: int | None = strawberry.UNSET) -> str:
        """Return what the info says, after a turn."""
        await Turn()
        return f"{n} {told(info)}"

    @strawberry.field(permission_classes=[Odd])  # type: ignore[untyped-decorator]
    def guarded(self) -> int:
        """Return a number, if one may."""
        return 5

    @strawberry.field(permission_classes=[Late, Odd])  # type: ignore[untyped-decorator]
    async def guarded_late(self) -> int | None:
        """Return a number, if one may."""
        return 6

    @strawberry.field(extensions=[Twice()])  # type: ignore[untyped-decorator]
    def twice(self, text: Annotated[str, strawberry.argument(name="word")] = "ab") -> str:
        """Return a text, which is doubled."""
        return text

    next = computed("Form.next", _Form | None, mode=Mode.BATCH)
    all = computed("Form.all", list[_Form] | None, {"self_": (int, 1)}, mode=Mode.ASYNC)


@strawberry.type
class Query:
    """The root; it has no value."""

    form = computed("Query.form", Form | None)
    forms = computed("Query.forms", list[Form], {"first": (int, 2)}, mode=Mode.BATCH_ALONE)
    late_forms = computed("Query.lateForms", list[list[Form | None]] | None, mode=Mode.ASYNC)

    @strawberry.field
    def told(self, info: strawberry.Info) -> str | None:
        """Return what the info says."""
        return f"{self} {told(info)}"

    @strawberry.field
    @staticmethod
    def nothing() -> None:
        """Return nothing, always."""


def build() -> strawberry.Schema:
    """Return the schema."""
    return strawberry.Schema(Query, config=StrawberryConfig(info_class=OwnInfo))
