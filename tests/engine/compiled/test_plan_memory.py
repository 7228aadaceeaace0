"""The memory for plans never holds more than its bounds, whatever is kept in which order."""

from hypothesis import given
from hypothesis import strategies as st

from casegraph.engine.compiled.memory import Weighed

PUTS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 30)), max_size=60)


@given(PUTS)
def test_number_and_weight_are_bounded(puts: list[tuple[int, int]]) -> None:
    """What is kept is the most recent that fits; its weight is the sum of its parts."""
    kept: Weighed[int, int] = Weighed(4, 50)
    latest: dict[int, int] = {}

    for key, weight in puts:
        kept.put(key, weight, weight)
        latest[key] = weight
        assert len(kept) <= 4
        assert kept.weight <= 50
        assert kept.get(key) == weight

    held = {key: kept.get(key) for key in range(10)}
    assert all(value in {None, latest.get(key)} for key, value in held.items())
    assert kept.weight == sum(value for value in held.values() if value is not None)


def test_what_is_too_heavy_is_not_kept() -> None:
    """It leaves what is there, but for what it would have replaced."""
    kept: Weighed[str, int] = Weighed(4, 50)
    kept.put("a", 1, 20)
    kept.put("b", 2, 20)

    kept.put("b", 3, 51)

    assert (kept.get("a"), kept.get("b"), kept.weight) == (1, None, 20)
