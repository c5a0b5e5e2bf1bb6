"""The task editor: starts, what is wrong beside its field, the schedule read while typing, and nobody's text lost."""

import io
import re

import pytest
import sqlalchemy as sa

from app.models.runs import Run
from app.models.tasks import Schedule, Task, TaskFile, TaskVersion
from app.services.unit import unit
from tests.web.test_tasks import WEBSITE, fragment, make, rows, viewer, when  # noqa: F401 a fixture

SCRIPT = {**WEBSITE, "engine": "shell", "script": "echo one\n", "name": "Count"}


def field(page, name):
    found = re.search(rf'<input[^>]*name="{name}"[^>]*>', page)
    return re.search(r'value="([^"]*)"', found[0])[1]


def definition(app):
    return rows(app, TaskVersion)[-1].definition


# --- new tasks


@pytest.mark.parametrize(
    ("start", "holds"), [("website", "https://example.com/"), ("script", "df -h"), ("python", "print(")]
)
def test_a_starter_card_opens_a_form_that_can_be_saved_as_it_is(app, ada, northgate, start, holds):
    page = ada.get(f"/t/{northgate}/tasks/new?start={start}").text
    assert holds in page
    sent = dict(re.findall(r'<input class="input[^"]*" id="[^"]*" name="([\w-]+)"[^>]*? value="([^"]*)"', page))
    engine = re.search(r'name="engine" value="(\w+)" checked', page)[1]
    areas = dict(re.findall(r'<textarea[^>]*name="(\w+)"[^>]*>\n([^<]*)</textarea>', page))
    sent |= {name: value.replace("&#34;", '"') for name, value in areas.items()}
    answer = ada.post(f"/t/{northgate}/tasks/new", {**sent, "engine": engine})
    assert answer.status_code == 303, answer.text
    assert rows(app, Task)[0].engine == engine


def test_a_sentence_becomes_a_name_and_a_schedule(ada, northgate):
    page = ada.get(f"/t/{northgate}/tasks/new?text=disk+check+every+hour").text
    assert field(page, "name") == "Disk check"
    assert field(page, "when-0-text") == "every hour"
    assert "Understood" in page


@pytest.mark.parametrize(("sentence", "name", "when"), [
    ("every day at 2:30", "", "every day at 2:30"), ("Tidy up", "Tidy up", ""), ("tea every day at 5", "Tea", "every day at 5"),
    ("every invoice on mondays at 8:00", "Every invoice", "on mondays at 8:00"),
])  # fmt: skip
def test_a_sentence_is_parted_where_its_schedule_begins(ada, northgate, sentence, name, when):
    page = ada.get(f"/t/{northgate}/tasks/new", query_string={"text": sentence}).text
    assert (field(page, "name"), field(page, "when-0-text")) == (name, when)


def test_save_and_run_once_leads_to_the_run(app, ada, northgate):
    answer = ada.post(f"/t/{northgate}/tasks/new", {**WEBSITE, "run": "1"})
    assert answer.location == f"/t/{northgate}/runs/1"
    assert len(rows(app, Run)) == 1


def test_everything_typed_is_stored(app, ada, northgate):
    make(
        ada, northgate, headers="Accept: application/json\nX-Team: a=b", expect_json="data.ok equals true\nitems[0].price below 20",
        timeout="2,5", retries="4", overlap="queue_one", misfire="skip", grace="10", follow_redirects="1",
    )  # fmt: skip
    stored = definition(app)
    assert stored["settings"]["headers"] == {"Accept": "application/json", "X-Team": "a=b"}
    assert [check["value"] for check in stored["settings"]["expect_json"]] == [True, 20]
    assert stored["limits"]["timeout_seconds"] == 150
    assert stored["policy"]["retries"] == 4
    assert (stored["policy"]["overlap"], stored["policy"]["misfire"], stored["policy"]["grace_seconds"]) == (
        "queue_one",
        "skip",
        600,
    )
    assert stored["policy"]["is_idempotent"] is False
    assert stored["schedules"][0]["expression"] == "0 9 * * 1-5"


def test_what_is_wrong_stands_on_top_and_beside_its_field_and_nothing_is_lost(app, ada, northgate):
    wrong = {
        **WEBSITE,
        "url": "no address",
        "name": "",
        **when("whenever"),
        "retries": "many",
        "body": "kept as it was",
    }
    answer = ada.post(f"/t/{northgate}/tasks/new", wrong)
    assert answer.status_code == 422
    page = answer.text
    assert "4 things need another look." in page
    for sentence in ("Give the task a name.", "Write a whole number.", "I can&#39;t read “whenever”."):
        assert page.count(sentence) >= 2, sentence
    for typed in ("no address", "whenever", "many", "kept as it was"):
        assert typed in page
    assert not rows(app, Task)


@pytest.mark.parametrize(("name", "value", "told"), [
    ("timeout", "0", "Between 0.05 and 10,080."), ("timeout", "nan", "Between"), ("memory", "1", "Between 16"),
    ("grace", "99999", "Between 1 "), ("overlap", "sometimes", "Choose one from the list."),
    ("min_isolation", "9", "Choose a level"), ("secrets", "NOT_THERE", "There is no secret called NOT_THERE."),
    ("engine", "telepathy", "Choose one of the types."), ("script", "", "Fill this in."), ("when-0-timezone", "Mars/Base", "Choose a time zone"),
])  # fmt: skip
def test_bounds_are_told(ada, northgate, name, value, told):
    answer = ada.post(f"/t/{northgate}/tasks/new", {**SCRIPT, name: value})
    assert answer.status_code == 422
    assert told in answer.text


