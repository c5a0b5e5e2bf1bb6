"""Limits that hold, teams that take turns, priorities that starve nobody, and a deploy under load (E8, E9, I11)."""

import http.client
import json
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.infra import migrations, queues
from app.models.instance import Worker
from app.models.runs import Attempt, Run
from app.models.tasks import Schedule, Task
from app.models.teams import Pool, Team
from app.services.planned import AGEING
from app.services.unit import batch
from app.settings import ROOT, Settings
from tests import factories
from tests.bench import plan
from tests.factories import ago, rows
from tests.faults.conftest import all_ended, assert_promises_kept, queue, states
from tests.processes import eventually
from tests.servers import closed_port

pytestmark = pytest.mark.fault


def workers(house, count, slots):
    """Workers that carry out so many requests each, once they are there."""
    processes = [house.spawn("worker", CARILLON_IO_SLOTS=str(slots)) for _ in range(count)]
    eventually(lambda: len(rows(Worker)) == count, seconds=30)
    return processes


def end_what_waits():
    """Cancel what nobody needs any more, as a person does."""
    with batch() as work:
        values = {"state": "cancelled", "reason": "person", "sentence": "Cancelled.", "ended_at": work.now}
        waiting = sa.update(Run).where(Run.state.in_(("queued", "waiting"))).values(values)
        for run, team in work.connection.execute(waiting.returning(Run.id, Run.team_id)).all():
            work.tell("cancelled", team, run)


# --- E8


@pytest.mark.parametrize("queued", [pytest.param(500, marks=pytest.mark.always), pytest.param(10_000, id="10000")])
def test_e8_a_team_with_thousands_of_queued_runs_delays_another_by_a_turn(house, server, seen, queued):
    since = ago(seconds=1)
    took = 0.3
    many, few = (
        plan.tasks(team, 1, {"url": f"{server.url}/delay/{took}?of={name}", "method": "GET"})[0]
        for team, name in ((house.team, "many"), (factories.team("southgate"), "few"))
    )
    workers(house, 2, slots=2)
    plan.ask(house.team, many, queued)
    eventually(lambda: server.going[f"/delay/{took}?of=many"] == 4)
    (other,) = (row.team_id for row in rows(Task, Task.id == few[0]))
    plan.ask(other, few, 3)
    ids = [row.id for row in rows(Run, Run.team_id == other)]
    ended = all_ended(ids, seconds=10)
    first = min(row.started_at - row.queued_at for row in ended).total_seconds()
    at_once = most_at_once(rows(Attempt))
    assert at_once <= 4
    durations = [(row.ended_at - row.started_at).total_seconds() for row in rows(Run, Run.state == "succeeded")]
    mean = sum(durations) / len(durations)
    assert first <= 2 * mean, (first, mean)
    end_what_waits()
    eventually(lambda: not rows(Run, Run.state == "running"))
    seen(f"{queued:,} queued: the other team's first run started after {first:.2f} s, a mean run took {mean:.2f} s")
    assert_promises_kept(since)


def most_at_once(attempts):
    """How many attempts were on record as under way at one moment."""
    moves = [(row.started_at, 1) for row in attempts] + [(row.ended_at, -1) for row in attempts if row.ended_at]
    going = most = 0
    for _, move in sorted(moves):
        going += move
        most = max(most, going)
    return most


def test_e8_limits_hold_while_workers_die_and_calls_are_doubled(house, server, seen):
    since = ago(seconds=1)
    with batch() as work:
        times = {"created_at": work.now, "changed_at": work.now}
        work.connection.execute(sa.insert(Pool).values(team_id=house.team, name="site", slots=3, **times))
        work.connection.execute(sa.update(Team).where(Team.id == house.team).values(max_running=6))
    paths = {"pool": "/delay/0.2?in=pool", "task": "/delay/0.2?of=task", "any": "/delay/0.2"}
    limits = {"pool": {"pool": "site"}, "task": {"max_running": 2}, "any": {}}
    ids = []
    for name, path in paths.items():
        settings = {"url": server.url + path, "method": "GET"}
        task = factories.task(house.team, name=name, settings=settings, overlap="allow", **limits[name])
        ids += queue(house.team, task, 20, **limits[name])
    for _ in range(2):
        queues.enqueue([("io", queues.job_id(run, 1)) for run in ids[::3]])
    house.spawn("clock")
    first, *_ = workers(house, 2, slots=20)
    eventually(lambda: list(states(ids).values()).count("succeeded") > 5)
    house.kill(first)
    workers_left = house.spawn("worker", CARILLON_IO_SLOTS="20")
    ended = all_ended(ids, seconds=30)
    assert {row.state for row in ended} == {"succeeded"}
    most = {name: server.most[path] for name, path in paths.items()}
    assert most["pool"] == 3
    assert most["task"] == 2
    assert sum(most.values()) <= 3 + 2 + 6
    of_pool = [row.id for row in ended if row.pool == "site"]
    attempts = rows(Attempt)
    assert most_at_once([row for row in attempts if row.run_id in of_pool]) <= 3
    assert most_at_once(attempts) <= 6
    assert workers_left.poll() is None
    seen(f"60 runs, a worker killed, calls doubled: at most {most['pool']} of 3, {most['task']} of 2 at once")
    assert_promises_kept(since)


