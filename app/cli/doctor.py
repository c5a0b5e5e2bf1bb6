"""Look at everything Carillon needs, and say what is wrong and what to do; exit code 1 when something is wrong."""

import argparse
import json
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version

import redis as redis_client
import sqlalchemy as sa
from flask import Flask

from app import bootstrap
from app.cli import home
from app.core.clock import utc_now
from app.infra import database, redis, snapshots
from app.infra.vault import Vault
from app.services import channels, clocks, keys, workers
from app.settings import SettingError, Settings, read

_ENOUGH_BYTES = 1024**3
_MIB = 1024**2
_MOST_SKEW_SECONDS = 1.0


@dataclass(frozen=True)
class Check:
    """One thing looked at: `fine`, `note` (works, could be better) or `wrong`."""

    name: str
    state: str
    sentence: str


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the form of the answer."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Look at everything, and print a table."""
    checks = list(_all(read()))
    if args.json:
        print(json.dumps([asdict(check) for check in checks]))
    else:
        for check in checks:
            print(f"{check.state:6} {check.name:10} {check.sentence}")
    return any(check.state == "wrong" for check in checks)


def _all(settings: Settings) -> Iterator[Check]:
    yield Check("python", "fine", f"{sys.version.split()[0]}, {sys.prefix}")
    yield Check("time zones", "fine", f"tzdata {version('tzdata')}")
    yield _folder(settings)
    yield _address(settings)
    try:
        Vault.open(settings.master_key_file)
        app = bootstrap.start(settings)
    except SettingError as error:
        yield Check("key", "wrong", str(error))
        return
    with app.app_context():
        yield from _redis()
        yield from _database(app, settings)


def _folder(settings: Settings) -> Check:
    folder = settings.data_dir
    if not folder.is_dir():
        return Check("data", "wrong", f"{folder} is not there yet. ./carillon up makes it.")
    if not os.access(folder, os.W_OK | os.X_OK):
        return Check("data", "wrong", f"{folder} can't be written by this user.")
    if folder.stat().st_mode & 0o077:
        return Check("data", "wrong", f"{folder} is open to other users. Run chmod 700 {folder}.")
    free = shutil.disk_usage(folder).free
    state = "fine" if free >= max(_ENOUGH_BYTES, settings.low_disk_mib * _MIB) else "wrong"
    return Check("data", state, f"{folder}, {free // _MIB:,} MiB free")


def _address(settings: Settings) -> Check:
    running = home.holder(settings.data_dir)
    url = running[1] if running else settings.url
    is_private = settings.is_https or url.startswith("http://localhost:")
    who = f"process {running[0]} runs" if running else "no supervisor runs here"
    if is_private:
        return Check("address", "fine", f"{url}, {who}")
    return Check("address", "note", f"{url}, {who}; put TLS in front and set CARILLON_URL to its https address.")


def _redis() -> Iterator[Check]:
    try:
        client = redis.client()
        server = client.info("server")
        name = server.get("server_name", "redis")
        yield Check("redis", "fine", f"{name} {server.get(f'{name}_version', server['redis_version'])}")
        policy = client.info("memory").get("maxmemory_policy", "")
        if policy != "noeviction":
            yield Check("eviction", "wrong", f"Redis may drop the queue ({policy}). Set maxmemory-policy noeviction.")
        is_kept = client.info("persistence").get("aof_enabled")
        kept = Check("queue file", "fine", "append-only file on")
        yield kept if is_kept else Check("queue file", "note", "Redis keeps nothing on disk; SQL rebuilds the queue.")
    except (redis_client.RedisError, OSError) as error:
        yield Check("redis", "wrong", f"Redis does not answer: {str(error).rstrip('.')}.")


def _database(app: Flask, settings: Settings) -> Iterator[Check]:
    try:
        is_current = database.is_current()
        yield Check("database", "fine", f"{'SQLite' if settings.is_sqlite else 'PostgreSQL'}, {_size(settings)}")
        if settings.sqlite_file and (problem := snapshots.sqlite_problem(settings.sqlite_file)):
            sentence = f"The file is damaged: {problem} Restore the last backup: ./carillon restore."
            yield Check("database", "wrong", sentence)
        if not is_current:
            yield Check("tables", "wrong", "The tables are not at this version. Run ./carillon migrate.")
            return
        yield _key(app.extensions["vault"])
        yield _time()
        yield from _processes()
        yield from _hosts(settings)
    except sa.exc.DBAPIError as error:
        yield Check("database", "wrong", f"The database can't be used: {str(error.orig).splitlines()[0]}.")


def _size(settings: Settings) -> str:
    with database.read() as connection:
        question = "SELECT pg_database_size(current_database())"
        if settings.is_sqlite:
            question = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
        return f"{connection.exec_driver_sql(question).scalar_one() / _MIB:,.1f} MiB"


def _key(vault: Vault) -> Check:
    try:
        keys.check(vault)
    except SettingError as error:
        return Check("key", "wrong", str(error))
    return Check("key", "fine", "opens what is sealed")


def _time() -> Check:
    with database.read() as connection:
        ahead = (database.now(connection) - utc_now()).total_seconds()
    if abs(ahead) <= _MOST_SKEW_SECONDS:
        return Check("time", "fine", "as the database has it")
    return Check("time", "wrong", f"This host is {abs(ahead):.1f} s off the database's time. Set up NTP on both.")


def _processes() -> Iterator[Check]:
    leader = clocks.leader()
    others = [clock.name for clock in clocks.alive() if clock.name != leader]
    if leader is None:
        yield Check("clock", "wrong", "No clock leads. Start ./carillon up, or ./carillon clock.")
    else:
        yield Check("clock", "fine", f"{leader} leads" + (f"; {', '.join(others)} ready to" if others else ""))
    if not channels.can_be_opened():
        why = "The watchdog has no key file: messages to the channels of people and teams wait."
        yield Check("channels", "wrong", f"{why} Give its host the file that CARILLON_KEY_FILE names.")
    alive = workers.alive()
    if not alive:
        yield Check("workers", "wrong", "No worker runs. Start ./carillon up.")
    for worker in alive:
        isolation = worker.isolation
        sentence = f"{worker.name}: isolation level {isolation.get('level', 0)}"
        if command := isolation.get("command"):
            yield Check("worker", "note", f"{sentence}; raise it: {command}")
        else:
            yield Check("worker", "fine", sentence)


def _hosts(settings: Settings) -> Iterator[Check]:
    """What must be shared is shared by all hosts that have been seen lately."""
    alive = workers.alive()
    hosts = sorted({worker.host for worker in alive} | {clock.host for clock in clocks.alive()})
    if len(hosts) > 1:
        yield Check("hosts", "fine", ", ".join(hosts))
        if settings.is_sqlite:
            yield Check("hosts", "wrong", "A SQLite file serves one host. Set DATABASE_URL to a PostgreSQL server.")
        if not settings.redis_url:
            yield Check("hosts", "wrong", "The embedded Valkey serves one host. Set REDIS_URL to a server for all.")
    if settings.storage == "folder":
        for host in sorted({worker.host for worker in alive if not _works_here(settings, worker.name)}):
            problem = f"Workers of {host} keep files in a data folder that is not this one."
            yield Check("storage", "wrong", f"{problem} Set CARILLON_STORAGE=database, or share the folder.")


def _works_here(settings: Settings, worker: str) -> bool:
    """Whether a worker has its workspaces in the data folder of this process."""
    return (settings.data_dir / "workspaces" / worker).is_dir()
