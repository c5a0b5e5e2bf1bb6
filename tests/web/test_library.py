"""Templates as somebody sees them: found, filled in, used, saved from a task, and newer versions taken over."""

import io
import re

import pytest

from app.services import library, tasks
from app.services.library import builtin
from app.services.tasks import origins
from tests.web.conftest import put_in

pytestmark = pytest.mark.alike

SHOP = {"ask-url": "https://shop.example/", "ask-phrase": "Add to basket", "when-0-text": "every hour",
        "when-0-timezone": "Europe/Berlin"}  # fmt: skip
ABOUT = {"name": "Our probe", "sentence": "Asks a shop whether it is well.", "category": "Watch", "minutes": "3"}


@pytest.fixture
def at(northgate):
    return f"/t/{northgate}"


@pytest.fixture
def actor(app, ada, northgate):
    return ada.actor(app, northgate)


def test_the_gallery_finds_and_a_page_says_what_a_template_does_and_lacks(app, ada, cid, at, northgate):
    page = ada.get(f"{at}/templates").text
    assert f">{len(builtin.templates())}<" in page
    assert all(f'id="c-{name}"' in page for name in ("Reports", "Watch", "Tidy", "Data", "Team", "Agents"))
    assert re.findall(r"<b>([^<]+)</b>", ada.get(f"{at}/templates?q=geburtstag").text) == ["Birthdays"]
    assert "No template matches." in ada.get(f"{at}/templates?q=zzz").text
    assert "has saved no template yet" in ada.get(f"{at}/templates?source=team").text
    for slug in ("website-check", "api-to-csv", "spending-report", "page-summary", "month-end-export"):
        page = ada.get(f"{at}/templates/{slug}").text
        fields = builtin.templates()[slug].content.form
        assert all(f'name="ask-{one.name}"' in page for one in fields), slug
        assert ("It needs a model, and your team has none yet." in page) is (slug == "page-summary")
    assert re.search(r"Now that is <b>20\d\d-\d\d</b>", page)
    assert "Table: rows at least 1" in page
    example = f"{at}/templates/month-end-export/example?ask-month="
    assert re.search(r"Now that is <b>20\d\d</b>", ada.get(f"{example}{{{{+run.date+|+format('%25Y')+}}}}").text)
    assert "There is no value called" in ada.get(f"{example}{{{{+x+}}}}").text
    put_in(app, cid, northgate, "viewer")
    assert "Your role is viewer" in cid.get(f"{at}/templates/website-check").text
    assert cid.post(f"{at}/templates/website-check", SHOP | {"do": "use"}).status_code == 403


def test_using_one_makes_a_task_at_once_or_paused_or_runs_it_once(app, ada, at, actor):
    wrong = ada.post(f"{at}/templates/website-check", SHOP | {"do": "use", "ask-url": "shop", "ask-phrase": ""})
    assert wrong.status_code == 422
    assert "Type an address like https://example.com/report." in wrong.text
    assert "Fill this in." in wrong.text
    assert 'value="shop"' in wrong.text
    answer = ada.post(f"{at}/templates/website-check", SHOP | {"do": "use", "name": "Shop front"})
    assert answer.headers["Location"].endswith("/tasks/shop-front?saved=scheduled")
    ada.post(f"{at}/templates/website-check", SHOP | {"do": "paused", "name": "Later"})
    tried = ada.post(f"{at}/templates/website-check", SHOP | {"do": "try", "name": "Tried"})
    assert re.search(r"/runs/\d+$", tried.headers["Location"])
    with app.app_context():
        task = tasks.find(actor, "shop-front")
        content = tasks.definition(task)
        assert {one["name"]: one["value"] for one in content["variables"]} == {
            "url": "https://shop.example/", "phrase": "Add to basket",
        }  # fmt: skip
        assert [one["kind"] for one in content["contract"]] == ["pattern", "duration"]
        assert origins.of(task).slug == "website-check"
        assert (task.state, len(task.schedules)) == ("active", 1)
        assert tasks.find(actor, "later").state == "paused"
        assert tasks.find(actor, "tried").schedules == []
    assert "3 tasks" in ada.get(f"{at}/templates?q=website").text


