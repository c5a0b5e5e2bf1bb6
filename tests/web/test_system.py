"""The System page: every part with a word, and what to do where one is not well; for those who look after it."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.models.instance import Clock, Fact, Leader
from app.models.runs import Run
from app.services import alerting, health
from app.services.unit import batch
from tests import factories
from tests.api.conftest import program
from tests.web.test_health import begin_work


def part(visit, name):
    """The text of one part of the page."""
    page = visit.get("/system").text
    return page.partition(f'id="part-{name}"')[2].partition("</li>")[0]


def note(app, name, ago=0, **value):
    with app.app_context(), batch() as work:
        at = work.now - timedelta(seconds=ago)
        work.connection.execute(sa.delete(Fact).where(Fact.name == name))
        work.connection.execute(sa.insert(Fact).values(name=name, value=value, at=at))


def test_it_is_for_owners_of_the_first_team(ada, cid, app):
    assert ada.get("/system").status_code == 200
    assert 'href="/system"' in ada.get("/me/profile").text
    assert cid.get("/system").status_code == 403
    assert 'href="/system"' not in cid.get("/me/profile").text
    assert app.test_client().get("/system").status_code == 302
    ours, theirs = program(app, ada, ada.slug), program(app, cid, cid.slug)
    names = [item["name"] for item in ours.get("/system").json["items"]]
    assert {"Clock", "Workers", "Queue", "Database", "Audit", "Backup", "Disk"} <= set(names)
    assert theirs.get("/system").status_code == 403
    assert program(app, ada, ada.slug, ("read",)).get("/system").status_code == 403


def test_a_token_of_another_team_does_not_reach_it(ada, app, northgate):
    elsewhere = program(app, ada, northgate)
    assert elsewhere.get("/system").status_code == 403
    assert elsewhere.get("/audit?of=installation").status_code in {403, 422}
    with app.app_context(), batch() as work:
        alerting.begin(work, "clock:", "clock", "No clock is alive.", None)
    assert elsewhere.get("/alerts").json["items"] == []
    assert [item["sentence"] for item in program(app, ada, ada.slug).get("/alerts").json["items"]] == [
        "No clock is alive."
    ]


def test_what_is_not_there_says_what_to_do(ada):
    assert "Start one: ./carillon clock" in part(ada, "clock")
    assert "Start one: ./carillon worker" in part(ada, "workers")
    assert "./carillon backup" in part(ada, "backup")
    assert "./carillon watchdog" in part(ada, "watchdog")
    assert "./carillon verify" in part(ada, "checker")
    assert "SQLite" in part(ada, "database")


def test_what_is_there_says_so(app, ada):
    begin_work(app)
    with app.app_context(), batch() as work:
        for name in ("c1", "c2"):
            times = {"started_at": work.now, "seen_at": work.now}
            work.connection.execute(sa.insert(Clock).values(name=name, host="here", pid=1, **times))
    note(app, "watchdog")
    note(app, "backup", ok=True, problem="", path="/x", bytes=1, at="")
    note(app, "verify", planned=7, count=0, findings=[])
    note(app, "audit_check", checked=9, flaw="")
    assert "Leads" in part(ada, "clock")
    assert "<dd>1</dd>" in part(ada, "clock")
    assert "0 of 6" in part(ada, "workers")
    assert "Watches" in part(ada, "watchdog")
    assert "All agrees" in part(ada, "checker")
    assert "Whole" in part(ada, "audit")
    assert "Made" in part(ada, "backup")
    assert "Flows" in part(ada, "queue")


def test_what_went_wrong_says_so(app, ada, monkeypatch):
    note(app, "watchdog", ago=3600)
    note(app, "backup", ok=False, problem="The disk is full.", path="/x", bytes=0, at="")
    note(app, "verify", planned=7, count=2, findings=[{"sentence": "Run #4 was not planned."}])
    note(app, "audit_check", checked=9, flaw="Entry 4 was edited.")
    note(app, "integrity", problem="row 4 missing")
    monkeypatch.setattr(health, "depths", lambda: None)
    assert "1 h ago" in part(ada, "watchdog")
    assert "The disk is full. Mend that" in part(ada, "backup")
    assert "Run #4 was not planned." in part(ada, "checker")
    assert "Entry 4 was edited." in part(ada, "audit")
    assert "Damaged" in part(ada, "database")
    assert "Redis does not answer" in part(ada, "queue")


@pytest.mark.parametrize(("late", "word"), [(0.2, "On time"), (30, "Late")])
def test_lateness_is_that_of_the_last_hour(app, ada, late, word):
    assert "Nothing yet" in part(ada, "lateness")
    with app.app_context():
        team = factories.team()
        task = factories.task(team)
        for _ in range(4):
            at = factories.ago(minutes=5)
            times = {"planned_at": at, "queued_at": at + timedelta(seconds=late)}
            factories.run(team, task, "succeeded", trigger="schedule", **times)
        with batch() as work:
            work.connection.execute(sa.update(Run).values(ended_at=work.now))
    assert word in part(ada, "lateness")
    assert "<dd>4</dd>" in part(ada, "lateness")


def test_an_old_lease_is_no_leader(app, ada):
    begin_work(app)
    with app.app_context(), batch() as work:
        work.connection.execute(sa.update(Leader).values(lease_until=factories.EPOCH))
    assert "No clock leads" in part(ada, "clock")
