"""Times that were missed, that meet each other, that a pause or a calendar holds back (PROMISES S5–S11)."""

import time
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from app.domain.occurrences import Plan, between
from app.domain.triggers import Trigger
from app.models.instance import Audit, Leader, Worker
from app.models.runs import Attempt, Run
from app.models.tasks import Schedule, Task
from app.models.teams import Calendar
from app.services import tasks
from app.services.tasks import schedules
from app.services.tasks.definitions import Draft
from app.services.tasks.schedules import Given
from app.services.unit import batch
from tests import factories
from tests.factories import ago, rows
from tests.faults.conftest import assert_promises_kept
from tests.processes import eventually

pytestmark = pytest.mark.fault

MISFIRES = {"skip": 0, "latest": 1, "all": 10}


def stopped_for(house, probe, expression, **stop):
    """Three schedules that nobody looked at for so long, each with its rule for missed times; returns their ids."""
    since, ids = ago(**stop), {}
    for misfire in MISFIRES:
        policy = {"misfire": misfire, "overlap": "allow", "grace_seconds": 45 * 86_400.0}
        ids[misfire] = factories.schedule(house.team, probe(name=misfire, **policy), expression, since=since, **policy)
    with batch() as work:  # so that no time is near now, which would simply be late
        work.connection.execute(sa.update(Schedule).values(anchor_at=since + timedelta(seconds=15)))
    return ids


def made_up_for(house, ids, seconds):
    """Start the clock; return how many times of each schedule ran, and how many rows and times there are in all."""
    began = time.monotonic()
    clock = house.spawn("clock")
    eventually(lambda: all(row.next_fire_at > ago(seconds=0) for row in rows(Schedule)), seconds)
    took = time.monotonic() - began
    house.end(clock)
    runs = {misfire: rows(Run, Run.schedule_id == schedule) for misfire, schedule in ids.items()}
    ran = {misfire: sum(run.state == "queued" for run in found) for misfire, found in runs.items()}
    missed = [run for found in runs.values() for run in found if run.state != "queued"]
    assert all((run.state, bool(run.reason), bool(run.sentence)) == ("missed", True, True) for run in missed)
    assert max(Counter(run.schedule_id for run in missed).values()) <= 101
    assert sum(run.folded_count > 1 for run in missed) <= len(ids)
    return ran, took


@pytest.mark.always
@pytest.mark.alike
def test_s5_a_clock_that_stood_still_for_three_hours_makes_up_by_policy(house, probe, seen):
    ran, took = made_up_for(house, stopped_for(house, probe, "1m", hours=3), 15)
    assert ran == MISFIRES
    report = assert_promises_kept(ago(hours=4))
    told = ", ".join(f"{misfire}: {many}" for misfire, many in ran.items())
    seen(f"of {report.planned // 3} times each ran {told}; {report.runs} rows, {took:.1f} s")


@pytest.mark.long
@pytest.mark.parametrize(
    ("expression", "stop"),
    [("1m", {"minutes": 10}), ("1m", {"hours": 24}), ("1m", {"days": 30}), ("2m", {"days": 36})],
)
def test_s5_a_clock_that_stood_still_for_long_makes_up_by_policy(house, probe, seen, expression, stop):
    ran, took = made_up_for(house, stopped_for(house, probe, expression, **stop), 120)
    assert ran == MISFIRES
    report = assert_promises_kept(ago(days=40))
    told = ", ".join(f"{misfire}: {many}" for misfire, many in ran.items())
    seen(f"of {report.planned // 3} times each ran {told}; {report.runs} rows, {took:.1f} s")


def at_once(task):
    """How many attempts of a task's runs were under way at once, at most."""
    attempts = rows(Attempt, Attempt.run_id.in_(sa.select(Run.id).where(Run.task_id == task)))
    return max(
        sum(other.started_at <= one.started_at < (other.ended_at or one.started_at) for other in attempts)
        for one in attempts
    )


