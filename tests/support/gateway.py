"""The real gateway on a real socket, asked as a client asks it."""

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from casegraph.app import create_app
from casegraph.serving import start_in_thread
from casegraph.settings import load_settings

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For clients on loopback: reading the certificates of all authorities takes each of them 35 ms."""


@dataclass
class Answer:
    """What came back: HTTP side and GraphQL side."""

    response: httpx.Response

    @property
    def body(self) -> dict[str, Any]:
        """The whole JSON answer."""
        body: dict[str, Any] = self.response.json()
        return body

    @property
    def data(self) -> Any:
        """The data; fails the test when there are errors."""
        assert "errors" not in self.body, self.body["errors"]
        return self.body["data"]

    @property
    def partial(self) -> Any:
        """The data, whatever the errors."""
        return self.body["data"]

    @property
    def codes(self) -> dict[str, str]:
        """The errors' codes by dotted path."""
        return {
            ".".join(map(str, error.get("path", ()))): error["extensions"]["code"]
            for error in self.body.get("errors", ())
        }


@dataclass
class Gateway:
    """A running gateway."""

    url: str
    client: httpx.Client

    def ask(self, query: str, variables: Mapping[str, Any] | None = None, **headers: str) -> Answer:
        """Send one operation."""
        body = {"query": query, "variables": dict(variables or {})}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return Answer(self.client.post(f"{self.url}/graphql", json=body, headers=named))

    def in_hand(self) -> float:
        """Return how many requests it is working on."""
        text = self.client.get(f"{self.url}/metrics").text
        return float(text.partition("\ncasegraph_requests_in_flight ")[2].partition("\n")[0])


def plain_client() -> httpx.Client:
    """Return a client of something on loopback."""
    return httpx.Client(timeout=30, verify=NO_TLS)


@contextmanager
def running_gateway(environment: Mapping[str, str]) -> Iterator[Gateway]:
    """Start a gateway with exactly these CASEGRAPH_ settings for the time of the context."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        settings = load_settings()
    with start_in_thread(create_app(settings)) as running, plain_client() as client:
        yield Gateway(running.url, client)
