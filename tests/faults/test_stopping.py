"""A real gateway that is asked to stop: not ready first, then what is open is finished.

A balancer must see it before connections are refused, or it sends requests to nobody.
"""

import signal
import threading
from collections.abc import Iterator

import httpx
import pytest

from support.command import started_command
from support.gateway import Answer, Gateway, plain_client
from support.registry import ask_everything, plan_for, rehearsing
from support.rehearsed import until
from support.upstreams import Upstreams, running_upstreams


@pytest.fixture(scope="module")
def own() -> Iterator[Upstreams]:
    """Return a sandbox that nobody else spoils."""
    with running_upstreams(cases=60) as running:
        yield running


def test_not_ready_comes_first_and_an_open_request_is_answered(own: Upstreams) -> None:
    """At the signal `/readyz` is 503 and `/livez` 200 on new connections; the open one is whole."""
    settings = {**own.environment, "CASEGRAPH_DRAIN_SECONDS": "3"}
    answers: list[Answer] = []
    with (
        started_command("serve", "--port", "0", variables=settings) as command,
        rehearsing(own, plan_for("ratings", kind="slow", delay_ms=800)),
    ):
        url = command.read_until(r"(http://127\.0\.0\.1:[0-9]+)/graphql\b")[1]
        assert httpx.get(f"{url}/readyz").status_code == 200

        def ask() -> None:
            with plain_client() as client:
                answers.append(ask_everything(Gateway(url, client), own))

        asking = threading.Thread(target=ask)
        asking.start()
        until(lambda: own.sandbox.traffic["ratings"].snapshot()["in_flight"])
        command.process.send_signal(signal.SIGTERM)
        until(lambda: httpx.get(f"{url}/readyz").status_code == 503)
        lives = httpx.get(f"{url}/livez").status_code
        asking.join(30)
        code = command.process.wait(30)

    assert lives == 200
    assert all(answers[0].data.values())
    assert code == 0
