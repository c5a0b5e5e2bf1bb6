"""Several hosts, which share the database, Redis and the key file alone: namespaces with a network of their own."""

import hashlib
import json
import re
import subprocess
import sys
import time
from types import SimpleNamespace
from urllib.parse import quote

import pytest

from app.infra import valkey, vault
from app.models.instance import Clock, Leader, Worker
from app.models.runs import Artifact, Attempt, Run
from app.services import accounts
from app.services.unit import batch
from tests import factories, namespaces, postgres
from tests.factories import ago, rows
from tests.faults.conftest import all_ended, assert_promises_kept, is_running
from tests.processes import QUICK, Processes, eventually

WHY_NOT = namespaces.why_not()

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)]

PORT = "8700"
PASSWORD = "only-for-tests"

MAKES = """
mkdir -p artifacts
sleep "${NAP:-0}"
echo "made by $CARILLON_RUN_ID" > artifacts/report.txt
head -c 3000000 /dev/zero >> artifacts/report.txt
"""


@pytest.fixture
def hosts(home, request):
    """Hosts `store` (PostgreSQL, Valkey), `front`, `east` and `west`; the test is inside a context over their data."""
    folder = home / f"hosts-{abs(hash(request.node.nodeid)) % 10**8}"
    folder.mkdir(mode=0o711)
    vault.create_key(folder / "key")
    with namespaces.network() as network:
        made = SimpleNamespace(**{name: network.add(name) for name in ("store", "front", "east", "west")})
        cluster = postgres.start_own(folder, made.store.address, made.store.enter)
        queue = _start_valkey(folder, made.store)
        try:
            cluster.run("CREATE DATABASE carillon")
            given = {
                "DATABASE_URL": f"postgresql+psycopg://carillon@{made.store.address}/carillon",
                "REDIS_URL": f"redis://:{PASSWORD}@{made.store.address}:6379/0",
                "CARILLON_KEY_FILE": str(folder / "key"),
                "CARILLON_STORAGE": "database",
                "CARILLON_HOST": made.front.address,
                "CARILLON_PORT": PORT,
            }
            for host in network.hosts:
                host.runs = Processes(folder / host.name, host.enter, **QUICK, **given)
            # Sockets in the file system lead to the same servers from outside.
            made.here = Processes(folder / "here", **given, **QUICK)
            made.here.environ["DATABASE_URL"] = cluster.url("carillon")
            made.here.environ["REDIS_URL"] = f"unix://:{quote(PASSWORD)}@{folder / 'valkey' / 'redis.sock'}"
            made.here.migrate()
            with made.here.inside() as app:
                made.app = app
                made.team = factories.team()
                made.ada = factories.owner(made.team)
                yield made
        finally:
            for host in network.hosts:
                host.runs.close()
            queue.terminate()
            queue.wait()
            cluster.stop()


def _start_valkey(folder, host):
    (folder / "valkey").mkdir()
    options = {
        "bind": host.address, "port": "6379", "unixsocket": str(folder / "valkey" / "redis.sock"), "dir": str(folder),
        "requirepass": PASSWORD, "appendonly": "no", "save": "", "maxmemory-policy": "noeviction",
    }  # fmt: skip
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen([*host.enter, valkey.binary(), *words], **quiet)


def ask_for(hosts, name, nap="0"):
    """A person asks for a run of a script that makes a file; returns the run's id."""
    settings = {"script": MAKES, "interpreter": "bash", "env": {"NAP": nap}}
    task = factories.task(hosts.team, name=name, engine="shell", settings=settings, retries=2, retry_delay_seconds=0.1)
    run = factories.run(hosts.team, task, lane="code")
    with batch() as work:
        work.enqueue(run, 1, "code")
    return run


FETCH = """
import http.client, sys
connection = http.client.HTTPConnection(sys.argv[1], int(sys.argv[2]), timeout=20)
connection.request("GET", sys.argv[3], headers={"Cookie": "carillon=" + sys.argv[4]})
answer = connection.getresponse()
sys.stderr.write(str(answer.status))
sys.stdout.buffer.write(answer.read())
"""


