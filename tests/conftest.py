"""Fixtures that many rooms share: one sandbox and one gateway a session, both on real sockets."""

import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from hypothesis import settings

from support.gateway import Gateway, running_gateway
from support.patience import patience_with_redis, patience_with_upstreams
from support.settings_read import Load, reader
from support.stalls import (  # noqa: F401 - hooks of pytest, which finds them here
    pytest_runtest_protocol,
    pytest_terminal_summary,
)
from support.upstreams import Upstreams, running_upstreams

# A test that is late on a busy machine has found nothing. The gate draws the same examples each
# time, so that it judges a change and not its dice; whoever runs the tests by hand draws anew.
settings.register_profile("casegraph", deadline=None)
settings.register_profile("gate", settings.get_profile("casegraph"), derandomize=True)
settings.load_profile("gate" if os.environ.get("CI_RUN") else "casegraph")


def pytest_xdist_auto_num_workers() -> int:
    """Run half as many workers again as there are cores: mostly they wait for real time-outs.

    Two workers kept two cores busy for a third of the time (measured over the whole suite).
    """
    return (os.cpu_count() or 1) * 3 // 2


@pytest.fixture(autouse=True, scope="session")
def _no_settings_from_outside() -> Iterator[None]:
    """No test sees the settings of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("CASEGRAPH_")]:
            patch.delenv(name)
        yield


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """End with the test what it has set of the process's logging and hooks."""
    loggers = [logging.getLogger(), logging.getLogger("casegraph"), logging.getLogger("uvicorn")]
    before = [(logger, logger.level, logger.propagate, list(logger.handlers)) for logger in loggers]
    hooks = sys.excepthook, sys.unraisablehook, threading.excepthook
    yield
    logging.captureWarnings(capture=False)
    sys.excepthook, sys.unraisablehook, threading.excepthook = hooks
    for logger, level, propagate, handlers in before:
        logger.setLevel(level)
        logger.propagate = propagate
        logger.handlers[:] = handlers


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Load:
    """Load settings from exactly these variables."""
    return reader(monkeypatch)


@pytest.fixture
def patient_with_redis() -> Iterator[None]:
    """Let no use of Redis that the test opens fail for want of some milliseconds."""
    with patience_with_redis():
        yield


@pytest.fixture(autouse=True)
def patient_with_upstreams() -> Iterator[None]:
    """Let no gateway that the test starts repeat a call because the machine was busy."""
    with patience_with_upstreams():
        yield


@pytest.fixture(scope="session")
def _upstreams() -> Iterator[Upstreams]:
    with running_upstreams() as running:
        yield running


@pytest.fixture
def upstreams(_upstreams: Upstreams) -> Upstreams:
    """Return the shared sandbox, its calls counted from here; not to be edited."""
    _upstreams.mark()
    return _upstreams


@pytest.fixture(scope="session")
def gateway(_upstreams: Upstreams) -> Iterator[Gateway]:
    """Return the shared gateway over the shared sandbox."""
    with ExitStack() as stack:
        with patience_with_upstreams():
            running = stack.enter_context(running_gateway(_upstreams.environment))
        yield running
