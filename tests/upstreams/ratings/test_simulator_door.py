"""Who is let in to the simulated Kayako tenant, and how others are refused."""

import base64
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from casegraph.upstreams.ratings import simulator_door
from casegraph.upstreams.ratings.simulator import Credentials, create_app

LIST = "/cases/1/ratings.json"
TRIGGER = "/cases/1/ratings/trigger.json"
FINGERPRINT = {"X-Fingerprint-ID": "7b2c4f0e-64b1-4c7c-8f3e-0d9a3d0b3a11"}


PASSWORD = "sandbox-kayako-password"


def basic(password: str = PASSWORD, email: str = "agent@sandbox.example") -> dict[str, str]:
    """Return the header of a login."""
    text = base64.b64encode(f"{email}:{password}".encode()).decode()
    return {"Authorization": f"Basic {text}"}


async def login(client: Any, **headers: Any) -> Any:
    """Return the session header and the answer of a login."""
    answer = await client.get(LIST, headers={**basic(), **headers})
    return {"X-Session-ID": answer.json()["session_id"]}, answer


async def test_a_login_gives_a_session_that_reads_without_password(tenant: Any) -> None:
    """Basic answers with a session id and its CSRF token; the session then answers without."""
    client = tenant({})
    session, first = await login(client)
    assert first.headers["x-csrf-token"]
    again = await client.get(LIST, headers=session)
    assert again.status_code == 200
    assert "session_id" not in again.json()
    argument = await client.get(LIST, params={"_session_id": session["X-Session-ID"]})
    assert argument.status_code == 200


async def test_every_login_is_another_session(tenant: Any) -> None:
    """Sending Basic each time makes a new session each time."""
    client = tenant({})
    sessions = [(await login(client))[0]["X-Session-ID"] for _ in range(3)]
    assert 3 == len(set(sessions)) == len(client.app.state.sessions)


async def test_a_protected_session_wants_its_token_on_writes(
    tenant: Any, store: Any, code: Any
) -> None:
    """A write without or with a wrong token is CSRF_FAILED and has no effect."""
    client = tenant({})
    session, first = await login(client)
    assert code(await client.post(TRIGGER, headers=session)) == "CSRF_FAILED"
    wrong = {**session, "X-CSRF-Token": "wrong"}
    assert code(await client.post(TRIGGER, headers=wrong)) == "CSRF_FAILED"
    assert store.triggered == []
    right = {**session, "X-CSRF-Token": first.headers["x-csrf-token"]}
    assert (await client.post(TRIGGER, headers=right)).status_code == 201
    put = await client.put("/cases/1/ratings/1.json", headers=session)
    assert code(put) == "CSRF_FAILED"


async def test_a_session_can_be_made_without_protection(tenant: Any) -> None:
    """X-CSRF: false at login spares the token on writes."""
    client = tenant({})
    session, first = await login(client, **{"X-CSRF": "false"})
    assert "x-csrf-token" not in first.headers
    assert (await client.post(TRIGGER, headers=session)).status_code == 201


async def test_an_unknown_or_expired_session_is_454(tenant: Any, clock: Any, code: Any) -> None:
    """An idle session ends; use keeps it alive."""
    client = tenant({}, session_seconds=100)
    unknown = await client.get(LIST, headers={"X-Session-ID": "nobody"})
    assert (unknown.status_code, code(unknown)) == (454, "SESSION_LOADING_FAILED")
    session, _ = await login(client)
    for _ in range(3):
        clock.pass_seconds(60)
        assert (await client.get(LIST, headers=session)).status_code == 200
    clock.pass_seconds(100)
    assert code(await client.get(LIST, headers=session)) == "SESSION_LOADING_FAILED"
    session, _ = await login(client)
    assert (await client.get(LIST, headers=session)).status_code == 200


async def test_sessions_can_be_ended_from_outside(tenant: Any, code: Any) -> None:
    """Emptying the app's sessions ends them all."""
    client = tenant({})
    session, _ = await login(client)
    client.app.state.sessions.clear()
    assert code(await client.get(LIST, headers=session)) == "SESSION_LOADING_FAILED"


