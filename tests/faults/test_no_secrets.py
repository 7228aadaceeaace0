"""Secrets stay secret while things go wrong: nothing the process writes or answers holds one.

A real process with a canary in every credential, a Redis with a password of its own, and a client
that brings a rating's hash; then every kind of failure, with vendors that repeat what they were
sent. Looked at afterwards: all log lines at debug, the metrics, the answers, the names and values
in Redis.
"""

import base64
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from support.command import environment_with
from support.gateway import Gateway
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
        subprocess.Popen(
            [sys.executable, "-m", "casegraph", "serve", "--port", "0"],
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
            with httpx.Client(timeout=30) as client:
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
            first = ask_everything(gateway, upstreams, x_deadline_ms="400")
            second = gateway.ask(BY_HASH, asked, x_deadline_ms="400")
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
    """Logs, metrics and answers hold none of the secrets, in none of their forms."""
    settings = {
        **upstreams.environment,
        **{f"CASEGRAPH_{name}": secret for name, secret in SECRETS.items()},
        "CASEGRAPH_CACHE__URL": redis.url,
        "CASEGRAPH_LOG__FORMAT": "json",
        "CASEGRAPH_LOG__LEVEL": "debug",
    }
    sinks = {"answers": "", "metrics": "", "logs": ""}
    every = list(plans())
    # A few plans a process: after more its breakers would be open, and nothing would be sent.
    for start in range(0, len(every), 4):
        written = tmp_path / f"written-{start}"
        with process(settings, written) as gateway:
            sinks["answers"] += "\n".join(provoked(gateway, upstreams, every[start : start + 4]))
            sinks["metrics"] += gateway.client.get(f"{gateway.url}/metrics").text
        sinks["logs"] += written.read_text()

    lines = [json.loads(line) for line in sinks["logs"].splitlines() if line.startswith('{"')]
    failures = {line["upstream"] for line in lines if "upstream" in line}
    assert failures >= set(REGISTRY), "the failures were not logged at all"
    assert 'upstream="ratings"' in sinks["metrics"]
    assert '"UNAVAILABLE"' in sinks["answers"]
    forms = encoded(settings)
    for name, text in sinks.items():
        assert ANY_CANARY.findall(text) == [], name
        assert [form for form in forms if form in text] == [], name


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
    with process(settings, tmp_path / "written") as gateway:
        answer = gateway.ask(query, asked)
        admin = redis.admin()
        until(lambda: len(admin.keys("*")) >= 2)
    kept = repr([(key, admin.get(key)) for key in admin.keys("*")])

    assert answer.partial["roles"]
    assert "casegraph:v1" in kept
    ends = ("SECRET", "TOKEN", "PASSWORD", "AUTH_VALUE")
    secrets = [text for name, text in settings.items() if name.endswith(ends)]
    assert len(secrets) == len(SECRETS)
    assert [text for text in (*secrets, *encoded(settings), HASH) if text in kept] == []


def test_the_canaries_are_there_to_be_found(upstreams: Upstreams) -> None:
    """The search can find something: settings and plans hold canaries in plenty."""
    assert all(ANY_CANARY.search(text) for text in (*SECRETS.values(), HASH, TOKEN))
    assert {f"CASEGRAPH_{name}" for name in SECRETS} <= upstreams.environment.keys()
    assert len(ANY_CANARY.findall(json.dumps(list(plans())))) > 100
