"""People, rules, alerts and failures for tests of who is told, and what was decided."""

import sqlalchemy as sa

from app.models.people import Person
from app.models.runs import Delivery
from app.models.tasks import Task
from app.models.teams import Membership
from app.models.telling import AlertRule, Notification, Wish
from app.services import alerting, incidents, telling
from app.services.telling import Outside
from app.services.unit import batch
from tests import factories
from tests.factories import rows

MAIL = Outside((), has_mail=True)


def add(model, **values):
    with batch() as work:
        return work.connection.execute(sa.insert(model).values(values).returning(sa.literal_column("*"))).first()


def change(model, *where, **values):
    with batch() as work:
        work.connection.execute(sa.update(model).where(*where).values(values))


def person(team, name, role="editor", **wish):
    with batch() as work:
        now = work.now
    values = {"email": f"{name}@x.example", "name": name.title(), "password_hash": "", "created_at": now}
    ident = add(Person, **values).id
    add(Membership, team_id=team, person_id=ident, role=role, created_at=now)
    if wish:
        usual = {"events": {}, "quiet": {}, "digest_hour": "", "reach": "mine", "after": 1, "changed_at": now}
        add(Wish, person_id=ident, **usual | wish)
    return ident


def owned(task, person_id):
    change(Task, Task.id == task, owner_id=person_id)


def rule(team, *channels, **more):
    with batch() as work:
        times = {"created_at": work.now, "changed_at": work.now}
    definition = {"events": ["failed"], "channels": list(channels), **more}
    add(AlertRule, team_id=team, name="Nights", is_on=True, definition=definition, **times)


def begin(team, task=None, key="not_started:1", **more):
    with batch() as work:
        alerting.begin(work, key, key.partition(":")[0], f"{key} began.", team, task_id=task, **more)


def end(key="not_started:1"):
    with batch() as work:
        alerting.end(work, key, f"{key} is over.")


def fail(team, task, state="failed", sentence="db.example.com refused the connection."):
    """End a run as its worker does: the row, the event, and after a failure its alert."""
    with batch() as work:
        at = work.now
    run = factories.run(team, task, state, sentence=sentence, reason="refused", ended_at=at, started_at=at)
    with batch() as work:
        count = Task.failures + 1 if state == "failed" else 0
        work.connection.execute(sa.update(Task).where(Task.id == task).values(failures=count))
        work.tell(state, team, run)
        if state == "succeeded":
            alerting.end(work, f"failing:{task}", "It works again.")
        else:
            alerting.begin(work, f"failing:{task}", "failing", sentence, team, task_id=task, run_id=run)
    return run


def route(outside=MAIL):
    incidents.follow()
    telling.route(outside)


def sent(is_recovery=False):
    """The channels told, in their order."""
    return [row.channel for row in rows(Delivery, Delivery.is_recovery.is_(is_recovery))]


def notes():
    return [(row.person_id, row.sentence, row.is_over) for row in rows(Notification)]
