"""An answer in parts between the engine and the socket."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from graphql import GraphQLError
from graphql.execution import (
    CompletedResult,
    InitialIncrementalExecutionResult,
    PendingResult,
    SubsequentIncrementalExecutionResult,
)
from starlette.types import Message

from casegraph.edge.delivery import Delivery
from casegraph.edge.negotiation import PartsShape
from support.parts import merged_newer, split_parts


class Two:
    """Parts of an answer: the second fails, with a secret."""

    initial = InitialIncrementalExecutionResult(
        {"a": 1}, pending=[PendingResult("0", [])], has_next=True
    )

    async def later(self) -> AsyncIterator[SubsequentIncrementalExecutionResult]:
        """Yield the second part."""
        failed = CompletedResult("0", [GraphQLError("secret", path=["b"])])
        yield SubsequentIncrementalExecutionResult(completed=[failed])


def present(error: GraphQLError) -> dict[str, Any]:
    """Return an error without its text."""
    return {"message": "masked", "path": error.path}


class Socket:
    """A client that reads when it is let go."""

    def __init__(self) -> None:
        self.reads = asyncio.Event()
        self.sent: list[Message] = []

    async def send(self, message: Message) -> None:
        """Take a message."""
        await self.reads.wait()
        self.sent.append(message)

    @property
    def body(self) -> bytes:
        """All that came."""
        return b"".join(message.get("body", b"") for message in self.sent)


async def nothing() -> Message:
    """Receive nothing."""
    raise AssertionError


async def test_a_client_that_does_not_read_holds_no_execution_up() -> None:
    """All parts are made while none can be sent; sending them is the rest of the response."""
    socket = Socket()
    delivery = Delivery(PartsShape.PENDING, {"x-a": "b"})
    delivery.begin(socket.send)

    answer = await delivery.make(Two(), present, lambda: {"trace": 1})
    sent_before = list(socket.sent)
    socket.reads.set()
    await delivery({"type": "http"}, nothing, socket.send)

    masked = {"message": "masked", "path": ["b"]}
    assert sent_before == []
    assert answer == {"data": {"a": 1}, "errors": [masked]}
    frames = split_parts(delivery.headers["content-type"], socket.body)
    assert merged_newer(frames) == answer
    assert [frame.get("extensions") for frame in frames] == [None, {"trace": 1}]
    assert socket.sent[0]["status"] == 200
    assert (b"x-a", b"b") in socket.sent[0]["headers"]
    assert [message.get("more_body") for message in socket.sent[1:]] == [True, True, False]


async def test_the_last_part_comes_with_the_end() -> None:
    """One chunk holds both, so that no reader waits for an end that it knows of."""
    socket = Socket()
    socket.reads.set()
    delivery = Delivery(PartsShape.PATCHES, {})
    delivery.begin(socket.send)

    await delivery.make(Two(), present, dict)
    await delivery({"type": "http"}, nothing, socket.send)

    chunks = [message["body"] for message in socket.sent[1:]]
    assert [chunk[-6:] for chunk in chunks] == [b"}\r\n---", b"-----\r\n"[-6:], b""]


async def test_of_an_abandoned_answer_nothing_more_is_sent() -> None:
    """Its client has left, or what it would hold cannot be made."""
    socket = Socket()
    delivery = Delivery(PartsShape.PENDING, {})
    delivery.begin(socket.send)
    await delivery.make(Two(), present, dict)

    delivery.abandon()
    socket.reads.set()
    await delivery({"type": "http"}, nothing, socket.send)

    assert socket.sent == []
