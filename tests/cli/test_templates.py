"""`./carillon templates`: a template goes into a file, and a file is looked at before it is installed."""

import argparse
from types import SimpleNamespace

import pytest

from app.cli import templates
from app.core.errors import Conflict, Forbidden, Invalid, NotFound
from app.services import library
from tests.web.conftest import ada, cid, northgate

__all__ = ["ada", "cid", "northgate"]


@pytest.fixture
def carillon(app, settings, monkeypatch, capsys):
    """Carry out a command with the settings of the application; returns what it printed."""
    monkeypatch.setattr(templates, "read", lambda: settings)
    monkeypatch.setattr(templates.bootstrap, "start", lambda _: app)

    def run(*words):
        parser = argparse.ArgumentParser()
        templates.arguments(parser)
        assert templates.run(parser.parse_args([str(word) for word in words])) == 0
        said = capsys.readouterr()
        return SimpleNamespace(out=said.out, err=said.err)

    return run


def test_a_template_goes_into_a_file_and_from_it_into_another_team(app, ada, cid, northgate, carillon, tmp_path):
    content = {"name": "Probe", "category": "Watch", "sentence": "Asks the wiki of Ada Park.", "engine": "http",
               "settings": {"url": "https://wiki.corp/"}}  # fmt: skip
    with app.app_context():
        library.save(ada.actor(app, northgate), content, "")
    file = tmp_path / "probe.carillon"
    said = carillon("export", "probe", file, "--team", northgate)
    assert said.out == f"Probe, version 1, is in {file}.\n"
    assert "host wiki.corp: replaced by example.com (Settings, url)" in said.err
    assert b"Ada Park" not in file.read_bytes()

    said = carillon("import", file, "--team", cid.slug).out
    assert "Publisher:          Northgate" in said
    assert "Hosts in it:        example.com" in said
    assert "Nothing is installed. With --yes it is." in said
    with app.app_context(), pytest.raises(NotFound):
        library.find(cid.actor(app, cid.slug), "probe")
    assert carillon("import", file, "--team", cid.slug, "--yes").out.endswith("Installed as probe.\n")
    with pytest.raises(Conflict, match="version 1 of it already"):
        carillon("import", file, "--team", cid.slug, "--yes")
    file.write_bytes(b"no bundle")
    with pytest.raises(Invalid, match="no bundle"):
        carillon("import", file, "--team", cid.slug)
    with pytest.raises(NotFound):
        carillon("export", "website-check", file, "--team", northgate)
    with pytest.raises((NotFound, Forbidden)):
        carillon("export", "probe", file, "--team", northgate, "--person", cid.email)
