"""Calls and replies show nothing that could be secret, whoever prints them."""

from rich.pretty import pretty_repr

from casegraph.transport.calls import Call, Effect, Reply

CALL = Call(
    "ratings",
    "rating",
    Effect.READ,
    "GET",
    "https://ratings.example",
    "/cases/1?token=SECRET",
    {"authorization": "SECRET"},
    b"SECRET",
)


def test_a_call_names_what_is_asked_of_whom() -> None:
    """The path with its query, headers and body can hold secrets."""
    for text in (repr(CALL), str(CALL), pretty_repr(CALL)):
        assert "SECRET" not in text
        assert "https://ratings.example" in text
        assert "rating" in text


def test_a_reply_names_its_status() -> None:
    """Headers and body can hold secrets."""
    reply = Reply(200, {"set-cookie": "SECRET"}, b"SECRET")
    for text in (repr(reply), str(reply), pretty_repr(reply)):
        assert "SECRET" not in text
        assert "200" in text
