"""Kayako asked as its callers: each credential stands and falls by itself."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from casegraph.errors import CredentialsMissing, CredentialsRefused, UpstreamUnavailable
from casegraph.transport.calls import Call, Reply
from casegraph.transport.forwarded import callers_proofs, identity_for, proof_of
from casegraph.transport.pause import Pause
from casegraph.upstreams.ratings.callers import CALLERS_MAX, CallersDoor
from casegraph.upstreams.ratings.lock import LOCK_SECONDS
from casegraph.upstreams.ratings.session import REFUSED_PAUSE_SECONDS
from support.clock import Clock, settle
from support.scripted import Script, a_call

LOCK = Reply(429, {}, b'{"status": 429, "errors": [{"code": "AUTHENTICATION_LOCKED"}]}')
REFUSED = Reply(401, {}, b'{"errors": [{"code": "AUTHENTICATION_FAILED"}]}')
GOOD = Reply(200, {}, b'{"status": 200, "data": []}')
LIMIT = Reply(429, {}, b'{"status": 429, "errors": [{"code": "RATE_LIMIT_REACHED"}]}')


def whose(name: str) -> str:
    """Return the identity of a caller."""
    return proof_of(b"k", "somebody", name).identity


class Vendor:
    """Answers by whose call it is; `calls` says whose came."""

    def __init__(self, **answers: Reply) -> None:
        self.answers = {whose(name): answer for name, answer in answers.items()}
        self.names = {whose(name): name for name in answers}
        self.calls: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, call: Call) -> Reply:
        """Answer as this caller is answered."""
        found = identity_for(call.upstream)
        assert found is not None
        self.calls.append(self.names[found])
        self.headers.append(dict(call.headers))
        await self.gate.wait()
        return self.answers[found]


async def ask(send: Callable[[Call], Any], name: str) -> Any:
    """Send a call as somebody; a refusal is returned."""

    async def send_it() -> Any:
        callers_proofs.set({"somebody": proof_of(b"k", "somebody", name)})
        return await send(a_call())

    try:
        return await asyncio.create_task(send_it())
    except CredentialsRefused as error:
        return error


async def test_a_page_of_refused_calls_is_one_sign_in() -> None:
    """Twenty calls at once with a wrong password try it once; the vendor locks after a few."""
    vendor = Vendor(anna=REFUSED)
    send = CallersDoor(vendor, clock=Clock())

    found = await asyncio.gather(*(ask(send, "anna") for _ in range(20)))

    assert vendor.calls == ["anna"]
    assert [each for each in found if isinstance(each, Reply)] == [REFUSED]
    assert {each.sent for each in found if isinstance(each, CredentialsRefused)} == {False}


async def test_proven_calls_go_side_by_side() -> None:
    """The first goes alone, the rest at once; no token of a session is asked for."""
    vendor = Vendor(anna=GOOD)
    send = CallersDoor(vendor, clock=Clock())
    await ask(send, "anna")
    vendor.gate.clear()

    asking = [asyncio.create_task(ask(send, "anna")) for _ in range(5)]
    await settle()

    assert len(vendor.calls) == 6
    vendor.gate.set()
    assert await asyncio.gather(*asking) == [GOOD] * 5
    assert vendor.headers[0]["x-csrf"] == "false"


async def test_one_callers_first_call_holds_nobody_else() -> None:
    """Who waits for a slow sign-in waits for the own one."""
    vendor = Vendor(anna=GOOD, ben=GOOD)
    send = CallersDoor(vendor, clock=Clock())
    vendor.gate.clear()
    asking = [asyncio.create_task(ask(send, name)) for name in ("anna", "anna", "ben")]
    await settle()

    assert sorted(vendor.calls) == ["anna", "ben"]
    vendor.gate.set()
    assert await asyncio.gather(*asking) == [GOOD] * 3


@pytest.mark.parametrize(
    ("answer", "seconds"), [(REFUSED, REFUSED_PAUSE_SECONDS), (LOCK, LOCK_SECONDS)]
)
async def test_a_refused_credential_rests_and_the_others_go_on(
    answer: Reply, seconds: float
) -> None:
    """A refusal holds its own credential for a minute, a lock for an hour, and no other at all."""
    vendor, clock = Vendor(anna=answer, ben=GOOD), Clock()
    send = CallersDoor(vendor, clock=clock)
    await ask(send, "ben")
    await ask(send, "anna")
    clock.now += seconds - 1

    assert isinstance(await ask(send, "anna"), CredentialsRefused)
    assert await ask(send, "ben") == GOOD
    assert vendor.calls == ["ben", "anna", "ben"]
    clock.now += 1
    await ask(send, "anna")
    assert vendor.calls[-1] == "anna"


async def test_a_proven_credential_that_is_withdrawn_rests_too() -> None:
    """What was good once is not tried for ever."""
    vendor = Vendor(anna=GOOD)
    send = CallersDoor(vendor, clock=Clock())
    await ask(send, "anna")
    vendor.answers[whose("anna")] = REFUSED

    found = [await ask(send, "anna") for _ in range(3)]

    assert found[0] == REFUSED
    assert vendor.calls == ["anna"] * 2


@pytest.mark.parametrize("other", [LIMIT, Reply(503, {}, b""), Reply(403, {}, b"{}")])
async def test_other_answers_bar_nobody(other: Reply) -> None:
    """A rate limit, an outage and a right that is missing say nothing of the sign-in."""
    vendor = Vendor(anna=other)
    send = CallersDoor(vendor, clock=Clock())

    assert [await ask(send, "anna") for _ in range(3)] == [other] * 3
    assert len(vendor.calls) == 3


async def test_a_first_call_that_breaks_lets_the_next_go_first() -> None:
    """A connection that fails says nothing of the credential."""
    inside = Script(UpstreamUnavailable("somebody", "thing", "down"), GOOD)
    send = CallersDoor(inside, clock=Clock())

    with pytest.raises(UpstreamUnavailable):
        await ask(send, "anna")

    assert await ask(send, "anna") == GOOD


async def test_without_a_credential_nothing_is_sent() -> None:
    """The door stands by itself, whatever stands in front of it."""
    inside = Script(GOOD)

    with pytest.raises(CredentialsMissing):
        await CallersDoor(inside)(a_call())

    assert inside.calls == []


async def test_processes_tell_each_other_of_a_lock_by_digest() -> None:
    """The name that is told is the caller's digest; who is told sends nothing."""
    told: dict[str, float] = {}

    class Place:
        def __init__(self, name: str) -> None:
            self.name = name

        async def left(self) -> float:
            return told.get(self.name, 0.0)

        def hold(self, seconds: float) -> None:
            told[self.name] = seconds

    def locks(name: str) -> Pause:
        return Place(name)

    one, other = Vendor(anna=LOCK), Vendor(anna=GOOD, ben=GOOD)
    await ask(CallersDoor(one, locks, clock=Clock()), "anna")
    send = CallersDoor(other, locks, clock=Clock())

    assert told == {whose("anna"): LOCK_SECONDS}
    assert isinstance(await ask(send, "anna"), CredentialsRefused)
    assert await ask(send, "ben") == GOOD
    assert other.calls == ["ben"]


async def test_however_many_credentials_come_so_many_are_remembered() -> None:
    """Made-up credentials push out the oldest and never grow without bound."""
    send = CallersDoor(Script(REFUSED), clock=Clock())

    for number in range(CALLERS_MAX + 500):
        callers_proofs.set({"somebody": proof_of(b"k", "somebody", str(number))})
        await send(a_call())

    assert len(send._callers) == CALLERS_MAX
