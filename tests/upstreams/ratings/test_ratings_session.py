"""Signing in to the ratings system: once, again when the session is gone, and never into a lock."""

import asyncio
import base64
from collections import Counter
from typing import Any

import pytest

from casegraph.errors import ContractViolation, CredentialsRefused, UpstreamUnavailable
from casegraph.transport.calls import Call, Effect, Reply
from casegraph.transport.credentials import basic
from casegraph.upstreams.base import Rest
from casegraph.upstreams.ratings.client import RatingPage, Ratings
from casegraph.upstreams.ratings.lock import LockedOut
from casegraph.upstreams.ratings.session import REFUSED_PAUSE_SECONDS, SessionCredentials
from casegraph.upstreams.ratings.simulator import Switches, create_app

EMAIL, PASSWORD = "agent@sandbox.example", "sandbox-kayako-password"


class Hours:
    """The client's clock, apart from the tenant's."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> Any:
        """Tell the seconds."""
        return self.now


@pytest.fixture
def hours() -> Any:
    """Return the client's clock."""
    return Hours()


@pytest.fixture
def sign_in(stage: Any, store: Any, clock: Any, exchange: Any, hours: Any) -> Any:
    """Play a tenant under given switches and return a client that signs in to it."""

    def sign_in(password: Any = PASSWORD, *, around: Any = None, **switches: Any) -> Any:
        app = create_app(store, Switches(**switches), now=clock)
        stage.play(app if around is None else around(app))
        wire = LockedOut(exchange.send)
        send = SessionCredentials(wire, basic(EMAIL, password), clock=hours)
        client = Ratings(Rest("ratings", stage.url, "/api/v1", send))
        client.sessions = app.state.sessions
        return client

    return sign_in


def proofs(stage: Any) -> Any:
    """Tell of each request how it proved who it is."""
    names = {"authorization": "basic", "x-session-id": "session"}
    return [
        "+".join(word for name, word in names.items() if name in seen.headers)
        for seen in stage.requests
    ]


async def test_basic_is_sent_once_and_the_session_ever_after(sign_in: Any, stage: Any) -> None:
    """The first call that is needed signs in; no call is made for it alone."""
    client = sign_in()
    for _ in range(4):
        await client.ratings("1")
    assert proofs(stage) == ["basic", "session", "session", "session"]
    encoded = stage.requests[0].headers["authorization"].removeprefix("Basic ")
    assert base64.b64decode(encoded).decode() == f"{EMAIL}:{PASSWORD}"
    assert stage.requests[0].headers["x-csrf"] == "false"
    assert {seen.headers.get("x-session-id") for seen in stage.requests[1:]} == set(client.sessions)


async def test_fifty_first_calls_sign_in_once(sign_in: Any, stage: Any) -> None:
    """Calls that start together share one session and never send both proofs."""
    client = sign_in()
    await asyncio.gather(*(client.ratings("1") for _ in range(50)))
    assert sorted(proofs(stage)) == ["basic", *["session"] * 49]
    assert len(client.sessions) == 1


async def test_a_lost_session_is_one_sign_in_more(sign_in: Any, stage: Any) -> None:
    """454 leads to one repetition with Basic; calls that lose it together share the new one."""
    client = sign_in()
    await client.ratings("1")
    client.sessions.clear()
    stage.requests.clear()
    await asyncio.gather(*(client.ratings("1") for _ in range(20)))
    assert proofs(stage).count("basic") == 1
    assert len(stage.requests) == 40
    assert len(client.sessions) == 1


async def test_a_session_that_ran_out_is_renewed(sign_in: Any, stage: Any, clock: Any) -> None:
    """The tenant's idle time ends a session; the caller notices nothing."""
    client = sign_in(session_seconds=60.0)
    await client.ratings("1")
    clock.pass_seconds(61)
    await client.ratings("1")
    assert proofs(stage) == ["basic", "session", "basic"]


async def test_a_session_refused_again_is_an_error(stage: Any, exchange: Any, hours: Any) -> None:
    """A tenant that loses every session gets one repetition per call, not a loop."""

    async def forgetful(scope: Any, receive: Any, send: Any) -> None:
        fresh = any(name == b"authorization" for name, _ in scope["headers"])
        body = b'{"status": 200, "data": [], "session_id": "s1"}' if fresh else b"{}"
        await send({"type": "http.response.start", "status": 200 if fresh else 454, "headers": []})
        await send({"type": "http.response.body", "body": body})

    stage.play(forgetful)
    client = Ratings(
        Rest("ratings", stage.url, "", SessionCredentials(exchange.send, "Basic x", clock=hours))
    )
    await client.ratings("1")
    results = await asyncio.gather(*(client.ratings("1") for _ in range(9)), return_exceptions=True)
    kinds = Counter(type(result) for result in results)
    assert kinds == {RatingPage: 1, CredentialsRefused: 8}
    assert len(stage.requests) == 1 + 9 + 9


