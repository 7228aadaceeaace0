"""Feeds: indexes of many cases' rows, kept true by reading what has changed."""

from casegraph.loading.feeds.bounds import (
    FeedAnswer,
    FeedBounds,
    FeedConfig,
    FeedKey,
    FeedMode,
    FeedState,
    FeedView,
)
from casegraph.loading.feeds.feed import Feed
from casegraph.loading.feeds.feeds import Feeds

__all__ = [
    "Feed",
    "FeedAnswer",
    "FeedBounds",
    "FeedConfig",
    "FeedKey",
    "FeedMode",
    "FeedState",
    "FeedView",
    "Feeds",
]
