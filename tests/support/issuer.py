"""An issuer of tokens: its keys, its key set on a real socket, and what it can be made to sign."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from casegraph.serving import start_in_thread

ISSUER = "https://issuer.example/"
AUDIENCE = "casegraph"


def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    """Return a new key."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def ec_key() -> ec.EllipticCurvePrivateKey:
    """Return a new key."""
    return ec.generate_private_key(ec.SECP256R1())


def entry(key: Any, kid: str | None, **said: Any) -> dict[str, Any]:
    """Return a key's entry of a key set."""
    algorithm = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
    told: dict[str, Any] = json.loads(algorithm.to_jwk(key.public_key()))
    told.pop("key_ops", None)
    return {**told, **({} if kid is None else {"kid": kid}), **said}


def key_set(*entries: Mapping[str, Any]) -> bytes:
    """Return a key set as it is on the wire."""
    return json.dumps({"keys": list(entries)}).encode()


def claims(**said: Any) -> dict[str, Any]:
    """Return the claims of a good token, with these in place of the usual; None takes one out."""
    usual = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "alice",
        "exp": int(time.time()) + 300,
        "scope": "cases:read",
    }
    return {name: value for name, value in {**usual, **said}.items() if value is not None}


def signed(key: Any, kid: str | None = "one", algorithm: str = "RS256", **said: Any) -> str:
    """Return a signed token."""
    headers = {} if kid is None else {"kid": kid}
    return jwt.encode(claims(**said), key, algorithm=algorithm, headers=headers)


@dataclass
class Issuer:
    """A key set that is served, and how often it was asked for."""

    url: str = ""
    body: bytes = b""
    status: int = 200
    asked: int = 0
    headers: list[dict[str, str]] = field(default_factory=list)


@contextmanager
def running_issuer(body: bytes) -> Iterator[Issuer]:
    """Serve a key set on loopback."""
    issuer = Issuer(body=body)

    async def keys(request: Request) -> Response:
        issuer.asked += 1
        issuer.headers.append(dict(request.headers))
        return Response(issuer.body, issuer.status, media_type="application/json")

    with start_in_thread(Starlette(routes=[Route("/keys", keys)])) as running:
        issuer.url = f"{running.url}/keys"
        yield issuer
