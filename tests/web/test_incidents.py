"""Incidents as people see them: on Today, among the alerts, on their own page, on the pages of tasks and runs."""

import re

import pytest
import sqlalchemy as sa

from app.models.runs import Alert, Delivery, Run
from app.models.telling import Incident, IncidentTask
from app.services import alerting
from app.services.unit import batch
from tests import factories
from tests.factories import rows
from tests.web.conftest import put_in

DOWN = "db.example.com is not available"


def storm(app, visit, slug, count=3, cause=DOWN, **more):
    """An incident of several tasks, each with its failed run; returns its id."""
    team = visit.actor(app, slug).team_id
    with app.app_context():
        tasks = [factories.task(team, f"job-{n}-{cause[:3]}", label=f"Job {n}") for n in range(count)]
        values = {"started_at": factories.ago(minutes=3), "ended_at": factories.ago(minutes=2), "reason": "refused"}
        runs = [factories.run(team, one, "failed", sentence=f"{cause}, said it.", **values) for one in tasks]
        with batch() as work:
            row = {"team_id": team, "signature": cause[:60], "cause": cause, "sentence": f"{cause}, said it."}
            row |= {"failures": count, "opened_at": factories.ago(minutes=9), "last_at": work.now, **more}
            ident = work.connection.execute(sa.insert(Incident).values(row).returning(Incident.id)).scalar_one()
            for task, run in zip(tasks, runs, strict=True):
                one = {"incident_id": ident, "task_id": task, "run_id": run, "failures": 1, "first_at": work.now}
                work.connection.execute(sa.insert(IncidentTask).values(one | {"last_at": work.now}))
    return ident


def told(app, ident, **more):
    with app.app_context(), batch() as work:
        team = work.connection.execute(sa.select(Incident.team_id)).scalar()
        alerting.begin(work, "failing:1", "failing", "Job 0 failed.", team, task_id=1)
        work.connection.execute(sa.update(Alert).values(incident_id=ident))
        row = {"alert_id": 1, "state": "sent", "tries": 1, "at": work.now, "sent_at": work.now, **more}
        work.connection.execute(sa.insert(Delivery).values(row))


def plain(page):
    return " ".join(re.sub(r"<[^>]+>", "", page).split())


def number_of(app, ident):
    with app.app_context():
        return rows(Run)[0].number


def test_many_tasks_that_fail_by_one_cause_are_one_line_of_today(app, ada, northgate):
    ident = storm(app, ada, northgate, 5)
    page = ada.get(f"/t/{northgate}/today").text
    assert "Job 0 and 4 more tasks: db.example.com is not available, said it." in page
    assert page.count("Acknowledge") == 1
    back = {"back": f"/t/{northgate}/today"}
    answer = ada.post(f"/t/{northgate}/incidents/{ident}/acknowledgement", back)
    assert (answer.status_code, answer.location) == (303, f"/t/{northgate}/today")
    after = ada.get(f"/t/{northgate}/today").text
    assert "Job 0 and 4 more" not in after
    assert "One open incident is acknowledged" in after


def test_one_task_that_fails_stands_there_by_its_run_until_somebody_sees_to_it(app, ada, northgate):
    ident = storm(app, ada, northgate, 1)
    page = ada.get(f"/t/{northgate}/today").text
    assert f'href="/t/{northgate}/runs/1"' in page
    assert f"/incidents/{ident}/acknowledgement" in page
    ada.post(f"/t/{northgate}/incidents/{ident}/mute", {"for": "hour"})
    assert "said it." not in ada.get(f"/t/{northgate}/today").text


def test_alerts_of_an_incident_stand_there_as_the_incident(app, ada, northgate):
    ident = storm(app, ada, northgate)
    told(app, ident, channel=f"email:{ada.id}", person_id=ada.id)
    page = ada.get(f"/t/{northgate}/alerts").text
    assert f'href="/t/{northgate}/incidents/{ident}"' in page
    assert "Job 0 and 2 more tasks, 3 failures since" in page
    assert "Job 0 failed." not in page


