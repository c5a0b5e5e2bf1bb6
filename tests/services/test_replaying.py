"""An agent that does the same each time is replaced by the steps of its thread, and comes back by one press."""

from dataclasses import replace
from functools import partial

import pytest
import sqlalchemy as sa

from app.core.errors import Conflict
from app.domain.thread import Message, Thread, ToolCall
from app.models.planning import Suggestion
from app.models.runs import Checkpoint, Run
from app.models.tasks import Task, TaskVersion
from app.services import tasks
from app.services.planning import suggestions
from app.services.tasks import from_template, suggested
from app.services.threads import replays, review
from app.services.unit import batch
from tests.factories import ago, rows
from tests.services.test_analyses import analysed, keep, storage, vault  # noqa: F401 fixtures
from tests.services.test_suggestions import ran

pytestmark = pytest.mark.alike

URL = "https://api.shop.example/orders"
ORDERS = Thread(
    "markdown",
    (
        Message("user", f"Fetch {URL} each day."),
        Message("assistant", "Done.", calls=(ToolCall("http_get", {"url": URL}, '{"orders": [1]}'),)),
    ),
    key="t3",
    title="Orders",
)


@pytest.fixture
def find(storage, vault):  # noqa: F811 fixtures
    return partial(suggestions.find, partial(replays.of, storage.folder, vault))


@pytest.fixture
def agent(actor, storage, vault, analysed):  # noqa: F811 fixtures
    """The task of an agent, as it is made of a thread."""
    thread_id = analysed(ORDERS)
    seen = review.look(actor, storage.folder, vault, thread_id)
    definition = seen.proposal.definition("agent", "Orders", seen.objective)
    task = tasks.create(actor, from_template.of_definition(definition, []), storage.folder)
    with batch() as work:
        work.connection.execute(sa.update(Task).values(thread_id=thread_id))
    return task.id


def called(team, task_id, *calls, count=1, state="succeeded", since_days=9):
    """So many runs of an agent which have made these calls: tool and arguments."""
    ran(team, task_id, count, state, seconds=40.0, cost_micros=80_000, facts={"model": "large"}, since_days=since_days)
    parts = [{"part_kind": "tool-call", "tool_name": name, "args": given} for name, given in calls]
    said = [{"kind": "request", "parts": [{"part_kind": "user-prompt", "content": "x"}]}, {"parts": parts}]
    with batch() as work:
        known = sa.select(Checkpoint.run_id)
        for run_id in work.connection.execute(sa.select(Run.id).where(Run.id.not_in(known))).scalars().all():
            row = {"team_id": team, "run_id": run_id, "number": 1, "token": 1, "after": "Turn 1", "files": {}}
            work.connection.execute(sa.insert(Checkpoint).values(row | {"state": {"messages": said}, "at": ago()}))


def newest():
    return rows(TaskVersion)[-1].definition


def test_its_steps_take_its_place_and_it_comes_back(actor, team, agent, find):
    for day in range(6):
        called(team, agent, ("http_get", {"url": f"{URL}?day={day}"}), since_days=9 - day)
    assert find() == 1
    one = rows(Suggestion)[0]
    assert one.sentence == (
        "Replay its steps, without a model: its last 6 runs made the same call. A run costs $0.08 and takes about "
        "40 s; by the steps of its conversation it would cost nothing, and take about 3 s."
    )
    before = newest()
    suggested.apply(actor, one.id)
    made = newest()
    assert (made["engine"], [step["engine"] for step in made["steps"]]) == ("steps", ["http"])
    assert [one["value"] for one in made["variables"]] == [URL]
    assert [check["kind"] for check in made["contract"]] == ["schema"]
    assert (made["limits"], made["policy"]) == (before["limits"], before["policy"])
    assert rows(Task)[0].engine == "steps"
    suggestions.measure()
    assert rows(Suggestion)[0].state == "applied"
    suggested.undo(actor, one.id)
    assert newest() == before
    assert rows(Task)[0].engine == "agent"


def test_what_its_people_have_set_stays(team, agent, storage, vault):  # noqa: F811 fixtures
    content = newest()
    check = {"kind": "pattern", "of": "answer", "pattern": "orders", "is_absent": False, "is_optional": False}
    known = {"value": "https://api.shop.example/v2/orders"}
    content |= {"contract": [*content["contract"], check], "variables": [one | known for one in content["variables"]]}
    parts, _ = replays.of(storage.folder, vault, team, rows(Task)[0].thread_id, content)
    assert parts["contract"][-1] == check
    assert [one["value"] for one in parts["variables"]] == [known["value"]]


@pytest.mark.parametrize(
    "calls",
    [
        [("http_get", {"url": URL})] * 4,
        [("http_get", {"url": URL})] * 4 + [("http_get", {"url": "https://other.example/"})] * 2,
        [("http_get", {"url": URL})] * 5 + [("python", {"code": "1"})],
    ],
)
def test_one_whose_last_runs_are_few_or_differ_stays(team, agent, find, calls):
    for number, call in enumerate(calls):
        called(team, agent, call, since_days=20 - number)
    assert find() == 0


def test_a_failure_among_them_is_no_sign_of_sameness(team, agent, find):
    called(team, agent, ("http_get", {"url": URL}), count=6)
    called(team, agent, ("http_get", {"url": URL}), state="failed", since_days=2)
    assert find() == 0


def test_one_that_was_asked_for_something_else_since_stays(actor, team, agent, find):
    task = tasks.find(actor, "orders")
    content = tasks.definition(task)
    other = content | {"settings": content["settings"] | {"prompt": "Fetch them, and write a poem."}}
    tasks.change_to(actor, task, other)
    called(team, agent, ("http_get", {"url": URL}), count=6)
    assert find() == 0


@pytest.mark.parametrize(
    ("asked", "is_whole"),
    [
        (f"Fetch {URL} each day.", True),
        (f"Fetch {URL} each day and mail it to ada@example.com.", False),
        (f"Fetch {URL} each day, and save them in orders.csv.", False),
    ],
)
def test_only_steps_that_do_all_of_it_are_suggested(actor, storage, vault, analysed, asked, is_whole):  # noqa: F811
    thread_id = analysed(replace(ORDERS, messages=(Message("user", asked), ORDERS.messages[1]), key="other"))
    seen = review.look(actor, storage.folder, vault, thread_id)
    definition = seen.proposal.definition("agent", "Orders", seen.objective)
    found = replays.of(storage.folder, vault, actor.team_id, thread_id, definition)
    assert (found is not None) is is_whole


def test_it_is_not_undone_over_a_later_change(actor, team, agent, find):
    called(team, agent, ("http_get", {"url": URL}), count=6)
    find()
    task = suggested.apply(actor, rows(Suggestion)[0].id)
    tasks.change_to(actor, tasks.find(actor, task.slug), newest() | {"name": "Another"})
    with pytest.raises(Conflict):
        suggested.undo(actor, rows(Suggestion)[0].id)
