"""Parts of an answer as JSON objects, in the two shapes that clients know.

The newer one says what is pending, with ids, and then names those ids; it is graphql-core's own.
The older one has a path in every patch and nothing else, so a row of a streamed list needs its
index, and a fragment whose fields came under another fragment's id must be told that it is there.
For that the answer so far is kept, merged.
Invariants: every error passes through `present`; all frames of an answer merged, in either shape,
are the answer that the same document gives without @defer and @stream.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from graphql import GraphQLError
from graphql.execution import (
    IncrementalResult,
    InitialIncrementalExecutionResult,
    SubsequentIncrementalExecutionResult,
)

Frame: TypeAlias = dict[str, Any]
Path: TypeAlias = Sequence[str | int]
_RELAY = "$defer$"
"""In every label that relay-compiler makes of a fragment's."""

Present: TypeAlias = Callable[[GraphQLError], dict[str, Any]]


def first_frame(result: InitialIncrementalExecutionResult, present: Present) -> Frame:
    """Return the first frame in the newer shape."""
    return {
        "data": result.data,
        **_errors(result.errors, present),
        "pending": [each.formatted for each in result.pending],
        "hasNext": result.has_next,
    }


def later_frame(result: SubsequentIncrementalExecutionResult, present: Present) -> Frame:
    """Return a later frame in the newer shape."""
    frame: Frame = {"hasNext": result.has_next}
    if result.pending:
        frame["pending"] = [each.formatted for each in result.pending]
    if result.incremental:
        frame["incremental"] = [_delivered(each, present) for each in result.incremental]
    if result.completed:
        frame["completed"] = [
            {"id": each.id, **_errors(each.errors, present)} for each in result.completed
        ]
    return frame


def errors_of(frame: Frame) -> Iterator[dict[str, Any]]:
    """Yield the errors of a frame in the newer shape."""
    yield from frame.get("errors", ())
    for name in ("incremental", "completed"):
        for each in frame.get(name, ()):
            yield from each.get("errors", ())


def _delivered(result: IncrementalResult, present: Present) -> Frame:
    """Return what came for one id: fields of a fragment, or rows of a list."""
    said: Frame = {"id": result.id}
    # Told apart by what they have: the library's classes are for its own use.
    items = getattr(result, "items", None)
    if items is not None:
        said["items"] = items
    else:
        said["data"] = result.data  # type: ignore[union-attr]  # what has no items has data
    if result.sub_path:
        said["subPath"] = result.sub_path
    return {**said, **_errors(result.errors, present)}


def _errors(errors: Iterable[GraphQLError] | None, present: Present) -> Frame:
    return {"errors": [present(each) for each in errors]} if errors else {}


@dataclass(frozen=True, slots=True)
class _Promise:
    """Where something pending belongs."""

    path: Path
    label: str | None

    def patch(self, **said: Any) -> Frame:
        """Return a patch in the older shape, with what is said of it."""
        named = {} if self.label is None else {"label": self.label}
        return {"path": list(self.path), **named, **said}


class Merged:
    """The answer so far, from frames in the newer shape, with which it shares nothing."""

    def __init__(self, first: Frame) -> None:
        self.data: Any = _copied(first["data"])
        self.promises: dict[str, _Promise] = {}
        self.take_promises(first)

    def take_promises(self, frame: Frame) -> None:
        """Note what a frame says is pending."""
        for each in frame.get("pending", ()):
            self.promises[each["id"]] = _Promise(each["path"], each.get("label"))

    def path_of(self, delivered: Frame) -> Path:
        """Return where something delivered belongs."""
        return [*self.promises[delivered["id"]].path, *delivered.get("subPath", ())]

    def take(self, delivered: Frame) -> None:
        """Put something delivered in its place."""
        place = self.at(self.path_of(delivered))
        if "items" in delivered:
            place.extend(_copied(delivered["items"]))
        else:
            _merge(place, _copied(delivered["data"]))

    def at(self, path: Path) -> Any:
        """Return what is at a path."""
        place = self.data
        for key in path:
            place = place[key]
        return place


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _copied(each) for name, each in value.items()}
    return [_copied(each) for each in value] if isinstance(value, list) else value


def _merge(place: dict[str, Any], data: dict[str, Any]) -> None:
    for name, value in data.items():
        if isinstance(value, dict) and isinstance(place.get(name), dict):
            _merge(place[name], value)
        else:
            place[name] = value


