"""What the page of a run says of it: how it compares, and of a failure the cause, the line, and the way to mend it."""

# ruff: noqa: F401, F811 fixtures of another module

import json
from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.models.runs import LogChunk, Run
from app.models.tasks import TaskVersion
from app.models.teams import Model
from app.services.unit import batch
from tests import factories
from tests.api.conftest import program
from tests.domain.test_failures import RECORDED
from tests.web.test_runs import XSS, attempt, make, page, store_log, stored, team, viewer

pytestmark = pytest.mark.alike


@pytest.fixture
def failed(app, team):
    """Make a run that failed as one that was recorded; returns its number."""

    def run(name, **more):
        ran = RECORDED[name]
        with app.app_context():
            settings = {"code": "pass", "script": "true", "network": ran["network"]}
            task = factories.task(team, name.replace(" ", "-"), ran["engine"], settings, timeout_seconds=60)
            values = {"reason": ran["reason"], "sentence": ran["sentence"], "facts": {"exit_code": ran["exit_code"]}}
            at = factories.ago(minutes=1)
            run_id = factories.run(
                team, task, ran["state"], started_at=at, ended_at=at + timedelta(seconds=9), **values | more
            )
            lines = [[0.1, level, text] for level, text in ran["lines"]]
            chunk = {"run_id": run_id, "first": 1, "count": len(lines), "size_bytes": 99, "token": 1, "lines": lines}
            if lines:
                with batch() as work:
                    work.connection.execute(sa.insert(LogChunk).values(chunk | {"at": work.now}))
            number = factories.rows(Run, Run.id == run_id)[0].number
        attempt(app, number, ("prepare", "succeeded", 1), ("run", "failed", 8), state=ran["state"])
        return number

    return run


def test_a_failure_says_its_cause_the_line_and_the_way_out(ada, failed, page):
    text = ada.get(f"{page}/{failed('module')}").text
    assert "The Python package pandas is missing. It ended with exit code 1." in text
    assert 'href="?step=run&amp;line=4">Line 4</a> <q>ModuleNotFoundError: No module named &#39;pandas&#39;</q>' in text
    assert "Add pandas to its packages and run again" in text
    assert ">Edit the task</a>" in text


def test_the_line_that_tells_most_is_marked_where_it_leads(ada, failed, page):
    text = ada.get(f"{page}/{failed('psql refused')}?step=run&line=1").text
    assert "localhost:8099 is not available." in text
    assert '<li id="L1" class="lv-warn pick">' in text


def test_one_press_makes_a_version_and_runs_it(app, ada, failed, page):
    number = failed("urllib no network")
    assert "Let it reach the network and run again" in ada.get(f"{page}/{number}").text
    assert ada.post(f"{page}/{number}/remedy").location == f"{page}/{number + 1}"
    with app.app_context():
        version = factories.rows(TaskVersion)[-1]
    assert (version.number, version.definition["settings"]["network"]) == (2, True)
    assert stored(app, number + 1).version_id == version.id
    # The task is another one now: what mended it is no longer offered.
    assert "Let it reach the network and run again" not in ada.get(f"{page}/{number}").text
    assert ada.post(f"{page}/{number}/remedy").status_code == 409


def test_a_run_close_to_its_memory_limit_offers_more_of_it_and_is_not_repeated(app, ada, make, page):
    limit = 536_870_912
    number = make("succeeded", facts={"memory_bytes": int(limit * 0.95)})
    with app.app_context(), batch() as work:
        definition = factories.rows(TaskVersion)[-1].definition
        more = {**definition, "limits": {**definition["limits"], "memory_bytes": limit}}
        work.connection.execute(sa.update(TaskVersion).values(definition=more))
    text = ada.get(f"{page}/{number}").text
    assert "It used 486 of its 512 MiB of memory." in text
    assert "Raise its memory limit to 1,024 MiB</button>" in text
    assert ada.post(f"{page}/{number}/remedy").location == f"{page}/{number}"
    with app.app_context():
        assert factories.rows(TaskVersion)[-1].definition["limits"]["memory_bytes"] == 2 * limit
        assert len(factories.rows(Run)) == 1
    assert "/remedy" not in ada.get(f"{page}/{number}").text


def test_who_may_not_change_the_task_reads_what_to_do(viewer, failed, page):
    number = failed("time limit")
    text = viewer.get(f"{page}/{number}").text
    assert "Raise its time limit or give it less to do, then run it again." in text
    assert "/remedy" not in text
    assert "Edit the task" not in text
    assert viewer.post(f"{page}/{number}/remedy").status_code == 403


