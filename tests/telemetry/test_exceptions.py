"""Exceptions told by class and own frames, without their words."""

from collections.abc import Callable
from typing import Any

import pytest

from casegraph.errors import UpstreamUnavailable
from casegraph.telemetry import exceptions, redaction

SECRET = "https://user:canary@host/?token=1"


class _LoudError(Exception):
    def __str__(self) -> str:
        raise AssertionError("asked for its text")

    __repr__ = __str__


def _caught(work: Callable[[], object]) -> BaseException:
    with pytest.raises(BaseException) as caught:
        work()
    return caught.value


def _described(error: BaseException) -> dict[str, Any]:
    return exceptions.describe(error, lambda: "0badc0de")


def test_own_frames_only() -> None:
    """Frames of this package are told as module, function and line; the test's are not."""
    error = _caught(lambda: redaction.one_of([1]))
    described = _described(error)
    frames = described.pop("frames")
    assert described == {"errorId": "0badc0de", "error": "TypeError"}
    assert [":".join(frame.split(":")[:2]) for frame in frames[:1]] == [
        "casegraph.telemetry.redaction:one_of"
    ]
    assert all(frame.startswith("casegraph.") for frame in frames)


def test_a_text_is_never_asked_for() -> None:
    """An exception's own words are not read, not even to be thrown away."""
    assert _LoudError.__qualname__ in _described(_LoudError(SECRET))["error"]


def test_causes_by_class() -> None:
    """Causes, contexts and members of groups are told by class, each once, cycles included."""
    inner = OSError(SECRET)
    inner.__cause__ = loop = KeyError(SECRET)
    loop.__context__ = inner
    group = ExceptionGroup(SECRET, [ValueError(SECRET), inner])
    outer = UpstreamUnavailable("ratings", "rating", "x")
    outer.__cause__ = group
    described = _described(outer)
    assert described["error"] == "casegraph.errors.UpstreamUnavailable"
    assert described["causes"] == ["ExceptionGroup", "ValueError", "OSError", "KeyError"]
    assert "canary" not in str(described)


def test_a_suppressed_context_is_not_told() -> None:
    """`from None` at a border hides what was behind it here as well."""

    def work() -> None:
        try:
            raise OSError(SECRET)  # noqa: TRY301  the chain is what is tested
        except OSError:
            raise ValueError(SECRET) from None

    assert "causes" not in _described(_caught(work))


def test_bounded() -> None:
    """A recursion and a long chain stay short."""
    error = first = ValueError()
    for _ in range(50):
        error.__cause__ = error = ValueError()
    assert len(_described(first)["causes"]) == 8

    namespace = {"__name__": "casegraph.made"}
    exec("def again(n):\n    return again(n - 1) if n else 1 / 0", namespace)  # noqa: S102  ours
    frames = _described(_caught(lambda: namespace["again"](50)))["frames"]
    assert frames == ["casegraph.made:again:2"] * 20


def test_ids_differ() -> None:
    """Every telling has an id of its own, which fits its log field."""
    ids = {exceptions.describe(ValueError())["errorId"] for _ in range(100)}
    assert len(ids) == 100
    assert ids == {redaction.hexadecimal(each) for each in ids}
