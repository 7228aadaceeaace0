"""What the simulated Kayako tenant remembers.

The simulator reads and changes it, the seeded world fills it, tests edit it behind the gateway's
back. Invariant: moments are aware datetimes; text forms are chosen when a row is printed. Nothing
here is shared with our client or its records.
"""

from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]


@dataclass
class Store:
    """Cases, ratings and people of the simulated tenant, by id."""

    cases: dict[int, Row] = field(default_factory=dict)
    """id, subject, requester_id (user id), organization_id (or None), created_at, updated_at,
    rating_offered (bool), hash (the secret of the rating mail)."""
    ratings: dict[int, Row] = field(default_factory=dict)
    """id, case_id, score (GOOD or BAD), comment (or None), creator_id, assignee_agent_id (or None),
    assignee_team_id (or None), created_at, updated_at, hash."""
    users: dict[int, Row] = field(default_factory=dict)
    """Customers and agents: id, full_name, role (customer or agent), last_active_at."""
    teams: dict[int, Row] = field(default_factory=dict)
    """id, title, member_count, created_at, updated_at."""
    triggered: list[int] = field(default_factory=list)
    """Case ids in the order in which a rating mail was sent for them."""
