"""Feeds as a person sets them: begun at start, kept in a file, told apart by account."""

from pathlib import Path

import pytest

from casegraph.settings import load_settings
from casegraph.wiring import wire
from support.gateway import running_gateway
from support.rehearsed import until
from support.upstreams import Upstreams, running_upstreams

FEEDS = ("action_management.hub_notes", "case_reviews.reviews_sweep")


def test_eager_feeds_are_filled_before_anybody_asks() -> None:
    """With `eager` the fill begins at start, for every hub that the vendor lists."""
    with running_upstreams(cases=30) as own:
        eager = {
            **own.as_shipped,
            "CASEGRAPH_ACTION_MANAGEMENT__FEED": "eager",
            "CASEGRAPH_CASE_REVIEWS__FEED": "eager",
        }
        with running_gateway(eager):
            until(lambda: set(FEEDS) <= set(own.calls()))
        own.mark()
        with running_gateway(own.as_shipped) as gateway:
            gateway.ask("{ __typename }")
        assert own.calls() == {}


def test_a_file_spares_the_next_start_the_fill(tmp_path: Path) -> None:
    """What was filled before a restart is gone on with, at the price of one refresh each."""
    query = "query($h: ID!) { cases(hubId: $h, first: 5) { nodes { notes { totalCount } } } }"
    with running_upstreams(cases=30) as own:
        settings = {**own.as_shipped, "CASEGRAPH_FEED__FILE": str(tmp_path / "feeds.db")}
        hub = {"h": str(own.world.oddities.hub_with_program)}

        def is_fed() -> bool:
            own.mark()
            gateway.ask(query, hub)
            return "action_management.case_notes" not in own.calls()

        with running_gateway(settings) as gateway:
            until(is_fed)
            first = gateway.ask(query, hub).data
        with running_gateway(settings) as gateway:
            own.mark()
            second = gateway.ask(query, hub).data
            calls = own.calls()

    assert first == second
    assert "action_management.case_notes" not in calls
    assert calls["action_management.hub_notes"] <= 2


@pytest.mark.parametrize(
    ("variable", "value", "same"),
    [
        ("CASEGRAPH_RATINGS__EMAIL", "somebody@else.example", False),
        ("CASEGRAPH_RATINGS__URL", "http://127.0.0.1:9/other", False),
        ("CASEGRAPH_RATINGS__PASSWORD", "another", True),
    ],
)
def test_a_tenant_is_where_and_as_whom_an_upstream_is_asked(
    upstreams: Upstreams,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
    *,
    same: bool,
) -> None:
    """Another address or account is another tenant; a renewed secret is not, and none is in it."""
    for name, text in upstreams.environment.items():
        monkeypatch.setenv(name, text)
    before = wire(load_settings()).tenants
    monkeypatch.setenv(variable, value)
    after = wire(load_settings()).tenants

    assert (before["ratings"] == after["ratings"]) is same
    assert {name: before[name] for name in before if name != "ratings"} == {
        name: after[name] for name in after if name != "ratings"
    }
    assert len(before) == 4
