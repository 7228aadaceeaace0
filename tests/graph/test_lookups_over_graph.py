"""Program lists and roles: one call for everyone, kept for the next, with and without Redis."""

import asyncio
import re
import ssl
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from casegraph.sandbox.traffic import Call, Proceed
from support.gateway import Gateway, running_gateway
from support.meddling import meddling
from support.redis_server import RedisServer, needs_redis, running_redis
from support.upstreams import Upstreams

READERS = 100
QUERY = """query($hub: ID!) {
  programLists(hubId: $hub) { id listId name type updatedAt items { itemId name } }
  roles(hubId: $hub) { id roleId name updatedAt }
}"""
NAMES = "query($hub: ID!) { programLists(hubId: $hub) { name } roles(hubId: $hub) { name } }"
ONE_CALL_EACH = {"action_management.lists": 1, "action_management.roles": 1}


async def ask_together(gateway: Gateway, hub: str, sent: threading.Event) -> list[bytes]:
    """Ask the same question on many connections at once; `sent` is set when all have asked."""
    asked = 0

    async def trace(event: str, _info: Any) -> None:
        nonlocal asked
        asked += event == "http11.send_request_body.complete"
        if asked == READERS:
            sent.set()

    async def ask(client: httpx.AsyncClient) -> bytes:
        body = {"query": NAMES, "variables": {"hub": hub}}
        url = f"{gateway.url}/graphql"
        return (await client.post(url, json=body, extensions={"trace": trace})).content

    async with AsyncExitStack() as stack:
        # Ten clients: the work of one connection pool grows with the square of its requests.
        no_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        pools = [httpx.AsyncClient(timeout=60, verify=no_tls) for _ in range(10)]
        clients = [await stack.enter_async_context(pool) for pool in pools]
        return await asyncio.gather(*(ask(clients[n % 10]) for n in range(READERS)))


