"""An answer in parts in the explorer, in a real Chromium."""

import pytest

from support.browser import Visit
from support.registry import rehearsing
from support.upstreams import Upstreams

HANG = {"operations": {"case_notes": [{"kind": "hang", "times": "forever"}]}}


@pytest.fixture
def query(upstreams_here: Upstreams) -> str:
    """Return a query that puts a list and the rest of another off."""
    odd = upstreams_here.world.oddities
    hub, case = odd.hub_with_program, odd.case_with_everything
    return (
        f"query Parts {{ case(hubId: {hub}, caseId: {case}) {{ name ... @defer {{"
        f" notes {{ nodes {{ text }} }} }} }}"
        f" cases(hubId: {hub}, first: 3) {{ nodes @stream(initialCount: 1) {{ caseId }} }} }}"
    )


def test_parts_are_shown_as_they_come(visit: Visit, upstreams_here: Upstreams, query: str) -> None:
    """What is there is shown while an upstream hangs; the notes and their trace come after it."""
    world = upstreams_here.world
    odd = world.oddities
    case = world.action_management.hubs[odd.hub_with_program].cases[odd.case_with_everything]
    visit.open()
    visit.page.get_by_role("button", name="Show Waterfall").click()
    visit.page.locator(".graphiql-query-editor .view-lines").click()
    visit.page.keyboard.press("Control+A")
    visit.page.keyboard.insert_text(query)

    with rehearsing(upstreams_here, {"action_management": HANG}):
        visit.run()
        visit.response_shows(case["name"])
        visit.page.locator(".graphiql-response .view-line", has_text="caseId").nth(2).wait_for()
        early = visit.page.locator(".graphiql-response .view-lines").inner_text()
        upstreams_here.sandbox.faults.clear()
        visit.response_shows("notes")

    visit.page.get_by_role("region", name="Waterfall").get_by_text("case notes").first.wait_for()
    late = visit.page.locator(".graphiql-response .view-lines").inner_text()
    assert "notes" not in early
    assert '"trace"' not in late
