"""Secrets stay secret while things go wrong: nothing the process writes or answers holds one.

A real process with a canary in every credential, a Redis with a password of its own, and a client
that brings a rating's hash; then every kind of failure, with vendors that repeat what they were
sent. Looked at afterwards: all log lines at debug, the metrics, the answers, the spans that came to
a collector, the names and values in Redis and in the memory's cache.
"""

import base64
import json
import re
import signal
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from casegraph.loading.kept_store import Entry, MemoryStore
from casegraph.telemetry.tracing import open_tracing
from support.collector import Collector, collecting
from support.command import PATIENT, environment_with
from support.gateway import Gateway, plain_client, running_gateway
from support.redis_server import PASSWORD, RedisServer, needs_redis, running_redis
from support.registry import REGISTRY, ask_everything, rehearsing, variables
from support.rehearsed import until
from support.upstreams import Upstreams, running_upstreams

HASH = "canaryHash7f3a"
TOKEN = "canary-access-token"
SECRETS = {
    "ACTION_MANAGEMENT__CLIENT_SECRET": "canary-client-secret",
    "CASE_REVIEWS__TOKEN": "canary-trackops-token",
    "RATINGS__PASSWORD": "canary-kayako-password",
    "CUSTOMER_CASES__AUTH_VALUE": "canary-khoros-key",
}
ANY_CANARY = re.compile(r"canary", re.IGNORECASE)
BY_HASH = "query($hash: ID!, $case: ID!) { ratingByHash(caseId: $case, hash: $hash) { score } }"


CLIENTS_OWN = "Bearer canary-of-the-client"
COLLECTORS = "canary-collector-key"


def leaks(sinks: Mapping[str, str], forms: Iterable[str]) -> dict[str, set[str]]:
    """Return by sink what was found of the secrets, in any form; empty where nothing was."""
    wanted = tuple(forms)
    found = {
        name: {*ANY_CANARY.findall(text), *(form for form in wanted if form in text)}
        for name, text in sinks.items()
    }
    return {name: forms for name, forms in found.items() if forms}


def dump(redis: RedisServer) -> str:
    """Return the names and values of all that stands in Redis."""
    with redis.admin() as admin:
        return repr([(key, admin.get(key), admin.pttl(key)) for key in admin.keys("*")])


def encoded(settings: dict[str, str]) -> list[str]:
    """Return the forms in which the secrets are on the wire."""
    reviews = f"{settings['CASEGRAPH_CASE_REVIEWS__USERNAME']}/token:canary-trackops-token"
    ratings = f"{settings['CASEGRAPH_RATINGS__EMAIL']}:canary-kayako-password"
    basic = [base64.b64encode(text.encode()).decode() for text in (reviews, ratings)]
    return [*basic, PASSWORD, quote(PASSWORD, safe="")]


def plans() -> Iterator[dict[str, Any]]:
    """Yield plans of failures, each with a token that is a canary too and a vendor that echoes."""
    echo = json.dumps({"message": f"refused canary-khoros-key {TOKEN} {HASH}", "errors": []})
    kinds: list[dict[str, Any]] = [
        {"kind": "status", "code": code, "body": echo}
        for code in (200, 302, 400, 403, 404, 409, 418, 422, 454, 500, 503)
    ]
    kinds += [{"kind": kind} for kind in ("reset", "truncate", "double_gzip", "html", "hang")]
    kinds += [
        {"kind": "redirect", "to": f"http://127.0.0.1:9/?token={TOKEN}"},
        {"kind": "bad_json", "form": "bad_utf8"},
        {"kind": "status", "code": 429, "body": echo, "headers": {"Retry-After": "0"}},
        {"kind": "status", "code": 401, "body": echo},
        {"kind": "status", "code": 429, "body": echo, "headers": {"Retry-After": "60"}},
        {"kind": "status", "named": "kayako_authentication_locked"},
    ]
    body = json.dumps({"access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer"})
    token = {"kind": "status", "code": 200, "body": body, "times": "forever"}
    for kind in kinds:
        every = {"operations": {"*": [{**kind, "times": "forever"}]}}
        actions = {"operations": {**every["operations"], "token": [token]}}
        yield {**dict.fromkeys(REGISTRY, every), "action_management": actions}


@contextmanager
def process(settings: dict[str, str], written: Path) -> Iterator[Gateway]:
    """Run a gateway that writes all it has to say into a file."""
    with (
        written.open("wb") as sink,
        subprocess.Popen(  # noqa: S603 - our own interpreter and our own package
            [*PATIENT, "serve", "--port", "0"],
            stdout=sink,
            stderr=subprocess.STDOUT,
            env=environment_with(settings),
        ) as child,
    ):
        try:
            address = re.compile(r"(http://127\.0\.0\.1:[0-9]+)/graphql\b")
            until(lambda: address.search(written.read_text()), patience=30)
            found = address.search(written.read_text())
            assert found is not None
            with plain_client() as client:
                yield Gateway(found[1], client)
        finally:
            child.send_signal(signal.SIGTERM)
            child.wait(30)


