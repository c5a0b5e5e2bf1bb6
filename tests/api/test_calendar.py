"""The calendar for programs: what is to come, and runs moved, skipped and put back."""

from datetime import UTC, datetime, timedelta

import pytest

NOW = datetime.now(UTC)
SINCE, UNTIL = (f"{NOW + timedelta(days=days):%Y-%m-%dT00:00:00Z}" for days in (1, 3))


@pytest.fixture
def daily(ada_program):
    """The slug of a task that runs every day at nine."""
    made = ada_program.make("/tasks", {
        "name": "Digest", "engine": "http", "settings": {"url": "http://127.0.0.1:9/"},
        "schedules": [{"text": "every day at 9:00", "timezone": "UTC"}],
    })  # fmt: skip
    return made["slug"]


def window(program):
    return program.get(f"/calendar?since={SINCE}&until={UNTIL}").json["runs"]


def test_a_run_is_moved_skipped_and_put_back(ada_program, daily):
    first, second = window(ada_program)
    assert (first["task"], first["state"], first["number"]) == (daily, "planned", None)
    known = {"task": daily, "fire_at": first["fire_at"]}
    to = first["at"].replace("T09", "T11")
    moved = ada_program.post("/runs/moves", {**known, "to": to}).json
    assert (moved["at"], moved["fire_at"], moved["version"]) == (to, first["fire_at"], None)
    assert [run["at"] for run in window(ada_program)] == [to, second["at"]]
    assert ada_program.post("/runs/skips", known).json["is_skipped"]
    assert window(ada_program)[0]["state"] == "skipped"
    back = ada_program.post("/runs/returns", known).json
    assert (back["at"], back["is_skipped"]) == (first["at"], False)


def test_the_runs_of_a_task_that_runs_often_are_listed_and_moved_alone(ada_program):
    often = {"schedules": [{"text": "every 15 minutes", "timezone": "UTC"}]}
    made = {"name": "Uptime", "engine": "http", "settings": {"url": "http://127.0.0.1:9/"}} | often
    slug = ada_program.make("/tasks", made)["slug"]
    assert window(ada_program) == []
    address = f"/tasks/{slug}/coming-runs?since={SINCE}&until={UNTIL}"
    first = ada_program.get(address).json["runs"][0]
    to = first["at"].replace("T00", "T01").replace(":00Z", ":30Z")
    ada_program.post("/runs/moves", {"task": slug, "fire_at": first["fire_at"], "to": to})
    runs = ada_program.get(address).json["runs"]
    assert len(runs) == 2 * 96
    assert to in [run["at"] for run in runs]


def test_all_move_as_a_new_version(ada_program, daily):
    first, _ = window(ada_program)
    to = first["at"].replace("T09", "T07")
    asked = {"task": daily, "fire_at": first["fire_at"], "to": to, "which": "all"}
    assert ada_program.post("/runs/moves", asked).json["version"] == 2
    assert [run["at"][10:13] for run in window(ada_program)] == ["T07", "T07"]


def test_what_can_not_be_is_said(ada_program, daily):
    refused = ada_program.get(f"/calendar?since={UNTIL}&until={SINCE}")
    assert (refused.status_code, refused.json["errors"][0]["field"]) == (422, "until")
    run = {"task": daily, "fire_at": f"{NOW + timedelta(days=1):%Y-%m-%dT10:00:00Z}"}
    assert ada_program.post("/runs/skips", run).status_code == 404
