"""Start Carillon on this machine, and keep it running until Ctrl-C or SIGTERM.

One supervisor holds the data folder, starts Valkey (unless REDIS_URL names a server), brings the database to this
version, starts web, clock and workers, and starts again what dies.
"""

import argparse
import http.client
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import redis

from app.cli import home, listener, rolling
from app.cli.scaler import Scaler, ask_web
from app.cli.supervisor import Child, Signals, say, signals, stop
from app.core.errors import Unavailable
from app.infra import processes, valkey
from app.settings import ROOT, SettingError, Settings, read

READY_SECONDS = 60.0
_LOOK_SECONDS = 0.1
_OWN = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 compared, not bound


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare host, port and data folder."""
    parser.add_argument("--host", help="the address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=int, help="the port to listen on (8700)")
    parser.add_argument("--data", type=Path, metavar="DIR", help="the folder for all data (carillon-data)")


def run(args: argparse.Namespace) -> int:
    """Start everything, wait for a request to stop, stop everything."""
    settings = read(host=args.host, port=args.port, data_dir=args.data)
    os.umask(0o077)
    home.refuse_if_held(settings.data_dir)
    if settings.redis_url:
        _try_redis(settings.redis_url)
    with listener.take(settings) as taken, home.held(settings.data_dir, settings.url), signals() as told:
        everything = Everything(settings, taken)
        try:
            everything.start()
            if _wait_until_ready(everything, told):
                print(_greeting(settings, everything.setup_link), flush=True)
                _watch(everything, told)
        finally:
            stop(everything.groups, told)
            settings.redis_address_file.unlink(missing_ok=True)
        if not settings.redis_url:
            shutil.rmtree(home.run_dir(settings.data_dir))  # after a failure its log stays
    return 0


@dataclass
class Everything:
    """What `up` runs. `groups` stand in the order in which they stop."""

    settings: Settings
    listener: socket.socket
    setup_link: str = ""
    valkeys: list[Child] = field(default_factory=list)
    webs: list[Child] = field(default_factory=list)
    clocks: list[Child] = field(default_factory=list)
    workers: list[Child] = field(default_factory=list)
    watchdogs: list[Child] = field(default_factory=list)
    leaving: list[Child] = field(default_factory=list)
    _says_ready_to: int | None = None

    @property
    def groups(self) -> tuple[list[Child], ...]:
        """The watchdog first, so that it does not bark; then workers, which tell how runs ended; the queue last."""
        return self.watchdogs, [*self.workers, *self.leaving], self.clocks, self.webs, self.valkeys

    @property
    def children(self) -> list[Child]:
        """Every process that is meant to be there."""
        return [child for group in self.groups for child in group if child not in self.leaving]

    def mend(self) -> float:
        """Start again what has died; return the seconds until the next one is due, or inf."""
        self.leaving[:] = [child for child in self.leaving if child.is_running]
        return min(child.mend() for child in self.children)

    def start(self) -> None:
        """Start all; return without waiting until they are ready. Raises SettingError."""
        if not self.settings.redis_url:
            self._start_valkey()
        self.setup_link = self._migrate()
        descriptor = self.listener.fileno()
        once = self.settings.stop_grace_seconds + 3
        self.webs.append(Child("web", lambda: self._spawn("web", "--fd", str(descriptor), keep=(descriptor,)), once))
        self.clocks.append(Child("clock", lambda: self._spawn("clock")))
        self.watchdogs.append(Child("watchdog", lambda: self._spawn("watchdog")))
        self.workers += [self.hire(number) for number in range(1, self.settings.workers + 1)]

    def hire(self, number: int) -> Child:
        """Start one more worker."""
        grace = self.settings.stop_grace_seconds * 2 + 5  # once for runs to end, once for those that are asked to stop
        return Child(f"worker {number}", lambda: self._spawn("worker"), grace)

    def restart(self, told: Signals) -> bool:
        """Replace all but the queue by the version that is on disk; whether somebody asked to stop meanwhile."""
        say("Restarting: the processes are replaced one by one.")
        try:
            self._migrate()
        except SystemExit:
            say("Nothing was replaced, since the database could not be brought to the new version.")
            return False
        groups = (self.workers, self.clocks, self.watchdogs, self.webs)
        return rolling.replace_all(groups, self.leaving, self._start_again, self.mend, told)

    def _start_again(self, old: Child) -> tuple[Child, int]:
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        self._says_ready_to = writer
        try:
            return old.another(), reader
        finally:
            self._says_ready_to = None
            os.close(writer)

    def _start_valkey(self) -> None:
        folder, data = home.run_dir(self.settings.data_dir), self.settings.data_dir / "redis"
        password = secrets.token_urlsafe(24)

        def serve() -> "subprocess.Popen[bytes]":
            server = valkey.start(folder, data, password=password)
            _write_privately(self.settings.redis_address_file, server.url)
            return server.process

        self.valkeys.append(Child("Valkey", serve))

    def _migrate(self) -> str:
        """Migrate in a process of its own, so that the supervisor stays small; return the link to set up, if any."""
        command = [sys.executable, "-m", "app.cli", "migrate", "--setup-link"]
        done = subprocess.run(command, env=self._environment(), stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            raise SystemExit(1)  # it has said why
        return done.stdout.strip()

    def _spawn(self, name: str, *options: str, keep: tuple[int, ...] = ()) -> "subprocess.Popen[bytes]":
        waiting = self._says_ready_to
        keep, more = ((*keep, waiting), {processes.READY_FD: str(waiting)}) if waiting is not None else (keep, {})
        return subprocess.Popen(
            [sys.executable, "-m", "app.cli", name, *options],
            env=self._environment() | more,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            pass_fds=keep,
            start_new_session=True,  # Ctrl-C on the terminal is for the supervisor, which stops the others in order
            preexec_fn=processes.tied(),  # noqa: PLW1509 the supervisor has one thread
        )

    def _environment(self) -> dict[str, str]:
        found = os.environ.get("PYTHONPATH")
        return os.environ | {
            "CARILLON_DATA": str(self.settings.data_dir),
            "CARILLON_HOST": self.settings.host,
            "CARILLON_PORT": str(self.settings.port),
            "PYTHONPATH": f"{ROOT}{os.pathsep}{found}" if found else str(ROOT),
        }


# --- before anything is made


def _write_privately(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)


def _try_redis(url: str) -> None:
    """Make sure that the given server answers, and tell when it may drop the queue. Raises SettingError."""
    client = redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5)
    try:
        policy = client.info("memory").get("maxmemory_policy")
    except (redis.RedisError, OSError) as error:
        raise SettingError(f"The server of REDIS_URL does not answer: {str(error).rstrip('.')}.") from error
    finally:
        client.close()
    if policy != "noeviction":
        say(f"The server of REDIS_URL may drop the queue ({policy}). Set its maxmemory-policy to noeviction.")


# --- until it is ready


def _wait_until_ready(everything: Everything, told: Signals) -> bool:
    """Whether all parts work; False when somebody asked to stop meanwhile. Raises Unavailable."""
    deadline = time.monotonic() + READY_SECONDS
    while missing := _missing(everything.listener):
        for child in everything.children:
            if not child.is_running:
                raise Unavailable(f"{child.name} stopped before Carillon was ready. What it said stands above.")
        if time.monotonic() > deadline:
            raise Unavailable(f"Carillon was not ready after {READY_SECONDS:g} s; missing: {', '.join(missing)}.")
        if told.wait_for_stop(_LOOK_SECONDS):
            return False
    return True


def _missing(listener: socket.socket) -> list[str]:
    """Ask web which parts do not work yet."""
    connection = http.client.HTTPConnection(*_address(listener), timeout=1)
    try:
        connection.request("GET", "/readyz")
        parts = json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException, ValueError):
        return ["web"]
    finally:
        connection.close()
    return [name for name, works in parts.items() if not works and name != "ready"]


def _address(listener: socket.socket) -> tuple[str, int]:
    host, port = listener.getsockname()[:2]
    return _OWN.get(host, host), port


def _watch(everything: Everything, told: Signals) -> None:
    """Start again what dies, scale and restart, until somebody asks to stop."""
    least, most = everything.settings.workers, everything.settings.most_workers
    scaler = Scaler(everything.workers, everything.leaving, everything.hire, least, most)
    is_over = False
    while not is_over:
        if told.take_restart():  # it may have been asked before all was ready
            is_over = everything.restart(told)
            continue
        scaler.step(lambda: ask_web(*_address(everything.listener)))
        is_over = told.wait_for_stop(min(3600.0, everything.mend(), scaler.seconds_until_look()))


def _greeting(settings: Settings, setup_link: str) -> str:
    """Return what is printed once all is ready (address, link for the first person, parts, folder)."""
    lines = [f"  Carillon is ringing at  {settings.url}"]
    if setup_link:
        lines.append(f"  First sign-in link      {setup_link}   (valid 30 min, once)")
    workers = "Worker 1" if settings.workers == 1 else f"Workers 1–{settings.workers}"
    lines.append(f"  {workers} ready · scheduler ready · data in {_near(settings.data_dir)}")
    return "\n".join(lines)


def _near(path: Path) -> str:
    return f"./{path.relative_to(Path.cwd())}" if path.is_relative_to(Path.cwd()) else str(path)
