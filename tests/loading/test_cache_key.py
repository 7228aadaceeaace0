import pytest
from hypothesis import given
from hypothesis import strategies as st

from casegraph.loading.cache import CacheUrlError, cache_key, open_cache


@pytest.mark.parametrize(
    "url",
    [
        "",
        "memory",
        "memory://x",
        "redis://",
        "redis:///0",
        "rediss://:hunter2@host",
        "redis://:hunter2@host:port",
        "redis://:hunter2@host:99999",
        "redis://:hunter2@host/zero",
        "redis://:hunter2@host/0/1",
        "redis://:hunter2@host/-1",
        "redis://:hunter2@host/0?ssl=1",
        "redis://:hunter2@[::1",
        "http://:hunter2@host",
    ],
)
def test_a_url_that_cannot_be_understood_is_refused_unrepeated(url: str) -> None:
    """The refusal says what is wrong and never repeats the URL with its password."""
    with pytest.raises(CacheUrlError) as refusal:
        open_cache(url)
    assert "hunter2" not in str(refusal.value)
    assert refusal.value.__cause__ is None


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://host", ("host", 6379, 0, None, None)),
        ("redis://:p%40ss@host:6380/3", ("host", 6380, 3, None, "p@ss")),
        ("redis://me:secret@[::1]/", ("::1", 6379, 0, "me", "secret")),
    ],
)
async def test_a_redis_url_is_taken_apart(url: str, expected: tuple) -> None:
    """Host, port, database, user and percent-coded password reach the driver."""
    cache = open_cache(url)
    given_options = cache._backend.client.connection_pool.connection_kwargs
    names = ("host", "port", "db", "username", "password")
    assert tuple(given_options[name] for name in names) == expected
    await cache.close()


def test_a_key_is_versioned_and_escaped() -> None:
    """Parts are joined by colons, and a colon within a part is no separator."""
    assert cache_key("notes", "1", "7") == "casegraph:v1:notes:1:7"
    assert cache_key("a:b", "c%3Ad") == "casegraph:v1:a%3Ab:c%253Ad"


@pytest.mark.parametrize("parts", [(), ("",), ("notes", ""), ("", "7")])
def test_a_key_without_its_scope_is_refused(parts: tuple[str, ...]) -> None:
    """An empty part is a forgotten scope, not a key shared by everyone."""
    with pytest.raises(ValueError, match="empty"):
        cache_key(*parts)


@pytest.mark.parametrize("part", ["x" * 201, ":" * 80, "\u00e9", "\ud800", "a\ud800b"])
def test_a_long_or_unprintable_key_becomes_a_digest(part: str) -> None:
    """Every key is short, plain and can be written to a socket."""
    key = cache_key("notes", part)
    assert key.startswith("casegraph:v1::")
    assert len(key.encode()) == len("casegraph:v1::") + 64
    assert key == cache_key("notes", part)
    assert key != cache_key("notes", part + "x")


part = st.text(alphabet="a:%\u00e9\ud800#", min_size=1) | st.text(
    alphabet=st.characters(), min_size=1
)
parts = st.lists(part, min_size=1, max_size=4) | st.just(["x" * 300])


@given(parts, parts)
def test_different_scopes_never_share_a_key(one: list[str], other: list[str]) -> None:
    """Keys are equal exactly when all their parts are: no identity reads another's entry."""
    assert (cache_key(*one) == cache_key(*other)) == (one == other)
    assert len(cache_key(*one)) <= 200


@given(st.lists(part, min_size=2, max_size=4), st.data())
def test_where_a_part_ends_is_part_of_the_key(one: list[str], data: st.DataObject) -> None:
    """Joining two neighbouring parts gives another key, whatever stands between them."""
    at = data.draw(st.integers(0, len(one) - 2))
    glue = data.draw(st.sampled_from(["", ":", "%3A", "%"]))
    merged = [*one[:at], one[at] + glue + one[at + 1], *one[at + 2 :]]
    assert cache_key(*one) != cache_key(*merged)
