"""Moving a run in the calendar: dragged and undone, and without JavaScript by its page."""

from datetime import UTC, datetime, timedelta

import pytest

from app.services import tasks
from app.services.tasks.definitions import Draft
from app.services.tasks.schedules import Given
from tests.browser.conftest import PHONE, visiting

HOUR = 48
"""Pixels."""


@pytest.fixture
def tomorrow():
    return (datetime.now(UTC) + timedelta(days=1)).date()


def plan(site, name="Digest", when="every day at 9:00"):
    """Ada has a task that runs then."""
    with site.app.app_context():
        draft = Draft(name, "http", {"url": "https://shop.example/"}, [Given(when, "UTC")])
        tasks.create(site.actor, draft, site.app.config["SETTINGS"].data_dir)


def test_a_run_is_dragged_and_the_move_undone(site, tomorrow):
    plan(site)
    page = site.open(f"/calendar/day/{tomorrow}")
    run = page.get_by_role("link", name="Digest")
    box = run.bounding_box()
    page.mouse.move(box["x"] + 40, box["y"] + 6)
    page.mouse.down()
    page.mouse.move(box["x"] + 40, box["y"] + 6 + 2 * HOUR, steps=5)
    page.get_by_text("Nothing in the way.").wait_for()
    assert "at 11:00, this once" in page.locator("#moving").inner_text()
    page.mouse.up()
    page.get_by_role("dialog").get_by_role("button", name="Move it").click()
    page.locator("#toasts").get_by_text("Digest moved to").wait_for()
    assert "11:00" in page.get_by_role("link", name="Digest").get_attribute("aria-label")
    page.get_by_role("button", name="Undo").click()
    page.locator("#toasts").get_by_text("runs tomorrow at 09:00 again").wait_for()
    run = page.get_by_role("link", name="Digest")
    run.focus()
    page.keyboard.press("Alt+ArrowDown")
    page.get_by_text("at 09:15, this once").wait_for()
    page.keyboard.press("Escape")
    assert page.locator(".ghost").count() == 0


def test_of_what_runs_often_one_run_is_skipped_in_a_dialog_and_a_phone_begins_with_the_agenda(site, tomorrow):
    plan(site, "Uptime", "every 15 minutes")
    page = site.open(f"/calendar/day/{tomorrow}")
    page.get_by_role("link", name="Uptime every 15 minutes").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("link", name="The day after").click()
    dialog.locator(".times a").nth(95).click()
    dialog.get_by_role("button", name="Skip this run").click()
    page.locator("#toasts").get_by_text("Uptime is skipped this once.").wait_for()
    site.turn("light", PHONE)
    page = site.open("/calendar")
    assert "/calendar/agenda/" in page.url


def test_without_scripts_all_runs_are_moved_by_the_page_of_one(app, address, browser, tomorrow):
    with visiting(app, address, browser, java_script_enabled=False) as site:
        plan(site)
        page = site.open(f"/calendar/week/{tomorrow}")
        page.locator(f"[data-day='{tomorrow}']").get_by_role("link", name="Digest").click()
        page.get_by_label("New time").fill(f"{tomorrow}T10:30")
        page.get_by_text("All", exact=True).click()
        page.get_by_role("button", name="See what changes").click()
        assert "every day at 10:30 (UTC)" in page.get_by_role("status").first.inner_text()
        page.get_by_role("button", name="Move it").click()
        label = page.locator(f"[data-day='{tomorrow}']").get_by_role("link", name="Digest").get_attribute("aria-label")
        assert "10:30" in label
