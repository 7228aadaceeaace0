"""Writers of one case at every interleaving of their steps: both effects or one conflict."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from casegraph.linking.identity import CaseKey
from casegraph.loading.kept_store import MemoryStore as KeptStore
from casegraph.writing.case_writer import CaseWrite, CaseWriter, Written
from casegraph.writing.changes import ChangeUsers, SetMember
from casegraph.writing.conflicts import Conflicts
from casegraph.writing.detached import Passage
from casegraph.writing.documents import Document
from casegraph.writing.fields import Snapshot, snapshot_of
from casegraph.writing.leases import OneWriter
from casegraph.writing.outcomes import WriteOutcome
from casegraph.writing.store import MemoryStore
from casegraph.writing.versions import Versions
from support.case_vendor import Vendor
from support.scheduling import Scheduler

KEY = CaseKey("96", "1")


@dataclass
class SharedStore(MemoryStore):
    """The memory store in the part of a Redis that two processes share."""

    is_shared = True

    def __init__(self) -> None:
        super().__init__(lambda: 0.0)

    def lose_leases(self) -> None:
        """Forget, as a Redis does that was restarted."""
        for key in [key for key in self._entries if key.startswith("lease")]:
            self._remove(key)


@dataclass
class Fight:
    """Some writers in some processes, one vendor, and what each writer wants."""

    scheduler: Scheduler = field(default_factory=Scheduler)
    store: SharedStore = field(default_factory=SharedStore)
    wants: dict[str, Any] = field(default_factory=dict)
    foreign: list[tuple[int, str, Any]] = field(default_factory=list)
    """Edits behind everybody's back: the state they made, the field, the value."""

    def __post_init__(self) -> None:
        self.vendor = Vendor(self.scheduler)
        self.processes = [OneWriter(self.store, self.scheduler.sleep) for _ in range(2)]

    def write(self, name: str, process: int, change: Any) -> None:
        """Let a writer of one process begin."""
        conflicts = Conflicts(Versions(KeptStore()))
        client = self.vendor.by(name)
        writer = CaseWriter(
            lambda: client, self.processes[process], conflicts, self.scheduler.sleep
        )

        async def plan() -> Any:
            return (change,), []

        self.wants[name] = change
        asked = CaseWrite(KEY, plan)
        self.scheduler.start(name, writer.write(asked, Passage()))

    def edit(self, name: str, value: Any) -> None:
        """Change a field of the case from outside all gateways."""
        case = self.vendor.case
        if case is not None:
            self.vendor.become("outside", {**case, name: value})
            self.foreign.append((len(self.vendor.states) - 1, name, value))

    def ended(self) -> dict[str, Written]:
        """Return how everybody who has ended did."""
        return {name: each.result() for name, each in self.scheduler.tasks.items() if each.done()}


def seen(state: dict[str, Any] | None) -> Snapshot:
    """Return the writable part of a vendor's case."""
    assert state is not None
    members = msgspec.json.decode(msgspec.json.encode(state), type=dict[str, msgspec.Raw])
    return snapshot_of(Document(members).case("96"))


def has(change: Any, state: dict[str, Any] | None) -> bool:
    """Return whether a state shows a change."""
    snapshot = seen(state)
    match change:
        case SetMember(name, value):
            return bool(snapshot.get(name) == value)
        case ChangeUsers(role_id, added, removed):
            there = set(snapshot.get(f"roles.{role_id}") or ())
            return set(added) <= there and not set(removed) & there
        case _:
            raise AssertionError(change)


def check(fight: Fight) -> None:
    """Compare what everybody was told with what has become of the case."""
    states = fight.vendor.states
    for name, written in fight.ended().items():
        outcome, change = written.ending.outcome, fight.wants[name]
        mine = [index for index, state in enumerate(states) if state.by == name]
        assert len(mine) <= 1, f"{name} was written {len(mine)} times"
        if outcome is WriteOutcome.APPLIED:
            assert mine, f"{name} was told of an effect that never was"
            assert has(change, states[mine[0]].case)
        elif outcome is WriteOutcome.NOT_APPLIED:
            assert not mine or not has(change, states[-1].case) or overtaken(fight, mine[0])
        elif outcome is WriteOutcome.UNCHANGED:
            assert not mine
        if mine:
            assert_nothing_lost(fight, name, mine[0])
            since = [state.by for state in states[fight.vendor.first_reads[name] : mine[0]]]
            assert "outside" not in since, f"{name} wrote although somebody else had meanwhile"


