"""One `clientMutationId`, one outcome: repeated, at once, after a death, without a store."""

import asyncio
from typing import Any

import pytest

from casegraph.writing.detached import Passage
from casegraph.writing.idempotency import (
    KEPT_SECONDS,
    RUNNING_SECONDS,
    Idempotency,
    Repeatable,
    Taken,
)
from casegraph.writing.outcomes import Ending, ErrorCode, FieldChange, WriteError, WriteOutcome
from casegraph.writing.store import MemoryStore, StoreUnavailable
from support.clock import Clock

APPLIED = Ending(
    outcome=WriteOutcome.APPLIED,
    changes=(FieldChange("name", "a", "b"),),
    object_key=("96", "1"),
)


def asked(mutation: bytes = b"input", own_id: str = "id", who: str = "service") -> Repeatable:
    """Return a keyed mutation."""
    return Repeatable(who, own_id, mutation)


class Bench:
    """Idempotency over a memory store, with a clock in hand."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.store = MemoryStore(self.clock)
        self.idempotency = Idempotency(self.store, wall=self.clock, sleep=self._sleep)
        self.performed = 0

    async def _sleep(self, seconds: float) -> None:
        await self.clock.sleep(seconds)

    async def once(self, wanted: Repeatable, ending: Ending = APPLIED) -> Ending:
        """Make a mutation that counts how often it is made."""

        async def perform() -> Ending:
            self.performed += 1
            await asyncio.sleep(0)
            return ending

        return await self.idempotency.once(wanted, perform)


def code(ending: Ending) -> ErrorCode:
    """Return the one error's code."""
    (error,) = ending.errors
    return error.code


async def test_the_first_outcome_is_given_for_a_day() -> None:
    """The same id and input write once; a day later the id is free again."""
    bench = Bench()
    first = await bench.once(asked())
    bench.clock.now += KEPT_SECONDS - 10
    again = await bench.once(asked())

    assert (first.is_repeated, again.is_repeated) == (False, True)
    assert (again.outcome, again.changes, again.object_key) == (
        APPLIED.outcome, APPLIED.changes, APPLIED.object_key,
    )  # fmt: skip
    bench.clock.now += 11
    assert not (await bench.once(asked())).is_repeated
    assert bench.performed == 2


async def test_another_input_under_the_same_id_is_refused() -> None:
    """Whatever the first one's outcome was, the second is not made."""
    bench = Bench()
    await bench.once(asked())
    other = await bench.once(asked(b"another input"))

    assert (other.outcome, code(other)) == (WriteOutcome.REFUSED, ErrorCode.IDEMPOTENCY_CONFLICT)
    assert bench.performed == 1


async def test_ids_of_two_callers_are_two_ids() -> None:
    """Nobody can learn or spoil another's outcome by guessing the id."""
    bench = Bench()
    await bench.once(asked(who="one"))

    assert not (await bench.once(asked(b"x", who="two"))).is_repeated


async def test_twenty_at_once_are_one() -> None:
    """Those who come while it is being made wait for its outcome."""
    bench = Bench()
    endings = await asyncio.gather(*(bench.once(asked()) for _ in range(20)))

    assert bench.performed == 1
    assert sorted(each.is_repeated for each in endings) == [False, *[True] * 19]


@pytest.mark.parametrize("outcome", [WriteOutcome.REFUSED, WriteOutcome.NOT_APPLIED])
async def test_what_changed_nothing_may_be_tried_again(outcome: WriteOutcome) -> None:
    """A passing failure does not use up its id."""
    bench = Bench()
    await bench.once(asked(), Ending(outcome=outcome))

    assert (await bench.once(asked())).outcome is WriteOutcome.APPLIED
    assert bench.performed == 2


@pytest.mark.parametrize("outcome", [WriteOutcome.UNKNOWN, WriteOutcome.CONFLICT])
async def test_what_may_have_changed_something_is_not_tried_again(outcome: WriteOutcome) -> None:
    """An unknown outcome stays unknown, rather than becoming a second write."""
    bench = Bench()
    await bench.once(asked(), Ending(outcome=outcome))

    assert (await bench.once(asked())).outcome is outcome
    assert bench.performed == 1


async def test_a_claim_whose_process_died_is_unknown() -> None:
    """Nobody can tell how it ended, so it is not made again and says so."""
    bench = Bench()

    class Died(BaseException):
        """The process is gone: nothing after it runs."""

    async def dies() -> Ending:
        bench.store.drop = _unavailable  # type: ignore[method-assign]
        raise Died

    with pytest.raises(Died):
        await bench.idempotency.once(asked(), dies)
    bench.clock.now += RUNNING_SECONDS + 1
    again = await bench.once(asked())

    assert (again.outcome, code(again)) == (WriteOutcome.UNKNOWN, ErrorCode.OUTCOME_UNKNOWN)
    assert bench.performed == 0


