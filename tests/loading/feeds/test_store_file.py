"""Feeds in a file go on where they stood, and a file that is no use is no harm."""

import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from casegraph.errors import ContractViolation
from casegraph.loading.feeds.feed import Feed
from casegraph.loading.feeds.store_file import FileKeeper, FileStore
from support.feed_answers import ask, filled, plain
from support.moving_lists import MovingList, Notes, World

FeedOf = Callable[..., Feed[Any]]


@pytest.fixture(params=["notes", "reviews"])
def rows(request: pytest.FixtureRequest) -> MovingList:
    """Return both kinds of lists in turn, with rows of three cases in them."""
    made: MovingList = request.getfixturevalue(request.param)
    for number in range(10):
        made.add(str(number % 3), str(number + 1))
        made.world.seconds += 100.0
    return made


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the file is."""
    return tmp_path / "feeds.sqlite"


@pytest.fixture
async def opened(path: Path) -> AsyncIterator[Callable[[], FileStore]]:
    """Return what opens the file, as a process would; all are closed at the end."""
    made: list[FileStore] = []

    def make() -> FileStore:
        made.append(FileStore(path))
        return made[-1]

    yield make
    for store in made:
        await store.close()


async def one_life(rows: MovingList, feed_of: FeedOf, store: FileStore) -> None:
    """Fill a feed, refresh it once, and end."""
    feed = feed_of(rows, FileKeeper(store, "one"))
    await filled(feed)
    rows.world.seconds += 500
    rows.add("1", "20")
    await ask(feed, ["1"])
    await feed.close()
    await store.close()


async def test_a_restart_reads_only_what_has_changed_and_counts(
    rows: MovingList, feed_of: FeedOf, world: World, opened: Callable[[], FileStore]
) -> None:
    """The whole is not read again, and nothing of the time between is missed."""
    await one_life(rows, feed_of, opened())
    world.seconds += 500
    rows.edit(3, "21")
    rows.delete(5)
    rows.add("0", "22")
    rows.add("2", "23")
    world.calls.clear()

    feed = feed_of(rows, FileKeeper(opened(), "one"))
    await filled(feed)
    calls = list(world.calls)
    world.seconds += 1
    answer = await ask(feed, ["0", "1", "2"])

    assert calls[:2] == ["count", "page"]
    assert {case: rows.direct(case) for case in ("0", "1", "2")} == plain(answer)


async def test_an_undisturbed_restart_costs_two_calls(
    rows: MovingList, feed_of: FeedOf, world: World, opened: Callable[[], FileStore]
) -> None:
    """One for the count, one for the changes."""
    await one_life(rows, feed_of, opened())
    world.calls.clear()
    world.seconds += 500

    feed = feed_of(rows, FileKeeper(opened(), "one"))
    feed.start()
    answer = await ask(feed, ["0", "1", "2"])

    assert world.calls == ["count", "page"]
    assert {case: rows.direct(case) for case in ("0", "1", "2")} == plain(answer)


@pytest.mark.parametrize(
    "spoil",
    [
        "UPDATE feed SET head = x'00ff'",
        "UPDATE feed SET head = '{}'",
        "UPDATE feed_row SET body = x'7b7d'",
        "UPDATE feed_row SET body = 5 WHERE row_id = '3'",
        "DROP TABLE feed_row",
        "DELETE FROM feed",
    ],
)
async def test_garbage_in_the_file_is_an_empty_file(
    rows: MovingList,
    feed_of: FeedOf,
    path: Path,
    opened: Callable[[], FileStore],
    spoil: str,
) -> None:
    """The feed is filled anew and kept again."""
    await one_life(rows, feed_of, opened())
    with sqlite3.connect(path) as connection:
        connection.execute(spoil)
    connection.close()

    feed = feed_of(rows, FileKeeper(opened(), "one"))
    await filled(feed)

    assert {"0": rows.direct("0")} == plain(await ask(feed, ["0"]))


async def test_a_file_that_is_no_database_is_left_alone(
    notes: Notes, feed_of: FeedOf, path: Path, opened: Callable[[], FileStore]
) -> None:
    """Feeds work without it."""
    path.write_text("somebody's notes " * 100)  # noqa: ASYNC240 - a small file of this test
    notes.add("0")

    feed = feed_of(notes, FileKeeper(opened(), "one"))
    await filled(feed)

    assert {"0": notes.direct("0")} == plain(await ask(feed, ["0"]))
    assert path.read_text().startswith("somebody's notes")  # noqa: ASYNC240 - the same


async def test_of_two_processes_only_the_last_to_come_writes(
    notes: Notes, feed_of: FeedOf, world: World, opened: Callable[[], FileStore]
) -> None:
    """What the first one read later is not mixed into what the second keeps."""
    notes.add("0", "first")
    elder_store, younger_store = opened(), opened()
    elder = feed_of(notes, FileKeeper(elder_store, "one"))
    await filled(elder)
    await elder_store.close()
    younger = feed_of(notes, FileKeeper(younger_store, "one"))
    await filled(younger)
    await younger.close()
    await younger_store.close()
    world.seconds += 100
    notes.edit(1, "second")
    await ask(elder, ["0"])
    await elder_store.close()

    kept = await opened().load("one")

    assert kept is not None
    bodies = [msgspec.json.decode(body)["comments"] for body in kept[1].values()]
    assert bodies == ["first"]


async def test_rows_with_a_broken_field_are_not_kept(
    notes: Notes, feed_of: FeedOf, opened: Callable[[], FileStore], monkeypatch: Any
) -> None:
    """An error that stands in a field's place is nobody's to write down."""
    notes.add("0")
    plain_print = notes._print
    broken = ContractViolation("action_management", "hub_notes", "a value of a wrong type")

    def print_broken(held: Any) -> Any:
        return msgspec.structs.replace(plain_print(held), text=broken)

    monkeypatch.setattr(notes, "_print", print_broken)
    store = opened()
    feed = feed_of(notes, FileKeeper(store, "one"))
    await filled(feed)

    answer = await ask(feed, ["0"])
    await store.close()

    assert broken is answer.rows["0"][0].text
    assert await opened().load("one") is None