def test_s6_runs_longer_than_their_interval_meet_by_policy(house, probe, seen):
    house.spawn("worker")
    clock = house.spawn("clock")
    eventually(lambda: rows(Leader) and rows(Worker))
    since, ids = ago(seconds=0), {}
    for overlap in ("allow", "skip", "queue_one", "queue_all", "cancel_old"):
        policy = {"overlap": overlap, "overlap_cap": 3}
        ids[overlap] = probe("/delay/1.6", overlap, **policy)
        factories.schedule(house.team, ids[overlap], "1s", **policy)
    eventually(lambda: len(rows(Run, Run.task_id == ids["allow"])) >= 7)
    house.end(clock)
    found = {overlap: rows(Run, Run.task_id == task) for overlap, task in ids.items()}
    counts = {overlap: Counter(run.state for run in runs) for overlap, runs in found.items()}
    assert at_once(ids["allow"]) >= 2
    assert all(at_once(ids[overlap]) == 1 for overlap in ("skip", "queue_one", "queue_all", "cancel_old"))
    assert counts["skip"]["skipped"] >= 2
    assert {run.reason for run in found["skip"] if run.state == "skipped"} == {"overlap"}
    assert counts["queue_one"]["waiting"] <= 1
    assert counts["queue_all"]["waiting"] <= 3
    assert {run.reason for run in found["queue_one"] if run.state == "skipped"} <= {"overlap_full"}
    assert counts["cancel_old"]["cancelled"] >= 3
    assert counts["cancel_old"]["skipped"] == 0
    words = {
        name: ", ".join(f"{many} {state}" for state, many in sorted(count.items())) for name, count in counts.items()
    }
    seen("; ".join(f"{overlap}: {told}" for overlap, told in words.items()))
    assert_promises_kept(since)


@pytest.mark.alike
def test_s6_the_old_run_is_asked_to_stop_then_killed_and_the_new_one_starts(house, seen):
    since = ago(seconds=1)
    settings = {"script": "trap '' TERM; while true; do sleep 0.2; done", "interpreter": "bash"}
    policy = {"overlap": "cancel_old"}
    task = factories.task(house.team, "stubborn", "shell", settings, timeout_seconds=60, **policy)
    factories.schedule(house.team, task, "2s", **policy)
    house.spawn("worker")
    clock = house.spawn("clock")
    eventually(lambda: rows(Attempt, Attempt.state == "cancelled"), 20)
    house.end(clock)
    (old, *_) = rows(Attempt)
    asked = rows(Run)[1].planned_at
    seconds = (old.ended_at - asked).total_seconds()
    assert 4.9 < seconds < 8  # asked at once, killed after the 5 seconds of its grace
    eventually(lambda: len(rows(Attempt)) == 2)
    assert rows(Attempt)[1].started_at >= old.ended_at
    seen(f"killed {seconds:.1f} s after the newer one was due, which then started")
    assert_promises_kept(since)


@pytest.mark.parametrize("how", ["skip", "recover"])
def test_s8_a_paused_task_goes_on_by_itself_as_was_chosen(house, probe, seen, how):
    since = ago(seconds=1)
    task = probe(misfire="all", overlap="allow")
    factories.schedule(house.team, task, "1s", misfire="all", overlap="allow")
    clock = house.spawn("clock")
    eventually(lambda: len(rows(Run)) >= 2)
    until = ago(seconds=-3)
    tasks.pause(house.ada, "probe", "For three seconds.", until, how)
    before = len(rows(Run))
    assert tasks.find(house.ada, "probe").pause_note == "For three seconds."
    time.sleep(2)
    assert len(rows(Run)) == before
    eventually(lambda: rows(Task)[0].paused_at is None)
    late = (datetime.now(UTC) - until).total_seconds()
    eventually(lambda: rows(Run, Run.planned_at > until))
    house.end(clock)
    paused = rows(Run, Run.planned_at <= until, Run.id > before)
    assert sum(run.folded_count for run in paused) == 3
    assert {run.state for run in paused} == ({"skipped"} if how == "skip" else {"queued"})
    seen(f"resumed {late:.1f} s late at most, 3 times {how}")
    assert_promises_kept(since)


