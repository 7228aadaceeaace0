"""Asking a feed the way loaders do, and its answer in a form that compares.

Invariant: what is compared is read from the answered rows only.
"""

from collections.abc import Iterable
from typing import Any

from casegraph.loading.feeds.bounds import FeedAnswer, FeedKey, FeedState
from casegraph.loading.feeds.feed import Feed
from casegraph.loading.freshness import ANY, Acceptance, Windows

Plain = dict[str, list[tuple[str, str | None]]]


def plain(answer: FeedAnswer[Any]) -> Plain:
    """Return id and text of the answered rows by case."""
    return {
        case_id: [
            (str(row.note_id), row.text)
            if hasattr(row, "note_id")
            else (str(row.review_entry_id), row.flat_review_id)
            for row in rows
        ]
        for case_id, rows in answer.rows.items()
    }


async def ask(
    feed: Feed[Any],
    cases: Iterable[str],
    acceptance: Acceptance = ANY,
    windows: Windows | None = None,
    **said: Any,
) -> FeedAnswer[Any]:
    """Return what the feed answers for cases whose age is unknown."""
    keys = [FeedKey(case) for case in cases]
    return await feed.rows(keys, acceptance, windows or Windows(), **said)


async def filled(feed: Feed[Any]) -> None:
    """Start a feed and wait until it is ready."""
    feed.start()
    await ask(feed, [])
    await ask(feed, [])  # the first may have found that the whole has to be read anew
    view = feed.view()
    assert view.state is FeedState.READY, view
