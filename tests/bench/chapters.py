"""The chapters of a comparison: who is measured at what, and the table that comes of it.

Each chapter answers one question that somebody has about the gateway, and says which.
Invariant: a ratio is within one chapter of one run, of figures measured in turns.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.contestants import FLOOR, Contestant
from bench.questions import FIVE, SCALES
from bench.rounds import FEW, Figures, Task

OURS = Contestant("casegraph")
SHIPPED = Contestant("casegraph as shipped", {"KEEP": "1"})
REFERENCE = Contestant("reference", {"CASEGRAPH_ENGINE": "standard", "CASEGRAPH_EXCHANGE": "httpx"})
"""The plainest ways through the gateway, for runs without a harness."""
LATENCIES = (0.0, 20.0, 200.0)
SLOW = ("case_reviews", 500.0)
_NONE = "-"

_PEERS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "floor-our-client": (str(FLOOR), {}),
    "floor-our-exchange": (str(FLOOR), {"WITHOUT": "chain"}),
    "floor-py-raw": ("floor-py", {"CLIENT": "raw"}),
    "floor-py-aiohttp": ("floor-py", {"CLIENT": "aiohttp"}),
    "mercurius-jit": ("mercurius", {}),
    "yoga": ("yoga", {}),
    "apollo": ("apollo", {}),
    "hive-gateway": ("hive-gateway", {}),
    "strawberry-tuned": ("strawberry", {"MODE": "tuned", "CLIENT": "aiohttp"}),
    "strawberry-plain": ("strawberry", {"MODE": "plain"}),
}
"""Each a folder below a harness's `peers`, or one of this project, and with what environment."""
DEFAULT_PEERS = ("floor-py-raw", "floor-our-client", "mercurius-jit", "yoga", "apollo")


@dataclass(frozen=True)
class Chapter:
    """One comparison."""

    title: str
    contestants: Sequence[Contestant]
    tasks: Sequence[Task]
    table: Callable[[Sequence[Figures]], list[str]]
    has_peers: bool = False
    """Whether a harness's peers are in it."""


def peers(harness: Path, names: Iterable[str]) -> list[Contestant]:
    """Return peers of a harness by name."""
    unknown = set(names) - _PEERS.keys()
    if unknown:
        raise SystemExit(f"No peer is called {', '.join(sorted(unknown))}: {', '.join(_PEERS)}.")
    return [
        Contestant(name, _PEERS[name][1], harness / "peers" / _PEERS[name][0]) for name in names
    ]


def chapters(queries: Sequence[str] = FIVE) -> dict[str, Chapter]:
    """Return all chapters by the name that `--only` knows them by."""
    busy = [Task(each) for each in queries]
    calm = [Task(each, ms, FEW) for each in queries for ms in LATENCIES]
    linked = [each for each in ("Q1", "Q2") if each in queries]
    joined = [
        Task(each, 20, clients, is_equal=equal)
        for each in linked
        for clients, equal in ((16, False), (16, True), (1, True))
    ]
    slow = [Task(f"case {form}", 20, FEW, slow=SLOW) for form in ("whole", "in parts")]
    parts = [Task(f"page {form}", ms, FEW) for ms in LATENCIES for form in ("whole", "in parts")]
    light = [Task(each) for each in queries if each != "Q5"]
    return {
        "queries": Chapter(
            "The five queries", [OURS, SHIPPED], [*busy, *calm], five_table, has_peers=True
        ),
        "coalescing": Chapter(
            "Equal questions at once, at 20 ms",
            [OURS, SHIPPED],
            joined,
            joined_table,
            has_peers=True,
        ),
        "slow": Chapter(
            f"One case while reviews take {SLOW[1]:g} ms and the others 20",
            [OURS],
            slow,
            parts_table,
        ),
        "parts": Chapter("A page of 20 cases, its links put off", [OURS], parts, parts_table),
        "scale": Chapter(
            "Q4 for more cases",
            [OURS],
            [Task(each) for each in SCALES],
            scale_table,
            has_peers=True,
        ),
        "engines": Chapter("Engines and exchanges", _engines(), light, cost_table),
        "safety": Chapter("What is taken out or put in", _safeties(), light, cost_table),
    }


def _engines() -> list[Contestant]:
    return [OURS] + [
        Contestant(f"{engine}, {exchange}", environment)
        for engine in ("compiled", "standard")
        for exchange in ("lean", "aiohttp")
        if (environment := {"CASEGRAPH_ENGINE": engine, "CASEGRAPH_EXCHANGE": exchange})
        and (engine, exchange) != ("compiled", "lean")
    ]


