"""Many live pages at once: a browser opens only six connections to a site, and pages must still load."""

import re
import time
import urllib.request

import pytest
from playwright.sync_api import expect

from tests import factories
from tests.processes import eventually

TABS = 8
HIDE = """hidden => {
    Object.defineProperty(Document.prototype, 'hidden', { configurable: true, get: () => hidden })
    document.dispatchEvent(new Event('visibilitychange'))
}"""


@pytest.fixture
def tabs(walk):
    """Eight tabs that show a run that goes on."""
    team_id = walk.actor.team_id
    factories.run(team_id, factories.task(team_id, "probe"), "running", started_at=factories.ago(seconds=3))
    return [walk.watch(walk.context.new_page()) for _ in range(TABS)]


def streams(walk):
    with urllib.request.urlopen(f"{walk.url}/metrics") as answer:
        return float(re.search(r"^carillon_streams (\S+)$", answer.read().decode(), re.MULTILINE)[1])


def test_the_ninth_page_loads_while_eight_are_live(walk, tabs):
    for tab in tabs:
        tab.goto(f"{walk.at}/runs/1")
    assert loads_in(walk) < 3
    eventually(lambda: streams(walk) == 5)


def test_hidden_tabs_let_go_of_their_stream_and_take_it_up_again(walk, tabs):
    for tab in tabs[:3]:
        tab.goto(f"{walk.at}/runs/1")
    eventually(lambda: streams(walk) == 3)
    for tab in tabs[:3]:
        tab.evaluate(HIDE, True)
    eventually(lambda: streams(walk) == 0)
    tabs[0].evaluate(HIDE, False)
    eventually(lambda: streams(walk) == 1)


def loads_in(walk):
    """How many seconds it takes until the page that is opened next is complete."""
    began = time.monotonic()
    page = walk.open("/tasks")
    expect(page.get_by_role("heading", name="Tasks")).to_be_visible()
    return time.monotonic() - began