async def _unavailable(*_: Any) -> Any:
    raise StoreUnavailable("gone")


async def test_without_a_store_a_keyed_mutation_is_not_made() -> None:
    """Whether it was made before cannot be told, so it fails closed."""
    bench = Bench()
    bench.store.claim = _unavailable  # type: ignore[method-assign]
    ending = await bench.once(asked())

    assert (ending.outcome, code(ending)) == (
        WriteOutcome.REFUSED, ErrorCode.IDEMPOTENCY_UNAVAILABLE,
    )  # fmt: skip
    assert ending.errors[0].retryable
    assert bench.performed == 0


async def test_an_outcome_that_cannot_be_kept_is_unknown_when_it_is_asked_again() -> None:
    """The write itself ends well; its repetition is told the truth."""
    bench = Bench()
    bench.store.swap = _unavailable  # type: ignore[method-assign]
    assert (await bench.once(asked())).outcome is WriteOutcome.APPLIED
    bench.clock.now += RUNNING_SECONDS + 1

    assert (await bench.once(asked())).outcome is WriteOutcome.UNKNOWN
    assert bench.performed == 1


async def test_an_outcome_outlives_a_store_that_forgot_the_claim() -> None:
    """What was lost while the write was under way does not make its repetition a second write."""
    bench = Bench()

    async def perform() -> Ending:
        await bench.store.close()
        return APPLIED

    await bench.idempotency.once(asked(), perform)

    assert (await bench.once(asked())).is_repeated
    assert bench.performed == 0


async def test_who_waits_for_an_equal_mutation_is_known_to_wait() -> None:
    """Until the first one has freed the id, and this one is made itself."""
    bench = Bench()
    passage = Passage()
    seen: list[bool] = []

    async def sleep(_: float) -> None:
        seen.append(passage.waits_for_first)
        await bench.store.close()

    async def perform() -> Ending:
        seen.append(passage.waits_for_first)
        return APPLIED

    async def first() -> Ending:
        waiting = Idempotency(bench.store, wall=bench.clock, sleep=sleep)
        await waiting.once(asked(), perform, passage)
        return Ending(outcome=WriteOutcome.REFUSED)

    await bench.idempotency.once(asked(), first)

    assert seen == [True, False]


@pytest.mark.parametrize("is_given_back", [True, False])
async def test_an_id_that_was_given_back_is_free(is_given_back: bool) -> None:
    """Another input may have it then, and only then."""
    bench = Bench()
    taken = await bench.idempotency.take(asked())
    assert isinstance(taken, Taken)
    if is_given_back:
        await bench.idempotency.give_back(taken)

    other = await bench.idempotency.take(asked(b"another input"))

    assert isinstance(other, Taken) is is_given_back


async def test_an_equal_input_does_not_free_the_first_ones_id() -> None:
    """Only who took an id can give it back."""
    bench = Bench()
    await bench.idempotency.take(asked())
    again = await bench.idempotency.take(asked())
    assert isinstance(again, Taken)
    await bench.idempotency.give_back(again)

    assert isinstance(await bench.idempotency.take(asked(b"another input")), Ending)


async def test_neither_id_nor_input_is_kept() -> None:
    """What lies in the store tells neither, and `repr` tells nothing either."""
    bench = Bench()
    wanted = asked(b"hash=C4N4RY-SECRET", own_id="C4N4RY-ID")
    await bench.once(wanted)
    kept = repr(bench.store.__dict__)

    assert "C4N4RY" not in kept
    assert "C4N4RY" not in repr(wanted)


async def test_an_ending_is_given_back_whole() -> None:
    """Errors, conflicts and changes of every kind of value survive being kept."""
    bench = Bench()
    error = WriteError(ErrorCode.LEASE_LOST, "text", ("input", "x"), retry_after_ms=5)
    ending = Ending(
        outcome=WriteOutcome.APPLIED,
        errors=(error,),
        changes=(FieldChange("roles.1", None, ["1", "2"]), FieldChange("cost", 1.5, {"a": None})),
        closes_case=True,
    )
    await bench.once(asked(), ending)

    again = await bench.once(asked())
    assert (again.errors, again.changes, again.closes_case) == ((error,), ending.changes, True)
