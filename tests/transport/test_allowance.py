"""The fuse: how many calls a request may make, and what plans set aside."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casegraph.errors import LimitExceeded
from casegraph.transport.allowance import (
    Allowance,
    Reserve,
    WithinAllowance,
    call_allowance,
    reserve,
    reserving,
)
from casegraph.transport.calls import Call, Effect, Reply

CALL = Call("ratings", "rating", Effect.READ, "GET", "http://127.0.0.1:9", "/x")


class Wire:
    """Counts what is sent."""

    def __init__(self) -> None:
        self.sent = 0

    async def __call__(self, _call: Call) -> Reply:
        """Answer."""
        self.sent += 1
        return Reply(200, {}, b"")


async def test_no_call_beyond_the_allowance_is_sent() -> None:
    """The call that would be one too many is refused, and so is every later one."""
    wire = Wire()
    send = WithinAllowance(wire)
    call_allowance.set(Allowance(2))

    await send(CALL)
    await send(CALL)
    for _ in range(3):
        with pytest.raises(LimitExceeded, match="No call is left of the 2 "):
            await send(CALL)

    assert wire.sent == 2


async def test_work_of_no_request_is_not_counted() -> None:
    """Background work has no allowance, and plans there set nothing aside."""
    wire = Wire()

    @reserving
    async def work() -> None:
        reserve(10_000)
        await WithinAllowance(wire)(CALL)

    await work()

    assert wire.sent == 1


async def test_plans_side_by_side_cannot_spend_each_others() -> None:
    """What one batch has set aside is refused to the next before that makes any call."""
    wire = Wire()
    send = WithinAllowance(wire)
    allowance = Allowance(45)
    call_allowance.set(allowance)

    @reserving
    async def batch() -> int:
        reserve(20)
        await asyncio.sleep(0)
        await asyncio.gather(*(send(CALL) for _ in range(20)))
        return 20

    outcomes = await asyncio.gather(batch(), batch(), batch(), return_exceptions=True)

    assert outcomes[:2] == [20, 20]
    assert isinstance(outcomes[2], LimitExceeded)
    assert "needs 20 upstream calls, and 5 of the 45" in str(outcomes[2])
    assert (wire.sent, allowance.left) == (40, 5)


async def test_what_was_not_needed_is_given_back() -> None:
    """A plan whose calls others made, or that failed, leaves the allowance as it was."""
    allowance = Allowance(10)
    call_allowance.set(allowance)

    @reserving
    async def batch(*, fails: bool) -> None:
        reserve(8)
        await WithinAllowance(Wire())(CALL)
        if fails:
            raise ValueError

    await batch(fails=False)
    assert allowance.left == 9
    with pytest.raises(ValueError, match=r"^$"):
        await batch(fails=True)
    assert allowance.left == 8


async def test_outside_of_any_batch_a_plan_is_only_checked() -> None:
    """There is nobody to give the calls back, so none are set aside."""
    allowance = Allowance(10)
    call_allowance.set(allowance)

    reserve(10)
    with pytest.raises(LimitExceeded):
        reserve(11)

    assert allowance.left == 10


@given(st.integers(0, 20), st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8))))
def test_never_more_is_spent_than_allowed(limit: int, plans: list[tuple[int, int]]) -> None:
    """Whatever is planned and spent, spent and left together are the limit."""
    allowance = Allowance(limit)
    spent = 0
    for planned, made in plans:
        own = Reserve(allowance)
        try:
            own.add(planned)
            for _ in range(made):
                if not own.spend():
                    allowance.spend()
                spent += 1
        except LimitExceeded:
            pass
        own.release()

    assert spent + allowance.left == limit
    assert allowance.left >= 0
