"""A thread that a model was to read, while the team has too little left for it."""

from types import SimpleNamespace

import pytest

from app.infra.storage import Storage
from app.services import spending
from app.services.threads import analyses
from app.services.unit import batch
from tests import agents
from tests.web.test_review import at, bring, form

__all__ = ["at", "bring"]


@pytest.mark.alike
def test_the_page_of_the_thread_says_that_the_rules_stand_alone(app, ada, bring, northgate):
    address, team = bring(), ada.actor(app, northgate).team_id
    with app.app_context():
        agents.model(team, SimpleNamespace(base_url=lambda _: "http://127.0.0.1:9/v1"))
        with batch() as work:
            spending.put(work, team, None, "month", 1_000, "UTC")
    ada.post(f"{address}/analysis", {**form(ada.get(address).text), "deepens": "1"})
    with app.app_context():
        files = Storage(app.config["SETTINGS"].data_dir / "files")
        analyses.carry_out(files, app.extensions["vault"], int(address.rpartition("/")[2]))
    page = ada.get(address).text
    assert "By rules alone: Scripted did not read it." in page
    assert "Out of budget: the team&#39;s" in page
