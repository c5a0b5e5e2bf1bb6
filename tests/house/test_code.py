"""Habits of the code: small files and functions, a sentence where a reader needs one, imports at the top."""

import ast
import re

from tests.house.source import CODE, FUNCTIONS, SCRIPTS, STYLES, TEMPLATES, TESTS, functions, named, read, tree

LONGEST_FILE, LONGEST_FUNCTION, LONGEST_PART, LONGEST_PAGE = 400, 60, 40, 150

HEAVY = frozenset({"duckdb", "fpdf", "holidays", "icalendar", "jsonschema", "referencing", "zxcvbn"})
"""Libraries that may be imported inside a function, because few processes need them and they are large."""

TOLD = ("app/domain/", "app/services/", "app/engines/")
"""Whoever calls these reads their docstrings, not their code."""


def test_files_are_short():
    lengths = {named(path): len(read(path).splitlines()) for path in [*CODE, *TESTS, *SCRIPTS, *STYLES]}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}


def test_templates_are_short():
    lengths = {path: len(read(path).splitlines()) for path in TEMPLATES}
    most = {path: LONGEST_PART if path.name.startswith("_") else LONGEST_PAGE for path in TEMPLATES}
    assert {named(path): length for path, length in lengths.items() if length > most[path]} == {}


def test_a_function_is_a_thought():
    lengths = {
        f"{named(path)} {node.name}": node.end_lineno - node.lineno + 1
        for path in [*CODE, *TESTS]
        for node in functions(path)
    }
    assert {name: length for name, length in lengths.items() if length > LONGEST_FUNCTION} == {}


def test_every_module_says_what_it_is_for():
    assert [named(path) for path in CODE if not ast.get_docstring(tree(path))] == []


def test_what_others_call_says_what_it_means():
    called = [(path, *found) for path in CODE if named(path).startswith(TOLD) for found in _public(tree(path))]
    assert [f"{named(path)} {name}" for path, name, node in called if not ast.get_docstring(node)] == []


def test_imports_stand_at_the_top():
    inside = [
        (named(path), name)
        for path in CODE
        for function in functions(path)
        for node in ast.walk(function)
        for name in _imported(node)
    ]
    assert [(path, name) for path, name in inside if name.split(".")[0] not in HEAVY] == []


def test_nothing_is_left_to_be_done():
    mark = re.compile(r"\b(?:TO" + "DO|FIX" + "ME|XX" + r"X)\b")
    assert [named(path) for path in [*CODE, *TESTS] if mark.search(read(path))] == []


def test_an_exception_from_a_rule_says_why():
    bare = re.compile(r"#\s*(?:noqa(?:: [A-Z]+\d+(?:, [A-Z]+\d+)*)?|type: ignore(?:\[[\w, -]+\])?)\s*$", re.MULTILINE)
    assert [(named(path), found) for path in CODE for found in bare.findall(read(path))] == []


def _public(module):
    """Yield the public functions and classes of a module, and the public methods of those classes."""
    for node in module.body:
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)) and not node.name.startswith("_"):
            yield node.name, node
            for method in node.body if isinstance(node, ast.ClassDef) else ():
                if isinstance(method, FUNCTIONS) and not method.name.startswith("_"):
                    yield f"{node.name}.{method.name}", method


def _imported(node):
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []
