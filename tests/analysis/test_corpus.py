"""Two dozen made-up exports with labels, written by somebody who did not know the rules: what must be exact is."""

import json
from pathlib import Path

import pytest

from app.analysis import pipeline
from app.importers.reading import threads

CORPUS = Path(__file__).with_name("corpus")
CASES = sorted(path for path in CORPUS.iterdir() if not path.name.endswith(".gold.json"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_thread_is_read_as_it_was_labelled(path):
    label = json.loads(path.with_name(f"{path.stem}.gold.json").read_text(encoding="utf-8"))
    (thread,) = threads(path)
    found = pipeline.summary(thread, pipeline.analyse(thread))
    exact = ("format", "messages", "tools", "agent")
    assert {name: found[name] for name in exact} == {name: label[name] for name in exact}
    assert (found["problems"], bool(found["objective"])) == ({}, True)
    assert found["injection"] >= bool(label.get("injection"))
    secrets = label.get("secrets", [])
    assert sorted(one["masked"][-4:] for one in found["secrets"]) == sorted(secret[-4:] for secret in secrets)
    assert [secret for secret in secrets if secret in json.dumps(found, ensure_ascii=False)] == []
