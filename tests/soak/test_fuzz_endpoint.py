"""A hundred thousand broken requests against a running gateway: none may hurt it.

Bytes of noise, bodies of the corpus with bytes changed, documents of the corpus with words changed,
and heads of requests with bytes changed, each from a seed, so that what fails can be sent again.
FUZZ_INPUTS in the environment shortens it: `FUZZ_INPUTS=5000 pytest -m soak tests/soak`.
"""

import asyncio
import json
import os
import random
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from support.attacked import Attacked, attacked_gateway, corpus, text_of
from support.upstreams import running_upstreams

pytestmark = pytest.mark.soak

INPUTS = int(os.environ.get("FUZZ_INPUTS", "100000"))
SEED = 5
CLIENTS = 4
MOST_MS = 100
AGAIN = 5
"""How often a slow request is sent again, alone: one machine runs clients, gateway and others."""
CONTROL = "{ nodes(ids: [%s]) { nope%d } }"
CONTROL_VALUES = '"x" ' * 1_000
CONTROL_MS = 10.0
"""What reading and refusing it takes on an idle core: more now means that the machine is slow."""
PATIENCE_SECONDS = 20
GROWTH_MIB = 100
"""For the remembered documents, about 60, and what the allocator keeps."""
GOOD = b'{"query": "{ __typename }"}'
SPLICES = [b"\x00", b"\xff", b'"', b"\\", b"{", b"[", b"}", b"]", b":", b",", b"\\ud800", b"1e999"]
WORDS = re.compile(r"\w+|\W")


@dataclass(frozen=True)
class Sample:
    """One request: its number is its seed."""

    number: int
    head: bytes
    body: bytes
    is_http: bool
    """Whether its head is whole, so that it must be answered and told of."""


def changed(chance: random.Random, data: bytes) -> bytes:
    """Return bytes with some flipped, cut, doubled or spliced in."""
    found = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(found) + 1)
        match chance.randrange(4):
            case 0 if found:
                found[place % len(found)] = chance.randrange(256)
            case 1:
                del found[place : place + chance.randint(1, 20)]
            case 2:
                found[place:place] = found[place : place + chance.randint(1, 200)]
            case _:
                found[place:place] = chance.choice(SPLICES)
    return bytes(found[:200_000])


def changed_document(chance: random.Random, document: str) -> str:
    """Return a document with some of its words moved, doubled or taken from elsewhere."""
    words = WORDS.findall(document[:3_000])
    for _ in range(chance.randint(1, 5)):
        place = chance.randrange(len(words) + 1)
        match chance.randrange(4):
            case 0:
                del words[place : place + chance.randint(1, 5)]
            case 1:
                words[place:place] = words[place : place + 10] * chance.randint(1, 20)
            case 2:
                words.insert(place, chance.choice(words or ["{"]))
            case _:
                words.insert(place, chance.choice(["{", "}", "...", "@", "$", "(", ")", "!", '"']))
    return "".join(words)


def sample(number: int, documents: list[str], bodies: list[bytes]) -> Sample:
    """Return the request of a number."""
    chance = random.Random(f"{SEED}:{number}")  # noqa: S311 - no secret
    match chance.randrange(20):
        case 0 | 1 | 2:
            body = chance.randbytes(chance.randint(0, 300))
        case 3 | 4 | 5 | 6 | 7 | 8:
            body = changed(chance, chance.choice(bodies))
        case _:
            document = changed_document(chance, chance.choice(documents))
            body = json.dumps({"query": document}).encode()
    is_http = chance.randrange(20) > 0
    lines = [
        b"POST /graphql HTTP/1.1",
        b"Host: fuzz",
        b"Content-Type: application/json",
        b"Content-Length: %d" % len(body),
        b"X-Request-Id: %s-%d" % (b"fuzz" if is_http else b"broken", number),
    ]
    head = b"\r\n".join([*lines, b"", b""])
    return Sample(number, head if is_http else changed(chance, head), body, is_http)


