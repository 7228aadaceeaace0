"""The simulated tenant's routes: what each of them demands, reads, changes and answers (§2.2).

A handler gets one `Ask` and returns an `Answer` or raises a `Refusal`; HTTP stays with the caller.
Lists of one case are in id order, the recent list newest first. A case's `hash` authorises public
writes on it, and a rating keeps the hash it was given by.
Invariant: a refused call changes nothing; a new rating's id is one above the highest there is.
"""

from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any

from starlette.requests import Request

from casegraph.upstreams.ratings.simulator_answers import (
    Answer,
    Refusal,
    etag_of,
    refuse_if_modified,
)
from casegraph.upstreams.ratings.simulator_door import STAFF, Caller
from casegraph.upstreams.ratings.simulator_fields import choice, flag, limited, number, whole
from casegraph.upstreams.ratings.simulator_resources import Printer, last_change, newest_first
from casegraph.upstreams.ratings.simulator_shape import Resource, Shape
from casegraph.upstreams.ratings.simulator_switches import Switches
from casegraph.upstreams.ratings.store import Row, Store

SCORES = ("GOOD", "BAD")
_RECENT_KEYS = ("user_id", "organization_id", "case_id")
_CREATED = {"201": (201, 201), "200_with_201": (200, 201), "200": (200, 200)}


@dataclass(frozen=True, slots=True)
class Ask:
    """One call past the door: the request, who asks, the shape wanted and the body's fields."""

    request: Request
    caller: Caller
    shape: Shape
    printer: Printer
    fields: dict[str, Any]
    at: datetime


