"""Log lines: one JSON object each, of a closed list of fields, whoever writes them."""

import io
import json
import logging
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any, Never

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casegraph.errors import DeadlineExceeded
from casegraph.telemetry import logs
from casegraph.telemetry.observer import Attempt, RequestEnd, RequestRecord, current_request
from casegraph.telemetry.traceparent import TraceContext
from casegraph.telemetry.vocabulary import (
    BreakerState,
    OperationType,
    Outcome,
    Refusal,
    RequestOutcome,
)

TOUCHED = ("", "casegraph", "uvicorn", "uvicorn.error", "uvicorn.access")
SECRET = "https://user:canary@host/?token=1"
Lines = Callable[[], list[dict[str, Any]]]
"""Reads the lines written so far."""
TRACE = TraceContext("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """Every test leaves logging as it found it."""
    before = [
        (logger, logger.level, list(logger.handlers), logger.propagate)
        for logger in map(logging.getLogger, TOUCHED)
    ]
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    yield
    for logger, level, handlers, propagate in before:
        logger.setLevel(level)
        logger.handlers[:] = handlers
        logger.propagate = propagate
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
    logging.captureWarnings(capture=False)


@pytest.fixture
def stream() -> io.StringIO:
    """Return where lines go."""
    return io.StringIO()


@pytest.fixture
def lines(stream: io.StringIO) -> Lines:
    """Configure JSON lines and return a reader of them."""
    logs.configure_logging("info", human=False, stream=stream)

    def read() -> list[dict[str, Any]]:
        return [json.loads(line) for line in stream.getvalue().splitlines()]

    return read


def _request(**values: Any) -> RequestRecord:
    return RequestRecord("7f-A", 0.0, **values)


def test_a_request_line(lines: Lines) -> None:
    """A finished request is one line with exactly these fields."""
    request = _request(
        trace=TRACE,
        operation_name="CasePage",
        operation_type=OperationType.QUERY,
        upstream_calls=4,
    )
    end = RequestEnd(RequestOutcome.PARTIAL, 200, {"UNAVAILABLE": 2})
    logs.request_line(request, end, 0.0123456)
    [line] = lines()
    assert line.pop("time").endswith("Z")
    assert {
        "level": "INFO",
        "logger": "casegraph.requests",
        "event": "request",
        "requestId": "7f-A",
        "traceId": TRACE.trace_id,
        "operationName": "CasePage",
        "operationType": "query",
        "outcome": "partial",
        "status": 200,
        "durationMs": 12.346,
        "upstreamCalls": 4,
        "errors": {"UNAVAILABLE": 2},
    } == line


def test_a_call_line(lines: Lines) -> None:
    """A failed call is one line that names its request."""
    logs.call_line(Attempt("ratings", "rating", 2, 0.0, {}, _request()), Outcome.TIMED_OUT, 3.0)
    [line] = lines()
    del line["time"]
    assert line == {
        "level": "WARNING",
        "logger": "casegraph.calls",
        "event": "upstream call failed",
        "upstream": "ratings",
        "operation": "rating",
        "attempt": 2,
        "outcome": "timed_out",
        "durationMs": 3000.0,
        "requestId": "7f-A",
    }


def test_a_call_of_nobody(lines: Lines) -> None:
    """A call without a request, such as a refresh, has a line without a request id."""
    logs.call_line(Attempt("ratings", "rating", 1, 0.0), Refusal.BREAKER, 0.0)
    [line] = lines()
    assert line["outcome"] == "breaker"
    assert "requestId" not in line


@pytest.mark.parametrize(
    ("state", "level"), [(BreakerState.OPEN, "WARNING"), (BreakerState.CLOSED, "INFO")]
)
def test_a_breaker_line(lines: Lines, state: str, level: Any) -> None:
    """A breaker that opens is a warning, one that closes good news."""
    logs.breaker_line("ratings", state)
    [line] = lines()
    assert (level, "ratings", state) == (line["level"], line["upstream"], line["state"])


@pytest.mark.parametrize("human", [False, True])
@given(request_id=st.text(), name=st.none() | st.text(), code=st.text(), upstream=st.text())
def test_one_line_whatever_comes(
    human: bool, request_id: str, name: Any, code: str, upstream: str
) -> None:
    """Any text in any place is one line of ASCII."""
    stream = io.StringIO()
    logs.configure_logging("info", human=human, stream=stream)
    request = RequestRecord(request_id, 0.0, operation_name=name)
    logs.request_line(request, RequestEnd(RequestOutcome.OK, 200, {code: 1}), 0.1)
    logs.call_line(Attempt(upstream, name, 1, 0.0, {}, request), Outcome.CONTRACT, 0.1)
    text = stream.getvalue()
    assert 2 == len(text.splitlines()) == text.count("\n")
    assert text.replace("\n", "").isprintable()
    assert text.isascii()


def test_unlisted_fields_are_dropped(lines: Lines) -> None:
    """A field that is not on the list does not appear, nor does one of logging's own."""
    log = logging.getLogger("casegraph.anything")
    log.info("said", extra={"fields": {"url": SECRET, "status": 200}, "token": SECRET})
    [line] = lines()
    assert {"time", "level", "logger", "event", "status"} == set(line)


def test_arguments_of_our_own(lines: Lines) -> None:
    """Names and numbers are filled into our templates; anything else is a marker."""
    log = logging.getLogger("casegraph.cache")
    log.warning("skipped after %d failures of %.1f s (%s)", 5, 0.05, "TimeoutError")
    log.warning("url %s", SECRET)
    log.warning("object %s of %d", [SECRET], 2)
    log.warning("100% sure")
    assert [line["event"] for line in lines()] == [
        "skipped after 5 failures of 0.1 s (TimeoutError)",
        "url [redacted]",
        "object [redacted] of 2",
        "100% sure",
    ]


def test_a_template_that_does_not_fit() -> None:
    """A template whose arguments do not fit it is told without them."""
    record = logging.makeLogRecord({"name": "casegraph.x", "msg": "took %d s", "args": ("a word",)})
    assert json.loads(logs.LineFormatter(human=False).format(record))["event"] == "took %d s"


def test_foreign_loggers(lines: Lines) -> None:
    """Of foreign lines the template and its place are told, and a ready-made text is withheld."""
    foreign = logging.getLogger("somebody.else")
    foreign.error("could not reach %s", SECRET)
    foreign.error(f"could not reach {SECRET}")
    foreign.error(ValueError(SECRET))
    foreign.info("chatter")
    told = lines()
    assert [line["event"] for line in told] == [
        "could not reach %s",
        "message withheld",
        "message withheld",
    ]
    assert all(line["source"].startswith("test_logs:test_foreign_loggers:") for line in told)


def test_an_exception(lines: Lines) -> None:
    """An exception is told by class and error id; its words, and those of its cause, are not."""
    try:
        try:
            raise OSError(SECRET)  # noqa: TRY301  the chain is what is tested
        except OSError as error:
            raise DeadlineExceeded("ratings", "rating", SECRET) from error
    except DeadlineExceeded:
        logging.getLogger("casegraph.x").exception("failed")
    [line] = lines()
    assert line["error"] == "casegraph.errors.DeadlineExceeded"
    assert line["causes"] == ["OSError"]
    assert len(line["errorId"]) == 16
    assert "canary" not in json.dumps(line)


def test_an_error_id_given_by_the_caller_is_kept(lines: Lines) -> None:
    """Who told a client an id finds it in the log."""
    logging.getLogger("casegraph.x").error(
        "failed", exc_info=ValueError(SECRET), extra={"fields": {"errorId": "0badc0de"}}
    )
    assert lines()[0]["errorId"] == "0badc0de"


def test_a_foreign_line_inside_a_handler(lines: Lines) -> None:
    """Foreign code that logs an exception's text gets the exception's class told in its place."""
    try:
        raise OSError(SECRET)  # noqa: TRY301  the handler is what is tested
    except OSError as error:
        logging.getLogger("uvicorn.error").error(str(error))  # noqa: TRY400  as frameworks do
    assert (lines()[0]["event"], lines()[0]["error"]) == ("message withheld", "OSError")


def test_lines_inside_a_request_carry_its_id(lines: Lines) -> None:
    """Whatever is logged while a request runs names the request."""
    token = current_request.set(_request())
    try:
        logging.getLogger("casegraph.cache").warning("slow")
    finally:
        current_request.reset(token)
    assert lines()[0]["requestId"] == "7f-A"


def test_uvicorn_writes_through_the_same_handler(lines: Lines) -> None:
    """Uvicorn's sentences are told with their numbers; its access lines are not."""
    logging.getLogger("uvicorn.error").info("Started server process [%d]", 42)
    logging.getLogger("uvicorn.error").info("Application startup complete.")
    logging.getLogger("uvicorn.access").info('%s - "GET %s"', "10.0.0.1:1", f"/?{SECRET}")
    logging.getLogger("uvicorn.access").warning('%s - "GET %s"', "10.0.0.1:1", f"/?{SECRET}")
    assert [line["event"] for line in lines()] == [
        "Started server process [42]",
        "Application startup complete.",
        '%s - "GET %s"',
    ]


def test_warnings_are_lines(lines: Lines) -> None:
    """Python's warnings go the same way, without their text."""
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn(SECRET, stacklevel=1)
        logging.captureWarnings(capture=False)
    assert [line["logger"] for line in lines()] == ["py.warnings"]
    assert "canary" not in json.dumps(lines())


@pytest.mark.parametrize(
    ("level", "expected"),
    [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)],
)
def test_levels(stream: io.StringIO, level: Any, expected: Any) -> None:
    """The level is this package's; below warning the others keep quiet."""
    logs.configure_logging(level, human=False, stream=stream)
    for write in ("debug", "info", "warning", "error"):
        getattr(logging.getLogger("casegraph.x"), write)("said")
    logging.getLogger("httpx").debug("GET %s", SECRET)
    logging.getLogger("httpx").info("GET %s", SECRET)
    assert expected == len(stream.getvalue().splitlines())


