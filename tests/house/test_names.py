"""Names that are written down: jobs, queues, vendored files, events, states and reasons."""

import ast
import hashlib
import re

import pytest

from app.domain import lifecycle
from app.infra import queues
from app.settings import ROOT
from jobs.recurring import TABLE
from tests.house.source import CODE, named, nodes, quoted, read, resolve, table

VENDOR = ROOT / "static" / "vendor"


@pytest.mark.parametrize("name", sorted(queues.ALLOWED))
def test_a_job_is_a_function(name):
    assert callable(resolve(name))


def test_periodic_jobs_are_allowed_and_documented():
    documented = {quoted(row[0])[0] for row in table("docs/operations.md", "### What Carillon does by itself")}
    assert {entry.function for entry in TABLE} <= queues.ALLOWED
    assert documented == {entry.id for entry in TABLE}


def test_the_documented_queues_are_the_queues():
    documented = [quoted(row[0])[0] for row in table("docs/operations.md", "### Queues")]
    assert documented == [queues.IO, queues.CODE, queues.UPKEEP, queues.THREADS]


@pytest.mark.parametrize("line", read(VENDOR / "SHA256SUMS").splitlines())
def test_a_vendored_file_is_what_it_was(line):
    digest, name = line.split()
    assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == digest


def test_every_vendored_file_has_its_sum():
    listed = {line.split()[1] for line in read(VENDOR / "SHA256SUMS").splitlines()}
    assert {path.name for path in VENDOR.iterdir() if path.suffix not in {".md", ".txt"}} - {"SHA256SUMS"} == listed


def test_the_guide_has_every_state():
    documented = [quoted(row[0])[0] for row in table("docs/guide.md", "### States")]
    assert documented == list(lifecycle.STATES)


def test_the_guide_has_every_reason():
    documented = [reason for row in table("docs/guide.md", "### Reasons") for reason in quoted(row[0])]
    assert sorted(documented) == sorted(_reasons())


def test_the_glossary_has_every_event():
    documented = {kind for row in table("docs/glossary.md", "## Events") for kind in quoted(row[0])}
    assert _literals("tell") - set(lifecycle.STATES) <= documented
    assert documented <= _literals("tell") | set(lifecycle.STATES)


def _literals(method):
    """Return the first arguments of all calls of a method that are written out."""
    return {
        call.args[0].value
        for path in CODE
        for call in _calls(path)
        if isinstance(call.func, ast.Attribute) and call.func.attr == method
        if call.args and isinstance(call.args[0], ast.Constant) and isinstance(call.args[0].value, str)
    }


def _reasons():
    """Return every reason a run can carry, from where it is written."""
    found = set()
    for path in CODE:
        if named(path).startswith(("app/domain/", "app/services/", "app/engines/", "app/infra/")):
            found |= {word for call in _calls(path) for word in _reasons_of(call)}
            found |= {word for pattern in _WRITTEN for word in re.findall(pattern, read(path), re.MULTILINE)}
    return found


_WRITTEN = (
    r'"reason": "(\w+)"',
    r'state, reason = "\w+", "(\w+)"',
    r'state, reason, sentence = \("\w+", "(\w+)"',
    r'decision.reason or \("(\w+)" if',
    r'^    \([\w.]+(?:Error|Read), "(\w+)", ',  # what became of a connection
    r'^REASON = "(\w+)"$',
)
_PLACE = {"Outcome": 1, "Decision": 2, "Failure": 0, "_end": 3, "ModelError": 0, "_told": 2, "_together": 2}
"""Where the reason stands among the arguments."""


def _reasons_of(call):
    name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
    place = _PLACE.get(name)
    given = [call.args[place]] if place is not None and len(call.args) > place else []
    if name in {"values", "_move", "_end", "Outcome", "Admission"}:
        given += [keyword.value for keyword in call.keywords if keyword.arg == "reason"]
    return {node.value for node in given if isinstance(node, ast.Constant) and isinstance(node.value, str)} - {""}


def _calls(path):
    return (node for node in nodes(path) if isinstance(node, ast.Call))