async def test_basic_beside_a_session_must_fit(tenant: Any, code: Any) -> None:
    """A login with its own session keeps it; with a foreign one it is a 454."""
    client = tenant({})
    session, _ = await login(client)
    own = await client.get(LIST, headers={**basic(), **session})
    assert own.status_code == 200
    assert len(client.app.state.sessions) == 1
    foreign = await client.get(LIST, headers={**basic(), "X-Session-ID": "foreign"})
    assert code(foreign) == "SESSION_LOADING_FAILED"


async def test_one_secret_in_two_places_must_agree(tenant: Any, code: Any) -> None:
    """Header and argument that differ are PARAMETERS_INCONSISTENT."""
    client = tenant({})
    session = await client.get(f"{LIST}?_session_id=a", headers={"X-Session-ID": "b"})
    assert code(session) == "PARAMETERS_INCONSISTENT"
    bearer = {"Authorization": "Bearer sandbox-kayako-token"}
    token = await client.get(f"{LIST}?access_token=other", headers=bearer)
    assert code(token) == "PARAMETERS_INCONSISTENT"


async def test_oauth_tokens_are_taken_in_header_or_argument(tenant: Any, code: Any) -> None:
    """The right token reads and writes without a session; a wrong one is refused."""
    client = tenant({})
    assert (await client.get(f"{LIST}?access_token=sandbox-kayako-token")).status_code == 200
    answer = await client.post(TRIGGER, headers={"Authorization": "Bearer sandbox-kayako-token"})
    assert answer.status_code == 201
    assert client.app.state.sessions == {}
    assert code(await client.get(f"{LIST}?access_token=x")) == "AUTHENTICATION_FAILED"


@pytest.mark.parametrize(
    ("scopes", "get", "post"),
    [
        (("conversations",), 200, 201),
        (("conversations:write",), 200, 201),
        (("conversations:read",), 200, 403),
        (("users",), 403, 403),
    ],
)
async def test_scopes_bound_an_oauth_token(tenant: Any, scopes: Any, get: Any, post: Any) -> None:
    """`:read` reads only, and another scope opens nothing."""
    client = tenant(bearer_scopes=scopes)
    assert get == (await client.get(LIST)).status_code
    assert post == (await client.post(TRIGGER)).status_code


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer"},
        {"Authorization": "Basic ???"},
        {"Authorization": "Basic /w=="},
        {"Authorization": "Digest x"},
        {"X-Fingerprint-ID": "no uuid"},
        {"X-Token": "nothing"},
        basic(password="wrong"),
        basic(email="other@sandbox.example"),
    ],
)
async def test_no_or_wrong_proof_is_401(tenant: Any, code: Any, headers: Any) -> None:
    """Whatever is missing, wrong or damaged is AUTHENTICATION_FAILED."""
    answer = await tenant({}).get(LIST, headers=headers)
    assert (answer.status_code, code(answer)) == (401, "AUTHENTICATION_FAILED")


async def test_a_wrong_proof_is_refused_on_public_routes_too(add: Any, tenant: Any) -> None:
    """A public route takes nobody, but not somebody with a wrong token."""
    add(1)
    path = "/cases/1/ratings/hash-1.json"
    assert (await tenant({}).get(path)).status_code == 200
    assert (await tenant({"Authorization": "Bearer wrong"}).get(path)).status_code == 401


async def test_repeated_failed_logins_lock_the_account(tenant: Any, clock: Any, code: Any) -> None:
    """After the count even the right password waits, until the lock ends."""
    client = tenant({}, lock_after_failures=3, lock_seconds=60)
    for _ in range(3):
        failed = await client.get(LIST, headers=basic("wrong"))
        assert code(failed) == "AUTHENTICATION_FAILED"
    clock.pass_seconds(20)
    locked = await client.get(LIST, headers=basic())
    assert (locked.status_code, code(locked)) == (429, "AUTHENTICATION_LOCKED")
    assert locked.headers["retry-after"] == "40"
    clock.pass_seconds(40)
    assert (await client.get(LIST, headers=basic())).status_code == 200


