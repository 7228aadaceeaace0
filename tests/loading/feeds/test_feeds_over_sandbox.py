"""Feeds over the real clients and simulated upstreams, on real sockets, against direct calls."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from casegraph.loading.feeds.bounds import FeedKey, FeedState
from casegraph.loading.feeds.feeds import Feeds
from casegraph.loading.freshness import ANY, Windows
from casegraph.loading.scope import DataScope
from casegraph.loading.sources import Sources
from casegraph.settings import load_settings
from casegraph.wiring import wire
from support.upstreams import Upstreams, running_upstreams

SCOPE = DataScope()


@pytest.fixture(scope="module")
def own() -> Iterator[Upstreams]:
    """Run a sandbox of some forty cases that these tests may edit."""
    with running_upstreams(cases=40) as running:
        yield running


@pytest.fixture
async def sources(own: Upstreams, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Sources]:
    """Return the real clients over it."""
    for name, value in own.environment.items():
        monkeypatch.setenv(name, value)
    wired = wire(load_settings())
    yield wired.sources
    await wired.close()


@pytest.fixture
async def feeds(sources: Sources) -> AsyncIterator[Feeds]:
    """Return feeds of the real clients."""
    made = Feeds(sources)
    yield made
    await made.close()


def busiest_hub(own: Upstreams) -> Any:
    """Return the hub with the most notes."""
    hubs = own.world.action_management.hubs.values()
    return max(hubs, key=lambda hub: len(hub.notes))


async def test_notes_of_all_cases_are_those_of_direct_calls(
    own: Upstreams, sources: Sources, feeds: Feeds
) -> None:
    """Forty cases cost one call, and an edit and a new note behind the gateway's back show."""
    hub = busiest_hub(own)
    hub_id = str(hub.hub_id)
    feed = feeds.notes(SCOPE, hub_id)
    feed.start()
    keys = [FeedKey(str(case_id)) for case_id in hub.cases]
    await feed.rows(keys, ANY, Windows())
    note = next(note for note in hub.notes.values() if not note["isSystemGenerated"])
    note |= {"comments": "edited behind", "dateModified": datetime.now(UTC)}
    last = max(hub.notes)
    hub.notes[last + 1] = note | {"id": last + 1, "comments": "new behind"}
    own.mark()

    answer = await feed.rows(keys, ANY, Windows())
    calls = own.calls()
    direct = {
        key.case_id: {
            note.note_id: note
            for note in await sources.action_management.case_notes(hub_id, key.case_id)
        }
        for key in keys
    }

    assert calls == {"action_management.hub_notes": 1}
    found = {case: {note.note_id: note for note in notes} for case, notes in answer.rows.items()}
    assert found == direct


async def test_reviews_of_all_cases_are_those_of_direct_calls(
    own: Upstreams, sources: Sources, feeds: Feeds
) -> None:
    """All cases of the tenant cost one call, and an edit behind the gateway's back shows."""
    entries = own.world.case_reviews.entries
    feed = feeds.reviews(SCOPE)
    feed.start()
    case_ids = sorted({str(entry["case_id"]) for entry in entries.values()})
    keys = [FeedKey(case_id) for case_id in case_ids]
    await feed.rows(keys, ANY, Windows())
    assert feed.view().state is FeedState.READY, feed.view()
    entry = next(iter(entries.values()))
    entry |= {"status": "attention", "updated_at": datetime.now(UTC)}
    own.mark()

    answer = await feed.rows(keys, ANY, Windows())
    calls = own.calls()
    direct = {}
    for case_id in case_ids:
        page = await sources.case_reviews.reviews((("case", case_id),), 1)
        direct[case_id] = {row.review_entry_id: row.status for row in page.entries}

    assert calls == {"case_reviews.reviews_sweep": 1}
    found = {
        case: {row.review_entry_id: row.status for row in rows}
        for case, rows in answer.rows.items()
    }
    assert found == direct
