"""A small schema with every way in which a field's value is had, and a count of what is called."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import strawberry
from strawberry.scalars import JSON

from casegraph.engine.compiled.fields import BATCH


@dataclass
class Context:
    """What resolvers of one run see."""

    calls: Counter[str] = field(default_factory=Counter)
    value: Any = None
    """What `Query.any…` gives."""
    awaited: int = 0
    hanging: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when as many resolvers hang as are awaited."""
    ended: list[str] = field(default_factory=list)
    paths: list[Any] = field(default_factory=list)


Info = strawberry.Info[Context, None]


async def _prices(books: Sequence["Book"], info: Info, currency: str = "EUR") -> list[Any]:
    info.context.calls["prices"] += 1
    info.context.paths.append(info.path.as_list())
    await asyncio.sleep(0)
    return [
        ValueError(f"no price of {book.title}") if book.pages < 0 else f"{book.pages} {currency}"
        for book in books
    ]


def _ranks(books: Sequence["Book"], info: Info) -> list[Any]:
    info.context.calls["ranks"] += 1
    if info.context.value == "raise":
        raise LookupError("no ranks")
    if info.context.value == "short":
        return []
    return [*range(len(books))]


async def _late(value: Any) -> Any:
    await asyncio.sleep(0)
    if isinstance(value, Exception):
        raise value
    return value


async def _extras(books: Sequence["Book"], _info: Info) -> list[Any]:
    await asyncio.sleep(0)
    return [_late({"pages": book.pages} if book.pages else ValueError("none")) for book in books]


async def _cancelling(_books: Sequence["Book"], _info: Info) -> list[Any]:
    raise asyncio.CancelledError


@strawberry.type
class Book:
    """A book."""

    title: str
    pages: int

    @strawberry.field(metadata={BATCH: _prices})
    async def price(self, currency: str = "EUR") -> str:
        """Return what it costs."""
        if self.pages < 0:
            raise ValueError(f"no price of {self.title}")
        return f"{self.pages} {currency}"

    @strawberry.field(metadata={BATCH: _ranks})
    async def rank(self) -> int | None:
        """Return a number."""
        return 0

    @strawberry.field(metadata={BATCH: _cancelling})
    async def cancelling(self) -> int | None:
        """Return what never comes."""
        return None

    @strawberry.field(metadata={BATCH: _extras})
    async def extra(self) -> JSON | None:
        """Return something of any shape, once that has been waited for."""
        return _late({"pages": self.pages} if self.pages else ValueError("none"))

    @strawberry.field
    def extras(self) -> list[JSON | None]:
        """Return the same twice."""
        return [_late({"pages": self.pages}), _late(ValueError("none"))]

    @strawberry.field
    async def sequel(self, info: Info) -> "Book | None":
        """Return another book."""
        info.context.calls["sequel"] += 1
        return Book(title=f"{self.title} II", pages=self.pages - 1) if self.pages else None

    @strawberry.field
    async def hanging(self, info: Info) -> str:
        """Never return."""
        info.context.hanging += 1
        if info.context.hanging == info.context.awaited:
            info.context.gate.set()
        try:
            await asyncio.Event().wait()
        finally:
            info.context.ended.append(self.title)
        return ""


@strawberry.type
class Query:
    """The root."""

    @strawberry.field
    def books(self) -> list[Book]:
        """Return two books."""
        return [Book(title="A", pages=2), Book(title="B", pages=1)]

    @strawberry.field
    def any_books(self, info: Info) -> list[Book] | None:
        """Return whatever the test says."""
        return info.context.value  # type: ignore[no-any-return]  # anything at all

    @strawberry.field
    def any_int(self, info: Info) -> int | None:
        """Return whatever the test says."""
        return info.context.value  # type: ignore[no-any-return]  # as above

    @strawberry.field
    def must(self, info: Info) -> int:
        """Return whatever the test says, which must not be null."""
        return info.context.value  # type: ignore[no-any-return]  # as above


@strawberry.type
class Mutation:
    """The other root."""

    @strawberry.mutation
    def touch(self, info: Info) -> int:
        """Count."""
        info.context.calls["touch"] += 1
        return info.context.calls["touch"]
