"""A receipt tells what its own work has read, and nobody else's."""

import asyncio

from casegraph.transport.receipt import Receipt, note_body, note_repair, open_receipt


async def test_bodies_and_repairs_are_entered() -> None:
    """Every body of the task that opened it counts, of its own tasks too."""
    receipt = open_receipt()
    note_body(bytes(10))
    await asyncio.create_task(asyncio.to_thread(note_body, bytes(5)))

    assert (receipt.size, receipt.has_repairs) == (15, False)
    note_repair()
    assert receipt.has_repairs


async def test_nothing_is_entered_for_others() -> None:
    """Work beside it opens its own; without one nothing happens."""

    async def work(size: int) -> Receipt:
        receipt = open_receipt()
        await asyncio.sleep(0)
        note_body(bytes(size))
        return receipt

    note_body(b"x")
    note_repair()
    receipts = await asyncio.gather(*(work(size) for size in (1, 2, 3)))

    assert [receipt.size for receipt in receipts] == [1, 2, 3]


async def test_a_body_is_told_while_it_is_the_only_one() -> None:
    """What came of two bodies is neither of them; an empty one is none."""
    receipt = open_receipt()
    found = [receipt.only]
    for body in (b"", b"one", b"", b"two", b"three"):
        note_body(body)
        found.append(receipt.only)

    assert found == [None, None, b"one", b"one", None, None]
