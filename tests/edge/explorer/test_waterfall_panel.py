"""The waterfall panel in a real Chromium: drawn from real answers, readable, reachable, modest."""

from typing import Any

import pytest

from support.browser import Visit


def open_panel(visit: Visit) -> Any:
    """Show the panel and return it."""
    visit.page.get_by_role("button", name="Show Waterfall").click()
    return visit.page.get_by_role("region", name="Waterfall")


def run_tab(visit: Visit, name: str) -> list[dict[str, Any]]:
    """Run the operation of a tab; return the calls that its answer told."""
    visit.page.get_by_role("tab", name=name).click()
    with visit.page.expect_response(
        lambda each: f"query {name}" in (each.request.post_data or "")
    ) as found:
        visit.run()
    assert found.value.request.headers["x-casegraph-trace"] == "1"
    return found.value.json()["extensions"]["trace"]["calls"]


def test_every_call_is_drawn_where_it_happened(visit: Visit) -> None:
    """A row per call of the answer, each bar as far along as its call began."""
    panel = open_panel(visit.open())
    calls = run_tab(visit, "CasePage")
    panel.get_by_text("CasePage:").wait_for()

    rows = panel.get_by_role("list", name="Calls").get_by_role("listitem")
    bars = panel.locator(".casegraph-bar:not(.casegraph-waited)")
    lefts = bars.evaluate_all("bars => bars.map(bar => bar.getBoundingClientRect().left)")
    begun = sorted(range(len(calls)), key=lambda index: calls[index]["startMs"])
    assert rows.count() == bars.count() == len(calls) > 3
    assert sorted(range(len(lefts)), key=lambda index: lefts[index]) == begun
    for row, call in zip(rows.all(), calls, strict=True):
        assert call["upstream"].replace("_", " ") in row.inner_text()


def test_the_answer_is_shown_without_the_trace(visit: Visit) -> None:
    """What the panel asked for in addition is not in the way of what the person asked for."""
    panel = open_panel(visit.open())

    run_tab(visit, "CasePage")
    panel.get_by_text("CasePage:").wait_for()
    visit.response_shows("case")

    assert '"trace"' not in visit.page.locator(".graphiql-response .view-lines").inner_text()


def test_rows_open_with_the_keyboard(visit: Visit) -> None:
    """Tab reaches the first row, Enter tells what is known of its call."""
    panel = open_panel(visit.open())
    calls = run_tab(visit, "CasePage")
    row = panel.locator("summary").first
    row.wait_for()

    row.focus()
    visit.page.keyboard.press("Shift+Tab")
    visit.page.keyboard.press("Tab")
    visit.page.keyboard.press("Enter")

    told = panel.locator("details[open] dl")
    told.wait_for()
    assert visit.page.evaluate("document.activeElement.tagName") == "SUMMARY"
    assert told.locator("dt").all_inner_texts()[0] == "upstream"
    assert calls[0]["outcome"].replace("_", " ") in told.inner_text()


def test_before_the_first_run_it_says_what_to_do(visit: Visit) -> None:
    """An empty panel is no riddle; GraphiQL's own introspection does not count as a run."""
    panel = open_panel(visit.open())

    assert panel.get_by_role("status").inner_text().startswith("Run an operation")


@pytest.mark.parametrize(
    "extensions",
    [None, {"trace": {"version": 2, "rows": []}}, {"trace": "nonsense"}, {"freshness": []}],
)
def test_an_answer_without_a_trace_is_no_fault(
    visit: Visit, extensions: dict[str, Any] | None
) -> None:
    """A gateway that keeps it to itself, or tells it in another form: the panel says so."""
    answer: dict[str, Any] = {"data": {"case": None}}
    if extensions is not None:
        answer["extensions"] = extensions
    panel = open_panel(visit.open())
    visit.page.route("**/graphql", lambda route: route.fulfill(json=answer))

    visit.run()

    panel.get_by_text("without a trace").wait_for()
    assert panel.get_by_role("list").count() == 0


def test_failures_shared_calls_and_choices_have_words(visit: Visit) -> None:
    """What colour shows is also said: outcome, sharing, what was kept, and the paths not taken."""
    call = {
        "upstream": "case_reviews",
        "operation": "reviews",
        "path": "direct",
        "keys": 20,
        "startMs": 2000.0,
        "durationMs": 40.0,
        "waitedMs": 2000.0,
        "attempt": 2,
        "shared": False,
        "cache": None,
        "bytes": None,
        "outcome": "server_error",
    }
    joined = call | {"attempt": 0, "shared": True, "outcome": "shared", "waitedMs": 0.0}
    held = joined | {"shared": False, "cache": "stands_in", "outcome": "kept", "keys": 7}
    choice = {
        "need": "reviews of cases",
        "path": "direct",
        "keys": 20,
        "rejected": [{"path": "feed", "calls": 46, "seconds": 92.0}],
    }
    trace = {
        "version": 1,
        "durationMs": 2040.0,
        "calls": [call, joined, held],
        "choices": [choice],
        "omitted": 3,
    }
    panel = open_panel(visit.open())
    answer = {"data": {"case": None}, "extensions": {"trace": trace}}
    visit.page.route("**/graphql", lambda route: route.fulfill(json=answer))

    visit.run()

    panel.get_by_role("list", name="Calls").wait_for()
    notes = panel.locator(".casegraph-note").all_inner_texts()
    assert panel.get_by_role("status").inner_text() == (
        "CasePage: 1 call in 2040 ms, 1 failed, 3 rows left out"
    )
    assert notes == ["server error", "shared", "7 times stands in"]
    assert panel.locator(".casegraph-waited").count() == 1
    assert "not feed: 46 calls, 92000 ms" in panel.get_by_role("list", name="Paths").inner_text()


CONTRAST = """panel => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgba = colour => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = ([r, g, b, a], [R, G, B]) =>
    [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a), 1];
  const light = ([r, g, b]) => {
    const part = v => ((v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const container = document.querySelector('.graphiql-container');
  const page = rgba(getComputedStyle(container).backgroundColor);
  const against = (element, property) => {
    const [x, y] = [light(over(rgba(getComputedStyle(element)[property]), page)), light(page)];
    return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
  };
  const texts = panel.querySelectorAll('.casegraph-operation, .casegraph-soft, .casegraph-time');
  const bars = panel.querySelectorAll('.casegraph-bar');
  return [
    Math.min(...[...texts].map(each => against(each, 'color'))),
    Math.min(...[...bars].map(each => against(each, 'backgroundColor'))),
  ];
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_read_in_both_schemes(browser: Any, explorer_url: str, scheme: str) -> None:
    """Text stands out from the page by 4.5 to 1, bars by 3 to 1 (WCAG 2.2, 1.4.3 and 1.4.11)."""
    context = browser.new_context(color_scheme=scheme, viewport={"width": 1360, "height": 820})
    visit = Visit(context.new_page(), explorer_url).open()
    panel = open_panel(visit)
    run_tab(visit, "CasePage")
    panel.locator("summary").first.wait_for()

    text, bars = panel.evaluate(CONTRAST)
    context.close()

    assert text >= 4.5
    assert bars >= 3
