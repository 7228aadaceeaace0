"""Both engines on a share of the queries, to see in production that they answer alike.

The second run follows behind the answer, over the loaders of the same request, so what the first
run has loaded is not asked again. What differs is counted and logged by operation and position,
never with a value. A field that depends on the moment of its reading (`ageSeconds`) may differ.
Invariants: the answer is given before the second run begins and nothing of the second run can reach
it; mutations are never run twice; as many second runs as a bound allows, the rest are left out.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from random import random
from typing import Any, Literal

import msgspec
from graphql import ExecutionResult, GraphQLSchema

from casegraph.engine.compiled import CompiledEngine
from casegraph.engine.compiled.rows import plain
from casegraph.engine.standard import Operation
from casegraph.telemetry.observer import current_request
from casegraph.telemetry.vocabulary import Comparison
from casegraph.telemetry.waterfall import current_waterfall

AT_ONCE_MAX = 4
"""Most second runs at a time; they take CPU from requests."""
PLACES_MAX = 5
"""Most positions named in a log line."""

_log = logging.getLogger("casegraph.engine.shadow")

Told = Callable[[Comparison], None]
_Again = Callable[[], Awaitable[ExecutionResult | None]]


class ShadowedEngine(CompiledEngine):
    """An engine of which a share of the queries is run by the other one too.

    `answers` says which gives the answers, `told` hears how each comparison ended, and `draw` gives
    a random number below 1.
    """

    looks_again = True

    def __init__(
        self,
        schema: GraphQLSchema,
        *,
        share: float,
        told: Told,
        answers: Literal["compiled", "standard"] = "compiled",
        draw: Callable[[], float] = random,
        **options: Any,
    ) -> None:
        super().__init__(schema, **options)
        self._share = share
        self._told = told
        self._answers = answers
        self._draw = draw
        self._running: set[asyncio.Task[None]] = set()

    async def run(self, operation: Operation, context: Any) -> ExecutionResult:
        """Return data and errors, or the answer that refuses the operation; raises ReadsOnly."""
        result: ExecutionResult | None
        if self._answers == "standard":
            result = await self.by_standard(operation, context)
            if self._is_drawn():
                self._follow(operation, result, lambda: self.by_plan(operation, context))
            return result
        result = await self.by_plan(operation, context)
        if result is None:
            return await self.by_standard(operation, context)
        if self.is_planned(operation) and self._is_drawn():
            self._follow(operation, result, lambda: self.by_standard(operation, context))
        return result

    async def close(self) -> None:
        """End the second runs."""
        running = [*self._running]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def settled(self) -> None:
        """Wait until the second runs that were begun have ended."""
        await asyncio.gather(*self._running)

    def _is_drawn(self) -> bool:
        return len(self._running) < AT_ONCE_MAX and self._draw() < self._share

    def _follow(self, operation: Operation, result: ExecutionResult, again: _Again) -> None:
        task = asyncio.create_task(self._compare(operation, result, again))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _compare(self, operation: Operation, first: ExecutionResult, again: _Again) -> None:
        # This task has a context of its own: what it asks is an errand of the gateway's.
        current_request.set(None)
        current_waterfall.set(None)
        try:
            second = await again()
            if second is None:
                return
            places = list(_differences(first, second))
        except Exception:  # noqa: BLE001  a bug of ours, which must not reach the answer
            _log.exception("the second run of %s failed", operation.name or "an operation")
            self._told(Comparison.FAILED)
            return
        self._told(Comparison.DIFFERENT if places else Comparison.SAME)
        if places:
            named = ", ".join(places[:PLACES_MAX])
            _log.error("the engines differ on %s at %s", operation.name or "an operation", named)


def _differences(first: ExecutionResult, second: ExecutionResult) -> Iterator[str]:
    """Yield the positions at which two answers differ."""
    if _encoded(first.data) != _encoded(second.data):
        one, other = plain(first.data), plain(second.data)
        yield next(_places(one, other, ("data",)), "data (the order of keys)")
    told = Counter(_told_of(first))
    told.subtract(_told_of(second))
    for (_, path), times in told.items():
        if times:
            yield f"errors of {path}"


def _told_of(result: ExecutionResult) -> Iterator[tuple[str, str]]:
    for error in result.errors or ():
        yield error.message, ".".join(map(str, error.path or ()))


def _encoded(data: Any) -> bytes | str:
    try:
        return msgspec.json.encode(data, enc_hook=str)
    except UnicodeEncodeError:
        return repr(plain(data))


def _places(first: Any, second: Any, path: tuple[str, ...]) -> Iterator[str]:
    if isinstance(first, dict) and isinstance(second, dict) and first.keys() == second.keys():
        for key in first:
            yield from _places(first[key], second[key], (*path, key))
    elif isinstance(first, list) and isinstance(second, list) and len(first) == len(second):
        for at, (one, other) in enumerate(zip(first, second, strict=True)):
            yield from _places(one, other, (*path, str(at)))
    elif first != second or first.__class__ is not second.__class__:
        yield ".".join(path)