def test_its_page_says_cause_evidence_tasks_and_who_was_told(app, ada, northgate):
    ident = storm(app, ada, northgate, fix_url="https://wiki.example/db", note="<i>Ask Ben</i>")
    told(app, ident, channel=f"email:{ada.id}", person_id=ada.id)
    page = ada.get(f"/t/{northgate}/incidents/{ident}").text
    for words in (
        DOWN,
        "all still fail",
        "Nobody has acknowledged it yet.",
        "E-mail to Ada Park: sent",
        "&lt;i&gt;Ask Ben",
    ):
        assert words in page, words
    assert page.count(">run #") == 3
    assert 'href="https://wiki.example/db"' in page
    assert f'hx-sse:connect="/t/{northgate}/live/incidents/{ident}"' in page
    for part in ("head", "facts", "tasks", "told"):
        assert page.count(f'id="incident-{part}"') == 1


def test_acknowledge_mute_note_and_take_it_back(app, ada, northgate):
    ident = storm(app, ada, northgate)
    at = f"/t/{northgate}/incidents/{ident}"
    assert ada.post(f"{at}/mute", {"for": "tomorrow"}).status_code == 303
    assert "Nobody is told of it until tomorrow 08:00." in plain(ada.get(at).text)
    assert ada.post(f"{at}/acknowledgement").location == at
    assert "Ada Park has acknowledged it" in ada.get(at).text
    ada.post(f"{at}/reopening")
    assert "Nobody has acknowledged it yet." in ada.get(at).text
    wrong = ada.post(f"{at}/mute", {"until": "soon"})
    assert (wrong.status_code, "Choose a day and a time" in wrong.text) == (422, True)
    wrong = ada.post(f"{at}/note", {"note": "Full disk.", "fix_url": "javascript:alert(1)"})
    assert (wrong.status_code, "Full disk." in wrong.text, "begins with https://" in wrong.text) == (422, True, True)
    assert ada.post(f"{at}/note", {"note": "Full disk.", "fix_url": ""}).location == f"{at}?saved=note"


def test_a_viewer_sees_it_and_may_not_acknowledge(app, ada, cid, northgate):
    ident = storm(app, ada, northgate)
    put_in(app, cid, northgate, "viewer")
    page = cid.get(f"/t/{northgate}/incidents/{ident}").text
    assert "Your role can't acknowledge it" in page
    assert "/acknowledgement" not in page
    assert cid.post(f"/t/{northgate}/incidents/{ident}/acknowledgement").status_code == 403


@pytest.mark.parametrize("place", ["runs/{number}", "tasks/job-0-db."])
def test_task_and_run_lead_to_it_and_offer_the_same(app, ada, northgate, place):
    ident = storm(app, ada, northgate)
    at = f"/t/{northgate}/{place.format(number=number_of(app, ident))}"
    page = ada.get(at).text
    assert "Part of an incident:" in page
    assert "with 2 other tasks." in page
    ada.post(f"/t/{northgate}/incidents/{ident}/acknowledgement", {"back": at})
    assert "Ada Park sees to it." in ada.get(at).text


def test_past_ones_of_both_kinds_are_in_one_list_and_none_is_lost_between_pages(app, ada, northgate):
    team = ada.actor(app, northgate).team_id
    for number in range(30):
        storm(app, ada, northgate, 1, f"{number:03}.example.com is away", closed_at=factories.ago(minutes=1))
    with app.app_context(), batch() as work:
        for number in range(30):
            alerting.begin(work, f"slow:{number}", "slow", f"Tale {number:03} was slow.", team)
        work.connection.execute(sa.update(Alert).values(ended_at=work.now))
    first = ada.get(f"/t/{northgate}/alerts").text
    second = ada.get(first.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")).text
    for number in range(30):
        for words in (f"{number:03}.example.com is away</a>", f"Tale {number:03} was slow."):
            assert (words in first) != (words in second), words
    assert 'rel="next"' not in second