@pytest.fixture
def upstreams() -> Iterator[Upstreams]:
    """Return a sandbox of its own: wrong credentials lock an account for all who share it."""
    with running_upstreams(cases=60) as running:
        yield running


def provoked(gateway: Gateway, upstreams: Upstreams, some: list[dict[str, Any]]) -> list[str]:
    """Ask through plans; return all that was answered, headers included."""
    heard = []
    asked = {"hash": HASH, "case": variables(upstreams)["case"]}
    for plan in some:
        with rehearsing(upstreams, plan):
            own = {"x_deadline_ms": "400", "authorization": CLIENTS_OWN, "cookie": CLIENTS_OWN}
            first = ask_everything(gateway, upstreams, **own)
            second = gateway.ask(BY_HASH, asked, **own)
        assert first.codes
        heard += [f"{each.response.headers} {each.response.text}" for each in (first, second)]
    return heard


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    """Return a Redis that asks for a password."""
    with running_redis(tmp_path) as server:
        yield server


@needs_redis
def test_no_canary_is_written_or_answered(
    upstreams: Upstreams, redis: RedisServer, tmp_path: Path
) -> None:
    """Logs, metrics, answers, spans and Redis hold none of the secrets, in none of their forms."""
    settings = {
        **upstreams.environment,
        **{f"CASEGRAPH_{name}": secret for name, secret in SECRETS.items()},
        "CASEGRAPH_CACHE__URL": redis.url,
        "CASEGRAPH_LOG__FORMAT": "json",
        "CASEGRAPH_LOG__LEVEL": "debug",
        "CASEGRAPH_OTEL__HEADERS": json.dumps({"x-collector-key": COLLECTORS}),
    }
    sinks = {"answers": "", "metrics": "", "logs": "", "redis": ""}
    every = list(plans())
    with collecting() as collector:
        settings["CASEGRAPH_OTEL__ENDPOINT"] = collector.url
        # A few plans a process: after more its breakers would be open, and nothing would be sent.
        for start in range(0, len(every), 4):
            written = tmp_path / f"written-{start}"
            with process(settings, written) as gateway:
                some = every[start : start + 4]
                sinks["answers"] += "\n".join(provoked(gateway, upstreams, some))
                sinks["metrics"] += gateway.client.get(f"{gateway.url}/metrics").text
            sinks["logs"] += written.read_text()
            sinks["redis"] += dump(redis)
            with redis.admin() as admin:
                admin.flushdb()  # what one process was told must not spare the next its faults
    sinks["spans"] = collector.text

    assert_told(sinks, collector)
    assert leaks(sinks, encoded(settings)) == {}


def assert_told(sinks: Mapping[str, str], collector: Collector) -> None:
    """Check that there was something to search in every sink, about every upstream."""
    lines = [json.loads(line) for line in sinks["logs"].splitlines() if line.startswith('{"')]
    failures = {line["upstream"] for line in lines if "upstream" in line}
    assert failures >= set(REGISTRY), "the failures were not logged at all"
    assert 'upstream="ratings"' in sinks["metrics"]
    assert '"UNAVAILABLE"' in sinks["answers"]
    assert "casegraph:v1:pause:" in sinks["redis"]
    assert "casegraph:v1:locked:ratings:" in sinks["redis"]
    names = {span.name.split()[0] for span in collector.spans}
    assert names == {"graphql", *REGISTRY}, "spans are missing"
    outcomes = {
        attribute.value.string_value
        for span in collector.spans
        for attribute in span.attributes
        if attribute.key == "casegraph.outcome"
    }
    assert outcomes >= {"contract", "credentials", "server_error", "timed_out", "unreachable"}
    # The key for the collector is a secret too, and was shown where it belongs.
    assert {each.get("x-collector-key") for each in collector.headers} == {COLLECTORS}


