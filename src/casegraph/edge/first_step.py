"""Work that is run up to its first wait by whoever awaits it, who then knows whether it waits.

Most of what a request awaits is there already: its body came with its head, its query needs no
call. Guards around a wait (a timer, a watch over the connection) cost 4 to 9 µs each, which is more
than such work itself; with the first step taken by hand they are set for work that really waits.
It is what `asyncio.eager_task_factory` does for tasks since Python 3.12.
Invariant: work goes on in the task that began it, and sees every value and error that the task is
sent, as under a plain `await`.
"""

from collections.abc import Coroutine, Generator
from types import coroutine
from typing import Any, TypeVar

T = TypeVar("T")


@coroutine
def resumed(work: Coroutine[Any, Any, T], waits_for: Any) -> Generator[Any, Any, T]:
    """Go on with work whose first step, `work.send(None)`, has returned what it waits for.

    Nothing else may be awaited between that step and this.
    """
    while True:
        try:
            yield waits_for
        except GeneratorExit:
            work.close()
            raise
        except BaseException as error:  # noqa: BLE001  it is the work's to make something of
            try:
                waits_for = work.throw(error)
            except StopIteration as ended:
                result: T = ended.value
                return result
        else:
            return (yield from work.__await__())
