"""Alerts that come though the clock is dead, once each, and the silence that tells of a dead watchdog (O2, O3, O4, E14)."""

import sqlite3
import time
from contextlib import closing, contextmanager
from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.domain.alert_rules import EVENTS
from app.models.instance import Leader
from app.models.people import Person
from app.models.runs import Alert, Delivery, Run
from app.models.tasks import TaskVersion
from app.models.telling import Wish
from app.services import alerting
from app.services.unit import batch
from tests import factories
from tests.factories import ago, rows
from tests.faults.conftest import all_ended, assert_promises_kept, is_running, queue
from tests.mailboxes import mail_server
from tests.processes import eventually

pytestmark = pytest.mark.fault


@pytest.fixture(autouse=True)
def box():
    """Before all else, so that it outlives the processes that talk to it."""
    with mail_server() as running:
        yield running


@pytest.fixture
def watchdog(house, box):
    """Start a watchdog that tells by e-mail; returns its process.

    The people of the house want to hear in the app alone, so that the installation's own address is told.
    """
    wish = {"events": {"ways": {event: ["app"] for event in EVENTS}}, "quiet": {}, "reach": "mine", "after": 1}
    with batch() as work:
        for person in work.connection.execute(sa.select(Person.id)).scalars().all():
            work.connection.execute(sa.insert(Wish).values(wish | {"person_id": person, "changed_at": work.now}))

    def start(**variables):
        return house.spawn(
            "watchdog", CARILLON_WATCH_SECONDS="0.3", CARILLON_SMTP_URL=box.url,
            CARILLON_ALERT_EMAIL="ops@northgate.example", **variables,
        )  # fmt: skip

    return start


def mails(box, words):
    return [subject for subject in box.subjects if words in subject]


def is_listening(house):
    return house.settings.watchdog_file.exists()


@contextmanager
def planned_in(house, task, seconds, **policy):
    """A schedule that is due in so many seconds, and then only after an hour; gives the planned time."""
    since = ago(hours=1) + timedelta(seconds=seconds)
    factories.schedule(house.team, task, "1h", since=since, **policy)
    yield since + timedelta(hours=1)


def test_o2_with_clock_and_redis_dead_a_run_that_does_not_start_is_told(house, probe, box, watchdog, seen):
    since = ago(seconds=1)
    clock = house.spawn("clock")
    watchdog()
    eventually(lambda: is_listening(house) and rows(Leader))
    house.kill(clock)
    house.kill_redis()
    task = probe(name="digest", start_alert_seconds=2)
    with planned_in(house, task, 1, start_alert_seconds=2) as at:
        eventually(lambda: mails(box, "digest, planned"), seconds=16)
        took = -(at + timedelta(seconds=2) - ago()).total_seconds()
    assert mails(box, "digest, planned")[0].endswith("has not started: no clock is alive.")
    assert took <= 10
    eventually(lambda: mails(box, "No clock is alive since"))
    eventually(lambda: mails(box, "Redis does not answer"), seconds=10)
    seen(f"told {took:.1f} s after the time it should have started by; dead clock and Redis told, too")
    time.sleep(1)
    assert len(box.subjects) == 3
    assert_promises_kept(since)


@pytest.mark.always
def test_o2_when_the_watchdog_dies_its_heartbeat_stops(house, server, watchdog, seen):
    since = ago(seconds=1)
    beat = {"CARILLON_HEARTBEAT_URL": f"{server.url}/status/204?from=carillon", "CARILLON_HEARTBEAT_SECONDS": "0.3"}
    dog = watchdog(**beat)
    time.sleep(1)
    assert server.requests == []  # neither clock nor worker is there: not all is well
    house.spawn("clock")
    house.spawn("worker")
    eventually(lambda: len(server.requests) > 3)
    house.kill(dog)
    before = len(server.requests)
    time.sleep(1)
    assert len(server.requests) <= before + 1
    seen("asked every 0.3 s while all was well; never again after kill -9")
    assert_promises_kept(since)


