"""Habits of the code: small files and functions, a sentence where a reader needs one, imports at the top."""

import ast
import re

import pytest

from tests.house.source import CODE, FUNCTIONS, SCRIPTS, STYLES, TEMPLATES, TESTS, named, read, tree

LONGEST_FILE, LONGEST_FUNCTION, LONGEST_PART, LONGEST_PAGE = 400, 60, 40, 150

HEAVY = frozenset({"zxcvbn"})
"""Libraries that may be imported inside a function, because few processes need them and they are large."""

TOLD = ("app/domain/", "app/services/", "app/engines/")
"""Whoever calls these reads their docstrings, not their code."""


@pytest.mark.parametrize("path", [*CODE, *TESTS, *SCRIPTS, *STYLES], ids=named)
def test_a_file_is_short(path):
    assert len(read(path).splitlines()) <= LONGEST_FILE


@pytest.mark.parametrize("path", TEMPLATES, ids=named)
def test_a_template_is_short(path):
    assert len(read(path).splitlines()) <= (LONGEST_PART if path.name.startswith("_") else LONGEST_PAGE)


@pytest.mark.parametrize("path", [*CODE, *TESTS], ids=named)
def test_a_function_is_a_thought(path):
    lengths = {node.name: node.end_lineno - node.lineno + 1 for node in _functions(tree(path))}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FUNCTION} == {}


@pytest.mark.parametrize("path", CODE, ids=named)
def test_a_module_says_what_it_is_for(path):
    assert ast.get_docstring(tree(path))


@pytest.mark.parametrize("path", [path for path in CODE if named(path).startswith(TOLD)], ids=named)
def test_what_others_call_says_what_it_means(path):
    assert [name for name, node in _public(tree(path)) if not ast.get_docstring(node)] == []


@pytest.mark.parametrize("path", CODE, ids=named)
def test_imports_stand_at_the_top(path):
    inside = {
        name.split(".")[0]
        for function in _functions(tree(path))
        for node in ast.walk(function)
        for name in _imported(node)
    }
    assert inside <= HEAVY


@pytest.mark.parametrize("path", [*CODE, *TESTS], ids=named)
def test_nothing_is_left_to_be_done(path):
    marks = ("TO" + "DO", "FIX" + "ME", "XX" + "X")
    assert [line for line in read(path).splitlines() if any(re.search(rf"\b{mark}\b", line) for mark in marks)] == []


@pytest.mark.parametrize("path", CODE, ids=named)
def test_an_exception_from_a_rule_says_why(path):
    bare = re.compile(r"#\s*(?:noqa(?:: [A-Z]+\d+(?:, [A-Z]+\d+)*)?|type: ignore(?:\[[\w, -]+\])?)\s*$")
    assert [line.strip() for line in read(path).splitlines() if bare.search(line)] == []


def _functions(node):
    return (found for found in ast.walk(node) if isinstance(found, FUNCTIONS))


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
