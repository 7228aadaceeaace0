"""The rows of Trackops: question sets, reviewers, and reviews of how cases were handled.

Invariant: a review is complete exactly when it has a moment of completion; a pending one has no
answers; ids rise with the moment of creation.
"""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from casegraph.sandbox.world_clock import at_work, hours_after
from casegraph.sandbox.world_program import FIRST_CASE
from casegraph.sandbox.world_staff import LEADS, QUALITY, members
from casegraph.sandbox.world_stories import Story
from casegraph.sandbox.world_topic import DELIVERY, INSTALLATION, MONEY, ORDER, PRODUCT, WARRANTY
from casegraph.upstreams.case_reviews.store import Row, Store

_YES_NO, _SCALE, _TEXT = "yes_no", "scale", "text"


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """A review definition; empty `categories` fit any case."""

    review_id: int
    name: str
    questions: tuple[tuple[str, str], ...]
    """Label and type; a field for remarks follows by itself."""
    categories: tuple[str, ...] = ()
    wants_closed: bool = False
    missing: tuple[str, ...] = ()
    """What may be missing here; empty: what may be missing in a case of this topic."""


QUESTION_SETS = (
    QuestionSet(
        11,
        "First response quality",
        (
            ("Was the first contact made in the promised time?", _YES_NO),
            ("Did the agent name the next step and its date?", _YES_NO),
            ("Tone of the first contact", _SCALE),
        ),
    ),
    QuestionSet(
        12,
        "Closure check",
        (
            ("Is the root cause recorded?", _YES_NO),
            ("Did the customer agree to the closing?", _YES_NO),
            ("Quality of the closing note", _SCALE),
        ),
        wants_closed=True,
    ),
    QuestionSet(
        14,
        "Tone and clarity",
        (("Friendliness", _SCALE), ("Plain words, no internal terms", _SCALE)),
        missing=(
            "The mail to {first} has neither a greeting nor a name. Coaching by {agent}'s lead.",
            "Two notes use warehouse terms that no customer knows. Please write them anew.",
        ),
    ),
    QuestionSet(
        15,
        "Data protection check",
        (("Was the caller verified?", _YES_NO), ("Are the notes free of card data?", _YES_NO)),
        missing=(
            "Nothing says how the caller was verified. {agent} to add it.",
            "An account number was read out on the recording, the passage has to be cut.",
        ),
    ),
    QuestionSet(
        21,
        "Delivery partner audit",
        (("Is the partner's statement on file?", _YES_NO), ("Conduct of the crew", _SCALE)),
        categories=(DELIVERY, INSTALLATION),
    ),
    QuestionSet(
        22,
        "Refund control",
        (("Is there a payment reference?", _YES_NO), ("Second signature where needed?", _YES_NO)),
        categories=(MONEY, ORDER),
    ),
    QuestionSet(
        23,
        "Technician visit audit",
        (("Is the serial number recorded?", _YES_NO), ("Quality of the visit report", _SCALE)),
        categories=(PRODUCT, WARRANTY),
    ),
)

_STATUSES = ("pending", "submitted", "complete", "attention")
_STATUS_WEIGHTS = (16, 13, 54, 17)
_UNASSIGNED_SHARE = 0.12
_AUTOMATIC_SHARE = 0.7
_UNKNOWN_SHARE = 0.01
_FIRST_ENTRY = 60_211
_STAFF_BASE = 51_000
_GOOD_ANSWER = {"complete": 0.9, "submitted": 0.8, "attention": 0.45}
_POOR = {_YES_NO: (0,), _SCALE: (2, 3)}
_REMARKS = {
    "complete": (
        "Clear notes, the customer knew at any time what came next.",
        "Well handled, nothing to add.",
        "Good example, use it in the next training.",
        "Fine. Next time write the amount into the note as well.",
        "Quick and friendly. The apology came first, as it should.",
        "Thorough, and kind in a call that was not easy.",
    ),
    "complete, with a poor answer": (
        "Acceptable, but see the answers above. Talked it over with {agent}.",
        "Correct in the end, though a day was lost. Point taken up in the team meeting.",
        "The customer is content, the file is not: details were added later.",
        "One step was skipped; {agent} knows why it matters.",
    ),
    "submitted": (
        "Filled in by {agent}, ready to be looked at.",
        "Answered from the notes; the recording of the call is not available.",
        "Please check the second question, I was not sure.",
    ),
}
_UNKNOWN_REMARK = "The case cannot be opened any more, please check whether it was deleted."


