"""Starts the gateway over upstreams that all stand below one root, as a benchmark sets them up.

PORT is where it listens and UPSTREAM that root; whatever CASEGRAPH_ setting is given stands. What
is kept across requests is off unless KEEP=1, since other gateways keep nothing. WITHOUT names one
safety that is taken out, to see what it costs: these are measurements, not ways to run it.
Invariant: without WITHOUT the code that runs is the product's, unpatched.
"""

import os
import sys
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from casegraph import app, cli, serving, wiring
from casegraph.collector import Untuned
from casegraph.telemetry.observer import SilentObserver
from casegraph.transport.chain import build_chain

_AGES = ("FRESH", "STALE", "STALE_IF_ERROR")
_KEPT = ("CASES", "NOTES", "REVIEWS", "RATINGS", "CUSTOMER_CASES")
_NAMES = ("ACTION_MANAGEMENT", "CASE_REVIEWS", "RATINGS", "CUSTOMER_CASES")


def upstream_settings(root: str) -> dict[str, str]:
    """Return the settings that point a gateway at upstreams below one root."""
    return {
        "ACTION_MANAGEMENT__URL": f"{root}/v1/actionmanagement",
        "ACTION_MANAGEMENT__TOKEN_URL": f"{root}/identity/connect/token",
        "ACTION_MANAGEMENT__CLIENT_ID": "bench",
        "ACTION_MANAGEMENT__CLIENT_SECRET": "bench",
        "ACTION_MANAGEMENT__HUBS": "96",
        "CASE_REVIEWS__URL": f"{root}/api/v1",
        "CASE_REVIEWS__USERNAME": "bench",
        "CASE_REVIEWS__TOKEN": "bench",
        "RATINGS__URL": f"{root}/api/v1",
        "RATINGS__TOKEN": "bench",
        "CUSTOMER_CASES__URL": root,
        "CUSTOMER_CASES__AUTH_VALUE": "bench",
    }


def bench_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what every run is set to: as many calls at once as other gateways make, no pace."""
    chosen = {
        "PORT": environment.get("PORT", "4000"),
        "LOG__LEVEL": "error",
        "LIMITS__ALIASES": "200",  # in the words of other gateways a field has another name
        "CASE_REVIEWS__MAX_PER_SECOND": environment.get("REVIEWS_PER_SECOND", "0"),
        **{f"{name}__CONCURRENCY": environment.get("CONCURRENCY", "64") for name in _NAMES},
    }
    if environment.get("KEEP") != "1":
        chosen |= {"ACTION_MANAGEMENT__FEED": "off", "CASE_REVIEWS__FEED": "off"}
        for kind in _KEPT:
            chosen |= {f"FRESHNESS__{kind}__{age}_SECONDS": "0" for age in _AGES}
    return chosen


def _without_chain() -> None:
    """Call over the exchange alone: no retry, gate, breaker, bulkhead or deadline of a call."""

    def bare(proven: Any, *rest: Any, **named: Any) -> Any:
        chain = build_chain(proven, *rest, **named)
        object.__setattr__(chain, "send", proven)
        return chain

    _replace(wiring, "build_chain", bare)


def _without_costs() -> None:
    """Let every operation run, whatever it could cost."""

    class Free:
        def __init__(self, *_: Any) -> None:
            pass

        def of(self, _document: Any) -> "Free":
            return self

        def refusals(self, *_: Any) -> tuple[str, ...]:
            return ()

    _replace(app, "OperationCosts", Free)


def _without_telemetry() -> None:
    """Tell nobody of upstream calls: no metrics, spans or lines of them."""
    _replace(app, "wire", lambda settings, _observer: wiring.wire(settings, SilentObserver()))


def _without_bounds() -> None:
    """Hold connections as the server does by itself, for as long as a client likes."""
    _replace(serving, "BoundedConnection", HttpToolsProtocol)


def _without_collector() -> None:
    """Leave the garbage collector as Python has it."""
    _replace(serving, "Collector", Untuned)


def _replace(module: Any, name: str, other: Any) -> None:
    """Put another thing in the place of a name; fails where the name is gone."""
    if not hasattr(module, name):
        raise SystemExit(f"{module.__name__} has no {name}: this benchmark has to follow it.")
    setattr(module, name, other)


SAFETIES: Mapping[str, Callable[[], None]] = {
    "chain": _without_chain,
    "costs": _without_costs,
    "telemetry": _without_telemetry,
    "bounds": _without_bounds,
    "collector": _without_collector,
}
"""What WITHOUT may name. Masking and the request's deadline cannot be taken out."""


def prepare(environment: MutableMapping[str, str]) -> None:
    """Fill in the settings that are not given, and take out what is to be."""
    root = environment.get("UPSTREAM")
    chosen = bench_settings(environment) | (upstream_settings(root) if root else {})
    for name, value in chosen.items():
        environment.setdefault(f"CASEGRAPH_{name}", value)
    without = environment.get("WITHOUT")
    if without:
        SAFETIES[without]()


if __name__ == "__main__":
    prepare(os.environ)
    sys.argv = [sys.argv[0], "serve"]
    cli.main()
