"""With the keyboard alone: from the door to a run that is cancelled, always seeing where one is."""

import re

import pytest
from playwright.sync_api import expect

from tests.web.conftest import PASSWORD

MOST_TABS = 60

FOCUS = """() => {
    const one = document.activeElement
    if (!one || one === document.body) return null
    const { top, bottom, left, right } = one.getBoundingClientRect()
    const style = getComputedStyle(one)
    const around = one.closest('label') ?? one
    const isDrawn = [one, around, one.parentElement].some(drawn => {
        const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(drawn)
        return (outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2) || boxShadow !== 'none'
    })
    return {
        what: one.outerHTML.slice(0, 100), isCode: one.matches('[data-code]'), isDrawn: isDrawn && style.visibility !== 'hidden',
        isInside: bottom > 0 && top < innerHeight && right > 0 && left < innerWidth,
    }
}"""


def is_seen(focus):
    assert focus["isDrawn"], focus["what"]
    assert focus["isInside"], focus["what"]


class Hands:
    """Somebody without a mouse: Tab and keys, and never a focus that is not seen."""

    def __init__(self, page):
        self.page = page
        self.keys = page.keyboard

    def tab_to(self, locator):
        """Press Tab until it has the focus."""
        seen = []
        for _ in range(MOST_TABS):
            self.keys.press("Tab")
            focus = self.page.evaluate(FOCUS)
            seen.append(focus and focus["what"])
            if focus:
                is_seen(focus)
            if locator.evaluate("one => one === document.activeElement"):
                return
        raise AssertionError(f"Tab never comes to {locator}: {seen}")

    def fill(self, locator, text):
        """Go there, and replace what stands in it."""
        self.tab_to(locator)
        self.keys.press("Control+a")
        self.keys.type(text)

    def press(self, locator):
        """Go there and press Enter."""
        self.tab_to(locator)
        self.keys.press("Enter")


@pytest.fixture
def hands(walk):
    walk.context.clear_cookies()
    walk.page.goto(f"{walk.at}/today")
    return Hands(walk.page)


def test_from_the_door_to_a_cancelled_run(walk, hands):
    page = hands.page
    sign_in(walk, hands)
    hands.keys.press("Control+k")
    hands.keys.type("new task")
    hands.keys.press("Enter")
    expect(page).to_have_url(re.compile("/tasks/new"))
    make_a_task(hands)
    expect(page.locator("#task-head h1")).to_have_text("Wait a while")
    hands.keys.press("r")
    expect(page.locator("#run-head .pill")).to_have_text("Running", timeout=10_000)
    cancel(hands)
    expect(page.locator("#run-head .pill")).to_have_text("Cancelled", timeout=15_000)


def sign_in(walk, hands):
    hands.fill(hands.page.get_by_label("E-mail"), walk.ada.email)
    hands.fill(hands.page.get_by_label("Password"), PASSWORD)
    hands.keys.press("Enter")
    expect(hands.page).to_have_url(f"{walk.at}/today")


def make_a_task(hands):
    page = hands.page
    hands.tab_to(page.get_by_role("radio", name="HTTP"))
    hands.keys.press("ArrowRight")
    script = page.get_by_role("textbox", name="Script")
    if not script.is_visible():
        hands.keys.press("ArrowRight")
    expect(script).to_be_visible()
    hands.fill(script, "sleep 60")
    hands.keys.press("Escape")  # then Tab leaves the code
    hands.fill(page.get_by_role("textbox", name="Name", exact=True), "Wait a while")
    hands.keys.press("Control+Enter")


def cancel(hands):
    page = hands.page
    dialog = page.get_by_role("dialog", name="Stop run")
    hands.keys.press("c")
    expect(dialog).to_be_visible()
    hands.keys.press("Escape")
    expect(dialog).to_be_hidden()
    hands.keys.press("c")
    hands.tab_to(dialog.get_by_role("radio", checked=True))
    hands.keys.press("ArrowRight")
    expect(dialog.get_by_role("radio", name="Now")).to_be_checked()
    hands.press(dialog.get_by_role("button", name="Stop it"))


@pytest.mark.parametrize("path", ["/today", "/tasks/new?start=script", "/settings/secrets"])
def test_tab_goes_through_a_page_and_out_of_it(walk, path):
    page, seen = walk.open(path), []
    while len(seen) < 150:
        page.keyboard.press("Tab")
        focus = page.evaluate(FOCUS)
        if seen and (focus is None or focus["what"] == seen[0]):
            assert len(seen) > 10
            return
        is_seen(focus)
        seen.append(focus["what"])
        if focus["isCode"]:
            page.keyboard.press("Escape")
    raise AssertionError(f"Tab never leaves: {seen}")


def test_escape_closes_one_layer_at_a_time(walk):
    page = walk.open("/today")
    summary = page.locator("summary", has_text="AP")
    summary.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Log out")).to_be_visible()
    page.keyboard.press("Control+k")
    palette = page.get_by_role("combobox", name="Search or do")
    expect(palette).to_be_focused()
    page.keyboard.press("Escape")
    expect(palette).to_be_hidden()
    expect(page.get_by_role("button", name="Log out")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Log out")).to_be_hidden()
    expect(summary).to_be_focused()
