"""A small sandbox on a real socket for rehearsing outages: planned by control, called raw."""

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from casegraph.sandbox.server import Sandbox, build
from casegraph.sandbox.world import World, build_world
from casegraph.serving import start_in_thread
from support.raw_client import Heard, call


@dataclass
class Rehearsed:
    """A running sandbox of 60 cases. Its stores may be edited: nobody else has them."""

    world: World
    sandbox: Sandbox
    base: str
    _token: str = field(default="", repr=False)

    @property
    def hub(self) -> Any:
        """The hub that has the cases."""
        return self.world.action_management.hubs[self.world.oddities.hub_with_program]

    def faults(self, method: str = "GET", plan: Any = None) -> Heard:
        """Call the control endpoint; a plan is sent as JSON."""
        body = b"" if plan is None else json.dumps(plan).encode()
        return call(method, f"{self.base}/__control/faults", body=body)

    def plan(
        self, upstream: str, operation: str, *outcomes: Mapping[str, Any], **gates: Any
    ) -> None:
        """Put a plan for one operation in the place of the present one."""
        part = {"operations": {operation: list(outcomes)}, **gates}
        heard = self.faults("PUT", {"upstreams": {upstream: part}})
        assert heard.status == 200, heard.body

    def in_flight(self, upstream: str) -> int:
        """Return how many calls one upstream is busy with."""
        found: int = self.sandbox.traffic[upstream].snapshot()["in_flight"]
        return found

    def case(self, method: str, case_id: int, body: Any = None, **more: Any) -> Heard:
        """Call one case of action management."""
        url = f"{self.base}/action-management/v1/actionmanagement/hubs/{self.hub.hub_id}/cases"
        content = b"" if body is None else json.dumps(body).encode()
        return call(method, f"{url}/{case_id}", self.bearer, content, **more)

    def ratings(self, path: str = "/cases.json", method: str = "GET", **more: Any) -> Heard:
        """Call the ratings upstream; without a path, its list of cases."""
        headers = {**self._basic("RATINGS", "EMAIL", "PASSWORD", ":"), "X-CSRF": "false"}
        return call(method, f"{self.base}/ratings/api/v1{path}", headers, **more)

    def reviews(self, query: str = "", **more: Any) -> Heard:
        """Call the list of case reviews."""
        url = f"{self.base}/case-reviews/api/v1/case/reviews{query}"
        return call("GET", url, self._basic("CASE_REVIEWS", "USERNAME", "TOKEN", "/token:"), **more)

    def _basic(self, upstream: str, user: str, secret: str, between: str) -> dict[str, str]:
        env = self.sandbox.environment(self.base)
        prefix = f"CASEGRAPH_{upstream}__"
        account = (env[prefix + user] + between + env[prefix + secret]).encode()
        return {"Authorization": f"Basic {base64.b64encode(account).decode()}"}

    @property
    def bearer(self) -> dict[str, str]:
        """Authorization for action management; the token is asked for once."""
        if not self._token:
            env = self.sandbox.environment(self.base)
            prefix = "CASEGRAPH_ACTION_MANAGEMENT__"
            names = ("CLIENT_ID", "CLIENT_SECRET", "SCOPE")
            form = [f"{name.lower()}={env[prefix + name]}" for name in names]
            content = "&".join(["grant_type=api-user", *form]).replace(" ", "+").encode()
            kind = {"Content-Type": "application/x-www-form-urlencoded"}
            self._token = call("POST", env[f"{prefix}TOKEN_URL"], kind, content).json[
                "access_token"
            ]
        return {"Authorization": f"Bearer {self._token}"}


def until(met: Callable[[], Any], patience: float = 30.0) -> None:
    """Wait for something that another thread does."""
    ends = time.monotonic() + patience
    while not met():
        assert time.monotonic() < ends, "waited in vain"
        threading.Event().wait(0.005)


@contextmanager
def rehearsed() -> Iterator[Rehearsed]:
    """Start a sandbox of its own for the time of the context."""
    world = build_world(cases=60)
    sandbox = build(world)
    with start_in_thread(sandbox.app) as running:
        yield Rehearsed(world, sandbox, running.url)
        sandbox.faults.clear()  # so that nothing hangs while the server stops
