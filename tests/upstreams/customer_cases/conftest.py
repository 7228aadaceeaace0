"""A small CRM behind the connector with a clock that tests move, and a way to call it.

Customers 11 (two cases, custom values of every type) and "acme/7" (none). One case has an
interaction with an author.
Invariant: ids are strings in the store, whatever a switch prints.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from casegraph.upstreams.customer_cases.simulator import Credentials, Switches, create_app
from casegraph.upstreams.customer_cases.store import Store

NOON = datetime(2026, 3, 10, 12, 0, 0, tzinfo=UTC)
KEY = {"Authorization": "sandbox-khoros-key"}


class Clock:
    """A moment that moves only when told to."""

    def __init__(self) -> None:
        self.at = NOON + timedelta(days=1)

    def __call__(self) -> datetime:
        """Tell the moment."""
        return self.at


@pytest.fixture
def clock() -> Any:
    """Return the CRM's clock."""
    return Clock()


def declared(name: Any, kind: Any, **more: Any) -> Any:
    """Return a field declaration."""
    return {"name": name, "label": name.title(), "type": kind, "searchable": True, **more}


def case(case_id: Any, **values: Any) -> Any:
    """Return a stored case of customer 11."""
    return {
        "id": case_id,
        "number": f"N-{case_id}",
        "customerId": "11",
        "title": f"Case {case_id}",
        "description": "Long text",
        "url": f"https://crm.example/{case_id}",
        "created": NOON,
        "lastUpdated": NOON,
        "status": "open",
        "interactions": [],
        **values,
    }


INTERACTION = {
    "created": NOON,
    "body": "My line is dead",
    "linkUrl": "",
    "serviceId": "p-1",
    "service": "facebook",
    "contentType": "post",
    "author": {
        "service": "facebook",
        "serviceId": "a-1",
        "handle": "@cleo",
        "name": "Cleo",
        "brandOwned": False,
    },
}


@pytest.fixture
def store() -> Any:
    """Return the store of this module's description."""
    levels = [{"name": "Gold", "value": "gold"}, {"name": "Iron", "value": "iron"}]
    return Store(
        customers={
            "11": {
                "id": "11",
                "url": "https://crm.example/c/11",
                "email": "Cleo@example.com",
                "phone": "555-1",
                "level": "gold",
                "vip": True,
                "secret": "undeclared",
            },
            "acme/7": {"id": "acme/7", "url": "https://crm.example/c/7", "email": "a@example.com"},
        },
        cases={
            "21": case("21", interactions=[INTERACTION], product="Phone", urgent="true"),
            "20": case("20", status="closed", created=NOON - timedelta(days=1)),
        },
        customer_fields=[
            declared("email", "text"),
            declared("phone", "text"),
            declared("level", "single_sel_list", listValues=levels),
            declared("vip", "checkbox"),
            declared("remark", "textarea", searchable=False),
            declared("url", "text"),
        ],
        case_fields=[declared("product", "text"), declared("urgent", "checkbox")],
    )


@pytest.fixture
def crm(store: Any, clock: Any) -> Any:
    """Return a factory of clients: headers, switches by name, other credentials."""

    def crm(headers: Any = None, *, credentials: Any = None, **switches: Any) -> Any:
        app = create_app(
            store, Switches(**switches), credentials=credentials or Credentials(), now=clock
        )
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app),
            base_url="http://t/crm/v1",
            headers=KEY if headers is None else headers,
        )

    return crm
