"""The servers: PostgreSQL restarted and its sessions ended (PROMISES I4), Redis full, wrongly set or torn (I3)."""

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from http.client import HTTPConnection

import pytest
import redis as redis_client

from app.cli import up
from app.infra import database, queues, redis
from app.models.instance import Audit
from app.models.runs import Attempt
from app.services.execution import reconcile
from app.settings import ROOT
from tests import factories, postgres
from tests.cli.conftest import free_port
from tests.factories import ago, rows
from tests.faults.conftest import all_ended, assert_promises_kept, is_running, queue, states
from tests.processes import QUICK, Processes, eventually

pytestmark = pytest.mark.fault

# --- I4: PostgreSQL


class Server:
    """A PostgreSQL of one test, which can be restarted."""

    def __init__(self, folder):
        self.folder = folder
        self.cluster = postgres.start_own(folder)
        self.command = self.cluster.process.args

    def restart(self, away_seconds):
        """Stop it at once, as a crash or a failover does; start it again."""
        self.cluster.process.send_signal(signal.SIGQUIT)
        self.cluster.process.wait(20)
        time.sleep(away_seconds)
        account = postgres._account()
        owner = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if account else {}
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.cluster.process = subprocess.Popen(self.command, cwd="/", **quiet, **owner)
        postgres._wait(self.cluster)


@pytest.fixture
def server_of_its_own(home, request):
    made = Server(home / f"pg-{abs(hash(request.node.nodeid)) % 10**8}")
    yield made
    made.cluster.stop()


@pytest.fixture
def served(home, server_of_its_own, request):
    """Clock, worker and web over it."""
    # What was committed outlives the crash of the server, as it does wherever nobody turned that off.
    server_of_its_own.cluster.run("CREATE DATABASE carillon", "ALTER DATABASE carillon SET synchronous_commit = on")
    url = server_of_its_own.cluster.url("carillon")
    house = Processes(
        home / f"served-{abs(hash(request.node.nodeid)) % 10**8}",
        DATABASE_URL=url, CARILLON_PORT=str(free_port()), **QUICK,
    )  # fmt: skip
    try:
        house.start_redis(persists=False)
        house.migrate()
        with house.inside():
            house.team = factories.team()
            house.spawn("clock")
            house.spawn("worker")
            house.spawn("web")
            eventually(lambda: status(house) == 200, 30)
            yield house
    finally:
        house.close()


def status(house, path="/login"):
    """What web answers, and 0 when it does not."""
    try:
        with closing(HTTPConnection("127.0.0.1", int(house.environ["CARILLON_PORT"]), timeout=10)) as connection:
            connection.request("GET", path)
            answer = connection.getresponse()
            house.retry_after = answer.headers.get("Retry-After")
            return answer.status
    except OSError:
        return 0


def task_of(house, web, path, name):
    settings = {"url": web.url + path, "method": "GET"}
    return factories.task(house.team, name=name, settings=settings, overlap="allow", retries=2, retry_delay_seconds=0.1)


@pytest.mark.slow
def test_i4_a_short_outage_of_postgresql_loses_no_attempt_and_web_says_when_to_come_back(
    served, server_of_its_own, server, seen
):
    since = ago(seconds=1)
    factories.schedule(served.team, task_of(served, server, "/status/204", "often"), "1s", overlap="allow")
    long = queue(served.team, task_of(served, server, "/delay/4", "long"), 3)
    eventually(lambda: all(is_running(run) for run in long))
    answers = []
    server_of_its_own.cluster.process.send_signal(signal.SIGQUIT)
    server_of_its_own.cluster.process.wait(20)
    answers.append((status(served), served.retry_after))
    began = time.monotonic()
    server_of_its_own.restart(0.3)
    away = time.monotonic() - began
    database.dispose()
    eventually(lambda: status(served) == 200)
    healed = time.monotonic() - began
    ended = all_ended(long)
    assert answers == [(503, "5")]
    assert {(run.state, run.attempt, run.token) for run in ended} == {("succeeded", 1, 1)}
    before = len(states())
    eventually(lambda: len(states()) > before + 1)
    served.end(served.running[0])
    all_ended()
    assert_promises_kept(since)
    seen(f"away {away:.1f} s: 503 with Retry-After, web well again after {healed:.1f} s, 3 of 3 attempts kept")


@pytest.mark.slow
def test_i4_ended_sessions_are_opened_again_and_nothing_is_lost_or_doubled(served, server_of_its_own, server, seen):
    since = ago(seconds=1)
    runs = queue(served.team, task_of(served, server, "/delay/0.2", "many"), 40)
    ended = 0
    for _ in range(5):
        with database.read() as connection:
            own = "pid <> pg_backend_pid() AND datname = 'carillon'"
            found = connection.exec_driver_sql(
                f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE {own}"
            )
            ended += found.scalar_one()
        time.sleep(0.3)
    done = all_ended(runs)
    assert {run.state for run in done} == {"succeeded"}
    assert all(run.token == 1 for run in done)
    assert eventually(lambda: status(served) == 200)
    served.end(served.running[0])
    assert_promises_kept(since)
    seen(f"{ended} sessions ended in 5 rounds, 40 of 40 runs once each")


FORKS = """
import os, sys, warnings
warnings.simplefilter("ignore")
from app import bootstrap
from app.infra import database
from app.settings import read

def ask(connection):
    return connection.exec_driver_sql("SELECT count(*) FROM runs, pg_stat_ssl WHERE ssl").scalar_one()

with bootstrap.start(read()).app_context():
    with database.read() as held:
        secured = held.exec_driver_sql("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").scalar_one()
        for _ in range(int(sys.argv[1])):
            child = os.fork()
            if child == 0:
                with database.read() as own:
                    ask(own)
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
            ask(held)
    database.dispose()
print(secured)
"""


