"""The recipes of docs/architecture.md work: engines and templates of other packages are found by their entry points."""

import re

import pytest

from app import plugins
from app.core.registry import Registry
from app.domain import library
from app.engines.base import Cancellation, Limits, RunRequest
from app.services.library import builtin
from tests.house.source import document


@pytest.fixture
def engines(monkeypatch):
    registry = Registry("engine")
    monkeypatch.setattr(plugins, "engines", registry)
    return registry


def install(folder, text, package, point="[carillon.engines]\n{0} = {0}.engine:engine\n", file="engine.py"):
    """Lay a package out as pip would."""
    (folder / package).mkdir()
    (folder / package / "__init__.py").touch()
    (folder / package / file).write_text(text)
    about = folder / f"{package}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(point.format(package))


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


@pytest.fixture
def packed(tmp_path, monkeypatch):
    """Install a package with a file of templates; returns what the gallery then has of packages."""
    builtin.templates.cache_clear()

    def packed(text, package):
        install(tmp_path, text, package, "[carillon.templates]\n{0} = {0}\n", "stock.toml")
        monkeypatch.syspath_prepend(tmp_path)
        return [one for one in builtin.templates().values() if one.origin]

    yield packed
    builtin.templates.cache_clear()


def test_templates_of_another_package_are_offered_and_confined(packed):
    text = re.search(r"```toml\n(# carillon_shop.*?)```", document("docs/architecture.md"), re.DOTALL)[1]
    [found] = packed(text, "carillon_shop")
    assert (found.slug, found.origin.publisher) == ("carillon-shop.stock", "carillon_shop")
    assert found.content.min_isolation == library.FOREIGN_LEVEL
    made = library.made(found, {"url": "https://shop.example/stock.json"}, ())
    assert made.definition["settings"]["url"] == "{{ url }}"
    assert made.definition["min_isolation"] == library.FOREIGN_LEVEL


def test_a_file_that_is_no_template_is_left_out_and_the_others_stay(packed):
    assert packed("name = 3", "carillon_torn") == []
    assert "feed-digest" in builtin.templates()
