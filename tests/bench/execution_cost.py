"""What running a query costs this process, in CPU: by compiled plans and by graphql-core.

The same records, in hand, behind the same schema; nothing is fetched, parsed or sent. Leaves are
counted in the answer. A figure is the least of several rounds in which the engines take turns, so
what matters is the ratio. Run it on an otherwise idle machine, from the project's folder:

    PYTHONPATH=src python tests/bench/execution_cost.py

The bound itself is a test: pytest -m bench tests/bench/test_execution_cost.py
"""

import asyncio
import gc
import platform
import sys
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from time import process_time
from types import SimpleNamespace
from typing import Any

import msgspec

from casegraph.edge.answers import encode
from casegraph.engine.compiled import CompiledEngine
from casegraph.engine.compiled.rows import plain
from casegraph.engine.standard import Operation, StandardEngine
from casegraph.graph.schema import build_schema
from casegraph.linking.identity import CaseKey
from casegraph.loading.listing import Listing, paged, slice_after
from casegraph.loading.loader import Loader
from casegraph.upstreams.action_management import records as am
from casegraph.upstreams.decode import Shape, Where
from casegraph.upstreams.ratings import records as ra

ROUNDS = 25
PAGE = """query Page($hub: ID!, $first: Int!) {
  cases(hubId: $hub, first: $first) {
    isComplete
    nodes {
      id caseId name cost isClosed createdAt dueAt updatedAt isOverdue
      status { name isOpen } severity { name isHigh } category { name subCategoryName }
      listValues { listId itemId name type }
      roles { roleId name users { userId userName isActive } }
      dataFields { dataFieldId name value questionName }
      notes { nodes { id noteId text createdAt createdBy { userName } } pageInfo { hasNextPage } }
      ratings { totalCount nodes { id score comment createdAt creator { fullName } } }
    }
    pageInfo { hasNextPage endCursor }
  }
}"""
PLAIN = """query Plain($hub: ID!, $first: Int!) {
  cases(hubId: $hub, first: $first) {
    nodes {
      caseId name cost isClosed status { name isOpen } severity { name isHigh }
      listValues { listId itemId name type }
      roles { roleId name users { userId userName isActive } }
      dataFields { dataFieldId name value questionName }
    }
  }
}"""
"""The same without links, dates and global ids: what the executor alone is worth."""
TINY = "{ __typename }"
_WHERE = Where("bench", "bench")
_MOMENT = "2026-03-02T10:30:00.123Z"


def _case_body(number: int) -> dict[str, Any]:
    kinds = ("status", "severity", "category")
    return {
        "id": number,
        "name": f"Case {number} of somebody",
        "cost": 12.5 + number,
        "isClosed": number % 3 == 0,
        "dateCreated": _MOMENT,
        "dateDue": _MOMENT,
        "dateModified": _MOMENT,
        "isOverDue": number % 2 == 0,
        "listValues": [
            {"listId": at, "id": number % 5, "name": f"{kind} {number % 5}", "type": kind}
            | {"isOpen": True, "isHigh": False, "subCategoryName": "finer"}
            for at, kind in enumerate(kinds)
        ],
        "roles": [
            {
                "id": role,
                "name": f"Role {role}",
                "users": [
                    {"id": user, "userName": f"user{user}@example.com", "isActive": True}
                    for user in range(2)
                ],
            }
            for role in range(3)
        ],
        "dataFields": [
            {"id": at, "name": f"Field {at}", "value": f"value {number}", "questionName": f"q{at}"}
            for at in range(5)
        ],
    }


def _note_body(number: int, at: int) -> dict[str, Any]:
    user = {"id": at, "userName": f"user{at}@example.com", "isActive": True}
    texts = {"comments": f"Note {at} on {number}, at some length.", "dateCreated": _MOMENT}
    return {"id": number * 10 + at, "caseId": number, "createdBy": user, **texts}


