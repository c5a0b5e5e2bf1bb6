"""Alerts on their page and on Today: open and past, how each message fares, and only for who may see them."""

import sqlalchemy as sa

from app.models.instance import Fact
from app.models.runs import Alert, Delivery
from app.services import alerting
from app.services.unit import batch
from tests import factories
from tests.factories import rows


def begin(app, visit, slug, key="slow:1", sentence="Morning digest runs longer than it usually does.", **more):
    team = visit.actor(app, slug).team_id if slug else None
    with app.app_context(), batch() as work:
        alerting.begin(work, key, key.partition(":")[0], sentence, team, **more)
        return work.connection.execute(sa.select(Alert.id).where(Alert.key == key)).scalar_one()


def deliver(app, alert, state, problem="", channel="email"):
    with app.app_context(), batch() as work:
        row = {"alert_id": alert, "is_recovery": False, "channel": channel, "state": state, "tries": 2, "at": work.now}
        row |= {"problem": problem, "sent_at": work.now, "next_try_at": work.now}
        work.connection.execute(sa.insert(Delivery).values(row))


def beat(app, *channels):
    with app.app_context(), batch() as work:
        work.connection.execute(
            sa.insert(Fact).values(name="watchdog", value={"channels": list(channels)}, at=work.now)
        )


def test_an_open_alert_leads_to_its_run_and_says_how_it_was_told(app, ada, northgate):
    team = ada.actor(app, northgate).team_id
    with app.app_context():
        task = factories.task(team, name="digest", label="Morning digest")
        run = factories.run(team, task, "running")
    alert = begin(app, ada, northgate, task_id=task, run_id=run)
    deliver(app, alert, "sent")
    deliver(app, alert, "failed", "hooks.example answered 500.", "webhook")
    page = ada.get(f"/t/{northgate}/alerts").text
    assert "Morning digest runs longer than it usually does." in page
    assert f'href="/t/{northgate}/runs/1"' in page
    assert "E-mail:" in page
    assert "after 2 tries: hooks.example answered 500." in page
    assert "No alert so far." in page
    today = ada.get(f"/t/{northgate}/today").text
    assert "Morning digest runs longer than it usually does." in today


def test_a_past_alert_says_how_it_ended_and_leaves_today(app, ada, northgate):
    begin(app, ada, northgate)
    with app.app_context(), batch() as work:
        alerting.end(work, "slow:1", "Morning digest has ended: succeeded.")
    page = ada.get(f"/t/{northgate}/alerts").text
    assert "Nothing is wrong." in page
    assert "Morning digest has ended: succeeded." in page
    assert "longer than it usually" not in ada.get(f"/t/{northgate}/today").text


def test_older_ones_are_a_page_away(app, ada, northgate):
    for number in range(51):
        begin(app, ada, northgate, f"slow:{number}", f"Job {number} is slow.")
    with app.app_context(), batch() as work:
        work.connection.execute(sa.update(Alert).values(ended_at=work.now))
    first = ada.get(f"/t/{northgate}/alerts").text
    assert "Job 50 is slow." in first
    assert "Job 0 is slow." not in first
    older = first.partition('rel="next" href="')[2].partition('"')[0]
    assert "Job 0 is slow." in ada.get(older).text


def test_it_says_who_tells(app, ada, northgate):
    address = f"/t/{northgate}/alerts"
    assert "The watchdog is away: nobody is told." in ada.get(address).text
    beat(app)
    assert "This Carillon sends no e-mail" in ada.get(address).text
    with app.app_context(), batch() as work:
        work.connection.execute(sa.update(Fact).values(value={"channels": ["email", "webhook"]}))
    found = ada.get(address).text
    assert "Whom it concerns is told once" in found
    assert "sends no e-mail" not in found


def test_a_team_sees_its_own_and_who_looks_after_all_sees_the_rest(app, ada, ben, cid, northgate):
    begin(app, ada, northgate, sentence="Digest is slow.")
    begin(app, ada, None, "clock:", "No clock is alive.")
    for visit, slug, sees in [
        (ada, ada.slug, "clock"),
        (ada, northgate, "both"),
        (ben, northgate, "team"),
        (cid, cid.slug, ""),
    ]:
        page = visit.get(f"/t/{slug}/alerts").text
        assert ("Digest is slow." in page) == (sees in {"team", "both"}), (slug, sees)
        assert ("No clock is alive." in page) == (sees in {"clock", "both"}), (slug, sees)
    assert cid.get(f"/t/{northgate}/alerts").status_code == 404
    with app.app_context():
        assert len(rows(Alert)) == 2