@needs_redis
def test_no_credential_is_in_the_cache(
    upstreams: Upstreams, redis: RedisServer, tmp_path: Path
) -> None:
    """With credentials that work, what is kept in Redis holds none of them, nor a rating's hash."""
    settings = {**upstreams.environment, "CASEGRAPH_CACHE__URL": redis.url}
    asked = {"hash": HASH, **variables(upstreams)}
    query = """query($hub: ID!, $case: ID!, $hash: ID!) {
      roles(hubId: $hub) { name } programLists(hubId: $hub) { name }
      ratingByHash(caseId: $case, hash: $hash) { score } }"""
    with process(settings, tmp_path / "written") as gateway, redis.admin() as admin:
        answer = gateway.ask(query, asked)
        # What a busy machine was too slow to keep is kept the next time.
        until(lambda: len(admin.keys("*")) >= 2 or not gateway.ask(query, asked), patience=30)
    kept = dump(redis)

    assert answer.partial["roles"]
    assert "casegraph:v1" in kept
    ends = ("SECRET", "TOKEN", "PASSWORD", "AUTH_VALUE")
    secrets = [text for name, text in settings.items() if name.endswith(ends)]
    assert len(secrets) == len(SECRETS)
    assert [text for text in (*secrets, *encoded(settings), HASH) if text in kept] == []


def test_no_credential_is_in_the_memory(
    upstreams: Upstreams, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same for the cache of a process without Redis: no name and no value holds a secret."""
    kept: list[Any] = []
    keep = MemoryStore.put

    def overheard(self: MemoryStore, key: str, entry: Entry, encode: Any, *more: Any) -> None:
        kept.append((key, encode(entry.value)))
        keep(self, key, entry, encode, *more)

    monkeypatch.setattr(MemoryStore, "put", overheard)
    asked = {"hash": HASH, **variables(upstreams)}
    query = """query($hub: ID!, $case: ID!, $hash: ID!) {
      roles(hubId: $hub) { name } programLists(hubId: $hub) { name }
      ratingByHash(caseId: $case, hash: $hash) { score } }"""
    with running_gateway(upstreams.environment) as gateway:
        answer = gateway.ask(query, asked)
        until(lambda: len(kept) >= 2)

    assert answer.partial["roles"]
    assert all(key.startswith("casegraph:v1") for key, _ in kept)
    ends = ("SECRET", "TOKEN", "PASSWORD", "AUTH_VALUE")
    secrets = [text for name, text in upstreams.environment.items() if name.endswith(ends)]
    assert leaks({"memory": repr(kept)}, [*secrets, *encoded(upstreams.environment), HASH]) == {}


@pytest.mark.parametrize("sink", ["answers", "metrics", "logs", "redis", "spans"])
def test_a_secret_in_any_sink_is_found(sink: str) -> None:
    """The search is not blind: each form of each secret is found where it was put, there alone."""
    reviews = {"CASEGRAPH_CASE_REVIEWS__USERNAME": "r", "CASEGRAPH_RATINGS__EMAIL": "k@example.com"}
    forms = [*SECRETS.values(), HASH, TOKEN, CLIENTS_OWN, COLLECTORS, *encoded(reviews)]
    clean = dict.fromkeys(("answers", "metrics", "logs", "redis", "spans"), '{"code": "INTERNAL"}')

    assert leaks(clean, forms) == {}
    for form in forms:
        found = leaks({**clean, sink: f"before {form} after"}, forms)
        assert found.keys() == {sink}
        assert form in found[sink]


@pytest.mark.parametrize("place", ["name", "attribute", "event"])
def test_a_secret_in_a_span_is_found_at_the_collector(place: str) -> None:
    """Planted where our own code never writes, it travels the whole way and is found."""
    with collecting() as collector:
        tracing = open_tracing(collector.url)
        span = tracing._tracer.start_span(TOKEN if place == "name" else "graphql query")
        if place == "attribute":
            span.set_attribute("casegraph.operation", TOKEN)
        if place == "event":
            span.add_event("exception", {"exception.message": f"refused {TOKEN}"})
        span.end()
        tracing.close()

    assert len(collector.spans) == 1
    assert leaks({"spans": collector.text}, [TOKEN]) == {"spans": {"canary", TOKEN}}


@needs_redis
@pytest.mark.parametrize("place", ["name", "value"])
def test_a_secret_in_redis_is_found(redis: RedisServer, place: str) -> None:
    """As the name of a key and as what stands under one."""
    with redis.admin() as admin:
        admin.set(HASH if place == "name" else "casegraph:v1:x", HASH)

    assert leaks({"redis": dump(redis)}, [HASH]) == {"redis": {"canary", HASH}}


def test_the_canaries_are_there_to_be_found(upstreams: Upstreams) -> None:
    """The search can find something: settings and plans hold canaries in plenty."""
    assert all(ANY_CANARY.search(text) for text in (*SECRETS.values(), HASH, TOKEN))
    assert {f"CASEGRAPH_{name}" for name in SECRETS} <= upstreams.environment.keys()
    assert len(ANY_CANARY.findall(json.dumps(list(plans())))) > 100
