"""The schedule box in a browser: four ways to write one value, several times, clock changes, and without JavaScript."""

import re

import pytest
from playwright.sync_api import expect

from app.services import accounts
from app.services.planning import loads
from tests import factories
from tests.browser.conftest import DESK, PHONE

WIDER = """() => [...document.querySelectorAll("main *")]
    .filter(one => one.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
    .map(one => one.outerHTML.slice(0, 99))"""

SENTENCE = re.compile("Understood")


@pytest.fixture
def box(site):
    """The form of a new script, Ada in Berlin."""
    with site.app.app_context():
        accounts.save_profile(site.ada.id, "Ada Park", "Europe/Berlin")
    site.open("/tasks/new?start=script")
    return site.page


def write(page, text, number=0):
    page.locator(f"#f-when-{number}-text").fill(text)
    expect(page.locator(f"#when-{number}-says")).to_contain_text(SENTENCE)


def turn(page, word, number=0):
    page.locator(f"#when-{number}").get_by_text(word, exact=True).click()
    expect(page.locator(f"#when-{number}-to-{word.lower()}")).to_be_checked()
    expect(page.locator(f"#when-{number} input[name=when-{number}-mode]")).to_have_value(word.lower())


def times(page):
    return page.locator("#fires time").evaluate_all("found => found.map(one => one.dateTime)")


def test_there_and_back_through_all_tabs_with_the_same_times(site, box):
    write(box, "weekdays at 9:15")
    expect(box.locator("#fires li")).to_have_count(5)
    first = times(box)
    turn(box, "Builder")
    expect(box.get_by_label("Repeat")).to_have_value("weekday")
    expect(box.get_by_label("At", exact=True)).to_have_value("09:15")
    turn(box, "Cron")
    expect(box.get_by_label("Five fields of cron")).to_have_value("15 9 * * 1-5")
    turn(box, "RRULE")
    expect(box.get_by_role("textbox", name="RRULE")).to_have_value(
        "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR;BYHOUR=9;BYMINUTE=15"
    )
    assert times(box) == first
    box.get_by_role("textbox", name="RRULE").fill("FREQ=WEEKLY;BYDAY=MO;BYHOUR=9;BYMINUTE=15")
    expect(box.locator("#when-0-says")).to_contain_text("Monday")
    mondays = times(box)
    for word in ("Cron", "Builder", "Words"):
        turn(box, word)
        assert times(box) == mondays
    expect(box.get_by_label("When should it run?")).to_have_value("every Monday at 09:15")


def test_the_arrow_keys_turn_the_tabs_and_the_focus_stays(site, box):
    write(box, "every day at 9:00")
    box.locator("#when-0-to-words").focus()
    for word in ("builder", "cron", "rrule"):
        box.keyboard.press("ArrowRight")
        expect(box.locator("input[name=when-0-mode]")).to_have_value(word)
        expect(box.locator(f"#when-0-to-{word}")).to_be_focused()
    assert site.flaws() == []


def test_a_question_is_answered_by_a_chip(site, box):
    box.get_by_label("When should it run?").fill("every monday")
    expect(box.locator("#when-0-says")).to_contain_text("At what time?")
    expect(box.locator("#will-body")).to_contain_text("nothing would be planned")
    box.get_by_role("button", name="09:00").click()
    expect(box.locator("#when-0-says")).to_contain_text("Every Monday at 09:00, Europe/Berlin")
    expect(box.get_by_label("When should it run?")).to_have_value(re.compile("Monday at 0?9:00", re.IGNORECASE))


def test_both_clock_changes_are_told_and_decided(site, box):
    write(box, "every day at 2:30")
    notes = box.get_by_role("list", name="Worth knowing")
    expect(notes).to_contain_text("02:30 does not exist. It will run at 03:00.")
    expect(notes).to_contain_text("02:30 happens twice. It runs once, at the first.")
    box.get_by_label("When clocks skip the time").select_option("Leave it out")
    expect(notes).to_contain_text("It will not run then.")
    expect(box.get_by_label("When clocks skip the time")).to_have_value("skip")
    write(box, "every 15 minutes")
    expect(box.get_by_label("When clocks skip the time")).to_have_count(0)
    expect(notes).to_have_count(0)


def test_another_zone_shows_both_times(site, box):
    write(box, "every day at 17:00 in Lisbon")
    expect(box.get_by_label("In the words")).to_have_value("Europe/Lisbon")
    expect(box.locator("#fires li").first).to_contain_text("18:00")
    expect(box.locator("#fires li").first).to_contain_text("17:00 Europe/Lisbon")
    write(box, "every day at 17:00")
    expect(box.get_by_label("Time zone")).to_have_value("Europe/Berlin")
    box.get_by_label("Time zone").fill("tokyo")
    expect(box.locator("#when-0-says")).to_contain_text("Asia/Tokyo")


def test_what_will_happen_follows_spread_and_jitter(site, box):
    write(box, "every day at 12:00")
    box.locator("summary", has_text="Limits").click()
    box.get_by_label("Jitter up to, seconds").fill("300")
    expect(box.locator("#will-body")).to_contain_text("Each starts up to 5 min later (jitter)")


