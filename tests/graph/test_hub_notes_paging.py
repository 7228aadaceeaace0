"""Notes of a hub page by page: ties in time, windows, and notes that are edited between pages."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from casegraph.upstreams.action_management.store import Hub, Row
from support.gateway import Gateway
from support.meddling import meddling, rewriting
from support.paging import rows, walk
from support.upstreams import Upstreams

QUERY = """query($hub: ID!, $from: DateTime, $to: DateTime, $first: Int, $after: String) {
  notes(hubId: $hub, updatedFrom: $from, updatedTo: $to, first: $first, after: $after) {
    nodes { noteId updatedAt text } totalCount pageInfo { hasNextPage endCursor }
  }
}"""
ROWS_ONLY = QUERY.replace("totalCount pageInfo { hasNextPage endCursor }", "edges { cursor }")
START = datetime(2026, 1, 1, tzinfo=UTC)


def note(number: int, seconds: float, *, system: bool = False) -> Row:
    """Return a note that was last changed so long after the start."""
    at = START + timedelta(seconds=seconds)
    row: Row = {
        "id": number,
        "caseId": 1,
        "comments": f"Note {number}",
        "isSystemGenerated": system,
        "dateCreated": at,
    }
    return row if system else {**row, "createdBy": 51393, "dateModified": at}


def moment(seconds: float) -> str:
    """Return a moment after the start as a client writes it."""
    return (START + timedelta(seconds=seconds)).isoformat()


def effective(row: Row) -> tuple[datetime, int]:
    """Return where a note stands in a hub's list."""
    return (row.get("dateModified") or row["dateCreated"], row["id"])


@pytest.mark.parametrize("first", [33, 100])
def test_all_notes_of_a_hub(gateway: Gateway, upstreams: Upstreams, hub: str, first: int) -> None:
    """Every note of the hub comes once, in the order of its last change, one call a page."""
    notes = upstreams.world.action_management.hubs[int(hub)].notes.values()

    pages = walk(gateway, QUERY, {"hub": hub, "first": first}, "notes")

    ids = rows(pages, "noteId")
    assert ids == [str(row["id"]) for row in sorted(notes, key=effective)]
    # A later page tells its total only by asking for it.
    assert upstreams.calls() == {"action_management.hub_notes": 2 * len(pages) - 1}


def test_rows_and_the_first_total_cost_one_call(
    gateway: Gateway, upstreams: Upstreams, hub: str
) -> None:
    """The first page knows the total; rows of a later one cost nothing beside themselves."""
    data = gateway.ask(QUERY, {"hub": hub, "first": 5}).data["notes"]
    assert data["totalCount"] == len(upstreams.world.action_management.hubs[int(hub)].notes)
    assert upstreams.calls() == {"action_management.hub_notes": 1}
    upstreams.mark()

    gateway.ask(ROWS_ONLY, {"hub": hub, "after": data["pageInfo"]["endCursor"]})
    assert upstreams.calls() == {"action_management.hub_notes": 1}


@pytest.mark.parametrize("first", [1, 2, 3, 7])
def test_ties_in_time_are_paged_through(
    lab_gateway: Gateway, new_hub: Callable[..., Hub], first: int
) -> None:
    """Many notes of one moment, as after an import, neither repeat nor stop the walk."""
    seconds = [0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 2, 3, 3]
    hub = new_hub(notes=[note(50 + n, at, system=n % 3 == 0) for n, at in enumerate(seconds)])

    pages = walk(lab_gateway, QUERY, {"hub": str(hub.hub_id), "first": first}, "notes")

    assert rows(pages, "noteId") == [str(50 + n) for n in range(len(seconds))]


@pytest.mark.parametrize("first", [1, 2, 5])
def test_a_window_holds_both_its_bounds(
    lab_gateway: Gateway, lab: Upstreams, new_hub: Callable[..., Hub], first: int
) -> None:
    """Notes of the first and of the last moment belong to it, on whichever page they fall."""
    hub = new_hub(notes=[note(n, at) for n, at in enumerate([0, 1, 1, 2, 3, 3, 3, 3.0001, 4], 1)])
    key = str(hub.hub_id)

    both = {"hub": key, "from": moment(1), "to": moment(3), "first": first}
    lower = {"hub": key, "from": moment(3), "first": first}
    upper = {"hub": key, "to": moment(1), "first": first}

    for variables, expected in (
        (both, ["2", "3", "4", "5", "6", "7"]),
        (lower, ["5", "6", "7", "8", "9"]),
        (upper, ["1", "2", "3"]),
    ):
        pages = walk(lab_gateway, QUERY, variables, "notes")
        assert rows(pages, "noteId") == expected
        total = lab_gateway.ask(QUERY, variables).data["notes"]["totalCount"]
        assert total == len(expected)


