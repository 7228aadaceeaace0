"""The issuer's keys: when they are fetched, and which of them count."""

import asyncio
import json

import pytest

from casegraph.edge.signing_keys import (
    COOL_DOWN_SECONDS,
    FRESH_SECONDS,
    USABLE_SECONDS,
    KeysUnavailable,
    SigningKeys,
    read_key_set,
)
from support.issuer import ec_key, entry, key_set, rsa_key

OLD, NEW = rsa_key(), rsa_key()
ALGORITHMS = ("RS256", "ES256")


class Source:
    """A key set that can be changed or gone, and counts how often it was fetched."""

    def __init__(self, *entries: dict[str, object]) -> None:
        self.body: bytes | None = key_set(*entries)
        self.fetched = 0
        self.now = 0.0
        self.gate: asyncio.Event | None = None
        self.keys = SigningKeys(self.fetch, ALGORITHMS, lambda: self.now)

    async def fetch(self) -> bytes:
        """Fetch it."""
        self.fetched += 1
        if self.gate is not None:
            await self.gate.wait()
        if self.body is None:
            raise OSError("issuer is down")
        return self.body

    async def knows(self, kid: str) -> bool:
        """Return whether a key is found."""
        return await self.keys.find(kid, "RS256") is not None


async def test_a_new_key_is_found_by_one_more_fetch() -> None:
    """The issuer has rotated: the first token of the new key finds it, the old one has gone."""
    source = Source(entry(OLD, "old"))
    first = await source.knows("old")
    source.now = COOL_DOWN_SECONDS
    source.body = key_set(entry(NEW, "new"))

    assert first
    assert await source.knows("new")
    assert not await source.knows("old")
    assert source.fetched == 2


async def test_unknown_kids_cost_one_fetch_in_a_cool_down() -> None:
    """Whoever makes kids up cannot make us ask the issuer for each."""
    source = Source(entry(OLD, "old"))
    for number in range(50):
        await source.knows(f"made up {number}")
    early = source.fetched
    source.now = COOL_DOWN_SECONDS
    for number in range(50):
        await source.knows(f"made up {number}")

    assert (early, source.fetched) == (1, 2)


async def test_many_at_once_wait_for_one_fetch() -> None:
    """A start under load asks the issuer once, and who leaves does not end it for the others."""
    source = Source(entry(OLD, "old"))
    source.gate = asyncio.Event()
    waiting = [asyncio.create_task(source.knows("old")) for _ in range(20)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.sleep(0)
    source.gate.set()

    assert await asyncio.gather(*waiting[1:]) == [True] * 19
    assert source.fetched == 1


async def test_an_issuer_that_is_down_signs_nobody_out_for_a_day() -> None:
    """Keys from before count while new ones cannot be had, and not for ever."""
    source = Source(entry(OLD, "old"))
    await source.knows("old")
    source.body = None
    source.now = FRESH_SECONDS + 1
    stale = await source.knows("old")
    await asyncio.sleep(0)
    source.now = USABLE_SECONDS + 1

    assert stale
    assert source.fetched == 2
    with pytest.raises(KeysUnavailable):
        await source.knows("old")


async def test_without_any_keys_it_is_tried_again_after_the_cool_down() -> None:
    """An issuer that was down at the first request is asked again, and not at each request."""
    source = Source(entry(OLD, "old"))
    body, source.body = source.body, None
    for _ in range(5):
        with pytest.raises(KeysUnavailable):
            await source.knows("old")
    down = source.fetched
    source.now, source.body = COOL_DOWN_SECONDS, body

    assert down == 1
    assert await source.knows("old")


async def test_old_keys_are_renewed_behind_the_answer() -> None:
    """Nobody waits for a set that is only not fresh any more."""
    source = Source(entry(OLD, "old"))
    await source.knows("old")
    source.gate, source.now = asyncio.Event(), FRESH_SECONDS + 1
    answered = await asyncio.wait_for(source.knows("old"), 1)
    await source.keys.close()

    assert answered


@pytest.mark.parametrize(
    "said",
    [
        {"use": "enc"},
        {"alg": "RS512"},
        {"kty": "oct", "k": "c2VjcmV0"},
        {"key_ops": ["encrypt"]},
        {"n": "AQAB"},
        {"n": 7},
        {"n": None},
        {"kid": 7},
    ],
)
def test_keys_for_other_things_do_not_count(said: dict[str, object]) -> None:
    """A key that encrypts, is too short, is a secret or cannot be read verifies nothing."""
    found = read_key_set(key_set({**entry(OLD, "bad"), **said}, entry(NEW, "good")), ALGORITHMS)

    assert set(found) == {("RS256", "good")}


def test_a_weak_key_does_not_count() -> None:
    """1,024 bits are too few."""
    assert read_key_set(key_set(entry(rsa_key(1024), "weak")), ALGORITHMS) == {}


def test_a_private_key_that_was_published_is_read_as_its_public_half() -> None:
    """An issuer's mistake is not held in our memory."""
    private = {**entry(ec_key(), "one"), "d": "AQAB"}
    found = read_key_set(key_set(private), ALGORITHMS)[("ES256", "one")]

    assert not hasattr(found.key, "private_numbers")


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b'{"keys": {}}', b"\xff", b'{"keys"'])
def test_what_is_no_key_set_is_none(body: bytes) -> None:
    """Whatever the issuer's address answers, it is a set or it is an error."""
    with pytest.raises(ValueError, match="no key set"):
        read_key_set(body, ALGORITHMS)


def test_odd_entries_are_passed_over() -> None:
    """One entry that is none costs the others nothing."""
    body = json.dumps({"keys": [None, 1, "x", [], {}, entry(OLD, "old")]}).encode()

    assert set(read_key_set(body, ALGORITHMS)) == {("RS256", "old")}
