"""When Python looks for reference cycles: seldom, never in what stays, and before they cost memory.

Reference counts free most of a request; the collector walks the rest, and as Python sets it that
costs half of a big answer's CPU: it looks at the young after each 700 objects, and at everything,
look-ups and schema too, while somebody waits. So what the start has made is frozen, the young are
looked at seldom, and the whole is walked while nobody waits, or once the process has grown.
Seen with 100 cases of all fields (20 ms upstreams, best of three turns): 37 ms of CPU as Python has
it, 18 ms so; p99 1,039 ms and 228 ms. `bench.side_by_side --only safety` measures it anew.
Invariant: between two walks of the whole heap a process grows by at most GROWTH_BYTES, and by
GROWTH_BLOCKS, and what it allocates in one tick; one that was asked and left alone has no cycles.
"""

import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

YOUNG: Final = 50_000
"""Container objects made and not freed until the young are walked: ten answers of 100 cases.

By the same measure 10,000 cost 22 ms and a p99 of 503 ms; 200,000 no less CPU than this, and a p99
of twice as much, for a walk takes as long as there is to see.
"""
MIDDLE: Final = 10
"""Walks of the young until what outlived them is walked too: Python's own figure."""
GROWTH_BYTES: Final = 32 * 2**20
"""Growth of the process after which the whole heap is walked, whoever waits: a few big objects."""
GROWTH_BLOCKS: Final = 400_000
"""Growth in small objects after which it is, too: they are some 30 MB.

Bytes alone would not do: what a walk frees the process keeps, and would be filled up again before
it grows. By bytes alone the process of the same measure grew by 140 MB, so by 78; 150,000 make it
53, for half as much CPU again where walks are many. Asking for both figures takes some 20 µs.
"""
QUIET_TICKS: Final = 10
"""Ticks without a request after which a process counts as quiet: a second of the server's."""

_NEVER = 2**31 - 1
"""Largest threshold that Python takes."""
_STATM = Path("/proc/self/statm")
_BLOCK_BYTES = 64
"""Mean size of Python's small blocks, to the power of two; bodies of answers are none."""


class Tuning(Protocol):
    """What a server tells of its life."""

    def started(self) -> None:
        """Hear that all is made that stays, and that the first request may come."""

    def tick(self, *, in_flight: int, served: int) -> None:
        """Hear, some times a second, how many requests run and how many there were."""


class Untuned:
    """The collector as Python has it."""

    def started(self) -> None:
        """Change nothing."""

    def tick(self, *, in_flight: int, served: int) -> None:
        """Do nothing."""


def resident_bytes() -> int:
    """Return the memory that this process holds; without /proc, about what its objects do."""
    try:
        return int(_STATM.read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return sys.getallocatedblocks() * _BLOCK_BYTES


class Collector:
    """The collector of a process that serves; one a process, since Python has one."""

    def __init__(
        self,
        resident: Callable[[], int] = resident_bytes,
        blocks: Callable[[], int] = sys.getallocatedblocks,
    ) -> None:
        self._resident = resident
        self._blocks = blocks
        self._bytes_after_walk = 0
        self._blocks_after_walk = 0
        self._served = 0
        self._quiet = 0
        self._is_walked = True
        """Whether nothing ran since the whole heap was walked."""

    def started(self) -> None:
        """Freeze what stays and set the thresholds."""
        gc.collect()
        gc.freeze()
        # The whole heap is walked by `tick`, which knows whether anybody waits.
        gc.set_threshold(YOUNG, MIDDLE, _NEVER)
        self._measure()

    def tick(self, *, in_flight: int, served: int) -> None:
        """Walk the whole heap where nobody waits, or where the process has grown."""
        if in_flight or served != self._served:
            self._served, self._quiet, self._is_walked = served, 0, False
        else:
            self._quiet += 1
        is_due = self._quiet >= QUIET_TICKS and not self._is_walked
        if is_due or self._has_grown():
            gc.collect()
            self._measure()
            self._is_walked = True

    def _has_grown(self) -> bool:
        return (
            self._blocks() - self._blocks_after_walk >= GROWTH_BLOCKS
            or self._resident() - self._bytes_after_walk >= GROWTH_BYTES
        )

    def _measure(self) -> None:
        self._blocks_after_walk = self._blocks()
        self._bytes_after_walk = self._resident()
