"""Incidents: failures of one cause are one, over tasks and engines; it ends with the last task, and is counted once."""

import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.core.errors import Conflict, Invalid, NotFound
from app.domain.access import Actor
from app.engines.base import Outcome
from app.infra import database
from app.infra.storage import Storage
from app.models.runs import Alert, Delivery, Event, Run
from app.models.tasks import Task
from app.models.teams import Team
from app.models.telling import ActionLink, Incident, IncidentTask
from app.services import alerting, incidents, retention, tasks, today
from app.services.incidents import following
from app.services.unit import batch
from tests import factories
from tests.factories import rows
from tests.services.test_failures import OK, end

DOWN = Outcome("failed", "refused", "db.example.com refused the connection.", "permanent")
GONE = Outcome("failed", "http_status", "db.example.com answered 404 Not Found; expected 200-299.", "permanent")


@pytest.fixture
def following_on(team):
    """A follower that has begun: what ends from now on counts."""
    factories.run(team, factories.task(team, "first"), "planned")
    with batch() as work:
        work.tell("task_created", team, None)
    incidents.follow()
    return team


def task(team, name, **policy):
    return factories.task(team, name, label=name.title(), retries=0, **policy)


def ends(team, task_id, *outcomes):
    """Let runs of a task end like this, and what follows of it be seen."""
    for outcome in outcomes:
        end(factories.run(team, task_id), outcome)
        incidents.follow()


def end_at_once(team, task_ids, state="failed"):
    """Many ends in one transaction, as they are stored."""
    reason, sentence = ("ok", "It worked.") if state == "succeeded" else (DOWN.reason, DOWN.sentence)
    with batch() as work:
        more = sa.update(Team).where(Team.id == team).values(next_run_number=Team.next_run_number + len(task_ids))
        first = work.connection.execute(more.returning(Team.next_run_number)).scalar_one() - len(task_ids)
        version = dict(work.connection.execute(sa.select(Task.id, Task.version_id)).all())
        new = [
            {
                "team_id": team, "task_id": task_id, "version_id": version[task_id], "number": first + n,
                "key": f"manual:{first + n}", "trigger": "person", "planned_at": work.now, "lane": "io", "facts": {},
                "state": state, "reason": reason, "sentence": sentence, "ended_at": work.now,
            }
            for n, task_id in enumerate(task_ids)
        ]  # fmt: skip
        work.connection.execute(sa.insert(Run), new)
        where = (Run.number >= first, Run.team_id == team)
        for run_id in work.connection.execute(sa.select(Run.id).where(*where).order_by(Run.id)).scalars().all():
            work.tell(state, team, run_id)


def the_incident():
    (found,) = rows(Incident)
    return found


def touched():
    return [(row.task_id, row.failures, row.over_at is None) for row in rows(IncidentTask)]


# --- one cause is one incident


def test_a_storm_of_forty_tasks_is_one_incident_and_its_end_one_end(following_on):
    ids = [task(following_on, f"job-{number}") for number in range(40)]
    end_at_once(following_on, ids * 3)
    assert incidents.follow() == 120
    found = the_incident()
    assert (found.cause, found.target, found.failures) == ("db.example.com is not available", "db.example.com", 120)
    assert touched() == [(one, 3, True) for one in ids]
    end_at_once(following_on, ids, "succeeded")
    incidents.follow()
    closed = the_incident()
    assert closed.recovery == "All 40 tasks work again, Job-39 as the last."
    kinds = [event.kind for event in rows(Event, Event.kind.like("incident%"))]
    assert kinds == ["incident_opened", "incident_closed"]


@pytest.mark.alike
def test_other_causes_and_other_teams_are_others(following_on):
    north, south = task(following_on, "north"), task(following_on, "south")
    elsewhere = factories.team("southgate")
    ends(following_on, north, DOWN)
    ends(following_on, south, GONE)
    ends(elsewhere, task(elsewhere, "there"), DOWN)
    assert len({row.signature for row in rows(Incident)}) == 2
    assert [row.team_id for row in rows(Incident)] == [following_on, following_on, elsewhere]


