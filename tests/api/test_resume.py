"""Going on from a run over the API, and the targets that are left alone."""

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from app.models.runs import Checkpoint, Run
from app.models.teams import Breaker, Team
from app.services.unit import batch
from tests.api.conftest import program
from tests.factories import rows


@pytest.fixture
def run(app, ada_program, task):
    """Run #1, which failed after it had kept two checkpoints."""
    made = ada_program.make("/runs", {"task": task})
    with app.app_context(), batch() as work:
        row = work.connection.execute(sa.select(Run.id, Run.team_id)).one()
        for number, after in enumerate(("one", "two"), start=1):
            kept = {"run_id": row.id, "team_id": row.team_id, "number": number, "token": 1, "after": after, "files": {}}
            work.connection.execute(sa.insert(Checkpoint).values(kept | {"state": {"at": number}, "at": work.now}))
        over = {"state": "failed", "reason": "http_status", "ended_at": datetime.now(UTC)}
        work.connection.execute(sa.update(Run).values(over))
    return made


def test_a_program_reads_from_where_a_run_goes_on_and_lets_it(app, ada_program, run):
    asked = ada_program.get("/runs/1/resumption").json
    assert [(place["place"], place["after"]) for place in asked["places"]] == [
        ("step", "two"), ("step", "one"), ("start", ""),
    ]  # fmt: skip
    assert (asked["version"], asked["present_version"], asked["must_raise"]) == (1, 1, False)
    assert ada_program.make("/runs/1/resumption", {"place": "step", "after": "one"})["number"] == 2
    with app.app_context():
        assert rows(Run)[1].resumes_after == "one"
    assert ada_program.make("/runs/1/resumption", {"place": "start", "version": "present"})["number"] == 3


def test_what_can_not_be_is_refused_with_its_field(ada_program, run):
    missing = ada_program.post("/runs/1/resumption", {"place": "step"})
    assert (missing.status_code, missing.json["errors"][0]["field"]) == (422, "place")
    assert ada_program.post("/runs/1/resumption", {"place": "middle"}).status_code == 422
    assert ada_program.post("/runs/1/resumption", {"place": "step", "after": "gone"}).status_code == 409
    assert ada_program.get("/runs/9/resumption").status_code == 404


def test_what_is_left_alone_is_listed_and_closed(app, ada, northgate, ada_program, cid_program):
    with app.app_context(), batch() as work:
        team = work.connection.execute(sa.select(Team.id).where(Team.slug == northgate)).scalar_one()
        values = {"team_id": team, "target": "host:example.com", "state": "open", "failures": 5, "opened": 1}
        work.connection.execute(
            sa.insert(Breaker).values(values | {"problem": "503.", "changed_at": work.now, "open_until": work.now})
        )
    (line,) = ada_program.get("/breakers").json["items"]
    assert (line["target"], line["state"], line["failures"], line["problem"]) == ("host:example.com", "open", 5, "503.")
    assert cid_program.get("/breakers").json["items"] == []
    assert cid_program.post("/breakers/closing", {"target": "host:example.com"}).status_code == 404
    reader = program(app, ada, northgate, ["read"])
    assert reader.post("/breakers/closing", {"target": "host:example.com"}).status_code == 403
    assert ada_program.post("/breakers/closing", {"target": "host:example.com"}).status_code == 204
    assert ada_program.get("/breakers").json["items"] == []
