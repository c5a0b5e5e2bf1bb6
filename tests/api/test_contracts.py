"""Contracts over the API: made, read, changed, compared, and what is wrong by field; and what a run says of them."""

import pytest
import sqlalchemy as sa

from app.models.runs import Run
from app.services.unit import batch

CHECKS = [
    {"kind": "file", "name": "report.csv"},
    {"kind": "cost", "below_cents": 20, "is_optional": True},
]
REPORT = {"name": "Report", "engine": "shell", "settings": {"script": "true"}, "contract": CHECKS}


def test_a_contract_is_made_read_changed_and_compared(ada_program):
    made = ada_program.make("/tasks", REPORT)
    assert made["contract"] == [
        {"kind": "file", "name": "report.csv", "min_bytes": 1, "is_new": False, "is_optional": False},
        {"kind": "cost", "below_cents": 20, "is_optional": True},
    ]
    kept = ada_program.patch("/tasks/report", {"version": 1, "name": "Reports"}).json
    assert kept["contract"] == made["contract"]
    schema = {"kind": "schema", "of": "file:a.json", "schema": {"type": "array"}}
    changed = ada_program.patch("/tasks/report", {"version": 2, "contract": [schema]}).json
    assert changed["contract"][0]["schema"] == {"type": "array"}
    [version, *_] = ada_program.get("/tasks/report/versions").json["items"]
    (change,) = version["changes"]
    assert change["label"] == "What must be true afterwards"
    assert change["before"] == "A file report.csv; Costs less than 20 cents (optional)"
    assert change["after"] == 'The file a.json fits the schema {"type": "array"}'
    assert ada_program.patch("/tasks/report", {"version": 3, "contract": []}).json["contract"] == []


@pytest.mark.parametrize(
    ("check", "field", "sentence"),
    [
        ({"kind": "file"}, "contract.0.name", "Fill this in."),
        ({"kind": "pattern", "pattern": "(?=x)"}, "contract.0.pattern", "This pattern can't be used"),
        ({"kind": "schema", "schema": {"$ref": "http://127.0.0.1:9/x"}}, "contract.0.schema", "may only refer to itself"),
        ({"kind": "rows", "of": "report.csv"}, "contract.0.of", "Write answer, file:NAME, or steps.NAME.PATH"),
        ({"kind": "rows", "of": "steps.fetch.json"}, "contract.0.of", "There is no step called fetch."),
        ({"kind": "tool", "name": "http_get"}, "contract.0.name", "Only agents use tools, and this task has none."),
        ({"kind": "delivered"}, "contract.0.to", "no HTTP request but by GET"),
        ({"kind": "file", "name": "{{ nothing }}.csv"}, "contract.0.name", "There is no value called nothing."),
        ({"kind": "file", "name": "{{ secrets.KEY }}"}, "contract.0.name", "secrets stay out"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_by_field(ada_program, check, field, sentence):
    answer = ada_program.post("/tasks", REPORT | {"contract": [check]})
    assert answer.status_code == 422, answer.json
    assert field in {one["field"] for one in answer.json["errors"]}
    assert sentence in answer.json["detail"]


def test_a_run_says_what_became_of_each_check(app, ada, ada_program, northgate):
    ada_program.make("/tasks", REPORT)
    checks = [{"words": "A file report.csv", "state": "unmet", "evidence": "There is none.", "is_optional": False}]
    number = ada_program.make("/runs", {"task": "report"})["number"]
    with app.app_context(), batch() as work:
        work.connection.execute(sa.update(Run).where(Run.number == number).values(checks=checks))
    assert ada_program.get(f"/runs/{number}").json["checks"] == checks
