"""Fixtures that many rooms share: one sandbox and one gateway a session, both on real sockets."""

import os
from collections.abc import Iterator

import pytest

from support.gateway import Gateway, running_gateway
from support.upstreams import Upstreams, running_upstreams


@pytest.fixture(autouse=True, scope="session")
def _no_settings_from_outside() -> Iterator[None]:
    """No test sees the settings of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("CASEGRAPH_")]:
            patch.delenv(name)
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
    with running_gateway(_upstreams.environment) as running:
        yield running
