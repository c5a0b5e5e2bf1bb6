"""Answers and runs as files, and the task that Insights offers to send them."""

import csv
import io
import json
import re
import zipfile
from datetime import timedelta

import pytest

from app.engines.base import Outcome
from app.exporters import parquet
from app.infra import disk
from app.models.tasks import Task, TaskVersion
from app.models.teams import Team
from app.services import teams
from app.services.execution import claims, outcomes
from app.services.insights import reports
from app.services.library import saving
from app.services.run_list import exporting
from app.services.unit import batch
from app.web import hub
from tests import factories
from tests.web.test_insights import made, past, team_id  # noqa: F401 fixtures
from tests.web.test_tasks import rows, viewer  # noqa: F401 a fixture

pytestmark = pytest.mark.alike


def filed(answer):
    assert answer.status_code == 200, answer.text
    return re.search(r'filename="([^"]+)"', answer.headers["Content-Disposition"])[1]


def table(text):
    return list(csv.reader(io.StringIO(text, newline="")))


def test_the_page_leads_to_files_of_the_time_it_shows(past, ada, northgate):  # noqa: F811 the fixture
    page = ada.get(f"/t/{northgate}/insights/failures?days=7&compare=1").text
    assert f'href="/t/{northgate}/insights/failures/export.csv?days=7&amp;compare=1"' in page
    answer = ada.get(f"/t/{northgate}/insights/failures/export.csv?days=7")
    assert filed(answer).startswith(f"{northgate}-failures-20")
    assert table(answer.text)[1][:2] == ["A name was not found", "13"]
    assert (
        "13 of 40 runs failed"
        in ada.get(f"/t/{northgate}/insights/failures/export.json").json["answers"][0]["sentence"]
    )
    whole = ada.get(f"/t/{northgate}/insights/export.pdf?days=90")
    assert filed(whole).endswith(".pdf")
    assert whole.data.startswith(b"%PDF")


def test_all_tables_come_as_one_archive(past, ada, northgate):  # noqa: F811 the fixture
    answer = ada.get(f"/t/{northgate}/insights/export.csv")
    assert filed(answer).endswith(".zip")
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        assert archive.namelist()[0] == "failures.csv"
        assert len(archive.namelist()) == 8


def test_what_there_is_not_is_not_found(past, ada, cid, northgate, monkeypatch):  # noqa: F811 the fixture
    at = f"/t/{northgate}/insights"
    for path in (f"{at}/export.xls", f"{at}/weather/export.csv", f"/t/{northgate}/runs/export.pdf"):
        assert ada.get(path).status_code == 404
    for path in (f"{at}/export.csv", f"{at}/failures/export.csv", f"/t/{northgate}/runs/export.csv"):
        assert cid.get(path).status_code == 404
    monkeypatch.setattr(parquet, "find_spec", lambda _: None)
    refused = ada.get(f"{at}/failures/export.parquet")
    assert refused.status_code == 503
    assert "Parquet files need DuckDB" in refused.text


def test_the_runs_of_the_list_come_as_a_file_piece_by_piece(app, past, ada, northgate, monkeypatch):  # noqa: F811 the fixture
    monkeypatch.setattr(exporting, "_AT_ONCE", 7)
    page = ada.get(f"/t/{northgate}/runs?period=7d&status=failed").text
    assert f'href="/t/{northgate}/runs/export.csv?period=7d&amp;status=failed"' in page
    answer = ada.get(f"/t/{northgate}/runs/export.csv?period=7d&status=failed")
    assert filed(answer) == f"runs-{northgate}.csv"
    found = table(answer.text)
    assert found[0][:4] == ["number", "task", "name", "state"]
    assert len(found) == 14
    assert {line[3] for line in found[1:]} == {"failed"}
    planned = [line[7] for line in found[1:]]
    assert planned == sorted(planned, reverse=True)
    whole = json.loads(ada.get(f"/t/{northgate}/runs/export.json?period=7d").text)
    assert len({one["number"] for one in whole}) == 40
    assert ada.get(f"/t/{northgate}/runs/export.parquet?period=7d").data[:4] == b"PAR1"


@pytest.mark.parametrize(("of_data", "of_files"), [(0, 1 << 40), (1 << 40, 0)])
def test_a_file_that_is_made_first_needs_room(past, ada, northgate, tmp_path, monkeypatch, of_data, of_files):  # noqa: F811 the fixture
    monkeypatch.setattr(disk, "_watched", disk._Watched(tmp_path, (), 1 << 20))
    monkeypatch.setattr(disk, "room", lambda: of_data)
    monkeypatch.setattr(disk, "free", lambda _: of_files)
    refused = ada.get(f"/t/{northgate}/runs/export.parquet?period=7d")
    assert refused.status_code == 507
    assert "The disk has 0 MiB left" in refused.text
    assert ada.get(f"/t/{northgate}/runs/export.csv?period=7d").status_code == 200


def test_a_team_may_be_called_like_the_page(app, ada):
    with app.app_context():
        slug = teams.create(app.extensions["vault"], ada.id, "Runs")
        team = factories.rows(Team, Team.slug == slug)[0].id
        factories.run(team, factories.task(team, "x"), "succeeded")
    path = re.search(r'href="([^"]*export.csv[^"]*)"', ada.get(f"/t/{slug}/runs?period=7d").text)[1]
    assert path == f"/t/{slug}/runs/export.csv?period=7d"
    assert filed(ada.get(path)) == f"runs-{slug}.csv"