def test_request_lines_can_be_silenced(stream: io.StringIO) -> None:
    """At level error neither requests nor failed calls are told."""
    logs.configure_logging("error", human=False, stream=stream)
    logs.request_line(_request(), RequestEnd(RequestOutcome.OK, 200), 0.1)
    logs.call_line(Attempt("a", "b", 1, 0.0), Outcome.CONTRACT, 0.1)
    assert stream.getvalue() == ""


def test_configured_twice_is_told_once(stream: io.StringIO) -> None:
    """Configuring again replaces; no line is written twice."""
    logs.configure_logging("info", human=False, stream=io.StringIO())
    logs.configure_logging("info", human=False, stream=stream)
    logging.getLogger("casegraph").info("said")
    assert len(stream.getvalue().splitlines()) == 1


def test_human_lines(stream: io.StringIO) -> None:
    """For eyes: time, level, event, fields; nothing that a JSON line would not hold."""
    logs.configure_logging("info", human=True, stream=stream)
    request = _request(operation_name="CasePage")
    end = RequestEnd(RequestOutcome.PARTIAL, 200, {"NOT_FOUND": 1})
    logs.request_line(request, end, 0.012)
    assert stream.getvalue().split(" ", 1)[1] == (
        "INFO    request requestId=7f-A operationName=CasePage operationType=unknown"
        ' outcome=partial status=200 durationMs=12.0 upstreamCalls=0 errors={"NOT_FOUND":1}\n'
    )