def test_a_secret_that_is_not_set_leads_to_its_form(ada, make, page):
    said = "The secret API_KEY does not exist. Set it in Settings, then run again."
    text = ada.get(f"{page}/{make('blocked', reason='no_secret', sentence=said)}").text
    assert 'settings/secrets?name=API_KEY">Set the secret API_KEY</a>' in text


def test_a_failed_run_stands_one_press_from_the_last_good_one(ada, failed, make, page):
    assert '<a class="btn quiet"' not in ada.get(f"{page}/{failed('time limit')}").text
    earlier = {"planned_at": factories.ago(hours=2), "started_at": factories.ago(hours=2)}
    make("succeeded", ended_at=factories.ago(hours=1), **earlier)
    number = make("failed", reason="refused", sentence="It refused.", ended_at=factories.ago(seconds=1))
    assert f'<a class="btn quiet" href="{page}/{number}/compare">' in ada.get(f"{page}/{number}").text


def test_a_good_run_is_held_against_the_ones_before(ada, make, page):
    start = factories.ago(hours=1)
    times = {"started_at": start, "ended_at": start + timedelta(minutes=4, seconds=20)}
    for _ in range(5):
        make("succeeded", facts={"counted": {"sources": 41}, "sent": 1}, cost_micros=90_000, **times)
    number = make(
        "succeeded", sentence="All 3 steps worked in 3 min 58 s.", facts={"counted": {"sources": 3}, "sent": 1},
        cost_micros=90_000, started_at=start, ended_at=start + timedelta(minutes=3, seconds=58),
    )  # fmt: skip
    text = ada.get(f"{page}/{number}").text
    assert "All 3 steps worked in 3 min 58 s, a bit faster than usual (4 min 20 s)." in text
    assert "3 sources, 1 sent message, $0.09." in text
    assert "Far less than usual: 3 sources instead of about 41 sources." in text


def test_a_line_of_the_log_is_no_markup(app, ada, make, page):
    for number, text in [(make("failed", reason="exit_code", sentence="It failed."), text) for text in XSS]:
        store_log(stored(app, number).id, [f"Error: {text}"])
        shown = ada.get(f"{page}/{number}").text
        assert "<script>alert" not in shown
        assert "<img src=x" not in shown
        assert "<svg onload" not in shown


def test_a_log_without_an_end_is_read_in_part(app, ada, make, page):
    number = make("failed", reason="exit_code", sentence="Ended with exit code 1.")
    run_id = stored(app, number).id
    for first in range(1, 60_000, 1000):
        store_log(run_id, ["Error: early"] + ["progress"] * 999, first=first)
    assert "Error: early" in json.dumps(ada.get(f"{page}/{number}").text)


# --- what a model says


def test_what_a_model_says_is_labelled_and_stands_below_what_the_rules_say(app, ada, make, page):
    summary = {"text": "<b>The table</b> is locked.", "model": "Sonnet"}
    said = "Ended with exit code 3."
    number = make("failed", reason="exit_code", sentence=said, facts={"exit_code": 3, "summary": summary})
    text = ada.get(f"{page}/{number}").text
    assert "<summary>AI summary</summary><p>&lt;b&gt;The table&lt;/b&gt; is locked.</p>" in text
    assert "Written by Sonnet from the end of the log. It may be wrong." in text
    assert text.index(said) < text.index("AI summary")


def test_a_team_says_which_model_writes_summaries(app, ada, viewer, team, northgate):
    with app.app_context(), batch() as work:
        values = {"team_id": team, "name": "Sonnet", "provider": "anthropic", "model": "claude"}
        values |= {"is_default": True, "test": {}}
        work.connection.execute(sa.insert(Model).values(values | {"created_at": work.now, "changed_at": work.now}))
    at = f"/t/{northgate}/settings/models"
    assert '<option value="" selected>Off</option>' in ada.get(at).text
    assert ada.post(f"{at}/summaries", {"summaries": "Sonnet"}).status_code == 303
    assert '<option value="Sonnet" selected>Sonnet</option>' in ada.get(at).text
    assert "AI summaries are written by Sonnet." in viewer.get(at).text
    assert viewer.post(f"{at}/summaries", {"summaries": ""}).status_code == 403
    refused = ada.post(f"{at}/summaries", {"summaries": "Other"})
    assert (refused.status_code, "Choose a model of the list." in refused.text) == (422, True)
    caller = program(app, ada, northgate)
    assert caller.get("/models/summaries").json == {"model": "Sonnet"}
    assert caller.put("/models/summaries", {"model": ""}).json == {"model": ""}
    assert caller.put("/models/summaries", {"model": "Other"}).status_code == 422
