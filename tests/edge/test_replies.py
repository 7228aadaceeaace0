"""A whole answer as the server is told of it."""

from typing import Any

from casegraph.edge.replies import Reply


async def test_an_answer_is_told_in_two_messages() -> None:
    """Its head says type, length, what it depends on and its id, and what else is to be said."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    more = {"Retry-After": "1"}
    reply = Reply(503, b'{"a":1}', "application/json", "id-1", b"Accept", more)
    await reply({}, send, send)

    start, body = sent
    assert start["type"] == "http.response.start"
    assert start["status"] == reply.status_code == 503
    assert dict(start["headers"]) == {
        b"content-type": b"application/json; charset=utf-8",
        b"content-length": b"7",
        b"vary": b"Accept",
        b"x-request-id": b"id-1",
        b"retry-after": b"1",
    }
    assert body == {"type": "http.response.body", "body": b'{"a":1}'}
