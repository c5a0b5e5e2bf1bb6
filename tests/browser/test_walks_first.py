"""The first five minutes: from the printed link to a task that runs by itself, as somebody new walks them."""

import re
import time

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import DESK
from tests.cli.conftest import Up, free_port
from tests.servers import web_server
from tests.web.conftest import PASSWORD


@pytest.fixture
def fresh(home):
    """`./carillon up` in an empty folder."""
    up = Up(home / "fresh", free_port(), CARILLON_ALLOW_HOSTS="127.0.0.1")
    yield up
    up.close()


@pytest.fixture
def page(browser):
    context = browser.new_context(viewport=DESK, locale="en-GB", timezone_id="Europe/Berlin")
    context.set_default_timeout(5000)
    yield context.new_page()
    context.close()


def test_from_the_link_to_a_task_that_runs_by_itself(fresh, page):
    link = re.search(r"http\S+/setup/\S+", "\n".join(fresh.greeting))[0]
    began = time.monotonic()
    set_up(page, link)
    with web_server() as shop:
        check_a_website(page, f"{shop.url}/status/200")
        do_it_every_hour(page)
        assert time.monotonic() - began < 15
        assert [path for _, path, *_ in shop.requests] == ["/status/200"]
    page.get_by_role("navigation", name="Main", exact=True).get_by_role("link", name="Today").click()
    expect(page.locator("#today-next")).to_contain_text("Check a website")


def set_up(page, link):
    page.goto(link)
    page.get_by_label("Your name").fill("Ada Park")
    page.get_by_label("E-mail").fill("ada@northgate.example")
    page.get_by_label("Password").fill(PASSWORD)
    expect(page.get_by_label("Time zone")).to_have_value("Europe/Berlin")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("heading", name=re.compile("(Good .+|Hello), Ada"))).to_be_visible()


def check_a_website(page, url):
    page.get_by_role("link", name="Check a website").click()
    page.get_by_role("textbox", name="Address").fill(url)
    page.get_by_role("button", name="Save and run once").click()
    expect(page.locator("#run-insight")).to_contain_text("Worked")
    expect(page.locator("#run-head .pill")).to_have_text("Succeeded")
    expect(page.locator("#log-lines")).to_contain_text("200")


def do_it_every_hour(page):
    expect(page.get_by_role("heading", name="Do this regularly?")).to_be_visible()
    page.get_by_role("button", name="Every hour").click()
    expect(page.locator("#toasts")).to_contain_text(re.compile(r"Scheduled\. Next: (today|tomorrow) \d\d:\d\d"))


def test_the_script_card_runs_as_it_is(walk):
    page = walk.open("/today")
    page.get_by_role("link", name="Run a script").click()
    page.get_by_role("button", name="Save and run once").click()
    expect(page.locator("#run-insight")).to_contain_text("Worked", timeout=10_000)
    expect(page.locator("#log-lines")).to_contain_text("Filesystem")
    expect(page.locator("#run-steps")).to_contain_text("Steps")
