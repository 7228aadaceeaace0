"""A small Kayako tenant with a clock that tests move, and ways to call it.

Two cases: 1 of customer 50 in organization 9, and 2 of customer 51 without organization. The
default client brings the OAuth token, because it needs neither session nor CSRF token.
Invariant: ratings are added with every key the store names.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from casegraph.upstreams.ratings.simulator import Credentials, Switches, create_app
from casegraph.upstreams.ratings.store import Store

NOON = datetime(2026, 3, 10, 12, 0, 0, tzinfo=UTC)
BEARER = {"Authorization": "Bearer sandbox-kayako-token"}


class Clock:
    """A moment that moves only when told to."""

    def __init__(self) -> None:
        self.at = NOON

    def __call__(self) -> datetime:
        """Tell the moment."""
        return self.at

    def pass_seconds(self, seconds: float) -> None:
        """Let time pass."""
        self.at += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Any:
    """Return the tenant's clock."""
    return Clock()


def case(case_id: Any, requester_id: Any, organization_id: Any) -> Any:
    """Return a stored case."""
    return {
        "id": case_id,
        "subject": f"Case {case_id}",
        "requester_id": requester_id,
        "organization_id": organization_id,
        "created_at": NOON,
        "updated_at": NOON,
        "rating_offered": case_id == 2,
        "hash": f"mail-{case_id}",
    }


@pytest.fixture
def store() -> Any:
    """Return a store with two cases, three people and a team, and no ratings."""
    people = {50: "Cleo Customer", 51: "Carl Customer", 60: "Alma Agent"}
    return Store(
        cases={1: case(1, 50, 9), 2: case(2, 51, None)},
        users={
            key: {
                "id": key,
                "full_name": name,
                "role": name.split()[1].lower(),
                "last_active_at": NOON,
            }
            for key, name in people.items()
        },
        teams={
            4: {
                "id": 4,
                "title": "Field",
                "member_count": 3,
                "created_at": NOON,
                "updated_at": NOON,
            }
        },
    )


@pytest.fixture
def add(store: Any) -> Any:
    """Return a function that puts a rating into the store, with defaults for what is not said."""

    def add(rating_id: Any, **values: Any) -> None:
        store.ratings[rating_id] = {
            "id": rating_id,
            "case_id": 1,
            "score": "GOOD",
            "comment": None,
            "creator_id": 50,
            "assignee_agent_id": 60,
            "assignee_team_id": 4,
            "created_at": NOON,
            "updated_at": NOON,
            "hash": f"hash-{rating_id}",
            **values,
        }

    return add


@pytest.fixture
def tenant(store: Any, clock: Any) -> Any:
    """Return a factory of clients that send the given headers and nothing else."""

    def tenant(headers: Any = None, *, credentials: Any = None, **switches: Any) -> Any:
        app = create_app(
            store, Switches(**switches), credentials=credentials or Credentials(), now=clock
        )
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app),
            base_url="http://t/api/v1",
            headers=BEARER if headers is None else headers,
        )
        client.app = app
        return client

    return tenant


@pytest.fixture
def code() -> Any:
    """Return a reader of the one error code of an answer, checked against its status."""

    def code(answer: Any) -> Any:
        body = answer.json()
        assert answer.status_code == body["status"]
        (error,) = body["errors"]
        assert {"code", "message", "more_info"} <= set(error)
        return error["code"]

    return code