def fetch(hosts, path, sign_in=""):
    """Ask web for a page from another host; returns (status, body)."""
    command = [*hosts.west.enter, sys.executable, "-c", FETCH, hosts.front.address, PORT, path, sign_in]
    done = subprocess.run(command, capture_output=True, check=False)
    return done.stderr.decode()[-3:], done.stdout


def sign_in(hosts):
    """The token of somebody who owns the team."""
    link = accounts.sign_in_link(f"ada-{hosts.team}@x.example").rpartition("/")[2]
    return accounts.sign_in_by_link(link, accounts.Browser("10.0.0.1", "Firefox"))


def host_of(run):
    """The host whose worker holds a run."""
    (worker,) = rows(Worker, Worker.name == rows(Run, Run.id == run)[0].worker)
    return worker.host


def test_what_one_host_made_is_downloaded_from_another(hosts):
    since = ago(seconds=1)
    hosts.front.runs.spawn("web")
    for host in (hosts.east, hosts.west):
        host.runs.spawn("clock")
        host.runs.spawn("worker")
    eventually(lambda: fetch(hosts, "/readyz")[0] == "200", seconds=30)
    ready = eventually(lambda: (answer := json.loads(fetch(hosts, "/readyz")[1]))["worker"] and answer, seconds=30)
    assert all(ready.values())
    eventually(lambda: {row.host for row in rows(Worker)} == {row.host for row in rows(Clock)} == {"east", "west"})
    runs = [ask_for(hosts, f"report-{number}") for number in range(6)]
    assert {run.state for run in all_ended(runs, seconds=40)} == {"succeeded"}
    token = sign_in(hosts)
    for run in rows(Run):
        (artifact,) = rows(Artifact, Artifact.run_id == run.id)
        status, content = fetch(hosts, f"/t/northgate/runs/{run.number}/files/{artifact.name}", token)
        assert (status, hashlib.sha256(content).hexdigest()) == ("200", artifact.digest)
        assert content.startswith(f"made by {run.id}\n".encode())
    (leader,) = rows(Leader)
    (clock,) = rows(Clock, Clock.name == leader.holder)
    getattr(hosts, clock.host).runs.running[0].kill()  # the clock was started first
    eventually(lambda: rows(Leader)[0].epoch > leader.epoch, seconds=10)
    assert_promises_kept(since)


def test_a_host_that_is_cut_off_loses_its_run_to_another_and_changes_nothing_afterwards(hosts):
    since = ago(seconds=1)
    hosts.front.runs.spawn("clock")
    for host in (hosts.east, hosts.west):
        host.runs.spawn("worker", CARILLON_CODE_SLOTS="1")
    eventually(lambda: len(rows(Worker)) == 2, seconds=30)
    run = ask_for(hosts, "slow", nap="4")
    eventually(lambda: is_running(run))
    lost, other = (hosts.east, hosts.west) if host_of(run) == "east" else (hosts.west, hosts.east)
    lost.cut()
    cut_at = time.monotonic()
    eventually(lambda: [row.state for row in rows(Attempt)][:1] == ["lost"], seconds=15)
    # A lease of 2 s and 1.4 s unseen, looked at every 0.4 s. A lease that was just being renewed adds a moment.
    assert time.monotonic() - cut_at < 8
    (ended,) = all_ended([run], seconds=30)
    assert (ended.state, ended.attempt) == ("succeeded", 2)
    assert host_of(run) == other.name
    lost.mend()
    eventually(lambda: re.search("stale_token|lease_lost", lost.runs.log("worker")), seconds=60)
    time.sleep(1)
    assert [(row.token, row.state) for row in rows(Attempt)] == [(1, "lost"), (2, "succeeded")]
    assert rows(Run)[0] == ended
    assert len(rows(Artifact)) == 1
    again = ask_for(hosts, "after")
    assert all_ended([again], seconds=30)[0].state == "succeeded"
    assert_promises_kept(since)
