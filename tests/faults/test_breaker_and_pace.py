"""What the requests of one process learn together: breakers, paces, locks and tokens.

Over the real gateway and a sandbox of its own. Waits drawn by chance are drawn as zero, so that
counts are certain; time is real, and only as much of it passes as an answer says to wait.
"""

import asyncio
import random
import statistics
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import httpx
import pytest

from casegraph.sandbox.traffic import Call, Proceed
from support.crowd import at_once
from support.gateway import NO_TLS, Answer, Gateway, running_gateway
from support.meddling import meddling
from support.registry import (
    REGISTRY,
    ask_everything,
    assert_no_leak,
    neighbours,
    plan_for,
    rehearsing,
    variables,
)
from support.rehearsed import until
from support.stalls import timed
from support.upstreams import Upstreams, running_upstreams

RATINGS = "query($case: ID!) { ratings(caseId: $case) { nodes { ratingId } } }"
REVIEWS = """query($case: ID!) {
  reviewEntries(filter: { caseId: $case }, first: 1) { nodes { reviewEntryId } }
}"""


@pytest.fixture(autouse=True, scope="module")
def _waits_are_short() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(random.SystemRandom, "uniform", lambda _self, low, _high: max(low, 0.0))
        yield


@pytest.fixture(scope="module")
def _own() -> Iterator[Upstreams]:
    with running_upstreams(cases=60) as running:
        yield running


@pytest.fixture
def own(_own: Upstreams) -> Upstreams:
    """Return a sandbox whose counts may be reset."""
    for traffic in _own.sandbox.traffic.values():
        traffic.reset()
    _own.mark()
    return _own


def case_of(upstreams: Upstreams) -> dict[str, str]:
    """Return the variables of a question for one case."""
    return {"case": variables(upstreams)["case"]}


def cases_apart() -> Callable[[], dict[str, str]]:
    """Return what gives variables for another case each time: equal questions would be one call."""
    numbers = count(1)
    return lambda: {"case": str(next(numbers))}


def opened(gateway: Gateway, upstreams: Upstreams, upstream: str) -> int:
    """Ask until the breaker is open; return the wait that the answer tells, in ms."""
    for _ in range(30):
        answer = ask_everything(gateway, upstreams)
        (error,) = answer.body["errors"]
        assert error["extensions"]["code"] == "UNAVAILABLE"
        assert error["extensions"]["upstream"] == upstream
        if "retryAfterMs" in error["extensions"]:
            wait: int = error["extensions"]["retryAfterMs"]
            return wait
    raise AssertionError("the breaker never opened")


@pytest.mark.parametrize("fault", [{"kind": "reset"}, {"kind": "status", "code": 503}])
@pytest.mark.parametrize("upstream", REGISTRY)
def test_a_dead_upstream_is_left_alone(
    own: Upstreams, upstream: str, fault: dict[str, Any]
) -> None:
    """Its breaker opens; then answers come without a call and at once, the others' fields whole."""
    took = []
    with (
        running_gateway(own.environment) as gateway,
        rehearsing(own, plan_for(upstream, **fault)),
    ):
        assert 0 < opened(gateway, own, upstream) <= 5001
        own.mark()
        for _ in range(10):
            with timed() as asking:
                answer = ask_everything(gateway, own)
            took.append(asking.seconds)
            assert answer.codes == {REGISTRY[upstream].alias: "UNAVAILABLE"}
            assert all(answer.partial[alias] for alias in neighbours(upstream))
            assert_no_leak(answer)

    assert own.calls(upstream) == {}
    assert statistics.median(took) < 0.1


def test_an_upstream_that_comes_back_is_tried_by_one_call_at_a_time(own: Upstreams) -> None:
    """When the pause is over one of twenty goes through, then one more, and then all."""
    apart = cases_apart()
    refused: list[Any] = []

    def ask(gateway: Gateway) -> Answer:
        answer = gateway.ask(RATINGS, apart())
        refused.extend(answer.body.get("errors", ()))
        if len(refused) == 19:
            own.sandbox.faults.clear()  # now the one that went through is answered
        return answer

    def whole(answers: list[Answer]) -> int:
        return sum("errors" not in answer.body for answer in answers)

    with running_gateway(own.environment) as gateway:
        with rehearsing(own, plan_for("ratings", kind="reset")):
            wait_ms = opened(gateway, own, "ratings")
        threading.Event().wait(wait_ms / 1000)
        for _ in range(2):
            own.mark()
            refused.clear()
            with rehearsing(own, plan_for("ratings", kind="hang")):
                answers = at_once(gateway, 20, ask)
            assert own.calls("ratings") == {"ratings.ratings": 1}
            assert whole(answers) == 1
            assert all(error["extensions"]["retryAfterMs"] > 0 for error in refused)
        refused.clear()
        assert whole(at_once(gateway, 20, ask)) == 20


