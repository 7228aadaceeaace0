"""Payloads of the mutations: how it ended, why, what else was met, and the object itself.

Nothing that a write meets is an error of the operation, so that the outcome of one mutation never
hides another's; an object is the one that was read after the write, or is read now.
Invariant: what a payload shows of an object is never older than its write.
"""

from typing import Any

import strawberry
from strawberry.scalars import JSON

from casegraph.graph import ids
from casegraph.graph.cases import Case
from casegraph.graph.context import Info
from casegraph.graph.freshness import reads_of
from casegraph.graph.ids import Kind
from casegraph.graph.ratings import Rating
from casegraph.graph.resolved import resolved
from casegraph.linking.identity import CaseKey
from casegraph.loading.rating_reads import RatingKey
from casegraph.upstreams.action_management import records as am
from casegraph.upstreams.ratings import records as ra
from casegraph.writing import outcomes
from casegraph.writing.outcomes import Conflict, Ending
from casegraph.writing.writes import Result

strawberry.enum(outcomes.WriteOutcome, description="What has become of a change.")
WriteOutcome = outcomes.WriteOutcome
strawberry.enum(outcomes.ErrorCode, name="UserErrorCode", description="What a client can act on.")
UserErrorCode = outcomes.ErrorCode

OUTCOMES = {
    "APPLIED": "It was written, and reading it back shows it.",
    "UNCHANGED": "Everything stood so already; nothing was written.",
    "PLANNED": "A dry run: this is what would be written.",
    "REFUSED": "The input is wrong; nothing was written.",
    "CONFLICT": "Somebody else changed the object, and this change does not stand; see `conflict`.",
    "NOT_APPLIED": "It was not written, and may be tried again; `userErrors` says why.",
    "UNKNOWN": "It may have been written; `userErrors` says how to find out.",
}
CODES = {
    "INVALID_ARGUMENT": "A value that can never be right.",
    "NOT_FOUND": "The input names something that does not exist.",
    "AMBIGUOUS": "Several things fit what the input names; the message tells them.",
    "REJECTED": "The upstream calls the change wrong, for a reason it alone knows.",
    "PERMISSION_DENIED": "Neither the hash nor this gateway's role gives the right to do this.",
    "CONFLICT": "The upstream says that the object has changed.",
    "IDEMPOTENCY_CONFLICT": "This `clientMutationId` was used with another input.",
    "IDEMPOTENCY_UNAVAILABLE": "Whether this was done before cannot be told, so it was not done.",
    "IN_PROGRESS": "The same mutation is under way; ask again with the same `clientMutationId`.",
    "OUTCOME_UNKNOWN": "It was sent and no answer says whether it took effect.",
    "NOT_APPLIED": "It was sent, and reading it back does not show it.",
    "LEASE_LOST": "Another process of this gateway took over the object in the middle.",
    "UNAVAILABLE": "The upstream cannot be reached, or failed.",
    "DEADLINE_EXCEEDED": "There was no time left before anything was written.",
    "RATE_LIMITED": "The upstream asks for a pause.",
    "UPSTREAM_CONTRACT": "The upstream's answer is not what its documentation says.",
    "UPSTREAM_NOT_CONFIGURED": "This gateway is not connected to that upstream.",
    "CREDENTIALS_MISSING": "That upstream is asked as the caller, who brought no credential.",
    "LIMIT_EXCEEDED": "A bound of the gateway was met before anything was written.",
}


@strawberry.type(description="One reason why a mutation did not end as asked.")
class UserError:
    """Field source: outcomes.WriteError."""

    code: UserErrorCode = strawberry.field(description="What a client can act on.")
    message: str = strawberry.field(description="What a person can act on.")
    path: list[str] = strawberry.field(
        description="Where in the arguments it lies, as `input`, `dueAt`; empty for none of them."
    )
    upstream: str | None = strawberry.field(description="Which system it came from, if it did.")
    retryable: bool = strawberry.field(description="Whether trying again may help.")
    retry_after_ms: int | None = strawberry.field(
        description="After how many milliseconds, where that is known."
    )


@strawberry.type(description="A field before and after a change.")
class FieldChange:
    """Field source: outcomes.FieldChange."""

    field: str = strawberry.field(
        description=(
            "Its name here; an item of a list is `listValues.<type>.<listId>`, the people of a role"
            " are `roles.<roleId>`."
        )
    )
    before: JSON | None = strawberry.field(description="What it was; null for nothing.")
    after: JSON | None = strawberry.field(description="What it becomes; null for nothing.")


