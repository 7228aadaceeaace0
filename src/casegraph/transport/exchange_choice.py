"""The exchanges that there are, by the names that the setting `exchange` gives them.

A client is imported with its first exchange: aiohttp takes 14 MB of memory and 160 ms of a start,
httpx 11 MB and 100 ms, and whoever leaves the choice alone pays for neither.
Invariant: the names are those that the setting allows.
"""

from collections.abc import Callable, Mapping

from casegraph.transport.exchange import Exchange, ExchangeConfig


def _lean(config: ExchangeConfig) -> Exchange:
    from casegraph.transport.exchange_lean import LeanExchange  # noqa: PLC0415  see above

    return LeanExchange(config)


def _aiohttp(config: ExchangeConfig) -> Exchange:
    from casegraph.transport.exchange_aiohttp import AiohttpExchange  # noqa: PLC0415  see above

    return AiohttpExchange(config)


def _httpx(config: ExchangeConfig) -> Exchange:
    from casegraph.transport.exchange_httpx import HttpxExchange  # noqa: PLC0415  see above

    return HttpxExchange(config)


OFFERED: Mapping[str, Callable[[ExchangeConfig], Exchange]] = {
    "lean": _lean,
    "aiohttp": _aiohttp,
    "httpx": _httpx,
}
"""What makes each of them."""
