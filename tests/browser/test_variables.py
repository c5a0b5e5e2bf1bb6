"""Variables in the editor with JavaScript: a row appears with the focus in it, and its value lives as it is typed."""

from playwright.sync_api import expect


def test_a_variable_is_added_and_seen_as_it_will_be(site):
    page = site.open("/tasks/new?start=website")
    page.locator("#f-name").fill("Rates")
    page.locator("#variables > summary").click()
    page.get_by_role("button", name="Add a variable").click()
    expect(page.locator("#f-var-0-name")).to_be_focused()
    page.locator("#f-var-0-name").fill("month")
    page.locator("#f-var-0-value").fill("{{ run.date | start_of('year') | format('%B') }}")
    page.locator("#f-url").fill("https://example.com/{{ month }}")
    page.locator("#f-var-0-value").blur()
    expect(page.locator("#var-0-seen")).to_contain_text("January")
    page.locator("#f-ahead").fill("2027-06-01T09:00")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator("#ahead")).to_contain_text("Tuesday, 1 June 2027, 09:00")
    expect(page.locator("#ahead")).to_contain_text("https://example.com/January")
    expect(page.locator("#f-name")).to_have_value("Rates")
    assert site.flaws() == []
    page.get_by_role("button", name="Remove variable 1").click()
    expect(page.locator("#f-var-0-name")).to_have_count(0)
    assert site.problems == []
