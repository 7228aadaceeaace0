"""Mutations of ratings over the real gateway: by hash, by role, once, and telling no secrets."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from support.gateway import running_gateway
from support.meddling import Heard, answering, meddling
from support.mutations import Mutations, codes
from support.upstreams import running_upstreams


@pytest.fixture(scope="module")
def lab() -> Iterator[Mutations]:
    """Return a gateway over a sandbox of this module's own."""
    with running_upstreams(cases=60) as upstreams, running_gateway(upstreams.environment) as ours:
        yield Mutations(ours, upstreams)


@pytest.fixture
def case(lab: Mutations) -> Any:
    """Return a case of the ratings system."""
    return next(iter(lab.upstreams.world.ratings.cases.values()))


def ratings(lab: Mutations) -> dict[int, Any]:
    """Return what the vendor has."""
    found: dict[int, Any] = lab.upstreams.world.ratings.ratings
    return found


def test_a_rating_is_added_by_its_hash(lab: Mutations, case: Any) -> None:
    """One record more, shown by the payload; every list of ratings shows it at once."""
    query = "query($case: ID!) { ratings(caseId: $case, first: 100) { nodes { ratingId } } }"
    asked = {"caseId": str(case["id"]), "score": "BAD", "comment": "late", "hash": case["hash"]}
    before = lab.gateway.ask(query, {"case": asked["caseId"]}).data["ratings"]["nodes"]

    made = lab.make("addRating", **asked)

    row = ratings(lab)[max(ratings(lab))]
    assert (made["outcome"], made["userErrors"]) == ("APPLIED", [])
    assert made["rating"] == {"ratingId": str(row["id"]), "score": "BAD", "comment": "late"}
    after = lab.gateway.ask(query, {"case": asked["caseId"]}).data["ratings"]["nodes"]
    assert [each for each in after if each not in before] == [{"ratingId": str(row["id"])}]


def test_a_wrong_hash_gives_no_right(lab: Mutations, case: Any) -> None:
    """Nothing is written, and the hash is not repeated."""
    before = len(ratings(lab))
    made = lab.answer("addRating", caseId=str(case["id"]), score="GOOD", hash="C4N4RY-hash")

    assert made.data["addRating"]["outcome"] == "REFUSED"
    assert codes(made.data["addRating"]) == ["NOT_FOUND"]
    assert "C4N4RY" not in made.response.text
    assert len(ratings(lab)) == before


def test_a_refused_right_is_told_as_such(lab: Mutations, case: Any) -> None:
    """A vendor that answers 403 denies the right, which is neither an outage nor a bug."""
    with meddling(lab.upstreams, "ratings", answering(403, operation="rating_add")):
        made = lab.make("addRating", caseId=str(case["id"]), score="GOOD")

    assert (made["outcome"], codes(made)) == ("REFUSED", ["PERMISSION_DENIED"])


def test_a_rating_is_changed_where_asked(lab: Mutations, case: Any) -> None:
    """What is not named is sent as it is, for a vendor that replaces; null clears a comment."""
    lab.make("addRating", caseId=str(case["id"]), score="GOOD", comment="hm", hash=case["hash"])
    row = ratings(lab)[max(ratings(lab))]
    asked = {"caseId": str(case["id"]), "ratingId": str(row["id"]), "hash": case["hash"]}

    with meddling(lab.upstreams, "ratings", Heard()) as heard:
        score = lab.make("updateRating", **asked, score="BAD")
        same = lab.make("updateRating", **asked, score="BAD")
        planned = lab.make("updateRating", **asked, comment="new", dryRun=True)
        cleared = lab.make("updateRating", **asked, comment=None)
        bodies = heard.bodies("rating_update")

    assert [each["outcome"] for each in (score, same, planned, cleared)] == [
        "APPLIED", "UNCHANGED", "PLANNED", "APPLIED",
    ]  # fmt: skip
    assert [{k: v for k, v in body.items() if k != "hash"} for body in bodies] == [
        {"comment": "hm", "score": "BAD"},
        {"comment": "", "score": "BAD"},
    ]
    assert (row["score"], row["comment"]) == ("BAD", None)
    assert cleared["rating"]["comment"] is None