class _BrokenOnce(io.StringIO):
    def __init__(self, *, forever: bool = False) -> None:
        super().__init__()
        self._forever, self._broken = forever, True

    def write(self, text: str) -> int:
        if self._broken:
            self._broken = self._forever
            raise OSError(SECRET)
        return super().write(text)


def test_a_line_that_cannot_be_written(capsys: pytest.CaptureFixture[str]) -> None:
    """A failing stream fails no one, and logging does not print the line's arguments instead."""
    stream = _BrokenOnce()
    logs.configure_logging("info", human=False, stream=stream)
    logging.getLogger("casegraph").info("said %s", SECRET)
    assert json.loads(stream.getvalue())["event"] == "a line was not written"
    logs.configure_logging("info", human=False, stream=_BrokenOnce(forever=True))
    logging.getLogger("casegraph").info("said %s", SECRET)
    assert tuple(capsys.readouterr()) == ("", "")


def test_fields_that_are_no_mapping(lines: Lines) -> None:
    """A mistake in how fields are passed costs the line, not the work."""
    logging.getLogger("casegraph").info("said", extra={"fields": 7})
    assert [line["event"] for line in lines()] == ["a line was not written"]


def test_a_thread_that_dies(lines: Lines) -> None:
    """An exception that ends a thread is a line without its words."""
    logs.log_uncaught()

    def work() -> Never:
        raise ValueError(SECRET)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    [line] = lines()
    assert (line["event"], line["error"]) == ("a thread ended", "ValueError")
    assert "canary" not in json.dumps(line)


def test_an_exception_in_a_finalizer(lines: Lines) -> None:
    """What Python itself would print and ignore is a line as well."""
    logs.log_uncaught()

    class Finalized:
        def __del__(self) -> None:
            raise ValueError(SECRET)

    Finalized()
    [line] = lines()
    assert (line["event"], line["error"]) == ("ignored where it was raised", "ValueError")


def test_the_end_of_the_process(lines: Lines, capsys: pytest.CaptureFixture[str]) -> None:
    """The exception that ends the process is a line; Ctrl+C keeps Python's own way."""
    logs.log_uncaught()
    sys.excepthook(ValueError, ValueError(SECRET), None)
    assert [line["event"] for line in lines()] == ["the process ends"]
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert "KeyboardInterrupt" in capsys.readouterr().err
    assert len(lines()) == 1
