"""Every argument that takes an id refuses what is none, by name, without a call."""

import pytest

from support.gateway import Gateway
from support.upstreams import Upstreams

BAD = [
    "",
    " ",
    "../x",
    "1/../2",
    "..",
    ".",
    "1%2F2",
    "1?x=1",
    "1#x",
    "1;2",
    "-1",
    "+1",
    "0",
    "1.0",
    "1e3",
    "0x1",
    " 1",
    "1\n",
    "9" * 40,
    "9223372036854775808",
    "٣",
    "\uff11\uff12",
    "x",
    "http://127.0.0.1/",
    "A" * 10_000,
]
INTEGERS = {
    "case.hubId": "case(hubId: $id, caseId: 1) { id }",
    "case.caseId": "case(hubId: 96, caseId: $id) { id }",
    "cases.hubId": "cases(hubId: $id) { isComplete }",
    "note.hubId": "note(hubId: $id, caseId: 1, noteId: 1) { id }",
    "note.caseId": "note(hubId: 96, caseId: $id, noteId: 1) { id }",
    "note.noteId": "note(hubId: 96, caseId: 1, noteId: $id) { id }",
    "notes.hubId": "notes(hubId: $id) { isComplete }",
    "programLists.hubId": "programLists(hubId: $id) { id }",
    "roles.hubId": "roles(hubId: $id) { id }",
    "reviewEntry.reviewEntryId": "reviewEntry(reviewEntryId: $id) { id }",
    "rating.caseId": "rating(caseId: $id, ratingId: 1) { id }",
    "rating.ratingId": "rating(caseId: 1, ratingId: $id) { id }",
    "ratingByHash.caseId": 'ratingByHash(caseId: $id, hash: "a1") { id }',
    "ratings.caseId": "ratings(caseId: $id) { isComplete }",
    "recentRatings.userId": "recentRatings(of: { userId: $id }) { id }",
    "recentRatings.organizationId": "recentRatings(of: { organizationId: $id }) { id }",
    "recentRatings.caseId": "recentRatings(of: { caseId: $id }) { id }",
    "cases.filter": "cases(hubId: 96, filter: { statusItemIds: [$id] }) { isComplete }",
    "reviewEntries.filter": "reviewEntries(filter: { caseId: $id }) { isComplete }",
}


@pytest.mark.parametrize("argument", INTEGERS)
def test_whole_number_ids(gateway: Gateway, upstreams: Upstreams, argument: str) -> None:
    """Whatever is no plain whole number from 1 on is refused by the argument's name."""
    field, name = argument.split(".")
    query = f"query($id: ID!) {{ {INTEGERS[argument]} }}"
    for bad in BAD:
        answer = gateway.ask(query, {"id": bad})
        assert answer.codes == {field: "INVALID_ARGUMENT"}, bad
        (error,) = answer.body["errors"]
        assert name in error["message"]
        assert len(error["message"]) < 200
    assert upstreams.calls() == {}


@pytest.mark.parametrize(
    "argument", [name for name in INTEGERS if name.endswith((".hubId", "noteId", "cases.filter"))]
)
def test_ids_of_action_management_are_smaller(
    gateway: Gateway, upstreams: Upstreams, argument: str
) -> None:
    """Numbers beyond 32 bits are no ids of Action Management."""
    query = f"query($id: ID!) {{ {INTEGERS[argument]} }}"

    answer = gateway.ask(query, {"id": "2147483648"})

    assert set(answer.codes.values()) == {"INVALID_ARGUMENT"}
    assert upstreams.calls() == {}


@pytest.mark.parametrize("bad", ["", ".", "..", "a\nb", "a\u0000b", "\u202ea", "x" * 129])
def test_customer_ids(gateway: Gateway, upstreams: Upstreams, bad: str) -> None:
    """A customer's id is any short printable text that cannot climb in a path."""
    query = "query($id: ID!) { customerCases(customerId: $id) { id } }"

    answer = gateway.ask(query, {"id": bad})

    assert answer.codes == {"customerCases": "INVALID_ARGUMENT"}
    assert upstreams.calls() == {}


@pytest.mark.parametrize("odd_id", ["../x", "1/../2", "a b", "a%2Fb", "a?b=c", "a#b", "//x", "é"])
def test_odd_customer_ids_stay_within_their_place(
    gateway: Gateway, upstreams: Upstreams, odd_id: str
) -> None:
    """Signs that mean something in a path are only part of the id, and nobody has such an id."""
    query = "query($id: ID!) { customerCases(customerId: $id) { id } }"

    assert gateway.ask(query, {"id": odd_id}).data == {"customerCases": None}
    assert upstreams.calls() == {"customer_cases.customer_cases": 1}


@pytest.mark.parametrize("bad", ["", "../x", "a/b", "123", "٣", "a b", "x" * 129, "a\n"])
def test_hashes(gateway: Gateway, upstreams: Upstreams, bad: str) -> None:
    """What cannot be a rating mail's hash is refused without repeating it."""
    query = "query($hash: ID!) { ratingByHash(caseId: 1, hash: $hash) { id } }"

    answer = gateway.ask(query, {"hash": bad})

    assert answer.codes == {"ratingByHash": "INVALID_ARGUMENT"}
    assert answer.body["errors"][0]["message"] == "hash: this is no rating hash."
    assert upstreams.calls() == {}


def test_numbers_and_leading_zeros_are_ids(gateway: Gateway, upstreams: Upstreams) -> None:
    """An id may be written as a number, and zeros before it mean nothing."""
    query = """query($case: ID!) {
      a: case(hubId: 96, caseId: 345133) { id } b: case(hubId: "96", caseId: "345133") { id }
      c: case(hubId: 96, caseId: $case) { id }
    }"""

    for written in (345133, "00345133"):
        data = gateway.ask(query, {"case": written}).data
        assert data["a"] is not None
        assert data["a"] == data["b"] == data["c"]
    assert upstreams.calls() == {"action_management.case": 2}
