"""One closed gateway for all attacks, over the shared sandbox."""

from collections.abc import Iterator

import pytest

from support.attacked import Attacked, attacked_gateway
from support.upstreams import Upstreams


@pytest.fixture(scope="session")
def attacked(_upstreams: Upstreams, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacked]:
    """Return a gateway in a process of its own, as closed as one that listens elsewhere."""
    written = tmp_path_factory.mktemp("attacked") / "log"
    with attacked_gateway(_upstreams.environment, written) as running:
        yield running
