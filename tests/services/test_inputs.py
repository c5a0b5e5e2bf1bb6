"""Variables at run time: resolved once per run, handed to each engine, blocked with a sentence where one is missing."""

import threading
import time

import pytest
import sqlalchemy as sa

from app.core.errors import Invalid
from app.domain.expressions import ExpressionError
from app.engines.base import Cancellation
from app.infra import fetch
from app.models.runs import Attempt, Run
from app.models.tasks import TaskVersion
from app.models.teams import TeamValue
from app.services import runs
from app.services.execution import inputs
from app.services.unit import batch
from tests import factories
from tests.factories import rows
from tests.services.test_checkpoints import seal
from tests.services.test_steps import (  # noqa: F401 fixtures
    asked,
    carried_out,
    code,
    log,
    results,
    server,
    team,
    tools,
)  # fmt: skip

MONTH = {"name": "month", "kind": "period", "value": "{{ run.date | minus_months(1) | format('%Y-%m') }}"}
PLANNED = factories.EPOCH.replace(year=2026, month=3, day=1, hour=3)


def planned(team, task_id, **more):  # noqa: F811 the fixture's name
    return factories.run(team, task_id, planned_at=PLANNED, **more)


def made(team_id, **more):
    """A task whose runs are never too late: they are planned for a day in the past."""
    return factories.task(team_id, grace_seconds=10**9, **more)


def value(team_id, name, text):
    with batch() as work:
        row = {"team_id": team_id, "name": name, "value": text, "created_at": work.now, "changed_at": work.now}
        work.connection.execute(sa.insert(TeamValue).values(row))


def web(server, path, variables=(), **more):  # noqa: F811
    return {"settings": {"url": server.url + path, "method": "GET", **more}, "variables": list(variables)}


# --- each engine gets them


def test_a_request_is_made_with_the_values_of_its_planned_time(tools, team, server, asked):  # noqa: F811
    value(team, "region", "EMEA")
    task = made(
        team, **web(server, "/status/200?m={{ month }}&r={{ team.region }}", [MONTH]), timezone="America/New_York"
    )
    run = carried_out(tools, planned(team, task))
    assert (run.state, run.inputs) == ("succeeded", {"month": "2026-01"})  # it is still February in New York
    assert asked() == ["/status/200?m=2026-01&r=EMEA"]


def test_steps_and_their_conditions_use_them(tools, team, server, asked):  # noqa: F811
    ask = {
        "name": "first",
        "engine": "http",
        "settings": {"url": f"{server.url}/status/200?{{{{ month }}}}", "method": "GET"},
    }
    only = {**ask, "name": "second", "condition": 'month == "2026-01"'}
    run = carried_out(tools, planned(team, made(team, steps=[ask, only], variables=[MONTH])))
    assert (run.state, asked()) == ("succeeded", ["/status/200?2026-02"])
    assert results()["second"]["state"] == "skipped"


@pytest.mark.usefixtures("code")
def test_a_program_finds_them_and_its_source_stays_as_it_is(tools, team):  # noqa: F811
    day = {"name": "day", "kind": "date", "value": "{{ run.date }}"}
    count = {"name": "count", "kind": "number", "value": "3"}
    drafts = [MONTH, day, count, {"name": "evil", "value": '"; touch x; $(id)'}]
    text = 'echo "$VAR_MONTH $VAR_DAY $VAR_COUNT $VAR_EVIL $OWN {{ month }}"'
    env = {"OWN": "{{ month }}/{{ run.number }}"}
    task = made(team, engine="shell", settings={"script": text, "env": env}, variables=drafts, name="sh")
    run = carried_out(tools, planned(team, task, lane="code"))
    assert run.state == "succeeded", run.sentence
    assert f'2026-02 2026-03-01 3 "; touch x; $(id) 2026-02/{run.number} {{{{ month }}}}' in log()
    text = "import carillon; print(carillon.variables())"
    task = made(team, engine="python", settings={"code": text}, variables=drafts[:3], name="py")
    run = carried_out(tools, planned(team, task, lane="code"))
    assert run.state == "succeeded", run.sentence
    assert "{'month': '2026-02', 'day': '2026-03-01', 'count': 3}" in log()