def test_a_pacing_upstream_never_has_to_say_so(own: Upstreams) -> None:
    """Thirty at once: as many calls as the pace has places in time, no 429, the rest told to wait.

    The upstream grants ten calls more at once than the gateway takes, because a call that was late
    on a busy machine, here by up to a second, makes the next one look too early at its end; of
    thirty that come without a pace it would still refuse every second.
    """
    settings = {
        **own.environment,
        "CASEGRAPH_CASE_REVIEWS__MAX_PER_SECOND": "10",
        "CASEGRAPH_CASE_REVIEWS__BURST": "5",
    }
    pace = {"case_reviews": {"pace": {"interval_ms": 100, "burst": 15, "excess": "reject"}}}
    with running_gateway(settings) as gateway, rehearsing(own, pace):
        apart = cases_apart()
        with timed() as took:
            answers = at_once(
                gateway, 30, lambda each: each.ask(REVIEWS, apart(), x_deadline_ms="1500")
            )
        applied = own.sandbox.faults.applied()

    assert applied["case_reviews"].get("reviews_sweep", {}) == {}
    assert applied["case_reviews"].get("reviews", {}) == {}
    told = [answer for answer in answers if "errors" in answer.body]
    late = [answer for answer in told if answer.codes == {"reviewEntries": "DEADLINE_EXCEEDED"}]
    refused = [answer for answer in told if answer not in late]
    served = len(answers) - len(told)
    # Five at once and ten a second, which is 19 in the time that one of them has; a machine that
    # lags gives fewer in that time, may have the last of them too late, and spreads the thirty.
    assert 8 <= served <= 6 + 10 * took.wall
    assert len(late) <= 2
    assert served <= sum(own.calls("case_reviews").values()) <= served + len(late)
    for answer in refused:
        assert answer.codes == {"reviewEntries": "RATE_LIMITED"}
        (error,) = answer.body["errors"]
        assert error["extensions"]["retryAfterMs"] > 0
        assert error["extensions"]["retryable"] is True


@pytest.mark.parametrize("way", ["session", "token"])
def test_locked_credentials_are_never_used_again(own: Upstreams, way: str) -> None:
    """After AUTHENTICATION_LOCKED not one call more, whichever credentials; the others go on."""
    settings = dict(own.environment)
    if way == "token":
        del settings["CASEGRAPH_RATINGS__EMAIL"], settings["CASEGRAPH_RATINGS__PASSWORD"]
        settings["CASEGRAPH_RATINGS__TOKEN"] = "sandbox-kayako-token"
    lock = {"kind": "status", "named": "kayako_authentication_locked", "times": 1}
    with running_gateway(settings) as gateway:
        assert ask_everything(gateway, own).data["ratings"]
        own.mark()
        with rehearsing(own, {"ratings": {"operations": {"*": [lock]}}}):
            first = ask_everything(gateway, own)
            assert own.calls("ratings") == {"ratings.ratings": 1}
        own.mark()
        later = [ask_everything(gateway, own) for _ in range(5)]
        later += at_once(gateway, 20, lambda each: each.ask(RATINGS, case_of(own)))

    assert own.calls("ratings") == {}
    for answer in (first, *later):
        assert answer.codes == {"ratings": "UNAVAILABLE"}
        (error,) = answer.body["errors"]
        assert error["extensions"]["retryable"] is False
        assert "locked the gateway's credentials" in error["message"]
        assert_no_leak(answer, "AUTHENTICATION_LOCKED")
    assert first.partial["customers"]


@contextmanager
def expired(upstreams: Upstreams, bearer: bytes, from_when: threading.Event) -> Iterator[None]:
    """Have action management refuse one token, as it does with one that has run out."""

    async def refuse(call: Call, proceed: Proceed) -> None:
        if (b"authorization", bearer) not in call.scope["headers"]:
            await proceed(call)
            return
        await asyncio.to_thread(from_when.wait, 30)
        await call.send({"type": "http.response.start", "status": 401, "headers": []})
        await call.send({"type": "http.response.body", "body": b""})

    with meddling(upstreams, "action_management", refuse):
        yield


@contextmanager
def overheard(upstreams: Upstreams) -> Iterator[list[bytes]]:
    """Note what action management is shown as proof."""
    proofs: list[bytes] = []

    async def note(call: Call, proceed: Proceed) -> None:
        proofs.extend(value for name, value in call.scope["headers"] if name == b"authorization")
        await proceed(call)

    with meddling(upstreams, "action_management", note):
        yield proofs


async def test_three_hundred_requests_renew_one_token(own: Upstreams) -> None:
    """All meet the expired token together; it is renewed once and every one of them is answered."""
    hub = own.world.action_management.hubs[own.world.oddities.hub_with_program]
    cases = sorted(hub.cases)
    query = "query($hub: ID!, $case: ID!) { case(hubId: $hub, caseId: $case) { name } }"
    settings = {
        **own.environment,
        "CASEGRAPH_LIMITS__IN_FLIGHT": "300",
        "CASEGRAPH_DEADLINE_MS": "30000",
    }
    with running_gateway(settings) as gateway:
        with overheard(own) as proofs:
            gateway.ask(query, {"hub": str(hub.hub_id), "case": str(cases[0])})
        tokens = own.sandbox.traffic["action_management"]
        tokens.reset()
        limits = httpx.Limits(max_connections=300)
        async with httpx.AsyncClient(timeout=30, limits=limits, verify=NO_TLS) as client:

            def asked(number: int) -> dict[str, Any]:
                case = str(cases[number % len(cases)])
                return {"query": query, "variables": {"hub": str(hub.hub_id), "case": case}}

            all_in = threading.Event()
            with expired(own, proofs[-1], all_in):
                url = f"{gateway.url}/graphql"
                posts = [client.post(url, json=asked(number)) for number in range(300)]
                asking = asyncio.gather(*posts)
                await asyncio.to_thread(until, lambda: gateway.in_hand() == 300, 30)
                all_in.set()
                answers = await asking

    assert all(answer.json()["data"]["case"]["name"] for answer in answers)
    operations = tokens.snapshot()["operations"]
    assert operations["token"] == 1
    # Equal questions are one call. Eight were on the wire with the old token at most, and each of
    # them came once more.
    assert len(cases) < operations["case"] <= len(cases) + 8
