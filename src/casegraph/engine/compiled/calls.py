"""How resolvers are called in one run: their arguments, and what they are told of their place.

Arguments are read from the document once for all parents, and once for all requests where they are
the same for each (reading those of one field took 20 µs); what strawberry makes of them is shared
between calls only where nobody can change it. Where a field stands is told exactly, to each call.
Invariant: what a resolver is handed is what graphql-core and strawberry would hand it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

from graphql import GraphQLResolveInfo
from graphql.execution.values import VariableValues, get_argument_values
from graphql.pyutils import Path, gather_with_cancel
from graphql.pyutils.is_awaitable import is_awaitable
from graphql.type.definition import GraphQLResolveInfoHelpers

from casegraph.engine.compiled.arguments import PlainArguments
from casegraph.engine.compiled.classes import looks_at_values_only
from casegraph.engine.compiled.fields import Sources, is_shareable
from casegraph.engine.compiled.plan import Entry, Indexes, Plan, Shape, Step, traced

_new_info: Callable[[tuple[Any, ...]], GraphQLResolveInfo[Any]] = partial(
    tuple.__new__, GraphQLResolveInfo
)
"""Makes one of all its fields; what it counts by itself, each time, is a tenth of a call."""


class Calls:
    """Calls the resolvers of one run."""

    __slots__ = (
        "_arguments",
        "_around",
        "_background",
        "_placeless",
        "_request",
        "_shared",
        "context",
        "plan",
        "sources",
        "variables",
    )

    def __init__(
        self, plan: Plan, sources: Sources, variables: VariableValues, context: Any
    ) -> None:
        self.plan = plan
        self.sources = sources
        self.variables = variables
        self.context = context
        self._arguments: dict[int, Mapping[str, Any]] = {}
        self._shared: dict[int, Mapping[str, Any]] = {}
        self._request: tuple[Any, ...] | None = None
        self._placeless: dict[int, GraphQLResolveInfo[Any]] = {}
        self._around: tuple[Shape, Entry | None, Indexes, Path | None] | None = None
        """Where the last object stands that a path was made for: its fields come one by one."""
        self._background: set[asyncio.Future[Any]] = set()

    def called(self, step: Step, parent: Any, entry: Entry | None, indexes: Indexes) -> Any:
        """Return what a step's function returns; raises what it raises."""
        source = step.source
        call: Any = source.call
        if source.field is None:
            arguments = self._read(step)
            return call(parent, self.info(step, entry, indexes), **arguments)
        info: Any = None
        if source.info is not None:
            info = self.sources.info_of(source.field, self.info(step, entry, indexes))
        arguments = self.arguments(step, info) if source.takes_arguments else {}
        if source.info is not None:
            arguments = {**arguments, source.info: info}
        if source.parent is None:
            return call(**arguments)
        if not source.parent:
            return call(parent, **arguments)
        return call(**arguments, **{source.parent: parent})

    def arguments(self, step: Step, info: Any = None) -> Mapping[str, Any]:
        """Return a step's arguments as strawberry hands them over; raises what is wrong with them.

        Values that could be changed are made anew for each call.
        """
        shared = step.arguments
        if shared is None:
            shared = self._shared.get(step.number)
        if shared is not None:
            return shared
        converted = self.sources.converted(step.source, self._read(step), info)
        if is_shareable(converted):
            self._shared[step.number] = converted
            if step.is_fixed:
                step.arguments = converted
        return converted

    def _read(self, step: Step) -> Mapping[str, Any]:
        """Return a step's arguments as graphql-core hands them over."""
        known: Mapping[str, Any] | None = self._arguments.get(step.number)
        if known is None:
            plain = step.plain_arguments
            if plain is None:
                plain = step.plain_arguments = PlainArguments(step.definition, step.nodes[0])
            known = plain.read(self.variables)
            if known is None:
                known = get_argument_values(step.definition, step.nodes[0], self.variables)
            if is_shareable(known):
                self._arguments[step.number] = known
        return known

    def info(self, step: Step, entry: Entry | None, indexes: Indexes) -> GraphQLResolveInfo[Any]:
        """Return what a resolver is told of its place."""
        field, request = self._told(step)
        return _new_info((*field, self._path(step, entry, indexes), *request))

    def placeless_info(self, step: Step) -> GraphQLResolveInfo[Any]:
        """Return the same without the path."""
        info = self._placeless.get(step.number)
        if info is None:
            field, request = self._told(step)
            info = self._placeless[step.number] = _new_info((*field, None, *request))
        return info

    def _told(self, step: Step) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """Return what a resolver is told before its path, and after."""
        # In the order of GraphQLResolveInfo; _replace takes twice as long.
        request = self._request
        if request is None:
            plan = self.plan
            helpers = GraphQLResolveInfoHelpers(_gathered, self._track)
            request = self._request = (
                plan.schema,
                plan.fragments,
                None,
                plan.operation,
                self.variables,
                self.context,
                is_awaitable,
                None,
                helpers,
            )
        name = step.nodes[0].name.value
        return (name, step.nodes, step.definition.type, step.owner.type), request

    def type_info(
        self, shape: Shape, entry: Entry | None, indexes: Indexes
    ) -> GraphQLResolveInfo[Any]:
        """Return what functions that tell the type of a value are told of the field."""
        step = shape.step
        if shape.tells_by_class is None:
            shape.tells_by_class = looks_at_values_only(shape)
        if shape.tells_by_class:
            return self.placeless_info(step)
        if step.region is not None and entry is not None:
            return self.info(step, entry[2], entry[3:])
        return self.info(step, entry, indexes[: len(indexes) - shape.lists])

    def _path(self, step: Step, entry: Entry | None, indexes: Indexes) -> Path:
        owner = step.owner.shape
        if owner is None:
            return Path(None, step.key, step.owner.type.name)
        last = self._around
        if last is None or last[0] is not owner or last[1] is not entry or last[2] != indexes:
            path: Path | None = None
            for shape, key in reversed([*traced(owner, entry, indexes)]):
                name = shape.step.owner.type.name if isinstance(key, str) else None
                path = Path(path, key, name)
            last = self._around = (owner, entry, indexes, path)
        return Path(last[3], step.key, step.owner.type.name)

    def release(self) -> None:
        """Let go of what would keep all of this alive until the collector of cycles comes by."""
        self._request = self._around = None
        self._placeless.clear()

    def _track(self, values: Sequence[Any]) -> None:
        """Let work that a resolver has begun end before its failures are forgotten."""
        awaitables = [each for each in values if is_awaitable(each)]
        if awaitables:
            future = asyncio.gather(*awaitables, return_exceptions=True)
            self._background.add(future)
            future.add_done_callback(self._background.discard)


def _gathered(values: Sequence[Awaitable[Any]]) -> Awaitable[list[Any]]:
    return gather_with_cancel(*values)
