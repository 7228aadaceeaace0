"""The caller's credential reaches the upstream it is for, and nothing else of anybody."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casegraph.errors import CredentialsMissing
from casegraph.transport.forwarded import (
    Forwarding,
    behind_the_answer,
    callers_proofs,
    identity_for,
    proof_of,
)
from support.scripted import Script, a_call

KEY = b"k" * 32
words = st.text(min_size=1, max_size=30)


async def asked(send: Any, *brought: tuple[str, str]) -> Any:
    """Send a call as a caller who brought these credentials, upstream and value."""
    callers_proofs.set({upstream: proof_of(KEY, upstream, value) for upstream, value in brought})
    return await send(a_call(headers={"accept": "x"}))


async def test_the_credential_goes_in_the_header_in_which_it_came() -> None:
    """It stands beside the call's own headers."""
    wire = Script()

    await asked(Forwarding(wire, "x-caller"), ("somebody", "c4n4ry"), ("other", "theirs"))

    assert dict(wire.calls[0].headers) == {"accept": "x", "x-caller": "c4n4ry"}


@pytest.mark.parametrize("brought", [(), (("other", "theirs"),)])
async def test_without_one_nothing_is_sent(brought: tuple[tuple[str, str], ...]) -> None:
    """Another upstream's credential is none; the refusal names who lacks it and has a code."""
    wire = Script()

    with pytest.raises(CredentialsMissing) as caught:
        await asked(Forwarding(wire, "x-caller"), *brought)

    assert wire.calls == []
    assert (caught.value.code, caught.value.upstream) == ("CREDENTIALS_MISSING", "somebody")
    assert (caught.value.sent, caught.value.retryable) == (False, False)
    assert "theirs" not in str(caught.value)


async def test_callers_at_the_same_time_are_not_mixed_up() -> None:
    """Each call carries what its own request brought, however they take turns."""

    async def echo(call: Any) -> Any:
        await asyncio.sleep(0)
        return call.headers["x-caller"]

    send = Forwarding(Script(echo), "x-caller")
    names = [f"caller-{number}" for number in range(50)]

    found = await asyncio.gather(*(asked(send, ("somebody", name)) for name in names))

    assert found == names


async def test_work_behind_an_answer_keeps_the_credential_and_nothing_else() -> None:
    """What is asked anew after an answer is asked as the same caller."""
    callers_proofs.set({"somebody": proof_of(KEY, "somebody", "c4n4ry")})
    context = behind_the_answer()
    callers_proofs.set({})

    assert context.run(identity_for, "somebody") == proof_of(KEY, "somebody", "c4n4ry").identity
    assert list(context) == [callers_proofs]
    assert identity_for("somebody") is None


@given(words, words, words)
def test_the_same_credential_is_the_same_caller_for_whoever_has_the_key(
    upstream: str, value: str, other: str
) -> None:
    """Another value, upstream or key gives another identity, and none tells the value."""
    proof = proof_of(KEY, upstream, value)

    assert proof == proof_of(KEY, upstream, value)
    assert proof_of(b"o" * 32, upstream, value).identity != proof.identity
    assert len(proof.identity) == 32
    assert int(proof.identity, 16) >= 0
    assert (proof_of(KEY, upstream, other).identity == proof.identity) is (other == value)
    assert (proof_of(KEY, other, value).identity == proof.identity) is (other == upstream)


def test_a_credential_is_in_no_repr() -> None:
    """Whatever prints a caller's proof prints its digest only."""
    assert "c4n4ry" not in repr(proof_of(KEY, "somebody", "c4n4ry"))
