"""Exceptions as a log may show them: what class, where in this package, caused by what classes.

The text of a foreign exception is written for a developer's screen: HTTP clients put URLs and
header values into it, parsers the bytes they choked on, databases the statement. None of it is
read here, and no frame of foreign code is named.
Invariant: neither `str` nor `repr` of an exception is ever called, nor a local variable looked at.
"""

import secrets
from collections.abc import Callable, Iterator
from types import TracebackType

_PACKAGE = "casegraph"
_FRAMES_MAX = 20
"""The innermost that are told; a deeper stack is a recursion, which repeats itself."""
_CAUSES_MAX = 8


def describe(error: BaseException, new_id: Callable[[], str] | None = None) -> dict[str, object]:
    """Return the log fields of an exception, under an error id made for this telling."""
    fields: dict[str, object] = {
        "errorId": (new_id or _new_id)(),
        "error": class_name(error),
        "frames": own_frames(error.__traceback__),
    }
    causes = [class_name(cause) for cause in _causes(error)]
    if causes:
        fields["causes"] = causes
    return fields


def class_name(error: BaseException) -> str:
    """Return the full name of an exception's class, without `builtins`."""
    kind = type(error)
    return (
        kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__}.{kind.__qualname__}"
    )


def own_frames(trace: TracebackType | None) -> list[str]:
    """Return `module:function:line` of this package's frames, outermost first."""
    frames: list[str] = []
    while trace is not None:
        frame = trace.tb_frame
        module = frame.f_globals.get("__name__")
        if isinstance(module, str) and is_own(module):
            frames.append(f"{module}:{frame.f_code.co_name}:{trace.tb_lineno}")
        trace = trace.tb_next
    return frames[-_FRAMES_MAX:]


def is_own(name: str) -> bool:
    """Return whether a module or logger of this name is this package's."""
    return name == _PACKAGE or name.startswith(f"{_PACKAGE}.")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Walk causes, contexts that were not suppressed, and members of groups; each once."""
    seen = {id(error)}
    waiting = _behind(error)
    told = 0
    while waiting and told < _CAUSES_MAX:
        cause = waiting.pop(0)
        if id(cause) in seen:
            continue
        seen.add(id(cause))
        told += 1
        yield cause
        waiting += _behind(cause)


def _behind(error: BaseException) -> list[BaseException]:
    behind: list[BaseException] = []
    if error.__cause__ is not None:
        behind.append(error.__cause__)
    elif error.__context__ is not None and not error.__suppress_context__:
        behind.append(error.__context__)
    if isinstance(error, BaseExceptionGroup):
        behind += error.exceptions
    return behind


def _new_id() -> str:
    return secrets.token_hex(8)
