"""A host that is down under forty tasks: one incident, one message a person, one recovery (O4)."""

import re
import time

import pytest
import sqlalchemy as sa

from app.models.instance import Fact, Leader, Worker
from app.models.people import Person
from app.models.tasks import Task
from app.models.telling import Incident, IncidentTask
from app.services.incidents.following import FACT as FOLLOWED
from app.services.unit import batch
from tests import servers
from tests.factories import ago, rows
from tests.faults.conftest import all_ended, assert_promises_kept, queue
from tests.faults.test_lifecycle import time_passes
from tests.mailboxes import mail_server
from tests.processes import eventually

pytestmark = pytest.mark.fault

TASKS = 40


@pytest.fixture(autouse=True)
def box():
    """Before all else, so that it outlives the processes that talk to it."""
    with mail_server() as running:
        yield running


def owned_by_ada(house):
    with batch() as work:
        work.connection.execute(sa.update(Task).values(owner_id=house.ada.person_id))
        return work.connection.execute(sa.select(Person.email)).scalar_one()


def to(box, address):
    """The subjects of what came to somebody about the team."""
    return [kept.mail["subject"] for kept in box.mails if address in kept.to and "[Northgate]" in kept.mail["subject"]]


@pytest.mark.alike
def test_o4_a_host_down_under_forty_tasks_is_one_incident_one_message_and_one_recovery(
    house, probe, server, box, seen, monkeypatch
):
    since = ago(seconds=1)
    tasks = [probe("/status/503", f"job-{number}", retries=0) for number in range(TASKS)]
    address = owned_by_ada(house)
    house.spawn("clock")
    house.spawn("worker")
    eventually(lambda: rows(Leader) and rows(Worker), seconds=20)
    house.spawn("watchdog", CARILLON_WATCH_SECONDS="0.3", CARILLON_SMTP_URL=box.url)
    eventually(lambda: rows(Fact, Fact.name == FOLLOWED), seconds=20)  # what failed before is told task by task
    began = time.monotonic()
    runs = {task: queue(house.team, task)[0] for task in tasks}
    eventually(lambda: to(box, address), seconds=20)
    took = time.monotonic() - began
    failed = [row.task_id for row in rows(IncidentTask)]
    assert re.search(rf"and {len(failed) - 1} more tasks: ", to(box, address)[0])
    letter = next(kept.mail for kept in box.mails if kept.mail["subject"] == to(box, address)[0])
    assert "/a/" in letter["List-Unsubscribe"]
    assert "Acknowledge: http" in letter.get_body(("plain",)).get_content()
    monkeypatch.setattr(servers._Handler, "on_status", lambda self, _: self.reply(204))
    time_passes()  # the half minute in which the host is left alone
    all_ended(list(runs.values()), seconds=20)
    all_ended([queue(house.team, task)[0] for task in failed])
    eventually(lambda: len(to(box, address)) == 2, seconds=15)
    time.sleep(1)
    assert len(to(box, address)) == 2
    (incident,) = rows(Incident)
    assert incident.closed_at
    assert "work again" in incident.recovery
    seen(
        f"{len(failed)} of {TASKS} failed before the host was left alone; one letter after {took:.1f} s, one of its end"
    )
    assert_promises_kept(since)
