"""Rehearsing a task on its pages and over the API."""

import pytest
import sqlalchemy as sa

from app.models.runs import Run
from app.services.unit import batch
from tests.api.conftest import ada_program, task
from tests.web.conftest import ada, ben, cid, northgate
from tests.web.test_tasks import rows
from tests.web.test_variables_editor import FORM

__all__ = ["ada", "ada_program", "ben", "cid", "northgate", "task"]

PLACE = "/tasks/report/rehearsal"


@pytest.fixture
def report(ada, northgate):
    ada.post(f"/t/{northgate}/settings/values", {"name": "region", "value": "EMEA"})
    ada.post(f"/t/{northgate}/tasks/new", FORM)
    return f"/t/{northgate}"


@pytest.mark.alike
def test_what_any_day_would_be_given_is_shown_and_then_rehearsed(app, ada, report):
    assert f"{report}{PLACE}" in ada.get(f"{report}/tasks/report").text
    assert "Planned for" in ada.get(f"{report}{PLACE}").text
    shown = ada.get(f"{report}{PLACE}?at=2028-02-29T12:00").text
    assert 'value="2028-02-29T12:00"' in shown
    assert "http://127.0.0.1:9/2028-01?to=EMEA" in shown
    made = ada.post(f"{report}{PLACE}", {"at": "2028-02-29T12:00"})
    run = ada.get(made.headers["Location"]).text
    assert "Rehearsal" in run
    assert "Nothing that changes something outside is sent" in run
    (row,) = rows(app, Run)
    assert f"{row.rehearses_at:%Y-%m-%d}" == "2028-02-29"
    assert "Rehearsal</span>" in ada.get(f"{report}/runs").text
    with app.app_context(), batch() as work:
        work.connection.execute(sa.update(Run).values(state="failed", started_at=work.now, ended_at=work.now))
    overview = ada.get(f"{report}/tasks/report").text
    assert "It has not run yet." in overview
    assert "Rehearsal</span>" in overview


@pytest.mark.alike
def test_a_moment_that_is_none_is_said_and_stays(ada, report):
    answer = ada.post(f"{report}{PLACE}", {"at": "some day"})
    assert answer.status_code == 422
    assert "Choose a day and a time" in answer.text
    assert 'value="some day"' in answer.text


@pytest.mark.alike
def test_strangers_have_no_task_here(cid, report):
    assert cid.get(f"{report}{PLACE}").status_code == 404
    assert cid.post(f"{report}{PLACE}", {"at": ""}).status_code == 404


@pytest.mark.alike
def test_a_program_rehearses_and_sees_that_it_did(ada_program, report):
    made = ada_program.make("/runs", {"task": "report", "rehearses_at": "2028-02-29T12:00:00Z"})
    run = ada_program.get(f"/runs/{made['number']}").json
    assert run["rehearses_at"] == "2028-02-29T12:00:00Z"
    assert ada_program.post("/runs", {"task": "report", "rehearses_at": "soon"}).status_code == 422
