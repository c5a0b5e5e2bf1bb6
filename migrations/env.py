"""How Alembic reaches the database: the address comes from the settings, never from a file."""

import sqlite3

import sqlalchemy as sa
from alembic import context

import app.models.everything  # noqa: F401 the tables
from app.infra.database import Base


def run() -> None:
    engine = sa.create_engine(context.config.attributes["url"], poolclass=sa.NullPool)
    if engine.dialect.name == "sqlite":
        _make_whole(engine)
    with engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            render_as_batch=True,
            compare_type=True,
            transactional_ddl=True,  # all of it or nothing, whatever ends this process in the middle
        )
        with context.begin_transaction():
            if connection.dialect.name == "postgresql":
                connection.execute(sa.text("SELECT pg_advisory_xact_lock(7361)"))
            context.run_migrations()
    engine.dispose()


def _make_whole(engine: sa.Engine) -> None:
    """Keep the driver from ending the transaction before each change of a table; two migrations take turns."""

    @sa.event.listens_for(engine, "connect")
    def connect(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA busy_timeout=10000")
        connection.execute("PRAGMA journal_mode=WAL")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


run()
