"""A run beside another, its insight, and the change that mends it, as programs get them."""

from datetime import timedelta

import pytest

from app.models.runs import Run
from app.models.tasks import TaskVersion
from tests import factories
from tests.web.test_runs import attempt, store_log

pytestmark = pytest.mark.alike


@pytest.fixture
def pair(app, ada, northgate):
    """A good run and one that reached its time limit; returns their numbers."""
    with app.app_context():
        team = ada.actor(app, northgate).team_id
        task = factories.task(team, "export", "shell", {"script": "make"}, timeout_seconds=60)
        at = factories.ago(hours=1)
        good = factories.run(
            team, task, "succeeded", sentence="Worked in 30 s.", started_at=at, ended_at=at + timedelta(seconds=30),
            planned_at=at, inputs={"month": "2026-10"},
        )  # fmt: skip
        now = factories.ago(minutes=2)
        bad = factories.run(
            team, task, "timed_out", reason="timeout", sentence="Stopped at its time limit of 60 s.", started_at=now,
            ended_at=now + timedelta(seconds=60), planned_at=now, inputs={"month": "2026-11"},
        )  # fmt: skip
        store_log(good, ["Exporting 1 of 2", "Exporting 2 of 2"])
        store_log(bad, ["Exporting 1 of 2", "Waiting for a lock"])
        numbers = [row.number for row in factories.rows(Run)]
    attempt(app, numbers[1], ("prepare", "succeeded", 1), ("run", "timed_out", 59), state="timed_out")
    return numbers


def test_a_failed_run_says_what_it_comes_from_and_what_mends_it(ada_program, pair):
    told = ada_program.get(f"/runs/{pair[1]}").json["insight"]
    assert told == {
        "sentence": "Stopped at its time limit of 60 s.",
        "more": "Its log is kept.",
        "cause": "It reaches its time limit",
        "target": "",
        "evidence": {"line": 2, "step": "run", "text": "Waiting for a lock"},
        "next_step": "Raise its time limit or give it less to do, then run it again.",
        "remedy": "Raise its time limit to 2 min and run again",
    }


def test_a_good_run_says_how_it_compares(ada_program, pair):
    told = ada_program.get(f"/runs/{pair[0]}").json["insight"]
    assert (told["sentence"], told["evidence"], told["remedy"]) == ("Worked in 30 s.", None, "")


def test_a_run_stands_beside_the_last_good_one(ada_program, pair):
    good, bad = pair
    found = ada_program.get(f"/runs/{bad}/comparison").json
    assert (found["number"], found["other"]) == (bad, good)
    assert found["sentence"] == ("What differs: month 2026-10 → 2026-11, succeeded → timed out, took 30 s longer.")
    first, *_ = found["items"]
    assert (first["part"], first["what"], first["left"], first["right"]) == ("Inputs", "month", "2026-10", "2026-11")
    assert [row["differs"] for row in found["items"]] == sorted(
        (row["differs"] for row in found["items"]), reverse=True
    )
    assert found["log"]["lines"][-1] == {"mark": "+", "text": "Waiting for a lock"}
    assert (found["definition"], found["made"]) == ([], [])
    assert ada_program.get(f"/runs/{bad}/comparison?other={bad}").json["sentence"].startswith("Nothing differs")


def test_where_nothing_worked_another_run_is_asked_for(ada_program, pair):
    assert ada_program.get(f"/runs/{pair[0]}/comparison").status_code == 409
    assert ada_program.get("/runs/99/comparison").status_code == 404
    assert ada_program.get(f"/runs/{pair[0]}/comparison?other=99").status_code == 404


def test_one_request_mends_the_task_and_runs_it_again(app, ada_program, pair):
    made = ada_program.make(f"/runs/{pair[1]}/remedy", None)
    assert (made["number"], made["version"], made["state"]) == (pair[1] + 1, 2, "queued")
    with app.app_context():
        last = factories.rows(TaskVersion)[-1]
    assert (last.number, last.definition["limits"]["timeout_seconds"]) == (2, 120.0)
    refused = ada_program.post(f"/runs/{pair[1]}/remedy")
    assert refused.status_code == 409
    assert "Look at the task." in refused.json["detail"]
    assert ada_program.post(f"/runs/{pair[0]}/remedy").status_code == 409
