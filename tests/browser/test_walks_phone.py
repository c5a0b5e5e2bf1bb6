"""On a phone: nothing beside the page, the bar below works, and what is pressed first is large enough for a thumb."""

import re

import pytest
from playwright.sync_api import expect

from app.services import tasks
from app.services.tasks.definitions import Draft
from app.services.tasks.schedules import Given
from tests import factories
from tests.browser.conftest import PHONE

WIDTHS = (PHONE["width"], 320)
PAGES = ("today", "tasks", "tasks/shop-front", "tasks/shop-front/edit", "tasks/a-long-name", "tasks/a-long-name/history", "tasks/new", "runs", "runs/1", "runs/2", "runs/3", "search?q=shop", "settings/members", "settings/workers")  # fmt: skip
SMALLEST = 44

TOO_WIDE = """() => {
    const { scrollWidth } = document.scrollingElement
    const beyond = [...document.querySelectorAll('.top *, main *')].filter(one => one.getBoundingClientRect().right > innerWidth + 1)
    return scrollWidth > innerWidth ? [scrollWidth, ...beyond.slice(0, 3).map(one => one.outerHTML.slice(0, 120))] : []
}"""


@pytest.fixture
def phone(site):
    """A team with a task that runs every hour, a long run that is over and one that goes on, seen on a phone."""
    with site.app.app_context():
        draft = Draft("Shop front", "http", {"url": "https://shop.example/a/rather/long/path/that/does/not/break"}, [Given("every hour", "Europe/Berlin")])  # fmt: skip
        task = tasks.create(site.actor, draft, site.app.config["SETTINGS"].data_dir)
        at = factories.ago(minutes=3)
        over = {"started_at": at, "ended_at": factories.ago(minutes=2), "sentence": f"It said {'x' * 90}."}
        factories.run(site.actor.team_id, task.id, "failed", planned_at=at, **over)
        factories.run(site.actor.team_id, task.id, "running", planned_at=at, started_at=at)
        long = factories.task(site.actor.team_id, "a-long-name", label="Nightly report of all " * 5)
        factories.run(site.actor.team_id, long, "failed", planned_at=at, **over)
    site.page.set_viewport_size(PHONE)
    return site


@pytest.mark.parametrize("width", WIDTHS)
def test_no_page_scrolls_sideways(phone, width):
    phone.page.set_viewport_size({"width": width, "height": 700})
    wide = {path: found for path in PAGES if (found := phone.open(f"/{path}").evaluate(TOO_WIDE))}
    assert wide == {}


@pytest.mark.parametrize("width", [768, 862, 1200])
def test_a_long_name_fits_on_wide_pages_too(phone, width):
    phone.page.set_viewport_size({"width": width, "height": 700})
    named = ("today", "tasks", "tasks/a-long-name", "tasks/a-long-name/edit", "runs", "runs/1", "runs/3")
    assert {path: found for path in named if (found := phone.open(f"/{path}").evaluate(TOO_WIDE))} == {}


@pytest.mark.parametrize("width", [390, 768, 862, 1010, 1030, 1130, 1200])
def test_the_name_of_a_task_can_be_read_at_any_width(phone, width):
    phone.page.set_viewport_size({"width": width, "height": 700})
    names = phone.open("/tasks").locator(".tasks .t")
    expect(names).to_have_count(2)
    cut = names.evaluate_all("all => all.filter(one => one.scrollWidth > one.clientWidth).map(one => one.clientWidth)")
    assert [shown for shown in cut if shown < 150] == []


def test_the_bar_below_goes_places(phone):
    page = phone.open("/today")
    bar = page.get_by_role("navigation", name="Main, bottom")
    for name, path in (("Runs", "runs"), ("New", "tasks/new"), ("Tasks", "tasks"), ("Today", "today")):
        bar.get_by_role("link", name=name).click()
        expect(page).to_have_url(re.compile(rf"/t/{phone.slug}/{path}$"))
        if path != "tasks/new":  # there the bar of the form takes its place
            expect(bar.get_by_role("link", name=name)).to_have_attribute("aria-current", "page")
        else:
            page.go_back()


def test_what_is_pressed_first_is_large_enough(phone):
    page = phone.page
    for path, pressed in (
        ("/today", [".bottom a", ".needs .btn"]),
        ("/tasks", [".bottom a"]),
        ("/tasks/shop-front", ["#task-head .actions > form > .btn", "#task-head .actions > a.btn"]),
        ("/tasks/new", [".will-bar .btn"]),
        ("/runs/1", ["#run-head .actions > form > .btn"]),
        ("/runs/2", ["#run-head .actions > .btn"]),
    ):
        phone.open(path)
        for selector in pressed:
            sizes = page.locator(selector).evaluate_all(
                "all => all.filter(one => one.checkVisibility()).map(one => { const { width, height } = one.getBoundingClientRect(); return [width, height] })"
            )
            assert sizes, (path, selector)
            assert [size for size in sizes if min(size) < SMALLEST - 0.5] == [], (path, selector)


def test_a_task_is_made_with_the_bar_of_the_form(phone):
    page = phone.open("/tasks/new?start=script")
    page.get_by_role("textbox", name="Name").fill("On the way")
    page.locator(".will-bar").get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="On the way")).to_be_visible()
    assert page.evaluate(TOO_WIDE) == []
