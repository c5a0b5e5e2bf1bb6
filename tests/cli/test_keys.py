"""The key file: made once with new data, never again; data is not opened under another key."""

import json
import shutil

import pytest

from app.infra import vault
from tests.cli.test_refusals import refused

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def migrated(carillon, tmp_path_factory):
    folder = tmp_path_factory.mktemp("migrated") / "data"
    done = carillon("migrate", CARILLON_DATA=str(folder), CARILLON_LOG_LEVEL="error")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def data(migrated, tmp_path):
    return shutil.copytree(migrated, tmp_path / "data")


def test_a_first_start_makes_key_and_folder_private(migrated):
    data = migrated
    assert (data.stat().st_mode & 0o777, (data / "key").stat().st_mode & 0o777) == (0o700, 0o600)


@pytest.mark.parametrize("command", ["migrate", "web", "worker", "clock"])
def test_a_missing_key_is_told_and_none_is_made(carillon, data, command):
    (data / "key").unlink()
    done = carillon(command, CARILLON_DATA=str(data), CARILLON_LOG_LEVEL="error")
    assert refused(done, "key", "missing")
    assert not (data / "key").exists()


@pytest.mark.parametrize("command", ["migrate", "web", "worker", "clock"])
def test_another_key_is_refused(carillon, data, command):
    (data / "key").unlink()
    vault.create_key(data / "key")
    assert refused(carillon(command, CARILLON_DATA=str(data), CARILLON_LOG_LEVEL="error"), "not the key of this data")


def test_a_damaged_key_is_told(carillon, data):
    (data / "key").write_text("carillon-key-1:AAAA\n")
    assert refused(carillon("migrate", CARILLON_DATA=str(data), CARILLON_LOG_LEVEL="error"), "not a key of Carillon")


def test_a_process_refuses_tables_of_another_version(carillon, data):
    (data / "carillon.db").unlink()
    done = carillon("worker", CARILLON_DATA=str(data), CARILLON_LOG_LEVEL="error")
    assert refused(done, "./carillon migrate")


def test_a_link_for_the_first_person_is_all_that_stands_on_standard_output(carillon, data):
    done = carillon("migrate", "--setup-link", CARILLON_DATA=str(data), CARILLON_PORT="8712")
    assert done.stdout.startswith("http://localhost:8712/setup/")
    assert done.stdout.count("\n") == 1


def test_nobody_has_no_sign_in_link(carillon, data):
    done = carillon("users", "link", "ada@example.com", CARILLON_DATA=str(data), CARILLON_LOG_LEVEL="error")
    assert refused(done, "ada@example.com")


def test_the_doctor_says_what_does_not_run(carillon, data):
    done = carillon("doctor", "--json", CARILLON_DATA=str(data), CARILLON_LOG_LEVEL="error")
    states = {check["name"]: check["state"] for check in json.loads(done.stdout)}
    assert done.returncode == 1
    assert (states["redis"], states["clock"], states["workers"]) == ("wrong", "wrong", "wrong")
    assert (states["data"], states["key"], states["database"]) == ("fine", "fine", "fine")
