"""What is served on the spot is what an ordinary read serves, and is told of in the same way."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casegraph.errors import CredentialsMissing
from casegraph.loading.freshness import ANY, Acceptance
from casegraph.loading.kept import Kept, What
from casegraph.loading.kept_store import MemoryStore, Store
from casegraph.loading.ledger import Source, StaleReason
from casegraph.loading.scope import DataScope
from casegraph.telemetry.waterfall import Waterfall, current_waterfall
from support.clock import Clock, settle
from support.kept_reads import DOWN, EDITED, RATED, WINDOWS, Fetch, Value, request, told

ages = st.sampled_from([None, -60, 0, 50, 89, 99, 150, 199, 250, 599, 5_000])
accepted = st.sampled_from(
    [
        ANY,
        Acceptance(no_cache=True),
        Acceptance(max_age=0),
        Acceptance(max_age=60),
        Acceptance(max_stale=120),
        Acceptance(only_if_cached=True),
    ]
)


class Elsewhere:
    """A store that is not this process's memory, and has to be waited for."""

    def __init__(self, clock: Clock) -> None:
        self._rows = MemoryStore(clock)

    def __getattr__(self, name: str) -> Any:
        """Do what a memory does."""
        return getattr(self._rows, name)


async def outcome_of(
    what: What[Value],
    age: int | None,
    acceptance: Acceptance,
    *,
    written: bool,
    fails: bool,
    at_once: bool,
) -> tuple[Any, ...]:
    """Return what one read of an entry of this age answers, costs, enters and records."""
    clock = Clock()
    store: Store = MemoryStore(clock) if at_once else Elsewhere(clock)
    kept = Kept(store, WINDOWS, clock=clock)
    if age is not None:
        kept.put(what, ("7",), ["kept"], clock.now - age, request())
    if written:
        await kept.forget_under(what, ("7",), DataScope())
    fetch, asking, rows = Fetch(DOWN if fails else ["asked"]), request(acceptance), Waterfall()
    token = current_waterfall.set(rows)
    reading = kept.at_once(what, ("7",), fetch, asking) if at_once else None
    try:
        value: Any
        if reading is None:
            assert (told(asking), rows.calls, fetch.calls) == ([], [], 0)
            value = await kept.read(what, ("7",), fetch, asking)
        else:
            value = reading.value
    except Exception as error:  # noqa: BLE001  compared with the other's
        value = (type(error), str(error))
    current_waterfall.reset(token)
    await settle()
    await kept.close()
    recorded = [(row.upstream, row.operation, row.keys, row.cache) for row in rows.calls]
    needs_no_wait = bool(recorded) and recorded[0][3] != "stands_in"
    assert not at_once or needs_no_wait is (reading is not None)
    return value, fetch.calls, told(asking), recorded


@given(ages, accepted, st.sampled_from([EDITED, RATED]), st.booleans(), st.booleans())
async def test_it_answers_what_a_read_answers_or_nothing(
    age: int | None, acceptance: Acceptance, what: What[Value], written: bool, fails: bool
) -> None:
    """Equal values, calls, ledgers and records, and nothing where a read has to be waited for."""
    on_the_spot = await outcome_of(
        what, age, acceptance, written=written, fails=fails, at_once=True
    )

    assert on_the_spot == await outcome_of(
        what, age, acceptance, written=written, fails=fails, at_once=False
    )


async def test_behind_a_stale_answer_it_is_asked_anew_once() -> None:
    """All who come while it is stale are answered on the spot, and one call renews it."""
    clock = Clock()
    kept = Kept(MemoryStore(clock), WINDOWS, clock=clock)
    kept.put(RATED, ("7",), ["a"], clock.now, request())
    clock.now += 150
    fetch = Fetch(["b"])

    for _ in range(50):
        asking = request()
        reading = kept.at_once(RATED, ("7",), fetch, asking)
        assert reading is not None
        assert reading.value == ["a"]
        assert told(asking) == [(Source.CACHE, 1000, StaleReason.REVALIDATING)]
    await settle()

    assert fetch.calls == 1
    renewed = kept.at_once(RATED, ("7",), fetch, request())
    assert renewed is not None
    assert renewed.value == ["b"]
    await kept.close()


async def test_what_is_kept_elsewhere_is_waited_for() -> None:
    """A shared store is asked as ever; nothing is at hand before it has answered."""
    clock = Clock()
    store: Store = Elsewhere(clock)
    kept = Kept(store, WINDOWS, clock=clock)
    kept.put(RATED, ("7",), ["a"], clock.now, request())
    fetch = Fetch(["b"])

    assert kept.at_once(RATED, ("7",), fetch, request()) is None
    assert await kept.read(RATED, ("7",), fetch, request()) == ["a"]
    await kept.close()


async def test_who_has_lost_his_caller_is_refused_what_is_at_hand() -> None:
    """Work that is asked as nobody gets no key, on the spot as in a read."""
    kept = Kept(MemoryStore(), WINDOWS)
    asking = request(scope=DataScope(identities={"ratings": "somebody"}))

    with pytest.raises(CredentialsMissing):
        kept.at_once(RATED, ("7",), Fetch(["a"]), asking)
    await kept.close()
