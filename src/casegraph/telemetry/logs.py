"""Log lines: one JSON object a line (or one readable line), of a closed list of fields.

Every logger of the process writes through the one handler made here, uvicorn's too. Loggers of this
package fill templates with arguments that look like names or numbers. Foreign ones may put anything
into a text, so of them only the template is told, and where in their code the line was written.
Invariants: a line holds allowed fields only (see `redaction`) and is one line of ASCII; an
exception is told by class and own frames; a line that cannot be written never fails its writer.
"""

import logging
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Literal, TextIO

import msgspec

from casegraph.telemetry import exceptions, redaction
from casegraph.telemetry.observer import Attempt, RequestEnd, RequestRecord, current_request
from casegraph.telemetry.redaction import Rule, Safe, allow
from casegraph.telemetry.vocabulary import (
    BreakerState,
    OperationType,
    Outcome,
    Refusal,
    RequestOutcome,
)

Level = Literal["debug", "info", "warning", "error"]

FIELDS: Mapping[str, Rule] = {
    "requestId": redaction.request_id,
    "traceId": redaction.hexadecimal,
    "operationName": redaction.operation_name,
    "operationType": redaction.one_of(OperationType),
    "status": redaction.number,
    "durationMs": redaction.number,
    "upstreamCalls": redaction.number,
    "errors": redaction.counts_by_code,
    "outcome": redaction.one_of([*RequestOutcome, *Outcome, *Refusal]),
    "upstream": redaction.word,
    "operation": redaction.word,
    "attempt": redaction.number,
    "state": redaction.one_of(BreakerState),
    "errorId": redaction.hexadecimal,
    "error": redaction.word,
    "causes": redaction.words,
    "frames": redaction.words,
    "source": redaction.word,
    "who": redaction.word,
    "mutation": redaction.word,
    "object": redaction.key,
    "fields": redaction.words,
    "result": redaction.word,
    "codes": redaction.words,
    "clientGone": redaction.flag,
    "changes": redaction.texts,
}
"""All that a line can hold beside time, level, logger and event."""

_FOREIGN_EVENT = "message withheld"
_UVICORN_SAYS = frozenset(
    {
        "Waiting for application startup.",
        "Application startup complete.",
        "Application startup failed. Exiting.",
        "Shutting down",
        "Waiting for connections to close. (CTRL+C to force quit)",
        "Waiting for background tasks to complete. (CTRL+C to force quit)",
        "Waiting for application shutdown.",
        "Application shutdown complete.",
        "Application shutdown failed. Exiting.",
        "Invalid HTTP request received.",
        "Exceeded concurrency limit.",
        "Exception in ASGI application\n",
    }
)
"""Its sentences without arguments; any other may be an application's traceback."""
_UNWRITABLE = '{"level":"ERROR","logger":"casegraph.telemetry","event":"a line was not written"}'

_requests = logging.getLogger("casegraph.requests")
_calls = logging.getLogger("casegraph.calls")
_uncaught = logging.getLogger("casegraph.uncaught")


class LineFormatter(logging.Formatter):
    """Turns a record into one line; `human` lines are for eyes, the others for collectors."""

    def __init__(self, *, human: bool, new_id: Callable[[], str] | None = None) -> None:
        super().__init__()
        self._human = human
        self._new_id = new_id

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its end."""
        moment = datetime.fromtimestamp(record.created, UTC)
        level, event, fields = redaction.word(record.levelname), _event(record), self._safe(record)
        if self._human:
            told = "".join(f" {name}={_readable(value)}" for name, value in fields.items())
            return f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03} {level:<7} {event}{told}"
        line = {
            "time": f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z",
            "level": level,
            "logger": redaction.word(record.name),
            "event": event,
            **fields,
        }
        return msgspec.json.encode(line).decode()

    def _safe(self, record: logging.LogRecord) -> dict[str, Safe]:
        fields: dict[str, object] = {}
        if exceptions.is_own(record.name):
            fields.update(record.__dict__.get("fields", {}))
        else:
            fields["source"] = f"{record.module}:{record.funcName}:{record.lineno}"
        request = current_request.get()
        if request is not None:
            fields.setdefault("requestId", request.request_id)
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        if error is None and "source" in fields:
            # Foreign code that logs an exception's text is mostly still handling the exception.
            error = sys.exc_info()[1]
        if error is not None:
            fields = {**exceptions.describe(error, self._new_id), **fields}
        return allow(fields, FIELDS)


class LineHandler(logging.StreamHandler[TextIO]):
    """Writes lines, and never lets a failure to do so out."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802  logging's name
        """Say that a line is missing; logging's own way prints the record's arguments."""
        with suppress(Exception):
            self.stream.write(_UNWRITABLE + self.terminator)