async def test_a_success_forgets_failures_and_zero_never_locks(tenant: Any) -> None:
    """Only failures in a row count, and the switch can turn the lock off."""
    client = tenant({}, lock_after_failures=2)
    for password in ("wrong", PASSWORD, "wrong"):
        await client.get(LIST, headers=basic(password))
    assert (await client.get(LIST, headers=basic())).status_code == 200
    never = tenant({}, lock_after_failures=0)
    codes = {(await never.get(LIST, headers=basic("wrong"))).status_code for _ in range(20)}
    assert {401} == codes


async def test_a_login_may_stop_for_a_one_time_password(tenant: Any, code: Any) -> None:
    """OTP_EXPECTED hands out a token that works once, with the right password."""
    client = tenant({}, login_step="OTP_EXPECTED")
    stopped = await client.get(LIST, headers=basic())
    assert (stopped.status_code, code(stopped)) == (403, "OTP_EXPECTED")
    token = {"X-Token": stopped.json()["auth_token"]}
    assert (await client.get(LIST, headers={**token, "X-OTP": "000000"})).status_code == 401
    passed = await client.get(LIST, headers={**token, "X-OTP": "123456"})
    assert passed.json()["session_id"] in client.app.state.sessions
    assert (await client.get(LIST, headers={**token, "X-OTP": "123456"})).status_code == 401


async def test_a_login_may_stop_for_an_expired_password(tenant: Any, code: Any) -> None:
    """CREDENTIAL_EXPIRED is a 403 with a token as well."""
    stopped = await tenant({}, login_step="CREDENTIAL_EXPIRED").get(LIST, headers=basic())
    assert code(stopped) == "CREDENTIAL_EXPIRED"
    assert stopped.json()["auth_token"]


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        ("owner", {"list", "recent", "trigger", "case"}),
        ("admin", {"list", "recent", "trigger", "case"}),
        ("agent", {"list", "recent", "trigger", "case"}),
        ("collaborator", {"recent"}),
        ("customer", {"conversation"}),
    ],
)
async def test_each_route_serves_its_roles(tenant: Any, role: Any, allowed: Any) -> None:
    """A role that a route does not name gets PERMISSIONS_DENIED."""
    client = tenant(caller_role=role)
    answers = {
        "list": await client.get(LIST),
        "recent": await client.get("/cases/ratings/recent.json?case_id=1"),
        "trigger": await client.post(TRIGGER),
        "case": await client.get("/cases/1.json"),
        "conversation": await client.get("/conversations/1/ratings.json"),
    }
    assert allowed == {name for name, answer in answers.items() if answer.is_success}
    denied = [answer for name, answer in answers.items() if name not in allowed]
    assert {"PERMISSIONS_DENIED"} == {answer.json()["errors"][0]["code"] for answer in denied}


async def test_a_fingerprint_is_a_customer(tenant: Any, code: Any) -> None:
    """A fingerprint opens the customer routes and no staff route."""
    client = tenant(FINGERPRINT)
    assert (await client.get("/conversations/1/ratings")).status_code == 200
    assert code(await client.get(LIST)) == "PERMISSIONS_DENIED"


async def test_conversations_can_be_opened_to_staff(tenant: Any) -> None:
    """The switch lets an agent read a conversation."""
    client = tenant(conversations_open_to_staff=True)
    assert (await client.get("/conversations/1/ratings")).status_code == 200


async def test_other_credentials_can_be_configured(tenant: Any) -> None:
    """The tenant knows the credentials it was made with."""
    credentials = Credentials(email="a@b", password="c:d", bearer="e")
    client = tenant({}, credentials=credentials)
    assert (await client.get(LIST, headers=basic("c:d", "a@b"))).status_code == 200
    assert (await client.get(LIST, headers={"Authorization": "Bearer e"})).status_code == 200


