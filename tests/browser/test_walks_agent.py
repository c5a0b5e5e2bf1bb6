"""From no model to an agent that reads a file, stops at its cost cap, and goes on once it is raised."""

import re

import pytest
from playwright.sync_api import expect

from tests.llm_server import Says, llm_server

KNOWS_42 = Says("17 + 25 is 42.\n", tokens=(14, 8))


def _summary(asked):
    words = len(asked.results[-1].split())
    return f"The notes have {words} words. They say that the bell rings at seven.\n"


SCRIPT = (
    Says("Let me see which files there are.\n", (("list_files", {}),), (4900, 50), pause_seconds=0.1),
    Says("I read notes.txt now.\n", (("read_file", {"path": "notes.txt"}),), (1000, 50), pause_seconds=0.1),
    Says(_summary, tokens=(1500, 60), pause_seconds=0.1),
)


@pytest.fixture
def model():
    with llm_server(*SCRIPT, without_tools=KNOWS_42) as server:
        yield server


def test_a_model_is_added_and_an_agent_summarises_a_file_within_its_budget(walk, model):
    page = walk.page
    add_the_model(walk, model.base_url("compatible"))
    make_the_task(walk)
    stops_at_its_cap(page)
    first = page.url
    page.get_by_role("button", name="Raise by $0.50 and resume").click()
    expect(page).not_to_have_url(first)
    expect(page.locator("#run-head .pill")).to_have_text("Succeeded", timeout=20_000)
    expect(page.locator("#run-answer")).to_contain_text("They say that the bell rings at seven.")
    expect(page.locator("#run-cost")).to_contain_text("Cost $0.76")
    expect(page.locator("#run-cost")).to_contain_text("of $1.00")
    expect(page.locator("#run-steps")).to_contain_text("Turn 3")
    assert walk.flaws() == []
    page.get_by_role("link", name="#1", exact=True).click()
    expect(page.locator("#run-resume")).to_contain_text("Went on in #2")
    assert model.turns_asked()[0] == 2  # the test of the model, and the first turn: what was done is not done again


def add_the_model(walk, address):
    page = walk.open("/today")
    page.get_by_role("link", name="Ask an agent").click()
    expect(page.get_by_text("No model yet.")).to_be_visible()
    page.get_by_role("link", name="Add a model").click()
    page.get_by_label("Provider").select_option("compatible")
    page.get_by_label("Model", exact=True).fill("scripted")
    page.get_by_label("Address").fill(address)
    page.get_by_label("Or paste a new one").fill("sk-bell-at-seven")
    page.get_by_label("Price in").fill("100")
    page.get_by_label("Price out").fill("100")
    assert walk.flaws() == []
    page.get_by_role("button", name="Save and test").click()
    row = page.locator("#main .models li")
    expect(row).to_contain_text("“17 + 25 is 42.”", timeout=20_000)
    expect(row).to_contain_text("22 tokens")
    expect(row).to_contain_text("SCRIPTED_API_KEY")
    assert walk.flaws() == []


def make_the_task(walk):
    page = walk.open("/today")
    page.get_by_role("link", name="Ask an agent").click()
    page.get_by_label("What should it do?").fill("Summarise notes.txt in two sentences.")
    page.get_by_label("Read files").check()
    page.get_by_text("Instructions and cost").click()
    page.get_by_label("Stop at a cost of").fill("0.50")
    page.get_by_text("What it may use").click()
    notes = {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"The bell rings at seven.\nEvery day.\n"}
    page.get_by_label("Add files").set_input_files(notes)
    assert walk.flaws() == []
    page.get_by_role("button", name="Save and run once").click()


def stops_at_its_cap(page):
    expect(page.locator("#log-lines")).to_contain_text("list_files", timeout=20_000)
    expect(page.locator("#run-head .pill")).to_have_text("Failed", timeout=20_000)
    expect(page.locator("#run-insight")).to_contain_text("Stopped at its cost cap")
    expect(page.locator("#run-steps")).to_contain_text("Turn 1")
    expect(page.locator("#run-steps")).to_contain_text(re.compile("4,950 tokens"))
    expect(page.locator("#run-cost")).to_contain_text("of $0.50")
