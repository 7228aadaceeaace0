"""The fuse: how many upstream calls one request may make, whatever its document asks for.

A small document can ask for a call per row of a page of a page. The allowance travels in a context
variable, like the deadline, and is spent one by one by the outermost layer of every chain. A plan
reserves what it will need: one that needs more than is left is refused before its first call, and
plans that are carried out side by side cannot spend each other's.
Invariant: a request never makes more calls than its allowance, retries left out (they have a budget
of their own); work that belongs to no request has none and is not counted.
"""

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import ParamSpec, TypeVar

from casegraph.errors import LimitExceeded
from casegraph.transport.calls import Call, Reply, Send

P = ParamSpec("P")
T = TypeVar("T")


class Allowance:
    """The calls that one request may still make; shared by all its tasks."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.left = limit
        """Neither spent nor reserved."""

    def spend(self) -> None:
        """Count one call; raises LimitExceeded when none is left."""
        if self.left <= 0:
            raise LimitExceeded(
                f"No call is left of the {self.limit} upstream calls that a request may make; ask"
                " for less at once."
            )
        self.left -= 1


class Reserve:
    """The part of an allowance that one piece of work has set aside."""

    def __init__(self, allowance: Allowance) -> None:
        self._allowance = allowance
        self._left = 0

    def add(self, calls: int) -> None:
        """Set calls aside; raises LimitExceeded, with nothing set aside, where too few are left."""
        if calls > self._allowance.left:
            raise LimitExceeded(
                f"This part needs {calls} upstream calls, and {self._allowance.left} of the"
                f" {self._allowance.limit} that a request may make are left; ask for less at once."
            )
        self._allowance.left -= calls
        self._left += calls

    def spend(self) -> bool:
        """Count one call of those set aside; returns False when there is none."""
        if not self._left:
            return False
        self._left -= 1
        return True

    def release(self) -> None:
        """Give back what was not needed: others had made the call, or the plan ended early."""
        self._allowance.left += self._left
        self._left = 0


call_allowance: ContextVar[Allowance | None] = ContextVar("call_allowance", default=None)
"""The allowance of the current request; None for the gateway's own errands."""

_reserve: ContextVar[Reserve | None] = ContextVar("call_reserve", default=None)


def reserving(work: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """Return the same work with a reserve of its own, which ends with it."""

    async def inner(*args: P.args, **kwargs: P.kwargs) -> T:
        allowance = call_allowance.get()
        if allowance is None:
            return await work(*args, **kwargs)
        reserve = Reserve(allowance)
        token = _reserve.set(reserve)
        try:
            return await work(*args, **kwargs)
        finally:
            _reserve.reset(token)
            reserve.release()

    return inner


def reserve(calls: int) -> None:
    """Set calls aside for the running work; raises LimitExceeded where too few are left."""
    own, allowance = _reserve.get(), call_allowance.get()
    if own is not None:
        own.add(calls)
    elif allowance is not None:
        checked = Reserve(allowance)
        checked.add(calls)
        checked.release()


class WithinAllowance:
    """Spends one call of the request's allowance for each call; the outermost layer of a chain."""

    def __init__(self, inner: Send) -> None:
        self._inner = inner

    def __call__(self, call: Call) -> Awaitable[Reply]:
        """Send the call; raises LimitExceeded, unsent, when the allowance is used up."""
        allowance = call_allowance.get()
        if allowance is not None:
            own = _reserve.get()
            if own is None or not own.spend():
                allowance.spend()
        return self._inner(call)
