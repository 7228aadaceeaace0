"""Spans: closed names, allow-listed attributes, and an exporter that can hold nobody up."""

import gzip
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from casegraph.telemetry import tracing as tracing_module
from casegraph.telemetry.logs import LineFormatter
from casegraph.telemetry.observer import Attempt, RequestEnd, RequestRecord
from casegraph.telemetry.traceparent import TraceContext, parse
from casegraph.telemetry.tracing import ATTRIBUTES, Tracing, TracingError, open_tracing, tracing_to
from casegraph.telemetry.vocabulary import OperationType, Outcome, RequestOutcome

CALLER = TraceContext("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")
SECRET = "canary-5ecret/?token"
OK = RequestEnd(RequestOutcome.OK, 200)


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    """Return an exporter that keeps its spans."""
    return InMemorySpanExporter()


@pytest.fixture
def tracing(exporter: InMemorySpanExporter) -> Iterator[Tracing]:
    """Return tracing to the exporter."""
    made = tracing_to(exporter, version="1.2")
    yield made
    made.close()


def _run(
    tracing: Tracing,
    *,
    trace: TraceContext | None = CALLER,
    outcome: Any = Outcome.OK,
    end: Any = OK,
    **values: Any,
) -> tuple[RequestRecord, Attempt]:
    """Trace one request with one attempt."""
    request = RequestRecord("7f-A", 0.0, trace, **values)
    tracing.request_started(request)
    attempt = Attempt("ratings", "rating", 2, 0.0, {}, request)
    tracing.attempt_started(attempt)
    tracing.attempt_finished(attempt, outcome)
    tracing.request_finished(request, end)
    tracing.close()
    return request, attempt


def test_a_request_and_its_call(tracing: Tracing, exporter: InMemorySpanExporter) -> None:
    """The request's span is a child of the caller's, the call's of the request's."""
    request, attempt = _run(
        tracing, operation_name="CasePage", operation_type=OperationType.QUERY, upstream_calls=1
    )
    call, whole = exporter.get_finished_spans()
    assert (whole.name, call.name) == ("graphql query", "ratings rating")
    assert {int(CALLER.trace_id, 16)} == {call.context.trace_id, whole.context.trace_id}
    assert (int(CALLER.span_id, 16), whole.context.span_id) == (
        whole.parent.span_id,
        call.parent.span_id,
    )
    assert dict(whole.attributes) == {
        "graphql.operation.name": "CasePage",
        "graphql.operation.type": "query",
        "http.response.status_code": 200,
        "casegraph.request_id": "7f-A",
        "casegraph.outcome": "ok",
        "casegraph.upstream_calls": 1,
    }
    assert dict(call.attributes) == {
        "casegraph.upstream": "ratings",
        "casegraph.operation": "rating",
        "casegraph.attempt": 2,
        "casegraph.outcome": "ok",
        "casegraph.request_id": "7f-A",
    }
    told = parse([attempt.headers["traceparent"]])
    assert (CALLER.trace_id, f"{call.context.span_id:016x}") == (told.trace_id, told.span_id)
    assert f"{whole.context.span_id:016x}" == request.trace.span_id
    assert whole.resource.attributes["service.name"] == "casegraph"


@pytest.mark.parametrize(
    ("outcome", "end", "expected"),
    [
        (Outcome.OK, RequestOutcome.OK, (StatusCode.UNSET, StatusCode.UNSET)),
        (Outcome.NOT_FOUND, RequestOutcome.PARTIAL, (StatusCode.UNSET, StatusCode.UNSET)),
        (Outcome.SERVER_ERROR, RequestOutcome.PARTIAL, (StatusCode.ERROR, StatusCode.UNSET)),
        (Outcome.TIMED_OUT, RequestOutcome.FAILED, (StatusCode.ERROR, StatusCode.ERROR)),
    ],
)
def test_statuses(
    tracing: Tracing, exporter: InMemorySpanExporter, outcome: Any, end: Any, expected: Any
) -> None:
    """A failed call and a failed request are errors, without a word about why."""
    _run(tracing, outcome=outcome, end=RequestEnd(end, 200))
    spans = exporter.get_finished_spans()
    assert expected == tuple(span.status.status_code for span in spans)
    assert {None} == {span.status.description for span in spans}
    assert {()} == {span.events for span in spans} | {span.links for span in spans}


def test_nothing_but_the_list(tracing: Tracing, exporter: InMemorySpanExporter) -> None:
    """A secret in a free place leaves in no attribute, and no attribute is off the list."""
    _run(tracing, operation_name=SECRET)
    spans = exporter.get_finished_spans()
    assert "canary" not in "".join(span.to_json() for span in spans)
    assert set(ATTRIBUTES) >= {name for span in spans for name in span.attributes}


def test_an_unsampled_caller_is_followed(tracing: Tracing, exporter: InMemorySpanExporter) -> None:
    """A caller that records nothing makes this gateway record nothing, and say so onward."""
    _, attempt = _run(tracing, trace=TraceContext(CALLER.trace_id, CALLER.span_id, 0))
    assert exporter.get_finished_spans() == ()
    assert parse([attempt.headers["traceparent"]]).flags & 1 == 0


