"""Many live pages at once: a browser opens only six connections to a site, and pages must still load."""

import re
import time
import urllib.request

import pytest
from playwright.sync_api import expect

from tests import factories
from tests.processes import eventually

TABS, MOST = 8, 5
BE = """hidden => {
    Object.defineProperty(Document.prototype, 'hidden', { configurable: true, get: () => hidden })
    document.dispatchEvent(new Event('visibilitychange'))
}"""
"""A browser without a window never hides a page: it is told."""


@pytest.fixture
def tabs(walk):
    """New tabs, and run 1, which goes on."""
    team_id = walk.actor.team_id
    factories.run(team_id, factories.task(team_id, "probe"), "running", started_at=factories.ago(seconds=3))
    eventually(lambda: streams(walk) == 0)
    return [walk.watch(walk.context.new_page()) for _ in range(TABS)]


def streams(walk):
    with urllib.request.urlopen(f"{walk.url}/metrics") as answer:
        return float(re.search(r"^carillon_streams (\S+)$", answer.read().decode(), re.MULTILINE)[1])


def test_the_ninth_page_loads_while_eight_are_live(walk, tabs):
    for tab in tabs:
        tab.goto(f"{walk.at}/runs/1")
    began = time.monotonic()
    expect(walk.open("/tasks").get_by_role("heading", name="Tasks")).to_be_visible()
    assert time.monotonic() - began < 3
    eventually(lambda: streams(walk) == MOST)


def test_hidden_tabs_let_go_of_their_stream_and_take_it_up_again(walk, tabs):
    for tab in tabs[:3]:
        tab.goto(f"{walk.at}/runs/1")
    eventually(lambda: streams(walk) == 3)
    for tab in tabs[:3]:
        tab.evaluate(BE, True)
    eventually(lambda: streams(walk) == 0)
    tabs[0].evaluate(BE, False)
    eventually(lambda: streams(walk) == 1)


def test_tabs_opened_in_the_background_hold_no_stream_until_they_are_looked_at(walk, tabs):
    for tab in tabs[:3]:
        tab.add_init_script(f"({BE})(true)")
        with tab.expect_response("**/live/**"):
            tab.goto(f"{walk.at}/runs/1")
    eventually(lambda: streams(walk) == 0)
    tabs[0].evaluate(BE, False)
    eventually(lambda: streams(walk) == 1)
