"""How each input of a mutation becomes a wish: every fault of it found before anything runs.

Faults are collected, not raised, because a person who fills in a form wants to hear of all of them.
Invariant: an id that has passed is the id the upstream gets; a secret leaves as a Secret and, in
the fingerprint of its input, as bytes that nobody prints.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import UTC, datetime
from enum import Enum
from typing import Any, TypeVar

import msgspec
import strawberry
from strawberry.utils.str_converters import to_camel_case

from casegraph.errors import InvalidArgument
from casegraph.graph.arguments import given
from casegraph.graph.mutation_inputs import (
    BULK_MAX,
    COMMENT_MAX,
    COST_MAX,
    NAME_MAX,
    USERS_MAX,
    AddRatingInput,
    AssignCaseUsersInput,
    ClearCaseListValueInput,
    DeleteCaseInput,
    SetCaseListValueInput,
    TriggerRatingInput,
    UnassignCaseUsersInput,
    UpdateCaseInput,
    UpdateCasesInput,
    UpdateRatingInput,
)
from casegraph.linking.identity import CaseKey
from casegraph.upstreams.paths import int32, int63, rating_hash
from casegraph.upstreams.ratings.records import RatingScore
from casegraph.writing.changes import SetMember
from casegraph.writing.fields import check_version
from casegraph.writing.idempotency import ID_MAX
from casegraph.writing.outcomes import WriteError, invalid
from casegraph.writing.rating_writes import RatingWrite
from casegraph.writing.secret import Secret
from casegraph.writing.targets import ClearItem, ListTarget, PutUsers, SetItem, SetValues, Wanted
from casegraph.writing.writes import CaseWish, RatingWish, Wish

T = TypeVar("T")
CaseInput = (
    UpdateCaseInput
    | SetCaseListValueInput
    | ClearCaseListValueInput
    | AssignCaseUsersInput
    | UnassignCaseUsersInput
    | DeleteCaseInput
)
RatingInput = AddRatingInput | UpdateRatingInput | TriggerRatingInput

_MILLISECOND = 1000
"""Microseconds: finer digits than these are kept by no form that the vendor prints."""


@dataclass(slots=True)
class _Faults:
    """What is wrong with one input, by its fields."""

    found: list[WriteError] = field(default_factory=list)

    def at(self, name: str, message: str, *index: str) -> None:
        """Note a fault of a field."""
        text = message[:1].upper() + message[1:]
        self.found.append(invalid(text, to_camel_case(name), *index))

    def checked(self, name: str, check: Callable[[], T], *index: str) -> T | None:
        """Return what a check returns; None where it finds a fault."""
        try:
            return check()
        except InvalidArgument as error:
            text = str(error)
            self.at(name, text.partition(": ")[2] or text, *index)
            return None


def case_wish(mutation: str, asked: CaseInput) -> CaseWish:
    """Return the wish of one input about a case."""
    faults = _Faults()
    hub_id = faults.checked("hub_id", lambda: str(int32("hubId", asked.hub_id)))
    case_id = faults.checked("case_id", lambda: str(int32("caseId", asked.case_id)))
    wanted = _wanted(asked, faults)
    version = given(asked.expected_version)
    if version is not None:
        version = faults.checked("expected_version", lambda: check_version(str(version)))
    return CaseWish(
        mutation=mutation,
        fingerprint=fingerprint(asked),
        client_mutation_id=_mutation_id(asked.client_mutation_id, faults),
        dry_run=given(asked.dry_run) is True,
        key=None if hub_id is None or case_id is None else CaseKey(hub_id, case_id),
        wanted=wanted,
        expected_version=version,
        deletes=isinstance(asked, DeleteCaseInput),
        errors=tuple(faults.found),
    )


def case_wishes(mutation: str, asked: UpdateCasesInput) -> tuple[Wish, list[CaseWish]]:
    """Return the wish of a bulk as a whole, and one of each of its cases.

    A bulk's own id makes an id for each case that has none.
    """
    faults = _Faults()
    if not 1 <= len(asked.cases) <= BULK_MAX:
        faults.at("cases", f"1 to {BULK_MAX} cases are asked for.")
    whole = Wish(
        mutation=mutation,
        fingerprint=fingerprint(asked),
        client_mutation_id=_mutation_id(asked.client_mutation_id, faults),
        dry_run=given(asked.dry_run) is True,
        errors=tuple(faults.found),
    )
    wishes = []
    for index, each in enumerate(asked.cases[:BULK_MAX]):
        wish = case_wish(mutation, each)
        own_id = wish.client_mutation_id
        if own_id is None and whole.client_mutation_id is not None:
            own_id = f"{whole.client_mutation_id}/{index}"
        wishes.append(
            replace(wish, client_mutation_id=own_id, dry_run=wish.dry_run or whole.dry_run)
        )
    return whole, wishes


def rating_wish(mutation: str, asked: RatingInput) -> RatingWish:
    """Return the wish of one input about a rating."""
    faults = _Faults()
    case_id = faults.checked("case_id", lambda: str(int63("caseId", asked.case_id)))
    rating_id, values, secret = None, {}, None
    if not isinstance(asked, TriggerRatingInput):
        values = _rating_values(asked, faults)
        secret = _hash(asked.hash, faults)
    if isinstance(asked, UpdateRatingInput):
        wanted = asked.rating_id
        rating_id = faults.checked("rating_id", lambda: str(int63("ratingId", wanted)))
        if not values and not faults.found:
            faults.at("score", "Say score, comment or both.")
    dry_run = given(asked.dry_run) is True
    client_mutation_id = _mutation_id(asked.client_mutation_id, faults)
    write = None
    if case_id is not None and not faults.found:
        write = RatingWrite(case_id, rating_id, values, secret, dry_run)
    return RatingWish(
        mutation=mutation,
        fingerprint=fingerprint(asked),
        client_mutation_id=client_mutation_id,
        dry_run=dry_run,
        write=write,
        triggers=isinstance(asked, TriggerRatingInput),
        errors=tuple(faults.found),
    )


def fingerprint(asked: Any) -> bytes:
    """Return all of an input but its own id, as bytes that are equal for equal inputs only."""
    return msgspec.json.encode(_plain(asked), order="deterministic")


def _plain(value: Any) -> Any:
    match value:
        case Secret():
            return value.reveal()
        case Enum():
            return value.name
        case datetime():
            return value.astimezone(UTC).isoformat()
        case list():
            return [_plain(each) for each in value]
        case _ if is_dataclass(value):
            found = ((each.name, getattr(value, each.name)) for each in fields(value))
            return {
                name: _plain(each)
                for name, each in found
                if name != "client_mutation_id" and each is not strawberry.UNSET
            }
        case _:
            return value


def _mutation_id(value: str | None, faults: _Faults) -> str | None:
    text = given(value)
    if text is not None and not 1 <= len(text) <= ID_MAX:
        faults.at("client_mutation_id", f"1 to {ID_MAX} characters are asked for.")
        return None
    return text


def _wanted(asked: CaseInput, faults: _Faults) -> Wanted | None:
    match asked:
        case UpdateCaseInput():
            return SetValues(tuple(_members(asked, faults)))
        case SetCaseListValueInput():
            return _item(asked, faults)
        case ClearCaseListValueInput():
            return ClearItem(_target(asked, faults))
        case AssignCaseUsersInput():
            return PutUsers(_role(asked.role_id, faults), added=_users(asked.user_ids, faults))
        case UnassignCaseUsersInput():
            return PutUsers(_role(asked.role_id, faults), removed=_users(asked.user_ids, faults))
        case _:
            return None


def _members(asked: UpdateCaseInput, faults: _Faults) -> list[SetMember]:
    """Return the values that are said; a fault of one hides no other."""
    found: list[SetMember] = []
    if asked.name is not strawberry.UNSET:
        name = asked.name
        if name is None or not name.strip() or len(name) > NAME_MAX:
            faults.at("name", f"1 to {NAME_MAX} characters are asked for, not all blank.")
        found.append(SetMember("name", name))
    if asked.workflow_id is not strawberry.UNSET:
        text = asked.workflow_id or ""
        workflow = faults.checked("workflow_id", lambda: int32("workflowId", text))
        found.append(SetMember("workflowId", None if workflow is None else int(workflow)))
    if asked.cost is not strawberry.UNSET:
        found.append(SetMember("cost", _cost(asked.cost, faults)))
    if asked.due_at is not strawberry.UNSET:
        found.append(SetMember("dateDue", _moment(asked.due_at)))
    return found


def _cost(cost: float | None, faults: _Faults) -> float | int | None:
    if cost is None:
        return None
    if abs(cost) > COST_MAX:
        faults.at("cost", "A number of at most 15 digits before the point is asked for.")
        return None
    return int(cost) if float(cost).is_integer() else cost


def _moment(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    cut = moment.astimezone(UTC)
    return cut.replace(microsecond=cut.microsecond // _MILLISECOND * _MILLISECOND).isoformat()


def _target(asked: SetCaseListValueInput | ClearCaseListValueInput, faults: _Faults) -> ListTarget:
    list_id = given(asked.list_id)
    if list_id is not None:
        text = list_id
        list_id = faults.checked("list_id", lambda: str(int32("listId", text)))  # type: ignore[assignment]  # an ID is text
    return ListTarget(given(asked.list_type), list_id)


def _item(asked: SetCaseListValueInput, faults: _Faults) -> SetItem:
    item_id: str | None = given(asked.item_id)
    if item_id is not None:
        text = item_id
        item_id = faults.checked("item_id", lambda: str(int32("itemId", text)))
    sub_id: str | None = given(asked.sub_category_id)
    if sub_id is not None:
        sub = sub_id
        sub_id = faults.checked("sub_category_id", lambda: str(int32("subCategoryId", sub)))
    return SetItem(
        _target(asked, faults),
        item_id,
        given(asked.item_name),
        sub_id,
        says_sub_category=asked.sub_category_id is not strawberry.UNSET,
    )


def _role(role_id: str, faults: _Faults) -> str | None:
    return faults.checked("role_id", lambda: str(int32("roleId", role_id)))


def _users(user_ids: Sequence[str], faults: _Faults) -> tuple[str, ...]:
    if not 1 <= len(user_ids) <= USERS_MAX:
        faults.at("user_ids", f"1 to {USERS_MAX} people are asked for.")
        return ()
    found: list[str] = []
    for index, each in enumerate(user_ids):
        text = each
        user = faults.checked("user_ids", lambda t=text: str(int32("userIds", t)), str(index))  # type: ignore[misc]  # bound now
        if user is not None:
            found.append(user)
    return tuple(dict.fromkeys(found))


def _rating_values(
    asked: AddRatingInput | UpdateRatingInput, faults: _Faults
) -> dict[str, str | None]:
    values: dict[str, str | None] = {}
    if asked.score is not strawberry.UNSET:
        if asked.score is None or asked.score is RatingScore.UNKNOWN:
            faults.at("score", "GOOD or BAD is asked for.")
        else:
            values["score"] = asked.score.value
    if asked.comment is not strawberry.UNSET:
        comment = asked.comment or None
        if comment is not None and len(comment) > COMMENT_MAX:
            faults.at("comment", f"At most {COMMENT_MAX} characters are asked for.")
        values["comment"] = comment
    return values


def _hash(secret: Secret | None, faults: _Faults) -> Secret | None:
    chosen = given(secret)
    if chosen is not None:
        faults.checked("hash", lambda: rating_hash("hash", chosen.reveal()))
    return chosen
