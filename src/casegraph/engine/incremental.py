"""Operations with @defer and @stream, run in parts by graphql-core's incremental executor.

What is put off is begun as soon as it is known and only its delivery waits: so its keys are asked
in the same moments as those of the rest, and loaders batch them.
Invariants: the parts end within the request's deadline and a grace, whatever hangs, and each thing
that was promised is delivered or failed; when `later` has ended, or `close` has been awaited, no
work of the operation is left.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Iterator, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any

from graphql import (
    DirectiveNode,
    DocumentNode,
    ExecutionResult,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLOutputType,
    GraphQLResolveInfo,
    GraphQLSchema,
    GraphQLStreamDirective,
    OperationDefinitionNode,
    SelectionSetNode,
)
from graphql.execution import (
    CompletedResult,
    Executor,
    ExperimentalIncrementalExecutionResults,
    InitialIncrementalExecutionResult,
    SubsequentIncrementalExecutionResult,
)
from graphql.execution.collect_fields import FieldDetailsList
from graphql.execution.incremental import IncrementalExecutor, StreamItemQueue, WorkResult
from graphql.execution.values import VariableValues, get_argument_values
from graphql.pyutils import Path

from casegraph.errors import CasegraphError
from casegraph.transport.deadline import request_deadline

GRACE_SECONDS = 0.05
"""After the deadline: upstream calls end at it, and what they leave behind needs a moment."""


class PartsExecutor(IncrementalExecutor):
    """Begins all rows of a streamed list together, in the moment in which the list is there.

    The library's own begins them later than the rows of the first part, so that a loader would ask
    for those apart. The lists of this graph are in hand as a whole.
    """

    def build_stream_item_queue(
        self,
        initial_index: int,
        stream_path: Path,
        iterator: Iterator[Any] | AsyncIterator[Any],
        field_details_list: FieldDetailsList,
        info: GraphQLResolveInfo[Any],
        item_type: GraphQLOutputType,
        is_async: bool,
    ) -> StreamItemQueue:
        """Return the rows from an index on, which are made already or being made."""
        if is_async or not isinstance(iterator, Iterator):
            raise TypeError("Lists that come row by row cannot be streamed here.")
        begun: list[WorkResult | asyncio.Future[WorkResult] | Exception] = []
        for index, item in enumerate(iterator, initial_index):
            place = stream_path.add_key(index, None)
            try:
                row = self.create_sub_executor().complete_stream_item(
                    place, item, field_details_list, info, item_type
                )
            except Exception as error:  # noqa: BLE001  the list ends with it, told in its turn
                begun.append(error)
                break
            begun.append(row if isinstance(row, WorkResult) else self._begun(row))

        async def produce(queue: StreamItemQueue) -> None:
            for row in begun:
                if isinstance(row, Exception):
                    raise row
                await queue.push(row)

        def abandon(_reason: BaseException | None) -> None:
            for row in begun:
                if isinstance(row, asyncio.Future):
                    row.cancel()

        return StreamItemQueue(produce, abandon, eager=True)

    def _begun(self, row: Awaitable[WorkResult]) -> asyncio.Future[WorkResult]:
        future = asyncio.ensure_future(row)
        self.track_incremental_future(future)
        return future


class OutOfTime(CasegraphError):
    """The request's time ended before a part of its answer was ready."""

    code = "DEADLINE_EXCEEDED"
    retryable = True

    def __init__(self) -> None:
        super().__init__("This part of the answer was not ready in time.")


@dataclass(frozen=True, slots=True)
class Parts:
    """An answer of which the rest is still under way."""

    initial: InitialIncrementalExecutionResult
    rest: AsyncGenerator[SubsequentIncrementalExecutionResult, None]
    executor: Executor[Any]

    async def later(self) -> AsyncGenerator[SubsequentIncrementalExecutionResult, None]:
        """Yield the other parts; the last one says that none follows."""
        pending = {each.id: None for each in self.initial.pending}
        try:
            while True:
                part = await self._next(pending)
                pending.update((each.id, None) for each in part.pending or ())
                for each in part.completed or ():
                    pending.pop(each.id, None)
                yield part
                if not part.has_next:
                    return
        finally:
            await self.close()

    async def close(self) -> None:
        """End what is still under way; a second time does nothing."""
        await self.rest.aclose()
        # A generator that was never begun ends without a word to the work behind it.
        await self.executor.cancel_incremental_work()

    async def _next(self, pending: Mapping[str, None]) -> SubsequentIncrementalExecutionResult:
        deadline = request_deadline.get()
        left = None if deadline == float("inf") else deadline + GRACE_SECONDS - monotonic()
        timeout = asyncio.timeout(left)
        try:
            async with timeout:
                return await anext(self.rest)
        except Exception as error:  # noqa: BLE001  what was promised must be told, whatever it was
            return _failed(pending, OutOfTime() if timeout.expired() else error)


def _failed(pending: Mapping[str, None], cause: Exception) -> SubsequentIncrementalExecutionResult:
    """Return a last part in which all that is still pending has failed."""
    error = GraphQLError(str(cause), original_error=cause)
    completed = [CompletedResult(each, [error]) for each in pending]
    return SubsequentIncrementalExecutionResult(has_next=False, completed=completed)


def mentions_parts(query: str) -> bool:
    """Return whether a text may use @defer or @stream; one that does not is never in parts."""
    return "@" in query and ("defer" in query or "stream" in query)


async def execute_in_parts(
    schema: GraphQLSchema, document: DocumentNode, **arguments: Any
) -> ExecutionResult | Parts:
    """Return the answer in parts, or whole where nothing was put off; takes `execute`'s arguments.

    The document must be valid.
    """
    executor = PartsExecutor.build(schema, document, enable_early_execution=True, **arguments)
    if isinstance(executor, list):
        return ExecutionResult(None, executor)
    try:
        result = executor.execute_operation()
        if not isinstance(result, ExecutionResult | ExperimentalIncrementalExecutionResults):
            result = await result
    except BaseException:
        # The library does so for exceptions and not for a cancellation.
        await executor.cancel_incremental_work()
        raise
    if isinstance(result, ExecutionResult):
        return result
    return Parts(result.initial_result, result.subsequent_results, executor)


def negative_count(document: DocumentNode, values: VariableValues) -> GraphQLError | None:
    """Return what is wrong with an `initialCount` below zero, None where there is none.

    The library finds it while executing, as a fault of the field's value.
    """
    for node in _directives(document):
        if node.name.value != GraphQLStreamDirective.name:
            continue
        try:
            said = get_argument_values(GraphQLStreamDirective, node, values)
        except GraphQLError:  # a variable of another operation of the document
            continue
        count = said.get("initialCount")
        if count is None or count < 0:
            return GraphQLError("initialCount of @stream must be 0 or more.", node)
    return None


def _directives(document: DocumentNode) -> Iterator[DirectiveNode]:
    """Yield the directives of all fields."""
    stack: list[SelectionSetNode] = [
        node.selection_set
        for node in document.definitions
        if isinstance(node, OperationDefinitionNode | FragmentDefinitionNode)
    ]
    while stack:
        for selection in stack.pop().selections:
            if isinstance(selection, FieldNode):
                yield from selection.directives or ()
            inner = getattr(selection, "selection_set", None)
            if inner is not None:
                stack.append(inner)
