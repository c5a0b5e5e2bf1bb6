"""Alive, ready, numbers."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from app.factory import create_app
from app.models.instance import Fact, Leader
from app.services import counting, dispatch, workers
from app.services.audit import chain
from app.services.execution import claims, outcomes
from app.services.unit import batch, unit
from tests import factories


def begin_work(app):
    values = {
        "name": "w1",
        "host": "here",
        "pid": 1,
        "io_slots": 4,
        "code_slots": 2,
        "busy": 0,
        "isolation": {"level": 1, "lacks": ["other runs' files"], "command": "apt install bubblewrap"},
    }
    with app.app_context():
        workers.arrive(values)
        with unit() as work:
            work.session.add(
                Leader(name="clock", holder="c1", epoch=1, lease_until=datetime.now(UTC) + timedelta(seconds=5))
            )


def test_alive_says_so_without_looking_anywhere(client):
    assert client.get("/healthz").json == {"alive": True}


def test_ready_names_what_is_missing(client):
    answer = client.get("/readyz")
    assert answer.status_code == 200  # pages are there; clock and worker are other processes
    assert answer.json == {
        "ready": True, "database": True, "tables": True, "redis": True, "clock": False, "worker": False,
    }  # fmt: skip


@pytest.mark.parametrize(("found", "is_ready"), [("0001", False), ("9999", True), (None, False)])
def test_ready_unless_a_migration_of_this_version_is_lacking(app, client, found, is_ready):
    with app.app_context(), unit() as work:
        work.session.execute(sa.text("DELETE FROM alembic_version"))
        if found:
            work.session.execute(sa.text("INSERT INTO alembic_version VALUES (:it)"), {"it": found})
    answer = client.get("/readyz")
    assert (answer.json["tables"], answer.status_code) == (is_ready, 200 if is_ready else 503)


def test_ready_with_clock_and_worker(app, client):
    begin_work(app)
    answer = client.get("/readyz")
    assert answer.status_code == 200, answer.json
    assert all(answer.json.values())


def test_not_ready_without_redis(settings, app):
    begin_work(app)
    lonely = create_app(replace(settings, redis_url="unix:///nonexistent/redis.sock"))
    answer = lonely.test_client().get("/readyz")
    assert answer.status_code == 503
    assert answer.json["redis"] is False


def test_numbers_for_prometheus(app, client):
    begin_work(app)
    text = client.get("/metrics").text
    assert 'carillon_runs{state="queued"} 0.0' in text
    assert 'carillon_queue_depth{queue="io"}' in text
    assert "carillon_workers 1.0" in text
    assert "carillon_clocks 0.0" in text
    assert "process_cpu_seconds_total" in text


def test_the_workers_page_says_what_isolation_lacks(app, ada):
    begin_work(app)
    page = ada.get(f"/t/{ada.slug}/settings/workers").text
    assert "Level 1" in page
    assert "other runs&#39; files" in page
    assert "apt install bubblewrap" in page


def test_the_workers_page_says_when_the_queue_is_away(settings, app, ada):
    lonely = create_app(replace(settings, redis_url="unix:///nonexistent/redis.sock")).test_client()
    lonely.set_cookie("carillon", ada.client.get_cookie("carillon").value)
    page = lonely.get(f"/t/{ada.slug}/settings/workers")
    assert page.status_code == 200
    assert "The queue is unavailable" in page.text


def test_without_the_database_pages_say_so_and_when_to_come_back(settings, app):
    away = create_app(replace(settings, database_url="sqlite:////nonexistent/carillon.db"))
    client = away.test_client()
    client.set_cookie("carillon", "somebody")
    page = client.get("/me/profile")
    assert page.status_code == 503
    assert page.headers["Retry-After"] == "5"
    assert "The database is away." in page.text
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").json["database"] is False


def test_a_bug_shows_a_reference_and_nothing_else(app, ada, capfd):
    def broken():
        raise RuntimeError("inner words")

    app.add_url_rule("/me/broken", view_func=broken)
    page = ada.get("/me/broken")
    assert page.status_code == 500
    assert "inner words" not in page.text
    part = ada.get("/me/broken", headers={"HX-Request": "true"})
    assert part.text.startswith('<div class="note')


# --- the numbers of promises


def value_of(client, name):
    """The value of a series of /metrics, as it is written there."""
    lines = client.get("/metrics").text.splitlines()
    return next((float(line.rpartition(" ")[2]) for line in lines if line.rpartition(" ")[0] == name), None)


def test_lateness_is_a_histogram_of_what_was_queued(app, client):
    with app.app_context():
        team = factories.team()
        for number, late in enumerate((0.02, 0.02, 20.0)):
            task = factories.task(team, name=f"t{number}", overlap="allow")
            factories.schedule(team, task, "1h", since=factories.ago(hours=1, seconds=late))
        dispatch.fire_due(dispatch.lead("clock", "tests", timedelta(seconds=10)), timedelta(seconds=10))
    assert value_of(client, 'carillon_lag_seconds_bucket{le="10"}') == 2
    assert value_of(client, 'carillon_lag_seconds_bucket{le="+Inf"}') == 3
    assert value_of(client, "carillon_lag_seconds_count") == 3
    assert 20 < value_of(client, "carillon_lag_seconds_sum") < 25


def test_what_was_lost_and_refused_is_counted(app, client):
    with app.app_context():
        team = factories.team()
        run = factories.run(team, factories.task(team))
        with batch() as work:
            held = claims.claim(work, [(run, 1)], "w1", timedelta(seconds=10))[0]
        with batch() as work:
            outcomes.lose(work, run, held.token)
        with batch() as work:
            counting.count(work, "writes_refused", 2)
    assert value_of(client, "carillon_leases_lost_total") == 1
    assert value_of(client, "carillon_writes_refused_total") == 2


def test_what_did_not_happen_is_counted_by_its_reason(app, client):
    with app.app_context():
        team = factories.team()
        task = factories.task(team)
        now = factories.ago()
        for state, reason, many in (("skipped", "overlap", 1), ("missed", "folded", 40), ("succeeded", "ok", 1)):
            factories.run(team, task, state, reason=reason, folded_count=many, ended_at=now)
        factories.run(team, task, "skipped", reason="overlap", ended_at=now, planned_at=factories.ago(days=2))
    assert value_of(client, 'carillon_runs_last_day{reason="overlap",state="skipped"}') == 1
    assert value_of(client, 'carillon_runs_last_day{reason="folded",state="missed"}') == 40
    assert value_of(client, 'carillon_runs_last_day{reason="ok",state="succeeded"}') == 1


def test_alerts_watchdog_and_audit_are_numbers_too(app, client):
    assert value_of(client, "carillon_watchdog_seconds") is None
    with app.app_context(), batch() as work:
        work.audit("tested", "metrics")
        seen = work.now - timedelta(seconds=30)
        work.connection.execute(sa.insert(Fact).values(name="watchdog", value={}, at=seen))
    assert 30 <= value_of(client, "carillon_watchdog_seconds") < 40
    assert value_of(client, "carillon_audit_unsealed") == 1
    assert value_of(client, "carillon_clock_skew_seconds") == 0
    assert value_of(client, 'carillon_deliveries{state="failed"}') == 0
    with app.app_context():
        chain.seal_new()
    assert value_of(client, "carillon_audit_unsealed") == 0
