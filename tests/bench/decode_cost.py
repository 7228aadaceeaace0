"""What the bodies of upstreams cost this process, in CPU per row: read, swept and kept in a feed.

Eight pages of each kind take turns, so that no row comes again at once. Nothing is sent: the
clients get bodies in hand. Beside a figure stands that of the plain way: ids and moments through
the shortest hook that reads all forms, and of a swept page each row read. A figure is the least of
several rounds in which the ways take turns. When every row was read and no id kept, the four were
8.6, 5.8, 15.3 and 18.1 µs, on a machine that then came to 2.0, 4.5, 11.6 and 8.6; while links were
read and the collector knew each record, 1.8, 4.1, 8.8 and 7.8, on one that has 1.8, 3.4, 7.7 and
6.8 now. Run it on an otherwise idle machine, from the project's folder:

    PYTHONPATH=src python tests/bench/decode_cost.py
"""

import asyncio
import gc
import platform
import sys
import tracemalloc
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import cycle
from time import process_time
from typing import Any

import msgspec

from casegraph.loading.access.learned import Learned
from casegraph.loading.access.sweeps import Sweep, notes_of
from casegraph.loading.feeds.bounds import FeedBounds
from casegraph.loading.feeds.core import Times
from casegraph.loading.feeds.filling import Filling
from casegraph.loading.feeds.note_reading import NoteReading
from casegraph.loading.scope import DataScope
from casegraph.loading.sources import Sources
from casegraph.transport.calls import Call, Reply
from casegraph.upstreams.action_management.client import ActionManagement, CaseQuery
from casegraph.upstreams.action_management.records import CasePage, NotePage
from casegraph.upstreams.base import Rest
from casegraph.upstreams.decode import Id, Instant

ROUNDS = 24
PAGES = 8
NOTES = 1000
CASES = 100
WANTED = 20
"""Cases of a sweep, of two thousand and a half that have notes."""
HUB = "96"
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
_ALL_CASES = 2500

Way = Callable[[], Awaitable[object]]


def _printed(seconds: float) -> str:
    """Return a moment as Action Management prints it: with a seventh digit and an offset."""
    moment = _EPOCH + timedelta(seconds=seconds)
    return moment.isoformat(timespec="microseconds").replace("+", "7+")


def _user(number: int) -> dict[str, Any]:
    name = f"user{number % 40}@example.com"
    links = {"self": f"/v1/hubs/{HUB}/enduserlists/12/users/{number % 40}"}
    return {"id": number % 40, "userName": name, "isActive": True, "links": links}


def note_page(page: int) -> bytes:
    """Return a page of a hub's notes; every fourth of them was edited."""
    items = []
    for number in range(page * NOTES, (page + 1) * NOTES):
        edited = number + (0.5 if number % 4 == 0 else 0)
        items.append(
            {
                "id": 900_000 + number,
                "caseId": 345_000 + number * 7 % _ALL_CASES,
                "comments": f"Called back about order {number}; will call again. " * 3,
                "isSystemGenerated": False,
                "createdBy": _user(number),
                "modifiedBy": _user(number),
                "dateCreated": _printed(number),
                "dateModified": _printed(edited),
                "links": {"self": f"/v1/hubs/{HUB}/notes/{number}"},
            }
        )
    return msgspec.json.encode({"items": items, "totalCount": NOTES})


def case_page(page: int) -> bytes:
    """Return a page of cases in list form."""
    kinds = ("status", "severity", "category")
    items = [
        {
            "id": 345_000 + number,
            "name": f"Case {number}",
            "workflowId": 7,
            "workflowName": "Standard recovery",
            "cost": 12.5,
            "isClosed": False,
            "triggerId": 55,
            "triggerName": "NPS below 7",
            "dateCreated": _printed(number),
            "listValues": [
                {"listId": at, "id": 10 * at + number % 5, "name": kind, "type": kind}
                for at, kind in enumerate(kinds)
            ],
            "roles": [
                {"id": at, "name": f"Role {at}", "users": [_user(number + at)]} for at in range(2)
            ],
            "dataFields": [
                {"id": at, "name": f"Field {at}", "value": f"{number}", "questionName": "q"}
                for at in range(5)
            ],
        }
        for number in range(page * CASES, (page + 1) * CASES)
    ]
    return msgspec.json.encode({"items": items, "totalCount": _ALL_CASES})


def _plain_hook(kind: type, value: Any) -> Any:
    """Read ids and moments as the decoder does, by the shortest code that does it."""
    if kind is Id and value.__class__ in {str, int} and value != "":
        return str(value)
    if kind is Instant and isinstance(value, str):
        text = value.strip()
        if text[4:5] != "-" or text[7:8] != "-" or text[10:11] not in {"T", " ", ""}:
            raise ValueError
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    raise ValueError