async def answer(reader: asyncio.StreamReader) -> int:
    """Read one answer and return its status."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head)
    assert length is not None, head
    body = await reader.readexactly(int(length[1]))
    assert len(body) < 256 * 1024
    if b"content-type: application/json" in head:  # a changed path may lead to other answers
        assert json.loads(body).keys() & {"errors", "data"}
    return int(head.split(b" ", 2)[1])


async def alone(attacked: Attacked, each: Sample) -> int | None:
    """Send a request over its own connection; None when that was closed without an answer."""
    address = urlsplit(attacked.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        writer.write(each.head + each.body)
        if not each.is_http:
            writer.write_eof()  # else it might wait for a body that is longer than what came
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await answer(reader)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    finally:
        writer.close()


async def client(attacked: Attacked, samples: Iterator[Sample], seen: Counter[int | None]) -> None:
    """Send requests over one connection, as long as it holds."""
    address = urlsplit(attacked.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    waiting = []  # broken heads may wait for their time to end, and need not be waited for here
    for each in samples:
        if not each.is_http:
            waiting.append(asyncio.create_task(alone(attacked, each)))
            continue
        writer.write(each.head + each.body)
        async with asyncio.timeout(PATIENCE_SECONDS):
            seen[await answer(reader)] += 1
    writer.close()
    seen.update(await asyncio.gather(*waiting))


def memory_mib(process_id: int) -> float:
    """Return the resident memory of a process."""
    status = Path(f"/proc/{process_id}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) / 1024


def slowness(attacked: Attacked, turn: int) -> float:
    """Return how many times slower than on an idle core a known document is just now."""
    document = CONTROL % (CONTROL_VALUES, turn)  # a new one each time, or it would be remembered
    _, (line,) = attacked.send(json.dumps({"query": document}).encode())
    return max(1.0, line["durationMs"] / CONTROL_MS)


async def slow_alone(attacked: Attacked, slow: list[Sample]) -> list[tuple[int, float]]:
    """Send slow requests again, alone; return those that are slow every time, whoever else runs."""
    found = []
    for number, each in enumerate(slow):
        times = []
        for turn in range(AGAIN):
            before = attacked.written.stat().st_size
            await alone(attacked, each)
            durations = [line["durationMs"] for line in attacked.lines(before)]
            slower = await asyncio.to_thread(slowness, attacked, number * AGAIN + turn)
            times += [duration / slower for duration in durations]
        if times and min(times) > MOST_MS:
            found.append((each.number, min(times)))
    return found


async def test_no_request_hurts(tmp_path: Path) -> None:
    """No 5xx, no hang, no slow one, one line each, and the gateway is as well as before."""
    documents = [text_of(each["document"]) for each in corpus("documents")]
    bodies = [text_of(each.get("body", "")).encode("latin-1") for each in corpus("requests")]
    bodies = [body for body in bodies if body and len(body) < 10_000]
    bodies += [json.dumps({"query": text, "variables": {"a": [1]}}).encode() for text in documents]
    seen: Counter[int | None] = Counter()
    with (
        running_upstreams(cases=60) as upstreams,
        attacked_gateway(upstreams.environment, tmp_path / "log") as attacked,
    ):
        samples = (sample(number, documents, bodies) for number in range(INPUTS))
        attacked.send(GOOD)
        before = memory_mib(attacked.process_id)
        await asyncio.gather(*(client(attacked, samples, seen) for _ in range(CLIENTS)))
        lines = attacked.lines()
        told = Counter(line["requestId"] for line in lines)
        slow = [
            sample(int(line["requestId"].removeprefix("fuzz-")), documents, bodies)
            for line in lines
            if line["requestId"].startswith("fuzz-")
            and line["durationMs"] > MOST_MS
            and not line["upstreamCalls"]
        ]
        still_slow = await slow_alone(attacked, slow)
        heard, _ = attacked.send(GOOD)
        grown = memory_mib(attacked.process_id) - before

    assert heard.json == {"data": {"__typename": "Query"}}
    assert [status for status in seen if status is not None and status >= 500] == []
    again = (sample(number, documents, bodies) for number in range(INPUTS))
    whole = [each.number for each in again if each.is_http]
    assert [number for number in whole if told[f"fuzz-{number}"] != 1] == []
    assert still_slow == []
    assert grown < GROWTH_MIB