def test_somebody_elses_change_of_a_rating_is_a_conflict(lab: Mutations, case: Any) -> None:
    """The vendor's own versions keep the write from going over it."""
    lab.make("addRating", caseId=str(case["id"]), score="GOOD", hash=case["hash"])
    row = ratings(lab)[max(ratings(lab))]

    async def change_after_reading(call: Any, proceed: Any) -> None:
        await proceed(call)
        if call.operation == "rating" and row["comment"] is None:
            row["comment"] = "theirs"

    with meddling(lab.upstreams, "ratings", change_after_reading):
        made = lab.make(
            "updateRating",
            caseId=str(case["id"]),
            ratingId=str(row["id"]),
            score="BAD",
            hash=case["hash"],
        )

    assert made["outcome"] == "CONFLICT"
    assert [(each["field"], each["actual"]) for each in made["conflict"]["fields"]] == [
        ("comment", "theirs")
    ]
    assert (row["score"], row["comment"]) == ("GOOD", "theirs")


def test_a_request_is_mailed_once(lab: Mutations, case: Any) -> None:
    """Repeated under its id, no second mail goes out; a dry run sends none at all."""
    mails = lab.upstreams.world.ratings.triggered
    before = len(mails)
    asked = {"caseId": str(case["id"])}

    planned = lab.make("triggerRating", **asked, dryRun=True)
    first = lab.make("triggerRating", **asked, clientMutationId="mail")
    again = lab.make("triggerRating", **asked, clientMutationId="mail")

    assert [each["outcome"] for each in (planned, first, again)] == [
        "PLANNED", "APPLIED", "APPLIED",
    ]  # fmt: skip
    assert again["isRepeated"]
    assert mails[before:] == [case["id"]]


def test_all_faults_of_a_rating_are_told_at_once(lab: Mutations) -> None:
    """No call is made for an input that can never be right."""
    made = lab.make("addRating", caseId="0", score="UNKNOWN", comment="x" * 10_001, hash="7")
    empty = lab.make("updateRating", caseId="1", ratingId="1")

    assert [error["path"][1] for error in made["userErrors"]] == [
        "caseId", "score", "comment", "hash",
    ]  # fmt: skip
    assert [error["path"] for error in empty["userErrors"]] == [["input", "score"]]
    assert lab.calls() == {}


@pytest.mark.parametrize(
    "wrong",
    [
        {"unknown": 1},
        {"score": "NO SUCH SCORE"},
        {"score": None},
        {"hash": ["C4N4RY-hash"]},
        {"hash": {"a": "C4N4RY-hash"}},
        {"caseId": []},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_no_error_repeats_the_hash(lab: Mutations, wrong: dict[str, Any]) -> None:
    """Not even one about the input that holds it, in variables or in the document."""
    asked = {"caseId": "1", "score": "GOOD", "hash": "C4N4RY-hash", **wrong}
    query = "mutation($input: AddRatingInput!) { addRating(input: $input) { outcome } }"
    literal = '{ caseId: 1, score: GOOD, hash: "C4N4RY-hash", unknown: 1 }'

    by_variable = lab.gateway.ask(query, {"input": asked})
    by_text = lab.gateway.ask(f"mutation {{ addRating(input: {literal}) {{ outcome }} }}")

    for answer in (by_variable, by_text):
        assert answer.body["errors"]
        assert "C4N4RY" not in answer.response.text


def test_every_write_leaves_an_audit_line(
    lab: Mutations, case: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Who, which fields, which outcome, which request; neither the hash nor anybody's words."""
    asked = {"caseId": str(case["id"]), "score": "GOOD", "hash": case["hash"]}
    with caplog.at_level(logging.INFO):
        lab.make("addRating", **asked, comment="C4N4RY words", clientMutationId="audit")
        lab.make("addRating", **asked, comment="C4N4RY words", clientMutationId="audit")
        lab.make("addRating", **asked, comment="C4N4RY words", dryRun=True)

    (line,) = [each for each in caplog.records if each.name == "casegraph.audit"]
    fields = line.__dict__["fields"]
    assert (fields["who"], fields["mutation"], fields["result"]) == (
        "service", "addRating", "APPLIED",
    )  # fmt: skip
    assert fields["fields"] == ["score", "comment"]
    assert fields["object"].startswith(f"{case['id']}/")
    assert len(fields["requestId"]) == 32
    everything = repr([record.__dict__ for record in caplog.records])
    assert case["hash"] not in everything
    assert "C4N4RY" not in everything