def test_a_request_without_a_trace(tracing: Tracing, exporter: InMemorySpanExporter) -> None:
    """A request that brings no trace begins one."""
    _run(tracing, trace=None)
    call, whole = exporter.get_finished_spans()
    assert whole.parent is None
    assert whole.context.trace_id == call.context.trace_id != 0


def test_a_call_on_nobodys_behalf(tracing: Tracing, exporter: InMemorySpanExporter) -> None:
    """The gateway's own errands are traces of their own."""
    attempt = Attempt("ratings", "rating", 1, 0.0)
    tracing.attempt_started(attempt)
    tracing.attempt_finished(attempt, Outcome.OK)
    tracing.close()
    assert [span.parent for span in exporter.get_finished_spans()] == [None]


def test_off() -> None:
    """Without an endpoint tracing is off, and asking it for a span is a mistake."""
    tracing = open_tracing(None)
    assert not tracing.enabled
    tracing.close()
    with pytest.raises(RuntimeError, match="off"):
        tracing.request_started(RequestRecord("7f-A", 0.0))


def test_spans_opened_before_tracing_was_on_are_not_closed(
    tracing: Tracing, exporter: InMemorySpanExporter
) -> None:
    """What has no span is left alone."""
    tracing.request_finished(RequestRecord("7f-A", 0.0), OK)
    tracing.attempt_finished(Attempt("ratings", "rating", 1, 0.0), Outcome.OK)
    tracing.close()
    assert exporter.get_finished_spans() == ()


def test_no_ratio_no_spans(exporter: InMemorySpanExporter) -> None:
    """With ratio 0 only requests whose caller records are recorded."""
    _run(tracing_to(exporter, sample_ratio=0), trace=None)
    assert exporter.get_finished_spans() == ()


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "collector:4318",
        "ftp://collector",
        "http://",
        "http://user:canary@collector",
        "http://collector/?canary",
        "http://collector/#canary",
        "http://collector:canary",
        "http://[canary",
    ],
)
def test_endpoints_refused(endpoint: str) -> None:
    """An endpoint that cannot work or holds secrets is refused without being repeated."""
    with pytest.raises(TracingError) as caught:
        open_tracing(endpoint)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("ratio", [-0.1, 1.1, float("nan")])
def test_ratios_refused(exporter: InMemorySpanExporter, ratio: float) -> None:
    """A ratio is from 0 to 1."""
    with pytest.raises(TracingError, match="ratio"):
        tracing_to(exporter, sample_ratio=ratio)


def test_without_the_extra() -> None:
    """Without the SDK the package still imports, and an endpoint is refused by naming the extra."""
    program = (
        "import sys\n"
        "sys.modules['opentelemetry.sdk'] = sys.modules['opentelemetry.exporter'] = None\n"
        "from casegraph.telemetry import tracing\n"
        "assert not tracing.open_tracing(None).enabled\n"
        "try:\n"
        "    tracing.open_tracing('http://127.0.0.1:4318')\n"
        "except tracing.TracingError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run(  # noqa: S603  the program is above
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ":".join(filter(None, sys.path))},
    )
    assert done.stdout == "tracing needs the extra: pip install 'casegraph[otel]'\n"


class _Hanging(SpanExporter):
    def __init__(self) -> None:
        self.released = threading.Event()
        self.answered = False

    def export(self, _spans: object) -> SpanExportResult:
        self.released.wait(30)
        self.answered = True
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Nothing to close."""


def test_a_hanging_collector_does_not_hold_the_exit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing gives up on a collector that takes spans and never answers."""
    monkeypatch.setattr(tracing_module, "_EXPORT_SECONDS", 0.05)
    exporter = _Hanging()
    _run(tracing_to(exporter))
    assert not exporter.answered
    exporter.released.set()


def test_over_the_wire() -> None:
    """A real collector gets the spans by OTLP over HTTP, with the headers that were set."""
    received = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            received.append((self.path, self.headers["x-key"], body))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        _run(open_tracing(url, headers={"x-key": "k"}, version="1.2"))
        server.shutdown()
    [(path, key, body)] = received
    spans = ExportTraceServiceRequest.FromString(body).resource_spans[0].scope_spans[0].spans
    assert (path, key) == ("/v1/traces", "k")
    assert [span.name for span in spans] == ["ratings rating", "graphql unknown"]


def test_an_absent_collector_is_told_without_its_address(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A collector that is not there costs a line of the SDK's, not the request."""
    monkeypatch.setattr(tracing_module, "_EXPORT_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as closed_soon:
        port = closed_soon.getsockname()[1]
    _, attempt = _run(open_tracing(f"http://127.0.0.1:{port}/canary"))
    assert attempt.headers
    told = [LineFormatter(human=False).format(record) for record in caplog.records]
    assert [line for line in told if "opentelemetry" in line]
    assert not [line for line in told if "canary" in line or str(port) in line]
