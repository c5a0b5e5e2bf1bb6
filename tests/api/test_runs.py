"""Runs over the API: asked for, listed, read, stopped, repeated; their log and their files."""

import io
import json
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from app.infra.storage import Storage
from app.models.runs import Artifact, Checkpoint, LogChunk, Run
from app.services.unit import batch
from tests.api.conftest import HTTP, program


@pytest.fixture
def run(ada_program, task):
    """A run of Northgate, queued."""
    return ada_program.make("/runs", {"task": task})


def change(app, number, **values):
    with app.app_context(), batch() as work:
        work.connection.execute(sa.update(Run).where(Run.number == number).values(values))


def write(app, number, count, first=1):
    with app.app_context(), batch() as work:
        run_id = work.connection.execute(sa.select(Run.id).where(Run.number == number)).scalar_one()
        lines = [[0.0, "info", f"line {place}"] for place in range(first, first + count)]
        row = {"run_id": run_id, "first": first, "count": count, "size_bytes": 9, "token": 1, "at": work.now}
        work.connection.execute(sa.insert(LogChunk).values(row | {"lines": lines}))


def test_a_run_is_asked_for_and_read(ada_program, task, run):
    assert (run["number"], run["task"], run["state"], run["trigger"]) == (1, task, "queued", "api")
    assert (run["requested_by"], run["version"], run["is_over"]) == ("Ada Park", 1, False)
    assert ada_program.get("/runs/1").json == run


def test_the_list_has_filters_and_goes_on_by_cursor(ada_program, task):
    ada_program.make("/tasks", HTTP | {"name": "Other"})
    for slug in [task] * 3 + ["other"]:
        ada_program.make("/runs", {"task": slug})
    ada_program.post("/runs/1/cancellation")
    numbers = lambda answer: [one["number"] for one in answer.json["items"]]  # noqa: E731 said often
    assert numbers(ada_program.get("/runs")) == [4, 3, 2, 1]
    assert numbers(ada_program.get("/runs?state=cancelled")) == [1]
    assert numbers(ada_program.get("/runs?task=other")) == [4]
    assert numbers(ada_program.get("/runs?trigger=schedule")) == []
    assert numbers(ada_program.get("/runs?since=2099-01-01T00:00:00Z")) == []
    first = ada_program.get("/runs?limit=3")
    assert numbers(first) == [4, 3, 2]
    following = first.headers["Link"].partition(">")[0].removeprefix("<http://localhost/api/v1")
    assert numbers(ada_program.get(following)) == [1]
    assert ada_program.get(following).json["next_cursor"] is None
    assert ada_program.get("/runs?state=odd").json["errors"][0]["field"] == "state"
    assert ada_program.get("/runs?cursor=odd").status_code == 422


def test_a_long_list_is_gathered_from_several_pages(ada_program, task):
    for _ in range(120):
        ada_program.make("/runs", {"task": task})
    listed = ada_program.get("/runs?limit=110").json
    assert [one["number"] for one in listed["items"]] == list(range(120, 10, -1))
    following = ada_program.get(f"/runs?limit=110&cursor={listed['next_cursor']}").json
    assert [one["number"] for one in following["items"]] == list(range(10, 0, -1))


def test_what_has_not_started_is_cancelled_at_once_and_once(ada_program, run):
    assert ada_program.post("/runs/1/cancellation", {"mode": "now"}).json["state"] == "cancelled"
    again = ada_program.post("/runs/1/cancellation")
    assert (again.status_code, again.json["detail"]) == (409, "Run #1 has already ended: it is cancelled.")


def test_it_runs_again_as_it_was_then(ada_program, task, run):
    ada_program.patch(f"/tasks/{task}", {"version": 1, "settings": {"method": "HEAD"}})
    assert ada_program.make("/runs/1/again", {"version": "same"})["version"] == 1
    assert ada_program.make("/runs/1/again", {})["version"] == 2


def test_a_decision_is_taken_only_where_one_is_waited_for(app, ada_program, run):
    assert ada_program.post("/runs/1/decision", {"answer": "again"}).status_code == 409
    change(app, 1, state="waiting", reason="approval")
    assert ada_program.post("/runs/1/decision", {"answer": "end"}).json["state"] == "failed"


def test_the_same_key_and_body_give_the_same_run(ada_program, task):
    first = ada_program.post("/runs", {"task": task}, Idempotency_Key="monday")
    second = ada_program.post("/runs", {"task": task}, Idempotency_Key="monday")
    assert (first.json, first.status_code) == (second.json, second.status_code)
    assert second.headers["Idempotency-Replayed"] == "true"
    assert ada_program.post("/runs", {"task": task}, Idempotency_Key="tuesday").json["number"] == 2
    other = ada_program.post("/tasks", HTTP, Idempotency_Key="monday")
    assert (other.status_code, "another request" in other.json["detail"]) == (422, True)
    assert ada_program.post("/runs", {"task": task}, Idempotency_Key="x" * 201).status_code == 422