def test_no_file_of_any_length_is_made_by_the_threads_of_pages(app):
    every = {re.sub("<[^>]+>", "x", rule.rule) for rule in app.url_map.iter_rules()}
    files = {path for path in every if re.search(r"/export\b|/audit\.", path)}
    assert len(files) >= 6
    assert [path for path in files if not hub._DOWNLOAD.match(path)] == []


def test_what_somebody_called_a_task_is_no_formula_in_the_file(app, ada, northgate, team_id):  # noqa: F811 the fixture
    with app.app_context():
        task = factories.task(team_id, "x", label='=HYPERLINK("http://x")')
        factories.run(team_id, task, "succeeded")
    assert table(ada.get(f"/t/{northgate}/runs/export.csv").text)[1][2] == '\'=HYPERLINK("http://x")'


# --- sent every Monday


def test_insights_offer_a_task_that_can_be_saved_as_it_is(app, ada, viewer, northgate):  # noqa: F811 the fixture
    page = ada.get(f"/t/{northgate}/insights/money?days=90").text
    path = re.search(r'href="([^"]*start=report[^"]*)"', page)[1].replace("&amp;", "&")
    assert "start=report" not in viewer.get(f"/t/{northgate}/insights").text
    form = ada.get(path).text
    assert re.search(r'name="engine" value="report" checked', form)
    assert re.search(r'name="questions" value="money" checked', form)
    assert re.search(rf'name="mail_to" value="{ada.email}" checked', form)
    sent = {
        "engine": "report", "name": "Weekly report", "when-0-text": "every Monday at 8:00",
        "when-0-timezone": "Europe/Berlin", "questions": ["money"], "days": "90", "format": "pdf",
        "mail_to": [ada.email], "contract-words": "a file report.* is made",
    }  # fmt: skip
    assert "every Monday at 8:00" in form
    assert "a file report.* is made" in form
    answer = ada.post(f"/t/{northgate}/tasks/new", sent)
    assert answer.status_code == 303, answer.text
    definition = rows(app, TaskVersion)[0].definition
    assert definition["settings"] == {"questions": ["money"], "days": 90, "format": "pdf", "mail_to": [ada.email]}
    assert definition["contract"][0]["name"] == "report.*"
    slug = rows(app, Task)[0].slug
    page = ada.get(f"/t/{northgate}/tasks/{slug}").text
    assert "1 answer about 90 days, as PDF" in page
    assert re.search(r'name="questions" value="money" checked', ada.get(f"/t/{northgate}/tasks/{slug}/edit").text)


def test_only_forms_that_can_be_written_are_offered(ada, northgate, monkeypatch):
    page = f"/t/{northgate}/tasks/new?start=report"
    assert ">Parquet</option>" in ada.get(page).text
    monkeypatch.setattr(reports, "OFFERED", {"pdf": "PDF", "csv": "CSV"})
    assert ">Parquet</option>" not in ada.get(page).text


def test_only_members_can_be_readers_and_what_was_ticked_stays(ada, ben, cid, northgate, monkeypatch):
    sent = {"engine": "report", "name": "R", "days": "7", "format": "csv", "mail_to": [ben.email, cid.email]}
    refused = ada.post(f"/t/{northgate}/tasks/new", sent)
    assert refused.status_code == 422
    assert f"{cid.email} does not belong to this team. Choose among its members." in refused.text
    assert f"{cid.email} (not in the team any more)" in refused.text
    assert re.search(rf'name="mail_to" value="{ben.email}" checked', refused.text)
    monkeypatch.setattr(parquet, "find_spec", lambda _: None)
    lacking = ada.post(f"/t/{northgate}/tasks/new", {**sent, "mail_to": [], "format": "parquet"})
    assert lacking.status_code == 422
    assert "Parquet files need DuckDB" in lacking.text
    wrong = ada.post(f"/t/{northgate}/tasks/new", {**sent, "mail_to": [], "days": "8"})
    assert "Choose 7, 30 or 90 days." in wrong.text


def test_the_page_of_a_run_says_how_its_letters_fare(app, ada, northgate, team_id):  # noqa: F811 the fixture
    with app.app_context():
        task = factories.task(
            team_id, "weekly", "report", {"questions": [], "days": 7, "format": "pdf", "mail_to": [ada.email]}
        )
        run = factories.run(team_id, task)
        with batch() as work:
            [held] = claims.claim(work, [(run, 1)], "one", timedelta(seconds=10))
        file = {"name": "report.pdf", "media_type": "application/pdf", "size_bytes": 5, "digest": "0" * 64}
        with batch() as work:
            outcomes.finish(work, held, Outcome("succeeded", "ok", "So it is."), (), (), [file])
    text = ada.get(f"/t/{northgate}/runs/1").text
    assert re.search(r"E-mail to Ada Park:\s+due", text)
    assert "Ada Park" not in ada.get(f"/t/{northgate}/alerts").text.partition("<main")[2].partition("</main")[0]


def test_a_template_of_it_has_no_readers(app, ada, northgate, team_id):  # noqa: F811 the fixture
    with app.app_context():
        settings = {"questions": ["money"], "days": 7, "format": "csv", "mail_to": [ada.email]}
        factories.task(team_id, "weekly", "report", settings, label="Weekly")
        definition = factories.rows(TaskVersion)[-1].definition
        kept = saving.content(definition, saving.About("Weekly", "Watch", "Tells."), [])
    assert kept["settings"] == {"questions": ["money"], "days": 7, "format": "csv", "mail_to": []}