@strawberry.type(description="A field that is not as it was expected to be.")
class FieldDifference:
    """Field source: outcomes.FieldDifference."""

    field: str = strawberry.field(description="Its name, as in `FieldChange`.")
    expected: JSON | None = strawberry.field(
        description="What it was when this change was made up; see `isExpectedKnown`."
    )
    actual: JSON | None = strawberry.field(description="What it is now.")
    requested: JSON | None = strawberry.field(
        description="What this mutation wants it to be; see `isRequested`."
    )
    is_expected_known: bool = strawberry.field(
        description=(
            "Whether `expected` is told: the gateway remembers what a version stood for for an"
            " hour. Without it, lists and roles are told as wholes."
        )
    )
    is_requested: bool = strawberry.field(description="Whether this mutation changes the field.")


@strawberry.interface(
    name="Conflict", description="Somebody else's change that a mutation has met."
)
class AnyConflict:
    """Field source: a result that has a conflict."""

    @resolved(description="What happened, and whether anything was written.")
    @staticmethod
    def message(root: strawberry.Parent[Any]) -> str:
        """Take it from the conflict."""
        return _conflict(root).message

    @resolved(
        graphql_type=list[FieldDifference],
        description="The fields that differ, each with both values.",
    )
    @staticmethod
    def fields(root: strawberry.Parent[Any]) -> Any:
        """Take them from the conflict."""
        return _conflict(root).fields

    @resolved(description="Whether what was to be changed does not exist any more.")
    @staticmethod
    def is_gone(root: strawberry.Parent[Any]) -> bool:
        """Take it from the conflict."""
        return _conflict(root).is_gone


@strawberry.type(description="Somebody else's change of a case that a mutation has met.")
class CaseConflict(AnyConflict):
    """Field source: a result of a case that has a conflict."""

    @classmethod
    def is_type_of(cls, obj: object, _info: object) -> bool:
        """Take every result: no field is of the interface's own type."""
        return isinstance(obj, Result)

    @resolved(
        graphql_type=Case | None,
        description="The case as it is now, with the `version` to go on from; null if it is gone.",
    )
    @staticmethod
    async def current(root: strawberry.Parent[Any], info: Info) -> am.Case | None:
        """Take the case that was read, or ask for it."""
        return None if _conflict(root).is_gone else await _case(root, info)


@strawberry.type(description="Somebody else's change of a rating that a mutation has met.")
class RatingConflict(AnyConflict):
    """Field source: a result of a rating that has a conflict."""

    @classmethod
    def is_type_of(cls, obj: object, _info: object) -> bool:
        """Take every result: no field is of the interface's own type."""
        return isinstance(obj, Result)

    @resolved(
        graphql_type=Rating | None,
        description="The rating as it is now; null when it is gone.",
    )
    @staticmethod
    async def current(root: strawberry.Parent[Any], info: Info) -> ra.Rating | None:
        """Ask for the rating."""
        return None if _conflict(root).is_gone else await _rating(root, info)


@strawberry.interface(description="What every mutation tells of how it ended.")
class MutationPayload:
    """Field source: any result of a write."""

    @resolved(graphql_type=WriteOutcome, description="What has become of the change.")
    @staticmethod
    def outcome(root: strawberry.Parent[Any]) -> outcomes.WriteOutcome:
        """Take it from the ending."""
        return _ending(root).outcome

    @resolved(
        graphql_type=list[UserError],
        description="Every reason why it did not end as asked; empty where it did.",
    )
    @staticmethod
    def user_errors(root: strawberry.Parent[Any]) -> Any:
        """Take them from the ending."""
        return _ending(root).errors

    @resolved(
        description=(
            "Whether this is the outcome of an earlier mutation with the same `clientMutationId`;"
            " then nothing was written again, and the object is as it is now."
        )
    )
    @staticmethod
    def is_repeated(root: strawberry.Parent[Any]) -> bool:
        """Take it from the ending."""
        return _ending(root).is_repeated

    @resolved(description="The `clientMutationId` of the input.")
    @staticmethod
    def client_mutation_id(root: strawberry.Parent[Any]) -> str | None:
        """Take it from the wish."""
        mutation_id: str | None = root.client_mutation_id
        return mutation_id


@strawberry.type(description="How a change of a case ended.")
class UpdateCasePayload(MutationPayload):
    """Field source: Result of a case."""

    @classmethod
    def is_type_of(cls, obj: object, _info: object) -> bool:
        """Take every result: no field is of the interface's own type."""
        return isinstance(obj, Result)

    @resolved(
        graphql_type=Case | None,
        description="The case as it is now; null when there is none, or it could not be read.",
    )
    @staticmethod
    async def case(root: strawberry.Parent[Any], info: Info) -> am.Case | None:
        """Take the case that was read after the write, or ask for it."""
        return await _case(root, info)

    @resolved(
        graphql_type=CaseConflict | None,
        description=(
            "Somebody else's change that was met; also beside `APPLIED`, for one that came right"
            " after this one."
        ),
    )
    @staticmethod
    def conflict(root: strawberry.Parent[Any]) -> Any:
        """Return the result itself where it has a conflict."""
        return None if _ending(root).conflict is None else root

    @resolved(
        graphql_type=list[FieldChange],
        description="What was written, or would be; empty where nothing was to be.",
    )
    @staticmethod
    def changes(root: strawberry.Parent[Any]) -> Any:
        """Take them from the ending."""
        return _ending(root).changes

    @resolved(
        description="Whether this change closes the case: its new status is one that is not open."
    )
    @staticmethod
    def closes_case(root: strawberry.Parent[Any]) -> bool:
        """Take it from the ending."""
        return _ending(root).closes_case

    @resolved(description="Whether this change opens a closed case again.")
    @staticmethod
    def reopens_case(root: strawberry.Parent[Any]) -> bool:
        """Take it from the ending."""
        return _ending(root).reopens_case