def test_a_file_comes_with_the_form(app, ada, at, actor):
    given = {"ask-file": (io.BytesIO(b"category,amount\nTravel,1\n"), "november.csv"), "ask-category": "category",
             "ask-amount": "amount", "ask-budgets": "Travel 500", "do": "paused"}  # fmt: skip
    answer = ada.post(f"{at}/templates/spending-report", given, content_type="multipart/form-data")
    assert answer.status_code == 303, answer.text
    with app.app_context():
        assert [row.name for row in tasks.files(tasks.find(actor, "spending-against-budget"))] == ["november.csv"]


# --- saved from a task


@pytest.fixture
def saved(ada, at):
    """A template saved from a task that asks for its address, and a task made of it."""
    ada.post(f"{at}/settings/secrets", {"name": "SHOP_KEY", "value": "a-quiet-value"})
    form = {"name": "Probe", "engine": "http", "url": "https://shop.example/health", "method": "GET", "auth": "bearer",
            "auth_secret": "SHOP_KEY"}  # fmt: skip
    assert ada.post(f"{at}/tasks/new", form).status_code == 303
    page = ada.get(f"{at}/tasks/probe/template").text
    assert "https://shop.example/health" in page
    assert "The secret <code>SHOP_KEY</code>, by name alone" in page
    answer = ada.post(f"{at}/tasks/probe/template", ABOUT | {"ask-url": "1", "label-url": "Shop", "help-url": "Which?"})
    assert answer.headers["Location"].endswith("/templates/our-probe?saved=template"), answer.text
    given = {"ask-url": "https://other.example/health", "ask-shop_key": "SHOP_KEY", "name": "Other", "do": "paused"}
    assert ada.post(f"{at}/templates/our-probe", given).status_code == 303
    return "our-probe"


def test_a_task_becomes_a_template_that_asks_for_what_was_ticked_and_for_secrets_by_name(app, ada, at, actor, saved):
    page = ada.get(f"{at}/templates/{saved}").text
    assert "Of your team" in page
    assert "https://shop.example/health" not in page
    assert ada.post(f"{at}/templates/{saved}", {"ask-url": "https://x.example/", "do": "use"}).status_code == 422
    with app.app_context():
        settings = tasks.definition(tasks.find(actor, "other"))["settings"]
        kept = library.find(actor, saved).content.settings
    assert (settings["url"], settings["auth_secret"]) == ("https://other.example/health", "SHOP_KEY")
    assert (kept["url"], kept["auth_secret"]) == ("<<url>>", "<<shop_key>>")


def test_a_newer_version_is_offered_with_what_changes_and_keeps_own_values(app, ada, at, actor, saved):
    assert "is there." not in ada.get(f"{at}/tasks/other").text
    ada.post(f"{at}/tasks/probe/edit", {"name": "Probe", "engine": "http", "url": "https://shop.example/health",
        "method": "GET", "auth": "bearer", "auth_secret": "SHOP_KEY", "expect_status": "204", "version": "1"})  # fmt: skip
    again = ABOUT | {"ask-url": "1", "as": "version", "note": "Wants no content."}
    assert "Version 2 of Our probe" in ada.get(f"{at}/tasks/probe/template").text
    ada.post(f"{at}/tasks/probe/template", again)
    page = ada.get(f"{at}/tasks/other").text
    assert "Version 2 of" in page
    assert "Wants no content." in page
    assert "1 thing changes" in page
    assert ada.post(f"{at}/tasks/other/template-version").status_code == 303
    with app.app_context():
        task = tasks.find(actor, "other")
        settings = tasks.definition(task)["settings"]
        assert (task.name, task.state) == ("Other", "paused")
    assert (settings["url"], settings["expect_status"]) == ("https://other.example/health", "204")
    assert "Version 2 of" not in ada.get(f"{at}/tasks/other").text
    form = ABOUT | {"note": "Only words.", "help-url": "Which shop?"}
    assert ada.post(f"{at}/templates/{saved}/edit", form).status_code == 303
    assert "Only words." in ada.get(f"{at}/tasks/other").text
    ada.post(f"{at}/tasks/other/template-version/dismissal")
    assert "Only words." not in ada.get(f"{at}/tasks/other").text


def test_a_withdrawn_template_is_not_offered_and_its_tasks_go_on(ada, at, saved):
    ada.post(f"{at}/templates/{saved}/withdraw")
    assert "Our probe" not in ada.get(f"{at}/templates?source=team").text
    assert "This template is withdrawn." in ada.get(f"{at}/templates/{saved}").text
    assert ada.post(f"{at}/templates/{saved}", SHOP | {"do": "use"}).status_code == 404
    assert ada.get(f"{at}/tasks/other").status_code == 200
