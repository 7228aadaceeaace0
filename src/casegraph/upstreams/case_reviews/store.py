"""What the simulated Trackops tenant remembers.

The simulator reads it, the seeded world fills it, tests edit it behind the gateway's back.
Invariant: moments are aware UTC datetimes and days are dates; text forms are chosen when a row is
printed. Nothing here is shared with our client or its records.
"""

from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]


@dataclass
class Store:
    """Review entries and what they refer to, by id."""

    entries: dict[int, Row] = field(default_factory=dict)
    """id, case_id, user_id (or None), review_id, status, is_auto_generated, review_date (date or
    None), created_at, created_system_at, updated_at, completed_at (or None),
    answers [{question_id, label, type, value, score?}]."""
    users: dict[int, Row] = field(default_factory=dict)
    """Staff: id, first_name, last_name."""
    reviews: dict[int, str] = field(default_factory=dict)
    """Names of the review definitions (question sets)."""
