"""Whatever comes, moves and goes, an index answers as one that is made anew of the same rows."""

from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from casegraph.loading.feeds.index import Facts, Index


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
