"""A small tenant of the simulated vendor, and a way to call it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from starlette.applications import Starlette

from casegraph.upstreams.action_management.simulator import Credentials, Switches, create_app
from casegraph.upstreams.action_management.store import Hub, Store

START = datetime(2024, 5, 1, 12, tzinfo=UTC)


class Clock:
    """A clock that moves only when told."""

    def __init__(self) -> None:
        self.moment = START

    def __call__(self) -> datetime:
        """Tell the moment."""
        return self.moment

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.moment += timedelta(seconds=seconds)


@dataclass
class Vendor:
    """A simulated tenant behind a client that holds a token."""

    store: Store
    client: httpx.AsyncClient
    clock: Clock
    app: Starlette

    @property
    def hub(self) -> Hub:
        """The hub with the cases."""
        return self.store.hubs[7]

    async def get(self, path: str, **params: object) -> httpx.Response:
        """GET a path under the hub."""
        return await self.client.get(f"/v1/actionmanagement/hubs/7{path}", params=params)

    async def ask(self, body: object = None, **members: object) -> httpx.Response:
        """POST a case query."""
        url = "/v1/actionmanagement/hubs/7/cases/query"
        return await self.client.post(url, json=members if body is None else body)

    async def put(self, case_id: int, body: object) -> httpx.Response:
        """PUT a case."""
        return await self.client.put(f"/v1/actionmanagement/hubs/7/cases/{case_id}", json=body)


Open = Callable[..., Awaitable[Vendor]]


def day(number: int, **more: int) -> datetime:
    """Make a moment of April 2024, UTC."""
    return datetime(2024, 4, number, **more, tzinfo=UTC)


def _lists() -> list[dict]:
    def item(list_id: int, list_type: str, item_id: int, name: str, **more: object) -> dict:
        return {"listId": list_id, "id": item_id, "name": name, "type": list_type, **more}

    late = {"listId": 300, "listItemId": 21, "id": 211, "name": "Late"}
    damaged = {"listId": 300, "listItemId": 21, "id": 212, "name": "Damaged"}
    kinds = {
        (100, "status", "Status", 1): [
            item(100, "status", 1, "Open", isOpen=True),
            item(100, "status", 2, "Waiting", isOpen=True),
            item(100, "status", 3, "Closed", isOpen=False),
        ],
        (200, "severity", "Severity", 12): [
            item(200, "severity", 11, "High", isHigh=True),
            item(200, "severity", 12, "Low", isHigh=False),
        ],
        (300, "category", "Category", 21): [
            item(300, "category", 21, "Delivery", subCategories=[late, damaged]),
            item(300, "category", 22, "Billing"),
        ],
        (400, "custom", "Segment", 31): [
            item(400, "custom", 31, "Key account"),
            item(400, "custom", 32, "Regular"),
        ],
    }
    return [
        {
            "id": list_id,
            "type": list_type,
            "name": name,
            "lastUpdated": day(1),
            "defaultItem": default,
            "items": items,
        }
        for (list_id, list_type, name, default), items in kinds.items()
    ]


def _case(case_id: int, **more: object) -> dict:
    return {
        "id": case_id,
        "name": f"Case {case_id}",
        "workflowId": 1,
        "cost": 10 * case_id,
        "triggerId": 5,
        "triggerName": "Low score",
        "dateCreated": day(case_id, hour=9),
        "listValues": [
            {"listId": 100, "id": 1},
            {"listId": 300, "id": 21, "subCategoryId": 212},
            {"listId": 400, "id": 31},
        ],
        "roles": [{"id": 51, "users": [1, 2]}, {"id": 52, "users": []}],
        "dataFields": [{"id": 61, "name": "Score", "value": "", "questionName": "q1"}],
        "source": {"responseId": "77", "surveyId": "p123", "sourceId": "s1"},
        **more,
    }


def _note(note_id: int, case_id: int, created: datetime, **more: object) -> dict:
    return {
        "id": note_id,
        "caseId": case_id,
        "comments": f"Note {note_id}",
        "isSystemGenerated": False,
        "createdBy": 1,
        "modifiedBy": 2,
        "dateCreated": created,
        **more,
    }


def _hub() -> Hub:
    people = {1: ("anna", True), 2: ("bob", False), 3: ("cara", True)}
    cases = [
        _case(1, dateDue=day(20), preOverDueDateTime=day(19), postOverDueDateTime=day(21)),
        _case(2, dateModified=day(9, minute=1, second=2, microsecond=12_400)),
        _case(3, dateDue=day(18), listValues=[{"listId": 100, "id": 3}], workflowId=2),
        _case(4, dateDue=day(30) + timedelta(days=30)),
        _case(5, dateDue=day(18)),
    ]
    system = {"isSystemGenerated": True, "createdBy": None, "modifiedBy": None}
    notes = [
        _note(901, 1, day(1), **system),
        _note(902, 1, day(2), dateModified=day(3)),
        _note(903, 2, day(2), **system),
        _note(904, 2, day(4)),
        _note(905, 1, day(4)),
    ]
    return Hub(
        7,
        "North",
        workflows={1: "Standard", 2: "Escalation"},
        cases={row["id"]: row for row in cases},
        notes={row["id"]: row for row in notes},
        lists=_lists(),
        roles=[
            {"id": 51, "name": "Owner", "lastUpdated": day(1, microsecond=12_400)},
            {"id": 52, "name": "Reviewer", "lastUpdated": day(1)},
        ],
        users={
            key: {
                "id": key,
                "userName": name,
                "firstName": name.title(),
                "lastName": "Test",
                "email": f"{name}@example.com",
                "language": 9,
                "isActive": active,
            }
            for key, (name, active) in people.items()
        },
    )


@pytest.fixture
def store() -> Store:
    """Hub 7 with five cases, hub 8 without a program, hub 9 with an empty one."""
    return Store({7: _hub(), 8: Hub(8, "South", has_program=False), 9: Hub(9, "West")})


@pytest.fixture
async def vendor(store: Store) -> AsyncIterator[Open]:
    """Open the tenant under given switches, with a token in hand."""
    clients = []

    async def open_vendor(
        switches: Switches = Switches(),  # noqa: B008 - frozen
        *,
        credentials: Credentials = Credentials(),  # noqa: B008 - frozen
        scope: str | None = None,
    ) -> Vendor:
        clock = Clock()
        app = create_app(store, switches, credentials=credentials, now=clock)
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="https://actions.test"
        )
        clients.append(client)
        form = {
            "grant_type": "api-user",
            "client_id": credentials.client_id,
            "client_secret": credentials.client_secret,
            "scope": credentials.scope if scope is None else scope,
        }
        token = (await client.post("/identity/connect/token", data=form)).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        return Vendor(store, client, clock, app)

    yield open_vendor
    for client in clients:
        await client.aclose()
