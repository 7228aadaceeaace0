"""Where ids stand in a list by id: bounds that hold, and pages that settle what they must."""

from hypothesis import given
from hypothesis import strategies as st

from casegraph.loading.access.ranks import (
    PAGE,
    all_pages,
    next_skip,
    pages_needed,
    rank_bounds,
)

_ids = st.sets(st.integers(1, 2000), min_size=1, max_size=400)


@given(_ids, st.data())
def test_the_bounds_of_a_rank_hold_for_every_id(ids: set[int], data: st.DataObject) -> None:
    """Whatever ranks are known, an id that is in the list stands within its bounds."""
    ordered = sorted(ids)
    known = data.draw(st.sets(st.sampled_from(ordered)))
    anchors = [(number, rank) for rank, number in enumerate(ordered) if number in known]

    for rank, number in enumerate(ordered):
        low, high = rank_bounds(anchors, number, len(ordered))
        assert low <= rank <= high


@given(_ids, st.data())
def test_the_plan_is_never_longer_than_the_list(ids: set[int], data: st.DataObject) -> None:
    """However little is known, no more pages are reckoned with than there are."""
    ordered = sorted(ids)
    known = data.draw(st.sets(st.sampled_from(ordered)))
    wanted = sorted(data.draw(st.sets(st.integers(1, 2100), min_size=1, max_size=50)))
    anchors = [(number, rank) for rank, number in enumerate(ordered) if number in known]

    assert 1 <= pages_needed(anchors, wanted, len(ordered)) <= all_pages(len(ordered))


@given(_ids, st.data())
def test_probing_comes_to_an_end(ids: set[int], data: st.DataObject) -> None:
    """Each page narrows the search, so every id is settled in a bounded number of pages."""
    ordered = sorted(ids)
    wanted = sorted(data.draw(st.sets(st.sampled_from(ordered), min_size=1, max_size=20)))
    anchors: dict[int, int] = {}

    pages = 0
    while wanted:
        skip = next_skip(sorted(anchors.items()), wanted, len(ordered))
        page = ordered[skip : skip + PAGE]
        pages += 1
        anchors[page[0]], anchors[page[-1]] = skip, skip + len(page) - 1
        wanted = [number for number in wanted if not page[0] <= number <= page[-1]]

    assert pages <= 4 * all_pages(len(ordered))


def test_neighbours_of_a_known_id_take_one_page() -> None:
    """Ids within a page of a known one are sure to stand on the page that begins there."""
    anchors = [(5000, 1200)]

    assert pages_needed(anchors, [5000, 5040, 5090], 2500) == 1
    assert next_skip(anchors, [5000, 5040, 5090], 2500) == 1200
    assert rank_bounds(anchors, 5040, 2500) == (1200, 1240)
