"""From a past conversation to a task: dropped, analysed live, corrected, made, and run without a model."""

import json

from playwright.sync_api import expect

from tests.browser.conftest import DESK
from tests.browser.test_axe import flaws
from tests.browser.test_threads import DROP

CODE = "ages = [12, 25]\ndays = 21\nprint('too old:', sum(age > days for age in ages))"
EXPORT = {
    "model": "claude-sonnet",
    "messages": [
        {"role": "user", "content": "Every weekday at 8:00 Berlin time, count the ages 12 and 25 older than 21 days."},
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "I count them."},
                {"type": "tool_use", "id": "t1", "name": "python", "input": {"code": CODE}},
            ],
        },
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "too old: 1"}]},
        {"role": "assistant", "content": "One is too old."},
    ],
}


def test_a_conversation_becomes_a_task_that_runs_without_a_model(walk):
    page = walk.open("/threads")
    page.evaluate(DROP, [json.dumps(EXPORT), "export.json"])
    expect(page.get_by_text("To review")).to_be_visible(timeout=15_000)  # it leads on by itself, and fills itself in
    expect(page.get_by_text("Nothing runs until you confirm.")).to_be_visible()
    expect(page.locator(".conv mark.m-var")).to_contain_text("21 days")
    assert flaws(walk) == []
    page.set_viewport_size(DESK)

    row = page.locator(".vars tbody tr", has_text="days")
    page.get_by_label("Name", exact=True).fill("Old ages")
    row.locator(".change > summary").click()
    row.get_by_label("Value, or an expression").fill("10")
    row.get_by_role("button", name="Set", exact=True).click()
    expect(row.locator(".val > span")).to_have_text("10")
    expect(page.get_by_label("Name", exact=True)).to_have_value("Old ages")
    expect(page.get_by_role("radio", name="Replay only")).to_be_checked()

    page.get_by_role("button", name="Create the task, paused").click()
    expect(page.get_by_role("heading", name="Old ages")).to_be_visible()
    expect(page.locator("#task-state")).to_contain_text("Paused")
    page.get_by_role("button", name="Run now").first.click()
    expect(page.locator("#run-head .pill")).to_have_text("Succeeded", timeout=20_000)
    expect(page.locator("#log-lines")).to_contain_text("too old: 2")