async def test_many_concurrent_readers_make_one_call_each(
    lab: Upstreams, lab_gateway: Gateway, new_hub: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A hundred who all ask before any is answered cost one call per look-up."""
    hub = str(new_hub().hub_id)
    all_asked = threading.Event()
    asked: Counter[str] = Counter()

    async def hold(call: Call, proceed: Proceed) -> None:
        # Of this hub alone: other gateways may still ask this sandbox for theirs.
        if f"/hubs/{hub}/" in call.scope["path"]:
            asked[f"{call.upstream}.{call.operation}"] += 1
            await asyncio.to_thread(all_asked.wait, 60)
        await proceed(call)

    with meddling(lab, "action_management", hold):
        answers = await ask_together(lab_gateway, hub, all_asked)
        assert all_asked.is_set()
        # On a busy machine an attempt may fail and be made again: then it stands in the log.
        failed = Counter(
            f"{each.fields['upstream']}.{each.fields['operation']}"
            for each in caplog.records
            if each.name == "casegraph.calls" and hasattr(each, "fields")
        )
        calls = Counter(asked)
        assert calls.keys() == ONE_CALL_EACH.keys()
        assert all(number <= 1 + failed[name] for name, number in calls.items()), (calls, failed)

        again = lab_gateway.ask(NAMES, {"hub": hub})
        assert asked == calls
    assert set(answers) == {again.response.content}
    assert len(again.data["programLists"]) == 6
    assert len(again.data["roles"]) == 3


def test_a_failure_is_not_remembered(lab: Upstreams, new_hub: Any, lab_gateway: Gateway) -> None:
    """A hub that is unknown today may be known tomorrow: the error is not cached."""
    unknown = str(new_hub().hub_id + 100_000)
    for _ in range(2):
        lab.mark()
        answer = lab_gateway.ask(QUERY, {"hub": unknown})
        assert set(answer.codes.values()) == {"NOT_FOUND"}
        assert lab.calls() == ONE_CALL_EACH


def test_hubs_are_kept_apart(lab_gateway: Gateway, lab: Upstreams, new_hub: Any) -> None:
    """What is remembered of one hub is never told of another, ids included."""
    one, other = new_hub(), new_hub()
    other.roles = [{**row, "name": f"Other {row['name']}"} for row in one.roles]

    found = [lab_gateway.ask(QUERY, {"hub": str(hub.hub_id)}).data["roles"] for hub in (one, other)]

    assert [role["name"] for role in found[0]] == [row["name"] for row in one.roles]
    assert [role["name"] for role in found[1]] == [row["name"] for row in other.roles]
    assert not {role["id"] for role in found[0]} & {role["id"] for role in found[1]}


@pytest.fixture
def redis_server(tmp_path: Path, patient_with_redis: None) -> Iterator[RedisServer]:
    """Run a real Redis, and let no gateway of the test take a busy machine for a lost one."""
    with running_redis(tmp_path) as server:
        yield server


@needs_redis
def test_redis_serves_the_next_gateway_and_is_not_missed_when_killed(
    upstreams: Upstreams, hub: str, redis_server: RedisServer
) -> None:
    """A second process reads what the first wrote; without Redis both answer as before."""
    environment = {**upstreams.environment, "CASEGRAPH_CACHE__URL": redis_server.url}
    query = {"hub": hub}
    with running_gateway(environment) as first:
        expected = first.ask(QUERY, query).data
    assert upstreams.calls() == ONE_CALL_EACH

    admin = redis_server.admin()
    keys = [*admin.scan_iter()]
    assert len(keys) == 2
    assert all(800 < admin.ttl(key) <= 900 for key in keys)
    admin.close()

    upstreams.mark()
    with running_gateway(environment) as second:
        assert second.ask(QUERY, query).data == expected
        assert upstreams.calls() == {}
        redis_server.stop()
        assert second.ask(QUERY, query).data == expected
        assert upstreams.calls() == ONE_CALL_EACH
    with running_gateway(environment) as third:
        assert third.ask(QUERY, query).data == expected


@needs_redis
def test_garbage_in_redis_is_a_miss(
    upstreams: Upstreams, hub: str, redis_server: RedisServer
) -> None:
    """An entry that cannot be read is asked anew, and nobody notices."""
    environment = {**upstreams.environment, "CASEGRAPH_CACHE__URL": redis_server.url}
    garbage = (b"", b"null", b'[{"id":', b'[{"name": 7}]', b"\xff")
    admin = redis_server.admin()
    with running_gateway(environment) as gateway:
        expected = gateway.ask(QUERY, {"hub": hub}).data
        for entry in garbage:
            for key in [*admin.scan_iter()]:
                admin.set(key, entry)
            upstreams.mark()
            assert gateway.ask(QUERY, {"hub": hub}).data == expected
            assert upstreams.calls() == ONE_CALL_EACH
    admin.close()


@needs_redis
def test_no_entry_in_redis_is_without_its_tenant(
    upstreams: Upstreams, hub: str, redis_server: RedisServer
) -> None:
    """Also what the process asks for itself stands under the account that it is asked with."""
    environment = {**upstreams.environment, "CASEGRAPH_CACHE__URL": redis_server.url}
    environment.pop("CASEGRAPH_ACTION_MANAGEMENT__HUBS", None)
    review = str(next(iter(upstreams.world.case_reviews.entries)))
    back = "query($id: ID!) { reviewEntry(reviewEntryId: $id) { case { name } } }"
    with running_gateway(environment) as gateway:
        gateway.ask(QUERY, {"hub": hub})
        gateway.ask(back, {"id": review})
    admin = redis_server.admin()
    keys = [key.decode() for key in admin.scan_iter()]
    admin.close()

    kept = [key for key in keys if key.split(":")[2] in {"hubs", "lists", "roles"}]
    assert {key.split(":")[2] for key in kept} == {"hubs", "lists", "roles"}
    assert [key for key in kept if not re.fullmatch(r"[0-9a-f]{16}", key.split(":")[3])] == []
