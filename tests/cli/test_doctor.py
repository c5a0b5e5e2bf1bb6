"""What the doctor says of several hosts: a folder, a file or a Valkey of one's own serves one host."""

import argparse
import json
from datetime import timedelta

import pytest

from app.cli import doctor
from app.infra import database
from app.services import clocks, dispatch, workers


@pytest.fixture
def ask(app, settings, monkeypatch, capsys):
    """Give the doctor's checks by name, with settings changed for it alone."""

    def ask(**more):
        given = {
            "CARILLON_DATA": settings.data_dir, "DATABASE_URL": settings.database_url, "REDIS_URL": settings.redis_url,
            "CARILLON_KEY_FILE": settings.key_file, "CARILLON_LOG_LEVEL": "error",
        }  # fmt: skip
        for name, text in (given | more).items():
            monkeypatch.setenv(name, str(text))
        settings.data_dir.chmod(0o700)
        doctor.run(argparse.Namespace(json=True))
        found = json.loads(capsys.readouterr().out)
        return [
            (check["state"], check["sentence"]) for check in found if check["name"] in {"hosts", "storage", "clock"}
        ]

    return ask


@pytest.fixture
def come(app, settings):
    """Let a worker and a clock of a host appear; `here`: its data folder is this one."""

    def come(host, *, here=False):
        name = f"{host}-1-abcd"
        values = {"name": name, "host": host, "pid": 1, "io_slots": 1, "code_slots": 1, "busy": 0}
        with app.app_context():
            workers.arrive(values | {"isolation": {"level": 2, "command": ""}})
            clocks.arrive(name, host, 1)
            dispatch.lead("clock", name, timedelta(seconds=10))
            database.dispose()
        if here:
            (settings.data_dir / "workspaces" / name).mkdir(parents=True)

    return come


def test_one_host_with_its_folder_is_fine(ask, come):
    come("alpha", here=True)
    assert ask() == [("fine", "alpha-1-abcd leads")]


def test_hosts_that_share_too_little_are_told_what_to_share(ask, come):
    come("alpha", here=True)
    come("beta")
    assert ask() == [
        ("fine", "alpha-1-abcd leads; beta-1-abcd ready to"),
        ("fine", "alpha, beta"),
        ("wrong", "A SQLite file serves one host. Set DATABASE_URL to a PostgreSQL server."),
        (
            "wrong",
            "Workers of beta keep files in a data folder that is not this one. Set CARILLON_STORAGE=database, or share the folder.",
        ),
    ]


def test_a_shared_folder_or_the_database_is_fine_for_files(ask, come):
    come("alpha")
    assert ask(CARILLON_STORAGE="database") == [("fine", "alpha-1-abcd leads")]
    come("beta", here=True)
    come("alpha", here=True)
    assert "storage" not in [state for state, _ in ask()]
    assert all("data folder" not in sentence for _, sentence in ask())
