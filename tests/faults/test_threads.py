"""Imports and analyses whose worker is killed (PROMISES E2)."""

import time

import pytest
import sqlalchemy as sa
from flask import current_app

from app.models.teams import Team
from app.models.threads import Import, Thread
from app.services.threads import analyses, imports
from app.services.unit import batch
from tests import agents
from tests.factories import rows
from tests.llm_server import Says, llm_server
from tests.processes import eventually

pytestmark = pytest.mark.fault

SAID = "Every Monday at 9, write a report of net revenue by region.\n\nAssistant: I will."


@pytest.mark.long  # the times of threads are not scaled down
def test_e2_what_a_killed_worker_read_is_read_by_another(house, server, seen):
    with batch() as work:
        key = current_app.extensions["vault"].new_data_key(house.team)
        work.connection.execute(sa.update(Team).where(Team.id == house.team).values(data_key=key))
    with llm_server(Says("{}", think_seconds=600)) as model:
        agents.model(house.team, model)
        house.spawn("clock")
        first, second = house.spawn("worker"), house.spawn("worker")
        imports.start_text(house.ada, house.settings.data_dir / "files", f"User: {SAID}")
        eventually(lambda: [one.analysis_state for one in rows(Thread)] == ["done"])
        [thread] = rows(Thread)
        analyses.start(house.ada, [thread.id], deepens=True)
        imports.start_address(house.ada, f"{server.url}/delay/600")
        eventually(lambda: rows(Thread)[0].analysis_stage == "model" and rows(Import)[1].state == "reading")
        time.sleep(20)  # longer than the silence after which somebody else begins it: whoever lives is left alone
        assert (rows(Thread)[0].analysis_tries, rows(Import)[1].token) == (1, 1)
        house.kill(first)
        house.kill(second)
        killed_at = time.monotonic()
        house.spawn("worker")
        house.spawn("worker")
        took = {}

        def are_taken_up():
            if rows(Thread)[0].analysis_tries == 2:
                took.setdefault("analysis", time.monotonic() - killed_at)
            if rows(Import)[1].token == 2:
                took.setdefault("import", time.monotonic() - killed_at)
            return len(took) == 2

        eventually(are_taken_up, 45)
        assert took["import"] < 30
        assert took["analysis"] < 30
    seen(f"import taken up again after {took['import']:.0f} s, analysis after {took['analysis']:.0f} s")
