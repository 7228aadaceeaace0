from typing import Any

import pytest

from casegraph.cli import bundled_examples
from casegraph.sandbox.world import World
from support.browser import Visit

NAMES = ["CasePage", "Queue", "Attention", "Program", "Customer"]


@pytest.fixture
def case_name(world: World) -> str:
    """Return the name of the case that the first example asks for."""
    odd = world.oddities
    cases = world.action_management.hubs[odd.hub_with_program].cases
    return cases[odd.case_with_everything]["name"]


@pytest.fixture
def case_title(world: World) -> str:
    """Return the title of the first social case that the last example asks for."""
    customer = bundled_examples(world)[-1].variables["customer"]
    rows = world.customer_cases.cases.values()
    return min(
        (row for row in rows if row["customerId"] == customer), key=lambda row: row["created"]
    )["title"]


def test_an_example_runs_at_the_press_of_a_button(visit: Visit, case_title: str) -> None:
    """The tab of an example is opened, run, and the upstreams' data appears."""
    visit.open()

    visit.page.get_by_role("tab", name="Customer").click()
    visit.run()

    visit.response_shows(case_title)


def test_the_first_tab_opens_with_its_operation(visit: Visit, case_name: str) -> None:
    """What is in front at first can be run at once."""
    visit.open()

    visit.run()

    visit.response_shows(case_name)
    assert visit.page.title() == "casegraph"
    assert visit.page.get_by_role("tab").all_inner_texts() == NAMES


def test_a_closed_example_can_be_opened_again(visit: Visit, case_title: str) -> None:
    """The panel of examples outlives the tabs."""
    visit.open()
    visit.page.get_by_role("tab", name="Customer").click()
    visit.page.get_by_role("button", name="Close Tab").last.click()

    visit.page.get_by_role("button", name="Show Examples").click()
    visit.page.get_by_role("button", name="Customer").click()
    visit.run()

    visit.response_shows(case_title)


def test_the_editor_knows_the_schema(visit: Visit) -> None:
    """Monaco's workers run: an unknown field is underlined, a known one is proposed."""
    visit.open()
    editor = visit.page.locator(".graphiql-query-editor .view-lines")
    editor.click()
    visit.page.keyboard.press("Control+A")
    visit.page.keyboard.type("{ case(hubId: 96, caseId: 1) { nam")

    visit.page.locator(".graphiql-query-editor .squiggly-error").first.wait_for()
    visit.page.keyboard.press("Control+Space")

    visit.page.locator(".suggest-widget .monaco-list-row", has_text="name").first.wait_for()


def test_the_prettify_button_formats_the_operation(visit: Visit) -> None:
    """The formatter, which is loaded at the first use, finds its parsers."""
    visit.open()
    visit.page.locator(".graphiql-query-editor .view-lines").click()
    visit.page.keyboard.press("Control+A")
    visit.page.keyboard.type("{case(caseId:1){name")

    visit.page.get_by_role("button", name="Prettify query").click()

    visit.page.locator(".graphiql-query-editor .view-line").nth(4).wait_for()
    lines = visit.page.locator(".graphiql-query-editor .view-line").all_inner_texts()
    text = sorted(line.replace("\xa0", " ") for line in lines)
    assert text == sorted(["{", "  case(caseId: 1) {", "    name", "  }", "}", ""])


def test_the_tabs_survive_a_reload(visit: Visit) -> None:
    """What a person opened is there again, beside nothing that was not."""
    visit.open()
    visit.page.get_by_role("tab", name="Customer").click()
    # Not wait_for_function: it evaluates strings inside the page, which the policy forbids.
    visit.page.evaluate(
        """async () => {
          const stored = () => JSON.parse(localStorage['casegraph/graphiql:tabState'] ?? '{}');
          while (stored().activeTabIndex !== 4) await new Promise(requestAnimationFrame);
        }"""
    )

    visit.open()

    assert visit.page.get_by_role("tab").all_inner_texts() == NAMES
    assert visit.page.get_by_role("tab", selected=True).inner_text() == "Customer"


def test_a_reload_at_a_bad_moment_adds_no_tab(visit: Visit) -> None:
    """Tabs are stored before the editors are; a page closed in between opens as it was."""
    visit.open()
    visit.page.get_by_role("tab", name="Customer").click()
    visit.page.evaluate(
        """async () => {
          const stored = () => JSON.parse(localStorage['casegraph/graphiql:tabState'] ?? '{}');
          while (stored().activeTabIndex !== 4) await new Promise(requestAnimationFrame);
          addEventListener('pagehide', () => {
            localStorage['casegraph/graphiql:variables'] = '{"hub": "of another tab"}';
          });
        }"""
    )

    visit.open()

    assert visit.page.get_by_role("tab").all_inner_texts() == NAMES
    assert visit.page.get_by_role("tab", selected=True).inner_text() == "Customer"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_follow_the_system(browser: Any, explorer_url: str, scheme: str) -> None:
    """The page is dark where the system is dark, and light where it is light."""
    context = browser.new_context(color_scheme=scheme)
    visit = Visit(context.new_page(), explorer_url).open()

    red, green, blue = visit.page.evaluate(
        "getComputedStyle(document.querySelector('.graphiql-container'))"
        ".backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)"
    )
    context.close()

    assert (red + green + blue < 300) is (scheme == "dark")
