"""What the documents say is so: pages, functions, tests, settings, commands, numbers and links exist."""

import re
from datetime import UTC, datetime

import pytest

from app.cli.__main__ import COMMANDS
from app.domain import phrases
from app.domain.expressions.filters import FILTERS
from app.domain.expressions.names import PREVIOUS, RUN
from app.factory import create_app
from app.infra import vault
from app.settings import ROOT, VARIABLES, Settings
from tests.bench.figures import FIGURES
from tests.house.source import DOCS, cells, document, functions_in, named, quoted, read, resolve, table

AREAS = 16
NOT_YET = "not yet"
PROMISES = {"S": 14, "E": 16, "I": 16, "O": 8}
"""How many promises each chapter has."""


def _rows(name):
    """Return the rows of all tables of a document, without their heads."""
    lines = [line for line in document(name).splitlines() if line.startswith("|")]
    heads = {number for number, line in enumerate(lines[1:]) if re.fullmatch(r"[| :-]+", line)}
    return [
        cells(line) for number, line in enumerate(lines) if number not in heads and not re.fullmatch(r"[| :-]+", line)
    ]


COVERAGE = _rows("docs/coverage.md")
WORKS = [row for row in COVERAGE if row[2] != NOT_YET]
PROMISED = _rows("docs/promises.md")


# --- coverage


def test_every_requirement_has_its_row():
    numbers = [f"{area}.{number}" for area in range(1, AREAS + 1) for number in range(1, 5)]
    assert [row[0] for row in COVERAGE] == [*numbers, "M1", "M2", "M3"]


@pytest.fixture(scope="module")
def addresses(tmp_path_factory):
    folder = tmp_path_factory.mktemp("routes")
    vault.create_key(folder / "key")
    return {rule.rule for rule in create_app(Settings(data_dir=folder)).url_map.iter_rules()}


def test_what_is_said_to_work_has_page_function_and_test(addresses):
    known = addresses | {f"./carillon {command}" for command in COMMANDS}
    for number, _, _, page, function, test, _ in WORKS:
        assert set(quoted(page)) <= known, number
        assert all(resolve(name) is not None for name in quoted(function)), number
        assert all(_is_test(name) for name in quoted(test)), number
        assert all(quoted(cell) for cell in (page, function, test)), number


def test_a_row_says_what_there_is_and_what_is_lacking():
    for number, _, state, *rest in COVERAGE:
        assert state in {"works", "partly", NOT_YET}, number
        assert bool(rest[-1]) == (state == "partly"), number
        assert state != NOT_YET or not any(rest), number


# --- promises


def test_every_promise_has_its_row():
    expected = [f"{chapter}{number}" for chapter, most in PROMISES.items() for number in range(1, most + 1)]
    assert [row[0] for row in PROMISED] == expected


def test_a_promise_names_its_tests_or_none():
    for number, _, state, tests in PROMISED:
        assert state in {"tested", "partly", NOT_YET}, number
        assert bool(quoted(tests)) == (state != NOT_YET), number
        assert [name for name in quoted(tests) if not _is_test(name)] == [], number


def _is_test(name):
    path, _, test = name.partition("::")
    return (ROOT / path).is_file() and (not test or test in functions_in(path))


# --- operations


def test_operations_have_every_setting_in_the_order_of_the_example():
    documented = [quoted(row[0])[0] for row in table("docs/operations.md", "## Settings")]
    assert documented == re.findall(r"^#([A-Z_]+)=", document(".env.example"), re.MULTILINE)
    assert sorted(documented) == sorted(VARIABLES)


def test_operations_have_the_defaults_of_the_example():
    said = {quoted(row[0])[0]: (quoted(row[1]) or [""])[0] for row in table("docs/operations.md", "## Settings")}
    assert said == dict(re.findall(r"^#([A-Z_]+)=(.*)$", document(".env.example"), re.MULTILINE))


def test_operations_have_every_command():
    documented = [quoted(row[0])[0].split()[1] for row in table("docs/operations.md", "## Commands")]
    assert documented == list(COMMANDS)


def test_operations_have_every_number():
    health, hub = read(ROOT / "app/web/health.py"), read(ROOT / "app/web/hub.py")
    numbers = re.findall(r'"(carillon_[a-z_]+)"', health)
    numbers += [f"carillon_{name}" for name in re.findall(r'^ {12}"([a-z_]+)": \("', hub, re.MULTILINE)]
    documented = {name for row in table("docs/operations.md", "### Numbers") for name in quoted(row[0])}
    assert {name for name in documented if name.startswith("carillon_")} == set(numbers)


def test_operations_have_every_figure_of_the_bench():
    documented = [quoted(row[0])[0] for row in table("docs/operations.md", "## Bench")]
    assert documented == list(FIGURES)


# --- expressions


def test_the_guide_has_every_filter_and_every_name():
    section = document("docs/guide.md").partition("\n## Variables\n")[2].partition("\n## ")[0]
    rows = [cells(line) for line in section.splitlines() if line.startswith("| `")]
    filters = section.partition("| filter |")[2]
    assert re.findall(r"^\| `(\w+)` \|", filters, re.MULTILINE) == list(FILTERS)
    assert {f"run.{name}" for name in RUN} | {f"previous.{name}" for name in PREVIOUS} <= {
        name.removesuffix(".…") for row in rows for name in quoted(row[0])
    }


# --- links


def test_links_lead_somewhere():
    links = [(path, link) for path in DOCS for link in re.findall(r"\]\(([^)\s]+)\)", read(path))]
    assert [(named(path), link) for path, link in links if not _leads(path, link)] == []


def _leads(path, link):
    if link.startswith("https://"):
        return True
    file, _, anchor = link.partition("#")
    target = (path.parent / file).resolve() if file else path
    return target.exists() and (not anchor or anchor in _anchors(read(target)))


def _anchors(text):
    heads = re.findall(r"^#{1,6} (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}


def test_files_that_are_named_are_there():
    named_files = re.compile(r"`((?:app|jobs|tests|templates|static|docs)/[\w./-]+)`")
    found = {(named(path), name) for path in DOCS for name in named_files.findall(read(path))}
    assert [(path, name) for path, name in sorted(found) if not (ROOT / name).exists()] == []


# --- the guide


def _phrases():
    part = document("docs/guide.md").split("## When it runs", 1)[1].split("\n### ", 1)[0]
    rows = [cells(line) for line in part.splitlines() if line.startswith("| `")]
    return [phrase for row in rows for phrase in quoted(row[0])]


@pytest.mark.parametrize("phrase", _phrases())
def test_a_schedule_of_the_guide_is_understood(phrase):
    assert phrases.read(phrase, datetime(2026, 11, 24, 9, tzinfo=UTC), "Europe/Berlin").state == "understood"