def test_the_same_cause_after_a_recovery_is_a_new_incident(following_on):
    probe = task(following_on, "probe")
    ends(following_on, probe, DOWN, DOWN, OK, OK, DOWN)
    first, second = rows(Incident)
    assert (first.failures, first.recovery, second.failures, second.closed_at) == (2, "Probe works again.", 1, None)
    assert [alert.incident_id for alert in rows(Alert)] == [first.id, second.id]


@pytest.mark.alike
def test_what_ended_before_there_were_incidents_stays_as_it_is(team):
    probe = task(team, "probe")
    ends(team, probe, DOWN)
    assert rows(Incident) == []
    ends(team, probe, DOWN)
    assert the_incident().failures == 1


@pytest.mark.alike
def test_rehearsals_and_what_a_person_stopped_count_for_nothing(following_on):
    probe = task(following_on, "probe")
    end(factories.run(following_on, probe, rehearses_at=factories.ago(hours=0)), DOWN)
    end(factories.run(following_on, probe), Outcome("cancelled", "person", "Stopped."))
    incidents.follow()
    assert rows(Incident) == []


# --- a task that fails otherwise


def test_flapping_between_two_causes_opens_each_once_and_ends_both(following_on):
    probe = task(following_on, "probe")
    ends(following_on, probe, DOWN, GONE, DOWN, GONE, DOWN)
    down, gone = rows(Incident)
    assert (down.failures, down.closed_at, down.recovery) == (3, None, "")
    assert (gone.failures, gone.closed_at is not None, gone.recovery) == (2, True, "")
    assert {alert.incident_id for alert in rows(Alert)} == {down.id, gone.id}
    ends(following_on, probe, OK)
    assert [row.recovery for row in rows(Incident)] == ["Probe works again.", ""]


def test_a_task_that_leaves_keeps_the_incident_of_the_others_and_what_was_told_of_it(following_on):
    north, south = task(following_on, "north"), task(following_on, "south")
    ends(following_on, north, DOWN)
    ends(following_on, south, DOWN)
    ends(following_on, north, GONE)
    down, gone = rows(Incident)
    assert (down.closed_at, gone.closed_at) == (None, None)
    first, _, moved = rows(Alert)
    assert (first.incident_id, first.recovery, first.ended_at is None) == (down.id, "", False)
    assert (moved.incident_id, moved.ended_at) == (gone.id, None)
    assert moved.sentence == f"North fails for another reason now: {GONE.sentence}"
    ends(following_on, south, OK)
    assert rows(Incident)[0].recovery == "South works again. None of the 2 tasks fails by it any more."


# --- pausing and deleting


def actor_of(team):
    return factories.owner(team)


@pytest.mark.parametrize("how", ["pause", "delete"])
@pytest.mark.alike
def test_it_is_over_when_its_tasks_are_paused_or_deleted(following_on, how):
    probe = task(following_on, "probe")
    ends(following_on, probe, DOWN)
    assert incidents.close_idle() == 0
    getattr(tasks, how)(actor_of(following_on), "probe")
    assert incidents.close_idle() == 1
    assert the_incident().recovery == "Its tasks were paused or deleted."
    assert incidents.close_idle() == 0


@pytest.mark.alike
def test_a_task_that_carillon_paused_still_waits_for_somebody(following_on):
    probe = task(following_on, "probe", pause_after=2)
    ends(following_on, probe, DOWN, DOWN)
    assert rows(Task, Task.id == probe)[0].paused_for == "failures"
    assert incidents.close_idle() == 0
    tasks.resume(actor_of(following_on), "probe")
    ends(following_on, probe, OK)
    assert the_incident().recovery == "Probe works again."


