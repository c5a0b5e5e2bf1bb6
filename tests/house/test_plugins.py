"""The recipe of docs/architecture.md works: an engine of another package is found by its entry point."""

import re

import pytest

from app import plugins
from app.core.registry import Registry
from app.engines.base import Cancellation, Limits, RunRequest
from tests.house.source import document


@pytest.fixture
def engines(monkeypatch):
    registry = Registry("engine")
    monkeypatch.setattr(plugins, "engines", registry)
    return registry


def install(folder, text, package):
    """Lay a package out as pip would."""
    (folder / package).mkdir()
    (folder / package / "__init__.py").touch()
    (folder / package / "engine.py").write_text(text)
    about = folder / f"{package}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[carillon.engines]\n{package} = {package}.engine:engine\n")


def test_an_engine_of_another_package_is_found(engines, tmp_path, monkeypatch):
    recipe = re.search(r"```python\n(# carillon_ping.*?)```", document("docs/architecture.md"), re.DOTALL)[1]
    install(tmp_path, recipe, "carillon_ping")
    monkeypatch.syspath_prepend(tmp_path)
    plugins.register()
    request = RunRequest(1, 1, "key", {"host": "example.com"}, {}, {}, tmp_path, Limits())
    outcome = engines["ping"].run(request, lambda _: None, Cancellation())
    assert (outcome.state, outcome.sentence) == ("succeeded", "example.com is there.")


def test_an_engine_that_breaks_is_left_out_and_the_others_stay(engines, tmp_path, monkeypatch):
    install(tmp_path, "raise RuntimeError('not today')\n", "carillon_broken")
    monkeypatch.syspath_prepend(tmp_path)
    plugins.register()
    assert [f"app.engines.{engine.name}" for engine in engines] == list(plugins.BUILT_IN)
