"""Copies of the database, whole and of one moment, taken while it is in use; and how one becomes the database again."""

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa

from app.infra import database
from app.infra.database import Base
from app.settings import SettingError, Settings

SQLITE, POSTGRESQL = "carillon.db", "carillon.dump"
"""What a copy is called, by the kind of database."""

Failed = sqlite3.Error
"""What taking a copy of SQLite may raise."""

_ASIDE = ("", "-wal", "-shm")
"""What belongs to a file of SQLite: itself, and what was written and is not in it yet."""


def name(settings: Settings) -> str:
    """Return what a copy of this database is called."""
    return SQLITE if settings.is_sqlite else POSTGRESQL


def take(settings: Settings, path: Path) -> None:
    """Write a copy to `path`, which must not be there. Readers and writers go on. Raises SettingError, OSError.

    SQLite writes it by VACUUM INTO, PostgreSQL by pg_dump in its custom format; never is the file copied as it is.
    """
    if settings.is_sqlite:
        with closing(sqlite3.connect(str(settings.sqlite_file), isolation_level=None)) as connection:
            connection.execute("VACUUM INTO ?", (str(path),))
    else:
        _postgresql(settings, "pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={path}")
    with path.open("rb") as file:
        os.fsync(file.fileno())


def problem(settings: Settings, path: Path) -> str:
    """Return what is wrong with a copy, empty when it can be used."""
    if path.name == SQLITE:
        return sqlite_problem(path)
    try:
        _run([_tool(settings, "pg_restore"), "--list", str(path)], {})
    except SettingError as error:
        return str(error)
    return ""


def sqlite_problem(path: Path) -> str:
    """Return what `integrity_check` says against a file of SQLite, empty when all is well."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            found = [row[0] for row in connection.execute("PRAGMA integrity_check(5)")]
    except sqlite3.DatabaseError as error:
        return f"It can't be read: {error}."
    return "" if found == ["ok"] else "; ".join(found)


def is_empty(settings: Settings) -> bool:
    """Whether there is no Carillon in the database yet. Makes no file; a damaged one is not empty."""
    file = settings.sqlite_file
    if file and not file.exists():
        return True
    engine = sa.create_engine(settings.sql_url, poolclass=sa.NullPool)
    try:
        with engine.connect() as connection:
            return not database.revisions_of(connection)
    except sa.exc.DatabaseError:
        if settings.is_sqlite:
            return False
        raise


def put_aside(settings: Settings, folder: Path) -> None:
    """Move what the database holds now into `folder`, and leave an empty one."""
    file = settings.sqlite_file
    if file:
        for ending in _ASIDE:
            found = file.with_name(file.name + ending)
            if found.exists():
                shutil.move(found, folder / found.name)
        return
    take(settings, folder / POSTGRESQL)
    engine = sa.create_engine(settings.sql_url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        for table in [*Base.metadata.tables, "alembic_version"]:
            connection.exec_driver_sql(f'DROP TABLE IF EXISTS "{table}" CASCADE')


def put_back(settings: Settings, path: Path) -> None:
    """Make the copy at `path` the database, which must be empty. Raises SettingError, OSError."""
    file = settings.sqlite_file
    if (path.name == SQLITE) != settings.is_sqlite:
        kinds = {SQLITE: "SQLite", POSTGRESQL: "PostgreSQL"}
        raise SettingError(f"This is a backup of {kinds[path.name]}. Set DATABASE_URL to a database of that kind.")
    if file:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        new = file.with_name(f".new-{file.name}")
        shutil.copyfile(path, new)
        with new.open("rb") as copied:
            os.fsync(copied.fileno())
        for ending in _ASIDE:
            file.with_name(file.name + ending).unlink(missing_ok=True)
        new.replace(file)
    else:
        together = ("--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges")
        _postgresql(settings, "pg_restore", *together, str(path))


def _postgresql(settings: Settings, tool: str, *options: str) -> None:
    """Run a tool of PostgreSQL against the database; its password is never among the words of the command."""
    url = sa.make_url(settings.sql_url)
    address = url.set(drivername="postgresql", password=None).render_as_string(hide_password=False)
    secret = {"PGPASSWORD": url.password} if url.password else {}
    _run([_tool(settings, tool), *options, f"--dbname={address}"], secret)


def _tool(settings: Settings, tool: str) -> str:
    found = settings.postgres_bin / tool if settings.postgres_bin else shutil.which(tool)
    if not found or not os.access(found, os.X_OK):
        where = settings.postgres_bin or "PATH"
        raise SettingError(
            f"{tool} is not in {where}. Install PostgreSQL's client programs of the server's version (Debian: apt "
            "install postgresql-client), or name their folder in CARILLON_POSTGRES_BIN."
        )
    return str(found)


def _run(command: list[str], more: dict[str, str]) -> None:
    environ = os.environ | more
    done = subprocess.run(command, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        words = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()
        raise SettingError(f"{Path(command[0]).name} failed: {words[0]}")
