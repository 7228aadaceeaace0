"""Which answers are given again as the bytes in which they left, and for how long."""

from collections.abc import Mapping

import pytest

from casegraph.edge import ready
from casegraph.edge.headers import RequestHeaders
from casegraph.edge.ready import ReadyAnswers
from casegraph.telemetry.observer import RequestRecord
from casegraph.telemetry.vocabulary import OperationType

READS = frozenset({"cases:read"})
PLAIN = RequestHeaders([(b"host", b"gateway"), (b"accept", b"application/json")])
MINDFUL = RequestHeaders([(b"host", b"gateway"), (b"cache-control", b"max-age=0")])
RECORD = RequestRecord("id", 0.0, None, "Lists", OperationType.QUERY)


class Standing:
    """Says of an answer what the test has set."""

    def __init__(self, size: int = 0) -> None:
        self.size = size
        self.said: Mapping[str, str] | None = {"age": "3"}

    def headers(self) -> Mapping[str, str] | None:
        """Return what was set."""
        return self.said


def kept(answers: ReadyAnswers, asked: bytes, body: bytes = b"{}", size: int = 0) -> Standing:
    """Keep an answer; returns what says whether it stands."""
    standing = Standing(size)
    answers.keep(asked, PLAIN, READS, body, RECORD, standing)
    return standing


def found(answers: ReadyAnswers, asked: bytes) -> bytes | None:
    """Return the answer that is there."""
    answer = answers.find(asked, PLAIN, READS)
    return None if answer is None else answer[0].body


def test_the_same_body_gets_the_same_answer_with_the_headers_of_now() -> None:
    """What the answer says of its age is asked anew each time."""
    answers = ReadyAnswers()
    standing = kept(answers, b"asked", b"answer")
    standing.said = {"age": "4"}

    answer = answers.find(b"asked", PLAIN, READS)

    assert answer is not None
    assert answer[0].body == b"answer"
    assert (answer[0].operation_name, answer[0].operation_type) == ("Lists", OperationType.QUERY)
    assert answer[1] == {"age": "4"}
    assert found(answers, b"asked ") is None


def test_an_answer_that_stands_no_more_is_let_go_of() -> None:
    """Nothing is left of it, so that what it was made of can go as well."""
    answers = ReadyAnswers()
    standing = kept(answers, b"asked")
    standing.said = None
    before = answers.bytes

    assert found(answers, b"asked") is None
    standing.said = {}
    assert found(answers, b"asked") is None
    assert before > 0 == answers.bytes


def test_callers_with_other_scopes_share_nothing() -> None:
    """What one may see another may be refused."""
    answers = ReadyAnswers()
    kept(answers, b"asked")

    assert answers.find(b"asked", PLAIN, frozenset()) is None
    assert answers.find(b"asked", PLAIN, READS | {"admin"}) is None


def test_a_request_that_says_more_than_its_body_is_run() -> None:
    """Neither is its answer kept, nor is one given that was kept for another."""
    answers = ReadyAnswers(["Cache-Control"])
    answers.keep(b"asked", MINDFUL, READS, b"{}", RECORD, Standing())
    assert found(answers, b"asked") is None

    kept(answers, b"asked")
    assert answers.find(b"asked", MINDFUL, READS) is None
    assert found(answers, b"asked") == b"{}"


def test_the_least_recently_asked_goes_first() -> None:
    """Requests, answers and what those rest on are weighed together."""
    answers = ReadyAnswers(bytes_max=5_000)
    kept(answers, b"1", size=500)
    kept(answers, b"2", size=500)
    kept(answers, b"3", size=500)
    assert found(answers, b"1") is not None

    kept(answers, b"4", size=900)

    assert [found(answers, asked) is not None for asked in (b"1", b"2", b"3", b"4")] == [
        True,
        False,
        True,
        True,
    ]
    assert answers.bytes <= 5_000


def test_an_answer_that_is_kept_again_weighs_once() -> None:
    """The later one stands in the place of the earlier."""
    answers = ReadyAnswers()
    kept(answers, b"asked", b"long" * 100)
    kept(answers, b"asked", b"{}")
    weight = answers.bytes

    other = ReadyAnswers()
    kept(other, b"asked", b"{}")
    assert weight == other.bytes
    assert found(answers, b"asked") == b"{}"


@pytest.mark.parametrize("too_long", ["asked", "answer"])
def test_what_is_too_long_is_not_kept(too_long: str) -> None:
    """A few large ones would drive out the many that are asked for all the time."""
    answers = ReadyAnswers()
    asked = b"a" * (ready.ASKED_MAX + (too_long == "asked"))
    kept(answers, asked, b"a" * (ready.ANSWER_MAX + (too_long == "answer")))

    assert (found(answers, asked), answers.bytes) == (None, 0)


def test_what_is_heavier_than_all_there_is_room_for_leaves_nothing() -> None:
    """It would be let go of at once."""
    answers = ReadyAnswers(bytes_max=5_000)
    kept(answers, b"asked", size=6_000)

    assert (found(answers, b"asked"), answers.bytes) == (None, 0)