def _safeties() -> list[Contestant]:
    out = {
        "chain": "retry, gate, breaker, bulkhead",
        "costs": "limits on cost",
        "telemetry": "telemetry of calls",
        "bounds": "bounds on connections",
        "collector": "the tuned collector",
    }
    return [
        OURS,
        *(Contestant(f"without {said}", {"WITHOUT": name}) for name, said in out.items()),
        Contestant("with a line for each request", {"CASEGRAPH_LOG__LEVEL": "info"}),
        Contestant("with the other engine's shadow", {"CASEGRAPH_ENGINE_SHADOW": "0.01"}),
    ]


def five_table(figures: Sequence[Figures]) -> list[str]:
    """Tell CPU, latencies, calls and memory, a table for each query, cheapest first."""
    lines: list[str] = []
    for name in dict.fromkeys(each.task.question for each in figures):
        of_query = [each for each in figures if each.task.question == name]
        busy = [each for each in of_query if each.task.clients != FEW and each.cpu]
        ours = next((min(each.cpu) for each in busy if each.contestant == OURS.name), None)
        waits = [f"p50 / p99 at {ms:g} ms" for ms in LATENCIES]
        lines += [f"**{name}**", ""]
        lines += _head("gateway", "CPU ms, best (median)", "to ours", *waits, "calls", "peak MB")
        for each in sorted(busy, key=lambda one: min(one.cpu)):
            calm = {
                other.task.milliseconds: f"{_best(other.p50)} / {_best(other.p99)}"
                for other in of_query
                if other.contestant == each.contestant and other.task.clients == FEW
            }
            ratio = f"{min(each.cpu) / ours:.2f}" if ours else _NONE
            cells = [_cpu(each), ratio, *(calm.get(ms, _NONE) for ms in LATENCIES)]
            lines.append(_row(each, *cells, _best(each.calls), f"{each.most_megabytes:.0f}"))
        lines.append("")
    return lines


def joined_table(figures: Sequence[Figures]) -> list[str]:
    """Tell what equal questions cost that are asked together, and alone."""
    lines = _head("gateway", "query", "clients", "CPU ms, best (median)", "p50", "p99", "calls")
    for each in figures:
        task = each.task
        asking = f"{task.clients}, {'all the same' if task.is_equal else 'each another'}"
        cells = [_cpu(each), _best(each.p50), _best(each.p99), _best(each.calls)]
        lines.append(_row(each, task.question, asking, *cells))
    return lines


def parts_table(figures: Sequence[Figures]) -> list[str]:
    """Tell when the first and the last bytes come."""
    lines = _head(
        "answer", "upstreams", "first bytes p50, ms", "whole p50, ms", "whole p99, ms", "CPU ms"
    )
    for each in figures:
        cells = [_best(each.first), _best(each.p50), _best(each.p99), _cpu(each)]
        lines.append(
            f"| {' | '.join([each.task.question, f'{each.task.milliseconds:g} ms', *cells])} |"
        )
    return lines


def scale_table(figures: Sequence[Figures]) -> list[str]:
    """Tell how cost grows."""
    lines = _head(
        "gateway", "cases", "CPU ms, best (median)", "µs of CPU a case", "calls", "peak MB"
    )
    for each in figures:
        if each.cpu:
            a_case = f"{min(each.cpu) / SCALES[each.task.question] * 1e3:.0f}"
            cells = [_cpu(each), a_case, _best(each.calls), f"{each.most_megabytes:.0f}"]
            lines.append(_row(each, each.task.question, *cells))
    return lines


def cost_table(figures: Sequence[Figures]) -> list[str]:
    """Tell the CPU by query, and the difference to the gateway as it is."""
    names = list(dict.fromkeys(each.task.question for each in figures))
    lines = _head("gateway", *(f"{name}, CPU ms (difference)" for name in names), "peak MB")
    cpu = {(each.contestant, each.task.question): each.cpu for each in figures}
    for name in dict.fromkeys(each.contestant for each in figures):
        cells = []
        for query in names:
            mine, ours = cpu[name, query], cpu[OURS.name, query]
            said = f"{min(mine):.3g} ({min(mine) - min(ours):+.2f})" if mine and ours else _NONE
            cells.append(said)
        most = max(each.most_megabytes for each in figures if each.contestant == name)
        lines.append(f"| {' | '.join([name, *cells, f'{most:.0f}'])} |")
    return lines


def _head(*names: str) -> list[str]:
    return [f"| {' | '.join(names)} |", f"|{' --- |' * len(names)}"]


def _row(figures: Figures, *cells: str) -> str:
    failed = f" ({figures.failed} failed)" if figures.failed else ""
    return f"| {' | '.join([figures.contestant + failed, *cells])} |"


def _cpu(figures: Figures) -> str:
    if not figures.cpu:
        return _NONE
    return f"{_number(min(figures.cpu))} ({_number(median(figures.cpu))})"


def _best(rounds: Sequence[float]) -> str:
    return _number(min(rounds)) if rounds else _NONE


def _number(figure: float) -> str:
    return f"{figure:,.0f}" if figure >= 100 else f"{figure:.3g}"
