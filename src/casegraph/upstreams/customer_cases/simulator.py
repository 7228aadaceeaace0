"""A CRM behind the Khoros Marketing connector in a box: customers and cases, over a store.

It exists so that the gateway can be tried and tested without the vendor, with the vendor's own
oddities. Everything the contract leaves open is a named switch (`simulator_switches`); what a body
may hold stands in `simulator_checks`, the printed forms in `simulator_rows`.
Invariant: nothing is cached between two calls, so a test may edit the store at any time; whatever a
caller sends, the answer is one of the contract's, and a 500 only when the switch asks for it.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from casegraph.upstreams.customer_cases.simulator_checks import (
    Faults,
    Refusal,
    best_match_clues,
    comparable,
    custom_values,
    interactions,
    read_object,
    search_test,
)
from casegraph.upstreams.customer_cases.simulator_rows import (
    CASE_KEYS,
    CUSTOMER_KEYS,
    Printer,
    is_number,
)
from casegraph.upstreams.customer_cases.simulator_switches import Credentials, Switches
from casegraph.upstreams.customer_cases.store import Row, Store

__all__ = ["Credentials", "Switches", "create_app"]

BASE = "/crm/v1"
_CRM = "https://crm.sandbox.example"
_ERRORS = {400: "bad_request", 422: "validation_failed", 500: "unexpected_error"}
_OBJECT_PAGES = frozenset({"customer_search", "customer_bestmatch", "customer_create"})
"""§3.5: the pages that type `fields` of a 400 as an object."""
_CASE_PAGES = frozenset({"customer_cases", "case", "case_create", "case_update"})


def utc_now() -> datetime:
    """Return the present moment."""
    return datetime.now(UTC)


def create_app(
    store: Store,
    switches: Switches = Switches(),  # noqa: B008 - frozen, so one shared default is safe
    *,
    credentials: Credentials = Credentials(),  # noqa: B008 - the same
    now: Callable[[], datetime] = utc_now,
) -> Starlette:
    """Return the simulated CRM as an application serving `/crm/v1`.

    `now` gives created and updated cases their times.
    """
    crm = _Crm(store, switches, credentials, now)
    # Ids are any strings, and an encoded slash is decoded before routing: hence `path`.
    table: list[tuple[str, str, str, _Handler]] = [
        ("GET", "/customer/{key:path}/cases", "customer_cases", crm.customer_cases),
        ("POST", "/customers", "customer_search", crm.customer_search),
        ("POST", "/customer/bestmatch", "customer_bestmatch", crm.customer_bestmatch),
        ("POST", "/customer", "customer_create", crm.customer_create),
        ("GET", "/customer/{key:path}", "customer", crm.customer),
        ("PATCH", "/customer/{key:path}", "customer_update", crm.customer_update),
        ("POST", "/case", "case_create", crm.case_create),
        ("GET", "/case/{key:path}", "case", crm.case),
        ("PATCH", "/case/{key:path}", "case_update", crm.case_update),
        ("GET", "/meta/object/{key}", "object_fields", crm.object_fields),
    ]
    app = Starlette(
        routes=[
            Route(BASE + path, crm.guarded(name, handler), methods=[method], name=name)
            for method, path, name, handler in table
        ],
        exception_handlers={HTTPException: _not_served, ClientDisconnect: _gone},
    )
    app.router.redirect_slashes = False
    return app


Found = tuple[int, Any]
"""HTTP status and what to print; None prints an empty body."""
_Handler = Callable[[str, bytes], Found]


class _Crm:
    """The connector's operations; each gets the id of its path and the body of its request."""

    def __init__(
        self,
        store: Store,
        switches: Switches,
        credentials: Credentials,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._switches = switches
        self._credentials = credentials
        self._now = now
        self._printer = Printer(store, switches)

    def guarded(self, name: str, handler: _Handler) -> Callable[[Request], Awaitable[Response]]:
        """Put the checks that every call passes before `handler`."""

        async def answer(request: Request) -> Response:
            given = request.headers.get(self._credentials.header)
            needs_key = name != "object_fields" or self._switches.meta_needs_key
            if needs_key and given != self._credentials.value:
                return Response(status_code=401)
            if self._switches.fails:
                return self._error(Refusal(500, "Something unexpected happened."), name)
            try:
                status, body = handler(request.path_params.get("key", ""), await request.body())
            except Refusal as refusal:
                return self._error(refusal, name)
            return Response(status_code=status) if body is None else self._json(status, body)

        return answer

    # Cases.

    def customer_cases(self, key: str, _body: bytes) -> Found:
        """Return all cases of one customer, oldest first; 404 without a body for an unknown one."""
        rows = [row for row in self._store.cases.values() if row["customerId"] == key]
        if key not in self._store.customers or (self._switches.no_cases_is_404 and not rows):
            return 404, None
        rows.sort(key=lambda row: (row["created"], row["id"]))
        return 200, [self._printer.case(row) for row in rows]

    def case(self, key: str, _body: bytes) -> Found:
        """Return one case; an unknown id is a 422, for the page lists no 404."""
        return 200, self._printer.case(self._case(key))

    def case_create(self, _key: str, body: bytes) -> Found:
        """Create a case; number, description, url, status and times are the CRM's own."""
        given = read_object(body)
        faults = Faults()
        title = faults.text(given, "title", "title")
        owner = self._owner(given, faults, required=True)
        values, items = self._case_parts(given, faults)
        faults.settle()
        key = _next_id(self._store.cases)
        at = self._now()
        self._store.cases[key] = {
            "id": key,
            "number": f"CS-{key}",
            "customerId": owner,
            "title": title,
            "description": (items[0]["body"] if items else "") or title,
            "url": f"{_CRM}/cases/{key}",
            "created": at,
            "lastUpdated": at,
            "status": "open",
            "interactions": _merged([], items),
            **values,
        }
        return 201, self._printer.case(self._store.cases[key])

    def case_update(self, key: str, body: bytes) -> Found:
        """Change a case; its new interactions are appended unless the same content is there."""
        row, given = self._case(key), read_object(body)
        faults = Faults()
        needs_title = self._switches.update_needs_title or "title" in given
        title = faults.text(given, "title", "title") if needs_title else row["title"]
        owner = self._owner(given, faults, required=False) or row["customerId"]
        values, items = self._case_parts(given, faults)
        faults.settle()
        if "interactions" in given:
            kept = [] if self._switches.update_replaces_interactions else row["interactions"]
            row["interactions"] = _merged(kept, items)
        row |= {"title": title, "customerId": owner, "lastUpdated": self._now(), **values}
        return self._switches.case_update_status, self._printer.case(row)

    # Customers.

    def customer(self, key: str, _body: bytes) -> Found:
        """Return one customer; 404 without a body for an unknown one."""
        row = self._store.customers.get(key)
        return (404, None) if row is None else (200, self._printer.customer(row))

    def customer_search(self, _key: str, body: bytes) -> Found:
        """Return the customers whose searchable fields fit; 204 without a body when none does."""
        fits = search_test(read_object(body), self._store.customer_fields, self._switches)
        rows = [row for row in self._store.customers.values() if fits(row)]
        return (200, [self._printer.customer(row) for row in rows]) if rows else (204, None)

    def customer_bestmatch(self, _key: str, body: bytes) -> Found:
        """Return the customers that share a text with the body, those that share most first."""
        faults = Faults()
        clues = best_match_clues(read_object(body), faults)
        faults.settle()
        names = [item["name"] for item in self._store.customer_fields]
        scored = [
            (len(clues & {comparable(row[name]) for name in names if name in row}), row)
            for row in self._store.customers.values()
        ]
        ranked = sorted((hit for hit in scored if hit[0]), key=lambda hit: (-hit[0], hit[1]["id"]))
        if not ranked and self._switches.bestmatch_none_is_204:
            return 204, None
        return 200, [self._printer.customer(row) for _, row in ranked]

    def customer_create(self, _key: str, body: bytes) -> Found:
        """Create a customer from custom values."""
        values = self._customer_values(read_object(body))
        key = _next_id(self._store.customers)
        row = {"id": key, "url": f"{_CRM}/customers/{key}", **values}
        self._store.customers[key] = row
        printed = self._printer.customer(row)
        if not self._switches.created_customer_url:
            del printed["url"]
        return 201, printed

    def customer_update(self, key: str, body: bytes) -> Found:
        """Change custom values of a customer; answers 201, an unknown id is a 422."""
        if key not in self._store.customers:
            raise _unknown("customer")
        row = self._store.customers[key]
        row |= self._customer_values(read_object(body))
        return 201, self._printer.customer(row)

    def object_fields(self, key: str, _body: bytes) -> Found:
        """Return the declared fields of `customer` or `case`."""
        declared = {"customer": self._store.customer_fields, "case": self._store.case_fields}
        if key not in declared:
            raise Refusal(400, "There are no objects of this type.")
        return 200, self._printer.fields(key, declared[key])

    # Shared by the operations.

    def _case(self, key: str) -> Row:
        if key not in self._store.cases:
            raise _unknown("case")
        return self._store.cases[key]

    def _owner(self, given: Row, faults: Faults, *, required: bool) -> str:
        tolerated = self._switches.custom_id_spelling and "customerId" not in given
        name = "customId" if tolerated and "customId" in given else "customerId"
        if not required and name not in given:
            return ""
        owner = faults.text(given, name, name)
        if owner and owner not in self._store.customers:
            faults.invalid[name] = "is no known customer"
        return owner

    def _case_parts(self, given: Row, faults: Faults) -> tuple[Row, list[Row]]:
        """Return custom values and interactions, after noting every key that is neither."""
        declared = [f for f in self._store.case_fields if f["name"] not in CASE_KEYS]
        known = ["title", "customerId", "interactions", *(item["name"] for item in declared)]
        if self._switches.custom_id_spelling:
            known.append("customId")
        faults.unknown(given, known)
        return custom_values(given, declared, faults), interactions(given, self._switches, faults)

    def _customer_values(self, given: Row) -> Row:
        faults = Faults()
        declared = [f for f in self._store.customer_fields if f["name"] not in CUSTOMER_KEYS]
        faults.unknown(given, [item["name"] for item in declared])
        values = custom_values(given, declared, faults)
        faults.settle()
        return values

    def _error(self, refusal: Refusal, name: str) -> Response:
        body: dict[str, Any] = {"error": _ERRORS[refusal.status], "message": refusal.message}
        if name in _CASE_PAGES and not self._switches.case_error_texts:
            body = {}
        if refusal.fields is not None:
            form = self._switches.bad_fields_as
            if form == "page":
                form = "object" if name in _OBJECT_PAGES else "array"
            if refusal.status == 422 or form == "array":  # noqa: PLR2004 - HTTP's own number
                body["fields"] = [
                    {"name": key, "errorMessage": text} for key, text in refusal.fields.items()
                ]
            else:
                body["fields"] = refusal.fields
        return self._json(refusal.status, body)

    def _json(self, status: int, body: object) -> Response:
        kind = "text/plain" if self._switches.text_plain else "application/json"
        return Response(msgspec.json.encode(body), status, media_type=kind)


def _unknown(kind: str) -> Refusal:
    return Refusal(422, f"There is no such {kind}.", {"id": f"is no known {kind}"})


def _merged(kept: list[Row], items: list[Row]) -> list[Row]:
    """Return both lists without a second copy of the same content of the same service."""
    merged = {(item["service"], item["serviceId"]): item for item in kept}
    for item in items:
        merged.setdefault((item["service"], item["serviceId"]), item)
    return list(merged.values())


def _next_id(rows: dict[str, Row]) -> str:
    numbers = [int(key) for key in rows if is_number(key)]
    return str(max(numbers, default=0) + 1)


async def _not_served(_request: Request, refused: Exception) -> Response:
    """Answer an unknown path or method; the contract describes no body."""
    status = refused.status_code if isinstance(refused, HTTPException) else 404
    return Response(status_code=status)


async def _gone(_request: Request, _error: Exception) -> Response:
    """End a call whose caller left before its body was complete; nobody reads this."""
    return Response(status_code=400)
