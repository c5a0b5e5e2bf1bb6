"""Insights for programs: a question and its answer, what runs save, problems, and how Carillon does."""

import pytest

from app.models.tasks import Task
from app.models.teams import Team
from tests import factories
from tests.api.conftest import program
from tests.factories import ago, rows
from tests.past import ended, keep

pytestmark = pytest.mark.alike


@pytest.fixture
def past(app, ada_program):
    """Twenty runs of a task, half of which failed."""
    with app.app_context():
        team_id = next(row.id for row in rows(Team) if row.slug == "northgate")
        task = rows(Task, Task.id == factories.task(team_id, "shop", label="Shop"))[0]
        fates = (("succeeded", "ok"), ("failed", "dns"))
        keep(
            team_id,
            [ended(team_id, task, fates[n % 2][0], ago(hours=n + 1), reason=fates[n % 2][1]) for n in range(20)],
        )


def test_a_question_is_answered_with_sentence_table_figure_and_action(ada_program, past):
    answer = ada_program.get("/insights/failures?days=7")
    assert answer.status_code == 200, answer.text
    found = answer.json
    assert found["sentence"].startswith("10 of 20 runs failed, all of them because a name was not found.")
    assert found["rows"][0]["cause"] == "A name was not found"
    assert found["rows"][0]["runs"] == 10
    assert [column["kind"] for column in found["columns"]] == ["text", "number", "text", "day", "day"]
    assert found["figure"]["data"][0]["type"] == "bar"
    assert found["action"]["place"] == "runs"
    assert ada_program.get("/insights/weather").status_code == 404
    assert ada_program.get("/insights/failures?days=5").status_code == 422


def test_what_runs_save_is_set_and_told(ada_program, past):
    assert ada_program.put("/tasks/shop/saving", {"minutes": 30}).status_code == 204
    assert ada_program.put("/savings/hourly", {"micros": 40_000_000}).status_code == 204
    assert ada_program.get("/savings").json == {
        "hourly_micros": 40_000_000, "tasks": [{"slug": "shop", "name": "Shop", "minutes": 30.0}],
    }  # fmt: skip
    (row,) = ada_program.get("/insights/value").json["rows"]
    assert (row["task"], row["worth"]) == ({"name": "Shop", "slug": "shop"}, 200_000_000)
    assert ada_program.put("/tasks/none/saving", {"minutes": 30}).status_code == 404


def test_a_problem_is_reported_listed_and_settled_and_measures_are_told(app, ada, ada_program, past):
    made = ada_program.make("/runs/1/problems", {"note": "It is empty."})
    assert ada_program.get("/system/problems").status_code == 403
    first = program(app, ada, ada.slug)  # of the first team
    (one,) = first.get("/system/problems").json["items"]
    assert (one["id"], one["team"], one["task"], one["note"]) == (made["id"], "northgate", "Shop", "It is empty.")
    assert first.put(f"/system/problems/{made['id']}/settlement").json["settled_at"]
    assert first.put("/satisfaction", {"score": 4}).status_code == 204
    measures = {one["name"]: one for one in first.get("/system/metrics").json["items"]}
    assert list(measures)[:4] == ["Tasks made", "Who stays", "What is used", "Satisfaction"]
    assert measures["Satisfaction"]["sentence"] == "4.0 of 5, from 1 answer of 1 asked."
    assert measures["Runs"]["sentence"].startswith("50 % of 20 runs did their work.")