class Bench:
    """The client of one upstream over bodies that take turns."""

    def __init__(self) -> None:
        self._bodies: Iterator[bytes] = cycle([note_page(page) for page in range(PAGES)])
        self._cases: Iterator[bytes] = cycle([case_page(page) for page in range(PAGES)])
        rest = Rest("action_management", "http://upstream.test", "", self._send)
        self.client = ActionManagement(rest, rest)
        make: Any = Sources
        self.sources: Sources = make(self.client)
        self._plain_notes = msgspec.json.Decoder(NotePage, dec_hook=_plain_hook)
        self._plain_cases = msgspec.json.Decoder(CasePage, dec_hook=_plain_hook)
        self.wanted = [str(345_000 + number * 125) for number in range(WANTED)]

    async def _send(self, call: Call) -> Reply:
        return Reply(200, {}, next(self._cases if call.method == "POST" else self._bodies))

    async def sweep(self) -> object:
        """Sweep a page for the notes of some cases."""
        swept = notes_of(self.sources, DataScope(), HUB, _wall)
        assert swept is not None
        sweep = Sweep(swept, None, Learned(_wall), 0.0)
        await sweep.first()
        await sweep.rest()
        return await sweep.of(self.wanted)

    async def plain_sweep(self) -> object:
        """Walk through a page as a feed does, and group its notes."""
        reading = NoteReading(self.sources, HUB, _wall)
        walk = reading.whole(None)
        await walk.step()
        found = defaultdict(list)
        for note in walk.seen.rows.values():
            found[reading.facts(note).case_id].append(note)
        return [found.get(case_id, ()) for case_id in self.wanted]

    async def notes(self) -> object:
        """Read a page of notes whole."""
        return await self.client.hub_notes(HUB, start=_EPOCH, end=None)

    async def plain_notes(self) -> object:
        """Do the same by the plain hook."""
        return self._plain_notes.decode(next(self._bodies))

    async def cases(self) -> object:
        """Read a page of cases."""
        return await self.client.case_query(HUB, CaseQuery(CASES))

    async def plain_cases(self) -> object:
        """Do the same by the plain hook."""
        return self._plain_cases.decode(next(self._cases))

    async def fill(self) -> object:
        """Fill a feed with a page of notes."""
        reading = NoteReading(self.sources, HUB, _wall)
        filling = Filling(
            reading, FeedBounds(), Times(wall=_wall), on_progress=_nothing, on_pause=_nothing
        )
        return await filling.run()


def _wall() -> float:
    return (_EPOCH + timedelta(days=30)).timestamp()


def _nothing(*_: object) -> None:
    pass


async def least(ways: Sequence[Way], rounds: int = ROUNDS) -> list[float]:
    """Return for each way the least CPU of one go, in seconds."""
    best = [float("inf")] * len(ways)
    for _ in range(rounds):
        for index, way in enumerate(ways):
            gc.collect()
            began = process_time()
            await way()
            best[index] = min(best[index], process_time() - began)
    return best


async def held(way: Way) -> tuple[int, int]:
    """Return the bytes that the outcome of a way holds, and the most that there were meanwhile."""
    await way()
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    outcome = await way()
    now, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del outcome
    return now - before, most - before


async def main() -> None:
    """Measure and print."""
    bench = Bench()
    ways = (
        ("a page of 1,000 notes swept for 20 cases", NOTES, bench.sweep, bench.plain_sweep),
        ("the same page read whole", NOTES, bench.notes, bench.plain_notes),
        ("a page of 100 cases read whole", CASES, bench.cases, bench.plain_cases),
    )
    lines = [
        f"Python {platform.python_version()}, msgspec {msgspec.__version__}, {sys.platform}",
        f"{'us per row':>52} {'plain way':>10} {'ratio':>6}",
    ]
    for name, rows, way, plain in ways:
        taken, plainly = (each / rows * 1e6 for each in await least((way, plain)))
        lines.append(f"{name:>44} {taken:7.2f} {plainly:10.2f} {plainly / taken:6.1f}")
    (taken,) = await least((bench.fill,))
    lines.append(f"{'a feed filled with a page of notes':>44} {taken / NOTES * 1e6:7.2f}")
    for name, way in (("swept", bench.sweep), ("in a feed", bench.fill)):
        now, most = await held(way)
        lines.append(f"bytes per row {name}: {now // NOTES}, at most {most // NOTES}")
    sys.stdout.write("\n".join([*lines, ""]))


if __name__ == "__main__":
    asyncio.run(main())
