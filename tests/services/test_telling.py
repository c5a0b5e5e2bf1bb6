"""Alerts on their way to people: who hears of what, by which way, when, and that nobody hears it twice."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.models.runs import Alert, Delivery, Run
from app.models.tasks import Task
from app.models.teams import Membership
from app.models.telling import Incident, Mute, Notification
from app.services import incidents, telling
from app.services.tasks import overviews, tagging
from app.services.telling import Outside
from app.services.unit import batch
from tests import factories
from tests.factories import rows
from tests.telling import MAIL, add, begin, change, end, fail, notes, owned, person, route, rule, sent


@pytest.fixture(autouse=True)
def _begun(team):
    """What was before there were incidents has none."""
    factories.run(team, factories.task(team, name="before"))
    with batch() as work:
        work.tell("queued", team, None)
    incidents.follow()
    telling.notice()


@pytest.fixture
def task(team):
    return factories.task(team, name="digest", label="Morning digest")


# --- who


def test_the_owner_of_a_task_is_told_with_the_reason_why(team, task):
    ada = person(team, "ada")
    person(team, "ben", "owner")
    owned(task, ada)
    begin(team, task)
    route()
    (row,) = rows(Delivery)
    assert (row.channel, row.person_id, row.why) == (f"email:{ada}", ada, "you own the task")
    assert notes() == [(ada, "not_started:1 began.", False)]
    end()
    route()
    assert sent(is_recovery=True) == [f"email:{ada}"]
    assert notes()[0][2]


@pytest.mark.alike
def test_an_alert_that_joins_an_incident_later_stands_there_once(team, task):
    owned(task, person(team, "ada"))
    begin(team, task)
    route()
    with batch() as work:
        times = {"opened_at": work.now, "last_at": work.now}
    incident = add(Incident, team_id=team, signature="x", cause="Down", sentence="Down.", **times).id
    change(Alert, Alert.key == "not_started:1", incident_id=incident, is_new=True)
    route()
    assert [row.key for row in rows(Notification)] == [f"incident:{incident}"]


@pytest.mark.alike
def test_of_a_task_whose_owner_left_those_hear_who_look_after_the_team(team, task):
    ada, ben, cid = person(team, "ada"), person(team, "ben", "admin"), person(team, "cid", "viewer", reach="all")
    owned(task, ada)
    change(Membership, Membership.person_id == ada, team_id=factories.team("elsewhere"))
    begin(team, task)
    route()
    assert sorted(sent()) == [f"email:{ben}", f"email:{cid}"]


@pytest.mark.alike
def test_a_muted_task_is_silent_until_the_time_is_over(team, task):
    ada = person(team, "ada")
    owned(task, ada)
    with batch() as work:
        now = work.now
    add(Mute, person_id=ada, task_id=task, until=now + timedelta(hours=1), created_at=now)
    begin(team, task)
    route()
    assert sent() == []
    assert notes() == []
    change(Mute, until=now - timedelta(seconds=1))
    begin(team, task, "slow:9")
    begin(team, task, "not_finished:9")
    route()
    assert sent() == [f"email:{ada}"]
    assert len(notes()) == 2


@pytest.mark.alike
def test_a_decision_is_asked_of_those_who_may_decide(team, task):
    ada, ben = person(team, "ada"), person(team, "ben", "approver")
    owned(task, ada)
    begin(team, task, "approval:1")
    route()
    assert {row.person_id: row.why for row in rows(Delivery)} == {ada: "you own the task", ben: "you may decide"}


@pytest.mark.alike
def test_a_rule_tells_the_owner_and_nobody_who_left(team, task):
    ada, gone = person(team, "ada", events={"ways": {"not_started": []}}), person(team, "gone")
    owned(task, ada)
    with batch() as work:
        work.connection.execute(sa.delete(Membership).where(Membership.person_id == gone))
    rule(team, "email:owner", f"email:{gone}", "channel:4", events=["not_started"])
    begin(team, task)
    route()
    assert sorted(sent()) == ["channel:4", f"email:{ada}"]
    assert {row.why for row in rows(Delivery)} == {"of the rule “Nights”"}


@pytest.mark.alike
def test_rules_and_wishes_for_one_channel_are_one_message(team, task):
    ada = person(team, "ada")
    owned(task, ada)
    for _ in range(2):
        rule(team, "email:owner", f"email:{ada}", events=["not_started"])
    begin(team, task)
    route()
    assert sent() == [f"email:{ada}"]


@pytest.mark.alike
def test_a_rule_is_about_tasks_with_its_tag(team, task):
    rule(team, "channel:1", tags=["billing"], events=["not_started"])
    begin(team, task)
    change(Task, tags=["billing", "nightly"])
    begin(team, task, "not_started:2")
    route()
    assert sent() == ["channel:1", "channel:1"]
    change(Task, tags=["nightly"])
    begin(team, task, "not_started:3")
    route()
    assert len(sent()) == 2


def test_tasks_are_found_by_a_tag(app, team, task):
    actor = factories.owner(team)
    tagging.replace(actor, "digest", ["Büro", "a b"])
    for tag, count in (("büro", 1), ("a b", 1), ("a", 0), ("%", 0)):
        assert len(overviews.lines(actor, overviews.Filters(tag=tag)).lines) == count


# --- the installation


@pytest.mark.alike
def test_the_installation_hears_of_what_nobody_else_would_hear_outside(team, task):
    house = Outside(("webhook",), has_mail=True)
    begin(team, task)
    route(house)
    assert sent() == ["webhook"]
    owned(task, person(team, "ada", after=3))
    begin(team, task, "not_finished:2")
    fail(team, task)  # who hears of it after three is somebody
    begin(team, task, "anomaly:1")  # is seen in the app
    begin(None, key="clock")
    route(house)
    assert sorted(sent()) == ["email:1", "webhook", "webhook"]


# --- failures


def test_a_storm_of_one_cause_is_one_message_a_person_and_one_recovery(team):
    ada, ben = person(team, "ada"), person(team, "ben")
    tasks = [factories.task(team, name=f"sync-{number}") for number in range(40)]
    rule(team, "channel:1")
    for number, task in enumerate(tasks):
        owned(task, ada if number % 2 else ben)
        fail(team, task)
        if number % 15 == 0:
            route()
    route()
    assert len(rows(Incident)) == 1
    assert sorted(sent()) == ["channel:1", f"email:{ada}", f"email:{ben}"]
    assert sorted(person_id for person_id, _, _ in notes()) == [ada, ben]
    for task in tasks[:-1]:
        fail(team, task, "succeeded")
    route()
    assert sent(is_recovery=True) == []
    fail(team, tasks[-1], "succeeded")
    route()
    route()
    assert sorted(sent(is_recovery=True)) == ["channel:1", f"email:{ada}", f"email:{ben}"]
    assert all(is_over for _, _, is_over in notes())


@pytest.mark.alike
def test_after_so_many_failures_and_then_only_its_end(team, task):
    ada = person(team, "ada", after=3)
    owned(task, ada)
    for failures in range(1, 6):
        fail(team, task)
        route()
        assert len(sent()) == (failures >= 3)
    fail(team, task, "succeeded")
    route()
    assert sent(is_recovery=True) == [f"email:{ada}"]


@pytest.mark.alike
def test_each_failure_is_told_by_a_rule_that_wants_it(team, task):
    rule(team, "channel:1", is_each=True)
    for _ in range(3):
        fail(team, task)
        route()
    assert len({row.part for row in rows(Delivery)}) == 3


@pytest.mark.alike
def test_a_failure_that_was_over_before_anybody_looked_is_told_with_its_end(team, task):
    owned(task, person(team, "ada"))
    fail(team, task)
    fail(team, task, "succeeded")
    route()
    assert len(sent()) == len(sent(is_recovery=True)) == 1


@pytest.mark.alike
def test_what_was_over_long_ago_is_not_told_any_more(team, task):
    owned(task, person(team, "ada"))
    begin(team, task)
    end()
    change(Alert, ended_at=rows(Alert)[0].at - timedelta(hours=2))
    route()
    assert sent() == []


@pytest.mark.alike
def test_a_run_that_did_not_do_its_work_is_an_event_of_its_own(team, task):
    ada = person(team, "ada", events={"ways": {"unmet": ["app"]}})
    owned(task, ada)
    run = factories.run(team, task, "unmet")
    begin(team, task, "failing:1", run_id=run)
    change(Alert, at=rows(Run)[0].planned_at - timedelta(minutes=1))  # no incident comes of it here
    route()
    assert sent() == []
    assert [row.event for row in rows(Notification)] == ["unmet"]


@pytest.mark.alike
def test_that_tasks_were_paused_is_told_once_more(team):
    ada = person(team, "ada")
    tasks = [factories.task(team, name=f"sync-{number}") for number in range(3)]
    for task in tasks:
        owned(task, ada)
        fail(team, task)
    route()
    for task in tasks:
        begin(team, task, f"paused:{task}")
        fail(team, task)
    route()
    assert sent() == [f"email:{ada}"] * 2
    assert [row.key for row in rows(Notification)] == ["incident:1", "incident:1:paused"]


@pytest.mark.alike
def test_what_begins_again_is_unread_again(team, task):
    ada = person(team, "ada")
    owned(task, ada)
    fail(team, task)
    route()
    change(Notification, read_at=rows(Alert)[0].at)
    fail(team, task)
    route()
    assert rows(Notification)[0].read_at  # one more of the same says nothing new
    change(Notification, is_over=True)
    fail(team, task)
    route()
    assert rows(Notification)[0].read_at is None


@pytest.mark.alike
def test_a_task_that_fails_and_works_by_turns_is_told_three_times_and_then_together(team, task, stopped):
    stopped("2026-11-24T12:00:00Z")
    owned(task, person(team, "ada"))
    for minute in range(5):
        stopped(f"2026-11-24T12:0{minute}:30Z")
        fail(team, task)
        route()
        fail(team, task, "succeeded")
        route()
    begun = [f"{row.next_try_at:%H:%M:%S}" for row in rows(Delivery, Delivery.is_recovery.is_(False))]
    over = [f"{row.next_try_at:%H:%M:%S}" for row in rows(Delivery, Delivery.is_recovery.is_(True))]
    assert begun == over == ["12:00:35", "12:01:35", "12:02:35", "13:00:30", "13:00:30"]


# --- when


@pytest.mark.alike
def test_quiet_hours_and_digests_delay_a_message_and_not_the_page(team, task, stopped):
    stopped("2026-11-24T23:00:00Z")
    quiet = {"since": "22:00", "until": "07:00", "but": ["budget"]}
    ada = person(team, "ada", quiet=quiet, digest_hour="17:00", events={"held": ["missed"]})
    owned(task, ada)
    begin(team, task)
    begin(team, task, "missed:1")
    begin(team, task, "budget:1")
    end("missed:1")
    route()
    due = {row.alert_id: f"{row.next_try_at:%d %H:%M}" for row in rows(Delivery, Delivery.is_recovery.is_(False))}
    assert due == {1: "25 07:00", 2: "25 17:00", 3: "24 23:00"}
    assert len(notes()) == 3
    (over,) = rows(Delivery, Delivery.is_recovery.is_(True))
    assert f"{over.next_try_at:%d %H:%M}" == "25 17:00"


@pytest.mark.alike
def test_an_escalation_waits_and_its_end_is_told_to_who_heard_of_it(team, task):
    ben = person(team, "ben", events={"ways": {}})
    rule(team, "channel:1", escalates_to=[f"email:{ben}"], escalates_after_seconds=1800)
    for _ in range(2):
        fail(team, task)
        route()
    (late,) = rows(Delivery, Delivery.part == "escalated")
    assert late.channel == f"email:{ben}"
    assert late.next_try_at - late.at == timedelta(minutes=30)
    change(Delivery, Delivery.channel == f"email:{ben}", state="sent")
    fail(team, task, "succeeded")
    route()
    assert sorted(sent(is_recovery=True)) == ["channel:1", f"email:{ben}"]


@pytest.mark.alike
def test_of_what_was_never_escalated_no_end_is_told_to_them(team, task):
    ben = person(team, "ben")
    rule(team, "channel:1", escalates_to=[f"email:{ben}"], escalates_after_seconds=1800)
    fail(team, task)
    route()
    fail(team, task, "succeeded")
    route()
    assert sent(is_recovery=True) == ["channel:1"]


@pytest.mark.alike
@pytest.mark.parametrize("column", ["acknowledged_at", "muted_until"])
def test_nobody_hears_of_what_is_seen_to(team, task, column):
    rule(team, "channel:1", "channel:2")
    fail(team, task)
    incidents.follow()
    change(Incident, **{column: rows(Alert)[0].at + timedelta(hours=1)})
    route()
    assert sent() == []


# --- faults


def test_two_watchdogs_tell_nobody_twice_and_lose_no_end(app, team, task):
    owned(task, person(team, "ada"))

    def look(_):
        with app.app_context():
            telling.route(MAIL)

    with ThreadPoolExecutor(3) as pool:
        for number in range(8):
            begin(team, task, f"not_started:{number}")
            looks = [pool.submit(look, 0) for _ in range(2)]
            end(f"not_started:{number}")
            for one in looks:
                one.result()
    route()
    assert len(sent()) == len(sent(is_recovery=True)) == 8


@pytest.mark.alike
def test_an_alert_that_cant_be_read_holds_back_no_other(team, task, monkeypatch):
    route(Outside(("webhook",)))
    begin(team, task)
    begin(team, task, "not_finished:1")
    first = rows(Alert)[0].id
    asked = telling.routing._route

    def refuse(work, alert, *more):
        if alert.id == first:
            raise ValueError
        asked(work, alert, *more)

    monkeypatch.setattr(telling.routing, "_route", refuse)
    route(Outside(("webhook",)))
    assert sent() == ["webhook", "webhook"]
    assert not any(row.is_new for row in rows(Alert))