def test_a_window_that_is_none_is_refused(gateway: Gateway, upstreams: Upstreams, hub: str) -> None:
    """A window must have some width, as the vendor wants it; refusing it costs no call."""
    for end in (1, 0):
        variables = {"hub": hub, "from": moment(1), "to": moment(end)}
        assert gateway.ask(QUERY, variables).codes == {"notes": "INVALID_ARGUMENT"}
    assert upstreams.calls() == {}


def test_rows_out_of_order_are_put_in_order(
    lab_gateway: Gateway, lab: Upstreams, new_hub: Callable[..., Hub]
) -> None:
    """A vendor that shuffles its pages (Q7) loses no note, whichever row is gone on from."""
    hub = new_hub(notes=[note(n, n, system=n % 2 == 0) for n in range(1, 12)])

    def shuffled(body: Any) -> Any:
        Random(len(body["items"])).shuffle(body["items"])  # noqa: S311  a shuffle, no secret
        return body

    with meddling(lab, "action_management", rewriting("hub_notes", shuffled)):
        variables = {"hub": str(hub.hub_id), "first": 4}
        pages = walk(lab_gateway, QUERY, variables, "notes")
        edges = lab_gateway.ask(ROWS_ONLY, variables).data["notes"]["edges"]
        after_second = lab_gateway.ask(QUERY, {**variables, "after": edges[1]["cursor"]})

    assert rows(pages, "noteId") == [str(n) for n in range(1, 12)]
    following = [row["noteId"] for row in after_second.data["notes"]["nodes"]]
    assert following == ["3", "4", "5", "6"]


@pytest.mark.parametrize("first", [1, 2, 3, 4])
def test_notes_without_a_readable_time_do_not_stop_the_walk(
    lab_gateway: Gateway, lab: Upstreams, new_hub: Callable[..., Hub], first: int
) -> None:
    """A note whose dates break the contract comes once like any other, and the walk ends."""
    hub = new_hub(notes=[note(n, n // 3) for n in range(1, 14)])

    def broken(body: Any) -> Any:
        for item in body["items"]:
            if item["id"] in {2, 3, 6, 9, 10, 13}:
                item["dateCreated"] = item["dateModified"] = "yesterday"
        return body

    with meddling(lab, "action_management", rewriting("hub_notes", broken)):
        query = QUERY.replace("updatedAt", "")
        pages = walk(lab_gateway, query, {"hub": str(hub.hub_id), "first": first}, "notes")

    assert sorted(map(int, rows(pages, "noteId"))) == list(range(1, 14))


EDITS = st.lists(
    st.lists(
        st.tuples(st.sampled_from(["touch", "add", "delete"]), st.integers(0, 30)), max_size=3
    ),
    max_size=12,
)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    times=st.lists(st.integers(0, 4), min_size=1, max_size=14),
    first=st.integers(1, 5),
    edits=EDITS,
)
def test_notes_that_move_between_pages(
    lab_gateway: Gateway,
    new_hub: Callable[..., Hub],
    times: list[int],
    first: int,
    edits: list[list[tuple[str, int]]],
) -> None:
    """Whatever is written, edited or deleted meanwhile: no note is missed, none comes twice as is.

    A note that is edited after it was given out comes again at its new place, as it is then.
    """
    hub = new_hub(notes=[note(n, at) for n, at in enumerate(times, 1)])
    clock = 100
    touched: set[str] = set()
    gone: set[str] = set()
    given_out: list[tuple[str, str]] = []
    after: str | None = None
    more = True
    steps = iter(edits)
    while more:
        variables = {"hub": str(hub.hub_id), "first": first, "after": after}
        page = lab_gateway.ask(QUERY, variables).data["notes"]
        given_out += [(row["noteId"], row["updatedAt"]) for row in page["nodes"]]
        after, more = page["pageInfo"]["endCursor"] or after, page["pageInfo"]["hasNextPage"]
        for action, number in next(steps, ()):
            clock += 1
            key = 1 + number % max(hub.notes, default=1)
            if action == "add":
                fresh = max(hub.notes, default=0) + 1
                hub.notes[fresh] = note(fresh, clock)
                touched.add(str(fresh))
                more = True
            elif key in hub.notes and action == "touch":
                hub.notes[key]["dateModified"] = START + timedelta(seconds=clock)
                touched.add(str(key))
                more = True
            elif key in hub.notes:
                del hub.notes[key]
                gone.add(str(key))

    ids = [number for number, _ in given_out]
    assert len(set(given_out)) == len(given_out)
    now = {(str(key), row["dateModified"].isoformat()[:19] + "Z") for key, row in hub.notes.items()}
    assert now <= set(given_out)
    for number in set(ids) - touched:
        assert ids.count(number) == 1
