"""The scripts can be joined into one: no name twice, nothing imported from a later one, and none left out."""

import re
from collections import Counter

from app.settings import ROOT
from app.web.assets import MODULES, PAGE_SCRIPTS, script

FOLDER = ROOT / "static" / "js"
SOURCES = {name: (FOLDER / f"{name}.js").read_text() for name in MODULES}


def test_every_script_is_joined():
    assert {path.stem for path in FOLDER.glob("*.js")} == {*MODULES, *PAGE_SCRIPTS}


def test_a_script_of_one_page_imports_nothing():
    assert not [
        name for name in PAGE_SCRIPTS if re.search(r"^import ", (FOLDER / f"{name}.js").read_text(), re.MULTILINE)
    ]


def test_no_name_stands_at_the_top_of_two():
    tops = (
        re.findall(r"^(?:export )?(?:async )?(?:function|const|let|class) (\w+|\$\$?)", text, re.MULTILINE)
        for text in SOURCES.values()
    )
    assert [name for name, count in Counter(name for names in tops for name in names).items() if count > 1] == []


def test_each_imports_only_from_those_before_it():
    for place, name in enumerate(MODULES):
        assert set(re.findall(r"from '\./(\w+)\.js'", SOURCES[name])) <= set(MODULES[:place]), name


def test_what_is_served_has_no_imports_left():
    joined = script(FOLDER).decode()
    assert not re.search(r"^(import|export) ", joined, re.MULTILINE)
    assert "openPalette" in joined
