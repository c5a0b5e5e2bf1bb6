"""A contract written in words, turned into a form, and a run that is held against it."""

from playwright.sync_api import expect


def test_a_contract_in_words_becomes_a_form_and_a_run_says_what_was_found(walk):
    page = walk.open("/tasks/new")
    page.get_by_role("radio", name="Script").check()
    page.locator("#f-script").fill("printf 'a,b\\n1,2\\n' > report.csv; echo Total 1")
    page.locator("#contract summary").click()
    page.locator("#f-contract-words").fill("a file report.csv with at least 10 rows\nthe answer mentions Total")
    page.get_by_role("button", name="As a form").click()
    expect(page.locator(".check-row h3")).to_have_text(
        ["The file report.csv has at least 10 rows", "The answer mentions Total"]
    )
    page.locator("#f-contract-kind").select_option("duration")
    page.get_by_role("button", name="Add a check").click()
    expect(page.locator("#f-check-2-below_seconds")).to_be_focused()
    page.locator("#f-check-2-below_seconds").fill("0.001")
    page.locator("#check-2").get_by_label("Optional").check()
    assert walk.flaws() == []
    page.get_by_role("textbox", name="Name", exact=True).fill("Report")
    page.get_by_role("button", name="Save and run once").click()
    expect(page.locator("#run-head .pill")).to_have_text("Unmet", timeout=20_000)
    expect(page.locator("#run-insight")).to_contain_text("report.csv has 1 row; expected at least 10 rows.")
    expect(page.locator("#run-checks li")).to_have_count(3)
    expect(page.locator("#run-checks")).to_contain_text("The answer has “Total”.")
    assert walk.flaws() == []
