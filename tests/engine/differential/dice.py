"""The one way to randomness that can be repeated.

Invariant: the same parts make the same dice, in every process.
"""

from random import Random
from zlib import crc32


def dice(seed: int) -> Random:
    """Return a source of randomness."""
    return Random(seed)  # noqa: S311  there is nothing to be kept secret


def mixed(seed: int, *parts: str) -> int:
    """Return a number that follows from a seed and some texts."""
    return crc32("\x00".join((str(seed), *parts)).encode("utf-8", "surrogatepass"))
