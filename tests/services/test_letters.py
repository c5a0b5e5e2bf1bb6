"""What a letter about a failure says: who, why, the evidence, what is safe, what comes next, and each of it once."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.models.runs import Attempt, Step
from app.models.telling import Incident, IncidentTask
from app.services.unit import batch
from tests import factories
from tests.services.test_reaching import HOME, alert, due, house, owned, send  # noqa: F401 a fixture

pytestmark = pytest.mark.alike


def incident_of(house, *tasks):  # noqa: F811
    """An incident of these tasks, the first of them first; returns its id."""
    with batch() as work:
        values = {"signature": "x", "cause": "db.example.com does not answer", "sentence": "x", "opened_at": work.now}
        incident = work.connection.execute(
            sa.insert(Incident).values(team_id=house.team, last_at=work.now, **values).returning(Incident.id)
        ).scalar_one()
        for number, task in enumerate(tasks):
            at = work.now + timedelta(seconds=number)
            work.connection.execute(
                sa.insert(IncidentTask).values(incident_id=incident, task_id=task, first_at=at, last_at=at)
            )
    return incident


def step_of(run, detail):
    """A step of two seconds in which a run failed."""
    times = {"started_at": factories.ago(seconds=2), "ended_at": factories.ago(seconds=0)}
    with batch() as work:
        row = {"run_id": run, "number": 1, "token": 1, "state": "failed", "worker": "w", "isolation": {}}
        attempt = work.connection.execute(sa.insert(Attempt).values(row | times).returning(Attempt.id)).scalar_one()
        row = {"attempt_id": attempt, "position": 1, "name": "send", "state": "failed", "detail": detail}
        work.connection.execute(sa.insert(Step).values(row | times))


def test_a_failure_is_told_by_its_cause(house):  # noqa: F811
    task = owned(house, "sync", "Shop sync")
    told = "Shop sync failed: Ended with exit code 1. Last line: “psycopg.OperationalError: …”."
    due(house, alert(house, "failing", told, task_id=task, incident_id=incident_of(house, task)), house.email)
    send(house)
    assert house.box.subjects == ["[Northgate] Shop sync failed: db.example.com does not answer."]


def test_an_incident_says_how_many_tasks_it_has_by_then(house):  # noqa: F811
    tasks = [owned(house, f"sync-{number}", f"Shop sync {number}") for number in range(3)]
    incident = incident_of(house, *tasks)
    due(house, alert(house, "failing", "Shop sync 0 failed.", task_id=tasks[0], incident_id=incident), house.email)
    send(house)
    assert house.box.subjects == ["[Northgate] Shop sync 0 and 2 more tasks: db.example.com does not answer."]
    [kept] = house.box.mails
    assert f"{HOME}/t/northgate/incidents/{incident}" in kept.mail.get_body(("plain",)).get_content()
    assert kept.mail["references"] == f"<incident-{incident}@northgate.example>"


def test_a_cause_that_the_headline_has_is_not_said_again(house):  # noqa: F811
    task = owned(house, "sync", "Shop sync")
    said = "Ended with exit code 1. Last line: “cp: cannot stat 'stock.csv': No such file or directory”."
    run = factories.run(house.team, task, "failed", reason="exit_code", sentence=said)
    incident = incident_of(house, task)
    with batch() as work:
        work.connection.execute(sa.update(Incident).values(cause="The file stock.csv is not there"))
    due(house, alert(house, "failing", said, task_id=task, run_id=run, incident_id=incident), house.email)
    send(house)
    text = house.box.mails[0].mail.get_body(("plain",)).get_content()
    assert text.count("The file stock.csv is not there.") == 1
    assert "\nIts log is kept. Check the path" in text


def test_of_a_host_that_is_left_alone_it_says_who_needs_it(house):  # noqa: F811
    run = factories.run(house.team, owned(house), "failed")
    due(house, alert(house, "breaker", "db.example.com refused the connection.", run_id=run), house.email)
    send(house)
    text = house.box.mails[0].mail.get_body(("plain",)).get_content()
    assert "Morning digest needs it. What waits goes on once it answers." in text


def test_the_end_of_an_incident_says_what_is_over(house):  # noqa: F811
    tasks = [owned(house, f"sync-{number}", f"Shop sync {number}") for number in range(2)]
    incident = incident_of(house, *tasks)
    with batch() as work:
        work.connection.execute(sa.update(Incident).values(closed_at=work.now, recovery="All 2 tasks work again."))
    ended = alert(house, "failing", "Shop sync 0 failed.", task_id=tasks[0], incident_id=incident)
    due(house, ended, house.email, is_recovery=True)
    send(house)
    assert house.box.subjects == ["[Northgate] Over: db.example.com does not answer. All 2 tasks work again."]


def test_a_letter_tells_cause_evidence_steps_and_what_is_next(house):  # noqa: F811
    task = owned(house)
    run = factories.run(house.team, task, "failed", reason="refused", sentence="shop.example refused the connection.")
    factories.schedule(house.team, task, "1d", since=factories.ago(hours=1))
    step_of(run, "shop.example refused the connection.")
    due(
        house,
        alert(
            house, "failing", "Morning digest failed: shop.example refused the connection.", task_id=task, run_id=run
        ),
        house.email,
    )
    send(house)
    mail = house.box.mails[0].mail
    text = mail.get_body(("plain",)).get_content()
    assert f"See the run: {HOME}/t/northgate/runs/1" in text
    assert "Run #1, planned for" in text
    assert "✕ send  shop.example refused the connection, " in text
    assert "Next: " in text
    assert "Europe/Berlin" in text
    assert "prefers-color-scheme:dark" in mail.get_body(("html",)).get_content()
    assert f"Run it again: {HOME}/a/" in text
    assert mail["list-unsubscribe"].startswith(f"<{HOME}/a/")
    assert mail["list-unsubscribe-post"] == "List-Unsubscribe=One-Click"
    assert mail["auto-submitted"] == "auto-generated"


def test_what_comes_from_outside_stays_text_in_a_letter(house):  # noqa: F811
    said = "Sync failed: <img src=x onerror=alert(1)>\r\nBcc: all@x.example\r\n\r\n<script>alert(1)</script>"
    task = owned(house, "sync", "<b>Sync</b>")
    run = factories.run(house.team, task, "failed", reason="exit_code", sentence=said)
    due(house, alert(house, "failing", said, task_id=task, run_id=run), house.email)
    send(house)
    [kept] = house.box.mails
    assert kept.mail["bcc"] is None
    assert len(kept.to) == 1
    html = kept.mail.get_body(("html",)).get_content()
    assert "alert(1)" in html
    assert "<img src=x" not in html
    assert "<script" not in html
    assert "<b>Sync" not in html