def test_two_times_are_saved_and_shown_again(site, box):
    write(box, "every weekday at 9:00")
    box.get_by_role("button", name="Add another time").click()
    expect(box.locator("#f-when-1-text")).to_be_focused()
    write(box, "every sunday at 2:30", 1)
    box.get_by_role("button", name="show 30").click()
    expect(box.locator("#fires li")).to_have_count(30)
    expect(box.get_by_role("button", name="show 5")).to_be_visible()
    box.locator("#when-1").locator("summary", has_text="Start and end").click()
    box.locator("#when-1").get_by_label("At most, times").fill("3")
    expect(box.locator("#will-body")).to_contain_text("Time 2 ends after 3 times")
    expect(box.locator("#when-1-edges")).to_have_text("3 times at most")
    box.get_by_role("button", name="Save", exact=True).locator("visible=true").first.click()
    expect(box.locator("#task-sentence")).to_contain_text("Sunday at 02:30")
    box.get_by_role("link", name="Edit", exact=True).click()
    expect(box.locator("#f-when-0-text")).to_have_value("every weekday at 9:00")
    expect(box.locator("#f-when-1-text")).to_have_value("every sunday at 2:30")
    assert site.flaws() == []
    box.get_by_role("button", name="Remove time 1").click()
    expect(box.locator("#f-when-0-text")).to_have_value("every sunday at 2:30")
    expect(box.locator("#f-when-1-text")).to_have_count(0)
    expect(box.get_by_role("button", name="Add another time")).to_be_focused()


def test_what_was_typed_comes_back_with_its_boxes_and_tabs(site, box):
    write(box, "every hour")
    box.get_by_role("button", name="Add another time").click()
    write(box, "every day at 9:00", 1)
    turn(box, "Cron", 1)
    box.get_by_label("Five fields of cron").fill("0 7 * * *")
    box.get_by_label("Five fields of cron").press("Tab")
    box.reload()
    expect(box.get_by_label("Five fields of cron")).to_have_value("0 7 * * *")
    expect(box.locator("#when-1-says")).to_contain_text("Every day at 07:00")


def test_the_schedule_is_changed_from_the_list(site, box):
    write(box, "every weekday at 9:00")
    box.get_by_role("button", name="Save", exact=True).locator("visible=true").first.click()
    expect(box.locator("#task-sentence")).to_contain_text("Every weekday")
    site.open("/tasks")
    box.get_by_role("link", name="Every weekday at 09:00").click()
    dialog = box.get_by_role("dialog")
    dialog.get_by_label("When should it run?").fill("every hour")
    expect(dialog.locator("#when-0-says")).to_contain_text("Every hour")
    assert site.flaws() == []
    dialog.get_by_role("button", name="Save").locator("visible=true").last.click()
    expect(box.locator("#task-sentence")).to_contain_text("Every hour")


def test_ways_out_of_a_crowd_are_one_press_each(site, box):
    with site.app.app_context():
        team_id = site.actor.team_id
        for number in range(4):
            factories.schedule(team_id, factories.task(team_id, f"t{number}", "shell"), "0 9 * * 1", "cron")
        loads.refresh()
    site.open("/tasks/new?start=script")
    box.locator("#f-when-0-timezone").fill("UTC")
    write(box, "every weekday at 9:00")
    expect(box.locator("#fires li").filter(has_text="busy")).to_have_count(1)
    assert site.flaws() == []
    box.get_by_role("button", name="Let it move by 30 min").click()
    expect(box.get_by_role("button", name="Let it move by 30 min")).to_have_count(0)
    expect(box.locator("#f-flexible")).to_have_value("30")
    box.get_by_role("button", name="Split: on Mondays").click()
    expect(box.locator("#f-when-1-text")).to_have_value("every Monday at 09:01")
    expect(box.locator("#fires li").filter(has_text="busy")).to_have_count(0)


@pytest.mark.parametrize("size", [PHONE, {"width": 320, "height": 700}], ids=["phone", "narrow"])
def test_nothing_scrolls_sideways_on_a_phone(site, box, size):
    box.set_viewport_size(size)
    write(box, "every day at 2:30")
    box.locator("summary", has_text="Start and end").click()
    for word in ("Builder", "Cron", "RRULE", "Words"):
        turn(box, word)
        assert box.evaluate(WIDER) == []
        assert site.flaws() == []


def test_without_javascript_the_same_by_buttons(site, browser):
    context = browser.new_context(viewport=DESK, java_script_enabled=False, storage_state=site.context.storage_state())
    page = context.new_page()
    page.goto(f"{site.at}/tasks/new?start=script")
    page.get_by_label("When should it run?").fill("every weekday at 9:00")
    page.locator("#when-0").get_by_text("Cron", exact=True).click()
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_label("Five fields of cron")).to_have_value("0 9 * * 1-5")
    expect(page.locator("#fires li")).to_have_count(5)
    page.get_by_role("button", name="show 30").click()
    expect(page.locator("#fires li")).to_have_count(30)
    page.get_by_role("button", name="Add another time").click()
    page.locator("#f-when-1-text").fill("every monday")
    page.get_by_role("button", name="Preview").last.click()
    page.get_by_role("button", name="17:00").click()
    page.locator("#when-1 noscript summary").click()
    expect(page.locator("#f-when-1-gap")).to_be_visible()
    page.locator("#f-when-1-gap").select_option("skip")
    page.get_by_role("button", name="Save", exact=True).locator("visible=true").first.click()
    expect(page.locator("#task-sentence")).to_contain_text("Every weekday at 09:00 (UTC); every Monday at 17:00 (UTC)")
    context.close()