async def test_the_rate_limit_counts_per_action(tenant: Any, clock: Any, code: Any) -> None:
    """A spent action answers 429 with the wait, others go on, and time refills."""
    client = tenant(rate_limit_per_minute=2)
    codes = [(await client.get(LIST)).status_code for _ in range(3)]
    assert codes == [200, 200, 429]
    refused = await client.get(LIST)
    assert code(refused) == "RATE_LIMIT_REACHED"
    assert refused.headers["retry-after"] == "30"
    assert (await client.get("/cases/1.json")).status_code == 200
    clock.pass_seconds(30)
    assert [(await client.get(LIST)).status_code for _ in range(2)] == [200, 429]


async def test_a_large_rate_limit_is_exact(tenant: Any) -> None:
    """A minute that does not divide evenly neither loses nor adds a call."""
    client = tenant(rate_limit_per_minute=700)
    codes = [(await client.get(LIST)).status_code for _ in range(701)]
    assert codes == [200] * 700 + [429]


async def test_an_expired_license_refuses_everything(tenant: Any, code: Any) -> None:
    """426 answers every call."""
    assert code(await tenant(license_expired=True).get(LIST)) == "LICENSE_EXPIRED"


@pytest.mark.parametrize("accept", ["text/html", "image/*", "application/json;q=0"])
async def test_an_unsuitable_accept_is_406(tenant: Any, accept: Any) -> None:
    """The body has the error form, but no code is known."""
    answer = await tenant().get(LIST, headers={"Accept": accept})
    assert (answer.status_code, answer.json()) == (406, {"status": 406, "errors": []})


@pytest.mark.parametrize(
    "accept", ["", "*/*", "application/*", "text/html, application/json;q=0.5"]
)
async def test_a_suitable_accept_is_served(tenant: Any, accept: Any) -> None:
    """JSON anywhere in the header is enough."""
    assert (await tenant().get(LIST, headers={"Accept": accept})).status_code == 200


@pytest.mark.parametrize(
    "path", ["/nothing", "/cases/ratings/1", "/cases/1/ratings/", "/cases/1/notes"]
)
async def test_an_unknown_address_is_400(tenant: Any, code: Any, path: Any) -> None:
    """APP_NOT_FOUND is a 400, and so is a rating's own resource_url."""
    answer = await tenant().get(path)
    assert (answer.status_code, code(answer)) == (400, "APP_NOT_FOUND")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", LIST),
        ("POST", "/cases/ratings/recent.json"),
        ("POST", "/cases.json"),
        ("GET", TRIGGER),
        ("PUT", TRIGGER),
        ("DELETE", "/cases/1/ratings/1.json"),
    ],
)
async def test_a_wrong_method_is_405(tenant: Any, code: Any, method: Any, path: Any) -> None:
    """METHOD_NOT_SUPPORTED is a 405."""
    answer = await tenant().request(method, path)
    assert (answer.status_code, code(answer)) == (405, "METHOD_NOT_SUPPORTED")


async def test_the_oldest_session_makes_room(tenant: Any, monkeypatch: Any, code: Any) -> None:
    """A caller that signs in without end cannot fill the memory."""
    monkeypatch.setattr(simulator_door, "_MOST_SESSIONS", 2)
    client = tenant({})
    sessions = [(await login(client))[0] for _ in range(3)]
    assert code(await client.get(LIST, headers=sessions[0])) == "SESSION_LOADING_FAILED"
    assert (await client.get(LIST, headers=sessions[1])).status_code == 200


async def test_a_caller_that_leaves_early_is_no_fault(store: Any) -> None:
    """A body that never arrives ends the call quietly, and adds nothing."""
    sent = []

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/v1/cases/1/ratings",
        "query_string": b"",
        "headers": [(b"host", b"t")],
    }
    await create_app(store)(scope, receive, send)
    assert sent[0]["status"] == 400
    assert store.ratings == {}


async def test_the_default_clock_is_the_real_one(store: Any) -> None:
    """A rating added without a test's clock is as old as the call."""
    before = datetime.now(UTC)
    transport = httpx.ASGITransport(app=create_app(store))
    body = {"hash": "mail-1", "score": "GOOD"}
    async with httpx.AsyncClient(transport=transport) as client:
        await client.post("http://t/api/v1/cases/1/ratings.json", data=body)
    assert before <= store.ratings[1]["created_at"] <= datetime.now(UTC)
