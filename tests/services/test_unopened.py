"""Tasks that nobody opens: found only where nobody can have any use of them, paused by one press, and resumed."""

import pytest
import sqlalchemy as sa

from app.core.errors import Conflict
from app.infra import database
from app.models.planning import Suggestion
from app.models.runs import Alert, Attempt, Delivery
from app.models.tasks import Schedule, Task, TaskVersion
from app.services import tasks
from app.services.planning import suggestions
from app.services.tasks import seen, suggested
from app.services.unit import batch
from tests import factories
from tests.factories import ago, rows
from tests.services.test_suggestions import ran

pytestmark = pytest.mark.alike


@pytest.fixture
def actor(team):
    return factories.owner(team)


@pytest.fixture
def digest(team):
    """An agent that has written 30 digests which nobody has read."""
    task_id = factories.task(team, "digest", "agent", {"prompt": "Write a digest.", "tools": ["http_get"]})
    factories.schedule(team, task_id, "0 9 * * *", "cron")
    ran(team, task_id, 30, cost_micros=140_000, seconds=60.0)
    with batch() as work:
        work.connection.execute(sa.update(Task).values(seen_at=ago(days=70)))
    return task_id


def change(definition=None, **task):
    with batch() as work:
        if definition:
            content = rows(TaskVersion)[-1].definition | definition
            work.connection.execute(sa.update(TaskVersion).values(definition=content))
        if task:
            work.connection.execute(sa.update(Task).values(task))


def told(team, task_id):
    """What the task did went out by mail."""
    alert = {"kind": "run_failed", "key": "k", "sentence": "s", "team_id": team, "task_id": task_id, "at": ago(days=3)}
    with batch() as work:
        alert_id = work.connection.execute(sa.insert(Alert).values(alert).returning(Alert.id)).scalar_one()
        sent = {"alert_id": alert_id, "channel": "email", "state": "sent", "at": ago(days=3), "sent_at": ago(days=3)}
        work.connection.execute(sa.insert(Delivery).values(sent))


def test_it_is_paused_by_one_press_and_resumed_by_another(actor, digest):
    assert suggestions.find() == 1
    (one,) = rows(Suggestion)
    assert one.sentence.startswith("Pause it: nobody has opened it or a result of it since ")
    assert one.sentence.endswith("In that time it ran 30 times, and took $4.20 and 30 min of a slot.")
    task = suggested.apply(actor, one.id)
    assert (task.state, task.pause_note, rows(Schedule)[0].next_fire_at) == ("paused", "Nobody opens it.", None)
    assert suggested.can_undo(suggested.of_team(actor).applied[0])
    suggestions.find()
    suggestions.measure()
    assert rows(Suggestion)[0].state == "applied"
    task = suggested.undo(actor, one.id)
    assert (task.state, rows(Suggestion)[0].state) == ("active", "undone")
    assert rows(Schedule)[0].next_fire_at
    assert suggestions.find() == 0


def test_what_it_has_saved_is_told_after_two_weeks(actor, digest):
    suggestions.find()
    suggested.apply(actor, rows(Suggestion)[0].id)
    with database.write() as connection:
        connection.execute(sa.update(Suggestion).values(decided_at=ago(days=15)))
    suggestions.measure()
    assert rows(Suggestion)[0].effect == "It stands still since then. Two weeks of it took $0.84 and 6 min of a slot."


def test_one_that_somebody_resumed_by_hand_counts_as_undone(actor, digest):
    suggestions.find()
    number = rows(Suggestion)[0].id
    suggested.apply(actor, number)
    tasks.resume(actor, "digest")
    with pytest.raises(Conflict):
        suggested.undo(actor, number)
    suggestions.measure()
    assert rows(Suggestion)[0].state == "undone"


@pytest.mark.parametrize(
    "use",
    [
        lambda team, task: change(seen_at=ago(days=59)),
        lambda team, task: factories.after(factories.task(team, "report"), task),
        told,
        lambda team, task: ran(team, task, 1, trigger="person"),
        lambda team, task: change({"contract": [{"kind": "pattern", "of": "answer", "pattern": "ok"}]}),
        lambda team, task: change({"settings": {"prompt": "x", "tools": ["shell"], "network": True}}),
    ],
    ids=["opened", "upstream", "told", "asked for", "watches", "acts elsewhere"],
)
def test_one_that_somebody_may_have_use_of_goes_on(team, digest, use):
    use(team, digest)
    assert suggestions.find() == 0


@pytest.mark.parametrize(("level", "count"), [(1, 0), (2, 1)])
def test_a_program_counts_only_where_it_can_reach_nothing(team, digest, level, count):
    change({"engine": "shell", "settings": {"code": "true", "network": False}}, engine="shell")
    with batch() as work:
        run = sa.select(sa.text("max(id)")).select_from(sa.text("runs")).scalar_subquery()
        row = {"run_id": run, "number": 1, "token": 1, "state": "succeeded", "worker": "w", "started_at": ago()}
        work.connection.execute(sa.insert(Attempt).values(row | {"isolation": {"level": level}}))
    assert suggestions.find() == count


def test_that_it_was_opened_is_noted_once_a_day(actor, digest):
    def when():
        return rows(Task)[0].seen_at

    seen.note(tasks.find(actor, "digest"))
    first = when()
    assert first > ago(minutes=1)
    seen.note_run(actor, 1)
    assert when() == first
    change(seen_at=ago(days=2))
    seen.note_run(factories.owner(factories.team("southgate")), 1)
    assert when() < ago(days=1)
    seen.note_run(actor, 1)
    assert when() > ago(minutes=1)
