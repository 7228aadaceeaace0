"""Upstreams that are asked as their callers: what may be set, and the door beside it."""

from pathlib import Path

import pytest
from starlette.datastructures import Headers

from casegraph.edge.api_keys import new_key
from casegraph.edge.identity import Unauthenticated
from casegraph.entrance import forwarded_headers, open_entrance
from casegraph.errors import SettingsInvalid
from casegraph.loading.feeds.bounds import FeedState
from casegraph.loading.scope import DataScope
from casegraph.wiring import wire
from casegraph.wiring_loading import wire_feeds
from support.settings_read import Load

UPSTREAMS = ("ACTION_MANAGEMENT", "CASE_REVIEWS", "RATINGS", "CUSTOMER_CASES")
ALL = {
    f"CASEGRAPH_{name}__{key}": value
    for name in UPSTREAMS
    for key, value in (("URL", "https://upstream.example/v1"), ("FORWARD_HEADER", "X-Caller"))
}


@pytest.fixture
def keys(tmp_path: Path) -> tuple[str, dict[str, str]]:
    """Return an API key and the settings that let it in."""
    key, line = new_key("a", ["admin"])
    file = tmp_path / "keys"
    file.write_text(line)
    return key, {"CASEGRAPH_AUTH__API_KEYS_FILE": str(file)}


async def test_no_credential_of_the_service_is_needed(load: Load) -> None:
    """A header is all that each of the four upstreams needs beside its address."""
    settings = load(ALL)
    wired = wire(settings)

    assert set(forwarded_headers(settings).names.values()) == {"x-caller"}
    assert len(wired.tenants) == 4
    await wired.close()


def test_only_upstreams_with_an_address_take_a_header(load: Load) -> None:
    """Without any, no header of a request is looked at; a header alone is refused."""
    assert dict(forwarded_headers(load({})).names) == {}
    with pytest.raises(SettingsInvalid, match="RATINGS__URL: not set, although"):
        load({"CASEGRAPH_RATINGS__FORWARD_HEADER": "X-Caller"})


async def test_the_tenant_is_another_than_the_services(load: Load) -> None:
    """What the service has kept in a shared store is not its callers'."""
    service = {**ALL, "CASEGRAPH_RATINGS__EMAIL": "a@b.example", "CASEGRAPH_RATINGS__PASSWORD": "x"}
    del service["CASEGRAPH_RATINGS__FORWARD_HEADER"]
    one, other = wire(load(ALL)), wire(load(service))

    assert one.tenants["ratings"] != other.tenants["ratings"]
    assert one.tenants["case_reviews"] == other.tenants["case_reviews"]
    await one.close()
    await other.close()


@pytest.mark.parametrize("name", ["ACTION_MANAGEMENT", "CASE_REVIEWS"])
def test_an_eager_feed_is_refused(load: Load, name: str) -> None:
    """Before a caller comes there is nobody to ask as; the message names both settings."""
    with pytest.raises(SettingsInvalid) as caught:
        load({**ALL, f"CASEGRAPH_{name}__FEED": "eager"})

    assert f"CASEGRAPH_{name}__FEED: eager" in str(caught.value)
    assert f"CASEGRAPH_{name}__FORWARD_HEADER" in str(caught.value)


async def test_there_is_no_feed_of_such_an_upstream(load: Load) -> None:
    """A feed is read for everybody; that of an upstream asked as the service stays."""
    settings = load(
        {
            **{
                name: value
                for name, value in ALL.items()
                if not name.endswith("VIEWS__FORWARD_HEADER")
            },
            "CASEGRAPH_CASE_REVIEWS__USERNAME": "a",
            "CASEGRAPH_CASE_REVIEWS__TOKEN": "b",
        }
    )
    wired = wire(settings)
    feeds = wire_feeds(settings, wired.sources)

    notes, reviews = feeds.notes(DataScope(), "1").view(), feeds.reviews(DataScope()).view()

    assert (notes.state, notes.reason) == (FeedState.OFF, "asked as its callers")
    assert reviews.state is FeedState.EMPTY
    await feeds.close()
    await wired.close()


@pytest.mark.parametrize("name", ["Cookie", "Host", "X-Request-Id", "X Caller", "x:y"])
def test_a_header_with_another_meaning_is_refused(load: Load, name: str) -> None:
    """The setting is named."""
    with pytest.raises(SettingsInvalid, match="CASEGRAPH_RATINGS__FORWARD_HEADER"):
        load({**ALL, "CASEGRAPH_RATINGS__FORWARD_HEADER": name})


def test_a_short_secret_is_refused(load: Load) -> None:
    """Who reads a Redis must not be able to guess the key of its digests."""
    with pytest.raises(SettingsInvalid) as caught:
        load({**ALL, "CASEGRAPH_CACHE__SECRET": "c4n4ry"})

    assert "CASEGRAPH_CACHE__SECRET" in str(caught.value)
    assert "c4n4ry" not in str(caught.value)


def test_the_header_of_api_keys_is_not_sent_on(
    load: Load, keys: tuple[str, dict[str, str]]
) -> None:
    """What opens this door is nothing for an upstream."""
    environment = {**ALL, **keys[1], "CASEGRAPH_RATINGS__FORWARD_HEADER": "X-Api-Key"}

    with pytest.raises(SettingsInvalid, match="CASEGRAPH_RATINGS__FORWARD_HEADER"):
        open_entrance(load(environment))


async def test_beside_a_forwarded_authorization_keys_come_in_their_own_header(
    load: Load, keys: tuple[str, dict[str, str]]
) -> None:
    """A key as a bearer would be sent on, so it opens nothing; beside one, a bearer is no fault."""
    key, opens = keys
    environment = {**ALL, **opens, "CASEGRAPH_RATINGS__FORWARD_HEADER": "Authorization"}
    door = open_entrance(load(environment)).door

    identity = await door.identify(Headers({"x-api-key": key, "authorization": "Bearer theirs"}))
    assert identity.name == "key:a"
    for headers in (
        {"authorization": f"Bearer {key}"},
        {"x-api-key": "wrong", "authorization": f"Bearer {key}"},
        {"authorization": "Bearer theirs"},
    ):
        with pytest.raises(Unauthenticated):
            await door.identify(Headers(headers))
    await door.close()


async def test_elsewhere_two_credentials_are_still_none(
    load: Load, keys: tuple[str, dict[str, str]]
) -> None:
    """With another forwarded header the door is as it was."""
    key, opens = keys
    door = open_entrance(load({**ALL, **opens})).door

    assert (await door.identify(Headers({"authorization": f"Bearer {key}"}))).name == "key:a"
    with pytest.raises(Unauthenticated):
        await door.identify(Headers({"x-api-key": key, "authorization": "Bearer theirs"}))
    await door.close()