def _rating_body(number: int) -> dict[str, Any]:
    creator = {"id": number, "full_name": "Somebody Else"}
    texts = {"score": "GOOD", "comment": "Fine.", "created_at": _MOMENT}
    return {"id": number, "creator": creator, **texts}


class InHand:
    """Everything that the page asks for, as one request would have it after its calls."""

    def __init__(self, cases: int) -> None:
        page = _read(am.CasePage, {"totalCount": 9999, "items": [*map(_case_body, range(cases))]})
        self.rows = [am.stamp_case(case, "96", detailed=True) for case in page.items]
        self.notes_by: dict[CaseKey, tuple[am.Note, ...]] = {}
        self.ratings_by: dict[CaseKey, tuple[ra.Rating, ...]] = {}
        for number, case in enumerate(self.rows):
            key = CaseKey("96", str(case.case_id))
            notes = [_note_body(number, at) for at in range(2)]
            self.notes_by[key] = _read(am.NotePage, {"items": notes}).items
            ratings = _read(ra.RatingList, {"data": [_rating_body(number)]}).data
            self.ratings_by[key] = ratings if isinstance(ratings, tuple) else ()


def _read(kind: type, body: Any) -> Any:
    return Shape(kind).read(msgspec.json.encode(body), _WHERE)


def _all(held: dict[CaseKey, Any]) -> Callable[[Sequence[CaseKey]], Any]:
    async def batch(keys: Sequence[CaseKey]) -> dict[CaseKey, Any]:
        return {key: held[key] for key in keys}

    return batch


class HandNotes:
    """The notes of one request, through a loader as the real ones."""

    def __init__(self, hand: InHand) -> None:
        self._notes: Loader[CaseKey, tuple[Any, ...]] = Loader(_all(hand.notes_by))

    def look_ahead(self, *_: Any) -> None:
        """Begin nothing: all is in hand."""

    def of_cases_at_once(self, *_: Any, **__: Any) -> None:
        """Return that they have to be waited for."""

    async def of_cases(self, wanted: Sequence[Any], first: int, **_: Any) -> list[Any]:
        """Return pages of several cases' notes."""
        found = await self._notes.load_many([key for key, _ in wanted])
        return paged(found, wanted, lambda rows, at: slice_after(rows, _note_id, first, at[1]))


class HandReads:
    """The reads of one request, through loaders as the real ones."""

    def __init__(self, hand: InHand) -> None:
        self._hand = hand
        self.cases = self.ratings = self.links = self
        self.notes = HandNotes(hand)
        self._ratings: Loader[CaseKey, tuple[Any, ...]] = Loader(_all(hand.ratings_by))

    async def case_list(self, _hub: str, query: Any, _chosen: Any, _after: Any) -> Listing[am.Case]:
        """Return a page of the cases."""
        return slice_after(self._hand.rows, _case_id, query.top, None)

    def external_id(self, case: am.Case, _system: Any) -> str:
        """Return the case's number everywhere."""
        return str(case.case_id)

    def of_cases_at_once(self, *_: Any) -> None:
        """Return that they have to be waited for."""

    async def of_cases(self, wanted: Sequence[Any], _score: Any, first: int) -> list[Any]:
        """Return pages of several cases' ratings."""
        found = await self._ratings.load_many([key for key, _, _ in wanted])
        return paged(found, wanted, lambda rows, at: slice_after(rows, _rating_id, first, at[2]))


def _case_id(case: am.Case) -> str:
    return case.case_id


def _note_id(note: am.Note) -> str:
    return note.note_id


def _rating_id(rating: ra.Rating) -> str:
    return rating.rating_id


def context_over(hand: InHand) -> Any:
    """Return what resolvers see of a request."""
    acceptance = object()
    asking = SimpleNamespace(acceptance=acceptance)
    return SimpleNamespace(asking=asking, reads=HandReads(hand), now=_now, writes=None)


def _now() -> float:
    return datetime(2026, 3, 2, tzinfo=UTC).timestamp()


