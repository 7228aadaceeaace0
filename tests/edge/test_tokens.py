"""Tokens: every way in which one is not good, with real keys and signatures."""

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from casegraph.edge.signing_keys import KeysUnavailable, SigningKeys
from casegraph.edge.tokens import TOKEN_MAX, TokenRules, Tokens
from support.issuer import AUDIENCE, ISSUER, claims, ec_key, entry, key_set, rsa_key, signed

OURS, OTHERS, CURVE = rsa_key(), rsa_key(), ec_key()
SET = key_set(entry(OURS, "one"), entry(CURVE, "two"))
RULES = TokenRules(ISSUER, AUDIENCE, ("RS256", "ES256"))


def tokens(body: bytes = SET, rules: TokenRules = RULES, **options: Any) -> Tokens:
    """Return tokens of an issuer with this key set."""

    async def fetch() -> bytes:
        return body

    return Tokens(rules, SigningKeys(fetch, rules.algorithms), **options)


def forged(header: dict[str, Any], payload: dict[str, Any] | None = None, sign: str = "") -> str:
    """Return a token of these parts, with any signature."""

    def part(value: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return f"{part(header)}.{part(payload or claims())}.{sign}"


def public_pem() -> bytes:
    """Return our public key as everybody can have it."""
    return OURS.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def confused() -> str:
    """Return a token signed with our public key as if that were a shared secret."""
    import hashlib  # noqa: PLC0415  nothing else here signs by hand
    import hmac  # noqa: PLC0415  the same

    head = forged({"alg": "HS256", "kid": "one"}).rpartition(".")[0]
    digest = hmac.new(public_pem(), head.encode(), hashlib.sha256).digest()
    return f"{head}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def tampered() -> str:
    """Return a good token with another subject."""
    head, _, sign = signed(OURS).split(".")
    body = forged({}, claims(sub="root")).split(".")[1]
    return f"{head}.{body}.{sign}"


@pytest.mark.parametrize(
    ("token", "name"),
    [
        (lambda: signed(OURS), "jwt:alice"),
        (lambda: signed(CURVE, "two", "ES256"), "jwt:alice"),
        (lambda: signed(OURS, None), "jwt:alice"),
        (lambda: signed(OURS, aud=["other", AUDIENCE]), "jwt:alice"),
        (lambda: signed(OURS, exp=int(time.time()) - 10), "jwt:alice"),
        (lambda: signed(OURS, nbf=int(time.time()) + 10), "jwt:alice"),
    ],
    ids=["rsa", "curve", "no kid", "several audiences", "clock behind", "clock ahead"],
)
async def test_a_good_token_says_who_asks(token: Callable[[], str], name: str) -> None:
    """Signed by our issuer for us and now, it counts; clocks may be 30 s apart."""
    identity = await tokens().identify(token())

    assert identity is not None
    assert (identity.name, identity.scopes) == (name, {"cases:read"})


@pytest.mark.parametrize(
    "token",
    [
        lambda: signed(OURS, exp=int(time.time()) - 40),
        lambda: signed(OURS, exp=None),
        lambda: signed(OURS, nbf=int(time.time()) + 90),
        lambda: signed(OURS, iat=int(time.time()) + 90),
        lambda: signed(OURS, aud="other"),
        lambda: signed(OURS, aud=None),
        lambda: signed(OURS, iss="https://issuer.example"),
        lambda: signed(OURS, iss=None),
        lambda: signed(OURS, sub=None),
        lambda: signed(OURS, sub=""),
        lambda: forged({"alg": "none"}),
        lambda: forged({"alg": "None", "kid": "one"}),
        lambda: forged({"kid": "one"}),
        lambda: forged({"alg": ["RS256"], "kid": "one"}),
        lambda: signed(OURS).rpartition(".")[0] + ".",
        tampered,
        confused,
        lambda: signed(OTHERS),
        lambda: signed(OURS, "two"),
        lambda: signed(OURS, "three"),
        lambda: signed(OURS, "../../dev/null"),
        lambda: signed(OURS, "x" * 300),
        lambda: signed(OURS, "one' OR '1'='1"),
        lambda: forged({"alg": "RS256", "kid": 7}),
        lambda: forged({"alg": "RS256", "kid": None, "jwk": entry(OTHERS, "one")}),
        lambda: jwt.encode(claims(), OTHERS, "RS256", {"kid": "one", "jwk": entry(OTHERS, "one")}),
        lambda: jwt.encode(claims(), OTHERS, "RS256", {"kid": "one", "jku": "http://127.0.0.1/"}),
        lambda: jwt.encode(claims(), OURS, "RS256", {"kid": "one", "crit": ["exp"]}),
        lambda: jwt.encode(claims(), OURS, "RS256", {"kid": "one", "crit": ["b64"], "b64": True}),
        lambda: signed(OURS, algorithm="RS512"),
        lambda: signed(OURS, algorithm="PS256"),
        lambda: signed(OURS, note="x" * TOKEN_MAX),
        lambda: "a.b.c",
        lambda: "",
        lambda: "...",
        lambda: "\u00e9.\u00e9.\u00e9",
        lambda: forged({"alg": "RS256", "kid": "one"}, sign="AAAA"),
    ],
)
async def test_any_other_token_is_nobodys(token: Callable[[], str]) -> None:
    """Expired, unsigned, changed, of another issuer, for another, or signed in a way not chosen."""
    assert await tokens().identify(token()) is None


@pytest.mark.parametrize(
    ("said", "scopes"),
    [
        ({"scope": "cases:read cases:write unknown"}, {"cases:read", "cases:write"}),
        ({"scope": ["cases:write", 7, None]}, {"cases:write"}),
        ({"scope": {"admin": True}}, set()),
        ({"scope": None}, set()),
        ({"scp": "admin"}, {"cases:read"}),
    ],
)
async def test_scopes_are_those_of_the_claim_that_are_known(
    said: dict[str, Any], scopes: set[str]
) -> None:
    """Whatever else stands there gives nothing."""
    identity = await tokens().identify(signed(OURS, **said))

    assert identity is not None
    assert identity.scopes == scopes


async def test_a_subject_that_is_no_word_is_named_by_a_digest() -> None:
    """A mail address stands in no audit line, and two of them are two callers."""
    both = [await tokens().identify(signed(OURS, sub=f"{name}@x.example")) for name in "ab"]
    names = [identity.name for identity in both if identity is not None]

    assert len(set(names)) == 2
    assert all(name.startswith("jwt:sha256:") and "@" not in name for name in names)


async def test_a_remembered_token_ends_in_time() -> None:
    """That a token was good once says nothing after its expiry."""
    now = [time.time()]
    ours = tokens(now=lambda: now[0])
    token = signed(OURS, exp=int(now[0]) + 1)
    first = await ours.identify(token)
    [digest] = ours._good
    known = ours._remembered(digest)
    now[0] += 32

    assert first is not None
    assert (known, ours._remembered(digest)) == (first, None)


async def test_a_withdrawn_key_ends_the_tokens_signed_with_it() -> None:
    """A token that was good is asked about again once the issuer's set was fetched anew."""
    bodies = [SET, key_set(entry(OTHERS, "new"))]

    async def fetch() -> bytes:
        return bodies.pop(0)

    clock = [0.0]
    keys = SigningKeys(fetch, RULES.algorithms, lambda: clock[0])
    ours = Tokens(RULES, keys)
    token = signed(OURS)
    before = await ours.identify(token)
    clock[0] = 60.0
    other = await ours.identify(signed(OTHERS, "new"))

    assert (before is not None, other is not None) == (True, True)
    assert await ours.identify(token) is None


async def test_an_algorithm_that_was_not_chosen_does_not_count_where_its_keys_are_known() -> None:
    """What the issuer could sign with is not what we let in."""

    async def fetch() -> bytes:
        return SET

    ours = Tokens(RULES, SigningKeys(fetch, (*RULES.algorithms, "PS256")))

    assert await ours.identify(signed(OURS, algorithm="PS256")) is None
    assert await ours.identify(signed(OURS)) is not None


async def test_without_keys_nobody_is_judged() -> None:
    """An issuer that cannot be asked is no reason to call a token bad."""
    with pytest.raises(KeysUnavailable):
        await tokens(b"<html>").identify(signed(OURS))
