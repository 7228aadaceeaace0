"""Ids that can never change a path, and base URLs that every call can be made with."""

from typing import Any
from urllib.parse import quote, unquote, urlencode, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from casegraph.errors import InvalidArgument, SettingsInvalid
from casegraph.transport.calls import Call, Effect
from casegraph.transport.exchange_httpx import HttpxExchange
from casegraph.upstreams.paths import int32, int63, opaque, rating_hash, split_base, target
from support.hostile_ids import HOSTILE_IDS

BASE = "/v1/base"
TEMPLATES = ("/things/{id}", "/things/{id}/parts", "/things/{id}.json", "/{id}")
GRAMMARS = (int32, int63, opaque, rating_hash)
EXCHANGE = HttpxExchange()


def a_call(origin: Any, path: Any) -> Any:
    """Return a read of one path."""
    return Call("somebody", "thing", Effect.READ, "GET", origin, path)


def assert_stays(grammar: Any, text: Any) -> Any:
    """Check that text is refused, or fills exactly one segment and comes out of it again."""
    try:
        segment = grammar("thingId", text)
    except InvalidArgument as refused:
        message = str(refused)
        return message.startswith("thingId:")
    for template in TEMPLATES:
        path = target(BASE, template, {"id": segment})
        assert path.isascii()
        expected, found = (BASE + template).split("/"), path.split("/")
        assert len(found) == len(expected)
        for want, got in zip(expected, found, strict=True):
            assert unquote(got) == want.replace("{id}", segment)
            assert unquote(got) not in {".", ".."}
        assert urlsplit("http://host" + path)[1:5] == ("host", path, "", "")
        request = EXCHANGE._request(a_call("http://host", path))
        assert request.url.raw_path == path.encode()
    return True


@pytest.mark.parametrize("grammar", GRAMMARS)
@given(text=st.one_of(st.text(max_size=200), st.text("./\\%2eEfF0123456789?#;@:~", max_size=20)))
@example(text="..")
@example(text="%2e%2e")
def test_any_text_is_refused_or_is_one_segment(grammar: Any, text: Any) -> None:
    """For any text whatsoever: InvalidArgument naming the argument, or exactly the template."""
    assert assert_stays(grammar, text)


@pytest.mark.parametrize("grammar", GRAMMARS)
def test_no_hostile_id_leaves_its_segment(grammar: Any) -> None:
    """The corpus passes no grammar in a way that changes the path."""
    assert [text for text in HOSTILE_IDS if not assert_stays(grammar, text)] == []


@pytest.mark.parametrize("grammar", [int32, int63])
def test_no_hostile_id_is_a_number(grammar: Any) -> None:
    """Of the corpus, nothing passes for a whole number."""
    passed = []
    for text in HOSTILE_IDS:
        try:
            passed.append(grammar("thingId", text))
        except InvalidArgument:
            continue
    assert passed == []


@pytest.mark.parametrize(
    ("grammar", "largest"), [(int32, 2_147_483_647), (int63, 9_223_372_036_854_775_807)]
)
def test_numbers_are_parsed_and_printed_again(grammar: Any, largest: Any) -> None:
    """Both bounds pass, what lies beyond does not, and leading zeros are gone."""
    assert [grammar("n", str(number)) for number in (1, largest)] == ["1", str(largest)]
    assert grammar("n", "007") == "7"
    for text in ("0", "-1", str(largest + 1), "1" * 40):
        with pytest.raises(InvalidArgument, match=rf"^n: .* 1 to {largest} "):
            grammar("n", text)


@given(number=st.integers(1, 2**63 - 1))
def test_every_id_in_range_passes_as_itself(number: Any) -> None:
    """No true id is refused."""
    assert int63("n", str(number)) == str(number)


def test_opaque_ids_end_at_128_characters() -> None:
    """The longest id passes, one more does not, and the text is not repeated."""
    assert opaque("id", "é" * 128) == "é" * 128
    with pytest.raises(InvalidArgument) as caught:
        opaque("id", "é" * 129)
    assert "é" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "123", "a b", "a/b", "é", "a" * 129, "٣", "a\n"])
def test_what_is_no_rating_hash(text: Any) -> None:
    """All digits are a rating's id, not a hash; a refused hash is a secret all the same."""
    with pytest.raises(InvalidArgument) as caught:
        rating_hash("hash", text)
    assert str(caught.value) == "hash: this is no rating hash."


def test_rating_hashes_pass_as_they_are() -> None:
    """Letters, digits, minus and underscore, with at least one that is no digit."""
    assert [rating_hash("hash", text) for text in ("a1", "1-", "_" * 128)] == [
        "a1",
        "1-",
        "_" * 128,
    ]


