"""A forecast as text: what `casegraph explain` prints.

Plain columns that fit a terminal and survive a pipe; whoever wants to compute asks for JSON.
Invariant: every number that is printed stands in the forecast.
"""

from collections.abc import Iterator, Sequence

from casegraph.graph.forecast_plan import Forecast, Span, Step

_HEADINGS = ("upstream", "calls", "way", "keys", "from", "takes", "field")


def lines(plan: Forecast) -> Iterator[str]:
    """Yield the lines of a forecast: sums first, then every step with what speaks for it."""
    name = plan.operation or "The operation"
    yield f"{name}: {_told(plan.calls, 'call')}, answered in about {_time(plan.seconds)}."
    if plan.goes_over:
        yield f"It is likely to be stopped: one operation may make {plan.fuse} calls."
    for upstream, calls in plan.by_upstream().items():
        waits = plan.waits_of(upstream)
        paced = f", of which one waits {_time(waits)} for its pace" if waits else ""
        yield f"  {upstream}: {_told(calls, 'call')}{paced}"
    for field, reason in plan.refused:
        yield f"  {field or 'all'} is refused before any call: {reason}"
    if plan.steps:
        yield ""
        yield from _table(plan.steps)


def _table(steps: Sequence[Step]) -> Iterator[str]:
    rows = [
        (
            step.upstream,
            _short(step.calls),
            step.path.replace("_", " "),
            _short(step.keys),
            _time(step.begins),
            _time(step.seconds),
            step.field,
        )
        for step in steps
    ]
    widths = [max(map(len, column)) for column in zip(_HEADINGS, *rows, strict=True)]
    yield _row(_HEADINGS, widths)
    yield _row(["-" * width for width in widths], widths)
    for step, row in zip(steps, rows, strict=True):
        yield _row(row, widths)
        for told in _besides(step):
            yield f"    {told}"


def _besides(step: Step) -> Iterator[str]:
    for text in (step.state, step.note):
        if text:
            yield text
    for each in step.rejected:
        why = each.why or "costs more"
        path = each.path.value.replace("_", " ")
        yield f"not {path}: {_plural(each.calls, 'call')}, {_time(each.seconds)} ({why})"


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _told(span: Span, what: str) -> str:
    if span.is_exact:
        return f"exactly {_plural(span.least, what)}"
    bounds = f"{span.least} to {span.most}" if span.most is not None else f"{span.least} or more"
    return f"about {_plural(span.likely, what)} ({bounds})"


def _short(span: Span) -> str:
    if span.is_exact:
        return str(span.least)
    return f"~{span.likely} ({span.least}-{'' if span.most is None else span.most})"


def _plural(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _time(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"