# --- E9


@contextmanager
def endless(team, task):
    """Keep some runs of the task queued, whatever the workers do."""
    is_over = threading.Event()

    def feed():
        while not is_over.wait(0.05):
            if list(states().values()).count("queued") < 30:
                queue(team, task, 10, priority=0)

    feeder = threading.Thread(target=feed)
    feeder.start()
    try:
        yield
    finally:
        is_over.set()
        feeder.join()


def test_e9_a_low_priority_run_starts_within_its_bound_under_endless_load(house, probe, seen):
    """It is queued as if it had waited most of its bound already: AGEING for each step of priority."""
    since = ago(seconds=1)
    high, low = probe("/delay/0.1", name="high"), probe("/delay/0.1", name="low")
    with endless(house.team, high):
        eventually(lambda: len(states()) > 20)
        left = timedelta(seconds=2)
        queued_at = ago(seconds=0) - 2 * AGEING + left
        (waits,) = queue(house.team, low, 1, priority=2, queued_at=queued_at)
        workers(house, 1, slots=2)
        eventually(lambda: rows(Run, Run.id == waits)[0].started_at, seconds=20)
        run = rows(Run, Run.id == waits)[0]
        late = (run.started_at - queued_at - 2 * AGEING).total_seconds()
        before = [row for row in rows(Run, Run.priority == 0) if row.started_at and row.started_at < run.started_at]
    assert before
    # Those of high priority that had come before its place in the queue are served first: they were few.
    ranked_first = len([row for row in rows(Run, Run.priority == 0) if row.queued_at < run.rank_at])
    assert late <= ranked_first * 0.15 / 2 + 2, late
    all_before = [row.queued_at for row in before]
    assert max(all_before) <= run.rank_at + timedelta(seconds=0.5)
    end_what_waits()
    eventually(lambda: not rows(Run, Run.state == "running"))
    seen(f"started {late:.1f} s after its bound of {2 * AGEING.total_seconds():.0f} s, before every later one")
    assert_promises_kept(since)


# --- I11