def freeze(team, begins, ends):
    """A calendar with one event, to the second; returns its id."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "BEGIN:VEVENT", "UID:freeze@test", "SUMMARY:Freeze"]
    lines += [f"DTSTART:{begins:%Y%m%dT%H%M%SZ}", f"DTEND:{ends:%Y%m%dT%H%M%SZ}", "END:VEVENT", "END:VCALENDAR", ""]
    with batch() as work:
        row = {
            "team_id": team, "slug": "freeze", "name": "Freeze", "kind": "ics", "timezone": "UTC", "settings": {},
            "content": "\r\n".join(lines), "created_at": work.now, "changed_at": work.now,
        }  # fmt: skip
        return work.connection.execute(sa.insert(Calendar).values(row).returning(Calendar.id)).scalar_one()


def test_s9_a_freeze_leaves_out_delays_or_notes_and_says_so(house, probe, seen):
    since = ago(seconds=1)
    begins = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=2)
    ends = begins + timedelta(seconds=3)
    calendar, ids = freeze(house.team, begins, ends), {}
    for use in ("exclude", "delay", "note"):
        ids[use] = factories.schedule(house.team, probe(name=use), "1s", overlap="allow")
        stored = [{"calendar": calendar, "use": use, "slug": "freeze"}]
        with batch() as work:
            work.connection.execute(sa.update(Schedule).where(Schedule.id == ids[use]).values(calendars=stored))
    house.spawn("worker")
    clock = house.spawn("clock")
    eventually(lambda: rows(Run, Run.planned_at > ends + timedelta(seconds=1), Run.state == "succeeded"))
    house.end(clock)

    def inside(use):
        keys = (f"at:{begins.isoformat()}", f"at:{ends.isoformat()}")
        return rows(Run, Run.schedule_id == ids[use], Run.key >= keys[0], Run.key < keys[1])

    assert sum(run.folded_count for run in inside("exclude")) == 3
    assert {(run.state, run.reason) for run in inside("exclude")} == {("skipped", "calendar")}
    delayed = inside("delay")
    assert [run.planned_at for run in delayed] == [ends] * 3
    assert all(run.queued_at >= ends for run in delayed)
    assert all(run.notes and "Freeze" in run.notes[0] for use in ids for run in inside(use))
    assert len(inside("note")) == 3
    seen(f"3 left out, 3 delayed to its end and queued {(delayed[0].queued_at - ends).total_seconds():.2f} s after it")
    assert_promises_kept(since)


@pytest.mark.alike
def test_s7_an_edited_schedule_goes_on_with_its_next_time(house, seen):
    draft = Draft("Edited", "http", {"url": "http://127.0.0.1:9/"}, [Given("1h", "UTC")])
    task = tasks.create(house.ada, draft, house.folder)
    clock = house.spawn("clock")
    eventually(lambda: rows(Leader))
    for text in ("0 9 * * *", "45m", "0 10 * * *"):
        tasks.reschedule(house.ada, task.slug, [Given(text, "UTC")])
        time.sleep(0.3)
    house.end(clock)
    assert rows(Run) == []
    assert tasks.find(house.ada, task.slug).version_number == 4
    assert [entry.action for entry in rows(Audit)].count("task_changed") == 3
    seen("3 changes beside a clock that goes, no run, 3 versions")


def test_s11_jitter_is_the_same_to_two_clocks_and_stays_before_the_next_fire(house, probe, seen):
    moved = factories.schedule(house.team, probe(name="moved"), "1s", overlap="allow", misfire="all", jitter_seconds=5)
    for _ in range(2):  # the second clock takes what is left of the first one's seconds
        clock, count = house.spawn("clock"), len(rows(Run))
        eventually(lambda before=count: len(rows(Run, Run.state == "queued")) >= before + 3)
        house.kill(clock)
    (row,), runs = rows(Schedule), rows(Run)
    plan = Plan(Trigger("interval", "1s", "UTC", anchor_at=row.anchor_at), jitter_seconds=5, schedule=moved)
    asked_again = {one.fire.at: one.at for one in between(plan, row.anchor_at, ago(seconds=-10))}
    offsets = {run.planned_at - fire_of(run) for run in runs}
    assert all(run.planned_at == asked_again[fire_of(run)] for run in runs)
    assert all(timedelta() <= offset < timedelta(seconds=1) for offset in offsets)
    assert len(offsets) == len(runs) >= 6
    low, high = (1000 * edge.total_seconds() for edge in (min(offsets), max(offsets)))
    seen(f"{len(runs)} times of two clocks, each moved as computed again, {low:.0f} to {high:.0f} ms of 1,000")


def fire_of(run):
    """The instant of the rule that a run stands for."""
    return datetime.fromisoformat(run.key.removeprefix("at:"))


def test_s10_a_preview_is_what_the_clock_does(house, probe, seen):
    since = ago(seconds=0)
    probe("/status/204", "spread")
    schedule = factories.schedule(
        house.team, rows(Task)[0].id, "1s", overlap="allow", misfire="all", jitter_seconds=0.5, spread_seconds=0.3
    )
    foreseen = schedules.next_fires(tasks.find(house.ada, "spread").schedules, since - timedelta(seconds=1), 60)
    for _ in range(2):
        clock = house.spawn("clock")
        count = len(rows(Run))
        eventually(lambda before=count: len(rows(Run, Run.state == "queued")) >= before + 3)
        house.kill(clock)
    known = {f"at:{one.fire.at.isoformat()}": one for one in foreseen}
    runs = rows(Run, Run.schedule_id == schedule)
    assert all((run.planned_at, run.notes) == (known[run.key].at, list(known[run.key].notes)) for run in runs)
    assert len({run.planned_at - known[run.key].fire.at for run in runs}) > 3
    assert all(run.queued_at is None or run.queued_at >= run.planned_at for run in runs)
    seen(f"{len(runs)} times as foreseen to the millisecond, none early")