class Endpoints:
    """The handlers, over one store."""

    def __init__(self, store: Store, switches: Switches) -> None:
        self._store = store
        self._switches = switches

    def ratings(self, ask: Ask) -> Answer:
        """List the ratings of one case."""
        ask.caller.must_be(STAFF)
        case = self._case(ask)
        score = choice(ask.request, "score", SCORES)
        commented = flag(ask.request, "comment")
        rows = [
            row
            for row in self._ratings_of(case)
            if (score is None or row["score"] == score)
            and (commented is None or bool(row["comment"]) == commented)
        ]
        return self._page(ask, rows, "rating")

    def recent_ratings(self, ask: Ask) -> Answer:
        """List the newest ratings of exactly one user, organization or case."""
        ask.caller.must_be(STAFF | {"collaborator"})
        given = [key for key in _RECENT_KEYS if key in ask.request.query_params]
        if not given:
            raise Refusal("ANY_FIELD_REQUIRED", *_RECENT_KEYS)
        if len(given) > 1:
            raise Refusal("ONE_FIELD_EXPECTED", *given)
        key, keys = self._owned_by(given[0], number(ask.request, given[0], 0))
        limit = limited(ask.request, self._switches.recent_default_limit, self._switches.max_limit)
        rows = newest_first([row for row in self._store.ratings.values() if row[key] in keys])
        return self._list(ask, rows[:limit], "rating", {"total_count": len(rows)})

    def rating(self, ask: Ask) -> Answer:
        """Return one rating by id, to staff, or by hash, to anybody."""
        key = ask.request.path_params["rating_key"]
        if key.isdigit():
            ask.caller.must_be(STAFF)
            row = self._rating(ask)
        else:
            row = self._rating_by_hash(self._case(ask), key)
        return self._one(ask, row)

    def rating_add(self, ask: Ask) -> Answer:
        """Add a rating on behalf of the creator of the conversation."""
        case = self._case(ask)
        self._authorise(ask, {case["hash"]})
        row = self._add(ask, case, ask.fields.get("hash") or case["hash"])
        answer = self._one(ask, row)
        answer.status, answer.body_status = _CREATED[self._switches.created_as]
        return answer

    def rating_update(self, ask: Ask) -> Answer:
        """Change score and comment of a rating; what is not sent stays."""
        case, row = self._case(ask), self._rating(ask)
        self._authorise(ask, {case["hash"], row["hash"]})
        refuse_if_modified(ask.request, etag_of(row), row["updated_at"])
        self._change(ask, row)
        return self._one(ask, row)

    def rating_trigger(self, ask: Ask) -> Answer:
        """Mail a rating request to the requester; the answer has neither data nor resource."""
        ask.caller.must_be(STAFF)
        case = self._case(ask)
        self._store.triggered.append(case["id"])
        case["rating_offered"] = True
        status, body_status = _CREATED[self._switches.created_as]
        return Answer(status=status, body_status=body_status)

    def case_summaries(self, ask: Ask) -> Answer:
        """List cases with their rating summary."""
        ask.caller.must_be(STAFF)
        rows = list(self._store.cases.values())
        if self._switches.organization_filter and "organization_id" in ask.request.query_params:
            wanted = number(ask.request, "organization_id", -1)
            rows = [row for row in rows if row["organization_id"] == wanted]
        return self._page(ask, rows, "case")

    def case_summary(self, ask: Ask) -> Answer:
        """Return one case with its rating summary."""
        ask.caller.must_be(STAFF)
        row = self._case(ask)
        data = ask.shape.show(ask.printer.case(row))
        return Answer(data, "case", etag=etag_of(row), modified=row["updated_at"])

    def conversation_ratings(self, ask: Ask) -> Answer:
        """List the ratings of one conversation; the envelope has no offset and no limit."""
        self._must_be_customer(ask)
        answer = self._page(ask, self._ratings_of(self._case(ask)), "conversation_rating")
        answer.counts = {"total_count": answer.counts["total_count"]}
        return answer

    def conversation_rating_add(self, ask: Ask) -> Answer:
        """Add a rating as the signed-in customer; answers 200."""
        self._must_be_customer(ask)
        case = self._case(ask)
        return self._one(ask, self._add(ask, case, case["hash"]), "conversation_rating")

    def conversation_rating_update(self, ask: Ask) -> Answer:
        """Change a rating as the signed-in customer."""
        self._must_be_customer(ask)
        row = self._rating(ask)
        self._change(ask, row)
        return self._one(ask, row, "conversation_rating")

    def _must_be_customer(self, ask: Ask) -> None:
        staff = STAFF if self._switches.conversations_open_to_staff else frozenset()
        ask.caller.must_be(staff | {"customer"})

    def _authorise(self, ask: Ask, hashes: set[str]) -> None:
        """Let a write pass by the secret of the mail, or by a signed-in caller if so switched."""
        given = ask.fields.get("hash")
        if given in (None, ""):
            if self._switches.hash_required or not ask.caller.role:
                raise Refusal("FIELD_REQUIRED", "hash")
        elif not isinstance(given, str) or given not in hashes:
            forbidden = self._switches.wrong_hash_forbidden
            raise Refusal("PERMISSIONS_DENIED" if forbidden else "RESOURCE_NOT_FOUND")

    def _add(self, ask: Ask, case: Row, secret: str) -> Row:
        score = _score(ask.fields)
        if score is None:
            raise Refusal("FIELD_REQUIRED", "score")
        row = {
            "id": max(self._store.ratings, default=0) + 1,
            "case_id": case["id"],
            "score": score,
            "comment": _comment(ask.fields),
            "creator_id": case["requester_id"],
            "assignee_agent_id": case.get("assigned_agent_id"),
            "assignee_team_id": case.get("assigned_team_id"),
            "created_at": ask.at,
            "updated_at": ask.at,
            "hash": secret,
        }
        self._store.ratings[row["id"]] = row
        return row

    def _change(self, ask: Ask, row: Row) -> None:
        score, comment = _score(ask.fields), _comment(ask.fields)
        if score is None and self._switches.score_required:
            raise Refusal("FIELD_REQUIRED", "score")
        row["score"] = score or row["score"]
        if "comment" in ask.fields:
            row["comment"] = comment
        row["updated_at"] = ask.at

    def _page(self, ask: Ask, rows: list[Row], kind: str) -> Answer:
        offset = number(ask.request, "offset", 0)
        limit = limited(ask.request, self._switches.default_limit, self._switches.max_limit)
        rows.sort(key=itemgetter("id"))
        counts = {"offset": offset, "limit": limit, "total_count": len(rows)}
        return self._list(ask, rows[offset : offset + limit], kind, counts)

    def _list(self, ask: Ask, rows: list[Row], kind: str, counts: dict[str, int]) -> Answer:
        if kind == "case":
            ask.printer.gather_ratings({row["id"] for row in rows})
        data = [ask.shape.show(_resource(ask, row, kind)) for row in rows]
        etag = etag_of([kind, *(row["id"] for row in rows)])
        return Answer(data, kind, counts=counts, etag=etag, modified=last_change(rows))

    def _one(self, ask: Ask, row: Row, kind: str = "rating") -> Answer:
        data = ask.shape.show(_resource(ask, row, kind))
        return Answer(data, kind, etag=etag_of(row), modified=row["updated_at"])

    def _case(self, ask: Ask) -> Row:
        case_id = whole(ask.request.path_params["case_id"])
        row = None if case_id is None else self._store.cases.get(case_id)
        if row is None:
            raise Refusal("RESOURCE_NOT_FOUND")
        return row

    def _ratings_of(self, case: Row) -> list[Row]:
        case_id = case["id"]
        return [row for row in self._store.ratings.values() if row["case_id"] == case_id]

    def _rating(self, ask: Ask) -> Row:
        case = self._case(ask)
        rating_id = whole(ask.request.path_params["rating_key"])
        row = None if rating_id is None else self._store.ratings.get(rating_id)
        if row is None or row["case_id"] != case["id"]:
            raise Refusal("RESOURCE_NOT_FOUND")
        return row

    def _rating_by_hash(self, case: Row, secret: str) -> Row:
        rows = newest_first(self._ratings_of(case))
        own = [row for row in rows if row["hash"] == secret]
        found = own or (rows if case["hash"] == secret else [])
        if not found:
            raise Refusal("RESOURCE_NOT_FOUND")
        return found[0]

    def _owned_by(self, argument: str, wanted: int) -> tuple[str, set[int]]:
        """Return the field of a rating and its values that an argument of the recent list means."""
        if argument == "organization_id":
            cases = self._store.cases.values()
            return "case_id", {case["id"] for case in cases if case["organization_id"] == wanted}
        # `user_id` means the customer who rated [assumed: §2.9].
        return "creator_id" if argument == "user_id" else "case_id", {wanted}


def _resource(ask: Ask, row: Row, kind: str) -> Resource:
    printers = {
        "rating": ask.printer.rating,
        "conversation_rating": ask.printer.conversation_rating,
        "case": ask.printer.case,
    }
    return printers[kind](row)


def _score(fields: dict[str, Any]) -> str | None:
    score = fields.get("score")
    if score in (None, ""):
        return None
    if score not in SCORES:
        raise Refusal("FIELD_INVALID", "score")
    return str(score)


def _comment(fields: dict[str, Any]) -> str | None:
    comment = fields.get("comment")
    if comment is not None and not isinstance(comment, str):
        raise Refusal("FIELD_INVALID", "comment")
    return comment or None
