"""Whatever hangs, the answer goes out at the deadline: connecting, signing in, sharing, walking.

Promised is the deadline and at most 100 ms. Real time on a machine that does other things too can
only ever be late, so a question is asked three times at most: one must keep the promise, and each
a looser one. Time in which the machine held up this process, gateway and all, is not counted.
"""

import re
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from support.crowd import at_once
from support.gateway import Answer, Gateway, running_gateway
from support.registry import (
    REGISTRY,
    ask_everything,
    ask_some,
    assert_no_leak,
    neighbours,
    plan_for,
    rehearsing,
    variables,
)
from support.rehearsed import until
from support.stalls import Timed, timed
from support.upstreams import Upstreams, running_upstreams

JOINING_MS = 1_500
"""Of those who join a call: half of what has who began it. Who has more time than is left of a call
begins another, and a busy machine may stand still between the two."""
CONNECTING_MS = 800
"""Less than a call gives to connecting, so that it is the deadline that ends it."""
DEADLINE_MS = 2_000
"""Time enough for those that do not hang, also in a gateway that has just begun, and for ten at
once on a machine that has little of its own."""
TRIES = 3
PROMISED_SECONDS = 0.1
LATE_SECONDS = 1.0
HUNG_SHARE = 0.25
"""Of the deadline, that an answer takes at least where something hangs: whoever joins a call that
another began has no more of it than what is left."""
FOREVER = {"times": "forever"}


@pytest.fixture(scope="module")
def _own() -> Iterator[Upstreams]:
    with running_upstreams(cases=60) as running:
        yield running


@pytest.fixture
def own(_own: Upstreams) -> Upstreams:
    """Return a sandbox whose counts begin here."""
    _own.mark()
    return _own


def on_time(
    ask: Callable[[], Answer], deadline_ms: int = DEADLINE_MS, *, has_to_hang: bool = True
) -> Answer:
    """Ask until an answer came as promised, and return that one; no try may be late by more."""
    late = []
    for _ in range(TRIES):
        with timed() as took:
            answer = ask()
        assert took.wall >= deadline_ms / 1000 * HUNG_SHARE or not has_to_hang, "nothing hung"
        late.append(took.seconds - deadline_ms / 1000)
        assert late[-1] <= LATE_SECONDS
        if late[-1] <= PROMISED_SECONDS:
            return answer
    raise AssertionError(f"late each time: {late}")


def assert_only(answer: Answer, upstream: str) -> None:
    """Check that one upstream's field alone is missing, and that it says so."""
    alias = REGISTRY[upstream].alias
    assert answer.codes == {alias: "DEADLINE_EXCEEDED"}
    assert answer.partial[alias] is None
    assert all(answer.partial[each] for each in neighbours(upstream))
    (error,) = answer.body["errors"]
    assert error["extensions"]["upstream"] == upstream
    assert error["extensions"]["retryable"] is True
    assert_no_leak(answer)


@contextmanager
def deaf() -> Iterator[str]:
    """Give an origin that answers no attempt to connect, because its queue is full."""
    with ExitStack() as stack, socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        door.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.settimeout(0)
            waiting.connect_ex(door.getsockname())
        yield f"http://127.0.0.1:{door.getsockname()[1]}"


PLACES = [(upstream, f"CASEGRAPH_{upstream.upper()}__URL") for upstream in REGISTRY]
PLACES.append(("action_management", "CASEGRAPH_ACTION_MANAGEMENT__TOKEN_URL"))