@pytest.mark.alike
@pytest.mark.usefixtures("tools")
def test_an_agent_is_asked_with_them_and_gets_no_secret_to_read():
    given = {"prompt": "Write about {{ month }}.", "tools": ["http_get"], "env": {"A": "{{ secrets.KEY }}"}}
    found = inputs.filled("agent", given, {"month": "2026-02"}, {"KEY": "abcd"})
    assert (found["prompt"], found["tools"], found["env"]) == ("Write about 2026-02.", ["http_get"], {"A": "abcd"})
    with pytest.raises(ExpressionError, match="secrets stay out of prompts"):
        inputs.filled("agent", given | {"prompt": "Use {{ secrets.KEY }}."}, {"month": "2026-02"}, {"KEY": "abcd"})


def test_a_secret_stands_in_a_header_and_nowhere_else(tools, team, server):  # noqa: F811
    seal(tools.vault, team, "TOKEN", "s3cret-bell")
    sent = web(server, "/status/200", headers={"X-Key": "k-{{ secrets.TOKEN }}"})
    run = carried_out(tools, planned(team, made(team, **sent)))
    assert run.state == "succeeded", run.sentence
    assert server.requests[-1][2]["X-Key"] == "k-s3cret-bell"
    assert run.inputs == {}
    assert not any("s3cret-bell" in line for line in log())


# --- kept, and used again


@pytest.mark.alike
def test_a_retry_keeps_what_was_resolved(tools, team, server, asked):  # noqa: F811
    number = {"name": "attempt", "value": "{{ run.attempt }}"}
    run_id = planned(team, made(team, **web(server, "/status/503?{{ attempt }}", [number]), retry_delay_seconds=0))
    assert carried_out(tools, run_id).state == "waiting"
    with batch() as work:
        work.connection.execute(sa.update(Run).values(state="queued", attempt=2, not_before=None))
    carried_out(tools, run_id, attempt=2)
    assert asked() == ["/status/503?1", "/status/503?1"]


@pytest.mark.alike
def test_typed_values_count_for_their_run_and_for_the_one_after_again(tools, team, server, asked):  # noqa: F811
    actor = factories.owner(team)
    task = made(team, **web(server, "/status/200?{{ month }}", [MONTH]))
    number = runs.start(actor, task, inputs={"month": "2024-12"})
    run = carried_out(tools, rows(Run)[0].id)
    assert (run.typed, run.inputs) == ({"month": "2024-12"}, {"month": "2024-12"})
    runs.again(actor, number)
    assert rows(Run)[1].typed == {"month": "2024-12"}
    assert asked() == ["/status/200?2024-12"]
    with pytest.raises(Invalid) as raised:
        runs.start(actor, task, inputs={"month": "whenever", "nix": 1})
    assert set(raised.value.fields) == {"input-month", "input-nix"}


@pytest.mark.alike
def test_the_run_before_is_the_last_that_worked(tools, team, server, asked):  # noqa: F811
    said = {"name": "before", "value": "{{ previous.outputs.status | default('none') }}"}
    task = made(team, **web(server, "/status/200?{{ before }}", [said]))
    for state, day, status in (("succeeded", 1, 201), ("succeeded", 2, 204), ("failed", 3, 500), ("succeeded", 9, 299)):
        at = PLANNED.replace(month=2, day=day) if day < 9 else PLANNED.replace(day=9)
        factories.run(team, task, state, planned_at=at, facts={"status": status})
    carried_out(tools, planned(team, task))
    assert asked() == ["/status/200?204"]


# --- where one is missing


@pytest.mark.alike
@pytest.mark.parametrize(
    ("drafts", "path", "says"),
    [
        (
            [{"name": "x", "value": "{{ team.budget }}"}],
            "/",
            "The variable x has no value: The team has no value called budget.",
        ),
        ([], "/{{ previous.state }}", "In url, line 1, column "),
        ([], "/{{ team.budget }}", "In url, line 1, column "),
    ],
)
def test_a_run_without_a_value_is_blocked_before_it_asks(tools, team, server, asked, drafts, path, says):  # noqa: F811
    run = carried_out(tools, planned(team, made(team, **web(server, path, drafts))))
    assert (run.state, run.reason) == ("blocked", "variables")
    assert run.sentence.startswith(says)
    assert asked() == []
    assert [row.state for row in rows(Attempt)] == ["blocked"]