def overtaken(fight: Fight, index: int) -> bool:
    """Return whether anybody wrote after a state."""
    return len(fight.vendor.states) > index + 1


def assert_nothing_lost(fight: Fight, name: str, index: int) -> None:
    """Hold a write to what it was asked for: it undoes nothing that others had done before."""
    before, after = (seen(fight.vendor.states[at].case) for at in (index - 1, index))
    asked = field_of(fight.wants[name])
    changed = {each for each in {*before, *after} if before.get(each) != after.get(each)}
    assert changed <= {asked}, f"{name} undid {changed - {asked}}"
    assert fight.vendor.states[index].case["unknown"] == {"kept": [1.10]}


def field_of(change: Any) -> str:
    """Return the field that a change is about."""
    return change.name if isinstance(change, SetMember) else f"roles.{change.role_id}"


class Fighting(RuleBasedStateMachine):
    """Two processes, three writers at most, a vendor that may lose answers, edits from outside.

    Edits from outside stay out of the one moment that the graph's description names: between the
    answer to a writer's last look and the taking of its write.
    """

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.number = 0

    @initialize()
    def begin(self) -> None:
        """Put up the vendor."""
        self.fight = Fight()

    @precondition(lambda self: self.number < 3)
    @rule(
        process=st.integers(0, 1),
        change=st.sampled_from(
            [
                SetMember("name", "a"),
                SetMember("name", "b"),
                SetMember("cost", 5),
                ChangeUsers("5", added=("2",)),
                ChangeUsers("5", added=("3",), removed=("1",)),
            ]
        ),
        fault=st.sampled_from(["", "", "lost_before", "lost_after"]),
    )
    def write(self, process: int, change: Any, fault: str) -> None:
        """Let another writer begin."""
        self.number += 1
        self.fight.vendor.faults.append(fault)
        self.run(self._write(process, change))

    async def _write(self, process: int, change: Any) -> None:
        self.fight.write(f"writer {self.number}", process, change)
        await self.fight.scheduler.settle()

    @precondition(lambda self: self.fight.scheduler.gates)
    @rule(data=st.data())
    def go_on(self, data: Any) -> None:
        """Let one of those who wait make one step."""
        gates = self.fight.scheduler.gates
        gate = gates[data.draw(st.integers(0, len(gates) - 1))]
        self.run(self._go_on(gate))

    async def _go_on(self, gate: Any) -> None:
        self.fight.scheduler.release(gate)
        await self.fight.scheduler.settle()

    @precondition(lambda self: not self.in_the_moment())
    @rule()
    def edit(self) -> None:
        """Change the case from outside, to what it never was."""
        self.fight.edit("workflowId", 100 + len(self.fight.foreign))

    def in_the_moment(self) -> bool:
        """Return whether somebody is between the last look and the write."""
        waits = {gate.what for gate in self.fight.scheduler.gates}
        return bool(waits & {"write", "read answered"})

    @invariant()
    def everybody_was_told_the_truth(self) -> None:
        """Hold what was told against what is."""
        if hasattr(self, "fight"):
            check(self.fight)

    def run(self, work: Any) -> None:
        """Run on the machine's own loop."""
        self.loop.run_until_complete(work)

    def teardown(self) -> None:
        """Let everybody end, and look once more."""
        if hasattr(self, "fight"):
            self.run(self.fight.scheduler.run_out())
            check(self.fight)
            ended = self.fight.ended()
            assert len(ended) == self.number
            applied = [n for n, each in ended.items() if each.ending.outcome.value == "APPLIED"]
            assert all(any(s.by == n for s in self.fight.vendor.states) for n in applied)
        self.loop.close()


TestFighting = Fighting.TestCase
TestFighting.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)
