"""A faithful Action Management API that runs in this process, without a tenant and its secrets.

It shares no code with our client, so a misreading of the contract cannot hide by being made on
both sides. What the contract leaves open is a field of `Switches`.
Invariant: each route's name is the operation's name, by which calls are counted and faults are
aimed; every bad request gets one of the vendor's answers, never a 500.
"""

from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from casegraph.upstreams.action_management.simulator_access import Bucket, Tokens, answer
from casegraph.upstreams.action_management.simulator_hubs import EndUsers, print_end_user
from casegraph.upstreams.action_management.simulator_printing import Printer, collection
from casegraph.upstreams.action_management.simulator_query import (
    INT32_MAX,
    INT32_MIN,
    CaseOrders,
    NoteOrders,
    RefusalError,
    case_page,
    read_case_query,
    read_note_query,
    read_object,
)
from casegraph.upstreams.action_management.simulator_switches import (
    ACTION_MANAGEMENT_SCOPE,
    HUBS_SCOPE,
    Credentials,
    DateForm,
    ErrorBody,
    PutAnswer,
    PutMode,
    RetryAfter,
    Switches,
    WrongScope,
)
from casegraph.upstreams.action_management.simulator_writes import delete_case, put_case
from casegraph.upstreams.action_management.store import Hub, Row, Store

__all__ = [
    "Credentials",
    "DateForm",
    "ErrorBody",
    "PutAnswer",
    "PutMode",
    "RetryAfter",
    "Switches",
    "WrongScope",
    "create_app",
]

_Handler = Callable[[Request, bytes], Response]
_Endpoint = Callable[[Request], Awaitable[Response]]


def _utc_now() -> datetime:
    return datetime.now(UTC)


