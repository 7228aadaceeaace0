"""The memory for checked documents: bounded in number and weight, the least recent goes first."""

from hypothesis import given
from hypothesis import strategies as st

from casegraph.engine.memory import DocumentMemory


def test_the_least_recently_used_goes_first() -> None:
    """Reading counts as use."""
    memory = DocumentMemory[int](entries=2, tokens=100)
    memory.put("a", 1, 1)
    memory.put("b", 2, 1)

    assert memory.get("a") == 1
    memory.put("c", 3, 1)

    assert [memory.get(text) for text in "abc"] == [1, None, 3]


def test_a_heavy_text_takes_the_room_of_many() -> None:
    """Weight is what is bounded; what is heavier than everything is not kept at all."""
    memory = DocumentMemory[int](entries=100, tokens=10)
    for number in range(5):
        memory.put(str(number), number, 2)

    memory.put("heavy", 9, 7)
    assert [memory.get(text) for text in ("3", "4", "heavy")] == [None, 4, 9]

    memory.put("too heavy", 9, 11)
    assert [memory.get(text) for text in ("4", "heavy", "too heavy")] == [4, 9, None]


@given(
    st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 8), st.booleans())),
    st.integers(1, 4),
    st.integers(1, 12),
)
def test_the_bounds_always_hold(
    steps: list[tuple[str, int, bool]], entries: int, tokens: int
) -> None:
    """Whatever is put and read, the weight is that of what is kept, and within its bound."""
    memory = DocumentMemory[int](entries, tokens)
    last: dict[str, int] = {}
    for text, weight, reads in steps:
        if reads:
            assert memory.get(text) in {None, last.get(text)}
        else:
            memory.put(text, weight, weight)
            last[text] = weight
        assert len(memory) <= entries
        assert memory.tokens == sum(kept[1] for kept in memory._kept.values()) <= tokens
