"""A Carillon of the bench's own: a folder, a database, every process real, and somebody who is signed in."""

import http.client
import json
import os
import shutil
import socket
import tempfile
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import psutil
import sqlalchemy as sa

from app.models.instance import Worker
from app.models.people import Person
from app.services import accounts, teams
from app.services.unit import unit
from tests.bench import server
from tests.factories import rows
from tests.processes import Processes, eventually

WORKERS = 2

_numbers = count(1)


class House(Processes):
    """`target` is the address of a server that answers 204; `team`, `slug` and `cookie` are those of its one person."""

    def start(self):
        """Start every process, and wait until all are ready."""
        self.start_redis()
        self.migrate()
        for command in ("web", "clock", *["worker"] * WORKERS):
            self.spawn(command)

    def arrive(self, app):
        """Make a person with a team; wait until the processes are ready."""
        with unit() as work:
            person = Person(email=EMAIL, name="Ada Park", password_hash="", created_at=datetime.now(UTC))
            work.session.add(person)
            work.session.flush()
            person_id = person.id
        self.slug = teams.create(app.extensions["vault"], person_id, "Bench")
        self.team = next(team.id for team in teams.of(person_id) if team.slug == self.slug)
        self.cookie = self.sign_in()
        eventually(self.is_ready, seconds=60)

    def sign_in(self):
        """Sign in with one more browser; returns its cookie."""
        link = accounts.sign_in_link(EMAIL).rpartition("/")[2]
        return "carillon=" + accounts.sign_in_by_link(link, accounts.Browser("127.0.0.1", "Bench"))

    def is_ready(self):
        """Whether web, clock and all workers are there. Fails with what a process said that has ended."""
        for process in self.running:
            assert process.poll() is None, self.log(process.args[3])
        try:
            status, text = self.browse().get("/readyz")
        except OSError:
            return False
        return status == 200 and json.loads(text)["ready"] and len(rows(Worker)) == WORKERS

    def browse(self):
        """A browser of the person's: one connection, kept open."""
        return Browser(self.settings.port, getattr(self, "cookie", ""))

    def pids(self, command=""):
        """The processes of one kind, or all and Valkey."""
        found = [process.pid for process in self.running if not command or process.args[3] == command]
        return found if command else [*found, self._redis.process.pid]


class Browser:
    """Asks the web process over one connection."""

    def __init__(self, port, cookie):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        self.cookie = cookie

    def get(self, path, headers=None):
        return self._ask("GET", path, headers=headers)

    def took(self, paths, warm_up, headers=None):
        """How long each page takes, in seconds; the first `warm_up` of them are asked for and not told."""
        seconds = []
        for path in paths:
            began = time.perf_counter()
            status, _ = self.get(path, headers)
            seconds.append(time.perf_counter() - began)
            assert status == 200, (path, status)
        return seconds[warm_up:]

    def post(self, path, form):
        return self._ask("POST", path, form, {"Content-Type": "application/x-www-form-urlencoded"})

    def _ask(self, method, path, body=None, headers=None):
        self.connection.request(method, path, body, {"Cookie": self.cookie, **(headers or {})})
        answer = self.connection.getresponse()
        return answer.status, answer.read().decode()


EMAIL = "ada@bench.example"


@contextmanager
def house(database="", **variables):
    """A running House over a fresh database; nothing of it is left afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="carillon-bench-", dir="/tmp"))
    variables |= {"CARILLON_PORT": str(_free_port())}
    try:
        with server.running() as target, _database(database) as url:
            here = House(folder, **variables, **({"DATABASE_URL": url} if url else {}))
            here.target = target
            try:
                here.start()
                with here.inside() as app:
                    here.arrive(app)
                    yield here
            finally:
                here.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _database(url):
    if not url:
        yield ""
        return
    own = sa.make_url(url).set(database=f"carillon_bench_{os.getpid()}_{next(_numbers)}")
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {own.database}")
    try:
        yield own.render_as_string(hide_password=False)
    finally:
        with engine.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {own.database} WITH (FORCE)")


def _free_port():
    with socket.create_server(("127.0.0.1", 0)) as found:
        return found.getsockname()[1]


def pss_mb(pids):
    """Memory of these processes and what they started, in MiB; what they share counts once."""
    return round(sum(process.memory_full_info().pss for process in _trees(pids)) / 2**20, 1)


def cpu_seconds(pids):
    """Processor time that these processes and what they started have used."""
    return sum(
        times.user + times.system + times.children_user + times.children_system
        for times in (process.cpu_times() for process in _trees(pids))
    )


def _trees(pids):
    for pid in pids:
        process = psutil.Process(pid)
        yield from (process, *process.children(recursive=True))
