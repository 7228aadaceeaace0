"""How often one caller may ask: in one process, over two, and without their Redis."""

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from casegraph.edge.api_keys import new_key
from casegraph.edge.identity import Identity, RateExceeded
from casegraph.edge.rates import SKIP_SECONDS, PerMinute
from support.clock import Clock
from support.gateway import running_gateway
from support.redis_server import RedisServer, needs_redis, running_redis

ALICE, BOB = Identity("key:alice"), Identity("key:bob")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """Give a running Redis."""
    with running_redis(tmp_path) as server:
        yield server


async def passed(rates: PerMinute, identity: Identity, times: int) -> int:
    """Return how many of so many requests pass."""
    count = 0
    for _ in range(times):
        try:
            await rates.count(identity)
        except RateExceeded:
            continue
        count += 1
    return count


async def test_each_caller_has_its_own_minute() -> None:
    """Who asks too often is stopped, and nobody else is."""
    rates = PerMinute(5)
    counts = [await passed(rates, ALICE, 9), await passed(rates, BOB, 3)]
    await rates.close()

    assert counts == [5, 3]


async def test_a_refusal_says_when_to_come_back() -> None:
    """In seconds for HTTP, in milliseconds for the error, never more than a minute."""
    rates = PerMinute(1)
    await rates.count(ALICE)
    with pytest.raises(RateExceeded) as caught:
        await rates.count(ALICE)
    await rates.close()

    assert 0 < caught.value.retry_after_ms <= 60_000
    assert 0 < int(caught.value.headers["retry-after"]) <= 60
    assert caught.value.headers["ratelimit-limit"] == "1"


async def test_counts_of_past_minutes_are_forgotten() -> None:
    """What is kept is bounded by who asked in the last two minutes, and swept by one errand."""
    rates = PerMinute(5)
    tasks = len(asyncio.all_tasks())
    for number in range(50):
        await rates.count(Identity(f"jwt:{number}"))
    errands = len(asyncio.all_tasks()) - tasks
    before = len(rates._memory.storage)
    for key in rates._memory.expirations:
        rates._memory.expirations[key] = 0
    await rates.forget()
    await rates.close()

    assert (errands, before) == (1, 50)
    assert not rates._memory.storage


@needs_redis
@pytest.mark.usefixtures("patient_with_redis")
async def test_processes_count_together(server: RedisServer) -> None:
    """Two gateways over one Redis let through what one would, and no name is in its keys."""
    one, two = PerMinute(6, server.url), PerMinute(6, server.url)
    counts = [await passed(one, ALICE, 4), await passed(two, ALICE, 4)]
    keys = server.admin().keys("*")
    await one.close()
    await two.close()

    assert counts == [4, 2]
    assert keys
    assert not any(b"alice" in key for key in keys)


@needs_redis
@pytest.mark.parametrize("trouble", [signal.SIGSTOP, signal.SIGKILL])
async def test_without_their_redis_requests_go_on(
    server: RedisServer, trouble: signal.Signals
) -> None:
    """A Redis that hangs or is gone fails nobody: each process counts by itself for a while."""
    clock = Clock()
    rates = PerMinute(6, server.url, clock)
    server.signal(trouble)
    lost = await passed(rates, ALICE, 9)
    next_try = rates._next_try
    await rates.close()

    assert lost == 6
    assert next_try == clock() + SKIP_SECONDS


def test_over_the_gateway_it_is_429(tmp_path: Path) -> None:
    """The answer has a code, the wait in both forms, and the next caller is served."""
    keys = {name: new_key(name, ["cases:read"]) for name in ("alice", "bob")}
    file = tmp_path / "keys"
    file.write_text("\n".join(line for _, line in keys.values()))
    variables = {
        "CASEGRAPH_AUTH__API_KEYS_FILE": str(file),
        "CASEGRAPH_AUTH__REQUESTS_PER_MINUTE": "2",
    }
    with running_gateway(variables) as gateway:
        alice, bob = ({"x_api_key": key} for key, _ in keys.values())
        answers = [gateway.ask("{ __typename }", **alice) for _ in range(3)]
        other = gateway.ask("{ __typename }", **bob)
    statuses = [answer.response.status_code for answer in answers]
    said = answers[2].body["errors"][0]["extensions"]

    assert (statuses, other.response.status_code) == ([200, 200, 429], 200)
    assert (said["code"], said["retryable"]) == ("RATE_LIMITED", True)
    assert 0 < said["retryAfterMs"] <= 60_000
    assert int(answers[2].response.headers["retry-after"]) >= 1
