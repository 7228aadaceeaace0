"""The rows of Kayako: the cases a rating mail can be sent for, and what customers answered.

Invariant: a rating is never older than the first contact of its case, nor later than `now`; the
hash of a rating is that of its case's mail, for it is the mail that carries it; no hash is all
digits, since a path must tell it from an id.
"""

import random
from datetime import datetime, timedelta

from casegraph.sandbox.world_clock import SPAN, hours_after
from casegraph.sandbox.world_people import Person
from casegraph.sandbox.world_phrases import BAD_RATINGS, GOOD_RATINGS, MENDED_RATINGS
from casegraph.sandbox.world_program import NO_CONTACT, RESOLVED
from casegraph.sandbox.world_staff import DESKS, STAFF, members
from casegraph.sandbox.world_stories import Story
from casegraph.upstreams.ratings.store import Row, Store

_FIRST_RATING = 70_368_806_112
_FIRST_CUSTOMER = 70_411_000_016
_AGENT_BASE = 70_002_000_000
_TEAMS = {desk: 310 + place for place, desk in enumerate(DESKS)}
"""All ids but the teams' and the cases' need more than 32 bits, as those of real tenants do."""

_GOOD_SHARE = {RESOLVED: 0.74, NO_CONTACT: 0.1}
_OPEN_GOOD_SHARE = 0.25
_SILENT_SHARE = 0.4
_FOREIGN_SHARE = 0.6
_CHANGED_SHARE = 0.12
_NO_AGENT_SHARE = 0.08
_NO_TEAM_SHARE = 0.05
_BUSINESS_SHARE = 0.06


class RatingDesk:
    """Fills the store of Kayako, story by story."""

    def __init__(self, rng: random.Random, now: datetime) -> None:
        self._rng = rng
        self._now = now
        live_since = now - SPAN + timedelta(hours=1)
        self.store = Store(
            users={
                _AGENT_BASE + one.user_id: {
                    "id": _AGENT_BASE + one.user_id,
                    "full_name": one.name,
                    "role": "agent",
                    "last_active_at": now - timedelta(minutes=one.user_id % 4000 * 3 + 1),
                }
                for one in STAFF
            },
            teams={
                team_id: {
                    "id": team_id,
                    "title": desk,
                    "member_count": len(members(desk)),
                    "created_at": live_since,
                    "updated_at": live_since + timedelta(days=team_id % 20),
                }
                for desk, team_id in _TEAMS.items()
            },
        )
        self._requesters: dict[int, int] = {}
        self._rows: list[Row] = []

    def add_case(self, story: Story) -> None:
        """Add the case and its ratings, unless this desk was never told of it."""
        wanted = story.plan.ratings
        if wanted is None:
            return
        rng = self._rng
        secret = f"c{rng.getrandbits(156):039x}"
        requester_id = self._requester(story.person, story.updated)
        ratings = self._ratings(story, wanted, requester_id, secret)
        updated = max([story.updated, *(rating["updated_at"] for rating in ratings)])
        requester = self.store.users[requester_id]
        requester["last_active_at"] = max(requester["last_active_at"], updated)
        self.store.cases[story.case_id] = {
            "id": story.case_id,
            "subject": story.title,
            "requester_id": requester_id,
            "organization_id": rng.randrange(3001, 3009)
            if _happens(rng, _BUSINESS_SHARE)
            else None,
            "created_at": story.created,
            "updated_at": updated,
            "rating_offered": bool(ratings) or (story.closed is not None and _happens(rng, 0.8)),
            "hash": secret,
        }
        self._rows += ratings

    def finish(self) -> None:
        """Give all ratings their ids, in order of time."""
        self._rows.sort(key=lambda row: (row["created_at"], row["case_id"]))
        for rating_id, row in enumerate(self._rows, _FIRST_RATING):
            row["id"] = rating_id
            self.store.ratings[rating_id] = row

    def _requester(self, person: Person, seen: datetime) -> int:
        """Return the user of a customer; one who complains twice is one user."""
        # By identity: two customers may well share a name, a person is one object per world.
        known = self._requesters.get(id(person))
        if known is None:
            known = _FIRST_CUSTOMER + 7 * len(self._requesters)
            self._requesters[id(person)] = known
            self.store.users[known] = {
                "id": known,
                "full_name": person.name,
                "role": "customer",
                "last_active_at": seen,
            }
        return known

    def _ratings(self, story: Story, wanted: int, creator_id: int, secret: str) -> list[Row]:
        rng = self._rng
        moment = story.closed or story.contacted
        ratings: list[Row] = []
        if moment is None:
            return ratings
        share = _GOOD_SHARE.get(story.status, _OPEN_GOOD_SHARE)
        for _ in range(wanted):
            moment += hours_after(rng, 14, 120)
            if moment > self._now:
                break
            was_bad = bool(ratings) and ratings[-1]["score"] == "BAD"
            is_good = _happens(rng, share)
            updated = moment
            if _happens(rng, _CHANGED_SHARE):
                updated = min(moment + timedelta(minutes=rng.randrange(1, 90)), self._now)
            has_agent = not _happens(rng, _NO_AGENT_SHARE)
            ratings.append(
                {
                    "id": 0,
                    "case_id": story.case_id,
                    "score": "GOOD" if is_good else "BAD",
                    "comment": self._comment(story, is_good=is_good, was_bad=was_bad),
                    "creator_id": creator_id,
                    "assignee_agent_id": _AGENT_BASE + story.owner.user_id if has_agent else None,
                    "assignee_team_id": (
                        None if _happens(rng, _NO_TEAM_SHARE) else _TEAMS[story.desk]
                    ),
                    "created_at": moment,
                    "updated_at": updated,
                    "hash": secret,
                }
            )
        return ratings

    def _comment(self, story: Story, *, is_good: bool, was_bad: bool) -> str | None:
        rng = self._rng
        if _happens(rng, _SILENT_SHARE):
            return None
        if is_good and was_bad:
            return story.say(rng.choice(MENDED_RATINGS))
        texts = GOOD_RATINGS if is_good else BAD_RATINGS
        language = story.language if _happens(rng, _FOREIGN_SHARE) else "en"
        return story.say(rng.choice(texts[language]))


def _happens(rng: random.Random, share: float) -> bool:
    return rng.random() < share
