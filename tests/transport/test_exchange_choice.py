"""Which exchange a setting means, and what the others cost whoever does not choose them."""

import subprocess
import sys
from typing import get_args

from casegraph.settings import Settings
from casegraph.transport.exchange import ExchangeConfig
from casegraph.transport.exchange_choice import OFFERED

CLASSES = {"lean": "LeanExchange", "aiohttp": "AiohttpExchange", "httpx": "HttpxExchange"}


async def test_every_name_of_the_setting_is_an_exchange() -> None:
    """Each choice that the setting allows has a class of its own behind the seam."""
    made = {name: make(ExchangeConfig()) for name, make in OFFERED.items()}
    assert {name: type(each).__name__ for name, each in made.items()} == CLASSES
    assert set(get_args(Settings.model_fields["exchange"].annotation)) == set(OFFERED)
    for each in made.values():
        await each.close()


def test_the_clients_that_nobody_chose_are_not_imported() -> None:
    """A gateway that is wired with the default exchange has neither aiohttp nor httpx in memory."""
    code = """
import sys
from casegraph.settings import Settings
from casegraph.wiring import wire
wire(Settings(_env_file=None, ratings={"url": "http://h", "token": "t"}))
print("casegraph.transport.exchange_lean" in sys.modules, {"aiohttp", "httpx"} & {*sys.modules})
"""
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603  ours
    assert ran.stdout == "True set()\n"
