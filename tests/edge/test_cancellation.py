"""Work that is watched for its client: what it returns, and how it ends when nobody is there."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from casegraph.edge.cancellation import GONE, ClientGone, while_connected

Receive = Callable[[], Awaitable[dict[str, Any]]]


class Line:
    """A connection of a server that only tells who listens; counts who does."""

    def __init__(self) -> None:
        self.listened = asyncio.Event()
        self.listening = 0
        self.scope: dict[str, Any] = {"type": "http"}
        self._closed = asyncio.Event()

    def close(self) -> None:
        """Let the client leave."""
        self._closed.set()

    async def receive(self) -> dict[str, Any]:
        """Wait for the end."""
        self.listening += 1
        self.listened.set()
        try:
            await self._closed.wait()
        finally:
            self.listening -= 1
        return {"type": "http.disconnect"}


class TellingLine(Line):
    """A connection of a server that tells by itself when the client has left."""

    def __init__(self) -> None:
        super().__init__()
        self.scope = {"type": "http", "extensions": {GONE: {"tell": self._tell}}}
        self._gone: Callable[[], None] | None = None

    def close(self) -> None:
        """Let the client leave."""
        if self._gone is not None:
            self._gone()

    async def receive(self) -> dict[str, Any]:
        """Fail: nobody has to listen."""
        raise AssertionError

    def _tell(self, gone: Callable[[], None] | None) -> None:
        self._gone = gone
        self.listening = 0 if gone is None else 1
        if gone is not None:
            asyncio.get_running_loop().call_soon(self.listened.set)


@pytest.fixture(params=[Line, TellingLine])
async def line(request: pytest.FixtureRequest) -> Line:
    """Return a connection, of both kinds of servers in turn."""
    kind: type[Line] = request.param
    return kind()


async def test_work_that_needs_no_wait_is_not_watched(line: Line) -> None:
    """Nobody can leave before the loop turns, so nothing listens."""

    async def work() -> str:
        return "done"

    assert await while_connected(line.scope, line.receive, work()) == "done"
    await asyncio.sleep(0)
    assert not line.listened.is_set()


async def test_nothing_listens_behind_an_answer(line: Line) -> None:
    """What watched has ended when the work has, and its caller is cancelled for nothing."""
    assert await while_connected(line.scope, line.receive, line.listened.wait())
    assert line.listening == 0
    line.close()
    await asyncio.sleep(0)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_work_ends_with_its_client(line: Line) -> None:
    """The work is cancelled and has ended when that is told."""
    ended = asyncio.Event()

    async def work() -> None:
        await line.listened.wait()
        line.close()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with pytest.raises(ClientGone):
        await while_connected(line.scope, line.receive, work())

    assert ended.is_set()
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    await asyncio.sleep(0)  # a cancellation that was not taken back would end the test here


@pytest.mark.parametrize("instead", ["an answer", "another error"])
async def test_work_that_makes_something_of_its_end_is_over_all_the_same(
    line: Line, instead: str
) -> None:
    """Nobody is there for its answer, nor for its failure."""

    async def work() -> str:
        await line.listened.wait()
        line.close()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if instead == "another error":
                raise ZeroDivisionError from None
        return instead

    with pytest.raises(ClientGone):
        await while_connected(line.scope, line.receive, work())
    await asyncio.sleep(0)


async def test_a_connection_that_cannot_be_listened_to_is_closed() -> None:
    """A server that fails there has no client left to answer."""

    async def receive() -> dict[str, Any]:
        raise ConnectionError

    with pytest.raises(ClientGone):
        await while_connected({}, receive, asyncio.Event().wait())


async def test_a_failure_of_the_work_is_its_own(line: Line) -> None:
    """It comes through as it is, early and late."""

    async def late() -> None:
        await line.listened.wait()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await while_connected(line.scope, line.receive, late())
    assert line.listening == 0


async def test_who_cancels_the_caller_is_told_so(line: Line) -> None:
    """A server that stops is no client that left, even when both happen at once."""
    caller = asyncio.create_task(while_connected(line.scope, line.receive, asyncio.Event().wait()))
    await line.listened.wait()

    line.close()
    caller.cancel()

    with pytest.raises(asyncio.CancelledError):
        await caller
    assert line.listening == 0