def configure_logging(level: Level, *, human: bool, stream: TextIO | None = None) -> LineHandler:
    """Send every logger of the process through one handler, to standard error unless told.

    `level` is this package's; of others, warnings and worse are told, because the debug lines of
    HTTP and cache libraries are headers and keys. Pass `log_config=None` to uvicorn, which
    otherwise replaces its part of this. May be called again.
    """
    handler = LineHandler(sys.stderr if stream is None else stream)
    handler.setFormatter(LineFormatter(human=human))
    root = logging.getLogger()
    for old in [each for each in root.handlers if isinstance(each, LineHandler)]:
        root.removeHandler(old)
    root.addHandler(handler)
    chosen = logging.getLevelName(level.upper())
    root.setLevel(logging.WARNING)
    logging.getLogger("casegraph").setLevel(chosen)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(logging.NOTSET)
    logging.getLogger("uvicorn").setLevel(max(chosen, logging.INFO))
    # Its lines name every client's address and every query string; `request_line` takes its place.
    logging.getLogger("uvicorn.access").setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
    return handler


def log_uncaught() -> None:
    """Tell of exceptions that end a thread or the process by a line, not by Python's traceback.

    For the process that serves; a traceback repeats the texts that this module leaves out.
    """

    def main(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
            return
        _uncaught.critical("the process ends", exc_info=(kind, error, trace))

    def thread(caught: threading.ExceptHookArgs) -> None:
        if caught.exc_value is not None:
            _uncaught.error("a thread ended", exc_info=caught.exc_value)

    def unraisable(caught: Any) -> None:
        _uncaught.error("ignored where it was raised", exc_info=caught.exc_value)

    sys.excepthook = main
    threading.excepthook = thread
    sys.unraisablehook = unraisable


def request_line(request: RequestRecord, end: RequestEnd, seconds: float) -> None:
    """Write the one line of a finished request."""
    if not _requests.isEnabledFor(logging.INFO):
        return
    fields = {
        "requestId": request.request_id,
        "traceId": None if request.trace is None else request.trace.trace_id,
        "operationName": request.operation_name,
        "operationType": request.operation_type,
        "outcome": end.outcome,
        "status": end.status,
        "durationMs": seconds * 1000,
        "upstreamCalls": request.upstream_calls,
        "errors": dict(end.errors) or None,
    }
    _requests.info("request", extra={"fields": fields})


def call_line(attempt: Attempt, outcome: Outcome | Refusal, seconds: float) -> None:
    """Write the one line of a failed or refused upstream call."""
    if not _calls.isEnabledFor(logging.WARNING):
        return
    request = attempt.request
    fields = {
        "upstream": attempt.upstream,
        "operation": attempt.operation,
        "attempt": attempt.number,
        "outcome": outcome,
        "durationMs": seconds * 1000,
        "requestId": None if request is None else request.request_id,
        "traceId": None if request is None or request.trace is None else request.trace.trace_id,
    }
    _calls.warning("upstream call failed", extra={"fields": fields})


def breaker_line(upstream: str, state: BreakerState) -> None:
    """Write the line of a breaker that opened, probes or closed."""
    level = logging.WARNING if state is BreakerState.OPEN else logging.INFO
    _calls.log(level, "breaker", extra={"fields": {"upstream": upstream, "state": state}})


def _event(record: logging.LogRecord) -> str:
    """Return what a line says, with only such arguments filled in as look like names or numbers."""
    template = record.msg if isinstance(record.msg, str) else _FOREIGN_EVENT
    trusted = exceptions.is_own(record.name) or record.name == "uvicorn.error"
    if not record.args:
        known = exceptions.is_own(record.name) or template in _UVICORN_SAYS
        return redaction.text(template.strip()) if known else _FOREIGN_EVENT
    if trusted and isinstance(record.args, tuple):
        with suppress(TypeError, ValueError):  # a template that does not fit its arguments
            return redaction.text(template % tuple(_argument(each) for each in record.args))
    return redaction.text(template)


def _argument(value: object) -> int | float | str:
    return redaction.number(value) if type(value) in {int, float} else redaction.word(value)


def _readable(value: Safe) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
