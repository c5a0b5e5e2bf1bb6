"""Incidents for programs."""

import sqlalchemy as sa

from app.models.telling import Incident, IncidentTask
from app.services.unit import batch
from tests import factories


def open_one(app, visit, slug, cause="db.example.com is not available", **more):
    """An incident of a task named as its cause; returns its id."""
    team = visit.actor(app, slug).team_id
    with app.app_context():
        task = factories.task(team, f"sync-{cause[:8]}", label="Shop sync")
        run = factories.run(team, task, "failed", sentence=cause, ended_at=factories.ago(minutes=2))
        with batch() as work:
            values = {"team_id": team, "signature": cause[:60], "cause": cause, "sentence": f"{cause}.", "failures": 3}
            values |= {"opened_at": work.now, "last_at": work.now, **more}
            ident = work.connection.execute(sa.insert(Incident).values(values).returning(Incident.id)).scalar_one()
            touched = {"incident_id": ident, "task_id": task, "failures": 3, "run_id": run}
            work.connection.execute(sa.insert(IncidentTask).values(**touched, first_at=work.now, last_at=work.now))
    return ident


def test_incidents_come_in_pages_and_one_with_its_tasks(app, ada, ada_program, northgate):
    first = open_one(app, ada, northgate)
    second = open_one(app, ada, northgate, "api.example.com is not available", closed_at=factories.ago(minutes=1))
    page = ada_program.get("/incidents?limit=1").json
    assert [one["id"] for one in page["items"]] == [second]
    assert [one["id"] for one in ada_program.get(f"/incidents?cursor={page['next_cursor']}").json["items"]] == [first]
    assert [one["id"] for one in ada_program.get("/incidents?state=open").json["items"]] == [first]
    whole = ada_program.get(f"/incidents/{first}").json
    assert (whole["tasks"], whole["failing"], whole["touched"][0]["name"]) == (1, 1, "Shop sync")


def test_what_people_do_about_one_programs_do_too(app, ada, ada_program, northgate):
    at = f"/incidents/{open_one(app, ada, northgate)}"
    assert ada_program.post(f"{at}/acknowledgement").json["acknowledged_by"] == "Ada Park"
    assert ada_program.post(f"{at}/reopening").json["acknowledged_at"] is None
    muted = ada_program.post(f"{at}/mute", {"until": f"{factories.ago(days=-1):%Y-%m-%dT%H:%M:%SZ}"})
    assert muted.json["muted_until"] is not None
    assert ada_program.post(f"{at}/mute", {"until": "2020-01-01T00:00:00Z"}).status_code == 422
    noted = ada_program.put(f"{at}/note", {"note": "Full disk.", "fix_url": "https://wiki.example/1"}).json
    assert (noted["note"], noted["fix_url"]) == ("Full disk.", "https://wiki.example/1")
    assert ada_program.put(f"{at}/note", {"fix_url": "javascript:x"}).status_code == 422


def test_a_stranger_finds_none(app, ada, cid_program, northgate):
    at = f"/incidents/{open_one(app, ada, northgate)}"
    assert cid_program.get("/incidents").json["items"] == []
    assert cid_program.get(at).status_code == cid_program.post(f"{at}/acknowledgement").status_code == 404