@pytest.mark.parametrize(("upstream", "setting"), PLACES)
def test_an_upstream_that_takes_no_connection(own: Upstreams, upstream: str, setting: str) -> None:
    """Connecting hangs, at the upstream or where its token is asked for; the others are whole."""
    with deaf() as origin:
        url = re.sub(r"^http://[^/]+", origin, own.environment[setting])
        with running_gateway({**own.environment, setting: url}) as gateway:
            # The first request of a gateway is the slowest.
            ask_some(gateway, own, *(name for name in REGISTRY if name != upstream))
            asked = {"x_deadline_ms": str(CONNECTING_MS)}
            answer = on_time(lambda: ask_everything(gateway, own, **asked), CONNECTING_MS)

    assert_only(answer, upstream)
    assert own.calls(upstream) == {}


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "hang"},
        {"kind": "hang_after_headers"},
        {"kind": "drip", "bytes": 1, "interval_ms": 200},
    ],
    ids=lambda fault: fault["kind"],
)
def test_all_upstreams_hang_together(own: Upstreams, fault: dict[str, Any]) -> None:
    """In the headers, after them, or a byte at a time: each gap is named, none makes it later."""
    with running_gateway(own.environment) as gateway:
        assert ask_everything(gateway, own).data
        with rehearsing(own, plan_for(*REGISTRY, **fault)):
            asked = {"x_deadline_ms": str(DEADLINE_MS)}
            answer = on_time(lambda: ask_everything(gateway, own, **asked))

    assert answer.codes == {each.alias: "DEADLINE_EXCEEDED" for each in REGISTRY.values()}
    named = {error["path"][0]: error["extensions"] for error in answer.body["errors"]}
    for upstream, each in REGISTRY.items():
        assert named[each.alias]["upstream"] == upstream
        assert named[each.alias]["retryable"] is True
    assert_no_leak(answer)


@pytest.mark.parametrize("kind", ["hang", "hang_after_headers"])
def test_a_token_that_never_comes(own: Upstreams, kind: str) -> None:
    """The fetch is shared and outlives who began it; nobody waits for it beyond his own time."""
    plan = {"action_management": {"operations": {"token": [{"kind": kind, **FOREVER}]}}}
    with running_gateway(own.environment) as gateway, rehearsing(own, plan):
        asked = {"x_deadline_ms": str(DEADLINE_MS)}
        for _ in range(2):
            answer = on_time(lambda: ask_everything(gateway, own, **asked))
            assert_only(answer, "action_management")

    assert own.calls("action_management") == {}


def test_a_token_that_comes_late_serves_who_still_waits(own: Upstreams) -> None:
    """The one who asked first has left when it comes; the next needs no second one."""
    plan = {"action_management": {"operations": {"token": [{"kind": "hang"}]}}}
    tokens = own.sandbox.traffic["action_management"].snapshot()["operations"].get("token", 0)
    with running_gateway(own.environment) as gateway, rehearsing(own, plan):
        first = ask_everything(gateway, own, x_deadline_ms=str(DEADLINE_MS))
        own.sandbox.faults.clear()  # now it comes
        second = ask_everything(gateway, own)
        now = own.sandbox.traffic["action_management"].snapshot()["operations"]["token"]

    assert_only(first, "action_management")
    assert all(second.data.values())
    assert now - tokens == 1


def crowd(
    gateway: Gateway, ask: Callable[[Gateway], Answer], deadline_ms: int = DEADLINE_MS
) -> list[Answer]:
    """Let ten ask together, and check that each had its answer in time."""
    took: list[Timed] = []

    def one(each: Gateway) -> Answer:
        with timed() as asking:
            answer = ask(each)
        took.append(asking)
        return answer

    answers = at_once(gateway, 10, one)
    assert max(each.seconds for each in took) <= deadline_ms / 1000 + LATE_SECONDS
    assert min(each.wall for each in took) >= deadline_ms / 1000 / 2
    return answers


def test_a_sign_in_that_never_ends(own: Upstreams) -> None:
    """One signs in and nine wait for it: all ten are answered in time, and one call was made."""
    plan = {"ratings": {"operations": {"*": [{"kind": "hang", **FOREVER}]}}}
    with running_gateway(own.environment) as gateway, rehearsing(own, plan):
        # The first request of a gateway is the slowest.
        ask_some(gateway, own, *(name for name in REGISTRY if name != "ratings"))
        answers = crowd(gateway, lambda g: ask_everything(g, own, x_deadline_ms=str(DEADLINE_MS)))
        assert sum(own.calls("ratings").values()) <= 10
        asked = {"x_deadline_ms": str(DEADLINE_MS)}
        answers.append(on_time(lambda: ask_everything(gateway, own, **asked)))

    for answer in answers:
        assert_only(answer, "ratings")