def test_a_task_made_with_a_key_is_made_once(ada_program):
    for _ in range(2):
        assert ada_program.make("/tasks", HTTP, Idempotency_Key="k")["slug"] == "probe"
    assert len(ada_program.get("/tasks").json["items"]) == 1


def test_the_log_is_read_on_until_the_run_is_over(app, ada_program, run):
    write(app, 1, 3)
    page = ada_program.get("/runs/1/log?limit=2").json
    assert [(line["number"], line["text"], line["level"]) for line in page["items"]] == [
        (1, "line 1", "info"),
        (2, "line 2", "info"),
    ]
    page = ada_program.get(f"/runs/1/log?cursor={page['next_cursor']}").json
    assert ([line["number"] for line in page["items"]], page["next_cursor"] is None) == ([3], False)
    waiting = ada_program.get(f"/runs/1/log?cursor={page['next_cursor']}").json
    assert waiting == {"items": [], "next_cursor": page["next_cursor"]}
    change(app, 1, state="succeeded", reason="ok", ended_at=datetime.now(UTC))
    assert ada_program.get(f"/runs/1/log?cursor={page['next_cursor']}").json == {"items": [], "next_cursor": None}


def test_the_log_also_comes_as_json_lines_and_as_text(app, ada_program, run):
    write(app, 1, 2)
    answer = ada_program.get("/runs/1/log", Accept="application/x-ndjson")
    assert answer.mimetype == "application/x-ndjson"
    assert [json.loads(line)["text"] for line in answer.text.splitlines()] == ["line 1", "line 2"]
    text = ada_program.get("/runs/1/log.txt")
    assert text.mimetype == "text/plain"
    assert text.text.endswith("info  line 2\n")


def test_files_that_a_run_made_are_listed_and_sent(app, ada_program, run, tmp_path):
    with app.app_context(), batch() as work:
        row = work.connection.execute(sa.select(Run.id, Run.team_id)).one()
        digest, size = Storage(tmp_path / "files").keep(io.BytesIO(b"a,b"))
        values = {"run_id": row.id, "team_id": row.team_id, "name": "out/list.csv", "media_type": "text/csv"}
        work.connection.execute(
            sa.insert(Artifact).values(values | {"size_bytes": size, "digest": digest, "created_at": work.now})
        )
    [artifact] = ada_program.get("/runs/1/artifacts").json["items"]
    assert (artifact["name"], artifact["size_bytes"]) == ("out/list.csv", 3)
    sent = ada_program.get("/runs/1/artifacts/out/list.csv")
    assert (sent.data, sent.headers["Content-Disposition"]) == (b"a,b", "attachment; filename=list.csv")
    sent.close()
    assert ada_program.get("/runs/1/artifacts/other").status_code == 404


def test_several_are_dealt_with_together_and_each_says_how_it_went(ada_program, task):
    for _ in range(2):
        ada_program.make("/runs", {"task": task})
    done = ada_program.post("/runs/selection/cancellation", {"numbers": [1, 2, 9, 1]}).json
    assert done == {
        "done": [{"number": 1, "new": None}, {"number": 2, "new": None}],
        "refused": [{"number": 9, "why": "It is not there."}],
    }
    again = ada_program.make("/runs/selection/again", {"numbers": [1, 2]}, Idempotency_Key="k")
    assert [one["new"] for one in again["done"]] == [3, 4]
    assert ada_program.make("/runs/selection/again", {"numbers": [1, 2]}, Idempotency_Key="k") == again
    decided = ada_program.post("/runs/selection/decision", {"numbers": [3], "answer": "end"}).json
    assert "does not wait" in decided["refused"][0]["why"]
    assert ada_program.post("/runs/selection/cancellation", {"numbers": list(range(1, 102))}).status_code == 422


def test_one_goes_on_from_its_checkpoint_with_more_money_only_with_the_scope_to_change(
    app, ada, northgate, ada_program, run
):
    assert ada_program.post("/runs/1/resumption").status_code == 409
    with app.app_context(), batch() as work:
        row = work.connection.execute(sa.select(Run.id, Run.team_id)).one()
        kept = {"run_id": row.id, "team_id": row.team_id, "number": 1, "token": 1, "after": "turn 1", "state": {}}
        work.connection.execute(sa.insert(Checkpoint).values(kept | {"files": {}, "at": work.now}))
    change(app, 1, state="failed", reason="cost_cap", ended_at=datetime.now(UTC))
    assert ada_program.post("/runs/1/resumption").json["errors"][0]["field"] == "raise_micros"
    limited = program(app, ada, northgate, ["run"])
    refused = limited.post("/runs/1/resumption", {"raise_micros": 1_000_000})
    assert (refused.status_code, "no scope “write”" in refused.json["detail"]) == (403, True)
    made = ada_program.make("/runs/1/resumption", {"raise_micros": 1_000_000})
    assert (made["number"], made["cost_cap_micros"]) == (2, 1_000_000)
    assert ada_program.make("/runs/1/resumption", {"raise_micros": 1_000_000})["number"] == 2
