"""OpenTelemetry spans: one a request, one a call on the wire; off unless an endpoint is set.

Off, `enabled` is the whole cost. On, spans go by batches from a thread of the SDK's own to one
OTLP collector. The provider is ours, not the process's global one, so no library's spans, which
would hold URLs and exception texts, come along.
Invariants: a span's name is of a closed set; its attributes pass the same allow-list as log fields;
it records no exception, link, event or description.
"""

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from opentelemetry.context import Context
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
    set_span_in_context,
)

from casegraph.telemetry import redaction
from casegraph.telemetry.observer import Attempt, RequestEnd, RequestRecord
from casegraph.telemetry.redaction import Rule, allow
from casegraph.telemetry.traceparent import TraceContext
from casegraph.telemetry.vocabulary import OperationType, Outcome, RequestOutcome

if TYPE_CHECKING:  # the SDK is an extra
    from opentelemetry.sdk.trace.export import SpanExporter

ATTRIBUTES: Mapping[str, Rule] = {
    "graphql.operation.name": redaction.operation_name,
    "graphql.operation.type": redaction.one_of(OperationType),
    "http.response.status_code": redaction.number,
    "casegraph.request_id": redaction.request_id,
    "casegraph.outcome": redaction.one_of([*RequestOutcome, *Outcome]),
    "casegraph.upstream": redaction.word,
    "casegraph.operation": redaction.word,
    "casegraph.attempt": redaction.number,
    "casegraph.upstream_calls": redaction.number,
}
"""All that a span can hold."""

_EXPORT_SECONDS = 5.0
"""One export, and the last one at the end: well within the drain of 25 s."""
_TRACES_PATH = "/v1/traces"


class TracingError(ValueError):
    """Tracing cannot be set up; the text never repeats the endpoint, for it may hold a password."""


class Tracing:
    """Opens and closes the spans of requests and attempts; does nothing without a tracer."""

    def __init__(
        self, tracer: Tracer | None = None, stop: Callable[[], None] | None = None
    ) -> None:
        self.enabled = tracer is not None
        self._tracer = tracer
        self._stop = stop

    def request_started(self, request: RequestRecord) -> None:
        """Open a request's span under the trace it came with, and make it the request's place."""
        parent = Context() if request.trace is None else _remote(request.trace)
        request.span = self._open("graphql unknown", parent, SpanKind.SERVER)
        request.trace = _place(request.span)

    def request_finished(self, request: RequestRecord, end: RequestEnd) -> None:
        """Close a request's span."""
        span: Span | None = request.span
        if span is None:
            return
        span.update_name(f"graphql {request.operation_type}")
        attributes = {
            "graphql.operation.name": request.operation_name,
            "graphql.operation.type": request.operation_type,
            "http.response.status_code": end.status,
            "casegraph.request_id": request.request_id,
            "casegraph.outcome": end.outcome,
            "casegraph.upstream_calls": request.upstream_calls,
        }
        _close(span, attributes, failed=end.outcome is RequestOutcome.FAILED)

    def attempt_started(self, attempt: Attempt) -> None:
        """Open an attempt's span under its request's, and have the upstream told of it."""
        above = None if attempt.request is None else attempt.request.span
        parent = Context() if above is None else set_span_in_context(above, Context())
        name = f"{attempt.upstream} {attempt.operation}"
        attempt.span = self._open(name, parent, SpanKind.CLIENT)
        attempt.headers = {"traceparent": str(_place(attempt.span))}

    def attempt_finished(self, attempt: Attempt, outcome: Outcome) -> None:
        """Close an attempt's span."""
        if attempt.span is None:
            return
        attributes = {
            "casegraph.upstream": attempt.upstream,
            "casegraph.operation": attempt.operation,
            "casegraph.attempt": attempt.number,
            "casegraph.outcome": outcome,
            "casegraph.request_id": None if attempt.request is None else attempt.request.request_id,
        }
        _close(attempt.span, attributes, failed=outcome.is_failure())

    def close(self) -> None:
        """Send what is left, for at most five seconds; blocks, so call it off the event loop."""
        if self._stop is None:
            return
        # The SDK's own waiting ends after 30 s at the earliest; the process must not wait for it.
        last = threading.Thread(target=self._stop, name="casegraph-tracing-close", daemon=True)
        last.start()
        last.join(_EXPORT_SECONDS)
        self._stop = None

    def _open(self, name: str, parent: Context, kind: SpanKind) -> Span:
        if self._tracer is None:
            raise RuntimeError("tracing is off; ask `enabled` first")
        return self._tracer.start_span(
            name, parent, kind, record_exception=False, set_status_on_exception=False
        )


