"""The mutations: each makes a wish, lets it be made, and reads anew from then on.

They run one after the other, and each ends with an outcome, whatever it met; so the second of two
runs even if the first changed nothing.
Invariant: what was read before a write answers nothing after it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import strawberry

from casegraph.engine.scopes import AuthScope
from casegraph.graph.context import Info
from casegraph.graph.mutation_inputs import (
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
from casegraph.graph.mutation_payloads import (
    DeleteCasePayload,
    RatingPayload,
    TriggerRatingPayload,
    UpdateCasePayload,
    UpdateCasesPayload,
)
from casegraph.graph.mutation_wishes import (
    CaseInput,
    RatingInput,
    case_wish,
    case_wishes,
    rating_wish,
)
from casegraph.graph.resolved import resolved
from casegraph.graph.scopes import needing
from casegraph.loading.freshness import Kind
from casegraph.loading.ledger import Provenance, Source
from casegraph.upstreams.action_management import records as am
from casegraph.upstreams.ratings import records as ra
from casegraph.writing.outcomes import Ending, WriteError
from casegraph.writing.writes import Asker, Result, Writes

_WINDOW = (
    " The case is read past every cache, changed only where asked, read again just before it is"
    " written back, and read back after; what others change meanwhile is a `conflict` and is not"
    " written over. One moment remains: a writer outside this gateway who changes the case between"
    " that last reading and the vendor's taking of the write is overwritten, because the vendor"
    " knows no versions."
)


_WRITTEN = ("action_management", "ratings")
"""The systems that can be written."""


@dataclass(frozen=True, slots=True)
class BulkResult:
    """How a bulk ended."""

    results: list[Result[am.Case]]
    user_errors: tuple[WriteError, ...]
    client_mutation_id: str | None


def _argument(text: str) -> Any:
    return strawberry.argument(description=text)


@needing(AuthScope.CASES_WRITE)
@needing(AuthScope.RATINGS_WRITE, "add_rating", "update_rating", "trigger_rating")
@strawberry.type(description="Where every change starts. Several in one operation run in order.")
class Mutation:
    """The root; it has no value of its own."""

    @resolved(
        graphql_type=UpdateCasePayload,
        description="Change some of a case's own values." + _WINDOW,
    )
    @staticmethod
    async def update_case(
        info: Info,
        input: Annotated[UpdateCaseInput, _argument("What is to become of which case.")],  # noqa: A002
    ) -> Result[am.Case]:
        """Write the values."""
        return await _case("updateCase", input, info)

    @resolved(
        graphql_type=UpdateCasePayload,
        description=(
            "Choose an item of one of the hub's lists for a case. A status item that is not open"
            " closes it." + _WINDOW
        ),
    )
    @staticmethod
    async def set_case_list_value(
        info: Info,
        input: Annotated[SetCaseListValueInput, _argument("Which item of which list.")],  # noqa: A002
    ) -> Result[am.Case]:
        """Exchange the item."""
        return await _case("setCaseListValue", input, info)

    @resolved(
        graphql_type=UpdateCasePayload,
        description="Have no item of one of the hub's lists chosen for a case." + _WINDOW,
    )
    @staticmethod
    async def clear_case_list_value(
        info: Info,
        input: Annotated[ClearCaseListValueInput, _argument("Which list.")],  # noqa: A002
    ) -> Result[am.Case]:
        """Take the item out."""
        return await _case("clearCaseListValue", input, info)

    @resolved(
        graphql_type=UpdateCasePayload,
        description=(
            "Put people into a role of a case; who is in it already stays, whether active or not."
            + _WINDOW
        ),
    )
    @staticmethod
    async def assign_case_users(
        info: Info,
        input: Annotated[AssignCaseUsersInput, _argument("Whom, into which role.")],  # noqa: A002
    ) -> Result[am.Case]:
        """Add the people."""
        return await _case("assignCaseUsers", input, info)

    @resolved(
        graphql_type=UpdateCasePayload,
        description="Take people out of a role of a case; everybody else stays." + _WINDOW,
    )
    @staticmethod
    async def unassign_case_users(
        info: Info,
        input: Annotated[UnassignCaseUsersInput, _argument("Whom, out of which role.")],  # noqa: A002
    ) -> Result[am.Case]:
        """Take the people out."""
        return await _case("unassignCaseUsers", input, info)

    @resolved(
        graphql_type=UpdateCasesPayload,
        description=(
            "Change many cases, a few at the same time, each with its own outcome as `updateCase`"
            " has it; changes of one case are made in the order of the input."
        ),
    )
    @staticmethod
    async def update_cases(
        info: Info,
        input: Annotated[UpdateCasesInput, _argument("The changes.")],  # noqa: A002
    ) -> BulkResult:
        """Write the values of each."""
        whole, wishes = case_wishes("updateCases", input)
        if whole.errors:
            return BulkResult([], whole.errors, whole.client_mutation_id)
        found = await _writes(info).cases(wishes, whole, _asker(info))
        if isinstance(found, Ending):
            return BulkResult([], found.errors, whole.client_mutation_id)
        _read_anew(info, found)
        return BulkResult(found, (), whole.client_mutation_id)

    @resolved(
        graphql_type=DeleteCasePayload,
        description="Delete a case with its notes." + _WINDOW,
    )
    @staticmethod
    async def delete_case(
        info: Info,
        input: Annotated[DeleteCaseInput, _argument("Which case.")],  # noqa: A002
    ) -> Result[am.Case]:
        """Delete it."""
        return await _case("deleteCase", input, info)

    @resolved(
        graphql_type=RatingPayload,
        description="Give a rating for a case. It is sent once, whatever happens to the answer.",
    )
    @staticmethod
    async def add_rating(
        info: Info,
        input: Annotated[AddRatingInput, _argument("What the customer says.")],  # noqa: A002
    ) -> Result[ra.Rating]:
        """Send it."""
        return await _rating("addRating", input, info)

    @resolved(
        graphql_type=RatingPayload,
        description=(
            "Change a rating, by the hash of its mail or by right of this gateway's role. What"
            " others change meanwhile is a `conflict` and is not written over."
        ),
    )
    @staticmethod
    async def update_rating(
        info: Info,
        input: Annotated[UpdateRatingInput, _argument("What it becomes.")],  # noqa: A002
    ) -> Result[ra.Rating]:
        """Write it."""
        return await _rating("updateRating", input, info)

    @resolved(
        graphql_type=TriggerRatingPayload,
        description=(
            "Have the customer of a case asked for a rating by mail. It is sent once: nothing here"
            " ever repeats it by itself."
        ),
    )
    @staticmethod
    async def trigger_rating(
        info: Info,
        input: Annotated[TriggerRatingInput, _argument("Whose customer.")],  # noqa: A002
    ) -> Result[ra.Rating]:
        """Send it."""
        return await _rating("triggerRating", input, info)


async def _case(mutation: str, asked: CaseInput, info: Info) -> Result[am.Case]:
    result = await _writes(info).case(case_wish(mutation, asked), _asker(info))
    _read_anew(info, [result])
    return result


async def _rating(mutation: str, asked: RatingInput, info: Info) -> Result[ra.Rating]:
    result = await _writes(info).rating(rating_wish(mutation, asked), _asker(info))
    info.context.renew()
    return result


def _read_anew(info: Info, results: Sequence[Result[am.Case]]) -> None:
    """Forget what this request has read, and tell where the cases of the payloads come from."""
    info.context.renew()
    cases = [result.found for result in results if result.found is not None]
    came = Provenance("action_management", Kind.CASES, Source.UPSTREAM, info.context.now())
    if cases:
        info.context.asking.ledger.enter(came, cases)


def _writes(info: Info) -> Writes:
    writes = info.context.writes
    if writes is None:
        raise TypeError("this context was opened for reading only")
    return writes


def _asker(info: Info) -> Asker:
    scope = info.context.asking.scope
    tenant = ":".join(scope.whose(upstream) for upstream in _WRITTEN)
    return Asker(info.context.caller, info.context.reads.look_ups, tenant)
