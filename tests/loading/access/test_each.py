"""What is in hand for many keys at once, and what is not."""

from casegraph.loading.access.each import in_hand
from casegraph.loading.asking import Asking
from support.kept_reads import RATED, Fetch, Reader, request


async def test_what_is_to_be_asked_anew_is_not_in_hand() -> None:
    """It is left to the read that serves it and makes the call behind the answer."""
    read = Reader()
    await read(RATED, Fetch(["a"]))
    asking: Asking = request()
    keys = {"key": ("7",)}
    read.clock.now += 50
    fresh = await in_hand(read.kept, RATED, keys, asking)
    read.clock.now += 100
    stale = await in_hand(read.kept, RATED, keys, asking)
    await read.kept.close()

    assert [reading.value for reading in fresh.values()] == [["a"]]
    assert stale == {}
