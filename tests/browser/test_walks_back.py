"""Back after a piece of a page was swapped shows a whole page, never the bare piece."""

import re

import pytest
import sqlalchemy as sa
from playwright.sync_api import expect

from app.models.runs import LogChunk
from app.services.unit import batch
from tests import factories

LINES = 2600


@pytest.fixture
def tasks(site):
    with site.app.app_context():
        for name in ("disk-check", "morning-digest", "stock-levels"):
            factories.task(site.actor.team_id, name)


@pytest.fixture
def long_run(site):
    """Run 1, with more lines than a page shows."""
    with site.app.app_context():
        team_id, at = site.actor.team_id, factories.ago(minutes=2)
        values = {"planned_at": at, "started_at": at, "ended_at": factories.ago(minutes=1)}
        run_id = factories.run(team_id, factories.task(team_id), "succeeded", **values)
        lines = [[0.0, "info", f"line {number}"] for number in range(1, LINES + 1)]
        row = {"run_id": run_id, "first": 1, "count": LINES, "size_bytes": 9, "token": 1, "lines": lines, "at": at}
        with batch() as work:
            work.connection.execute(sa.insert(LogChunk).values(row))


def go_and_come_back(page):
    """Follow a link of the sidebar, and press Back."""
    page.get_by_role("link", name="Settings").first.click()
    expect(page).to_have_url(re.compile("/settings/general"))
    page.go_back()
    is_whole(page)


def is_whole(page):
    expect(page.get_by_role("navigation", name="Main", exact=True)).to_be_visible()
    expect(page.locator("html > head > title")).to_have_count(1)
    expect(page.locator("h1")).to_have_count(1)


def test_after_the_filter_of_the_list(site, tasks):
    page = site.open("/tasks")
    page.get_by_role("searchbox", name="Filter by name").press_sequentially("digest")
    expect(page.locator("[data-list] a.t")).to_have_text(["morning-digest"])
    expect(page).to_have_url(re.compile("q=digest"))
    go_and_come_back(page)
    expect(page.locator("[data-list] a.t")).to_have_text(["morning-digest"])


def test_after_the_reading_of_a_schedule(site):
    page = site.open("/tasks/new?start=script")
    page.get_by_label("When should it run?").press_sequentially("every weekday at 9:00")
    expect(page.locator("#when-0-says")).to_contain_text("Understood")
    expect(page.locator("#fires li")).to_have_count(5)
    go_and_come_back(page)
    expect(page.get_by_label("When should it run?")).to_have_value("every weekday at 9:00")


def test_after_the_schedule_box_was_changed_to_the_builder(site):
    page = site.open("/tasks/new?start=script")
    page.get_by_text("Builder", exact=True).click()
    expect(page.get_by_label("Repeat")).to_be_visible()
    go_and_come_back(page)


def test_after_earlier_lines_were_loaded(site, long_run):
    page = site.open("/runs/1")
    expect(page.locator("#log-lines > li")).to_have_count(2000)
    page.get_by_role("link", name="Load earlier lines").click()
    expect(page.locator("#log-lines > li")).to_have_count(LINES)
    expect(page.get_by_role("link", name="Load earlier lines")).to_have_count(0)
    go_and_come_back(page)
    expect(page.locator(f"#L{LINES}")).to_be_attached()


def test_a_piece_is_never_what_a_browser_keeps_for_an_address(site, tasks):
    """The same address asked as a piece and then as a page gives the page, from the browser's own store too."""
    page = site.open("/settings/general")
    asked = """async address => (await fetch(address, { headers: { 'HX-Request': 'true', 'HX-Request-Type': 'partial' } })).text()"""
    assert "<html" not in page.evaluate(asked, f"{site.at}/tasks?q=digest")
    site.open("/tasks?q=digest")
    is_whole(page)
