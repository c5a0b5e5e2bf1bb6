"""Say whether the web server, a clock, a worker or the watchdog of this host lives: for health checks of containers.

Web must answer, the watchdog must have looked within 15 s, with or without a database; clock and worker must have been
seen in the database within 15 s, each process of this host name. While the database is away these two can't be judged:
then it says so, and the exit code is 0, since a new process would not help.
"""

import argparse
import http.client
import socket
import sys
import time
from pathlib import Path

import sqlalchemy as sa

from app.settings import Settings, read

PARTS = ("web", "clock", "worker", "watchdog")
ALIVE_SECONDS = 15
_ANY_OR_OWN = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 compared, not bound
_PATIENCE_SECONDS = 4

# Asked again and again beside every process: so it loads nothing but the driver, no models and no services.
_SEEN = {
    "postgresql": "SELECT pid, stopped_at IS NOT NULL, EXTRACT(EPOCH FROM clock_timestamp() - seen_at)",
    "sqlite": "SELECT pid, stopped_at IS NOT NULL, (julianday('now') - julianday(seen_at)) * 86400",
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare which part is asked for."""
    parser.add_argument("part", choices=PARTS)


def run(args: argparse.Namespace) -> int:
    """Print one line; the exit code is 1 when the part does not live."""
    settings = read()
    ask = {"web": _web, "watchdog": _watchdog}.get(args.part)
    trouble = ask(settings) if ask else _process(settings, args.part)
    print(trouble or f"{args.part} lives")
    return bool(trouble)


def _web(settings: Settings) -> str:
    host = _ANY_OR_OWN.get(settings.host, settings.host)
    connection = http.client.HTTPConnection(host, settings.port, timeout=_PATIENCE_SECONDS)
    try:
        connection.request("GET", "/healthz")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"web does not answer: {error}"
    finally:
        connection.close()
    return "" if status == http.client.OK else f"web answers with status {status}"


def _watchdog(settings: Settings) -> str:
    try:
        age = time.time() - settings.watchdog_file.stat().st_mtime
    except FileNotFoundError:
        return "no watchdog has looked here yet"
    return f"the watchdog last looked {age:.0f} s ago" if age > max(ALIVE_SECONDS, settings.watch_seconds * 3) else ""


def _process(settings: Settings, part: str) -> str:
    try:
        ages = _ages(settings, part)
    except sa.exc.DBAPIError as error:
        print(f"The database can't be asked: {str(error.orig).splitlines()[0]}", file=sys.stderr)
        return ""
    if not ages:
        return f"no {part} of {socket.gethostname()} runs"
    oldest = max(ages)
    return f"a {part} was last seen {oldest:.0f} s ago" if oldest > ALIVE_SECONDS else ""


def _ages(settings: Settings, part: str) -> list[float]:
    """Return how many seconds ago each process of this part and host that still runs was last seen.

    A process id is used again, in a container by each process after the other: its last row counts.
    """
    engine = sa.create_engine(
        settings.sql_url,
        poolclass=sa.NullPool,
        connect_args={"timeout": _PATIENCE_SECONDS} if settings.is_sqlite else {"connect_timeout": _PATIENCE_SECONDS},
    )
    query = f"{_SEEN[engine.dialect.name]} FROM {part}s WHERE host = :host ORDER BY started_at"
    with engine.connect() as connection:
        rows = connection.execute(sa.text(query), {"host": socket.gethostname()}).all()
    last = {pid: (has_stopped, age) for pid, has_stopped, age in rows}
    running = {pid: age for pid, (has_stopped, age) in last.items() if not has_stopped}
    return [float(age) for pid, age in running.items() if Path("/proc", str(pid)).exists()]
