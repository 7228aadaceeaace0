"""One request behind the door: its deadline, its reads, and what its answer says beside the data.

The endpoint knows HTTP and nothing of cases, the engine runs documents and knows no headers; here
the headers of a request become what its reads obey, and what its reads found becomes headers and
extensions again.
Invariant: a session serves one request; nothing of it is left when the answer is out, but what
tells of an answer of look-ups whether it still stands.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from casegraph.edge.cache_control import HEADER, accepted, answer_headers
from casegraph.edge.decoding import BadRequest
from casegraph.edge.forwarded import ForwardedHeaders
from casegraph.edge.identity import ANYONE, Identity
from casegraph.engine.compiled import PlannedResult
from casegraph.engine.incremental import Parts
from casegraph.engine.scopes import AuthScope
from casegraph.engine.standard import Operation, Result, StandardEngine, definition_of
from casegraph.graph.context import RequestContext
from casegraph.graph.forecast import forecast
from casegraph.graph.forecast_plan import Forecast
from casegraph.graph.look_up_batches import OF_HUBS
from casegraph.loading.asking import Asking
from casegraph.loading.freshness import Kind
from casegraph.loading.kept import Kept
from casegraph.loading.kept_holds import Hold
from casegraph.loading.ledger import Ledger, Provenance, StaleReason
from casegraph.loading.outlook import Outlook
from casegraph.loading.reads import Reads, Shared
from casegraph.telemetry.waterfall import Waterfall, current_waterfall
from casegraph.transport.allowance import Allowance, call_allowance
from casegraph.transport.deadline import request_deadline
from casegraph.transport.forwarded import callers_proofs
from casegraph.writing.writes import Writes

EXPLAIN_HEADER = "x-casegraph-explain"
TRACE_HEADER = "x-casegraph-trace"
MINDED_HEADERS = (HEADER, EXPLAIN_HEADER, TRACE_HEADER)
"""What a session reads of a request, beside what is sent on to upstreams."""


@dataclass(frozen=True, slots=True)
class StandingAnswer:
    """An answer that was given, and what it was made of."""

    holds: Sequence[Hold]
    kept: Kept
    ledger: Ledger

    @property
    def size(self) -> int:
        """About how many bytes it keeps from being let go of."""
        return sum(hold.size for hold in self.holds)

    def headers(self) -> Mapping[str, str] | None:
        """Return what the same answer says of its age now; None where it may be another."""
        stands = self.kept.holds.stands
        for hold in self.holds:
            if not stands(hold):
                return None
        return _ages(self.ledger, self.kept)


@dataclass(slots=True)
class GatewaySession:
    """One request as the endpoint sees it."""

    engine: StandardEngine
    context: RequestContext
    kept: Kept
    waterfall: Waterfall | None = None
    _is_whole: bool = field(init=False, default=False)
    _holds: Sequence[Hold] | None = field(init=False, default=None)
    """On all that the answer was made of; None where that is more than look-ups."""

    async def run(self, operation: Operation) -> Result:
        """Return data and errors."""
        try:
            result = await self.engine.run(operation, self.context)
            self._end(result)
        finally:
            self.forget()
        return result

    async def run_in_parts(self, operation: Operation) -> Result | Parts:
        """Return the same, or parts where the operation puts something off.

        How old those are is not known when their headers leave, so nobody is to keep them.
        """
        result: Result | Parts | None = None
        try:
            result = await self.engine.run_in_parts(operation, self.context)
            if isinstance(result, Result):
                self._end(result)
        finally:
            if not isinstance(result, Parts):
                self.forget()
        return result

    def forget(self) -> None:
        """Let go of what was read, where nothing is to be made of it any more."""
        if not self.engine.looks_again:
            self.context.forget()

    def headers(self) -> Mapping[str, str]:
        """Return what the answer says of its age."""
        if not self._is_whole:
            return answer_headers(None, 0.0, is_whole=False)
        return _ages(self.context.asking.ledger, self.kept)

    def standing(self) -> "StandingAnswer | None":
        """Return what tells whether the answer still holds; None where it is told no more."""
        if self._holds is None:
            return None
        return StandingAnswer(self._holds, self.kept, self.context.asking.ledger)

    def _end(self, result: Result) -> None:
        self._is_whole = not result.errors
        self._holds = self._held(result) if self._is_whole else None

    def _held(self, result: Result) -> Sequence[Hold] | None:
        """Return holds on what an answer was made of, where they are all that it depends on."""
        if self.waterfall is not None or self.engine.looks_again:
            return None
        rests_on = result.rests_on if isinstance(result, PlannedResult) else None
        if rests_on is None or not rests_on <= OF_HUBS or self.context.asking.ledger.stale():
            return None
        return self.context.reads.look_ups.held()

    def extensions(self) -> Mapping[str, Any]:
        """Return what the answer says of how it came to be."""
        said: dict[str, Any] = {}
        stale = self.context.asking.ledger.stale()
        if stale:
            said["freshness"] = self._oldest_of_each(stale)
        if self.waterfall is not None:
            said["trace"] = self.waterfall.shape()
        return said

    def _oldest_of_each(self, stale: Iterable[Provenance]) -> list[dict[str, Any]]:
        """Return what is told of what was given stale: the oldest of each kind and reason."""
        oldest: dict[tuple[str, Kind, StaleReason | None], float] = {}
        for each in stale:
            key = (each.upstream, each.kind, each.reason)
            oldest[key] = min(each.fetched_at, oldest.get(key, each.fetched_at))
        now = self.context.now()
        return [
            {
                "upstream": upstream,
                "kind": kind.value,
                "ageSeconds": max(0, int(now - fetched_at)),
                "reason": None if reason is None else reason.name,
            }
            for (upstream, kind, reason), fetched_at in oldest.items()
        ]


def _ages(ledger: Ledger, kept: Kept) -> Mapping[str, str]:
    """Return what a whole answer says of its age."""
    oldest = ledger.oldest()
    if oldest is None:
        return answer_headers(None, 0.0, is_whole=True)
    now = kept.now()
    return answer_headers(oldest.age(now), ledger.fresh_for(now, kept.windows), is_whole=True)


@dataclass(slots=True)
class PlanSession:
    """A request that wants to know what it would cost: nothing is asked, `data` is null."""

    engine: StandardEngine
    outlook: Outlook
    fuse_calls: int
    plan: Forecast | None = None

    async def run(self, operation: Operation) -> Result:
        """Return errors where the operation is not valid, and neither errors nor data elsewhere."""
        document = self.engine.prepared(operation)
        if isinstance(document, Result):
            return document
        definition = definition_of(document, operation)
        variables = self.engine.coerced(definition, operation)
        if isinstance(variables, Result):
            return variables
        self.plan = await forecast(
            self.engine.schema,
            document,
            definition,
            variables,
            self.outlook,
            fuse=self.fuse_calls,
        )
        return Result(None, None)

    async def run_in_parts(self, operation: Operation) -> Result:
        """Return the same: a plan has no parts."""
        return await self.run(operation)

    def headers(self) -> Mapping[str, str]:
        """Return that nobody is to keep it: the next plan may be another."""
        return {"cache-control": "no-store"}

    def extensions(self) -> Mapping[str, Any]:
        """Return the plan."""
        return {} if self.plan is None else {"explain": self.plan.shape()}

    def standing(self) -> None:
        """Return that no plan is given twice."""

    def forget(self) -> None:
        """Do nothing: nothing was read."""


@dataclass(frozen=True, slots=True)
class Sessions:
    """Opens sessions over what the process shares."""

    engine: StandardEngine
    shared: Shared
    traces: bool = False
    """Whether a client may ask what was done for it, or would be; it needs the scope `admin`."""
    fuse_calls: int = 500
    """Upstream calls that one request may make."""
    writes: Writes | None = None
    """None where nothing may be written."""
    forwarded: ForwardedHeaders = field(default_factory=lambda: ForwardedHeaders({}))
    """Which headers are callers' own credentials for upstreams."""

    def begin(
        self,
        request_id: str,
        seconds: float,
        headers: Mapping[str, str],
        caller: Identity = ANYONE,
    ) -> GatewaySession | PlanSession:
        """Return the session of one request, whose time starts to run; raises BadRequest."""
        sees_inside = self.traces and AuthScope.ADMIN in caller.scopes
        if EXPLAIN_HEADER in headers:
            self._check_explain(headers[EXPLAIN_HEADER], may=sees_inside)
            return self.plan(seconds, headers)
        request_deadline.set(time.monotonic() + seconds)
        call_allowance.set(Allowance(self.fuse_calls))
        is_traced = sees_inside and headers.get(TRACE_HEADER) == "1"
        waterfall = Waterfall() if is_traced else None
        current_waterfall.set(waterfall)
        kept = self.shared.kept
        asking = self._asking(headers)
        context = RequestContext(
            asking, request_id, partial(Reads, self.shared), kept.now, self.writes, caller.name
        )
        return GatewaySession(self.engine, context, kept, waterfall)

    def plan(self, seconds: float, headers: Mapping[str, str]) -> PlanSession:
        """Return the session of a request that is only to be planned; raises BadRequest."""
        request_deadline.set(time.monotonic() + seconds)
        call_allowance.set(Allowance(self.fuse_calls))
        current_waterfall.set(None)
        return PlanSession(
            self.engine, Outlook(self.shared, self._asking(headers)), self.fuse_calls
        )

    def _asking(self, headers: Mapping[str, str]) -> Asking:
        """Return in whose name a request reads; its credentials travel beside it."""
        proofs = self.forwarded.proofs(headers)
        callers_proofs.set(proofs)
        scope = self.shared.scope
        if proofs:
            scope = scope.of_caller({name: proof.identity for name, proof in proofs.items()})
        return Asking(scope, accepted(headers), Ledger())

    def _check_explain(self, wanted: str, *, may: bool) -> None:
        """Refuse what would otherwise run an operation that was not to be run."""
        if not may:
            raise BadRequest("X-Casegraph-Explain is not allowed here.")
        if wanted.strip().lower() != "plan":
            raise BadRequest("X-Casegraph-Explain must be `plan`.")