@pytest.mark.alike
def test_what_was_not_seen_for_a_month_is_over(following_on):
    ends(following_on, task(following_on, "probe"), DOWN)
    with batch() as work:
        work.connection.execute(sa.update(Incident).values(last_at=work.now - timedelta(days=31)))
    assert incidents.close_idle() == 1
    assert the_incident().recovery == "It was not seen for 30 days."


# --- once, whoever dies, and however many look


def killed(*_):
    raise KeyboardInterrupt


def test_a_follower_that_dies_before_its_commit_leaves_nothing_and_the_next_counts_all_once(following_on, monkeypatch):
    ids = [task(following_on, f"job-{number}") for number in range(3)]
    end_at_once(following_on, ids)
    with monkeypatch.context() as patch:
        patch.setattr(following.cursor, "move", killed)
        with pytest.raises(KeyboardInterrupt):
            incidents.follow()
    assert rows(Incident) == []
    assert incidents.follow() == 3
    assert incidents.follow() == 0
    assert the_incident().failures == 3


def test_followers_side_by_side_count_each_failure_once(app, following_on):
    ids = [task(following_on, f"job-{number}") for number in range(4)]

    def look():
        with app.app_context():
            for _ in range(6):
                incidents.follow()

    lookers = [threading.Thread(target=look) for _ in range(3)]
    for looker in lookers:
        looker.start()
    for _ in range(5):
        end_at_once(following_on, ids)
    for looker in lookers:
        looker.join()
    incidents.follow()
    assert the_incident().failures == 20
    assert touched() == [(one, 5, True) for one in ids]


@pytest.mark.alike
def test_a_long_row_of_failures_is_taken_in_whole(following_on):
    ids = [task(following_on, f"job-{number}") for number in range(5)]
    end_at_once(following_on, ids * 50)
    assert incidents.follow() == 250
    assert touched() == [(one, 50, True) for one in ids]
    assert the_incident().failures == 250


@pytest.mark.alike
def test_what_happened_in_one_look_happened_in_its_order(following_on):
    north, south = task(following_on, "north"), task(following_on, "south")
    for task_id, state in [(south, "failed"), (north, "failed"), (south, "succeeded"), (north, "failed")]:
        end_at_once(following_on, [task_id], state)
    assert incidents.follow() == 4
    assert the_incident().closed_at is None
    assert touched() == [(north, 2, True), (south, 1, False)]
    for task_id, state in [(north, "succeeded"), (north, "failed")]:
        end_at_once(following_on, [task_id], state)
    incidents.follow()
    assert [row.closed_at is None for row in rows(Incident)] == [False, True]


# --- what people do


@pytest.fixture
def opened(following_on, actor):
    ends(following_on, task(following_on, "probe"), DOWN)
    return the_incident().id


def deliver(alert_id, channel, part="", **more):
    with batch() as work:
        row = {"alert_id": alert_id, "channel": channel, "part": part, "at": work.now, "state": "sent", **more}
        work.connection.execute(sa.insert(Delivery).values(row))


@pytest.mark.alike
def test_who_acknowledges_first_is_named_and_it_can_be_taken_back(opened, actor):
    incidents.acknowledge(actor, opened)
    at = the_incident().acknowledged_at
    incidents.acknowledge(actor, opened)
    assert (the_incident().acknowledged_at, the_incident().acknowledged_by_id) == (at, actor.person_id)
    assert incidents.find(actor, opened).shown.acknowledged_by == "Ada Park"
    incidents.reopen(actor, opened)
    assert the_incident().acknowledged_at is None
    assert rows(Alert)[0].is_new