@given(pairs=st.lists(st.tuples(st.text(max_size=20), st.text(max_size=40)), max_size=4))
def test_a_query_never_ends_early(pairs: Any) -> None:
    """Whatever a query says, the path before it stays and the exchange takes it as it is."""
    encodable = [
        (name, value)
        for name, value in pairs
        if not any("\ud800" <= letter <= "\udfff" for letter in name + value)
    ]
    path = target(BASE, "/things", {}, encodable)
    assert path.partition("?")[0] == BASE + "/things"
    assert path.isascii()
    assert EXCHANGE._request(a_call("http://host", path)).url.raw_path == path.encode()


@given(
    pairs=st.lists(
        st.tuples(st.text(max_size=9), st.text("aZ09-._~%&=+ :,é\0", max_size=80)), max_size=4
    )
)
def test_a_query_is_escaped_as_the_standard_library_escapes_it(pairs: Any) -> None:
    """Whether it needs no escape, has one that was kept, or is too long for that."""
    try:
        expected = urlencode(pairs, quote_via=quote, safe="")
    except UnicodeEncodeError:
        with pytest.raises(UnicodeEncodeError):
            target(BASE, "/things", {}, pairs)
        return
    for _ in range(2):
        assert target(BASE, "/things", {}, pairs) == f"{BASE}/things?{expected}".rstrip("?")


def test_a_template_is_filled_by_name_whatever_else_it_holds() -> None:
    """Ids stand in their own places, in whatever order they are given, beside signs of any kind."""
    ids = {"b": int63("b", "2"), "a": opaque("a", "x y")}
    assert target("", "/{a}/100%s/{b}.json", ids) == "/x%20y/100%s/2.json"


def test_a_template_without_its_id_is_refused() -> None:
    """A place that nothing fills is no path."""
    with pytest.raises(InvalidArgument):
        target(BASE, "/things/{id}", {})


@pytest.mark.parametrize(
    ("url", "origin", "base"),
    [
        ("https://api.example", "https://api.example", ""),
        ("https://api.example/", "https://api.example", ""),
        ("HTTPS://API.Example:443/v1/", "https://api.example", "/v1"),
        ("http://api.example:80/v1", "http://api.example", "/v1"),
        ("http://api.example:443/v1", "http://api.example:443", "/v1"),
        ("http://127.0.0.1:8080/a/b", "http://127.0.0.1:8080", "/a/b"),
        ("http://[::1]:8080/a", "http://[::1]:8080", "/a"),
        ("http://my_host-1.local/a b", "http://my_host-1.local", "/a%20b"),
        ("https://xn--bcher-kva.example/é", "https://xn--bcher-kva.example", "/%C3%A9"),
        ("https://api.example/%7Etenant", "https://api.example", "/%7Etenant"),
    ],
)
def test_a_base_url_is_split_as_the_exchange_sees_it(url: Any, origin: Any, base: Any) -> None:
    """Origin and path come out in the form that a request has on the wire."""
    assert split_base("X", url) == (origin, base)
    request = EXCHANGE._request(a_call(origin, base + "/x"))
    assert request.url.raw_path == (base + "/x").encode()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.example",
        "//api.example/v1",
        "ftp://api.example",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "http://",
        "http:///v1",
        "http://user:pw@api.example",
        "http://user@api.example",
        "http://api.example?x=1",
        "http://api.example/#x",
        "http://api.example:99999",
        "http://api.example:x",
        "http://[::1",
        "http://[::1%25eth0]/",
        "http://a b/",
        "http://bücher.example/",
        "http://a..b/",
        "http://-a.example/",
        f"http://{'a' * 64}.example/",
        "http://api.example/a/../b",
        "http://api.example/./b",
        "http://api.example/%zz",
        "http://api.example/100%",
        "http://api.example\\@evil.example/",
        "http://api.example/\udc80",
    ],
)
def test_a_base_url_that_could_mislead_ends_the_start(url: Any) -> None:
    """The message names the setting, and never repeats what could be a password."""
    with pytest.raises(SettingsInvalid, match=r"^SOME_URL:") as caught:
        split_base("SOME_URL", url)
    assert "pw" not in str(caught.value)


@given(
    st.one_of(
        st.text(max_size=60),
        st.builds(
            "{}://{}{}".format,
            st.sampled_from(["http", "https", "HTTP", "ws"]),
            st.text("abz019.-_:[]@%\\ é", max_size=30),
            st.text("/ab.%2eZ ~é?#\\;=&", max_size=30),
        ),
    )
)
def test_any_base_url_is_refused_at_the_start_or_works_in_every_call(url: Any) -> None:
    """No setting passes the start and then fails each call."""
    try:
        origin, base = split_base("X", url)
    except SettingsInvalid:
        return
    path = target(base, "/things/{id}", {"id": opaque("id", "a/b")})
    assert EXCHANGE._request(a_call(origin, path)).url.raw_path == path.encode()
