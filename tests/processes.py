"""The real processes of one Carillon in a folder of its own: for fault tests, walks in the browser, and the bench."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from app import bootstrap
from app.infra import database, migrations, valkey, vault
from app.infra.valkey import Server
from app.services.execution import claims
from app.settings import ROOT, Settings, read

QUICK = {
    "CARILLON_LEASE_SECONDS": "2",
    "CARILLON_RENEW_SECONDS": "0.5",
    "CARILLON_UNSEEN_SECONDS": "1.4",
    "CARILLON_RECONCILE_SECONDS": "0.4",
    "CARILLON_REQUEUE_SECONDS": "2",
    "CARILLON_STOP_GRACE_SECONDS": "2",
}
"""The product's times scaled down together, for the short form of the fault tests."""

_NEVER_PASSED_ON = ("CARILLON_", "DATABASE_URL", "REDIS_URL")


class Processes:
    """Starts and ends clocks, workers, webs and a Valkey; ends what it started, by pid, and nothing else."""

    def __init__(self, folder: Path, enter: Sequence[str] = (), **variables: str) -> None:
        self.folder = folder
        self._enter = enter
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        kept = {name: text for name, text in os.environ.items() if not name.startswith(_NEVER_PASSED_ON)}
        given = {"CARILLON_DATA": str(folder), "CARILLON_LOG_LEVEL": "info", "CARILLON_ALLOW_HOSTS": "127.0.0.1"}
        self.environ = kept | given | {"PYTHONPATH": str(ROOT), "TZ": "UTC"} | variables
        self.running: list[subprocess.Popen[bytes]] = []
        self._redis: Server | None = None
        self._password = "only-for-tests"
        if not (folder / "key").exists():
            vault.create_key(folder / "key")

    @property
    def settings(self) -> Settings:
        """What these processes were given."""
        return read(self.environ)

    def migrate(self) -> None:
        """Make the tables."""
        migrations.run(self.settings)

    @contextmanager
    def inside(self) -> Iterator[Any]:
        """Enter an application context over the same data, to arrange and to look."""
        app = bootstrap.start(self.settings)
        claims.forget()
        with app.app_context():
            try:
                yield app
            finally:
                database.db.session.remove()  # or its connection goes back to a pool that is gone
                database.dispose()

    # --- Redis

    def start_redis(self, *, persists: bool = True) -> None:
        """Start the server, always at the same address."""
        run_dir = self.folder / "run"
        run_dir.mkdir(exist_ok=True)
        self._redis = valkey.start(run_dir, self.folder / "redis", password=self._password, persists=persists)
        self.environ["REDIS_URL"] = self._redis.url

    def kill_redis(self) -> None:
        """Kill the server without warning."""
        assert self._redis
        self._redis.process.kill()
        self._redis.process.wait()

    # --- processes

    def spawn(
        self, command: str, *options: str, enter: Sequence[str] = (), **variables: str
    ) -> "subprocess.Popen[bytes]":
        """Start `carillon COMMAND`, by the command `enter` if given; its log goes to a file in the folder."""
        with (self.folder / f"{command}.log").open("ab") as log:
            process = subprocess.Popen(
                [*self._enter, *enter, sys.executable, "-m", "app.cli", command, *options],
                env=self.environ | variables,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=ROOT,
                start_new_session=True,
            )
        self.running.append(process)
        return process

    def kill(self, process: "subprocess.Popen[bytes]") -> None:
        """Kill one process without warning."""
        process.kill()
        process.wait()
        self.running.remove(process)

    def end(self, process: "subprocess.Popen[bytes]", seconds: float = 20) -> int:
        """Ask one process to stop, and wait until it has."""
        process.terminate()
        code = process.wait(seconds)
        self.running.remove(process)
        return code

    def close(self) -> None:
        """End everything that was started here."""
        self.end_all()
        if self._redis:
            self._redis.stop()

    def end_all(self) -> None:
        """End every process but Redis."""
        for process in self.running:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)
                process.terminate()
        deadline = time.monotonic() + 8
        for process in self.running:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.running.clear()

    def log(self, command: str) -> str:
        """What the processes of one kind have said."""
        path = self.folder / f"{command}.log"
        return path.read_text(errors="replace") if path.exists() else ""


def eventually(question: Callable[[], Any], seconds: float = 15.0, pause: float = 0.05) -> Any:
    """Ask until the answer is true, and return it; fail with the last answer when the time is over."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            answer = question()
        except sa.exc.DBAPIError as error:
            answer = error
        if answer and not isinstance(answer, Exception):
            return answer
        assert time.monotonic() < deadline, f"not within {seconds} s: {answer!r}"
        time.sleep(pause)
