"""A value that authorises: it can be handed on, and shown nowhere.

Invariant: neither `repr`, `str`, formatting nor encoding tells it; only `reveal` does.
"""

from typing import NoReturn


class Secret:
    """A secret text, such as the hash of a rating mail."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the text, for the one call that needs it."""
        return self._value

    def __repr__(self) -> str:
        """Tell that there is one."""
        return "Secret(***)"

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled or copied into anything."""
        raise TypeError("a secret stays where it is")
