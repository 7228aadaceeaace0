"""What one request behind the door lets go of, and when."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from casegraph.app import Gateway, create_gateway
from casegraph.engine.incremental import Parts
from casegraph.engine.standard import Operation
from casegraph.graph.context import RequestContext
from casegraph.sessions import GatewaySession
from casegraph.settings import load_settings
from support.upstreams import Upstreams

WHOLE = "{ cases(hubId: 96, first: 1) { nodes { name notes { totalCount } } } }"
IN_PARTS = "{ cases(hubId: 96, first: 1) { nodes { name ... @defer { notes { totalCount } } } } }"


@pytest.fixture
def forgotten(monkeypatch: pytest.MonkeyPatch) -> list[RequestContext]:
    """Return the contexts that were let go of, from now on."""
    contexts: list[RequestContext] = []
    forget = RequestContext.forget

    def noted(context: RequestContext) -> None:
        contexts.append(context)
        forget(context)

    monkeypatch.setattr(RequestContext, "forget", noted)
    return contexts


@pytest.fixture
async def gateway(monkeypatch: pytest.MonkeyPatch, upstreams: Upstreams) -> AsyncIterator[Gateway]:
    """Return a gateway without its door."""
    for name, value in upstreams.environment.items():
        monkeypatch.setenv(name, value)
    gateway = create_gateway(load_settings())
    yield gateway
    await gateway.close()


def begin(gateway: Gateway) -> GatewaySession:
    """Return the session of a request that has ten seconds."""
    session = gateway.sessions.begin("test", 10.0, {})
    assert isinstance(session, GatewaySession)
    return session


@pytest.mark.parametrize("way", ["run", "run_in_parts"])
async def test_a_whole_answer_leaves_nothing(
    gateway: Gateway, forgotten: list[RequestContext], way: str
) -> None:
    """However it was asked for: clients that could take parts get most answers whole."""
    session = begin(gateway)
    result: Any = await getattr(session, way)(Operation(WHOLE))

    assert result.data is not None
    assert forgotten == [session.context]


async def test_an_answer_in_parts_keeps_what_it_was_read_by_until_its_end(
    gateway: Gateway, forgotten: list[RequestContext]
) -> None:
    """The later parts are read by the same loaders as the first."""
    session = begin(gateway)
    parts = await session.run_in_parts(Operation(IN_PARTS))
    assert isinstance(parts, Parts)
    assert forgotten == []

    await parts.close()
    session.forget()
    assert forgotten == [session.context]


async def test_what_fails_is_let_go_of_as_well(
    gateway: Gateway, forgotten: list[RequestContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that leaves, or a bug, ends what was begun for the request."""
    session = begin(gateway)

    async def fails(*_: Any) -> Any:
        raise LookupError

    monkeypatch.setattr(type(session.engine), "run_in_parts", fails)
    with pytest.raises(LookupError):
        await session.run_in_parts(Operation(WHOLE))

    assert forgotten == [session.context]
