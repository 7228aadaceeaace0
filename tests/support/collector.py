"""A collector of OpenTelemetry spans on a real socket, as a gateway's exporter meets one.

Invariant: what came is kept as it came, bytes and headers, so that a search misses nothing that was
sent; `spans` decodes it beside that.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass
class Collector:
    """What was exported to `url` so far."""

    url: str
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    @property
    def spans(self) -> list[Any]:
        """Return all spans, decoded."""
        return [
            span
            for body in list(self.bodies)
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    @property
    def text(self) -> str:
        """Return all that came as text to search: the bytes, and what they decode to."""
        decoded = [str(ExportTraceServiceRequest.FromString(body)) for body in self.bodies]
        return "\n".join([*(body.decode("latin-1") for body in self.bodies), *decoded])


@contextmanager
def collecting() -> Iterator[Collector]:
    """Run a collector for the time of the context."""
    collector = Collector("")

    class Handler(BaseHTTPRequestHandler):
        """Keeps every export."""

        def do_POST(self) -> None:
            """Take one export and say that it was taken."""
            length = int(self.headers["content-length"])
            collector.headers.append({k.lower(): v for k, v in self.headers.items()})
            collector.bodies.append(self.rfile.read(length))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_args: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join(10)