class Patches:
    """Turns frames of one answer from the newer into the older shape.

    A frame must be written before the next is made: with Relay they share with the answer so far.
    """

    def __init__(self) -> None:
        self._merged = Merged({"data": None})

    def first(self, frame: Frame) -> Frame:
        """Return the first frame in the older shape."""
        self._merged = Merged(frame)
        return {name: value for name, value in frame.items() if name != "pending"}

    def later(self, frame: Frame) -> Frame:
        """Return a later frame in the older shape."""
        merged = self._merged
        merged.take_promises(frame)
        completed = frame.get("completed", ())
        patches = [
            *self._patches(frame.get("incremental", ()), completed),
            *(self._failure(each) for each in completed if "errors" in each),
        ]
        for each in completed:
            del merged.promises[each["id"]]
        patched: Frame = {"incremental": patches} if patches else {}
        patched.update((name, frame[name]) for name in ("hasNext", "extensions") if name in frame)
        return patched

    def _patches(self, delivered: Iterable[Frame], completed: Iterable[Frame]) -> list[Frame]:
        """Return patches for what came, in its order, and for fragments that are whole by now.

        Where fragments share fields, one brings them and the others are told by an empty patch.
        """
        whole = {each["id"]: None for each in completed if "errors" not in each}
        places = {tuple(self._merged.promises[each].path): each for each in reversed(whole)}
        brought: dict[str, list[Frame]] = {}
        rows: dict[str, Frame] = {}
        for each in delivered:
            if "items" in each:
                # Never twice in a frame: the library collects what is ready of one list.
                brought[each["id"]] = [each]
                rows[each["id"]] = self._rows(each)
            else:
                owner = self._owner(each, whole, places)
                brought.setdefault(owner, []).append(each)
                self._merged.take(each)
        patches: list[Frame] = []
        for key in dict.fromkeys([*brought, *whole]):
            if key in rows:
                patches.append(rows[key])
            else:
                patches += self._fragment(key, brought.get(key, ()))
        return patches

    def _rows(self, delivered: Frame) -> Frame:
        promise = self._merged.promises[delivered["id"]]
        index = len(self._merged.at(promise.path))
        self._merged.take(delivered)
        at = _Promise([*promise.path, index], promise.label)
        return at.patch(items=delivered["items"], **_errors_in([delivered]))

    def _fragment(self, key: str, brought: Sequence[Frame]) -> Iterator[Frame]:
        """Yield the patches of a fragment that is whole now, with the fields that it brought.

        Fields deep inside a member that was there before have patches at their own places, so that
        no list is sent twice: a client may put the second behind the first. Relay, which is known
        by its labels, looks for a fragment at its own place only, so there the member is repeated.
        The end of a list has no patch, because nobody waits for it.
        """
        promise = self._merged.promises[key]
        place = self._merged.at(promise.path)
        if isinstance(place, list):
            return
        data: dict[str, Any] = {}
        near: list[Frame] = []
        deep: list[Frame] = []
        for each in brought:
            below = self._merged.path_of(each)[len(promise.path) :]
            if not below:
                data.update(each["data"])
            elif _RELAY in (promise.label or ""):
                data[str(below[0])] = place[below[0]]
            else:
                at = _Promise(self._merged.path_of(each), promise.label)
                deep.append(at.patch(data=each["data"], **_errors_in([each])))
                continue
            near.append(each)
        yield promise.patch(data=data, **_errors_in(near))
        yield from deep

    def _failure(self, completed: Frame) -> Frame:
        promise = self._merged.promises[completed["id"]]
        place = self._merged.at(promise.path)
        if isinstance(place, list):
            at = _Promise([*promise.path, len(place)], promise.label)
            return at.patch(items=None, errors=completed["errors"])
        return promise.patch(data=None, errors=completed["errors"])

    def _owner(self, delivered: Frame, whole: Collection[str], places: Mapping[Any, str]) -> str:
        """Return the fragment with which fields came: their own, or one around it that shares them.

        graphql-core delivers fields with the first fragment that is whole, under the id of the
        innermost that has them, which may still lack others. `places` are those that are whole.
        """
        own: str = delivered["id"]
        if own in whole:
            return own
        path = tuple(self._merged.path_of(delivered))
        around = (path[:length] for length in range(len(path), -1, -1))
        return next((places[each] for each in around if each in places), own)


def _errors_in(delivered: Iterable[Frame]) -> Frame:
    errors = [error for each in delivered for error in each.get("errors", ())]
    return {"errors": errors} if errors else {}
