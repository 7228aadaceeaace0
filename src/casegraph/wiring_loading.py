"""Feeds and links made from settings: what is followed, and how the systems' ids belong together.

A feed is read in the background for everybody, so it needs the service's own credentials: whoever
asks as its callers has nobody to ask as when none of them is there, and a copy for each of them
would be read as often as there are callers.
Invariant: an upstream that is asked as its callers has no feed; a wrong table ends the start.
"""

import logging
from pathlib import Path

from casegraph.errors import CasegraphError, SettingsInvalid
from casegraph.linking.identity import System
from casegraph.linking.rules import Rule, TableRule
from casegraph.linking.table import IdentityTable, IdentityTableError
from casegraph.loading.feeds.bounds import FeedBounds, FeedConfig, FeedMode
from casegraph.loading.feeds.feeds import Feeds
from casegraph.loading.links import LinkConfig, Links
from casegraph.loading.scope import DataScope
from casegraph.loading.sources import Sources
from casegraph.settings import Settings
from casegraph.settings_groups import PREFIX, LinkName
from casegraph.settings_upstreams import ActionManagementSettings, CaseReviewsSettings

_log = logging.getLogger("casegraph.feeds")


def wire_feeds(settings: Settings, sources: Sources) -> Feeds:
    """Return the feeds of those upstreams that tell what has changed."""
    said, url = settings.feed, settings.cache.url.get_secret_value()
    bounds = FeedBounds(
        window_days=said.window_days, pages=said.pages, rows=said.rows, bytes=said.bytes
    )
    return Feeds(
        sources,
        _feed_config(settings.action_management, bounds),
        _feed_config(settings.case_reviews, bounds),
        file=None if said.file is None else Path(said.file),
        redis_url=url if url.startswith("redis") else None,
    )


def _feed_config(
    upstream: ActionManagementSettings | CaseReviewsSettings, bounds: FeedBounds
) -> FeedConfig:
    """Return how an upstream is followed: not at all where it is asked as its callers."""
    if upstream.forward_header:
        return FeedConfig(FeedMode.OFF, bounds, "asked as its callers")
    return FeedConfig(FeedMode(upstream.feed), bounds)


async def start_feeds(settings: Settings, feeds: Feeds, links: Links, scope: DataScope) -> None:
    """Begin the fills that are wanted at start; what cannot begin now does at its first need."""
    notes, reviews = settings.action_management, settings.case_reviews
    if "eager" not in {notes.feed, reviews.feed}:
        return
    hubs: tuple[str, ...] = ()
    if notes.feed == "eager" and notes.is_configured():
        try:
            hubs = await links.hubs(scope)
        except CasegraphError as error:
            _log.warning("feeds of notes begin at their first need (%s)", type(error).__name__)
    feeds.start_eager(scope, hubs)


def wire_links(settings: Settings) -> LinkConfig:
    """Return the link rules with their tables read; raises SettingsInvalid."""
    named: tuple[tuple[System, LinkName], ...] = (
        (System.CASE_REVIEWS, "reviews"),
        (System.RATINGS, "ratings"),
        (System.CUSTOMER_CASES, "customer"),
    )
    rules: dict[System, Rule] = {}
    tables: dict[System, IdentityTable] = {}
    for system, name in named:
        rules[system] = rule = settings.links.rule(name)
        if isinstance(rule, TableRule):
            try:
                tables[system] = _table(Path(rule.path))
            except (IdentityTableError, OSError) as error:
                raise SettingsInvalid(f"{PREFIX}LINKS__{name.upper()}: {error}") from None
    return LinkConfig(rules, tables, settings.action_management.hubs or ())


def _table(path: Path) -> IdentityTable:
    from casegraph.loading.identity_table import read_identity_table  # noqa: PLC0415  SQLite

    return read_identity_table(path)
