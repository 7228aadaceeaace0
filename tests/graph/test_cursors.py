import os
import string
import subprocess
import sys
from base64 import b64encode
from datetime import UTC, datetime
from enum import Enum

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from casegraph.errors import InvalidCursor, LimitExceeded
from casegraph.graph.cursors import Scope
from casegraph.loading.case_filter import CaseConditions

POSITIONS = st.lists(st.text(max_size=8) | st.integers(0, 2**63 - 1), max_size=5).map(tuple)
TEXTS = st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: b64encode(raw).decode())
SCOPE = Scope("cases", "96", None)


class Colour(Enum):
    """An argument as enums arrive."""

    RED = "red"


ARGUMENTS = st.one_of(
    st.none(),
    st.booleans(),
    st.text(max_size=5),
    st.sampled_from(Colour),
    st.frozensets(st.text(max_size=3), max_size=4),
    st.datetimes(timezones=st.just(UTC)),
    st.lists(st.dictionaries(st.text(max_size=3), st.integers(), max_size=3), max_size=3),
)


@given(POSITIONS, st.lists(ARGUMENTS, max_size=4))
def test_a_cursor_is_read_back_by_its_own_list(
    position: tuple[str | int, ...], arguments: list[object]
) -> None:
    """Whatever the position and the arguments, the same list reads what it wrote."""
    assert Scope("f", *arguments).decode(Scope("f", *arguments).encode(position)) == position


@given(POSITIONS, st.lists(ARGUMENTS, max_size=3), ARGUMENTS)
def test_a_cursor_of_another_list_is_refused(
    position: tuple[str | int, ...], arguments: list[object], further: object
) -> None:
    """A different field or different arguments make another list."""
    text = Scope("f", *arguments).encode(position)

    for other in (Scope("g", *arguments), Scope("f", *arguments, further), Scope("f", arguments)):
        with pytest.raises(InvalidCursor):
            other.decode(text)


@given(TEXTS)
@example("")
@example("====")
@example("é")
@example("A" * 70_000)
def test_any_text_is_a_cursor_or_refused(text: str) -> None:
    """Nothing a client may send as a cursor raises anything but InvalidCursor."""
    with pytest.raises(InvalidCursor):
        SCOPE.decode(text)


@given(POSITIONS, st.data())
def test_one_changed_character_is_refused(
    position: tuple[str | int, ...], data: st.DataObject
) -> None:
    """No other character may stand anywhere, not even one that base64 reads as the same bytes."""
    text = SCOPE.encode(position)
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from("ABCDwxyz0189-_+/=é").filter(lambda one: one != text[place]))

    with pytest.raises(InvalidCursor):
        SCOPE.decode(text[:place] + other + text[place + 1 :])


@pytest.mark.parametrize("position", [(1,), (12,), (123,)])
def test_a_cursor_has_one_spelling(position: tuple[int, ...]) -> None:
    """The bits that base64 leaves unused in its last letter cannot be set to something else."""
    text = SCOPE.encode(position)
    letters = string.ascii_letters + string.digits + "-_+/="

    read = [one for one in letters if _is_read(text[:-1] + one)]

    assert read == [text[-1]]


def _is_read(text: str) -> bool:
    try:
        SCOPE.decode(text)
    except InvalidCursor:
        return False
    return True


@given(POSITIONS, st.data())
def test_one_flipped_bit_is_refused(position: tuple[str | int, ...], data: st.DataObject) -> None:
    """A cursor damaged on its way is told from every cursor there is."""
    raw = bytearray(SCOPE.encode(position).encode())
    bit = data.draw(st.integers(0, len(raw) * 8 - 1))
    raw[bit // 8] ^= 1 << bit % 8

    with pytest.raises(InvalidCursor):
        SCOPE.decode(raw.decode("latin-1"))


@given(st.permutations(["11001", "11002", "11003", "9", "x"]))
def test_the_order_in_which_a_set_was_written_does_not_matter(items: list[str]) -> None:
    """The same filter with its ids in another order goes on with the same cursor."""
    one = Scope("cases", CaseConditions(status_item_ids=frozenset(items)))
    other = Scope("cases", CaseConditions(status_item_ids=frozenset(sorted(items))))

    assert other.decode(one.encode((1,))) == (1,)


def test_a_cursor_outlives_its_process() -> None:
    """Cursors over sets are the same in processes that hash strings differently."""
    program = (
        "from casegraph.graph.cursors import Scope\n"
        "from casegraph.loading.case_filter import CaseConditions\n"
        "ids = frozenset(map(str, range(40)))\n"
        "print(Scope('cases', CaseConditions(status_item_ids=ids)).encode((25,)))\n"
    )
    cursors = {
        subprocess.run(  # noqa: S603  our own words only
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }

    assert len(cursors) == 1


def test_arguments_are_told_apart_by_value() -> None:
    """Moments, enum members and nested JSON are part of what the list is."""
    moments = [datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2)]
    texts = {
        Scope("f", *arguments).encode((1,))
        for arguments in ([], [None], [Colour.RED], *([each] for each in moments), [[{"a": 1}]])
    }

    assert len(texts) == 6


def test_a_cursor_too_long_to_be_read_is_not_made() -> None:
    """Rather than a cursor that would be refused, there is an error that says why."""
    with pytest.raises(LimitExceeded):
        SCOPE.encode(("2026-01-01", *range(10**6, 10**6 + 7000)))
    position = ("2026-01-01", *range(10**6, 10**6 + 5000))
    assert SCOPE.decode(SCOPE.encode(position)) == position
