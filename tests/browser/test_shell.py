"""What stands around every page: palette, keys, theme, menus, the phone."""

import re

import pytest
from playwright.sync_api import expect

from app.services import teams
from tests import factories
from tests.browser.conftest import PHONE


@pytest.fixture
def tasks(site):
    """Three tasks of the team."""
    with site.app.app_context():
        for name in ("disk check", "morning digest", "stock level sync"):
            factories.task(site.actor.team_id, name.replace(" ", "-"))


def test_the_palette_opens_finds_and_goes(site, tasks):
    page = site.open("/settings/general")
    page.keyboard.press("Control+k")
    field = page.get_by_role("combobox", name="Search or do")
    expect(field).to_be_focused()
    expect(page.get_by_role("option", name="Today")).to_be_visible()
    field.fill("digest")
    expect(page.get_by_role("option", name="morning-digest")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{site.at}/tasks/morning-digest")


def test_what_was_chosen_stands_first_the_next_time(site):
    page = site.open("/today")
    page.keyboard.press("Control+k")
    page.get_by_role("option", name="Settings").click()
    expect(page).to_have_url(re.compile("/settings/general"))
    page.keyboard.press("Control+k")
    expect(page.get_by_role("option").first).to_contain_text("Settings")


def test_arrows_walk_through_the_palette_and_escape_leaves_it(site):
    page = site.open("/today")
    page.keyboard.press("Control+k")
    field = page.get_by_role("combobox", name="Search or do")
    first = field.get_attribute("aria-activedescendant")
    page.keyboard.press("ArrowDown")
    expect(field).not_to_have_attribute("aria-activedescendant", first)
    page.keyboard.press("ArrowUp")
    expect(field).to_have_attribute("aria-activedescendant", first)
    page.keyboard.press("Escape")
    expect(field).to_be_hidden()


def test_a_sentence_becomes_a_new_task(site):
    page = site.open("/today")
    page.keyboard.press("Control+k")
    page.get_by_role("combobox", name="Search or do").fill("disk check every hour")
    option = page.get_by_role("option", name="New task: Disk check")
    expect(option).to_have_attribute("aria-selected", "true")


def test_names_never_become_markup(site):
    with site.app.app_context():
        factories.task(site.actor.team_id, "<img src=x onerror=alert(1)>")
    page = site.open("/settings/general")
    page.keyboard.press("Control+k")
    page.get_by_role("combobox", name="Search or do").fill("img src")
    expect(page.get_by_role("option", name="<img src=x")).to_be_visible()
    expect(page.locator("#palette-list img")).to_have_count(0)


def test_single_keys_go_places(site):
    page = site.open("/today")
    page.keyboard.press("g")
    page.keyboard.press("s")
    expect(page).to_have_url(re.compile("/settings/general"))
    page.keyboard.press("g")
    page.keyboard.press("t")
    expect(page).to_have_url(f"{site.at}/today")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Shortcuts")).to_be_hidden()


def test_single_keys_are_letters_in_fields_and_while_a_dialog_is_open(site):
    page = site.open("/settings/general")
    page.get_by_label("Name of the team").fill("")
    page.keyboard.type("gt?[")
    expect(page.get_by_label("Name of the team")).to_have_value("gt?[")
    expect(page).to_have_url(re.compile("/settings/general"))


def test_single_keys_can_be_turned_off_but_the_palette_stays(site):
    site.page.goto(f"{site.url}/me/shortcuts")
    site.page.get_by_role("switch").uncheck()
    site.page.get_by_role("button", name="Save shortcuts").click()
    page = site.open("/today")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Shortcuts")).to_be_hidden()
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox", name="Search or do")).to_be_visible()


def test_the_narrow_sidebar_is_remembered(site):
    page = site.open("/today")
    page.keyboard.press("[")
    expect(page.locator("html")).to_have_attribute("data-side", "slim")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-side", "slim")
    page.keyboard.press("[")
    page.reload()
    expect(page.locator("html")).not_to_have_attribute("data-side", "slim")


def test_j_and_k_move_through_a_list(site, tasks):
    page = site.open("/search?q=e")
    page.keyboard.press("j")
    first = page.evaluate("document.activeElement.textContent")
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.textContent") != first
    page.keyboard.press("k")
    assert page.evaluate("document.activeElement.textContent") == first


def test_slash_goes_to_the_search_of_the_page_and_escape_leaves_it(site):
    page = site.open("/search?q=e")
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("searchbox")).not_to_be_focused()


def test_menus_close_on_escape_and_on_a_click_elsewhere(site):
    page = site.open("/today")
    you = page.locator("summary", has_text="AP")
    logout = page.get_by_role("button", name="Log out")
    you.click()
    expect(logout).to_be_visible()
    page.keyboard.press("Escape")
    expect(logout).to_be_hidden()
    you.click()
    page.locator("h1").click()
    expect(logout).to_be_hidden()


def test_the_theme_is_there_from_the_first_paint(site):
    site.page.goto(f"{site.url}/me/appearance")
    site.page.get_by_label("Dark").check()
    site.page.get_by_role("button", name="Save").click()
    page = site.open("/today")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.locator("body")).to_have_css("background-color", "rgb(19, 22, 26)")


def test_a_form_is_sent_once(site):
    page = site.open("/settings/general")
    sent = []
    page.on("request", lambda request: request.method == "POST" and sent.append(request.url))
    button = page.get_by_role("button", name="Save name")
    button.dblclick()
    expect(page.get_by_text("Saved")).to_be_visible()
    assert len(sent) == 1
    page.go_back()
    expect(button).to_be_enabled()


def test_offline_is_said_with_the_time_of_what_is_shown(site):
    page = site.open("/today")
    site.context.set_offline(True)
    expect(page.get_by_text("You are offline. Showing what was here at")).to_be_visible()
    site.context.set_offline(False)
    expect(page.get_by_text("You are offline")).to_be_hidden()
    site.problems.clear()


def test_the_time_zone_of_the_browser_is_guessed(site, browser):
    context = browser.new_context(timezone_id="Asia/Tokyo")
    page = context.new_page()
    with site.app.app_context():
        token = teams.invite(site.actor, "editor")
    page.goto(f"{site.url}/invite/{token}")
    expect(page.get_by_label("Time zone")).to_have_value("Asia/Tokyo")
    expect(page.get_by_text("there now")).to_be_visible()
    context.close()


def test_a_phone_has_the_bar_below_and_nothing_beside_the_page(site, tasks):
    site.page.set_viewport_size(PHONE)
    page = site.open("/today")
    bar = page.get_by_role("navigation", name="Main, bottom")
    expect(bar).to_be_visible()
    expect(page.get_by_role("complementary", name="Sidebar")).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.get_by_role("link", name="Search").click()
    expect(page.get_by_role("combobox", name="Search or do")).to_be_visible()
