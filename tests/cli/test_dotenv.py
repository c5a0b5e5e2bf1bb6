"""`.env` beside the command: read by every command; the environment wins."""

from pathlib import Path

import pytest

from app.cli import dotenv
from app.settings import ROOT, SettingError

TEXT = """
# a comment
CARILLON_PORT=8701
export CARILLON_URL = "https://carillon.example"
CARILLON_ALLOW_HOSTS=localhost,127.0.0.1 # both
POSTGRES_PASSWORD='a # b'
EMPTY=
"""


def test_values_are_read_without_quotes_and_comments():
    assert dotenv.parse(TEXT, Path(".env")) == {
        "CARILLON_PORT": "8701",
        "CARILLON_URL": "https://carillon.example",
        "CARILLON_ALLOW_HOSTS": "localhost,127.0.0.1",
        "POSTGRES_PASSWORD": "a # b",
        "EMPTY": "",
    }


def test_a_line_that_is_no_setting_is_named_by_its_number():
    with pytest.raises(SettingError, match="line 2"):
        dotenv.parse("A=1\nwhat is this", Path(".env"))


def test_the_environment_wins_in_both_spellings(tmp_path):
    (tmp_path / ".env").write_text("A=file\nB_FILE=/file\nC=file\n")
    environ = {"A": "given", "B": "given"}
    dotenv.load(tmp_path / ".env", environ)
    assert environ == {"A": "given", "B": "given", "C": "file"}


def test_a_command_reads_the_file_beside_it(carillon, tmp_path):
    (tmp_path / "app").symlink_to(ROOT / "app")
    (tmp_path / ".env").write_text("CARILLON_PORT=none\n")
    done = carillon("up", cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert (done.returncode, "CARILLON_PORT is “none”" in done.stderr) == (1, True)
