"""How the simulated tenant sees its rows: ratings, cases and people as resources (§2.4, §2.5).

A reference names a resource by id and type; the resource behind it is made only when the caller's
shape asks for it. What the store does not hold (portal, status, counts) is what a plain open case
would show.
Invariant: nothing is kept; a resource of a row that is gone shows only its reference.
"""

from datetime import datetime, timedelta, timezone
from typing import Any

from casegraph.upstreams.ratings.simulator_answers import latest
from casegraph.upstreams.ratings.simulator_shape import Linked, Resource
from casegraph.upstreams.ratings.simulator_switches import Switches
from casegraph.upstreams.ratings.store import Row, Store

_ASKED_FOR = frozenset({"tags", "reply_channels"})
"""§2.5: printed only when `fields` asks for them."""


class Printer:
    """Makes resources of rows for one call; `base` is the address up to and without `/cases`."""

    def __init__(self, store: Store, switches: Switches, base: str) -> None:
        self._store = store
        self._switches = switches
        self._base = base
        hours = 5 if switches.plus_five_offset else 0
        self._zone = timezone(timedelta(hours=hours))
        self._ratings_by_case: dict[int, list[Row]] = {}

    def rating(self, row: Row) -> Resource:
        """Return a rating as the staff routes show it."""
        agent = "assignee_person" if self._switches.assignee_person else "assignee_agent"
        return Resource(
            {
                "id": row["id"],
                "score": row["score"],
                "comment": row["comment"],
                "case": self._case(row["case_id"]),
                "creator": self._user(row["creator_id"]),
                agent: self._user(row["assignee_agent_id"]),
                "assignee_team": self._team(row["assignee_team_id"]),
                "created_at": self._moment(row["created_at"]),
                "updated_at": self._moment(row["updated_at"]),
                "resource_type": "rating",
                # The vendor's own, without a case id: not a path that can be read (§2.4).
                "resource_url": f"{self._base}/cases/ratings/{row['id']}",
            }
        )

    def conversation_rating(self, row: Row) -> Resource:
        """Return a rating as the customer routes show it: no assignee, no type, no address."""
        conversation = {"id": row["case_id"], "resource_type": "conversation"}
        return Resource(
            {
                "id": row["id"],
                "score": row["score"],
                "comment": row["comment"],
                "conversation": conversation,
                "creator": self._user(row["creator_id"]),
                "created_at": self._moment(row["created_at"]),
                "updated_at": self._moment(row["updated_at"]),
            }
        )

    def case(self, row: Row) -> Resource:
        """Return a case with its rating summary."""
        ratings = self._ratings_of(row["id"])
        newest = max(ratings, key=lambda r: (r["created_at"], r["id"]), default=None)
        status = "OFFERED" if row["rating_offered"] else "UNOFFERED"
        created, updated = self._moment(row["created_at"]), self._moment(row["updated_at"])
        requester = self._user(row["requester_id"])
        return Resource(
            {
                "id": row["id"],
                "legacy_id": None,
                "subject": row["subject"],
                "portal": "API",
                "requester": requester,
                "creator": requester,
                "organization": _organization(row["organization_id"]),
                "assigned_agent": self._user(row.get("assigned_agent_id")),
                "assigned_team": self._team(row.get("assigned_team_id")),
                "brand": None,
                "form": None,
                "priority": None,
                "type": None,
                "status": _status(created),
                "state": "ACTIVE",
                "post_count": 1,
                "pinned_notes_count": 0,
                "has_notes": False,
                "has_attachments": False,
                "is_merged": False,
                "rating": newest["score"] if newest else None,
                "rating_status": "RECEIVED" if newest else status,
                "last_replier": requester,
                "last_updated_by": requester,
                "last_replied_at": None,
                "last_completed_at": None,
                "tags": [],
                "reply_channels": [],
                "created_at": created,
                "updated_at": updated,
                "resource_type": "case",
                "resource_url": f"{self._base}/cases/{row['id']}",
            },
            on_request=_ASKED_FOR,
        )

    def gather_ratings(self, case_ids: set[int]) -> None:
        """Look up the ratings of several cases at once, so that a page of them costs one scan."""
        for case_id in case_ids:
            self._ratings_by_case[case_id] = []
        for row in [r for r in self._store.ratings.values() if r["case_id"] in case_ids]:
            self._ratings_by_case[row["case_id"]].append(row)

    def _ratings_of(self, case_id: int) -> list[Row]:
        if case_id not in self._ratings_by_case:
            self.gather_ratings({case_id})
        return self._ratings_by_case[case_id]

    def _moment(self, moment: datetime | None) -> str | None:
        if moment is None:
            return None
        return moment.astimezone(self._zone).isoformat(timespec="seconds")

    def _case(self, case_id: int) -> Linked:
        reference = {"id": case_id, "resource_type": "case"}

        def full() -> Resource:
            row = self._store.cases.get(case_id)
            return Resource(reference) if row is None else self.case(row)

        return Linked("case", case_id, reference, full)

    def _user(self, user_id: int | None) -> Linked | None:
        if user_id is None:
            return None
        reference = {"id": user_id, "resource_type": "user_minimal"}

        def full() -> Resource:
            row = self._store.users.get(user_id)
            return Resource(reference) if row is None else Resource(self._person(row))

        return Linked("user_minimal", user_id, reference, full)

    def _person(self, row: Row) -> dict[str, Any]:
        active = self._moment(row["last_active_at"])
        return {
            "id": row["id"],
            "full_name": row["full_name"],
            "last_active_at": active,
            "last_seen_at": active,
            "avatar": f"{self._base}/avatar/get/{row['id']}",
            "resource_type": "user_minimal",
            "resource_url": f"{self._base}/users/{row['id']}",
        }

    def _team(self, team_id: int | None) -> Linked | None:
        if team_id is None:
            return None
        reference = {"id": team_id, "legacy_id": None, "resource_type": "team"}

        def full() -> Resource:
            row = self._store.teams.get(team_id)
            return Resource(reference) if row is None else Resource(self._group(row))

        return Linked("team", team_id, reference, full)

    def _group(self, row: Row) -> dict[str, Any]:
        return {
            "id": row["id"],
            "legacy_id": None,
            "title": row["title"],
            "businesshour": {"id": 1, "resource_type": "business_hour"},
            "member_count": row["member_count"],
            "created_at": self._moment(row["created_at"]),
            "updated_at": self._moment(row["updated_at"]),
            "resource_type": "team",
            "resource_url": f"{self._base}/teams/{row['id']}",
        }


def newest_first(rows: list[Row]) -> list[Row]:
    """Return ratings by creation, newest first; ids decide between equal moments."""
    return sorted(rows, key=lambda row: (row["created_at"], row["id"]), reverse=True)


def last_change(rows: list[Row]) -> datetime | None:
    """Return when any of the rows last changed, None of none."""
    return latest(row["updated_at"] for row in rows)


def _organization(organization_id: int | None) -> dict[str, Any] | None:
    if organization_id is None:
        return None
    return {"id": organization_id, "resource_type": "organization"}


def _status(created: str | None) -> dict[str, Any]:
    return {
        "id": 1,
        "label": "Open",
        "type": "OPEN",
        "sort_order": 1,
        "is_sla_active": True,
        "is_deleted": False,
        "created_at": created,
        "updated_at": created,
        "resource_type": "case_status",
    }
