"""Which header is a caller's credential, and what may stand in it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from casegraph.edge.decoding import BadRequest
from casegraph.edge.forwarded import CREDENTIAL_MAX, ForwardedHeaders, may_be_forwarded
from casegraph.edge.origins import cross_origin

SECRET = "s" * 32
TAKES = ForwardedHeaders({"ratings": "X-Caller", "case_reviews": "Authorization"}, SECRET)
visible = st.characters(min_codepoint=33, max_codepoint=126)


def raw(*pairs: tuple[str, bytes]) -> Headers:
    """Return headers as a server hands them over."""
    return Headers(raw=[(name.encode(), value) for name, value in pairs])


def test_each_upstream_gets_its_own_header_only() -> None:
    """Nothing is taken from other headers, and a missing one is simply not there."""
    headers = raw(("x-caller", b"one"), ("x-other", b"two"), ("cookie", b"three"))

    proofs = TAKES.proofs(headers)

    assert {upstream: proof.value for upstream, proof in proofs.items()} == {"ratings": "one"}


def test_two_upstreams_may_share_a_header_and_have_two_identities() -> None:
    """The value is the same, and no key tells that it is."""
    shared = ForwardedHeaders({"ratings": "X-Caller", "case_reviews": "x-caller"}, SECRET)

    proofs = shared.proofs({"x-caller": "one"})

    assert {proof.value for proof in proofs.values()} == {"one"}
    assert len({proof.identity for proof in proofs.values()}) == 2


def test_processes_agree_with_a_shared_secret_and_never_without() -> None:
    """A key of one process's own makes digests that only it understands."""
    headers = {"x-caller": "one"}
    names = {"ratings": "X-Caller"}

    assert ForwardedHeaders(names, SECRET).proofs(headers) == ForwardedHeaders(
        names, SECRET
    ).proofs(headers)
    assert ForwardedHeaders(names).proofs(headers) != ForwardedHeaders(names).proofs(headers)


@given(st.text(visible, min_size=1, max_size=50))
def test_what_a_header_can_carry_is_taken_as_it_came(value: str) -> None:
    """The credential is not read, decoded or trimmed within."""
    assert TAKES.proofs(raw(("x-caller", value.encode())))["ratings"].value == value


@pytest.mark.parametrize("value", [b"", b" ", b"\t"])
def test_an_empty_header_is_none(value: bytes) -> None:
    """It brings no credential and is no fault."""
    assert dict(TAKES.proofs(raw(("x-caller", value)))) == {}


@pytest.mark.parametrize(
    "value",
    [
        b"Bearer c4n4ry\r\nX-Admin: 1",
        b"c4n4ry\n",
        b"c4n4ry\x00",
        b"c4n4ry\x7f",
        b"c4n4ry\tx",
        "c4n4ry\u00e9".encode("latin-1"),
        "c4n4ry\u2028".encode(),
        b"c4n4ry" + b"x" * CREDENTIAL_MAX,
    ],
)
def test_what_no_credential_holds_is_refused_unrepeated(value: bytes) -> None:
    """The whole request is wrong; the refusal names the header and nothing of its value."""
    with pytest.raises(BadRequest) as caught:
        TAKES.proofs(raw(("x-caller", value)))

    assert "x-caller" in str(caught.value)
    assert "c4n4ry" not in str(caught.value)


def test_two_values_are_none_that_counts() -> None:
    """Which of them is meant would be a guess, and each reader's own."""
    with pytest.raises(BadRequest, match="more than once"):
        TAKES.proofs(raw(("x-caller", b"one"), ("X-Caller", b"two")))


def test_the_longest_credential_is_taken() -> None:
    """The bound is inclusive."""
    value = b"x" * CREDENTIAL_MAX

    assert TAKES.proofs(raw(("x-caller", value)))["ratings"].value == value.decode()


@pytest.mark.parametrize("name", ["Authorization", "X-API-Key", "x-ratings-token", "Token"])
def test_headers_that_may_be_forwarded(name: str) -> None:
    """Those made for credentials, and names of one's own."""
    assert may_be_forwarded(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "X Caller",
        "X-Caller:",
        "x\n",
        "Host",
        "Cookie",
        "Content-Length",
        "Transfer-Encoding",
        "Connection",
        "Accept",
        "If-Match",
        "Proxy-Authorization",
        "Sec-Fetch-Site",
        "X-Forwarded-For",
        "X-Request-Id",
        "X-Casegraph-Trace",
        "traceparent",
    ],
)
def test_headers_that_may_not(name: str) -> None:
    """What frames a message, what browsers add by themselves, and what means something here."""
    assert not may_be_forwarded(name)


def test_pages_of_listed_origins_may_send_the_header() -> None:
    """A browser is told that a page may send it, beside those that are always allowed."""
    (middleware,) = cross_origin(["https://app.example"], ["x-caller"])

    allowed = middleware.kwargs["allow_headers"]
    assert isinstance(allowed, tuple)
    assert {"x-caller", "authorization"} <= set(allowed)
    assert cross_origin([], ["x-caller"]) == []