@dataclass(frozen=True)
class Cost:
    """What one operation costs by each engine, in microseconds."""

    name: str
    leaves: int
    standard: float
    compiled: float
    encoding: float

    @property
    def ratio(self) -> float:
        """How many times the compiled plan is cheaper."""
        return self.standard / self.compiled


def measured(cases: int, query: str = PAGE, times: int | None = None) -> Cost:
    """Return what a page of so many cases costs, once both engines gave the same answer."""
    schema = build_schema()._schema
    engines = (StandardEngine(schema), CompiledEngine(schema, sights=1, as_rows=True))
    hand = InHand(cases)
    variables = {"hub": "96", "first": cases} if query != TINY else None
    operation = Operation(query, variables)
    return asyncio.run(_measure(engines, hand, operation, times or 1))


async def _measure(
    engines: tuple[StandardEngine, StandardEngine], hand: InHand, operation: Operation, times: int
) -> Cost:
    answers = [await engine.run(operation, context_over(hand)) for engine in engines]
    answers = [await engine.run(operation, context_over(hand)) for engine in engines]
    standard, compiled = (encode(answer.data) for answer in answers)
    if standard != compiled or answers[0].errors or answers[1].errors:
        raise AssertionError(answers[0].errors, answers[1].errors)
    gc.collect()
    gc.freeze()  # as a server does once it has started: its schema is not looked through again
    least = [float("inf"), float("inf")]
    for _ in range(ROUNDS):
        for at, engine in enumerate(engines):
            contexts = [context_over(hand) for _ in range(times)]
            gc.collect()
            began = process_time()
            for context in contexts:
                await engine.run(operation, context)
            least[at] = min(least[at], (process_time() - began) / times)
    began = process_time()
    for _ in range(times):
        encode(answers[1].data)
    encoding = (process_time() - began) / times
    name = {PAGE: f"{len(hand.rows)} cases", PLAIN: f"{len(hand.rows)} cases, no links"}.get(
        operation.query, "tiny"
    )
    leaves = _leaves(plain(answers[1].data))
    return Cost(name, leaves, least[0] * 1e6, least[1] * 1e6, encoding * 1e6)


def _leaves(value: Any) -> int:
    if isinstance(value, dict):
        return sum(map(_leaves, value.values()))
    if isinstance(value, list):
        return sum(map(_leaves, value))
    return 1


def planning() -> tuple[int, float, float]:
    """Return how many fields the page plans, and per field the microseconds and the bytes."""
    engine = CompiledEngine(build_schema()._schema)
    operation = Operation(PAGE, {"hub": "96", "first": 20})
    plan: Any = engine.plan(operation)
    steps = len(plan.steps)
    began = process_time()
    kept = [engine.plan(operation) for _ in range(10)]
    seconds = (process_time() - began) / len(kept) / steps
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    more = [engine.plan(operation) for _ in range(10)]  # they share the classes of their rows
    size = (tracemalloc.get_traced_memory()[0] - before) / len(more) / steps
    tracemalloc.stop()
    return steps, seconds * 1e6, size


def main() -> None:
    """Measure and print."""
    out = sys.stdout
    out.write(f"Python {platform.python_version()}\n\n")
    out.write("| query | leaves | standard µs | compiled µs | ratio | µs a leaf | JSON µs |\n")
    out.write("| --- | --- | --- | --- | --- | --- | --- |\n")
    for cost in (
        measured(20),
        measured(100),
        measured(20, PLAIN),
        measured(100, PLAIN),
        measured(0, TINY, 500),
    ):
        each = cost.compiled / cost.leaves
        out.write(
            f"| {cost.name} | {cost.leaves} | {cost.standard:.0f} | {cost.compiled:.0f} "
            f"| {cost.ratio:.1f} | {each:.2f} | {cost.encoding:.0f} |\n"
        )
    steps, seconds, size = planning()
    out.write(
        f"\nPlanning and compiling {steps} fields: {seconds:.0f} µs and {size:.0f} bytes each\n"
    )


if __name__ == "__main__":
    main()