def test_a_sign_in_that_hung_is_begun_anew(own: Upstreams) -> None:
    """When the vendor is well again the next request signs in; nobody holds its place."""
    plan = {"ratings": {"operations": {"*": [{"kind": "hang", **FOREVER}]}}}
    with running_gateway(own.environment) as gateway:
        with rehearsing(own, plan):
            asked = {"x_deadline_ms": str(DEADLINE_MS)}
            assert_only(ask_everything(gateway, own, **asked), "ratings")
        assert all(ask_everything(gateway, own).data.values())


LOOK_UPS = {
    "roles": "query($hub: ID!) { found: roles(hubId: $hub) { name } }",
    "lists": "query($hub: ID!) { found: programLists(hubId: $hub) { name } }",
}


@pytest.mark.parametrize("operation", LOOK_UPS)
def test_a_look_up_that_all_share(own: Upstreams, operation: str) -> None:
    """One call for eleven, of whom the first has the most time; the flight itself is given up."""
    asked = {"hub": variables(own)["hub"]}
    plan = {"action_management": {"operations": {operation: [{"kind": "hang", **FOREVER}]}}}
    with running_gateway(own.environment) as gateway, rehearsing(own, plan):

        def ask(each: Gateway, deadline_ms: int = DEADLINE_MS) -> Answer:
            return each.ask(LOOK_UPS[operation], asked, x_deadline_ms=str(deadline_ms))

        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(ask, gateway, 2 * JOINING_MS)
            traffic = own.sandbox.traffic["action_management"]
            until(lambda: traffic.snapshot()["in_flight"] == 1)
            answers = crowd(gateway, lambda each: ask(each, JOINING_MS), JOINING_MS)
            answers.append(first.result())
        assert own.calls() == {f"action_management.{operation}": 1}
        answers.append(on_time(lambda: ask(gateway)))

    assert [answer.codes for answer in answers] == [{"found": "DEADLINE_EXCEEDED"}] * 12


def test_a_hurried_caller_does_not_cost_the_next_one_its_answer(own: Upstreams) -> None:
    """The first call ends with its caller's 300 ms; who joined it with more time asks once more."""
    asked = {"hub": variables(own)["hub"]}
    slow = {"kind": "slow", "delay_ms": 900}
    plan = {"action_management": {"operations": {"roles": [slow]}}}
    answers: dict[str, Answer] = {}
    with running_gateway(own.environment) as gateway, rehearsing(own, plan):

        def ask(name: str, deadline: str) -> None:
            answers[name] = gateway.ask(LOOK_UPS["roles"], asked, x_deadline_ms=deadline)

        threads = [
            threading.Thread(target=ask, args=each) for each in (("a", "300"), ("b", "4000"))
        ]
        for thread in threads:
            thread.start()
            threading.Event().wait(0.05)
        for thread in threads:
            thread.join()

    assert answers["a"].codes == {"found": "DEADLINE_EXCEEDED"}
    assert answers["b"].data["found"]
    assert own.calls()["action_management.roles"] <= 2


WALKS = {
    "pages": """query($hub: ID!) { found: cases(hubId: $hub, first: 100,
        filter: { isClosed: false }) { nodes { caseId } } }""",
    "details": """query($hub: ID!) { found: cases(hubId: $hub, first: 20) {
        nodes { caseId notes { nodes { noteId } } } } }""",
}


@pytest.mark.parametrize("walk", WALKS)
def test_a_walk_of_many_slow_calls(own: Upstreams, walk: str) -> None:
    """No call alone is late, their sum is: the answer is not."""
    asked = {"hub": variables(own)["hub"]}
    slow = {"kind": "slow", "delay_ms": 300, **FOREVER}
    plan = {"action_management": {"operations": {"case_query": [slow], "case_notes": [slow]}}}
    with running_gateway(own.environment) as gateway:
        assert gateway.ask(WALKS[walk], asked).data["found"]["nodes"]
        with rehearsing(own, plan):
            hurried = {"x_deadline_ms": str(DEADLINE_MS)}
            answer = on_time(lambda: gateway.ask(WALKS[walk], asked, **hurried), has_to_hang=False)

    assert set(answer.codes.values()) <= {"DEADLINE_EXCEEDED"}
