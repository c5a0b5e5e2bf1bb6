"""Charts of Insights: drawn under the strict policy without a word on the console, in the theme, and within budget."""

import brotli
import pytest
from playwright.sync_api import expect

from tests import past
from tests.browser.conftest import PHONE
from tests.browser.test_axe import flaws
from tests.browser.test_budgets import KB, first_visit

HTML, SCRIPT, REQUESTS = 20 * KB, 360 * KB, 12

INK = """() => getComputedStyle(document.querySelector('#failures-chart .xtick text')).fill"""


@pytest.fixture
def lively(site):
    """A team with twelve tasks and eight days behind them."""
    with site.app.app_context():
        past.fill(site.actor.team_id, tasks=12, days=8)
    return site


def test_charts_are_drawn_quietly_follow_the_theme_and_are_accessible(lively):
    page = lively.open("/insights?days=7")
    chart = page.locator("#failures-chart")
    expect(chart.locator(".barlayer .point path").filter(visible=True).first).to_be_visible()  # a day has none of some
    expect(chart).to_have_attribute("aria-labelledby", "failures-answer")
    light = page.evaluate(INK)
    page.emulate_media(color_scheme="dark")
    expect(chart.locator(".xtick text").first).not_to_have_css("fill", light)
    page.emulate_media(color_scheme="light")
    agents = page.locator("#agents-chart")
    page.locator("#agents").scroll_into_view_if_needed()
    expect(agents.locator(".barlayer path[style*='pattern'], pattern").first).to_be_attached()
    agents.locator(".nsewdrag").hover()
    expect(agents.locator(".hoverlayer .hovertext, .hoverlayer .legend").first).to_be_visible()
    lively.open("/insights/agents?days=7")
    expect(agents.locator(".barlayer path").first).to_be_visible()
    assert flaws(lively) == []  # which turns it to the phone at last
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_the_first_visit_keeps_its_budget_and_without_scripts_there_is_the_table(lively, browser):
    weights = first_visit(lively, browser, "/insights?days=7")
    html = len(brotli.compress(lively.ada.get(f"/t/{lively.slug}/insights?days=7").data))
    assert html <= HTML
    assert sum(size for url, size in weights if url.endswith(".js")) <= SCRIPT, weights
    assert len(weights) <= REQUESTS, weights
    context = browser.new_context(storage_state=lively.context.storage_state(), java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{lively.at}/insights?days=7")
    page.locator("#failures summary").click()
    expect(page.locator("#failures table tbody tr").first).to_be_visible()
    assert page.locator("#failures-chart").bounding_box()["height"] == 0
    context.close()