def ready(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


@pytest.mark.alike
def test_i11_a_rolling_restart_under_load_loses_nothing(house, server, seen):
    since = ago(seconds=1)
    for number in range(5):
        settings = {"url": f"{server.url}/delay/0.4", "method": "GET"}
        task = factories.task(house.team, f"task-{number}", settings=settings, overlap="allow")
        factories.schedule(house.team, task, "1s", overlap="allow", misfire="all")
    port = closed_port()
    up = house.spawn("up", "--port", str(port), CARILLON_PORT=str(port))
    eventually(lambda: "succeeded" in states().values(), seconds=30)
    before = {row.pid for row in rows(Worker)}
    began = time.monotonic()
    up.send_signal(signal.SIGHUP)
    asked = []
    while "Everything was replaced." not in house.log("up"):
        assert time.monotonic() - began < 60, house.log("up")
        asked.append(ready(port))
        time.sleep(0.1)
    took = time.monotonic() - began
    assert all(status == 200 and parts["clock"] and parts["worker"] for status, parts in asked)
    assert {row.pid for row in rows(Worker, Worker.stopped_at.is_(None))}.isdisjoint(before)
    with batch() as work:
        work.connection.execute(sa.update(Schedule).values(state="paused"))
    ended = all_ended()
    assert house.end(up, seconds=40) == 0
    assert {row.state for row in ended} == {"succeeded"}
    late = max((row.started_at - row.planned_at).total_seconds() for row in ended)
    interrupted = len(rows(Attempt, Attempt.state == "interrupted"))
    seen(f"{len(ended)} runs in {took:.0f} s: none failed, {interrupted} interrupted, the latest {late:.1f} s late")
    assert_promises_kept(since)


OLD_COLUMNS = (
    "team_id, number, task_id, version_id, key, trigger, planned_at, planned_local, lane, state, reason, sentence,"
    " folded_count, attempt, token, worker, queued_at, stop_mode, stop_reason, facts"
)
OLD_CLAIM = (
    "UPDATE runs SET state = 'running', token = token + 1, worker = 'of-before', lease_until = queued_at"
    " WHERE id = {run} AND state = 'queued' AND attempt = 1"
)


def test_i11_processes_of_the_version_before_go_on_beside_the_new_ones(house, probe, seen):
    """What the version before wrote has none of the new columns; what it claims, it claims by the run's own call."""
    since = ago(seconds=1)
    task = probe()
    ids = queue(house.team, task, 20)
    values = OLD_COLUMNS.replace("number, task_id", "number + 1000, task_id").replace("key,", "key || '-old',")
    with batch() as work:
        copied = f"INSERT INTO runs ({OLD_COLUMNS}) SELECT {values} FROM runs"
        work.connection.exec_driver_sql(copied)
        old = [row.id for row in work.connection.execute(sa.select(Run.id).where(Run.rank_at.is_(None)))]
        for run in old:
            work.enqueue(run, 1, "io")
            work.tell("queued", house.team, run)
        claimed = [ids[0], old[0]]
        for run in claimed:
            work.connection.exec_driver_sql(OLD_CLAIM.format(run=run))
            attempt = {"run_id": run, "number": 1, "token": 1, "state": "running", "worker": "of-before"}
            times = {"isolation": {}, "started_at": work.now}
            work.connection.execute(sa.insert(Attempt).values(attempt | times))
    assert len(old) == 20
    house.spawn("clock")
    workers(house, 2, slots=3)
    ended = all_ended([*ids, *old])
    assert {row.state for row in ended} == {"succeeded"}
    assert [row.attempt for row in ended if row.id in claimed] == [2, 2]  # that worker ended without a word
    assert {row.attempt for row in ended if row.id not in claimed} == {1}
    seen("40 runs, half of them written by the version before: all ended, one attempt each but for two it let go")
    assert_promises_kept(since)


@pytest.fixture
def old_database(backend, request, tmp_path):
    """A database as the version before left it, with some runs."""
    if backend == "sqlite":
        yield f"sqlite:///{tmp_path / 'before.db'}"
        return
    cluster = request.getfixturevalue("postgres_cluster")
    cluster.run("CREATE DATABASE carillon_before")
    yield cluster.url("carillon_before")
    cluster.run("DROP DATABASE carillon_before WITH (FORCE)")


def test_i11_a_migration_that_is_killed_completes_when_it_runs_again(old_database, key_file, tmp_path, seen):
    settings = Settings(data_dir=tmp_path, database_url=old_database, key_file=key_file)
    environ = {
        "DATABASE_URL": old_database, "CARILLON_DATA": str(tmp_path / "data"), "CARILLON_KEY_FILE": str(key_file),
        "PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "CARILLON_LOG_LEVEL": "error",
    }  # fmt: skip
    migrations.run(settings, "0002")
    engine = sa.create_engine(old_database, poolclass=sa.NullPool)

    def migrate(changes=None):
        """Migrate; killed after so many changes of tables."""
        program = [sys.executable, "-c", _MIGRATES if changes is None else _KILLED_WITHIN, str(changes)]
        return subprocess.run(program, env=environ, cwd=ROOT, capture_output=True, text=True, check=False)

    killed = 0
    for number in (1, 8, 20):
        done = migrate(number)
        killed += done.returncode == -signal.SIGKILL
        with engine.connect() as connection:
            versions = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalars().all()
            columns = {column["name"] for column in sa.inspect(connection).get_columns("runs")}
        assert (versions, "rank_at" in columns) == (["0002"], False), done.stderr
    done = migrate()
    assert done.returncode == 0, done.stderr
    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar() != "0002"
    engine.dispose()
    assert killed == 3
    seen(f"killed {killed} times in the middle: nothing half-done; then it completed")


_MIGRATES = "from app.cli.__main__ import main; import sys; sys.exit(main(['migrate']))"
_KILLED_WITHIN = f"""
import os, signal, sys
import sqlalchemy as sa
left = int(sys.argv[1])
def count(conn, cursor, statement, *_):
    global left
    left -= statement.lstrip().upper().startswith(("ALTER", "CREATE"))
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
sa.event.listen(sa.Engine, "after_cursor_execute", count)
{_MIGRATES}
"""
