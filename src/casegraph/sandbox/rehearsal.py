"""The fault plan at work: which call meets which outcome, and what is left of the plan.

A read has its effect before its outcome is chosen, because a simulator may rename the operation on
the way (a sweep is told from a list by its filter) and reading early harms nothing. Every other
call has its outcome chosen first.
Invariant: each outcome is spent by exactly as many calls as it names, in order; without a plan for
its upstream a call is passed on untouched.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from random import Random
from typing import Any

import msgspec

from casegraph.sandbox.fault_answers import too_many
from casegraph.sandbox.fault_delivery import Stage, perform
from casegraph.sandbox.fault_gates import Clock, PaceGate, QuotaGate
from casegraph.sandbox.fault_kinds import AnyOutcome, Pass
from casegraph.sandbox.faults import ANY, Plan, UpstreamPlan
from casegraph.sandbox.traffic import OPERATION, Call, Intervention, Proceed, Sleep
from casegraph.sandbox.wire import Caller, Release

_READS = frozenset({"GET", "HEAD"})
_PASS = Pass()


class Rehearsal:
    """The plan in force. `install` and `clear` may be called from any thread.

    `known` are the operations by upstream that a plan may name. `monotonic` and `wall` give
    seconds, `sleep` takes them.
    """

    def __init__(
        self,
        known: Mapping[str, Iterable[str]],
        *,
        sleep: Sleep = asyncio.sleep,
        monotonic: Clock = time.monotonic,
        wall: Clock = time.time,
    ) -> None:
        self._known = {upstream: frozenset(names) for upstream, names in known.items()}
        self._sleep = sleep
        self._monotonic = monotonic
        self._wall = wall
        self._act = _Act(Plan(), monotonic, wall)

    def install(self, plan: Plan) -> None:
        """Put a plan in the place of the present one, whose waiting calls are let go.

        Raises PlanInvalid when it names an upstream or an operation that is not there.
        """
        plan.check_names(self._known)
        ended, self._act = self._act, _Act(plan, self._monotonic, self._wall)
        ended.released.set()

    def clear(self) -> None:
        """End the present plan."""
        self.install(Plan())

    def left(self) -> Plan:
        """Return what is left of the plan; it can be installed again."""
        return self._act.left()

    def applied(self) -> dict[str, dict[str, dict[str, int]]]:
        """Return how often each kind met each operation, by upstream, since the plan began."""
        return {name: part.applied() for name, part in self._act.parts.items()}

    def around(self, upstream: str) -> Intervention:
        """Return what is to stand around the calls of one upstream."""

        async def intervene(call: Call, proceed: Proceed) -> None:
            act = self._act
            part = act.parts.get(upstream)
            if part is None or part.is_over:
                await proceed(call)
                return
            async with Caller(call.receive) as caller:
                heard = replace(call, receive=caller.receive)
                stage = Stage(heard, proceed, caller, act.released, self._sleep, self._wall)
                try:
                    await part.lead(stage)
                except asyncio.CancelledError:
                    # A server cancels its own calls only when it stops. What hangs then is cut,
                    # without the traceback and the 500 that the server would make of it.
                    if stage.connection is None:
                        raise
                    with suppress(asyncio.CancelledError):  # the closing loop cancels once more
                        await stage.connection.abort()

        return intervene


class _Act:
    """One installed plan."""

    def __init__(self, plan: Plan, monotonic: Clock, wall: Clock) -> None:
        self.released = Release()
        self._seed = plan.seed
        self.parts = {
            name: _Part(part, f"{plan.seed}:{name}", monotonic, wall)
            for name, part in plan.upstreams.items()
        }

    def left(self) -> Plan:
        parts = {name: part.left() for name, part in self.parts.items() if not part.is_over}
        return Plan(seed=self._seed, upstreams=parts)


class _Part:
    """The plan of one upstream."""

    def __init__(self, plan: UpstreamPlan, seed: str, monotonic: Clock, wall: Clock) -> None:
        self._pace = PaceGate(plan.pace, monotonic) if plan.pace else None
        self._quota = QuotaGate(plan.quota, monotonic, wall) if plan.quota else None
        self._lanes = {
            operation: _Lane(outcomes, Random(f"{seed}:{operation}"))  # noqa: S311 - no secret
            for operation, outcomes in plan.operations.items()
        }
        self._applied: dict[str, Counter[str]] = {}

    @property
    def is_over(self) -> bool:
        """Whether nothing of it can happen any more."""
        return not (self._pace or self._quota or any(map(len, self._lanes.values())))

    async def lead(self, stage: Stage) -> None:
        """Lead one call through the gates to its outcome."""
        if not await self._keep_pace(stage):
            return
        if self._quota is not None:
            wait = self._quota.take()
            stage.told = self._quota.headers()
            if wait is not None:
                self._count(stage.call.operation, "quota")
                spent = too_many(wait)
                silent = spent.without(b"retry-after")
                await stage.send(spent if self._quota.plan.retry_after else silent)
                return
        if stage.call.scope["method"] in _READS:
            await stage.answer()
        operation = stage.call.scope.get(OPERATION, stage.call.operation)
        await perform(self._next(operation), stage)

    def left(self) -> UpstreamPlan:
        """Return what is left of it."""
        return UpstreamPlan(
            pace=self._pace.plan if self._pace else None,
            quota=self._quota.plan if self._quota else None,
            operations={name: lane.left() for name, lane in self._lanes.items() if len(lane)},
        )

    def applied(self) -> dict[str, dict[str, int]]:
        """Return how often each kind met each operation."""
        return {operation: dict(kinds) for operation, kinds in self._applied.items()}

    async def _keep_pace(self, stage: Stage) -> bool:
        """Return whether the call may go on, after its wait; refuse it otherwise."""
        wait = self._pace.admit() if self._pace else 0.0
        if self._pace is None or not wait:
            return True
        self._count(stage.call.operation, "pace")
        if self._pace.plan.excess == "queue":
            return await stage.pause(wait)
        if self._quota is not None:
            stage.told = self._quota.headers()
        await stage.send(too_many(wait))
        return False

    def _next(self, operation: str) -> AnyOutcome:
        own, rest = self._lanes.get(operation), self._lanes.get(ANY)
        lane = own if own is not None and len(own) else rest
        outcome = None if lane is None else lane.take()
        if outcome is None:
            return _PASS
        self._count(operation, str(outcome.__struct_config__.tag))
        return outcome

    def _count(self, operation: str, kind: str) -> None:
        self._applied.setdefault(operation, Counter())[kind] += 1


class _Lane:
    """The outcomes of one operation, consumed in order; its length is how many are left."""

    def __init__(self, outcomes: Iterable[AnyOutcome], random: Random) -> None:
        self._waiting = deque(outcomes)
        self._random = random

    def __len__(self) -> int:
        return len(self._waiting)

    def take(self) -> AnyOutcome | None:
        """Return what the next call meets; None when it passes by the plan's chance or end."""
        if not self._waiting:
            return None
        first = self._waiting[0]
        if first.probability < 1 and self._random.random() >= first.probability:
            return None
        if first.times == 1:
            self._waiting.popleft()
        elif first.times != "forever":
            self._waiting[0] = _with_times(first, first.times - 1)
        return first

    def left(self) -> tuple[AnyOutcome, ...]:
        """Return the outcomes with the times they are left."""
        return tuple(self._waiting)


def _with_times(outcome: AnyOutcome, times: int) -> AnyOutcome:
    rest: Any = msgspec.structs.replace(outcome, times=times)
    changed: AnyOutcome = rest
    return changed
