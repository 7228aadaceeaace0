"""What the class of a value proves: the first class met, those met later, and odd ones."""

from typing import Any

import pytest

from casegraph.engine.compiled import CompiledEngine
from casegraph.engine.compiled.classes import CLASSES_MAX, Known
from casegraph.engine.standard import Operation
from engine.compiled.small_schema import Book, Context


class Moody(type):
    """A metaclass whose classes are false, have no hash, and are all equal."""

    def __bool__(cls) -> bool:
        return False

    def __eq__(cls, _other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]  # the oddity


class OddText(str, metaclass=Moody):
    """A text of an odd class."""

    __slots__ = ()


class MoreText(str):
    """Another text."""

    __slots__ = ()


def test_the_first_class_stays_the_first() -> None:
    """Classes that come later are known beside it, as many as there is room for."""
    known, kinds = Known(), [type(f"Kind{n}", (), {}) for n in range(CLASSES_MAX + 1)]

    for kind in kinds:
        known.add(kind)

    assert known.first is kinds[0]
    assert [*known.values()] == kinds[:-1]


def test_an_exception_is_never_known() -> None:
    """A value of its class is a failure."""
    known = Known()

    known.add(ValueError)

    assert known.first is None
    assert not known


@pytest.mark.parametrize("kinds", [(OddText, MoreText), (MoreText, OddText)])
async def test_texts_of_all_classes_are_text(engine: CompiledEngine, kinds: Any) -> None:
    """Whichever class came first, and whatever its own class thinks of itself."""
    printed: list[Any] = []
    for kind in [*kinds, str] * 2:
        value = [Book(title=kind("A"), pages=1)]
        result = await engine.run(Operation("{ anyBooks { title } }"), Context(value=value))
        assert result.data is not None
        printed.append(result.data["anyBooks"][0]["title"])

    assert printed == ["A"] * 6
    assert {type(text) for text in printed[3:]} == {str}
