"""Links into look-ups for many records: one read of each hub, one outcome for each record."""

from collections import Counter
from inspect import isawaitable
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec import UNSET

from casegraph.errors import ContractViolation, InvalidArgument, UpstreamUnavailable
from casegraph.graph import look_up_batches
from casegraph.graph.batches import alone
from casegraph.upstreams.action_management import records as am
from casegraph.upstreams.decode import Id

DOWN = UpstreamUnavailable("action_management", "roles", "it is down")
BROKEN: Any = ContractViolation("action_management", "case", "not a text", "$.workflowId")


LISTS = (
    am.ProgramList(Id("1"), "first", am.ProgramListType.CATEGORY),
    am.ProgramList(Id("2"), "second", am.ProgramListType.UNKNOWN),
)


class LookUps:
    """Look-ups of hubs, of which one cannot be asked; counts what is read."""

    def __init__(self) -> None:
        self.reads: Counter[str] = Counter()

    def read(self, hub_id: str, found: Any) -> Any:
        """Return what is found, or fail."""
        self.reads[hub_id] += 1
        if hub_id == "down":
            raise DOWN
        return found

    async def workflow_names(self, hub_id: str) -> dict[str, str]:
        """Return the names of a hub's workflows."""
        return self.read(hub_id, {"1": f"one of {hub_id}"})  # type: ignore[no-any-return]

    async def roles(self, hub_id: str) -> tuple[am.Role, ...]:
        """Return a hub's roles."""
        return self.read(hub_id, (am.Role(Id("1"), f"one of {hub_id}"),))  # type: ignore[no-any-return]

    async def program_lists(self, hub_id: str) -> tuple[am.ProgramList, ...]:
        """Return a hub's lists."""
        return self.read(hub_id, LISTS)  # type: ignore[no-any-return]

    def roles_at_once(self, hub_id: str) -> tuple[am.Role, ...] | None:
        """Return the roles of the one hub whose look-ups are at hand."""
        return (am.Role(Id("1"), "at hand"),) if hub_id == "9" else None

    def program_lists_at_once(self, hub_id: str) -> tuple[am.ProgramList, ...] | None:
        """Return the lists of the same."""
        return LISTS if hub_id == "9" else None


@pytest.fixture
def look_ups(monkeypatch: pytest.MonkeyPatch) -> LookUps:
    """Return the look-ups that batches read."""
    made = LookUps()
    monkeypatch.setattr(look_up_batches, "reads_of", lambda _: SimpleNamespace(look_ups=made))
    return made


def case(hub_id: str, workflow_id: Any, name: Any = UNSET) -> am.Case:
    """Return a case of a workflow."""
    return am.Case(Id("7"), workflow_id=workflow_id, workflow_name=name, hub_id=hub_id)


INFO: Any = None


def test_names_that_were_told_wait_for_nothing(look_ups: LookUps) -> None:
    """Lists tell them, so a page of a list reads no look-up; no workflow has no name."""
    cases = [case("a", Id("1"), "told"), case("a", None), case("down", BROKEN)]

    assert look_up_batches.workflow_names(cases, INFO) == ["told", None, BROKEN]
    assert not look_ups.reads


async def test_missing_names_are_read_once_for_each_hub(look_ups: LookUps) -> None:
    """One hub that is down costs its own cases, and whoever was told keeps its name."""
    cases = [
        case("a", Id("1")),
        case("b", Id("1"), "told"),
        case("down", Id("1")),
        case("b", Id("1")),
        case("a", Id("2")),
        case("down", Id("1"), "told"),
        case("a", Id("1"), BROKEN),
    ]

    found = look_up_batches.workflow_names(cases, INFO)

    assert isawaitable(found)
    assert await found == ["one of a", "told", DOWN, "one of b", None, "told", "one of a"]
    assert look_ups.reads == {"a": 1, "down": 1, "b": 1}


@pytest.mark.parametrize("hubs", [["down"], ["down", "down"], ["down", "a"], ["a"]])
async def test_roles_are_found_or_fail_with_their_hub(look_ups: LookUps, hubs: list[str]) -> None:
    """Whether one hub is asked or several."""
    parts = [am.CaseRole(Id("1"), hub_id=hub) for hub in hubs]

    found = await look_up_batches.roles(parts, INFO)

    assert [each if each is DOWN else each.name for each in found] == [
        DOWN if hub == "down" else f"one of {hub}" for hub in hubs
    ]
    assert max(look_ups.reads.values()) == 1


async def test_a_record_that_cannot_be_looked_up_fails_alone(look_ups: LookUps) -> None:
    """What is wrong with one record is not the failure of the others."""
    failing = look_up_batches.looked_up(
        lambda reads, hub_id: reads.roles(hub_id), lambda part, _: 1 // int(part.role_id)
    )

    found = await failing([am.CaseRole(Id(text), hub_id="a") for text in "101"], INFO)

    assert [type(each) for each in found] == [int, ZeroDivisionError, int]
    assert look_ups.reads == {"a": 1}


@pytest.mark.usefixtures("look_ups")
async def test_one_record_alone_raises_its_failure() -> None:
    """The standard executor asks for one after the other, and gets the same."""
    assert await alone(look_up_batches.workflow_names([case("a", Id("1"))], INFO)) == "one of a"
    with pytest.raises(UpstreamUnavailable) as caught:
        await alone(look_up_batches.workflow_names([case("down", Id("1"))], INFO))
    assert caught.value is DOWN


def test_lists_and_roles_at_hand_wait_for_nothing(look_ups: LookUps) -> None:
    """The root fields give them on the spot, all lists or those of one type."""
    of_type = am.ProgramListType.UNKNOWN

    assert look_up_batches.program_lists_of_hub([None], INFO, "9") == [LISTS]
    assert look_up_batches.program_lists_of_hub([None], INFO, "9", of_type) == [[LISTS[1]]]
    assert look_up_batches.program_lists_of_hub([None], INFO, "9", None) == [LISTS]
    assert look_up_batches.roles_of_hub([None], INFO, "9") == [(am.Role(Id("1"), "at hand"),)]
    assert not look_ups.reads


async def test_lists_and_roles_that_are_not_at_hand_are_waited_for(look_ups: LookUps) -> None:
    """They are read as ever, once for each field, and chosen from in the same way."""
    of_type = am.ProgramListType.CATEGORY
    lists = look_up_batches.program_lists_of_hub([None], INFO, "8", of_type)
    roles = look_up_batches.roles_of_hub([None], INFO, "8")

    assert isawaitable(lists)
    assert isawaitable(roles)
    assert await lists == [[LISTS[0]]]
    assert await roles == [(am.Role(Id("1"), "one of 8"),)]
    assert look_ups.reads == {"8": 2}


def test_a_hub_that_is_none_is_refused_before_anything_is_read(look_ups: LookUps) -> None:
    """As with every other root field."""
    for field in (look_up_batches.program_lists_of_hub, look_up_batches.roles_of_hub):
        with pytest.raises(InvalidArgument):
            field([None], INFO, "no number")
    assert not look_ups.reads