def test_i4_forked_children_leave_the_parents_tls_connection_alone(home, server_of_its_own, key_file, seen):
    data = server_of_its_own.folder / "pg"
    made = ["openssl", "req", "-new", "-x509", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    files = ["-out", data / "server.crt", "-keyout", data / "server.key"]
    subprocess.run([*made, *files], check=True, capture_output=True)
    account = postgres._account()
    for name in ("server.crt", "server.key"):
        (data / name).chmod(0o600)
        if account:
            os.chown(data / name, account.pw_uid, account.pw_gid)
    port = free_port()
    (data / "pg_hba.conf").write_text("local all all trust\nhostssl all all 127.0.0.1/32 trust\n")
    listen = ["-c", "ssl=on", "-c", "listen_addresses=127.0.0.1", "-c", f"port={port}"]
    server_of_its_own.command = [*server_of_its_own.command, *listen]
    server_of_its_own.cluster.base += f"&port={port}"
    server_of_its_own.restart(0)
    server_of_its_own.cluster.run("CREATE DATABASE carillon")
    url = f"postgresql+psycopg://carillon@127.0.0.1:{port}/carillon?sslmode=require"
    house = Processes(home / f"forks-{port}", DATABASE_URL=url, CARILLON_KEY_FILE=str(key_file))
    house.migrate()
    done = subprocess.run(
        [sys.executable, "-c", FORKS, "100"], env=house.environ, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.returncode) == ("True", 0), done.stderr
    assert "decryption" not in done.stderr
    seen("100 forked children and their parent asked in turn over TLS, no error")


# --- I3: Redis


@pytest.mark.alike
@pytest.mark.always
def test_i3_what_a_full_redis_refuses_is_queued_from_sql_when_it_has_room(house, probe, seen):
    since = ago(seconds=1)
    house.spawn("clock")
    house.spawn("worker")
    task = probe()
    eventually(lambda: redis.client().get(redis.EPOCH))
    full = redis.client()
    full.config_set("maxmemory", "1")
    refused = queue(house.team, task, 20)
    with pytest.raises(redis_client.ResponseError, match="maxmemory"):
        queues.enqueue([("io", "run-999999-1")])
    time.sleep(1)
    assert set(states(refused).values()) == {"queued"}
    assert rows(Attempt) == []
    full.config_set("maxmemory", "0")
    began = time.monotonic()
    ended = all_ended(refused)
    assert {run.state for run in ended} == {"succeeded"}
    assert len(rows(Attempt)) == 20
    assert_promises_kept(since)
    seen(f"20 of 20 stayed queued, none begun; all done {time.monotonic() - began:.1f} s after there was room")


@pytest.mark.alike
def test_i3_redis_that_can_not_write_its_file_holds_runs_up_and_loses_none(house, probe, seen):
    house.spawn("clock")
    house.spawn("worker")
    task = probe()
    eventually(lambda: redis.client().get(redis.EPOCH))
    server = redis.client()
    # As a full disk does: the snapshot that was asked for can't be written, and every write is refused (MISCONF).
    server.config_set("save", "1 1")
    (house.folder / "redis" / "dump.rdb").mkdir()
    server.set("carillon:x", "1")
    eventually(lambda: server.info("persistence")["rdb_last_bgsave_status"] == "err", 10)
    runs = queue(house.team, task, 5)
    with pytest.raises(redis_client.ResponseError, match="MISCONF"):
        server.set("carillon:x", "2")
    assert rows(Attempt) == []
    server.config_set("stop-writes-on-bgsave-error", "no")
    assert {run.state for run in all_ended(runs)} == {"succeeded"}
    assert len(rows(Attempt)) == 5
    seen("every write refused: 5 of 5 stayed queued; all done when it could write again")


@pytest.mark.alike
def test_i3_a_server_that_may_evict_is_told_at_the_start(house, capsys, seen):
    redis.client().config_set("maxmemory-policy", "allkeys-lru")
    up._try_redis(house.environ["REDIS_URL"])
    assert "may drop the queue (allkeys-lru)" in capsys.readouterr().err
    command = [sys.executable, "-m", "app.cli", "doctor"]
    said = subprocess.run(command, env=house.environ, cwd=ROOT, capture_output=True, text=True, check=False).stdout
    assert "Redis may drop the queue (allkeys-lru)" in said
    seen("told at the start and by doctor")


@pytest.mark.alike
@pytest.mark.parametrize("harm", ["cut", "corrupt"])
def test_i3_a_torn_file_of_the_queue_is_read_or_put_aside_and_the_queue_built_again(house, probe, harm, seen):
    house.kill_redis()
    house.start_redis(persists=True)
    task = probe()
    reconcile.note_epoch()
    runs = queue(house.team, task, 10)
    time.sleep(1.2)  # until its file has them: it is synced every second
    house.kill_redis()
    (file,) = (house.folder / "redis" / "appendonlydir").glob("*.incr.aof")
    content = file.read_bytes()
    file.write_bytes(content[:-7] if harm == "cut" else b"*9\r\n$x\r\n" + content[40:])
    house.start_redis(persists=True)
    was_put_aside = (house.folder / "redis" / "appendonlydir.damaged").exists()
    assert was_put_aside is (harm == "corrupt")
    house.spawn("clock")
    house.spawn("worker")
    assert {run.state for run in all_ended(runs)} == {"succeeded"}
    assert len(rows(Attempt)) == 10
    assert ("redis_rebuilt" in [entry.action for entry in rows(Audit)]) is was_put_aside
    seen("put aside and built again from SQL" if was_put_aside else "read up to the tear, the rest from SQL")
