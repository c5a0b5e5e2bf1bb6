"""The files of the house, read once."""

import ast
import inspect
import re
from functools import cache
from importlib import import_module

from app.settings import ROOT

CODE = sorted([*ROOT.glob("app/**/*.py"), *ROOT.glob("jobs/*.py"), ROOT / "wsgi.py"])
TESTS = sorted(ROOT.glob("tests/**/*.py"))
TEMPLATES = sorted(ROOT.glob("templates/**/*.html"))
SCRIPTS = sorted(ROOT.glob("static/js/**/*.js"))
STYLES = sorted(ROOT.glob("static/css/**/*.css"))
DOCS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("static/vendor/*.md")])

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@cache
def read(path):
    return path.read_text(encoding="utf-8")


@cache
def tree(path):
    return ast.parse(read(path), str(path))


@cache
def nodes(path):
    return list(ast.walk(tree(path)))


def functions(path):
    return [node for node in nodes(path) if isinstance(node, FUNCTIONS)]


def named(path):
    """Return how a file is called in a failure, and in the name of a test."""
    return path.relative_to(ROOT).as_posix()


def document(name):
    return read(ROOT / name)


def table(name, heading):
    """Return the rows of the first table under a heading, each a list of cells without their backticks."""
    part = document(name).split(f"\n{heading}\n", 1)[1]
    lines = [line for line in re.split(r"\n#{1,6} ", part, maxsplit=1)[0].splitlines() if line.startswith("|")]
    return [cells(line) for line in lines[2:]]


def cells(line):
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]


def quoted(cell):
    """Return what stands in backticks."""
    return re.findall(r"`([^`]+)`", cell)


def resolve(dotted):
    """Return what a dotted name stands for: a module, or something in it."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found = import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            found = inspect.getattr_static(found, part)
        return found
    raise LookupError(dotted)


@cache
def functions_in(path):
    """Return the names of the functions of a file."""
    return {node.name for node in functions(ROOT / path)}
