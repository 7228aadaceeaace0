"""What an identity is: a case's own key, the systems that know it, the one normal form of an id.

Every id that enters a comparison goes through `normalise` first, and through nothing else: two
texts mean the same identity exactly when their normal forms are equal. Invariant: normalising folds
only what no person can see (Unicode composition, surrounding whitespace). Case, leading zeros and
punctuation stay, because vendors give distinct records distinct ids by them.
"""

import unicodedata
from enum import StrEnum
from typing import NamedTuple


class System(StrEnum):
    """A system, other than the one that owns the cases, in which a case has an id."""

    CASE_REVIEWS = "case_reviews"
    RATINGS = "ratings"
    CUSTOMER_CASES = "customer_cases"


class CaseKey(NamedTuple):
    """A case in the system that owns it: case ids are unique within a hub only."""

    hub_id: str
    case_id: str

    def normalised(self) -> "CaseKey | None":
        """Return the key in normal form, or None where either half is blank."""
        hub_id, case_id = normalise(self.hub_id), normalise(self.case_id)
        if hub_id is None or case_id is None:
            return None
        is_normal = hub_id is self.hub_id and case_id is self.case_id
        return self if is_normal else CaseKey(hub_id, case_id)


def normalise(text: str | None) -> str | None:
    """Return the normal form of an id: composed (NFC) and stripped of whitespace; blank is None.

    Idempotent, because a part of a composed text is itself composed.
    """
    if text is None:
        return None
    if text.isalnum() and text.isascii():
        return text  # as nearly all are, and then it is its own normal form
    return unicodedata.normalize("NFC", text).strip() or None
