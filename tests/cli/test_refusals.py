"""What is wrong before the start is one sentence and exit code 1, and leaves nothing half-made."""

import os
import socket

import pytest

from app.cli import home

pytestmark = pytest.mark.slow


def refused(done, *words):
    lines = done.stderr.splitlines()
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("carillon: ")
    for word in words:
        assert word in lines[0]
    return True


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CARILLON_PORT", "eighty"),
        ("CARILLON_PORT", "70000"),
        ("CARILLON_URL", "carillon.example"),
        ("DATABASE_URL", "mysql://x"),
        ("REDIS_URL", "localhost"),
        ("CARILLON_LOG_LEVEL", "loud"),
        ("CARILLON_WORKERS", "0"),
        ("CARILLON_RENEW_SECONDS", "9"),
        ("CARILLON_ALLOW_UNSANDBOXED", "maybe"),
        ("DATABASE_URL_FILE", "/nowhere/at/all"),
    ],
)
def test_a_wrong_setting_is_named(carillon, tmp_path, name, value):
    assert refused(carillon("up", "--data", tmp_path / "data", **{name: value}), name)
    assert not (tmp_path / "data").exists()


def test_a_misspelt_setting_is_not_passed_over(carillon, tmp_path):
    done = carillon("up", "--data", tmp_path / "data", CARILLON_ALOW_HOSTS="localhost")
    assert refused(done, "CARILLON_ALOW_HOSTS", "CARILLON_ALLOW_HOSTS")


def test_a_port_in_use_is_named_and_nothing_is_made(carillon, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert refused(carillon("up", "--data", tmp_path / "data", "--port", port), str(port), "--port")
    assert not (tmp_path / "data").exists()


def test_an_address_of_another_machine_is_refused(carillon, tmp_path):
    assert refused(carillon("up", "--data", tmp_path / "data", "--host", "192.0.2.1"), "192.0.2.1", "--host")
    assert not (tmp_path / "data").exists()


def test_a_data_folder_in_use_names_who_holds_it(carillon, tmp_path):
    with home.held(tmp_path / "data", "http://localhost:4321"):
        done = carillon("up", "--data", tmp_path / "data")
    assert refused(done, f"process {os.getpid()}", "http://localhost:4321", "--data")


def test_a_file_in_place_of_the_data_folder_is_refused(carillon, tmp_path, port):
    (tmp_path / "data").write_text("mine")
    assert refused(carillon("up", "--data", tmp_path / "data", "--port", port), "is a file")
    assert (tmp_path / "data").read_text() == "mine"


def test_a_data_folder_that_cannot_be_made_is_refused(carillon, tmp_path, port):
    (tmp_path / "file").touch()
    assert refused(carillon("up", "--data", tmp_path / "file" / "data", "--port", port), "can't be made")


def test_a_folder_of_other_things_is_left_alone(carillon, tmp_path, port):
    (tmp_path / "thesis.txt").touch(0o644)
    tmp_path.chmod(0o755)
    assert refused(carillon("up", "--data", tmp_path, "--port", port), "other things")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    assert tmp_path.stat().st_mode & 0o777 == 0o755


def test_a_redis_that_does_not_answer_is_named(carillon, tmp_path, port):
    done = carillon("up", "--data", tmp_path / "data", "--port", port, REDIS_URL=f"redis://127.0.0.1:{port + 1}")
    assert refused(done, "REDIS_URL", "does not answer")
    assert not (tmp_path / "data").exists()


def test_an_unknown_command_is_told(carillon):
    done = carillon("dance")
    assert done.returncode == 2
    assert "there is no command “dance”" in done.stderr


@pytest.mark.parametrize("command", ["", "up", "users", "doctor"])
def test_help_is_there(carillon, command):
    done = carillon(*command.split(), "--help")
    assert done.returncode == 0
    assert done.stdout.startswith("usage: carillon")