async def test_a_protected_session_gets_its_token_back_on_writes(
    sign_in: Any, stage: Any, store: Any, add: Any
) -> None:
    """A tenant that protects the session all the same is sent its X-CSRF-Token."""
    add(7)

    def protecting(app: Any) -> Any:
        async def without_wish(scope: Any, receive: Any, send: Any) -> None:
            headers = [(name, value) for name, value in scope["headers"] if name != b"x-csrf"]
            await app({**scope, "headers": headers}, receive, send)

        return without_wish

    client = sign_in(around=protecting)
    await client.rating("1", "7")
    changed = await client.rating_update("1", "7", {"score": "BAD", "hash": "mail-1"})
    await client.rating_trigger("1")
    (session,) = client.sessions.values()
    assert session.csrf_token
    assert [seen.headers.get("x-csrf-token") for seen in stage.requests] == [
        None,
        session.csrf_token,
        session.csrf_token,
    ]
    assert (changed.score.value, store.triggered) == ("BAD", [1])


async def test_an_unprotected_session_writes_without_a_token(
    sign_in: Any, stage: Any, store: Any
) -> None:
    """The usual case: the wish for no protection is granted."""
    client = sign_in()
    await client.ratings("1")
    await client.rating_trigger("1")
    assert "x-csrf-token" not in stage.requests[1].headers
    assert store.triggered == [1]


async def test_a_wrong_password_is_tried_once_a_minute(
    sign_in: Any, stage: Any, hours: Any
) -> None:
    """However many calls come, one sign-in a minute is refused, so that no lock is reached."""
    client = sign_in("wrong", lock_after_failures=2)
    calls = (client.ratings("1") for _ in range(100))
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(result) for result in results} == {CredentialsRefused}
    assert proofs(stage) == ["basic"]
    hours.now += REFUSED_PAUSE_SECONDS - 1
    with pytest.raises(CredentialsRefused) as caught:
        await client.ratings("1")
    assert not caught.value.sent
    hours.now += 1
    with pytest.raises(CredentialsRefused):
        await client.ratings("1")
    assert proofs(stage) == ["basic"] * 2


async def test_a_locked_account_is_left_alone_for_good(
    sign_in: Any, stage: Any, clock: Any, hours: Any
) -> None:
    """After AUTHENTICATION_LOCKED nothing is sent with these credentials any more."""
    client = sign_in("wrong", lock_after_failures=1, lock_seconds=60)
    for _ in range(2):
        with pytest.raises(CredentialsRefused):
            await client.ratings("1")
        hours.now += REFUSED_PAUSE_SECONDS
    assert proofs(stage) == ["basic"] * 2
    hours.now += 1e9
    clock.pass_seconds(61)
    for _ in range(3):
        with pytest.raises(CredentialsRefused) as caught:
            await client.ratings("1")
        assert (caught.value.sent, caught.value.retryable) == (False, False)
    assert proofs(stage) == ["basic"] * 2


@pytest.mark.parametrize("login_step", ["OTP_EXPECTED", "CREDENTIAL_EXPIRED"])
async def test_a_sign_in_that_wants_a_person_is_not_hammered(
    sign_in: Any, stage: Any, login_step: Any
) -> None:
    """A login that stops half-way pauses like a refused one."""
    client = sign_in(login_step=login_step)
    for _ in range(3):
        with pytest.raises(CredentialsRefused):
            await client.ratings("1")
    assert proofs(stage) == ["basic"]


async def test_a_denied_right_is_no_refused_sign_in(sign_in: Any, stage: Any) -> None:
    """403 for one route says nothing against the credentials; the next call is made."""
    client = sign_in(caller_role="collaborator")
    with pytest.raises(CredentialsRefused):
        await client.ratings("1")
    assert await client.recent_ratings("case_id", "1", 3) == ()
    assert proofs(stage) == ["basic", "basic"]


class Scripted:
    """An inside that answers as told and keeps what it was asked."""

    def __init__(self, *replies: Any) -> None:
        self.replies = list(replies)
        self.calls = []

    async def __call__(self, call: Any) -> Any:
        """Keep the call and give the next answer."""
        self.calls.append(dict(call.headers))
        await asyncio.sleep(0)
        answer = self.replies.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


CALL = Call("ratings", "ratings", Effect.READ, "GET", "http://x.test", "/")
SESSION = b'{"status": 200, "data": [], "session_id": "s1"}'


