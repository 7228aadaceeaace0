"""How long attempts take, as it is told to whoever plans the next ones."""

import pytest

from casegraph.transport.calls import Call, Effect, Reply
from casegraph.transport.timed import Timed
from support.clock import Clock

CALL = Call("ratings", "rating", Effect.READ, "GET", "http://127.0.0.1:9", "/x")


async def test_an_answered_attempt_tells_its_time() -> None:
    """Upstream, operation and seconds are told; the answer is the wire's own."""
    clock = Clock()
    told: list[tuple[str, str, float]] = []

    async def wire(_call: Call) -> Reply:
        clock.now += 0.25
        return Reply(503, {}, b"")

    reply = await Timed(wire, lambda *each: told.append(each), clock)(CALL)

    assert reply.status == 503
    assert told == [("ratings", "rating", 0.25)]


async def test_an_attempt_that_failed_tells_nothing() -> None:
    """A refused connection is quick and a hang is as long as patience: neither is a latency."""
    told: list[tuple[str, str, float]] = []

    async def wire(_call: Call) -> Reply:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await Timed(wire, lambda *each: told.append(each), Clock())(CALL)

    assert told == []
