"""One run of a plan: its answer in the making, its errors, and the work that it waits for.

The first region runs at once. The steps that wait in it are then begun together, each for all its
parents; as soon as one has its values, its own region runs and its own steps begin. A null that
must rise is cut into the answer by its path when the code that found it has returned, so no code
has to be undone; what waits below a cut is left out.
Invariants: all work begun here has ended when `finish` returns or raises; one error at most is told
of a position and of what is below it once it is null.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from inspect import iscoroutine
from typing import Any, TypeAlias

from graphql import (
    GraphQLError,
    default_type_resolver,
    located_error,
)
from graphql.execution.values import VariableValues
from graphql.pyutils.is_awaitable import is_awaitable

from casegraph.engine.compiled.calls import Calls
from casegraph.engine.compiled.classes import Classes
from casegraph.engine.compiled.complete import settle
from casegraph.engine.compiled.fields import Sources, Way
from casegraph.engine.compiled.plan import (
    Entry,
    Indexes,
    Plan,
    Region,
    Selection,
    Shape,
    Step,
    path_of,
    traced,
)
from casegraph.engine.compiled.resting import PlannedResult

Position: TypeAlias = tuple[str | int, ...]
Job: TypeAlias = Coroutine[Any, Any, None]


class _NothingLeft(Exception):
    """The answer as a whole is null: whatever is still under way is for nothing."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A value that comes later, at a place where the answer has None until then."""

    awaitable: Awaitable[Any]
    shape: Shape
    entry: Entry | None
    indexes: Indexes
    then: Callable[[Any], Any] | None


