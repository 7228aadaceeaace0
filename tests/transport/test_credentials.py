"""Proofs that are renewed once, however many calls find them stale."""

import asyncio
import gc
from typing import Any

import pytest

from casegraph.errors import CredentialsRefused, SettingsInvalid, UpstreamUnavailable
from casegraph.transport.calls import Reply
from casegraph.transport.credentials import (
    FixedHeaders,
    Proof,
    Renewable,
    basic,
    header_name,
    header_value,
)

ORIGIN = "http://upstream.test"
LIFE_SECONDS = 3600.0


class Upstream:
    """An upstream that accepts only the newest token, and a desk that hands tokens out."""

    def __init__(self) -> None:
        self.now = 0.0
        self.issued = 0
        self.valid = ""
        self.life = LIFE_SECONDS
        self.seen = []
        self.failure = None
        self.open = asyncio.Event()
        self.open.set()

    async def renew(self) -> Any:
        """Hand out the next token when the desk is open."""
        self.issued += 1
        await self.open.wait()
        if self.failure is not None:
            raise self.failure
        self.valid = f"token-{self.issued}"
        return Proof({"authorization": self.valid}, self.now + self.life)

    async def __call__(self, call: Any) -> Any:
        """Accept the newest token only."""
        self.seen.append(call.headers["authorization"])
        await asyncio.sleep(0)
        accepted = call.headers["authorization"] == self.valid
        return Reply(200 if accepted else 401, {}, b"")

    @property
    def chain(self) -> Any:
        """A new layer in front of this upstream."""
        return Renewable(self, self.renew, stale_status=401, clock=lambda: self.now)


@pytest.fixture
async def upstream() -> Any:
    """Return an upstream whose clock stands at zero."""
    return Upstream()


async def statuses(chain: Any, call: Any, times: Any) -> Any:
    """Send a call many times at once and return the statuses that came back."""
    replies = await asyncio.gather(*(chain(call) for _ in range(times)))
    return {reply.status for reply in replies}


async def test_three_hundred_calls_share_the_first_token(upstream: Any, call_to: Any) -> None:
    """However many calls start without a proof, one is asked for."""
    assert await statuses(upstream.chain, call_to(ORIGIN), 300) == {200}
    assert (upstream.issued, len(upstream.seen)) == (1, 300)


async def test_three_hundred_calls_with_an_expired_token_renew_once(
    upstream: Any, call_to: Any
) -> None:
    """When the upstream forgets the token, each call is repeated once on one new token."""
    chain = upstream.chain
    await chain(call_to(ORIGIN))
    upstream.valid = "revoked"
    upstream.seen.clear()
    assert await statuses(chain, call_to(ORIGIN), 300) == {200}
    assert upstream.issued == 2
    assert len(upstream.seen) == 600
    assert (upstream.seen.count("token-1"), upstream.seen.count("token-2")) == (300, 300)


async def test_a_proof_is_used_to_the_moment_it_is_stale(upstream: Any, call_to: Any) -> None:
    """The clock alone decides, without a call that fails first."""
    chain = upstream.chain
    await chain(call_to(ORIGIN))
    upstream.now = LIFE_SECONDS - 0.001
    await chain(call_to(ORIGIN))
    assert upstream.issued == 1
    upstream.now = LIFE_SECONDS
    await chain(call_to(ORIGIN))
    assert (upstream.issued, upstream.seen) == (2, ["token-1", "token-1", "token-2"])


async def test_a_second_refusal_passes(upstream: Any, call_to: Any) -> None:
    """A call is repeated once and no more; its second 401 is the answer."""
    chain = upstream.chain
    await chain(call_to(ORIGIN))

    async def refuse(call: Any) -> Any:
        upstream.seen.append(call.headers["authorization"])
        return Reply(401, {}, b"")

    upstream.seen.clear()
    chain._inner = refuse
    reply = await chain(call_to(ORIGIN))
    assert reply.status == 401
    assert upstream.seen == ["token-1", "token-2"]


@pytest.mark.parametrize("status", [200, 204, 403, 404, 429, 454, 500])
async def test_other_answers_renew_nothing(upstream: Any, call_to: Any, status: Any) -> None:
    """Only the one status that says so is taken for a stale proof."""

    async def answer(call: Any) -> Any:
        upstream.seen.append(call)
        return Reply(status, {}, b"")

    chain = Renewable(answer, upstream.renew, stale_status=401, clock=lambda: 0.0)
    reply = await chain(call_to(ORIGIN))
    assert (reply.status, upstream.issued, len(upstream.seen)) == (status, 1, 1)


async def test_a_late_refusal_of_an_old_proof_does_not_drop_the_new_one(
    upstream: Any, call_to: Any
) -> None:
    """A call that was refused with the old proof after others renewed uses theirs."""
    slow = asyncio.Event()

    async def answer(call: Any) -> Any:
        if call.operation == "slow" and call.headers["authorization"] == "token-1":
            await slow.wait()
        accepted = call.headers["authorization"] == upstream.valid
        return Reply(200 if accepted else 401, {}, b"")

    chain = Renewable(answer, upstream.renew, stale_status=401, clock=lambda: 0.0)
    await chain(call_to(ORIGIN))
    late = asyncio.create_task(chain(call_to(ORIGIN, operation="slow")))
    await asyncio.sleep(0)
    upstream.valid = "revoked"
    await chain(call_to(ORIGIN))
    slow.set()
    assert (await late).status == 200
    assert upstream.issued == 2


