"""Which engine a gateway runs on, as its settings say."""

import pytest

from casegraph.app import create_gateway
from casegraph.engine.compiled import CompiledEngine
from casegraph.engine.shadow import ShadowedEngine
from casegraph.engine.standard import Operation, StandardEngine
from casegraph.settings import load_settings
from support.upstreams import Upstreams

LISTS = """query Lists($hub: ID!) {
  programLists(hubId: $hub) @freshness(maxAgeSeconds: 60) { name type items { name } }
}"""


@pytest.mark.parametrize(
    ("settings", "engine"),
    [
        ({}, CompiledEngine),
        ({"ENGINE": "standard"}, StandardEngine),
        ({"ENGINE_SHADOW": "1"}, ShadowedEngine),
        ({"ENGINE": "standard", "ENGINE_SHADOW": "1"}, ShadowedEngine),
    ],
    ids=["default", "standard", "shadowed", "standard, shadowed"],
)
async def test_settings_choose_the_engine(
    monkeypatch: pytest.MonkeyPatch,
    upstreams: Upstreams,
    settings: dict[str, str],
    engine: type[StandardEngine],
) -> None:
    """Each answers alike at any sight, with a directive of ours; what both ran is counted."""
    for name, value in upstreams.environment.items():
        monkeypatch.setenv(name, value)
    for name, value in settings.items():
        monkeypatch.setenv(f"CASEGRAPH_{name}", value)
    gateway = create_gateway(load_settings())
    try:
        running = gateway.sessions.engine
        asked = Operation(LISTS, {"hub": "96"})
        answers = {await gateway.answer(asked, "test") for _ in range(4)}
        if isinstance(running, ShadowedEngine):
            await running.settled()
    finally:
        await gateway.close()

    exposition, _ = gateway.reporting.metrics.exposition()
    same = b'casegraph_engine_comparisons_total{outcome="same"}' in exposition
    assert type(running) is engine
    assert [answer.startswith(b'{"data":{"programLists":[{"name"') for answer in answers] == [True]
    assert same is (engine is ShadowedEngine)
    assert b'engine_comparisons_total{outcome="different"}' not in exposition