def test_names_for_addresses_are_free_ones(app, ada, northgate):
    for name in ("New", "Shop window", "Shop window", "…"):
        make(ada, northgate, name=name)
    assert [task.slug for task in rows(app, Task)] == ["new-2", "shop-window", "shop-window-2", "task"]


# --- changes


def test_the_form_shows_what_is_stored_and_saving_it_again_changes_nothing(app, ada, northgate):
    address = make(ada, northgate, headers="Accept: text/plain", **when("in 30 minutes"))
    page = ada.get(f"{address}/edit").text
    assert "Accept: text/plain" in page
    assert "Understood" in page
    first = rows(app, Schedule)[0].next_fire_at
    again = {**WEBSITE, "version": field(page, "version"), "headers": "Accept: text/plain"}
    again |= when(field(page, "when-0-text"))
    assert ada.post(f"{address}/edit", again).status_code == 303
    assert len(rows(app, TaskVersion)) == 1
    assert rows(app, Schedule)[0].next_fire_at == first


def test_a_change_is_a_version(app, ada, ben, northgate):
    address = make(ada, northgate)
    ben.post(f"{address}/edit", {**WEBSITE, "version": "1", "url": "https://example.org/", **when("")})
    assert [version.number for version in rows(app, TaskVersion)] == [1, 2]
    assert rows(app, Schedule)[0].state == "over"
    page = ada.get(f"{address}/history").text
    assert "Ben Okri" in page
    assert "<del>https://example.com/</del> → <ins>https://example.org/</ins>" in page
    assert "<ins>never by itself</ins>" in page


def test_code_is_compared_line_by_line(ada, northgate):
    address = make(ada, northgate, **SCRIPT)
    ada.post(f"{address}/edit", {**SCRIPT, "version": "1", "script": "echo one\necho two\n"})
    assert "+echo two" in ada.get(f"{address}/history").text


def test_two_who_save_at_once_lose_nothing(app, ada, ben, northgate):
    address = make(ada, northgate)
    ben.post(f"{address}/edit", {**WEBSITE, "version": "1", "name": "Ben's name"})
    answer = ada.post(f"{address}/edit", {**WEBSITE, "version": "1", "name": "Ada's name"})
    assert answer.status_code == 422
    assert "Somebody saved version 2 while you were writing." in answer.text
    assert "Ada&#39;s name" in answer.text
    assert rows(app, Task)[0].name == "Ben's name"
    ada.post(f"{address}/edit", {**WEBSITE, "version": field(answer.text, "version"), "name": "Ada's name"})
    assert rows(app, Task)[0].name == "Ada's name"


# --- files


def upload(visit, address, file, content=b"1,2\n", **more):
    return visit.post(
        address, {**SCRIPT, "uploads": (io.BytesIO(content), file), **more}, content_type="multipart/form-data"
    )


def test_files_are_added_replaced_and_taken_away(app, ada, northgate):
    address = upload(ada, f"/t/{northgate}/tasks/new", "data.csv").location.partition("?")[0]
    page = ada.get(f"{address}/edit").text
    assert "data.csv" in page
    first = str(rows(app, TaskFile)[0].id)
    upload(ada, f"{address}/edit", "data.csv", b"3,4\n", version="1", files=first)
    assert definition(app)["files"] == [rows(app, TaskFile)[1].id]
    ada.post(f"{address}/edit", {**SCRIPT, "version": "2"})
    assert definition(app)["files"] == []
    ada.post(f"{address}/history/1/restoration")
    assert definition(app)["files"] == [int(first)]


def test_a_file_of_another_task_cant_be_taken(app, ada, northgate):
    upload(ada, f"/t/{northgate}/tasks/new", "data.csv")
    address = make(ada, northgate, **{**SCRIPT, "name": "Other"})
    ada.post(f"{address}/edit", {**SCRIPT, "name": "Other", "version": "1", "files": str(rows(app, TaskFile)[0].id)})
    assert definition(app)["files"] == []


@pytest.mark.parametrize("name", [".env", "-rf", "~root", "../up", "x" * 201])
def test_names_of_files_are_plain(ada, northgate, name):
    answer = upload(ada, f"/t/{northgate}/tasks/new", name)
    assert answer.status_code == 422
    assert "A file needs a plain name" in answer.text


def test_a_file_has_at_most_32_mib(app, ada, northgate, monkeypatch):
    monkeypatch.setattr("app.services.tasks.attached.LARGEST_FILE_BYTES", 10)
    assert upload(ada, f"/t/{northgate}/tasks/new", "small.bin", bytes(10), name="Small").status_code == 303
    answer = upload(ada, f"/t/{northgate}/tasks/new", "big.bin", bytes(11))
    assert answer.status_code == 422
    assert "big.bin is larger than 32 MiB." in answer.text
    assert len(rows(app, TaskFile)) == 1


def test_a_viewer_has_no_editor(ada, viewer, cid, northgate):  # noqa: F811 the fixture
    address = make(ada, northgate)
    assert viewer.get(f"{address}/edit").status_code == 403
    assert viewer.post(f"{address}/edit", WEBSITE).status_code == 403
    assert cid.get(f"{address}/edit").status_code == 404
    assert fragment(cid, f"/t/{northgate}/tasks/schedule/preview").status_code == 404


def test_every_change_is_on_record(app, ada, northgate):
    make(ada, northgate)
    with app.app_context(), unit() as work:
        actions = work.session.execute(sa.text("SELECT action FROM audit")).scalars().all()
    assert "task_created" in actions
