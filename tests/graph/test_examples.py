"""The examples over upstreams of somebody's own, whose cases and customers nobody knows."""

from casegraph.graph.examples import examples
from support.gateway import Gateway
from support.upstreams import Upstreams


def test_those_that_can_be_run_come_first() -> None:
    """Whoever knows a hub sees something at the first click; without one there is little."""
    assert [each.name for each in examples("96")] == [
        "Queue",
        "Attention",
        "Program",
        "CasePage",
        "Customer",
    ]
    assert examples()[0].name == "Attention"
    assert [each.name for each in examples("96", "1", "2")][:2] == ["CasePage", "Queue"]


def test_they_answer_or_say_what_is_missing(gateway: Gateway, upstreams: Upstreams) -> None:
    """No hub and no case that was made up is asked for, so none is null without a word."""
    hub = str(upstreams.world.oddities.hub_with_program)
    answers = {each.name: gateway.ask(each.query, each.variables) for each in examples(hub)}

    for name in ("Queue", "Attention", "Program"):
        assert answers[name].codes == {}
        assert all(answers[name].data.values())
    assert set(answers["CasePage"].codes.values()) == {"INVALID_ARGUMENT"}
    unknown = gateway.ask(examples()[1].query, examples()[1].variables)
    assert "INVALID_ARGUMENT" in unknown.codes.values()
