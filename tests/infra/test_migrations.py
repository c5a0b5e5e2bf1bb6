"""Migrations: what an older Carillon stored is still there and read as before, and the tables are those of the code."""

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

import app.models.everything  # noqa: F401 the tables
from app.infra import database, migrations
from app.infra.database import Base
from app.services.tasks import schedules
from app.settings import Settings

RULE = {
    "text": "every day at 9:00", "kind": "cron", "expression": "0 9 * * *", "timezone": "Europe/Berlin",
    "gap": "next", "fold": "first", "anchor_at": None,
}  # fmt: skip


@pytest.fixture
def old(backend, request, tmp_path):
    """A database as the first version left it."""
    if backend == "sqlite":
        url = f"sqlite:///{tmp_path / 'old.db'}"
        yield Settings(data_dir=tmp_path, database_url=url)
        return
    cluster = request.getfixturevalue("postgres_cluster")
    cluster.run("CREATE DATABASE carillon_old")
    yield Settings(data_dir=tmp_path, database_url=cluster.url("carillon_old"))
    cluster.run("DROP DATABASE carillon_old WITH (FORCE)")


def as_of(old, revision):
    """Return the database as a revision left it, with a team of the id 1; its tables, and the time."""
    migrations.run(old, revision)
    engine = sa.create_engine(old.sql_url, poolclass=sa.NullPool)
    tables = sa.MetaData()
    tables.reflect(engine)
    now = datetime.now(UTC).replace(tzinfo=None)
    team = {"id": 1, "slug": "t", "name": "T", "is_personal": False, "data_key": b"", "next_run_number": 1}
    with engine.begin() as connection:
        connection.execute(tables.tables["teams"].insert().values(**team, created_at=now))
    return engine, tables, now


@pytest.mark.alike
def test_names_of_migrations_begin_with_their_revisions_in_order(old):
    scripts = ScriptDirectory(str(database.MIGRATIONS)).walk_revisions()
    assert database.known_revisions() == [script.revision for script in scripts][::-1]


def test_the_one_schedule_of_a_definition_becomes_a_list_of_one(old):
    engine, tables, now = as_of(old, "0001")
    definitions = [{"name": "a", "schedule": RULE}, {"name": "b", "schedule": None}]
    with engine.begin() as connection:
        task = {"id": 1, "team_id": 1, "slug": "a", "name": "a", "engine": "http", "version_number": 2}
        connection.execute(
            tables.tables["tasks"].insert().values(**task, pause_note="", created_at=now, changed_at=now)
        )
        for number, definition in enumerate(definitions, start=1):
            row = {"team_id": 1, "task_id": 1, "number": number, "definition": definition, "created_at": now}
            connection.execute(tables.tables["task_versions"].insert().values(**row))
    migrations.run(old)
    with engine.connect() as connection:
        found = connection.execute(sa.select(tables.tables["task_versions"].c.definition)).scalars().all()
    engine.dispose()
    assert [len(one["schedules"]) for one in found] == [1, 0]
    assert all("schedule" not in one for one in found)
    assert schedules.words(found[0]["schedules"]) == "every day at 09:00 (Europe/Berlin)"


@pytest.mark.alike
def test_addresses_that_channels_write_to_by_now_count_as_confirmed(old):
    engine, tables, now = as_of(old, "0018")
    channel = {"team_id": 1, "sealed": b"", "state": "ok", "problem": "", "created_at": now, "changed_at": now}
    with engine.begin() as connection:
        cut = f"{'n' * 180}@x.example, ops@x.example.com"[:200]  # which may be read as ops@x.e
        mine = ("Ada@x.example, oncall@x.example", "ada@x.example", cut)
        for kind, shown in (*(("email", one) for one in mine), ("slack", "y.z")):
            connection.execute(tables.tables["channels"].insert().values(**channel, kind=kind, name="x", shown=shown))
    migrations.run(old)
    with engine.connect() as connection:
        found = connection.execute(sa.text("SELECT team_id, address, confirmed_at IS NULL FROM recipients")).all()
        query = sa.text("SELECT shown FROM channels WHERE kind = 'email' ORDER BY id")
        shown = connection.execute(query).scalars().all()
    engine.dispose()
    long = f"{'n' * 180}@x.example"
    assert found == [(1, "ada@x.example", 0), (1, long, 0), (1, "oncall@x.example", 0)]
    assert shown == ["Ada@x.example, oncall@x.example", "ada@x.example", f"{long} …"]


def test_the_tables_are_those_the_code_knows(old):
    migrations.run(old)
    engine = sa.create_engine(old.sql_url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), Base.metadata)
    engine.dispose()
    assert differences == []
