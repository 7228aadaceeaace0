"""Arguments that are the same for every request are read once; all others for each."""

from datetime import date
from typing import Any

import pytest
import strawberry

from casegraph.engine.compiled import CompiledEngine
from casegraph.engine.standard import Operation

TURNS = 3


@strawberry.input
class Wish:
    """What somebody wants."""

    word: str = "none"


@strawberry.type
class Query:
    """Fields that give back what they are asked."""

    @strawberry.field
    def said(self, word: str = "nothing") -> str:
        """Return the word."""
        return word

    @strawberry.field
    def days(self, of: date | None = None) -> str:
        """Return a value that a scalar with code of its own has read."""
        return repr(of)

    @strawberry.field
    def words(self, all: list[str]) -> list[str]:  # noqa: A002  a name like any other here
        """Spoil the list that was handed over, and return it."""
        all.append("spoilt")
        return all

    @strawberry.field
    def wished(self, wish: Wish) -> str:
        """Spoil the input that was handed over, and return what it was."""
        word, wish.word = wish.word, "spoilt"
        return word


SCHEMA = strawberry.Schema(Query)._schema


@pytest.mark.parametrize(
    ("query", "variables", "answers"),
    [
        ('{ said(word: "a") }', [{}] * TURNS, ["a"] * TURNS),
        ("{ said }", [{}] * TURNS, ["nothing"] * TURNS),
        ("query($w: String) { said(word: $w) }", [{"w": "a"}, {"w": "b"}, {}],
         ["a", "b", "nothing"]),
        ('{ words(all: ["a"]) }', [{}] * TURNS, [["a", "spoilt"]] * TURNS),
        ("query($w: String!) { words(all: [$w]) }", [{"w": each} for each in "abc"],
         [[each, "spoilt"] for each in "abc"]),
        ('{ wished(wish: {word: "a"}) }', [{}] * TURNS, ["a"] * TURNS),
        ("query($w: String!) { wished(wish: {word: $w}) }", [{"w": each} for each in "abc"],
         [*"abc"]),
        ('{ days(of: "2026-01-31") }', [{}] * TURNS, [repr(date(2026, 1, 31))] * TURNS),
    ],
)  # fmt: skip
async def test_each_request_gets_its_own_answer(
    query: str, variables: list[dict[str, Any]], answers: list[Any]
) -> None:
    """Whatever stands in the document or the variables, and whoever spoils what was handed over."""
    engine = CompiledEngine(SCHEMA, sights=1)

    results = [await engine.run(Operation(query, each), None) for each in variables]

    assert [next(iter(result.data.values())) for result in results if result.data] == answers


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ('{ said(word: "a") }', {"word": "a"}),
        ('query($w: String = "a") { said(word: $w) }', None),
        ('{ words(all: ["a"]) }', None),
        ('{ wished(wish: {word: "a"}) }', None),
        ('{ days(of: "2026-01-31") }', None),
    ],
)
async def test_only_what_nobody_can_change_is_kept(query: str, kept: dict[str, Any] | None) -> None:
    """A plan keeps the texts and numbers of its document, and nothing of a request."""
    engine = CompiledEngine(SCHEMA, sights=1)
    asked = Operation(query)
    await engine.run(asked, None)
    (plans,) = [found for found, _ in engine._documents._kept.values()]
    (plan,) = plans.operations[None].variants.values()

    assert not isinstance(plan, str)
    assert plan.steps[0].arguments == kept
