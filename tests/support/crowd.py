"""Many clients at the same moment, each in a thread with a connection of its own."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from support.gateway import Answer, Gateway, plain_client


def at_once(gateway: Gateway, number: int, ask: Callable[[Gateway], Answer]) -> list[Answer]:
    """Let this many clients ask together; raises what any of them raised."""
    start = Barrier(number)

    def one(_: int) -> Answer:
        with plain_client() as client:
            start.wait(timeout=30)
            return ask(Gateway(gateway.url, client))

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(one, range(number)))
