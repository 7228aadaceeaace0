"""Whatever comes, moves and goes, an index answers as one that is made anew of the same rows."""

import gc
import weakref
from contextlib import suppress
from datetime import UTC, datetime
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from casegraph.errors import ContractViolation
from casegraph.loading.feeds.index import Facts, Index
from casegraph.upstreams.action_management.records import Note
from casegraph.upstreams.decode import Shape, Where


class Line(NamedTuple):
    """A row of a list."""

    row_id: str
    case_id: str
    order: int
    shows_changes: bool


def facts_of(line: Line) -> Facts:
    """Return what a feed must know of a row."""
    return Facts(line.row_id, line.case_id, None, (line.order, line.row_id), line.shows_changes)


def size_of(line: Line) -> int:
    """Return any size that differs from row to row."""
    return 1 + line.order


IDS, CASES = "abcdef", "123"
line = st.builds(
    Line,
    st.sampled_from(IDS),
    st.sampled_from(CASES),
    st.integers(0, 9),
    st.sampled_from([True, True, True, False]),
)
step = st.one_of(
    st.tuples(st.just("put"), st.lists(line, max_size=5)),
    st.tuples(st.just("remove"), st.lists(st.sampled_from(IDS), max_size=3)),
    st.tuples(st.just("forget"), st.lists(st.sampled_from(CASES), max_size=1)),
)


@given(st.lists(step, max_size=12))
def test_what_was_asked_before_a_change_does_not_stand_after_it(
    steps: list[tuple[str, list[Line] | list[str]]],
) -> None:
    """Each case is asked after each step, so whatever is remembered of it is tried."""
    index, held = Index(facts_of, size_of), dict[str, Line]()
    for name, what in steps:
        for each in what:
            match each:
                case Line():
                    held[each.row_id] = each
                    index.put([each])
                case str() if name == "remove":
                    held.pop(each, None)
                    index.remove([each])
                case _:
                    index.forget_case(each)
                    held = {key: row for key, row in held.items() if row.case_id != each}
        for case_id in CASES:
            rows = [row for row in held.values() if row.case_id == case_id]
            rows.sort(key=lambda row: (row.order, row.row_id))
            is_complete = all(row.shows_changes for row in rows)
            assert index.of(case_id) == (tuple(rows) if is_complete else None)
        assert (len(index), index.bytes) == (len(held), sum(map(size_of, held.values())))


def test_only_who_holds_another_object_is_told_of_a_row() -> None:
    """An equal row is not taken over, so that what is shared stays shared."""
    index = Index(facts_of, size_of)
    first, equal = (Line("a", "1", 3, shows_changes=True) for _ in range(2))
    assert [index.put([each]) for each in (first, equal)] == [1, 0]
    assert next(iter(index)) is first
    assert index.missing({"a": first, "b": first}) == [first]
    assert index.missing({"a": equal}) == [equal]


def test_rows_older_than_a_moment_are_those_last_changed_before_it() -> None:
    """Not those of that very moment, nor those without one."""
    moments: dict[str, datetime | None] = {
        "a": datetime(2026, 1, 1, tzinfo=UTC),
        "b": datetime(2026, 1, 2, tzinfo=UTC),
        "c": None,
    }
    index = Index[str](lambda row: Facts(row, "1", moments[row], (row,)), len)
    index.put(moments)
    assert index.before(datetime(2026, 1, 2, tzinfo=UTC)) == ("a",)
    assert index.times() == [moments["a"], moments["b"]]


def test_nothing_is_left_of_cases_without_rows() -> None:
    """Cases come and go for as long as the process lives."""
    index = Index(facts_of, size_of)
    for number in range(300):
        index.put(Line(each, str(number), 1, shows_changes=True) for each in "ab")
        if number % 3 == 1:
            index.remove(["b", "a", "c", "a"])
        elif number % 3 == 2:
            index.forget_case(str(number))
    assert (len(index), index.bytes, index._cases, index._in_order) == (0, 0, {}, {})


class Owner:
    """Whoever holds an index, in whose frames an error may be raised."""

    def __init__(self) -> None:
        self.index = Index[Note](lambda row: Facts(row.note_id, row.case_id, None, ()), lambda _: 1)

    def resolve(self) -> None:
        """Raise what is in a row, as the field of an answer does."""
        for row in self.index:
            assert isinstance(row.created_at, ContractViolation)
            with suppress(ContractViolation):
                raise row.created_at


def test_an_error_in_a_row_keeps_nobody_alive() -> None:
    """Its traceback leads to the frames that it came through, and they back to the row."""
    owner = Owner()
    note = b'{"id": 1, "caseId": 2, "dateCreated": []}'
    owner.index.put([Shape[Note](Note).read(note, Where("action_management", "case_notes"))])
    owner.resolve()
    alive = weakref.ref(owner)
    del owner
    gc.collect()
    assert alive() is None
