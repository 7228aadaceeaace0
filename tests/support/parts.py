"""Readers of answers in parts, apart from the writers: the wire, and a client for each shape.

The two clients do what the real ones do and no more: the newer shape names ids, the older one
paths. Both take JSON that was on the wire, so no frame can share anything with another.
"""

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

Frame = dict[str, Any]

NEWER = "multipart/mixed;incrementalSpec=v0.2"
OLDER = "multipart/mixed;deferSpec=20220824"


def split_parts(content_type: str, body: bytes) -> list[Frame]:
    """Return the parts of a multipart body; fails the test unless it is whole and well formed."""
    found = re.search(r'boundary="([^"]+)"', content_type)
    assert found is not None, content_type
    preamble, *parts, end = body.split(b"\r\n--" + found[1].encode())
    assert (preamble, end) == (b"", b"--\r\n")
    return [_part(part) for part in parts]


def _part(part: bytes) -> Frame:
    head, _, body = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
    assert head == b"Content-Type: application/json; charset=utf-8"
    frame: Frame = json.loads(body)
    return frame


def merged_newer(frames: Iterable[Frame]) -> Frame:
    """Return what a client of the newer shape has at the end; checks the rules of its ids."""
    first, *others = frames
    data, errors = first["data"], list(first.get("errors", ()))
    pending = {each["id"]: each for each in first["pending"]}
    promised = len(pending)
    for frame in others:
        for each in frame.get("pending", ()):
            assert each["id"] not in pending
            pending[each["id"]] = each
            promised += 1
        for each in frame.get("incremental", ()):
            path = [*pending[each["id"]]["path"], *each.get("subPath", ())]
            place = _at(data, path)
            if "items" in each:
                place.extend(each["items"])
            else:
                assert not place.keys() & each["data"].keys()
                place.update(each["data"])
            errors += each.get("errors", ())
        for each in frame.get("completed", ()):
            del pending[each["id"]]
            errors += each.get("errors", ())
    assert promised
    assert not pending
    assert [frame["hasNext"] for frame in (first, *others)] == [True] * len(others) + [False]
    return _answer(data, errors)


def merged_older(frames: Iterable[Frame], *, as_relay: bool = False) -> Frame:
    """Return what a client of the older shape has at the end.

    Lists that come twice are joined, as the clients of graphql-tools do; Relay's merge by index.
    """
    first, *others = frames
    assert set(first) <= {"data", "errors", "hasNext", "extensions"}
    data, errors = first["data"], list(first.get("errors", ()))
    for frame in others:
        for each in frame.get("incremental", ()):
            errors += each.get("errors", ())
            if each.get("items") is not None:
                *path, index = each["path"]
                rows = _at(data, path)
                assert index == len(rows), "rows come in order, each once"
                rows.extend(each["items"])
            elif each.get("data") is not None:
                _deep_merge(_at(data, each["path"]), each["data"], as_relay)
    assert [frame["hasNext"] for frame in (first, *others)] == [True] * len(others) + [False]
    return _answer(data, errors)


MERGED: dict[str, Callable[[Iterable[Frame]], Frame]] = {NEWER: merged_newer, OLDER: merged_older}
"""The client of each shape, by the media type that asks for it."""


def in_order(errors: Iterable[Any]) -> list[Any]:
    """Return errors in one order, for comparing: parts come as they are ready."""
    return sorted(errors, key=lambda error: json.dumps(error.get("path")))


def _answer(data: Any, errors: list[Any]) -> Frame:
    return {"data": data, "errors": in_order(errors)}


def _at(data: Any, path: Iterable[Any]) -> Any:
    for key in path:
        data = data[key]
    return data


def _deep_merge(place: Any, more: Any, as_relay: bool) -> None:
    if isinstance(more, list):
        if not as_relay:
            place.extend(more)
            return
        assert len(more) >= len(place)
        place.extend([None] * (len(more) - len(place)))
    for key, value in more.items() if isinstance(more, dict) else enumerate(more):
        known = place.get(key) if isinstance(place, dict) else place[key]
        if isinstance(value, dict | list) and isinstance(known, type(value)):
            _deep_merge(known, value, as_relay)
        else:
            place[key] = value
