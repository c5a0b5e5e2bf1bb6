"""Rehearsals: inputs of any day, a look at all that is needed, and nothing sent outside."""

# ruff: noqa: F811 fixtures are imported by their names

import socket
import threading
import time
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from app.domain.access import Actor
from app.engines.base import Cancellation
from app.models.instance import Audit
from app.models.runs import MEETS, Attempt, Run, Step
from app.models.tasks import Task
from app.services import runs
from app.services.facts import previous
from app.services.unit import batch
from tests import factories
from tests.factories import rows
from tests.services.test_checkpoints import seal
from tests.services.test_steps import (  # noqa: F401 fixtures
    ask,
    asked,
    carried_out,
    code,
    log,
    results,
    script,
    server,
    team,
    tools,
)

LEAP_DAY = datetime(2028, 2, 29, 9, tzinfo=UTC)
DAY = {"name": "day", "kind": "date", "value": "{{ run.date }}"}


@pytest.fixture
def rehearsed(tools, team):
    """Rehearse a task for the leap day of 2028, and carry it out."""

    def do(task_id, at=LEAP_DAY):
        number = runs.rehearse(Actor(None, team, "owner"), task_id, at)
        return carried_out(tools, rows(Run, Run.number == number)[0].id)

    return do


def preflight():
    return next((row.state, row.detail) for row in rows(Step) if row.name == "Preflight")


def test_reads_are_made_and_what_changes_something_is_shown_instead(team, rehearsed, server, ask, asked, tools):
    seal(tools.vault, team, "TOKEN", "s3cret-bell")
    send = ask(
        "send", "/echo?on={{ day }}", "POST",
        settings={"body": "{{ steps.read.status }} on {{ day }}", "auth": "bearer", "auth_secret": "TOKEN"},
    )  # fmt: skip
    run = rehearsed(factories.task(team, steps=[ask("read", "/status/200?{{ day }}"), send], variables=[DAY]))
    assert run.state == "succeeded", run.sentence
    assert run.sentence.startswith("Rehearsed: All 2 steps worked")
    assert run.sentence.endswith("1 effect was held back.")
    assert run.inputs == {"day": "2028-02-29"}
    assert [path for path in asked() if path != "/"] == ["/status/200?2028-02-29"]
    assert run.facts["effects"] == [
        {"words": f"POST {server.url}/echo?on=2028-02-29", "content": "200 on 2028-02-29"},
    ]
    assert not any("s3cret-bell" in line for line in log())


def test_no_half_of_a_secret_is_shown_where_a_body_is_cut(team, rehearsed, ask, tools):
    seal(tools.vault, team, "TOKEN", "s3cret-bell")
    body = f"{'x' * 2042}{{{{ secrets.TOKEN }}}} and more"
    run = rehearsed(
        factories.task(team, steps=[ask("send", "/echo", "POST", settings={"body": body})], variables=[DAY])
    )
    assert run.facts["effects"][0]["content"] == "x" * 2042


def test_everything_that_is_needed_is_looked_at_and_named(team, rehearsed, server, ask, tools):
    seal(tools.vault, team, "TOKEN", "s3cret-bell")
    there = ask("one", settings={"auth": "bearer", "auth_secret": "TOKEN"})
    gone = {"name": "two", "engine": "http", "settings": {"url": "http://127.0.0.1:9/", "method": "POST"}}
    run = rehearsed(factories.task(team, steps=[there, gone]))
    assert run.state == "succeeded"  # what would be sent is not
    assert preflight() == ("failed", "Missing: Host 127.0.0.1:9")
    assert "Secret TOKEN: set" in log()
    assert any(line.startswith(f"Host {server.url.removeprefix('http://')}: answers (") for line in log())


