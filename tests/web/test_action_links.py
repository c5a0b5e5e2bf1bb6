"""Links in messages: looking changes nothing, pressing acts once, as their person, while it still makes sense."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.models.instance import Audit
from app.models.people import Person
from app.models.runs import Alert, Run
from app.models.tasks import Task
from app.models.teams import Membership
from app.models.telling import ActionLink, Incident, IncidentTask, Wish
from app.services import action_links, alerting
from app.services.unit import batch
from tests import factories
from tests.factories import rows

HOME = "https://carillon.example"
SAID = "Slack said channel_not_found."


@pytest.fixture
def team(app, ada, northgate):
    return ada.actor(app, northgate).team_id


@pytest.fixture
def failed(app, team):
    """A task that failed, with its incident and the alert of it; returns the id of the alert."""
    with app.app_context():
        task = factories.task(team, "digest", label="Morning digest")
        run = factories.run(team, task, "failed", sentence=SAID, ended_at=factories.ago(minutes=1))
        with batch() as work:
            values = {"team_id": team, "signature": "x", "cause": SAID, "sentence": SAID, "failures": 1}
            new = sa.insert(Incident).values(**values, opened_at=work.now, last_at=work.now).returning(Incident.id)
            incident = work.connection.execute(new).scalar_one()
            touched = {"incident_id": incident, "task_id": task, "failures": 1, "run_id": run}
            work.connection.execute(sa.insert(IncidentTask).values(**touched, first_at=work.now, last_at=work.now))
            alerting.begin(work, f"failing:{task}", "failing", f"Morning digest failed: {SAID}", team, task_id=task)
            work.connection.execute(sa.update(Alert).values(incident_id=incident))
        return rows(Alert)[0].id


@pytest.fixture
def waiting(app, team):
    """A run that waits for a decision, and the alert of it."""
    with app.app_context():
        task = factories.task(team, "pay", label="Pay")
        run = factories.run(team, task, "waiting", reason="approval", sentence="Its worker vanished.", token=1)
        with batch() as work:
            alerting.begin(work, f"approval:{run}", "approval", "Pay waits.", team, task_id=task, run_id=run)
        return rows(Alert)[0].id


def offers(app, visit, alert):
    """The links that a message to somebody has, by purpose: their paths."""
    with app.app_context(), batch() as work:
        found = action_links.for_delivery(work, visit.id, alert, HOME)
    return {offer.purpose: offer.url.removeprefix(HOME) for offer in found}


def set_to(app, model, **values):
    with app.app_context(), batch() as work:
        work.connection.execute(sa.update(model).values(**values))


def stored(app, model, *where):
    with app.app_context():
        return rows(model, *where)


def nobody(app):
    return app.test_client()


# --- what is offered


def test_a_message_offers_what_its_reader_may_do(app, ada, ben, northgate, failed):
    assert list(offers(app, ada, failed)) == ["retry", "acknowledge", "snooze", "pause", "unsubscribe"]
    with app.app_context(), batch() as work:
        work.connection.execute(sa.update(Membership).where(Membership.person_id == ben.id).values(role="viewer"))
    assert list(offers(app, ben, failed)) == ["unsubscribe"]
    links = stored(app, ActionLink)
    assert all(len(link.token_hash) == 64 for link in links)
    lasts = {link.purpose: link.expires_at - link.created_at for link in links}
    assert (lasts["retry"], lasts["unsubscribe"]) == (timedelta(hours=24), timedelta(days=30))


def test_of_what_is_over_or_somebody_elses_nothing_but_silence_is_offered(app, ada, cid, northgate, failed):
    assert offers(app, cid, failed) == {}
    set_to(app, Incident, acknowledged_at=factories.ago(minutes=1))
    assert "acknowledge" not in offers(app, ada, failed)
    set_to(app, Incident, closed_at=factories.ago(minutes=1))
    assert list(offers(app, ada, failed)) == ["unsubscribe"]


def test_an_alert_of_the_installation_offers_silence(app, ada, northgate):
    with app.app_context(), batch() as work:
        alerting.begin(work, "clock:", "clock", "No clock is alive.", None)
    assert list(offers(app, ada, stored(app, Alert)[0].id)) == ["unsubscribe"]


# --- looking


def test_looking_changes_nothing_however_often_and_tells_nobody_the_address(app, ada, failed):
    for path in offers(app, ada, failed).values():
        for _ in range(10):
            answer = nobody(app).get(path)
            assert answer.status_code == nobody(app).head(path).status_code == 200
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert len(stored(app, Run)) == 1
    assert all(link.used_at is None for link in stored(app, ActionLink))
    assert stored(app, Task)[0].paused_at is None


def test_the_page_says_what_it_would_do_and_escapes_what_others_wrote(app, ada, failed):
    set_to(app, Task, name="<b>Digest</b>")
    page = nobody(app).get(offers(app, ada, failed)["retry"]).text
    assert "Run it again" in page
    assert SAID in page
    assert "&lt;b&gt;Digest" in page
    assert "<b>Digest" not in page


# --- pressing


def test_retry_starts_a_run_as_the_person_once_and_is_on_record(app, ada, northgate, failed):
    path = offers(app, ada, failed)["retry"]
    page = nobody(app).post(path)
    assert page.status_code == 200
    assert "Morning digest runs again, as #2." in page.text
    assert f"/t/{northgate}/runs/2" in page.text
    again = stored(app, Run)[1]
    assert (again.state, again.requested_by_id) == ("queued", ada.id)
    second = nobody(app).post(path)
    assert second.status_code == nobody(app).get(path).status_code == 410
    assert "This link was used already" in second.text
    assert len(stored(app, Run)) == 2
    entry = stored(app, Audit, Audit.action == "link_used")[0]
    assert (entry.person_id, entry.object, entry.data["purpose"]) == (ada.id, "#1 Morning digest", "retry")


def test_of_twenty_who_press_at_once_one_wins(app, ada, failed):
    path = offers(app, ada, failed)["retry"]
    with ThreadPoolExecutor(20) as pool:
        answers = [one.status_code for one in pool.map(lambda _: nobody(app).post(path), range(20))]
    assert answers.count(200) == 1
    assert set(answers) <= {200, 409, 410}
    assert len(stored(app, Run)) == 2


def test_acknowledge_snooze_pause_and_unsubscribe_do_so(app, ada, northgate, failed):
    links = offers(app, ada, failed)
    assert "You see to it" in nobody(app).post(links["acknowledge"]).text
    assert stored(app, Incident)[0].acknowledged_by_id == ada.id
    assert "until tomorrow 8:00" in nobody(app).post(links["snooze"]).text
    assert stored(app, Incident)[0].muted_until > factories.ago(hours=0)
    assert "Morning digest is paused" in nobody(app).post(links["pause"]).text
    assert stored(app, Task)[0].paused_by_id == ada.id
    one_click = nobody(app).post(links["unsubscribe"], data={"List-Unsubscribe": "One-Click"})
    assert "no more e-mail about this kind of event" in one_click.text
    assert "email" not in stored(app, Wish)[0].events["ways"]["failed"]


def test_a_decision_asks_for_a_sign_in_of_the_right_person(app, ada, ben, northgate, waiting):
    links = offers(app, ada, waiting)
    assert list(links)[:2] == ["approve", "reject"]
    page = nobody(app).post(links["approve"])
    assert f"/login?next={links['approve']}" in page.text
    assert "This link is for Ada Park." in ben.client.post(links["approve"]).text
    assert stored(app, Run)[0].state == "waiting"
    assert "Run #1 of Pay runs again." in ada.client.post(links["approve"]).text
    assert stored(app, Run)[0].state == "queued"
    late = ada.client.post(links["reject"])
    assert (late.status_code, "Run #1 was decided meanwhile." in late.text) == (409, True)
    assert stored(app, Run)[0].state == "queued"


# --- what has changed since


@pytest.mark.parametrize(
    ("state", "says"),
    [("succeeded", "as #2, and worked"), ("queued", "as #2, and has not ended yet"), ("failed", "")],
)
def test_a_run_that_was_retried_meanwhile_is_not_started_again(app, ada, failed, team, state, says):
    path = offers(app, ada, failed)["retry"]
    with app.app_context():
        factories.run(team, rows(Task)[0].id, state)
    shown, pressed = nobody(app).get(path), nobody(app).post(path)
    assert (shown.status_code, pressed.status_code) == ((409, 409) if says else (200, 200))
    assert says in shown.text
    assert len(stored(app, Run)) == (2 if says else 3)


def test_what_is_over_paused_or_seen_to_says_so(app, ada, failed):
    links = offers(app, ada, failed)
    set_to(app, Incident, acknowledged_at=factories.ago(minutes=1), acknowledged_by_id=ada.id)
    set_to(app, Task, paused_at=factories.ago(minutes=1))
    assert "Ada Park has acknowledged it already." in nobody(app).post(links["acknowledge"]).text
    assert "Morning digest is paused already." in nobody(app).post(links["pause"]).text
    set_to(app, Incident, closed_at=factories.ago(minutes=1), recovery="Morning digest works again.")
    assert "It is over. Morning digest works again." in nobody(app).post(links["snooze"]).text
    set_to(app, Task, deleted_at=factories.ago(minutes=1))
    assert "Morning digest was deleted." in nobody(app).post(links["retry"]).text
    assert all(link.used_at is None for link in stored(app, ActionLink))


def test_rights_are_asked_again_when_it_is_pressed(app, ada, failed):
    links = offers(app, ada, failed)
    set_to(app, Membership, role="viewer")
    assert nobody(app).post(links["retry"]).status_code == 403
    with app.app_context(), batch() as work:
        work.connection.execute(sa.delete(Membership).where(Membership.person_id == ada.id))
    assert "You may not do this any more" in nobody(app).post(links["pause"]).text
    assert len(stored(app, Run)) == 1


def test_one_that_was_refused_can_be_used_later(app, ada, failed, monkeypatch):
    path = offers(app, ada, failed)["retry"]
    monkeypatch.setattr("app.services.runs.asking.engines", {})
    assert nobody(app).post(path).status_code == 409
    monkeypatch.undo()
    assert nobody(app).post(path).status_code == 200


def test_unknown_and_run_out_are_one_page_each(app, ada, failed):
    path = offers(app, ada, failed)["retry"]
    set_to(app, ActionLink, expires_at=factories.ago(minutes=1))
    for visitor in (nobody(app), ada.client):
        assert visitor.post(path).status_code == visitor.get(path).status_code == 410
        assert "This link has run out" in visitor.get(path).text
        unknown = visitor.get("/a/never-made")
        assert (unknown.status_code, "This link is not known" in unknown.text) == (404, True)
        assert visitor.post("/a/never-made").status_code == 404
    assert len(stored(app, Run)) == 1


def test_it_goes_with_its_person(app, ada, failed):
    path = offers(app, ada, failed)["retry"]
    with app.app_context(), batch() as work:
        work.connection.execute(sa.delete(Person).where(Person.id == ada.id))
    assert nobody(app).get(path).status_code == 404
