"""What one gateway was told by an upstream, the others obey, with a real Redis between them.

Real gateways over one sandbox: two in this process, each with chains and connections of its own,
and two real processes where credentials are locked, for their names in Redis must agree.
"""

import re
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from casegraph.transport.shared_pause import FRESH_SECONDS
from support.command import PATIENT, started_command
from support.gateway import Gateway, plain_client, running_gateway
from support.redis_server import RedisServer, needs_redis, running_redis
from support.registry import REGISTRY, ask_some, assert_no_leak, plan_for, rehearsing
from support.rehearsed import until
from support.upstreams import Upstreams, running_upstreams

pytestmark = [needs_redis, pytest.mark.usefixtures("patient_with_redis")]


@pytest.fixture(scope="module")
def _own() -> Iterator[Upstreams]:
    with running_upstreams(cases=60) as running:
        yield running


@pytest.fixture
def own(_own: Upstreams) -> Upstreams:
    """Return a sandbox whose counts begin here."""
    _own.mark()
    return _own


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    """Return a Redis of the test's own."""
    with running_redis(tmp_path) as server:
        yield server


@pytest.fixture
def pair(own: Upstreams, redis: RedisServer) -> Iterator[tuple[Gateway, Gateway]]:
    """Return two gateways over the same upstreams and the same Redis."""
    settings = {**own.environment, "CASEGRAPH_CACHE__URL": redis.url}
    with ExitStack() as stack:
        one, other = (stack.enter_context(running_gateway(settings)) for _ in range(2))
        yield one, other


def arrived(redis: RedisServer, pattern: str) -> None:
    """Wait until a key of this kind stands in Redis."""
    with redis.admin() as admin:
        until(lambda: admin.keys(f"casegraph:v1:{pattern}"))


@pytest.mark.parametrize("upstream", REGISTRY)
@pytest.mark.parametrize("named", ["429_seconds", "quota"])
def test_a_pause_told_to_one_gateway_holds_for_the_other(
    own: Upstreams, redis: RedisServer, pair: tuple[Gateway, Gateway], upstream: str, named: str
) -> None:
    """The second sends nothing at all and says how long to wait; other upstreams are asked."""
    one, other = pair
    fault = {"kind": "status", "named": named, "retry_after_seconds": 7}
    limit = 2 if upstream == "action_management" else 1  # the token is a call too
    quota = {upstream: {"quota": {"limit": limit, "window_ms": 30_000, "reset_as": "seconds"}}}
    with rehearsing(own, quota if named == "quota" else plan_for(upstream, **fault)):
        first = ask_some(one, own, upstream)
        assert ("errors" in first.body) is (named != "quota")
        arrived(redis, f"pause:{upstream}")
        own.mark()
        second = ask_some(other, own, upstream)

    assert own.calls() == {}
    assert second.codes == {REGISTRY[upstream].alias: "RATE_LIMITED"}
    (error,) = second.body["errors"]
    assert 2_000 < error["extensions"]["retryAfterMs"] <= 33_001
    assert_no_leak(second)
    for neighbour in REGISTRY.keys() - {upstream}:
        assert ask_some(other, own, neighbour).data


def test_redis_killed_in_the_middle_costs_no_answer(
    own: Upstreams, redis: RedisServer, pair: tuple[Gateway, Gateway]
) -> None:
    """Who was told keeps the pause; who was not asks, is answered, and learns for itself."""
    one, other = pair
    with rehearsing(
        own, plan_for("ratings", kind="status", named="429_seconds", retry_after_seconds=7, times=1)
    ):
        assert ask_some(one, own, "ratings").codes == {"ratings": "RATE_LIMITED"}
        redis.stop()
        own.mark()
        refused = [ask_some(one, own, "ratings") for _ in range(3)]
        assert own.calls() == {}
        served = [ask_some(other, own, "ratings") for _ in range(3)]

    assert [each.codes for each in refused] == [{"ratings": "RATE_LIMITED"}] * 3
    assert all(each.data["ratings"] for each in served)
    assert own.calls() == {"ratings.ratings": 3}


@contextmanager
def processes(settings: dict[str, str], number: int) -> Iterator[list[Gateway]]:
    """Run gateways as processes of their own."""
    with ExitStack() as stack:
        found = []
        for _ in range(number):
            command = stack.enter_context(
                started_command("serve", "--port", "0", variables=settings, command=PATIENT)
            )
            url = command.read_until(r"(http://127\.0\.0\.1:[0-9]+)/graphql\b")[1]
            stack.callback(command.process.send_signal, signal.SIGKILL)
            found.append(Gateway(url, stack.enter_context(plain_client())))
        yield found


@pytest.mark.parametrize("way", ["session", "token"])
def test_credentials_locked_for_one_process_are_locked_for_all(
    own: Upstreams, redis: RedisServer, way: str
) -> None:
    """Two processes with the same credentials send nothing more; others' credentials go on."""
    settings = {**own.environment, "CASEGRAPH_CACHE__URL": redis.url}
    if way == "token":
        del settings["CASEGRAPH_RATINGS__EMAIL"], settings["CASEGRAPH_RATINGS__PASSWORD"]
        settings["CASEGRAPH_RATINGS__TOKEN"] = "sandbox-kayako-token"
        with_others = {**own.environment, "CASEGRAPH_CACHE__URL": redis.url}
    else:
        with_others = {**settings, "CASEGRAPH_RATINGS__TOKEN": "sandbox-kayako-token"}
    with processes(settings, 2) as (one, other), running_gateway(with_others) as elsewhere:
        assert ask_some(other, own, "ratings").data["ratings"]
        with rehearsing(
            own, plan_for("ratings", kind="status", named="kayako_authentication_locked", times=1)
        ):
            first = ask_some(one, own, "ratings")
        arrived(redis, "locked:ratings:*")
        threading.Event().wait(2 * FRESH_SECONDS)  # until what the other read last is old
        own.mark()
        later = [ask_some(each, own, "ratings") for each in (one, other, other)]
        assert own.calls() == {}
        assert ask_some(elsewhere, own, "ratings").data["ratings"]

    for answer in (first, *later):
        assert answer.codes == {"ratings": "UNAVAILABLE"}
        assert "locked the gateway's credentials" in answer.body["errors"][0]["message"]
    with redis.admin() as admin:
        (key,) = admin.keys("casegraph:v1:locked:*")
        assert re.fullmatch(rb"casegraph:v1:locked:ratings:[0-9a-f]{32}", key)
        assert 0 < admin.pttl(key) <= 3_600_000


def test_a_new_start_with_locked_credentials_asks_nothing(
    own: Upstreams, redis: RedisServer
) -> None:
    """The lock outlives the process that met it, also when that one was the only one."""
    settings = {**own.environment, "CASEGRAPH_CACHE__URL": redis.url}
    lock = plan_for("ratings", kind="status", named="kayako_authentication_locked", times=1)
    with running_gateway(settings) as gateway, rehearsing(own, lock):
        ask_some(gateway, own, "ratings")
        arrived(redis, "locked:ratings:*")
    own.mark()
    with running_gateway(settings) as gateway:
        assert ask_some(gateway, own, "ratings").codes == {"ratings": "UNAVAILABLE"}

    assert own.calls() == {}
