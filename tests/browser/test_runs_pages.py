"""Runs as somebody at a desk or with a phone uses them: by keys, with and without scripts, on a time axis."""

import re
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from app.models.runs import Run
from tests import factories
from tests.browser.conftest import DESK, PHONE, visiting


@pytest.fixture
def full(site):
    fill(site)
    return site


def fill(site):
    """Four queued runs, one that failed, one that was skipped, and what is planned."""
    with site.app.app_context():
        team, task = site.actor.team_id, factories.task(site.actor.team_id, "digest", label="Morning digest")
        for _ in range(4):
            factories.run(team, task, "queued")
        at = factories.ago(hours=1)
        factories.run(team, task, "failed", planned_at=at, started_at=at, ended_at=at + timedelta(minutes=4))
        factories.run(team, task, "skipped", planned_at=factories.ago(hours=2), reason="overlap")
        factories.schedule(team, task, "4h")
        factories.schedule(team, factories.task(team, "shop", label="Shop front"), "10m")


def states(site):
    with site.app.app_context():
        return [run.state for run in factories.rows(Run)]


def is_within(page):
    """Whether the page scrolls nowhere sideways."""
    return page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_runs_are_selected_and_cancelled_by_keys(full):
    page = full.open("/runs")
    expect(page.get_by_role("toolbar")).to_be_hidden()
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.get_by_text("1 selected")).to_be_visible()
    expect(page.get_by_role("button", name="Compare")).to_be_hidden()
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.get_by_text("2 selected")).to_be_visible()
    expect(page.get_by_role("button", name="Compare")).to_be_visible()
    page.keyboard.press("c")
    expect(page.get_by_role("heading", level=1)).to_have_text("2 runs were cancelled")
    assert states(full).count("cancelled") == 2
    page.get_by_role("link", name="Back to the runs").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Runs")


def test_a_double_click_starts_each_run_once(full):
    page = full.open("/runs")
    for box in page.get_by_role("checkbox").all()[:2]:
        box.check()
    page.get_by_role("button", name="Run again").dblclick()
    expect(page.get_by_role("heading", level=1)).to_have_text("2 runs were started again")
    page.reload()
    assert len(states(full)) == 8


def test_two_selected_runs_stand_side_by_side(full):
    page = full.open("/runs")
    for name in ("Select run #5", "Select run #4"):
        page.get_by_role("checkbox", name=name).check()
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("#4 beside #5")
    expect(page.get_by_text("What differs: ")).to_contain_text("queued → failed")


def test_without_scripts_filters_bulk_and_comparison_work(app, address, browser):
    with visiting(app, address, browser, java_script_enabled=False) as site:
        fill(site)
        page = site.open("/runs")
        page.get_by_label("Task", exact=True).select_option("digest")
        page.get_by_role("button", name="Show").click()
        expect(page).to_have_url(re.compile("task=digest"))
        page.get_by_role("checkbox", name="Select run #1").check()
        page.get_by_role("button", name="Cancel").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("1 run was cancelled")
        page.goto(f"{site.at}/runs/compare")
        page.get_by_label("Run", exact=True).fill("1")
        page.get_by_label("Beside run").fill("5")
        page.get_by_role("button", name="Compare").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("#1 beside #5")


def test_enter_on_a_box_does_nothing_by_itself(full):
    page = full.open("/runs?status=not")
    page.get_by_role("checkbox").first.focus()
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    page.wait_for_timeout(200)
    assert page.url.endswith("/runs?status=not")
    assert len(states(full)) == 6


def test_the_timeline_is_seen_moved_and_opened_by_its_bars(full):
    page = full.open("/runs?view=timeline")
    bar = page.get_by_role("link", name=re.compile(r"^Morning digest, .*, failed, 4 min$"))
    assert bar.bounding_box()["x"] < page.locator(".tl-axis .now").bounding_box()["x"]
    expect(page.get_by_role("link", name=re.compile(r"^Shop front, .*every 10 minutes ×"))).to_have_count(1)
    page.get_by_role("link", name="Week", exact=True).click()
    page.get_by_role("link", name="Earlier").click()
    page.get_by_role("link", name="Now", exact=True).click()
    expect(page).to_have_url(re.compile("span=week"))
    page.get_by_role("link", name="At once", exact=True).click()
    expect(page.get_by_role("heading", name="One run at a time.")).to_be_visible()
    page.get_by_role("link", name="Duration", exact=True).click()
    page.get_by_role("link", name=re.compile("failed, 4 min$")).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("#5")


def test_a_phone_shows_the_timeline_as_a_list(full):
    full.page.set_viewport_size(PHONE)
    page = full.open("/runs?view=timeline")
    expect(page.locator(".tl-lanes")).to_be_hidden()
    expect(page.get_by_role("heading", name="Next").first).to_be_visible()  # near midnight there are two days
    for path in (
        "/runs",
        "/runs?status=not",
        "/runs?view=timeline",
        "/runs?view=timeline&chart=concurrency",
        "/runs/5/compare/1",
    ):
        full.open(path)
        assert is_within(full.page), path


def test_a_phone_selects_runs_too(full):
    full.page.set_viewport_size(PHONE)
    page = full.open("/runs")
    expect(page.get_by_role("checkbox").first).to_be_hidden()
    page.get_by_role("link", name="Select").click()
    page.get_by_role("checkbox").first.check()
    expect(page.get_by_text("1 selected")).to_be_visible()
    assert is_within(page)


def test_a_name_that_is_long_breaks_nothing(site):
    with site.app.app_context():
        task = factories.task(site.actor.team_id, "long", label="W" * 120)
        at = factories.ago(minutes=9)
        for state in ("failed", "succeeded"):
            factories.run(
                site.actor.team_id,
                task,
                state,
                planned_at=at,
                started_at=at,
                ended_at=at,
                sentence="x" * 500,
                worker="w" * 80,
            )
        factories.schedule(site.actor.team_id, task, "1h")
    for size in (DESK, {"width": 768, "height": 900}, PHONE, {"width": 320, "height": 700}):
        site.page.set_viewport_size(size)
        for path in ("/runs", "/runs?view=timeline", "/runs/2/compare/1", "/runs?worker=" + "w" * 80):
            site.open(path)
            assert is_within(site.page), (size, path)


def test_the_switcher_is_used_by_keys(site):
    page = site.open("/today")
    page.locator("summary.team").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator(".pop.up a").first).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/today"))
    assert site.slug not in page.url
