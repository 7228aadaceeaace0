"""Which answers are told to be functions of nothing but batches, their arguments and variables."""

from typing import Any

import pytest

from casegraph.engine.compiled import CompiledEngine, PlannedResult
from casegraph.engine.standard import Operation
from engine.compiled.small_schema import Context


async def rests_on(engine: CompiledEngine, query: str, **variables: Any) -> set[str] | None:
    """Run a query; returns the names of the batches that its answer is told to rest on."""
    result = await engine.run(Operation(query, variables), Context())
    assert isinstance(result, PlannedResult)
    names = result.rests_on
    return None if names is None else {batch.__name__.strip("_") for batch in names}


@pytest.mark.parametrize(
    ("query", "batches"),
    [
        ("{ __typename }", set()),
        ("{ books { title pages __typename } }", set()),
        ("{ books { title rank } }", {"ranks"}),
        ('{ books { title @skip(if: false) price(currency: "USD") rank } }', {"prices", "ranks"}),
        ("{ books { sequel { title } } }", None),
        ("{ books { rank sequel { rank } } }", None),
        ("{ must books { title } }", None),
    ],
    ids=["nothing", "plain", "batch", "batches", "awaited", "behind awaited", "sees its request"],
)
async def test_only_batches_and_functions_of_parents_are_told(
    engine: CompiledEngine, query: str, batches: set[str] | None
) -> None:
    """A resolver that is handed its place or its request may look at anything."""
    assert await rests_on(engine, query) == batches


async def test_an_argument_may_be_a_variable(engine: CompiledEngine) -> None:
    """Whoever compares answers compares variables as well."""
    query = "query Q($of: String!) { books { price(currency: $of) } }"

    assert await rests_on(engine, query, of="USD") == {"prices"}
