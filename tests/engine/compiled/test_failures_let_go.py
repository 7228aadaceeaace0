"""What failed while others waited is freed with its answer, not when the collector comes by.

What fails on the spot is kept longer: Python ties the frames of a failure to their callers.
"""

import gc
import weakref
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import strawberry

from casegraph.engine.compiled import CompiledEngine
from casegraph.engine.compiled.fields import BATCH
from casegraph.engine.standard import Operation


class Held:
    """Something that a resolver has in hand when it fails."""


HELD: list[weakref.ref[Held]] = []


def fail() -> Any:
    """Fail with something in hand."""
    held = Held()
    HELD.append(weakref.ref(held))
    raise LookupError("no value")


async def _fail_for_all(_parents: Sequence[Any], _info: Any) -> list[Any]:
    return [fail()]


@strawberry.type
class Query:
    """Two ways to fail later."""

    @strawberry.field
    async def awaited(self) -> int | None:
        """Fail later."""
        return int(fail())

    @strawberry.field(metadata={BATCH: _fail_for_all})
    async def batched(self) -> int | None:
        """Fail for all, later."""
        return None


@pytest.fixture(autouse=True)
def no_collector() -> Iterator[None]:
    """Leave circles alone during a test."""
    HELD.clear()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("field", ["awaited", "batched"])
async def test_what_a_failure_holds_goes_with_it(field: str) -> None:
    """As soon as nobody has the answer; hundreds may fail at once when an upstream is down."""
    engine = CompiledEngine(strawberry.Schema(Query)._schema, sights=1)

    result: Any = await engine.run(Operation(f"{{ {field} }}"), None)
    messages = [error.message for error in result.errors]
    del result

    assert messages == ["no value"]
    assert [ref() for ref in HELD] == [None]