def test_a_host_that_says_nothing_does_not_outlast_a_stop(team, tools):
    cancellation, began = Cancellation(), time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = {"url": f"http://127.0.0.1:{silent.getsockname()[1]}/", "method": "POST"}
        number = runs.rehearse(Actor(None, team, "owner"), factories.task(team, settings=settings), LEAP_DAY)
        threading.Timer(0.2, lambda: cancellation.ask("person")).start()
        run = carried_out(tools, rows(Run, Run.number == number)[0].id, cancellation=cancellation)
    assert (run.state, run.reason) == ("cancelled", "person")
    assert time.monotonic() - began < 2


def test_a_step_that_needs_an_answer_nobody_has_is_skipped_until_there_was_one(
    team, rehearsed, server, ask, tools, asked
):
    make = ask("make", "/json?body=%7B%22id%22%3A+7%7D", "POST")
    show = ask("show", "/status/200?id={{ steps.make.json.id }}")
    task = factories.task(team, steps=[make, show])
    assert rehearsed(task).state == "succeeded"
    assert results()["show"]["state"] == "skipped"
    assert "needs what make would have been answered" in results()["show"]["sentence"]
    assert carried_out(tools, factories.run(team, task)).state == "succeeded"
    server.requests.clear()
    rehearsed(task)
    assert "/status/200?id=7" in asked()  # as the last good run was answered
    assert not any(method == "POST" for method, *_ in server.requests)


@pytest.mark.usefixtures("code")
def test_a_program_runs_without_its_network_and_knows_it(team, rehearsed, server, asked):
    port = server.url.rpartition(":")[2]
    text = f'echo "rehearsal $CARILLON_REHEARSAL at $CARILLON_PLANNED_AT"; exec 3<>/dev/tcp/127.0.0.1/{port}'
    task = factories.task(team, engine="shell", settings={"script": text, "network": True})
    run = rehearsed(task)
    assert run.state == "failed"
    assert "In a rehearsal the network of a program is closed." in run.sentence
    assert "rehearsal 1 at 2028-02-29T09:00:00+00:00" in log()
    assert run.facts["effects"] == [{"words": "In a rehearsal the network of a program is closed.", "content": ""}]


def test_it_says_nothing_of_how_the_task_does(team, rehearsed, tools):
    task = factories.task(team, settings={"url": "http://127.0.0.1:9/", "method": "GET"}, pause_after=1, retries=3)
    run = rehearsed(task)
    assert (run.state, len(rows(Attempt))) == ("failed", 1)  # not tried again
    assert [(row.failures, row.paused_at) for row in rows(Task)] == [(0, None)]
    with batch() as work:
        assert previous(work.connection, task, datetime(2030, 1, 1, tzinfo=UTC), UTC) is None


def test_what_comes_of_a_rehearsal_is_one(team, rehearsed, server, ask, asked):
    run = rehearsed(factories.task(team, steps=[ask("send", "/echo", "POST")]))
    number = runs.again(Actor(None, team, "owner"), run.number)
    assert rows(Run, Run.number == number)[0].rehearses_at == LEAP_DAY
    assert rows(Audit)[-1].data["rehearses_at"] == LEAP_DAY.isoformat()


def test_a_contract_is_held_but_for_what_was_held_back(team, rehearsed, ask, asked):
    contract = [
        {"kind": "delivered", "to": "send", "min": 1},
        {"kind": "pattern", "of": "answer", "pattern": "nothing like it"},
    ]
    read, send = ask("read", "/echo"), ask("send", "/echo", "POST")
    run = rehearsed(factories.task(team, name="one", steps=[read, send], contract=contract[:1]))
    assert (run.state, [one["state"] for one in run.checks]) == ("succeeded", ["unknown"])
    run = rehearsed(factories.task(team, name="two", steps=[read, send], contract=contract))
    assert (run.state, [one["state"] for one in run.checks]) == ("unmet", ["unknown", "unmet"])


def test_a_rehearsal_is_in_nobodys_way(team, tools):
    task = factories.task(team)
    factories.run(team, task, rehearses_at=LEAP_DAY)
    with batch() as work:
        assert work.connection.execute(sa.select(Run.id).where(MEETS, Run.task_id == task)).all() == []