def test_o3_a_run_that_takes_too_long_is_told_once_each_and_when_it_ends(house, probe, server, box, watchdog, seen):
    since = ago(seconds=1)
    task = probe("/delay/20", name="digest", finish_alert_seconds=2)
    for number in range(12):
        at = ago(days=2, hours=number)
        values = {"planned_at": at, "started_at": at, "ended_at": at + timedelta(seconds=0.2)}
        factories.run(house.team, task, "succeeded", reason="ok", sentence="Done.", **values)
    watchdog()
    house.spawn("worker")
    (run,) = queue(house.team, task)
    eventually(lambda: is_running(run))
    (row,) = rows(Run, Run.id == run)
    eventually(lambda: mails(box, "has not finished"))
    late = (ago() - row.planned_at).total_seconds()
    eventually(lambda: mails(box, "longer than it usually does"))
    slow = (ago() - row.started_at).total_seconds()
    time.sleep(1)
    server.released.set()
    all_ended([run])
    eventually(lambda: len(mails(box, "digest has ended: succeeded.")) == 2)
    assert len(mails(box, "digest")) == 4
    assert late < 2 + 10
    assert slow < 5.6 + 10
    seen(f"not finished by 2 s told after {late:.1f} s, longer than usual (5.6 s) after {slow:.1f} s, each once")
    assert_promises_kept(since)


def test_o4_failures_in_a_row_are_one_alert_and_one_recovery(house, probe, server, box, watchdog, seen):
    since = ago(seconds=1)
    task = probe("/status/404", name="digest", alert_after=2, retries=0)
    watchdog()
    house.spawn("worker")
    for _ in range(5):
        all_ended(queue(house.team, task))
    mended = _mended(task, f"{server.url}/status/204")
    all_ended(queue(house.team, task, version_id=mended))
    eventually(lambda: mails(box, "works again"))
    time.sleep(1)
    failed, again = [subject for subject in box.subjects if "digest" in subject]
    assert failed.startswith("[Northgate] digest failed")
    assert again == "[Northgate] digest works again after 5 failures in a row."
    seen("5 failures and a success: 1 alert after the 2nd, 1 recovery")
    assert_promises_kept(since)


def _mended(task, url):
    """A new version of a task that asks another address; returns its id."""
    with batch() as work:
        row = work.connection.execute(sa.select(TaskVersion).where(TaskVersion.task_id == task)).mappings().one()
        definition = row["definition"] | {"settings": {"url": url, "method": "GET"}}
        values = {name: row[name] for name in ("team_id", "task_id", "author_id", "created_at")}
        values |= {"number": 2, "definition": definition}
        return work.connection.execute(sa.insert(TaskVersion).values(values).returning(TaskVersion.id)).scalar_one()


@pytest.mark.always
def test_e14_one_bad_row_among_the_messages_does_not_stop_the_others(house, box, watchdog, seen):
    since = ago(seconds=1)
    with batch() as work:
        for number in range(3):
            alerting.begin(work, f"breaker:{number}", "breaker", f"Job {number} failed.", house.team)
        bad, strange, _ = work.connection.execute(sa.select(Alert.id).order_by(Alert.id)).scalars()
        # A time that Python can't even read.
        far = "garbage" if work.connection.dialect.name == "sqlite" else "infinity"
        work.connection.exec_driver_sql(f"UPDATE alerts SET at = '{far}' WHERE id = {bad}")
        row = {"alert_id": strange, "channel": "pigeon", "is_recovery": False, "state": "waiting", "tries": 0}
        work.connection.execute(
            sa.insert(Delivery).values(row | {"next_try_at": work.now, "problem": "", "at": work.now})
        )
    watchdog()
    eventually(lambda: len(mails(box, "Job")) == 2)
    assert sorted(mails(box, "Job")) == ["[Northgate] Job 1 failed.", "[Northgate] Job 2 failed."]

    def has_given_up():
        with batch() as work:  # no minutes between the tries
            work.connection.execute(sa.update(Delivery).where(Delivery.state == "waiting").values(next_try_at=work.now))
        return not rows(Delivery, Delivery.state == "waiting")

    eventually(has_given_up)
    found = {(row.alert_id, row.channel): (row.state, row.tries) for row in rows(Delivery)}
    assert (found[bad, "email"], found[strange, "pigeon"]) == (("failed", 5), ("failed", 0))
    assert len(mails(box, "Job")) == 2
    seen("1 of 3 can't be read: set aside after 5 tries; 2 of 2 others sent once")
    assert_promises_kept(since)