async def test_a_renewal_survives_the_caller_that_began_it(upstream: Any, call_to: Any) -> None:
    """A cancelled caller leaves the renewal to those who wait for it."""
    chain = upstream.chain
    upstream.open.clear()
    first = asyncio.create_task(chain(call_to(ORIGIN)))
    others = [asyncio.create_task(chain(call_to(ORIGIN))) for _ in range(10)]
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    upstream.open.set()
    assert {reply.status for reply in await asyncio.gather(*others)} == {200}
    assert upstream.issued == 1


async def test_a_renewal_nobody_waits_for_still_counts(upstream: Any, call_to: Any) -> None:
    """When every caller has left, the proof is there for the next one; a failure stays silent."""
    chain = upstream.chain
    for failure in (UpstreamUnavailable("somebody", "token", "down"), None):
        upstream.failure = failure
        upstream.open.clear()
        leaving = asyncio.create_task(chain(call_to(ORIGIN)))
        await asyncio.sleep(0)
        renewal = chain._renewal
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        upstream.open.set()
        await asyncio.wait({renewal})
    assert (await chain(call_to(ORIGIN))).status == 200
    assert upstream.issued == 2


async def test_a_failed_renewal_that_nobody_waited_for_is_silent(
    upstream: Any, call_to: Any
) -> None:
    """Its exception is read, so that the loop has nothing to complain about."""
    complaints: list[Any] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, context: complaints.append(context))
    upstream.failure = UpstreamUnavailable("somebody", "token", "down")
    upstream.open.clear()
    chain = upstream.chain
    leaving = asyncio.create_task(chain(call_to(ORIGIN)))
    await asyncio.sleep(0)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    upstream.open.set()
    await asyncio.wait({chain._renewal})
    del leaving
    gc.collect()
    await asyncio.sleep(0)
    assert complaints == []


async def test_a_failed_renewal_reaches_all_who_wait_and_the_next_call_tries_again(
    upstream: Any, call_to: Any
) -> None:
    """One failure, told to everybody; it is not remembered."""
    chain = upstream.chain
    upstream.failure = CredentialsRefused("somebody", "token", "no token for these credentials")
    calls = (chain(call_to(ORIGIN)) for _ in range(50))
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(result) for result in results} == {CredentialsRefused}
    assert (upstream.issued, upstream.seen) == (1, [])
    upstream.failure = None
    assert (await chain(call_to(ORIGIN))).status == 200
    assert upstream.issued == 2


async def test_a_proof_that_is_stale_at_once_is_used_once(upstream: Any, call_to: Any) -> None:
    """A life of nothing means a renewal per call and no loop."""
    upstream.life = 0.0
    chain = upstream.chain
    for _ in range(3):
        assert (await chain(call_to(ORIGIN))).status == 200
    assert (upstream.issued, len(upstream.seen)) == (3, 3)


async def test_the_call_keeps_its_own_headers(upstream: Any, call_to: Any) -> None:
    """Proofs are added to a copy; the call of the caller stays as it was."""
    seen = []

    async def answer(call: Any) -> Any:
        seen.append(dict(call.headers))
        return Reply(200, {}, b"")

    call = call_to(ORIGIN, headers={"accept": "application/json"})
    await FixedHeaders(answer, {"x-key": "k"})(call)
    await Renewable(answer, upstream.renew, stale_status=401, clock=lambda: 0.0)(call)
    assert seen == [
        {"accept": "application/json", "x-key": "k"},
        {"accept": "application/json", "authorization": "token-1"},
    ]
    assert dict(call.headers) == {"accept": "application/json"}


async def test_no_layer_prints_its_secret(upstream: Any, call_to: Any) -> None:
    """Neither layers nor proofs show what they hold."""
    layers = (
        FixedHeaders(upstream, {"authorization": "c4n4ry"}),
        Renewable(upstream, upstream.renew, stale_status=401, clock=lambda: 0.0),
        Proof({"authorization": "c4n4ry"}),
    )
    await layers[1](call_to(ORIGIN))
    for layer in layers:
        assert "c4n4ry" not in repr(layer) + str(layer)
        assert "token-1" not in repr(layer) + str(layer)


def test_basic_is_base64_of_user_and_password_in_utf8() -> None:
    """The example of RFC 7617, and one with characters outside ASCII."""
    assert basic("Aladdin", "open sesame") == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
    assert basic("test", "123£") == "Basic dGVzdDoxMjPCow=="


@pytest.mark.parametrize(
    "value", ["", "c4n4ry\r\nX: 1", "c4n4ry\n", "c4n4ry\0", " c4n4ry", "c4n4ry ", "c4n4ryé", "\t"]
)
def test_a_value_no_header_can_carry_ends_the_start_unrepeated(value: Any) -> None:
    """The message names the setting and not its value."""
    with pytest.raises(SettingsInvalid) as caught:
        header_value("CASEGRAPH_X", value)
    assert str(caught.value).startswith("CASEGRAPH_X:")
    assert "c4n4ry" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "X Key", "X:", "X\n", "Schlüssel", "(X)"])
def test_a_name_no_header_has_ends_the_start(name: Any) -> None:
    """Only a token of RFC 9110 names a header."""
    with pytest.raises(SettingsInvalid, match=r"^CASEGRAPH_X:"):
        header_name("CASEGRAPH_X", name)


def test_good_values_and_names_pass() -> None:
    """Values stay as they are, names come back in lower case."""
    assert header_value("X", "Bearer a b/c=") == "Bearer a b/c="
    assert header_name("X", "X-Api-Key") == "x-api-key"
