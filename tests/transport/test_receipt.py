"""A receipt tells what its own work has read, and nobody else's."""

import asyncio

from casegraph.transport.receipt import Receipt, note_body, note_repair, open_receipt


async def test_bodies_and_repairs_are_entered() -> None:
    """Every body of the task that opened it counts, of its own tasks too."""
    receipt = open_receipt()
    note_body(10)
    await asyncio.create_task(asyncio.to_thread(note_body, 5))

    assert (receipt.size, receipt.has_repairs) == (15, False)
    note_repair()
    assert receipt.has_repairs


async def test_nothing_is_entered_for_others() -> None:
    """Work beside it opens its own; without one nothing happens."""

    async def work(size: int) -> Receipt:
        receipt = open_receipt()
        await asyncio.sleep(0)
        note_body(size)
        return receipt

    note_body(1)
    note_repair()
    receipts = await asyncio.gather(*(work(size) for size in (1, 2, 3)))

    assert [receipt.size for receipt in receipts] == [1, 2, 3]