class _Simulator:
    """The endpoints; each is a plain function of a request and its body."""

    def __init__(
        self,
        store: Store,
        switches: Switches,
        credentials: Credentials,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._switches = switches
        self._now = now
        self.tokens = Tokens(credentials, switches, now)
        self._bucket = Bucket(switches, now)
        self._case_orders = CaseOrders()
        self._note_orders = NoteOrders()
        self._end_users = EndUsers(store, switches)

    # The way in.

    def guarded(self, handler: _Handler, scope: str) -> _Endpoint:
        """Put `handler` behind the bearer check, the bucket and the scope check."""

        async def endpoint(request: Request) -> Response:
            scopes = self.tokens.scopes(request)
            if scopes is None:
                return Response(status_code=401)
            try:
                self._admit(scope, scopes)
                return handler(request, await request.body())
            except RefusalError as refusal:
                bad_query = refusal.status == HTTPStatus.BAD_REQUEST and handler == self.case_query
                switches = self._switches
                return _refused(
                    refusal, switches.query_error_body if bad_query else switches.error_body
                )

        return endpoint

    def _admit(self, scope: str, scopes: frozenset[str]) -> None:
        self._bucket.take()
        if scope not in scopes and self._switches.wrong_scope is not WrongScope.ACCEPTED:
            raise RefusalError(self._switches.wrong_scope.value, "Out of scope.")

    async def unrouted(self, _: Request, error: Exception) -> Response:
        """Answer for paths and methods that the vendor does not have."""
        found = error if isinstance(error, HTTPException) else HTTPException(404)
        refusal = RefusalError(found.status_code, "No such resource.", found.headers)
        return _refused(refusal, self._switches.error_body)

    def _id(self, request: Request, name: str) -> int:
        text: str = request.path_params[name]
        digits = text.removeprefix("-")
        if digits.isascii() and digits.isdigit() and len(digits) <= 10:  # noqa: PLR2004 - int32
            number = int(text)
            if INT32_MIN <= number <= INT32_MAX:
                return number
        raise RefusalError(self._switches.bad_id_status, f"'{name}' must be an int32.")

    def _hub(self, request: Request) -> Hub:
        hub_id = self._id(request, "hub_id")
        hub = self._store.hubs.get(hub_id)
        if hub is None:
            raise RefusalError(404, f"Unknown hub {hub_id}.")
        return hub

    def _program(self, request: Request) -> Hub:
        hub = self._hub(request)
        if not hub.has_program:
            raise RefusalError(404, f"Hub {hub.hub_id} has no Action Management program.")
        return hub

    def _case(self, request: Request, hub: Hub) -> int:
        case_id = self._id(request, "case_id")
        if case_id not in hub.cases:
            raise RefusalError(404, f"Unknown case {case_id}.")
        return case_id

    def _printer(self, request: Request, hub: Hub) -> Printer:
        scheme = "http" if self._switches.links_use_http else request.scope["scheme"]
        host = request.headers.get("host", "localhost")
        base = f"{scheme}://{host}{request.scope.get('root_path', '')}"
        return Printer(hub, self._switches, base, self._now())

    # Action Management, E1 to E9.

    def case_query(self, request: Request, body: bytes) -> Response:
        """E1."""
        hub = self._program(request)
        query = read_case_query(body, self._switches)
        printer = self._printer(request, hub)
        items, total = case_page(hub, query, self._case_orders, printer)
        return answer(collection(items, total, "CaseListItem"))

    def case(self, request: Request, _: bytes) -> Response:
        """E2."""
        hub = self._program(request)
        row = hub.cases[self._case(request, hub)]
        return answer(self._printer(request, hub).case_details(row))

    def case_put(self, request: Request, body: bytes) -> Response:
        """E3."""
        hub = self._program(request)
        case_id = self._case(request, hub)
        row = put_case(hub, case_id, read_object(body), self._switches, self._now())
        return self._written(request, hub, row, self._switches.put_answers)

    def case_delete(self, request: Request, _: bytes) -> Response:
        """E4."""
        hub = self._program(request)
        row = delete_case(hub, self._case(request, hub))
        return self._written(request, hub, row, self._switches.delete_answers)

    def _written(self, request: Request, hub: Hub, row: Row, form: PutAnswer) -> Response:
        if form is PutAnswer.EMPTY:
            return Response(status_code=204)
        return answer(self._printer(request, hub).case_details(row))

    def case_notes(self, request: Request, _: bytes) -> Response:
        """E5."""
        hub = self._program(request)
        case_id = self._case(request, hub)
        rows = sorted(
            (note for note in hub.notes.values() if note["caseId"] == case_id),
            key=lambda note: int(note["id"]),
        )
        return self._notes(request, hub, rows, len(rows))

    def case_note(self, request: Request, _: bytes) -> Response:
        """E6."""
        hub = self._program(request)
        case_id, note_id = self._case(request, hub), self._id(request, "note_id")
        note = hub.notes.get(note_id)
        if note is None or note["caseId"] != case_id:
            raise RefusalError(404, f"Case {case_id} has no note {note_id}.")
        return answer(self._printer(request, hub).note(note))

    def hub_notes(self, request: Request, _: bytes) -> Response:
        """E7."""
        hub = self._program(request)
        query = read_note_query(request.query_params)
        rows, total = self._note_orders.page(hub, query, self._switches)
        return self._notes(request, hub, rows, total)

    def _notes(self, request: Request, hub: Hub, rows: list[Row], total: int) -> Response:
        printer = self._printer(request, hub)
        return answer(collection([printer.note(row) for row in rows], total, "CaseNote"))

    def lists(self, request: Request, _: bytes) -> Response:
        """E8."""
        hub = self._program(request)
        printed = self._printer(request, hub).program_lists()
        return answer(collection(printed, len(printed), "ProgramList"))

    def roles(self, request: Request, _: bytes) -> Response:
        """E9."""
        hub = self._program(request)
        printed = self._printer(request, hub).roles()
        return answer(collection(printed, len(printed), "Role"))

    # Hubs.

    def hubs(self, _: Request, __: bytes) -> Response:
        """GET hubs, with or without a program."""
        rows = [{"id": hub.hub_id, "name": hub.name} for hub in self._store.hubs.values()]
        return answer(collection(rows, len(rows), self._hub_type("Hub")))

    def _hub_type(self, item_type: str) -> str | None:
        return item_type if self._switches.hub_collections_item_type else None

    def end_user_lists(self, request: Request, _: bytes) -> Response:
        """GET enduserlists."""
        rows = self._end_users.lists(self._hub(request))
        return answer(collection(rows, len(rows), self._hub_type("EndUserList")))

    def end_user_list_add(self, request: Request, body: bytes) -> Response:
        """POST enduserlists."""
        rows = self._end_users.add_lists(self._hub(request), body)
        printed = collection(rows, len(rows), self._hub_type("EndUserList"))
        return answer(printed, self._switches.created_status)

    def end_user_list_rename(self, request: Request, body: bytes) -> Response:
        """PUT one end-user list."""
        hub, list_id = self._hub(request), self._id(request, "list_id")
        return answer(self._end_users.rename_list(hub, list_id, body))

    def end_user_list_delete(self, request: Request, _: bytes) -> Response:
        """DELETE one end-user list."""
        self._end_users.delete_list(self._hub(request), self._id(request, "list_id"))
        return Response(status_code=204)

    def end_user_add(self, request: Request, body: bytes) -> Response:
        """POST users."""
        hub, list_id = self._hub(request), self._id(request, "list_id")
        user = self._end_users.add_user(hub, list_id, body)
        printed = print_end_user(user, self._switches, alone=True)
        return answer(printed, self._switches.created_status)

    def end_user(self, request: Request, _: bytes) -> Response:
        """GET one user."""
        hub, list_id = self._hub(request), self._id(request, "list_id")
        user = self._end_users.user(hub, list_id, self._id(request, "user_id"))
        return answer(print_end_user(user, self._switches, alone=True))

    def end_user_query(self, request: Request, body: bytes) -> Response:
        """POST users/query."""
        hub, list_id = self._hub(request), self._id(request, "list_id")
        users, total = self._end_users.query(hub, list_id, body)
        printed = [print_end_user(user, self._switches, alone=False) for user in users]
        return answer(collection(printed, total, "EndUser"))


def _refused(refusal: RefusalError, form: ErrorBody) -> Response:
    if form is ErrorBody.EMPTY:
        return Response(status_code=refusal.status, headers=refusal.headers)
    response = answer({"message": refusal.message}, refusal.status)
    response.headers.update(refusal.headers)
    return response


async def _gone(_: Request, __: Exception) -> Response:
    """End a call whose caller left before its body was complete; nobody reads this."""
    return Response(status_code=400)


def _routes(simulator: _Simulator) -> Iterator[Route]:
    base = "/v1/actionmanagement/hubs/{hub_id}"
    cases, case = f"{base}/cases", f"{base}/cases/{{case_id}}"
    hub_lists = "/v1/hubs/{hub_id}/enduserlists"
    one_list = f"{hub_lists}/{{list_id}}"
    program, hubs = ACTION_MANAGEMENT_SCOPE, HUBS_SCOPE
    yield Route("/identity/connect/token", simulator.tokens.issue, methods=["POST"], name="token")
    for method, path, handler, scope in (
        ("POST", f"{cases}/query", simulator.case_query, program),
        ("GET", case, simulator.case, program),
        ("PUT", case, simulator.case_put, program),
        ("DELETE", case, simulator.case_delete, program),
        ("GET", f"{case}/notes", simulator.case_notes, program),
        ("GET", f"{case}/notes/{{note_id}}", simulator.case_note, program),
        ("GET", f"{base}/notes", simulator.hub_notes, program),
        ("GET", f"{base}/lists", simulator.lists, program),
        ("GET", f"{base}/roles", simulator.roles, program),
        ("GET", "/v1/hubs", simulator.hubs, hubs),
        ("GET", hub_lists, simulator.end_user_lists, hubs),
        ("POST", hub_lists, simulator.end_user_list_add, hubs),
        ("PUT", one_list, simulator.end_user_list_rename, hubs),
        ("DELETE", one_list, simulator.end_user_list_delete, hubs),
        ("POST", f"{one_list}/users", simulator.end_user_add, hubs),
        ("GET", f"{one_list}/users/{{user_id}}", simulator.end_user, hubs),
        ("POST", f"{one_list}/users/query", simulator.end_user_query, hubs),
    ):
        endpoint = simulator.guarded(handler, scope)
        yield Route(path, endpoint, methods=[method], name=handler.__name__)


def create_app(
    store: Store,
    switches: Switches = Switches(),  # noqa: B008 - frozen, so sharing the default is safe
    *,
    credentials: Credentials = Credentials(),  # noqa: B008 - the same
    now: Callable[[], datetime] = _utc_now,
) -> Starlette:
    """Build the vendor's API over `store`; `now` gives aware moments and drives token expiry."""
    simulator = _Simulator(store, switches, credentials, now)
    app = Starlette(
        routes=list(_routes(simulator)),
        exception_handlers={HTTPException: simulator.unrouted, ClientDisconnect: _gone},
    )
    app.router.redirect_slashes = False
    return app
