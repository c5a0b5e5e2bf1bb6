"""Answers and runs as files for programs, and reports as tasks."""

import io
import json
import zipfile

import pytest

from tests.api.test_insights import past  # noqa: F401 a fixture

pytestmark = pytest.mark.alike


def test_an_answer_and_all_of_them_are_had_as_files(ada_program, past):  # noqa: F811 the fixture
    one = ada_program.get("/insights/export?question=failures&form=csv&days=7")
    assert one.status_code == 200, one.text
    assert one.text.splitlines()[0] == '"Cause","Runs","Tasks","First seen","Last seen"'
    assert "failures-20" in one.headers["Content-Disposition"]
    whole = ada_program.get("/insights/export?form=parquet")
    with zipfile.ZipFile(io.BytesIO(whole.data)) as archive:
        assert "money.parquet" in archive.namelist()
    assert ada_program.get("/insights/export").data.startswith(b"%PDF")
    assert ada_program.get("/insights/export?form=xls").status_code == 422
    assert ada_program.get("/insights/export?question=weather").status_code == 422


def test_the_runs_that_match_are_had_as_a_file(ada_program, past):  # noqa: F811 the fixture
    found = json.loads(ada_program.get("/runs/export?form=json&state=failed").text)
    assert len(found) == 10
    assert {one["state"] for one in found} == {"failed"}
    assert len(ada_program.get("/runs/export").text.splitlines()) == 21
    assert ada_program.get("/runs/export?form=pdf").status_code == 422


def test_a_report_is_made_as_a_task(ada, ada_program):
    sent = {
        "name": "Weekly", "engine": "report", "settings": {"format": "json", "mail_to": [ada.email.upper()]},
        "schedules": [{"text": "every Monday at 8:00", "timezone": "Europe/Berlin"}],
    }  # fmt: skip
    made = ada_program.post("/tasks", json=sent)
    assert made.status_code == 201, made.text
    assert made.json["settings"] == {"questions": [], "days": 7, "format": "json", "mail_to": [ada.email]}
    for wrong in ({"mail_to": ["eve@x.example"]}, {"days": 8}, {"questions": ["weather"]}, {"format": "xls"}, {"x": 1}):
        refused = ada_program.post("/tasks", json=sent | {"settings": wrong})
        assert refused.status_code == 422, wrong
    steps = [{"name": "a", "engine": "report", "settings": {}}]
    assert ada_program.post("/tasks", json={"name": "S", "engine": "steps", "steps": steps}).status_code == 422