@pytest.mark.alike
def test_a_step_without_a_value_is_named_before_any_begins(tools, team, server, asked):  # noqa: F811
    steps = [
        {"name": "first", "engine": "http", "settings": {"url": f"{server.url}/status/200", "method": "GET"}},
        {"name": "second", "engine": "http", "settings": {"url": f"{server.url}/{{{{ team.nix }}}}", "method": "GET"}},
    ]
    run = carried_out(tools, planned(team, made(team, steps=steps, variables=[])))
    assert (run.state, run.reason) == ("blocked", "variables")
    assert run.sentence.startswith("In the step second, url, line 1")
    assert asked() == []


@pytest.mark.alike
def test_a_value_makes_settings_unusable(tools, team, server):  # noqa: F811
    drafts = [{"name": "host", "value": "not an address"}]
    task = made(team, settings={"url": "{{ host }}", "method": "GET"}, variables=drafts)
    run = carried_out(tools, planned(team, task))
    assert (run.state, run.reason) == ("blocked", "variables")
    assert run.sentence.startswith("With the values of this run url can't be used: ")


# --- from the web


@pytest.mark.alike
def test_a_value_is_asked_of_the_web(tools, team, server, asked):  # noqa: F811
    rate = {
        "name": "rate",
        "kind": "number",
        "source": "web",
        "url": f"{server.url}/json?body=%7B%22r%22%3A%5B1.25%5D%7D",
        "path": "r[0]",
    }
    run = carried_out(tools, planned(team, made(team, **web(server, "/status/200?{{ rate }}", [rate]))))
    assert (run.state, run.inputs) == ("succeeded", {"rate": 1.25})
    assert asked()[-1] == "/status/200?1.25"


@pytest.mark.alike
@pytest.mark.parametrize(("status", "state"), [(503, "waiting"), (404, "blocked")])
def test_a_web_value_that_is_away_is_tried_again_and_one_that_is_gone_is_not(tools, team, server, status, state):  # noqa: F811
    rate = {"name": "rate", "source": "web", "url": f"{server.url}/status/{status}"}
    run = carried_out(tools, planned(team, made(team, **web(server, "/", [rate]))))
    assert run.state == state
    assert f"The variable rate has no value: its address answered {status}." in run.sentence
    assert rows(Attempt)[0].reason == "variables"
    fallback = made(team, **web(server, "/status/200", [rate | {"value": "7"}]), name="other")
    run = carried_out(tools, planned(team, fallback))
    assert (run.state, run.inputs) == ("succeeded", {"rate": "7"})
    assert f"The variable rate has its fallback: its address answered {status}." in log()


@pytest.mark.alike
def test_a_web_value_comes_from_no_inner_address(tools, team, server, monkeypatch):  # noqa: F811
    rate = {"name": "rate", "source": "web", "url": f"{server.url}/status/200"}
    monkeypatch.setattr(fetch, "_network", [fetch._Network()])
    run = carried_out(tools, planned(team, made(team, **web(server, "/", [rate]))))
    assert (run.state, run.reason) == ("blocked", "variables")
    assert "inner" in run.sentence or "inside" in run.sentence


@pytest.mark.alike
def test_a_task_stored_before_there_were_variables_keeps_its_braces(tools, team, server, asked):  # noqa: F811
    task = made(team, settings={"url": f"{server.url}/status/200?q=%7B{{{{ x }}}}", "method": "GET"})
    run = carried_out(tools, planned(team, task))
    assert run.state == "succeeded", run.sentence
    assert "variables" not in rows(TaskVersion)[0].definition


@pytest.mark.alike
def test_a_run_that_is_to_stop_does_not_wait_for_the_web(tools, team, server):  # noqa: F811
    slow = {"name": "slow", "source": "web", "url": f"{server.url}/delay/5"}
    cancellation = Cancellation()
    threading.Timer(0.2, lambda: cancellation.ask("person")).start()
    began = time.monotonic()
    run = carried_out(tools, planned(team, made(team, **web(server, "/", [slow]))), cancellation=cancellation)
    assert (run.state, run.reason) == ("cancelled", "person")
    assert time.monotonic() - began < 2