class Run(Calls):
    """The state of one run, as generated code sees it; used once."""

    __slots__ = (
        "_cuts",
        "_is_dirty",
        "_nulled",
        "_waiting",
        "classes",
        "data",
        "errors",
        "queues",
    )

    def __init__(
        self,
        plan: Plan,
        sources: Sources,
        classes: Classes,
        variables: VariableValues,
        context: Any,
    ) -> None:
        super().__init__(plan, sources, variables, context)
        self.classes = classes
        self.queues: list[list[Entry]] = [[] for _ in plan.regions]
        self.errors: list[GraphQLError] = []
        self.data: Any = None
        self._nulled: set[Position] = set()
        self._cuts: list[Position] = []
        self._waiting: list[_Waiting] = []
        self._is_dirty = False

    default_type_resolver = staticmethod(default_type_resolver)

    async def result(self) -> PlannedResult:
        """Run to the end and return the answer."""
        self.data = self.plan.root.make(None, self, None)
        try:
            jobs = self._begun((self.plan.regions[0],))
            if jobs:
                await _all(jobs)
        except _NothingLeft:
            pass
        return PlannedResult(self.data, self.errors or None, self.plan.rests_on)

    def release(self) -> None:
        """Let go of what would keep all of this alive until the collector of cycles comes by."""
        super().release()
        self.errors = []  # the frames that they came through hold this run

    # What generated code and `complete` call.

    def failed(
        self,
        shape: Shape,
        error: Exception,
        entry: Entry | None,
        indexes: Indexes,
        *,
        inside: bool = False,
    ) -> None:
        """Tell of the failure of a value, and let its null rise as far as it must.

        `inside` says that it was found while a part of the value was completed.
        """
        self._is_dirty = True
        path = path_of(shape, entry, indexes)
        depth = len(path)
        for around, _ in traced(shape, entry, indexes):
            if around.is_nullable:
                break
            depth -= 1
        position = path[:depth]
        if inside or depth < len(path):
            self._cuts.append(position)
        if self._is_nulled(position):
            return
        self._nulled.add(position)
        self.errors.append(located_error(error, shape.step.nodes, list(path)))

    def wait(
        self,
        awaitable: Awaitable[Any],
        shape: Shape,
        entry: Entry | None,
        indexes: Indexes,
        then: Callable[[Any], Any] | None = None,
    ) -> None:
        """Let a value be put into its place once it is there; `then` completes it, or `settle`."""
        self._waiting.append(_Waiting(awaitable, shape, entry, indexes, then))

    # How the work goes on.

    def _begun(self, regions: Iterable[Region]) -> list[Job]:
        """Return what is to be awaited now that these regions have run.

        Raises _NothingLeft where the whole answer has become null; nothing is left begun then.
        """
        jobs: list[Job] = []
        try:
            self._begin_all(regions, jobs)
        except _NothingLeft:
            for job in jobs:
                job.close()
            for late in self._waiting:
                if iscoroutine(late.awaitable):
                    late.awaitable.close()
            raise
        return jobs

    def _begin_all(self, regions: Iterable[Region], jobs: list[Job]) -> None:
        """Add what is to be awaited; what need not wait runs at once, and what follows from it."""
        waiting = list(regions)
        while waiting:
            if self._cuts:
                self._cut()
            settled: list[Region] = []
            for region in waiting:
                for child in region.children:
                    job = self._begin(child, settled)
                    if job is not None:
                        jobs.append(job)
            if self._waiting:
                late, self._waiting = self._waiting, []
                jobs.append(self._late(late))
            waiting = settled

    def _begin(self, region: Region, settled: list[Region]) -> Job | None:
        """Begin a region for all that wait for it; one that needs not wait is settled at once."""
        entries = self.queues[region.number]
        if not entries:
            return None
        self.queues[region.number] = []
        step: Any = region.step
        if self._is_dirty:
            entries = [each for each in entries if self._is_live(step.owner, each)]
            if not entries:
                return None
        if step.source.way is not Way.BATCHED:
            return self._each(region, step, entries)
        found = self._batch(step, entries)
        if found.__class__ is not list and is_awaitable(found):
            return self._batched(region, step, entries, found)
        self._settle(region, step, entries, found)
        settled.append(region)
        return None

    def _batch(self, step: Step, entries: Sequence[Entry]) -> Any:
        """Return what a batch resolver returns, or its failure."""
        source = step.source
        batch: Any = source.batch
        first = entries[0]
        try:
            raw = self.info(step, first[2], first[3:])
            info = self.sources.info_of(source.field, raw)
            arguments = self.arguments(step, info) if source.takes_arguments else {}
            return batch([each[0] for each in entries], info, **arguments)
        except Exception as error:  # noqa: BLE001  it is the failure of each of the fields
            return error

    async def _batched(
        self, region: Region, step: Step, entries: Sequence[Entry], found: Awaitable[Any]
    ) -> None:
        self._settle(region, step, entries, await _outcome(found))
        await self._follow((region,))

    async def _each(self, region: Region, step: Step, entries: Sequence[Entry]) -> None:
        """Call a step's function for every parent, and wait for all of them together."""
        values: list[Any] = []
        for each in entries:
            values.append(self._tried(step, each))  # noqa: PERF401  what is begun must be awaited
        await _awaited(values)
        region.settle(entries, values, self)
        await self._follow((region,))

    def _tried(self, step: Step, entry: Entry) -> Any:
        """Return what a step's function returns for one parent, or its failure."""
        try:
            return self.called(step, entry[0], entry[2], entry[3:])
        except Exception as error:  # noqa: BLE001  it is the failure of this field
            return error

    async def _late(self, waiting: Sequence[_Waiting]) -> None:
        """Put values into their places that the code could not wait for."""
        values: list[Any] = [each.awaitable for each in waiting]
        await _awaited(values)
        regions: dict[Region, None] = {}
        for each, value in zip(waiting, values, strict=True):
            path = path_of(each.shape, each.entry, each.indexes)
            place = self._at(path[:-1])
            if place is None:
                continue
            place[path[-1]] = self._completed(each, value)
            regions[_region_of(each.shape)] = None
        await self._follow(regions)

    def _completed(self, late: _Waiting, value: Any) -> Any:
        if late.then is None or isinstance(value, Exception):
            return settle(late.shape, value, self, late.entry, *late.indexes)
        try:
            return late.then(value)
        except Exception as error:  # noqa: BLE001  whatever completing raises
            return self.failed(late.shape, error, late.entry, late.indexes)

    async def _follow(self, regions: Iterable[Region]) -> None:
        jobs = self._begun(regions)
        if jobs:
            await _all(jobs)

    def _settle(self, region: Region, step: Step, entries: Sequence[Entry], values: Any) -> None:
        """Put a batch's values into the answer."""
        if isinstance(values, Exception):
            values = [values] * len(entries)
        elif not isinstance(values, list | tuple) or len(values) != len(entries):
            error = LookupError(f"The batch of {step.name} does not fit its parents.")
            values = [error] * len(entries)
        region.settle(entries, values, self)

    # The answer by its paths.

    def _is_nulled(self, position: Position) -> bool:
        nulled = self._nulled
        return any(position[:end] in nulled for end in range(len(position) + 1))

    def _cut(self) -> None:
        """Put nulls where they have risen to."""
        cuts, self._cuts = self._cuts, []
        for position in cuts:
            if not position:
                self.data = None
                raise _NothingLeft
            place = self._at(position[:-1])
            if place is not None:
                place[position[-1]] = None

    def _at(self, path: Position) -> Any:
        """Return the object or list of the answer at a place; None where a null came over it."""
        place = self.data
        for key in path:
            if place is None:
                return None
            place = place[key]
        return place

    def _is_live(self, owner: Selection, entry: Entry) -> bool:
        """Return whether the object that waits is still part of the answer."""
        return self._at(path_of(owner.shape, entry[2], entry[3:])) is entry[1]


def _region_of(shape: Shape) -> Region:
    return shape.step.region or shape.step.owner.region


async def _outcome(awaitable: Awaitable[Any]) -> Any:
    """Return what an awaitable resolves to, or its failure.

    No frame that a failure has come through may hold it: such a circle keeps all that was being
    done until the collector comes by.
    """
    try:
        return await awaitable
    except Exception as error:  # noqa: BLE001  it is the failure of the fields that wait for it
        return error


async def _awaited(values: list[Any]) -> None:
    """Put the outcomes of awaitables, failures too, into their places."""
    places = [place for place, value in enumerate(values) if is_awaitable(value)]
    if len(places) == 1:
        values[places[0]] = await _outcome(values[places[0]])
    elif places:
        found = await asyncio.gather(*(values[place] for place in places), return_exceptions=True)
        for place, value in zip(places, found, strict=True):
            if isinstance(value, BaseException) and not isinstance(value, Exception):
                raise value
            values[place] = value


async def _all(jobs: Sequence[Job]) -> None:
    """Do jobs together; when one raises or all are cancelled, none is left."""
    if len(jobs) == 1:
        await jobs[0]
        return
    tasks = [asyncio.create_task(job) for job in jobs]
    try:
        await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
