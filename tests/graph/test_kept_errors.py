"""An error that stands in a record is raised for each who reads it, and does not grow by that."""

import asyncio
from collections.abc import Callable
from traceback import walk_tb
from typing import Any

import pytest

from casegraph.errors import ContractViolation
from casegraph.graph.batches import alone
from casegraph.graph.cases import Case
from casegraph.graph.reviews import ReviewAnswer
from casegraph.loading.links import data_fields
from casegraph.upstreams.action_management import records as am
from casegraph.upstreams.case_reviews import records as cr
from casegraph.upstreams.decode import Id


def spoilt() -> Any:
    """Return an error as decoding leaves it in a record."""
    return ContractViolation("somebody", "thing", "a value of a wrong type", "$.x")


def a_case(**fields: Any) -> am.Case:
    """Return a case with something spoilt."""
    return am.Case(case_id=Id("1"), **fields)


READERS: dict[str, Callable[[], Callable[[], Any]]] = {
    "status": lambda: _bind(Case.status, a_case(list_values=spoilt())),
    "data field": lambda: _bind(Case.data_field, a_case(data_fields=spoilt()), "nps"),
    "answer": lambda: _bind(ReviewAnswer.value, cr.ReviewAnswer(value=spoilt())),
    "fields": lambda: _bind(data_fields, a_case(data_fields=spoilt()), "nps"),
    "question": lambda: _bind(
        data_fields, a_case(data_fields=(am.DataField(question_name=spoilt()),)), "nps"
    ),
    "field": lambda: _bind(
        data_fields,
        a_case(data_fields=(am.DataField(question_name="nps", value=spoilt()),)),
        "nps",
    ),
    "batch": lambda: _of_a_batch(spoilt()),
}


def _bind(read: Any, *arguments: Any) -> Callable[[], Any]:
    function = getattr(read, "base_resolver", read)
    return lambda: function(*arguments)


def _of_a_batch(error: Any) -> Callable[[], Any]:
    return lambda: asyncio.run(alone([error]))


@pytest.mark.parametrize("name", READERS)
def test_an_error_that_is_read_again_keeps_no_frames_of_before(name: str) -> None:
    """Its traceback is as long after the fifth reader as after the first."""
    read = READERS[name]()
    lengths = set()
    for _ in range(5):
        with pytest.raises(ContractViolation) as caught:
            read()
        lengths.add(len([*walk_tb(caught.value.__traceback__)]))

    assert len(lengths) == 1


async def test_the_trace_of_any_other_failure_stays() -> None:
    """It tells where that came from."""
    with pytest.raises(ValueError, match="elsewhere") as first:
        int("elsewhere")
    known = first.value
    before = [*walk_tb(known.__traceback__)]

    with pytest.raises(ValueError, match="elsewhere") as caught:
        await alone([known])

    assert [*walk_tb(caught.value.__traceback__)][-1][0] is before[-1][0]
