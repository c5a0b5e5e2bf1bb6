"""An export is dropped on a page, is read while one looks, and stands in the list."""

import json

from playwright.sync_api import expect

from tests.importers import exports

DROP = """([text, name]) => {
  const dataTransfer = new DataTransfer()
  dataTransfer.items.add(new File([text], name))
  for (const type of ['dragover', 'drop']) {
    document.querySelector('h1').dispatchEvent(new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true }))
  }
}"""


def test_a_dropped_export_is_read_listed_and_searched(walk):
    page = walk.open("/today")
    page.get_by_role("link", name="Choose or paste").click()
    expect(page.get_by_text("Drop an export here, or choose it")).to_be_visible()
    made = [exports.chatgpt(title=f"Rows {number}", conversation_id=f"c{number}") for number in range(60)]
    page.evaluate(DROP, [json.dumps([*made, {"title": "Torn", "mapping": {"a": 1}}]), "conversations.json"])
    expect(page.get_by_role("heading", name="conversations.json")).to_be_visible()
    expect(page.locator("#import")).to_contain_text("61 conversations: 60 new and 1 can't be read.")
    expect(page.locator("#import")).to_contain_text("Torn")
    assert walk.flaws() == []
    page.get_by_role("link", name="See the 60 threads").click()
    expect(page.locator("table.threads tbody tr")).to_have_count(50)
    page.get_by_role("searchbox", name="Search in threads").fill("rows 42")
    expect(page.locator("table.threads tbody tr")).to_have_count(1)
    assert walk.flaws() == []