@strawberry.type(description="How the changes of many cases ended.")
class UpdateCasesPayload:
    """Field source: BulkResult."""

    results: list[UpdateCasePayload] = strawberry.field(
        description="The outcome of each, in the order of the input; empty where all were refused."
    )
    user_errors: list[UserError] = strawberry.field(
        description="What is wrong with the bulk as a whole; then nothing was written."
    )
    client_mutation_id: str | None = strawberry.field(
        description="The `clientMutationId` of the input."
    )


@strawberry.type(description="How the deletion of a case ended.")
class DeleteCasePayload(MutationPayload):
    """Field source: Result of a case."""

    @classmethod
    def is_type_of(cls, obj: object, _info: object) -> bool:
        """Take every result: no field is of the interface's own type."""
        return isinstance(obj, Result)

    @resolved(description="The global id of the case that is gone, for client caches; else null.")
    @staticmethod
    def deleted_id(root: strawberry.Parent[Any]) -> strawberry.ID | None:
        """Encode the key of what was deleted."""
        ending = _ending(root)
        if ending.outcome is not outcomes.WriteOutcome.APPLIED:
            return None
        return strawberry.ID(ids.encode(Kind.CASE, *ending.object_key))

    @resolved(
        graphql_type=Case | None,
        description="The case, where it is still there.",
    )
    @staticmethod
    async def case(root: strawberry.Parent[Any], info: Info) -> am.Case | None:
        """Take the case that was read, or ask for it."""
        if _ending(root).outcome is outcomes.WriteOutcome.APPLIED:
            return None
        return await _case(root, info)

    @resolved(
        graphql_type=CaseConflict | None,
        description="Somebody else's change that was met; then nothing was deleted.",
    )
    @staticmethod
    def conflict(root: strawberry.Parent[Any]) -> Any:
        """Return the result itself where it has a conflict."""
        return None if _ending(root).conflict is None else root


@strawberry.type(description="How the giving or changing of a rating ended.")
class RatingPayload(MutationPayload):
    """Field source: Result of a rating."""

    @classmethod
    def is_type_of(cls, obj: object, _info: object) -> bool:
        """Take every result: no field is of the interface's own type."""
        return isinstance(obj, Result)

    @resolved(
        graphql_type=Rating | None,
        description="The rating as it is now; null when there is none, or the vendor did not say.",
    )
    @staticmethod
    async def rating(root: strawberry.Parent[Any], info: Info) -> ra.Rating | None:
        """Ask for the rating, with the names of its people."""
        return await _rating(root, info)

    @resolved(
        graphql_type=RatingConflict | None, description="Somebody else's change that was met."
    )
    @staticmethod
    def conflict(root: strawberry.Parent[Any]) -> Any:
        """Return the result itself where it has a conflict."""
        return None if _ending(root).conflict is None else root

    @resolved(
        graphql_type=list[FieldChange],
        description="What was written, or would be; empty where nothing was to be.",
    )
    @staticmethod
    def changes(root: strawberry.Parent[Any]) -> Any:
        """Take them from the ending."""
        return _ending(root).changes


@strawberry.type(description="How asking a customer for a rating ended.")
class TriggerRatingPayload(MutationPayload):
    """Field source: Result of a rating."""

    @classmethod
    def is_type_of(cls, obj: object, _info: object) -> bool:
        """Take every result: no field is of the interface's own type."""
        return isinstance(obj, Result)


def _ending(root: Result[Any]) -> Ending:
    return root.ending


def _conflict(root: Result[Any]) -> Conflict:
    conflict = root.ending.conflict
    if conflict is None:
        raise TypeError("a result without a conflict has none to show")
    return conflict


async def _case(root: Result[am.Case], info: Info) -> am.Case | None:
    key = root.ending.object_key
    if root.found is not None or len(key) < 2:  # noqa: PLR2004 - (hub, case)
        return root.found
    return await reads_of(info).cases.details(CaseKey(*key))


async def _rating(root: Result[ra.Rating], info: Info) -> ra.Rating | None:
    key = root.ending.object_key
    if len(key) < 2:  # noqa: PLR2004 - (case, rating)
        return None
    return await reads_of(info).ratings.rating(RatingKey(*key))
