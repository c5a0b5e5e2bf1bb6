"""Every setting is documented, and nothing else is."""

import re

import pytest

from app.settings import ROOT, VARIABLES, Settings, read

TEXT = (ROOT / ".env.example").read_text(encoding="utf-8")
DOCUMENTED = re.findall(r"^#([A-Z_]+)=(.*)$", TEXT, re.MULTILINE)


def test_the_example_names_every_setting_once():
    assert sorted(name for name, _ in DOCUMENTED) == sorted(VARIABLES)


@pytest.mark.parametrize("name", VARIABLES)
def test_a_comment_stands_above_every_setting(name):
    lines = TEXT.splitlines()
    above = lines[next(number for number, line in enumerate(lines) if line.startswith(f"#{name}=")) - 1]
    assert above.startswith("# ")
    assert len(above) > 20


def test_the_defaults_in_the_example_are_the_defaults():
    said = {name: value for name, value in DOCUMENTED if value and name != "CARILLON_DATA"}
    assert read(said | {"CARILLON_DATA": "/x"}) == Settings(data_dir=read({"CARILLON_DATA": "/x"}).data_dir)