@pytest.mark.alike
def test_who_was_told_is_told_again_when_a_mute_is_over(opened, actor):
    (alert,) = rows(Alert)
    deliver(alert.id, "email:1", person_id=actor.person_id, why="you own the task")
    deliver(alert.id, "channel:4", "escalated")
    for hours in (1, 2):
        until = factories.ago(hours=-hours)
        incidents.mute(actor, opened, until)
        (again,) = rows(Delivery, Delivery.part == "again")
        assert (again.channel, again.state, again.next_try_at) == ("email:1", "waiting", until)
    assert the_incident().muted_until == until
    for wrong in (None, factories.ago(hours=1), factories.ago(days=-400)):
        with pytest.raises(Invalid):
            incidents.mute(actor, opened, wrong)


@pytest.mark.alike
def test_a_note_and_a_fix_are_kept_also_after_the_end(following_on, opened, actor):
    ends(following_on, rows(IncidentTask)[0].task_id, OK)
    incidents.note(actor, opened, "The disk was full.", "https://wiki.example/db#disk")
    assert (the_incident().note, the_incident().fix_url) == ("The disk was full.", "https://wiki.example/db#disk")
    for wrong in ("javascript:alert(1)", "wiki.example", "https://", "https://a b.example", "https://[", "x" * 501):
        with pytest.raises(Invalid):
            incidents.note(actor, opened, "", wrong)
    for refused in (incidents.acknowledge, incidents.reopen):
        with pytest.raises(Conflict, match="Probe works again"):
            refused(actor, opened)


@pytest.mark.alike
def test_another_team_finds_nothing(opened):
    stranger = Actor(1, factories.team("southgate"), "owner")
    for ask in (incidents.find, incidents.acknowledge, incidents.reopen):
        with pytest.raises(NotFound):
            ask(stranger, opened)
    with pytest.raises(NotFound):
        incidents.mute(stranger, opened, factories.ago(hours=-1))
    assert incidents.listing(stranger).incidents == []


@pytest.mark.alike
def test_it_stands_on_today_once_whatever_else_is_told_of_it(following_on, actor):
    for name in ("north", "south"):
        ends(following_on, task(following_on, name), DOWN)
    with batch() as work:
        alerting.begin(work, "breaker:1", "breaker", "db.example.com is left alone.", following_on)
        work.connection.execute(sa.update(Alert).where(Alert.kind == "breaker").values(incident_id=the_incident().id))
    [need] = today.needs(actor)
    assert (need.incident, need.state) == (the_incident().id, "failed")


@pytest.mark.alike
def test_its_page_has_the_tasks_that_still_fail_first(following_on, actor):
    north, south = task(following_on, "north"), task(following_on, "south")
    ends(following_on, north, DOWN, DOWN)
    ends(following_on, south, DOWN)
    ends(following_on, south, OK)
    found = incidents.find(actor, the_incident().id)
    assert [(one.slug, one.failures, one.over_at is None) for one in found.tasks] == [
        ("north", 2, True), ("south", 1, False),
    ]  # fmt: skip
    assert (found.shown.tasks, found.shown.failing, found.shown.names) == (2, 1, ["North", "South"])
    assert [moment.text for moment in found.moments] == [
        "North failed first.", "South failed too.", "The last failure, number 3.", "It was over for South.",
    ]  # fmt: skip
    assert incidents.of_tasks(actor, [north, south]).keys() == {north}
    with database.read():
        assert [one.id for one in incidents.listing(actor, "open").incidents] == [found.shown.id]


@pytest.mark.alike
def test_what_was_over_long_ago_is_forgotten(opened, actor, tmp_path):
    with batch() as work:
        person = {"person_id": actor.person_id, "team_id": actor.team_id, "seen": {}, "created_at": work.now}
        for token, days in (("old", 31), ("young", 29)):
            link = {"token_hash": token, "purpose": "retry", "expires_at": factories.ago(days=days)}
            work.connection.execute(sa.insert(ActionLink).values(person | link))
        work.connection.execute(sa.update(Incident).values(closed_at=factories.ago(days=366)))
    retention.prune(Storage(tmp_path))
    assert rows(Incident) == rows(IncidentTask) == []
    assert [link.token_hash for link in rows(ActionLink)] == ["young"]
