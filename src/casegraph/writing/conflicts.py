"""What is told of somebody else's change: which fields, what was expected, what is there now.

Invariant: a conflict is found by comparing what was read, never by trusting what is remembered;
what an old version held is told where it is remembered, and said to be unknown elsewhere.
"""

from collections.abc import Sequence

from casegraph.linking.identity import CaseKey
from casegraph.writing.fields import (
    Snapshot,
    differences,
    differences_by_group,
    differing_groups,
    version_of,
)
from casegraph.writing.outcomes import Conflict
from casegraph.writing.versions import Versions

_SEEN = "The case is not as it was at expectedVersion; nothing was written."
_BETWEEN = "Somebody else changed the case while this change was being made; nothing was written."
_AFTER = "Somebody else changed the case right after this change was written."
_GONE = "Somebody else deleted the case; nothing was written."
_GONE_AFTER = "The case was deleted right after this change was sent."


class Conflicts:
    """Puts conflicts into words and values."""

    def __init__(self, versions: Versions) -> None:
        self._versions = versions

    async def with_version(
        self,
        key: CaseKey,
        expected_version: str,
        actual: Snapshot,
        requested: Snapshot,
        asked: Sequence[str],
    ) -> Conflict | None:
        """Return how a case differs from the version its client saw; None where it does not."""
        current = version_of(actual)
        if current == expected_version:
            return None
        expected = await self._versions.recall(key, expected_version)
        if expected is None:
            groups = differing_groups(expected_version, current)
            found = differences_by_group(groups, actual, requested, asked)
        else:
            found = differences(expected, actual, requested, asked)
        return Conflict(_SEEN, found, current_version=current)

    def between(
        self,
        expected: Snapshot,
        actual: Snapshot,
        requested: Snapshot,
        asked: Sequence[str],
        *,
        is_after_write: bool = False,
    ) -> Conflict:
        """Return how a case differs between two looks of this gateway."""
        found = differences(expected, actual, requested, asked)
        message = _AFTER if is_after_write else _BETWEEN
        return Conflict(message, found, current_version=version_of(actual))

    def gone(self, *, after: bool = False) -> Conflict:
        """Return the conflict with a deletion."""
        return Conflict(_GONE_AFTER if after else _GONE, is_gone=True)