class ReviewDesk:
    """Fills the store of Trackops, story by story."""

    def __init__(self, rng: random.Random, now: datetime) -> None:
        self._rng = rng
        self._now = now
        staff = {one.user_id - _STAFF_BASE: one for one in (*members(LEADS), *members(QUALITY))}
        self._reviewers = list(staff)
        self.store = Store(
            users={
                number: {"id": number, "first_name": one.first, "last_name": one.last}
                for number, one in staff.items()
            },
            reviews={each.review_id: each.name for each in QUESTION_SETS},
        )
        self._rows: list[Row] = []

    def add_reviews(self, story: Story) -> None:
        """Add as many reviews as were planned, each with a different question set."""
        fitting = [each for each in QUESTION_SETS if _fits(each, story)]
        for question_set in self._rng.sample(fitting, story.plan.reviews):
            start = story.closed if question_set.wants_closed else story.contacted
            row = self._entry(story.case_id, start or story.created, question_set)
            row["answers"] = self._answers(row["status"], question_set, story)
            self._rows.append(row)

    def finish(self, stories: list[Story]) -> int:
        """Add the reviews of deleted cases, number all entries, return one such entry's id."""
        unknown = max(1, round(len(self._rows) * _UNKNOWN_SHARE))
        for story in self._rng.sample(stories, min(unknown, len(stories))):
            number = FIRST_CASE - self._rng.randrange(20, 900)
            row = self._entry(number, story.created, self._rng.choice(QUESTION_SETS[:4]))
            if row["status"] != "pending":
                row["answers"] = [_remark_of(row["review_id"], _UNKNOWN_REMARK)]
            self._rows.append(row)
        self._rows.sort(key=lambda row: (row["created_at"], row["case_id"], row["review_id"]))
        for entry_id, row in enumerate(self._rows, _FIRST_ENTRY):
            row["id"] = entry_id
            self.store.entries[entry_id] = row
        return next(
            entry_id for entry_id, row in self.store.entries.items() if row["case_id"] < FIRST_CASE
        )

    def _entry(self, case_id: int, start: datetime, question_set: QuestionSet) -> Row:
        rng = self._rng
        is_automatic = rng.random() < _AUTOMATIC_SHARE
        if is_automatic:
            created = start + timedelta(seconds=rng.randrange(20, 600))
        else:
            created = at_work(rng, start + hours_after(rng, 20, 200))
        created = min(created, self._now)
        status = rng.choices(_STATUSES, _STATUS_WEIGHTS)[0]
        updated = created
        if status != "pending":
            updated = at_work(rng, created + hours_after(rng, 30, 300))
            if updated > self._now:
                status, updated = "pending", created
        is_dated = status != "pending" or rng.random() < 1 / 2
        return {
            "id": 0,
            "case_id": case_id,
            "user_id": None if rng.random() < _UNASSIGNED_SHARE else rng.choice(self._reviewers),
            "review_id": question_set.review_id,
            "status": status,
            "is_auto_generated": is_automatic,
            "review_date": created.date() if is_dated else None,
            "created_at": created,
            "created_system_at": min(created + timedelta(seconds=rng.randrange(3)), updated),
            "updated_at": updated,
            "completed_at": updated if status == "complete" else None,
            "answers": [],
        }

    def _answers(self, status: str, question_set: QuestionSet, story: Story) -> list[Row]:
        if status == "pending":
            return []
        rng = self._rng
        share = _GOOD_ANSWER[status]
        answers: list[Row] = []
        for place, (label, kind) in enumerate(question_set.questions, 1):
            is_good = rng.random() < share
            if kind == _YES_NO:
                value: bool | int = is_good
            else:
                value = rng.choice((4, 5)) if is_good else rng.choice((2, 3))
            answers.append(
                {
                    "question_id": question_set.review_id * 100 + place,
                    "label": label,
                    "type": kind,
                    "value": value,
                    "score": int(value),
                }
            )
        key = status
        if status == "complete" and any(
            answer["score"] in _POOR[answer["type"]] for answer in answers
        ):
            key = "complete, with a poor answer"
        remarks = _REMARKS.get(key) or question_set.missing or story.topic.missing
        answers.append(_remark_of(question_set.review_id, story.say(rng.choice(remarks))))
        return answers


def _fits(question_set: QuestionSet, story: Story) -> bool:
    if question_set.categories and story.topic.category not in question_set.categories:
        return False
    if question_set.wants_closed:
        return story.closed is not None
    return True


def _remark_of(review_id: int, text: str) -> Row:
    return {
        "question_id": review_id * 100 + 99,
        "label": "Remarks",
        "type": _TEXT,
        "value": text,
    }