async def test_a_tenant_without_sessions_is_served_with_basic(hours: Any) -> None:
    """An answer without a session leaves Basic the way, until one comes with a session."""
    inside = Scripted(Reply(200, {}, b"{}"), Reply(200, {}, SESSION), Reply(200, {}, b"{}"))
    send = SessionCredentials(inside, "Basic x", clock=hours)
    for _ in range(3):
        await send(CALL)
    assert ["authorization" in headers for headers in inside.calls] == [True, True, False]
    assert inside.calls[2]["x-session-id"] == "s1"


async def test_a_tenant_that_came_to_have_sessions_is_signed_in_to_once(hours: Any) -> None:
    """Once a session was seen, its loss is again one sign-in for all."""
    seen: list[str] = []

    async def tenant(call: Any) -> Any:
        is_first = not seen
        proof = "basic" if "authorization" in call.headers else "session"
        seen.append(proof)
        await asyncio.sleep(0)
        if proof == "session":
            return Reply(454, {}, b"{}")
        return Reply(200, {}, b"{}" if is_first else SESSION)

    send = SessionCredentials(tenant, "Basic x", clock=hours)
    await send(CALL)
    await send(CALL)
    assert seen == ["basic", "basic"]
    await asyncio.gather(*(send(CALL) for _ in range(10)))
    assert seen.count("basic") == 3


@pytest.mark.parametrize(
    "body",
    [
        b'{"session_id": "s1\\r\\nX-Evil: 1"}',
        b'{"session_id": ""}',
        b'{"session_id": 5}',
        b'{"session_id": "' + b"s" * 300 + b'"}',
        b'{"session_id": "\xc3\xa9"}',
        b"[]",
        b"not json",
        b"\xff",
        b"",
        b"[" * 10_000,
    ],
)
async def test_what_is_no_session_is_not_sent(hours: Any, body: Any) -> None:
    """A session id that no header could carry is none."""
    inside = Scripted(Reply(200, {}, body), Reply(200, {}, body))
    send = SessionCredentials(inside, "Basic x", clock=hours)
    await send(CALL)
    await send(CALL)
    assert [set(headers) for headers in inside.calls] == [{"authorization", "x-csrf"}] * 2


async def test_a_session_is_found_whatever_else_the_answer_says(hours: Any) -> None:
    """A wrong type elsewhere in the envelope does not cost the session."""
    body = b'{"status": "200", "total_count": "many", "session_id": "s1"}'
    inside = Scripted(Reply(200, {}, body), Reply(200, {}, b"{}"))
    send = SessionCredentials(inside, "Basic x", clock=hours)
    await send(CALL)
    await send(CALL)
    assert inside.calls[1] == {"x-session-id": "s1"}


async def test_a_failed_sign_in_lets_the_next_caller_try(hours: Any) -> None:
    """A cut connection is no refusal; who waited signs in for himself."""
    down = UpstreamUnavailable("ratings", "ratings", "down")
    inside = Scripted(down, Reply(200, {}, SESSION), Reply(200, {}, b"{}"))
    send = SessionCredentials(inside, "Basic x", clock=hours)
    results = await asyncio.gather(*(send(CALL) for _ in range(3)), return_exceptions=True)
    assert [type(result) for result in results] == [UpstreamUnavailable, Reply, Reply]
    assert ["authorization" in headers for headers in inside.calls] == [True, True, False]


async def test_a_cancelled_sign_in_does_not_keep_the_others_waiting(hours: Any) -> None:
    """The caller that signs in may leave at any time."""
    inside = Scripted(Reply(200, {}, SESSION), Reply(200, {}, SESSION), Reply(200, {}, b"{}"))
    send = SessionCredentials(inside, "Basic x", clock=hours)
    first, *others = [asyncio.create_task(send(CALL)) for _ in range(3)]
    await asyncio.sleep(0)
    first.cancel()
    replies = await asyncio.gather(*others)
    assert [reply.status for reply in replies] == [200, 200]
    assert first.cancelled()


def test_neither_password_nor_session_is_printed(hours: Any) -> None:
    """The layer shows nothing of what it holds."""
    send = SessionCredentials(Scripted(), "Basic c4n4ry", clock=hours)
    assert "c4n4ry" not in repr(send) + str(send)


async def test_the_session_of_an_answer_is_in_no_record(sign_in: Any) -> None:
    """What comes back to callers holds no session."""
    client = sign_in()
    page = await client.ratings("1")
    (session_id,) = client.sessions
    assert session_id not in repr(page)


async def test_an_address_we_made_up_is_our_fault(
    stage: Any, store: Any, exchange: Any, hours: Any, clock: Any
) -> None:
    """400 APP_NOT_FOUND is a breach of contract, not the caller's wrong argument."""
    stage.play(create_app(store, now=clock))
    send = SessionCredentials(exchange.send, basic(EMAIL, PASSWORD), clock=hours)
    client = Ratings(Rest("ratings", stage.url, "/api/v9", send))
    with pytest.raises(ContractViolation):
        await client.ratings("1")
