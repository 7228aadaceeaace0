"""What this product keeps, and which of it a write makes untrue.

    a case       itself, its notes (a write may leave one), every page of its hub's case list and of
                 its hub's notes, and what the hub's feed holds of it
    a rating     itself, the ratings of its case, and the lists of newest ratings that may show it

Dropping is exact, but for the newest ratings of an organization: no rating tells which one that is,
so those lists go for all organizations.
It goes for every caller of the tenant, whoever wrote, for what one has changed is changed for all.
Invariant: in a shared store the same is dropped for every process.
"""

from dataclasses import dataclass

from casegraph.linking.identity import CaseKey
from casegraph.loading.access.ratings import OF_CASE as RATINGS_OF_CASE
from casegraph.loading.case_notes import NOTES
from casegraph.loading.case_reads import CASE, CASE_PAGE, NOTE
from casegraph.loading.feeds.feeds import Feeds
from casegraph.loading.hub_notes import NOTE_PAGE
from casegraph.loading.kept import Kept
from casegraph.loading.rating_reads import PAGE as RATING_PAGE
from casegraph.loading.rating_reads import RATING, RECENT
from casegraph.loading.scope import DataScope


@dataclass(frozen=True, slots=True)
class Forgetting:
    """Drops what one tenant's writes have made untrue.

    Feeds are the service's, and off where an upstream is asked as its callers: there is one scope.
    """

    kept: Kept
    feeds: Feeds | None
    scope: DataScope

    async def case_written(self, key: CaseKey) -> None:
        """Forget what is kept of a case."""
        await self._forget_case(key)
        if self.feeds is not None:
            self.feeds.notes(self.scope, key.hub_id).changed(key.case_id)

    async def case_deleted(self, key: CaseKey) -> None:
        """Forget a case and its notes."""
        await self._forget_case(key)
        if self.feeds is not None:
            self.feeds.notes(self.scope, key.hub_id).forget_case(key.case_id)

    async def ratings_written(self, case_id: str, rating_id: str | None) -> None:
        """Forget what is kept of a case's ratings."""
        for what in (RATINGS_OF_CASE, RATING_PAGE):
            await self.kept.forget_under(what, (case_id,), self.scope)
        if rating_id is not None:
            await self.kept.forget_under(RATING, (case_id, rating_id), self.scope)
        await self.kept.forget_under(RECENT, ("case_id", case_id), self.scope)
        for by in ("user_id", "organization_id"):
            await self.kept.forget_under(RECENT, (by,), self.scope)

    async def _forget_case(self, key: CaseKey) -> None:
        for what in (CASE, NOTES, NOTE):
            await self.kept.forget_under(what, (key.hub_id, key.case_id), self.scope)
        for page in (CASE_PAGE, NOTE_PAGE):
            await self.kept.forget_under(page, (key.hub_id,), self.scope)