def open_tracing(
    endpoint: str | None,
    *,
    headers: Mapping[str, str] | None = None,
    sample_ratio: float = 1.0,
    version: str = "",
) -> Tracing:
    """Return tracing to an OTLP/HTTP collector, or tracing that is off when there is no endpoint.

    An endpoint without a path gets the protocol's own, `/v1/traces`. `sample_ratio` is for requests
    that bring no trace; the others follow their caller. Raises TracingError.
    """
    if endpoint is None:
        return Tracing()
    address = _address(endpoint)
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415  extra
            OTLPSpanExporter,
        )
    except ImportError:
        raise TracingError("tracing needs the extra: pip install 'casegraph[otel]'") from None
    exporter = OTLPSpanExporter(address, headers=dict(headers or {}), timeout=_EXPORT_SECONDS)
    return tracing_to(exporter, sample_ratio=sample_ratio, version=version)


def tracing_to(
    exporter: "SpanExporter",
    *,
    sample_ratio: float = 1.0,
    version: str = "",
) -> Tracing:
    """Return tracing that hands its spans, by batches, to an exporter of the SDK's kind."""
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415  only with the extra
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415  the same
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415  the same
    from opentelemetry.sdk.trace.sampling import (  # noqa: PLC0415  the same
        ParentBased,
        TraceIdRatioBased,
    )

    if not 0 <= sample_ratio <= 1:
        raise TracingError("the sample ratio is a number from 0 to 1")
    provider = TracerProvider(
        sampler=ParentBased(TraceIdRatioBased(sample_ratio)),
        resource=Resource.create({"service.name": "casegraph", "service.version": version}),
        shutdown_on_exit=False,  # its hook would hold the exit for 30 s; see `Tracing.close`
    )
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return Tracing(provider.get_tracer("casegraph", version), provider.shutdown)


def _address(endpoint: str) -> str:
    try:
        split = urlsplit(endpoint)
        _ = split.port  # raises ValueError when it is none
    except ValueError:
        raise TracingError("the endpoint's host or port cannot be read") from None
    if split.scheme not in {"http", "https"} or not split.hostname:
        raise TracingError("the endpoint is http:// or https:// and a host")
    if split.username is not None or split.query or split.fragment:
        raise TracingError("the endpoint holds no user, query or fragment; use headers")
    return endpoint if split.path.strip("/") else endpoint.rstrip("/") + _TRACES_PATH


def _remote(trace: TraceContext) -> Context:
    place = SpanContext(
        int(trace.trace_id, 16), int(trace.span_id, 16), is_remote=True,
        trace_flags=TraceFlags(trace.flags),
    )  # fmt: skip
    return set_span_in_context(NonRecordingSpan(place), Context())


def _place(span: Span) -> TraceContext:
    place = span.get_span_context()
    return TraceContext(f"{place.trace_id:032x}", f"{place.span_id:016x}", int(place.trace_flags))


def _close(span: Span, attributes: Mapping[str, object], *, failed: bool) -> None:
    if span.is_recording():
        for name, value in allow(attributes, ATTRIBUTES).items():
            if not isinstance(value, list | dict):
                span.set_attribute(name, value)
        if failed:
            span.set_status(Status(StatusCode.ERROR))
    span.end()
