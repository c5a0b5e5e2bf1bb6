"""The installed app: what its service worker keeps, which pages it may keep, and what other apps may give it."""

import gzip
import json
import re

import pytest

from app.services.threads import imports

TALK = (
    "You said:\nCheck the prices at shop.example every morning.\n\nChatGPT said:\nI will fetch them and compare.\n" * 3
)


def worker(client):
    answer = client.get("/sw.js")
    assert answer.mimetype == "text/javascript"
    assert answer.headers["Cache-Control"] == "no-cache"
    return answer


def test_the_service_worker_is_small_and_all_that_it_keeps_is_there(client):
    answer = worker(client)
    assert len(gzip.compress(answer.data)) < 3 * 1024
    files = json.loads(re.search(r"FILES=(\[.*\])", answer.text)[1])
    for name in files:
        kept = client.get(name)
        assert kept.status_code == 200, name
        assert "immutable" in kept.headers["Cache-Control"] or name == "/offline"
    assert client.get("/sw.js", headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304


def test_three_pages_may_be_kept_and_no_others(ada):
    kept = {
        path: ada.get(path, follow_redirects=True).headers.get("Carillon-Keep")
        for path in (
            f"/t/{ada.slug}/today", f"/t/{ada.slug}/tasks", f"/t/{ada.slug}/calendar?view=agenda",
            f"/t/{ada.slug}/calendar?view=week", f"/t/{ada.slug}/runs", f"/t/{ada.slug}/settings/secrets", "/me/profile",
        )
    }  # fmt: skip
    assert [bool(mark) for mark in kept.values()] == [True] * 3 + [False] * 4
    assert len(set(kept.values())) == 2
    assert "Carillon-Keep" not in ada.get(f"/t/{ada.slug}/tasks", headers={"HX-Request": "true"}).headers


def test_each_sign_in_has_a_mark_of_its_own(ada, cid):
    assert ada.get(f"/t/{ada.slug}/today").headers["Carillon-Keep"] != cid.get(f"/t/{cid.slug}/today").headers["Carillon-Keep"]  # fmt: skip


def test_what_is_shared_is_asked_about_and_nothing_is_made(ada):
    for given, words in (
        ({"text": "https://shop.example/prices"}, "This is a link."),
        ({"text": "Check the prices every morning"}, "This is a text."),
        ({"text": TALK}, "This reads as a conversation."),
    ):
        assert words in ada.client.post("/share", data=given).text
        assert words in ada.get("/share", query_string=given).text
    assert "Prices" not in ada.get(f"/t/{ada.slug}/tasks").text
    assert "shop.example" not in ada.get(f"/t/{ada.slug}/threads").text


def test_a_shared_conversation_is_imported_by_its_button(app, ada):
    made = ada.post(f"/t/{ada.slug}/threads/imports", {"text": TALK, "name": "", "draft": "1"})
    assert "/threads/imports/" in made.location
    with app.app_context():
        assert imports.find(ada.actor(app, ada.slug), int(made.location.rpartition("/")[2])).name == imports.PASTED


def test_a_shared_text_is_the_prompt_of_a_new_task(ada):
    page = ada.post(f"/t/{ada.slug}/tasks/begun", {"engine": "agent", "name": "Prices", "text": "Check the <prices>."})
    assert "Check the &lt;prices&gt;." in page.text
    assert 'value="Prices"' in page.text
    assert "Prices" not in ada.get(f"/t/{ada.slug}/tasks").text


def test_who_is_signed_out_comes_back_to_what_was_shared(client):
    door = client.post("/share", data={"text": "buy milk & bread"})
    assert door.location == "/login?next=/share%3Ftext%3Dbuy%2Bmilk%2B%2526%2Bbread"
    assert "share it once more" in client.post("/share", data={"text": "x" * 5000}).text


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", 'https://x.example/"><script>'])
def test_nothing_shared_gets_into_the_page_as_anything_but_text(ada, url):
    page = ada.client.post("/share", data={"text": f"<script>alert(1)</script> {url}", "title": "<b>", "url": url}).text
    assert "<script>alert" not in page
    assert 'href="javascript' not in page
    assert 'value="data:' not in page
