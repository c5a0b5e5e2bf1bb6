"""Without JavaScript: everything but the live part."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import DESK
from tests.web.conftest import PASSWORD


@pytest.fixture
def page(walk, browser):
    context = browser.new_context(viewport=DESK, locale="en-GB", java_script_enabled=False)
    context.set_default_timeout(5000)
    yield context.new_page()
    context.close()


def test_from_the_door_to_a_cancelled_run(walk, page):
    page.goto(f"{walk.at}/tasks/new?start=script")
    page.get_by_label("E-mail").fill(walk.ada.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    make_a_task(page)
    page.get_by_role("button", name="Run now").click()
    expect(page.locator("#run-head .pill")).to_have_text("Running", timeout=15_000)
    expect(page.locator("#log-lines")).to_contain_text("second line", timeout=15_000)  # the page asks again by itself
    stop(page)
    expect(page.locator("#run-head .pill")).to_have_text("Cancelled", timeout=20_000)


def make_a_task(page):
    """Through the Preview button, which keeps what was typed."""
    page.get_by_role("textbox", name="Script").fill("echo first line; sleep 4; echo second line; sleep 60")
    page.get_by_label("When should it run?").fill("every weekday at 9:00")
    page.get_by_role("textbox", name="Name", exact=True).fill("By hand")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#when-0-says")).to_contain_text("Understood")
    expect(page.locator("#fires li")).to_have_count(5)
    expect(page.get_by_role("textbox", name="Name", exact=True)).to_have_value("By hand")
    page.get_by_role("button", name="Save", exact=True).locator("visible=true").first.click()
    expect(page.get_by_role("heading", name="By hand", exact=True)).to_be_visible()
    expect(page.locator("#task-sentence")).to_contain_text(re.compile("every weekday", re.IGNORECASE))


def stop(page):
    """On a page of its own."""
    page.get_by_role("link", name="Cancel…").click()
    expect(page).to_have_url(re.compile("/cancellation$"))
    page.get_by_role("radio", name="Now").check()
    page.get_by_role("button", name="Stop it").click()
