"""A small Trackops tenant with a clock that tests move, and a way to call it.

The fixtures hand out factories, because most tests differ only in one switch.
Invariant: entries are added with every key the store names, so a test states only what it is about.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest

from casegraph.upstreams.case_reviews.simulator import Credentials, Switches, create_app
from casegraph.upstreams.case_reviews.store import Store

NOON = datetime(2026, 3, 10, 12, 0, 0, tzinfo=UTC)


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


@pytest.fixture
def store() -> Any:
    """Return a store with two people whose names resemble each other, and no entries."""
    return Store(
        users={
            7: {"id": 7, "first_name": "Ada", "last_name": "Lovelace"},
            8: {"id": 8, "first_name": "Adam", "last_name": "Love"},
        },
        reviews={3: "Field report", 4: "Billing"},
    )


@pytest.fixture
def add(store: Any) -> Any:
    """Return a function that puts an entry into the store, with defaults for what is not said."""

    def add(entry_id: Any, **values: Any) -> None:
        store.entries[entry_id] = {
            "id": entry_id,
            "case_id": 100,
            "user_id": 7,
            "review_id": 3,
            "status": "pending",
            "is_auto_generated": True,
            "review_date": date(2026, 3, 9),
            "created_at": NOON,
            "created_system_at": NOON,
            "updated_at": NOON,
            "completed_at": None,
            "answers": [],
            **values,
        }

    return add


@pytest.fixture
def tenant(store: Any, clock: Any) -> Any:
    """Return a factory of clients: switches by name, other credentials, or another scheme."""

    def tenant(
        *,
        credentials: Any = None,
        auth: Any = ("api.user/token", "sandbox-trackops-token"),
        **switches: Any,
    ) -> Any:
        app = create_app(
            store, Switches(**switches), credentials=credentials or Credentials(), now=clock
        )
        transport = httpx.ASGITransport(app=app)
        return httpx.AsyncClient(transport=transport, base_url="http://t/api/v1", auth=auth)

    return tenant


@pytest.fixture
def ids(tenant: Any) -> Any:
    """Return a caller of the list that gives the ids of the answer."""

    async def ids(_switches: Any = None, **query: Any) -> Any:
        query = {key.rstrip("_"): value for key, value in query.items()}
        answer = await tenant(**(_switches or {})).get("/case/reviews", params=query)
        assert answer.status_code == 200, answer.text
        return [row["id"] for row in answer.json()]

    return ids
