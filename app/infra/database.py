"""The database: one file of SQLite with two engines, or PostgreSQL; one session a request, one writer at a time."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase

from app.core.clock import utc_now
from app.settings import Settings

MIGRATIONS = Path(__file__).parents[2] / "migrations"

_REVISIONS = sa.table("alembic_version", sa.column("version_num"))

Away = (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.InternalError, sa.exc.TimeoutError)
"""What any statement may raise while the database is away or busy, or has ended our session; it may be right the next
time."""

_STANDS_STILL_MS = 8000
"""A transaction in which nothing was asked for so long is ended by PostgreSQL: its process stands still or is cut off,
and others wait for the rows it holds."""

_LINK = {"connect_timeout": 5, "keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3,
         "tcp_user_timeout": 10_000}  # fmt: skip
"""A connection that is cut off is noticed within about ten seconds; the system itself waits a quarter of an hour."""

_FULL = {"SQLITE_FULL", "53100"}
"""How SQLite and PostgreSQL say that their disk is full."""

_PATIENCE_SECONDS = 10.0
_ASK_AGAIN_SECONDS = 0.001


class UtcDateTime(sa.TypeDecorator[datetime]):
    """An aware UTC instant with microseconds; a naive one is refused, so that no local time slips in."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("A naive datetime reached the database.")
        instant = value.astimezone(UTC)
        return instant.replace(tzinfo=None) if dialect.name == "sqlite" else instant

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


Json = sa.JSON().with_variant(JSONB(), "postgresql")
Key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


class Base(DeclarativeBase):
    """The ground of every table."""

    type_annotation_map = {datetime: UtcDateTime, dict[str, Any]: Json, list[Any]: Json}  # noqa: RUF012 SQLAlchemy's own form


class RoutedSession(Session):
    """Reads from the reading engine; inside `unit` everything goes to the writing one."""

    def get_bind(self, *args: Any, **kwargs: Any) -> sa.Engine | sa.Connection:
        if self.info.get("is_writing"):
            return _engines["write"]
        return super().get_bind(*args, **kwargs)


db = SQLAlchemy(session_options={"class_": RoutedSession, "expire_on_commit": False})
_engines: dict[str, sa.Engine] = {}


def attach(app: Flask, settings: Settings) -> None:
    """Give `app` its database and this process its engines."""
    # What is written stays out of errors, and so out of logs.
    options: dict[str, Any] = {"pool_pre_ping": not settings.is_sqlite, "hide_parameters": True}
    app.config["SQLALCHEMY_DATABASE_URI"] = settings.sql_url
    if not settings.is_sqlite:
        given = sa.make_url(settings.sql_url).query
        options["connect_args"] = {name: value for name, value in _LINK.items() if name not in given}
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = options | {"pool_size": settings.web_threads + 4, "max_overflow": 8}
    if settings.is_sqlite:
        # One writer a process: threads wait in the pool, fairly, instead of spinning in SQLite's busy handler.
        app.config["SQLALCHEMY_BINDS"] = {
            "write": options | {"url": settings.sql_url, "poolclass": sa.QueuePool, "pool_size": 1, "max_overflow": 0}
        }
    db.init_app(app)
    with app.app_context():
        _engines["read"] = db.engine
        _engines["write"] = db.engines["write"] if settings.is_sqlite else db.engine
    if settings.is_sqlite:
        _prepare_sqlite(_engines["read"], begin=_begin_reading, is_read_only=True)
        _prepare_sqlite(_engines["write"], begin=_begin_writing, is_read_only=False)
    else:
        _prepare_postgresql(_engines["write"])
    _once_forked()


_has_fork_rule: list[bool] = []


def _once_forked() -> None:
    """A forked child leaves its parent's connections alone: two talking over one would break TLS for both."""
    if not _has_fork_rule:
        os.register_at_fork(after_in_child=_leave_to_parent)
        _has_fork_rule.append(True)


def _leave_to_parent() -> None:
    for engine in _engines.values():
        engine.dispose(close=False)


def _prepare_sqlite(engine: sa.Engine, *, begin: Callable[[sa.Connection], None], is_read_only: bool) -> None:
    @sa.event.listens_for(engine, "connect")
    def connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver's own BEGIN is deferred and can't be upgraded under load
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute(f"PRAGMA busy_timeout={_PATIENCE_SECONDS * 1000:.0f}")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA cache_size=-16000")
        if is_read_only:
            cursor.execute("PRAGMA query_only=ON")
        else:
            cursor.execute("PRAGMA busy_timeout=0")  # `_begin_writing` waits; inside a transaction nothing is locked
        cursor.close()

    sa.event.listen(engine, "begin", begin)


def _prepare_postgresql(engine: sa.Engine) -> None:
    @sa.event.listens_for(engine, "connect")
    def connect(connection: Any, _record: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SET idle_in_transaction_session_timeout = {_STANDS_STILL_MS}")
        connection.commit()


def _begin_reading(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _begin_writing(connection: sa.Connection) -> None:
    """Take SQLite's one lock. Its own way of waiting sleeps ever longer, up to 0.1 s; this asks every millisecond."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        except sa.exc.OperationalError as error:
            if error.orig.sqlite_errorname != "SQLITE_BUSY" or time.monotonic() > deadline:  # type: ignore[union-attr]  # it is sqlite3's
                raise
            time.sleep(_ASK_AGAIN_SECONDS)
        else:
            return


@contextmanager
def write() -> Iterator[sa.Connection]:
    """Open one writing transaction, outside the session, for statements in batches."""
    with _engines["write"].begin() as connection:
        yield connection


@contextmanager
def read() -> Iterator[sa.Connection]:
    """Open one reading transaction outside the session."""
    with _engines["read"].connect() as connection:
        yield connection


def now(connection: sa.Connection) -> datetime:
    """Return the database's time (UTC), the one authority on leases.

    A SQLite file lives on one machine, so there the process's clock is the database's.
    """
    if connection.dialect.name == "sqlite":
        return utc_now()
    instant: datetime = connection.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
    return instant.astimezone(UTC)


def is_full(error: Exception) -> bool:
    """Whether a statement failed because the disk of the database is full."""
    origin = getattr(error, "orig", None)
    return bool({getattr(origin, "sqlite_errorname", ""), getattr(origin, "sqlstate", "")} & _FULL)


def dispose() -> None:
    """Close every pooled connection of this process."""
    for engine in _engines.values():
        engine.dispose()


def is_current() -> bool:
    """Whether the tables are at the newest migration."""
    return revisions() == {known_revisions()[-1]}


def is_behind() -> bool:
    """Whether a migration of this version has not run here; false also where a newer version has run its own."""
    found, known = revisions(), known_revisions()
    return found <= set(known) and found != {known[-1]}


def known_revisions() -> list[str]:
    """Return the revisions of this version, the oldest first: the names of the migrations begin with them."""
    return sorted(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def revisions() -> set[str]:
    """Return the revision that the tables are at; none in an empty database."""
    with read() as connection:
        return revisions_of(connection)


def revisions_of(connection: sa.Connection) -> set[str]:
    """Do as `revisions`, through a connection to any database."""
    if not sa.inspect(connection).has_table(_REVISIONS.name):
        return set()
    return set(connection.execute(sa.select(_REVISIONS.c.version_num)).scalars())
