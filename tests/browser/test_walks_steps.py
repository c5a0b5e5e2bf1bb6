"""A task of two steps, built in the editor and seen to run: what the first gets, the second uses."""

import re

import pytest
from playwright.sync_api import expect

from tests.servers import web_server

CODE = """\
import carillon
answer = carillon.inputs()["fetch"]["json"]
print("the number is", answer["number"] + 1)
"""


@pytest.fixture
def server():
    with web_server() as running:
        yield running


def test_two_steps_are_built_and_seen_to_run(walk, server):
    page = walk.open("/tasks/new")
    page.get_by_label("Several steps").check()
    page.get_by_role("button", name="HTTP", exact=True).click()
    expect(page.locator("#f-step-0-name")).to_be_focused()
    page.locator("#f-step-0-name").fill("fetch")
    page.locator("#f-step-0-url").fill(f"{server.url}/json?body=%7B%22number%22%3A41%7D")
    page.get_by_role("button", name="Python", exact=True).click()
    expect(page.locator("#f-step-0-name")).to_have_value("fetch")
    page.locator("#f-step-1-name").fill("count")
    page.locator("#f-step-1-code").fill(CODE)
    page.locator("#step-1 summary", has_text="Condition and tries").click()
    page.locator("#f-step-1-condition").fill("steps.fetch.status == 200")
    page.get_by_role("button", name="Move up step 2").click()  # and back again: nothing that was typed is lost
    expect(page.locator("#f-step-0-name")).to_have_value("count")
    page.get_by_role("button", name="Move down step 1").click()
    expect(page.locator("#f-step-1-condition")).to_have_value("steps.fetch.status == 200")
    page.get_by_role("textbox", name="Name", exact=True).fill("Count on")
    assert walk.flaws() == []
    page.get_by_role("button", name="Save and run once").click()
    expect(page.locator("#run-head .pill")).to_have_text("Succeeded", timeout=20_000)
    expect(page.locator("#run-steps .name")).to_have_text(["fetch", "count"])
    expect(page.locator("#log-lines")).to_contain_text("the number is 42")
    expect(page.locator("#run-insight")).to_contain_text("All 2 steps worked")
    assert walk.flaws() == []


def test_what_is_wrong_with_a_step_is_named_and_led_to(walk):
    page = walk.open("/tasks/new")
    page.get_by_label("Several steps").check()
    page.get_by_role("button", name="Script", exact=True).click()
    page.locator("#f-step-0-name").fill("two words")
    page.get_by_role("textbox", name="Name", exact=True).fill("Wrong")
    page.get_by_role("button", name="Save", exact=True).locator("visible=true").first.click()
    summary = page.locator(".error-summary")
    expect(summary).to_contain_text("Name of the step (step 1): A name begins with a letter")
    summary.get_by_role("link", name=re.compile("Name of the step")).click()
    expect(page.locator("#f-step-0-name")).to_be_focused()
    expect(page.locator("#f-step-0-name")).to_have_value("two words")
    assert all("422" in problem for problem in walk.problems)
    walk.problems.clear()
