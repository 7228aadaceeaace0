"""Attributes that are made when they are first asked for."""

from casegraph.loading.once import made_once


class Maker:
    """Something with an attribute that counts how often it is made."""

    def __init__(self) -> None:
        self.made = 0

    @made_once
    def number(self) -> int:
        """Return how many were made with this one."""
        self.made += 1
        return self.made


def test_an_attribute_is_made_when_it_is_asked_for_and_once() -> None:
    """Until then its instance does not have it, and another instance has its own."""
    one, other = Maker(), Maker()
    assert "number" not in vars(one)

    assert [one.number, one.number, other.number] == [1, 1, 1]

    assert vars(one) == {"made": 1, "number": 1}


def test_what_was_made_can_be_dropped_and_is_made_anew() -> None:
    """Nothing but the instance holds it."""
    one = Maker()
    assert one.number == 1
    del one.number
    assert one.number == 2


def test_the_attribute_of_a_class_tells_what_it_is() -> None:
    """Tools that read docstrings find this one."""
    assert Maker.number.__doc__ == "Return how many were made with this one."
