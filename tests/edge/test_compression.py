"""Compressed answers of the real gateway."""

import gzip

import httpx
import pytest

from casegraph.edge.compression import BESIDE, SMALLEST
from support.gateway import Gateway, running_gateway
from support.upstreams import Upstreams

SCHEMA = "{ __schema { types { name description fields { name description } } } }"


def ask(gateway: Gateway, query: str, encodings: str) -> tuple[httpx.Headers, bytes]:
    """Ask with these encodings taken, and return the answer's headers and its bytes as sent."""
    headers = {"accept-encoding": encodings}
    body = {"query": query}
    with gateway.client.stream(
        "POST", f"{gateway.url}/graphql", json=body, headers=headers
    ) as response:
        return response.headers, b"".join(response.iter_raw())


@pytest.mark.parametrize(
    "encodings", ["gzip", "br, gzip;q=0.5", "GZIP;q=0.001, *;q=0", "gzip ; q=1.0"]
)
def test_a_large_answer_is_compressed_for_who_takes_it(gateway: Gateway, encodings: str) -> None:
    """It is the same answer in a fraction of the bytes, and caches are told."""
    _, plain = ask(gateway, SCHEMA, "identity")

    headers, packed = ask(gateway, SCHEMA, encodings)

    assert headers["content-encoding"] == "gzip"
    assert headers["content-length"] == str(len(packed))
    assert headers["vary"] == "Accept, Accept-Encoding"
    assert gzip.decompress(packed) == plain
    assert len(packed) * 3 < len(plain)


@pytest.mark.parametrize(
    "encodings", ["identity", "gzip;q=0", "br, gzip; q=0.0", "", "gzip;Q=0", "gzipped", "x-gzip2"]
)
def test_nobody_gets_what_he_refuses(gateway: Gateway, encodings: str) -> None:
    """A weight of nothing is a no."""
    headers, body = ask(gateway, SCHEMA, encodings)

    assert "content-encoding" not in headers
    assert headers["vary"] == "Accept, Accept-Encoding"
    assert body.startswith(b'{"data"')


def test_a_small_answer_stays_as_it_is(gateway: Gateway) -> None:
    """Below one packet there is nothing to win."""
    headers, body = ask(gateway, "{ __typename }", "gzip")

    assert "content-encoding" not in headers
    assert len(body) < SMALLEST < BESIDE


def test_it_can_be_left_to_a_proxy(upstreams: Upstreams) -> None:
    """With the setting off no answer is compressed."""
    switches = {"CASEGRAPH_HTTP__COMPRESSION": "0"}
    with running_gateway({**upstreams.environment, **switches}) as gateway:
        headers, _ = ask(gateway, SCHEMA, "gzip")

    assert "content-encoding" not in headers
