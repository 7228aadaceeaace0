"""Walks a connection as a client does, from the first page to the one without a next.

Invariant: the walk ends; a list that pages for ever fails the test.
"""

from collections.abc import Mapping
from typing import Any

from support.gateway import Gateway

MOST_PAGES = 400


def walk(
    gateway: Gateway, query: str, variables: Mapping[str, Any], *path: str
) -> list[list[dict[str, Any]]]:
    """Return the pages' nodes; `query` takes `$after` and selects `nodes` and `pageInfo`."""
    pages: list[list[dict[str, Any]]] = []
    after: str | None = None
    for _ in range(MOST_PAGES):
        connection = gateway.ask(query, {**variables, "after": after}).data
        for name in path:
            connection = connection[name]
        pages.append(connection["nodes"])
        after = connection["pageInfo"]["endCursor"]
        if not connection["pageInfo"]["hasNextPage"]:
            return pages
        assert after is not None, "a next page needs a cursor to go on from"
    raise AssertionError(f"no end after {MOST_PAGES} pages")


def rows(pages: list[list[dict[str, Any]]], name: str) -> list[Any]:
    """Return one field of all rows of all pages, in order."""
    return [node[name] for page in pages for node in page]