@pytest.fixture
def no_database(house, backend, request):
    """A block in which the watchdog can't work with its database: SQLite locked, PostgreSQL letting nobody in."""

    @contextmanager
    def sqlite():
        with closing(sqlite3.connect(house.settings.sqlite_file)) as holder:
            holder.execute("BEGIN IMMEDIATE")
            yield

    @contextmanager
    def postgresql():
        name = sa.make_url(house.settings.sql_url).database
        cluster = request.getfixturevalue("postgres_cluster")
        cluster.run(
            f"ALTER DATABASE {name} ALLOW_CONNECTIONS false",
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'",
        )
        yield
        cluster.run(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")

    return sqlite if backend == "sqlite" else postgresql


def test_o2_while_the_database_is_away_it_is_told_from_memory(house, box, watchdog, no_database, seen):
    since = ago(seconds=1)
    watchdog()
    eventually(lambda: is_listening(house))
    with no_database():
        gone = time.monotonic()
        eventually(lambda: mails(box, "The database does not answer since"))
        took = time.monotonic() - gone
    eventually(lambda: mails(box, "sees again that the database works"))
    assert took <= 10
    (alert,) = rows(Alert, Alert.kind == "database")
    assert alert.ended_at is not None
    seen(f"told {took:.1f} s after the database was gone, and again when it was back; on record then")
    assert_promises_kept(since)


def test_two_watchdogs_send_each_message_once(house, box, watchdog):
    watchdog()
    watchdog()
    with batch() as work:
        for number in range(8):
            alerting.begin(work, f"breaker:{number}", "breaker", f"Job {number} failed.", house.team)
    eventually(lambda: len(mails(box, "Job")) >= 8)
    with batch() as work:
        for number in range(8):
            alerting.end(work, f"breaker:{number}", f"Job {number} works again.")
    eventually(lambda: len(mails(box, "Job")) >= 16)
    time.sleep(1)
    assert len(set(mails(box, "Job"))) == len(mails(box, "Job")) == 16


@pytest.mark.alike
def test_e14_a_channel_that_takes_its_time_delays_no_other(house, server, box, watchdog, seen):
    since = ago(seconds=1)
    watchdog(CARILLON_ALERT_WEBHOOK=f"{server.url}/delay/20")
    eventually(lambda: is_listening(house))
    began = time.monotonic()
    with batch() as work:
        alerting.begin(work, "breaker:1", "breaker", "Job 1 failed.", house.team)
    eventually(lambda: server.requests and mails(box, "Job"))
    took = time.monotonic() - began
    assert rows(Delivery, Delivery.channel == "webhook")[0].state == "waiting"
    assert mails(box, "Job") == ["[Northgate] Job 1 failed."]
    server.released.set()
    seen(f"the webhook held for 20 s, the e-mail sent after {took:.1f} s")
    assert_promises_kept(since)


def test_two_watchdogs_tell_a_person_each_thing_once(house, box, watchdog):
    with batch() as work:
        work.connection.execute(sa.delete(Wish))
    watchdog()
    watchdog()
    with batch() as work:
        for number in range(8):
            alerting.begin(work, f"breaker:{number}", "breaker", f"Job {number} failed.", house.team)

    def counts():
        texts = [kept.mail.get_body(("plain",)).get_content() for kept in box.mails]
        lines = [line.removeprefix("- ") for text in texts for line in text.splitlines()]
        return [lines.count(f"Job {number} failed.") for number in range(8)]

    eventually(lambda: all(counts()))
    time.sleep(1)
    assert counts() == [1] * 8
