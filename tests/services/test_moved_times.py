"""Times that calendars, spread and jitter move, under a simulated clock: what was shown before is what happens."""

from datetime import UTC, datetime, timedelta
from operator import attrgetter

import pytest
import sqlalchemy as sa

from app.core.errors import Invalid
from app.domain.lifecycle import ENDED
from app.infra import queues
from app.models.instance import Audit
from app.models.runs import Run
from app.models.tasks import Schedule, Task
from app.models.teams import Calendar
from app.services import dispatch, tasks, verify
from app.services.tasks import schedules
from app.services.tasks.definitions import Draft
from app.services.tasks.schedules import Given, Moves, preview
from app.services.unit import batch
from tests import factories
from tests.factories import rows

pytestmark = pytest.mark.slow

WEDNESDAY = datetime(2026, 11, 25, 12, tzinfo=UTC)
LEASE = timedelta(days=400)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@pytest.fixture
def clock(stopped):
    """`clock(at)` sets the time, which stands still."""
    stopped(WEDNESDAY)
    return stopped


@pytest.fixture
def actor(clock):
    return factories.owner(factories.team())


@pytest.fixture
def leadership(actor):
    return dispatch.lead("clock", "first", LEASE)


@pytest.fixture
def make(actor, tmp_path):
    """Make a task of one schedule; its calendars are texts, its numbers those of the form."""

    def make(text, *calendars, zone="UTC", name="Task", overlap="allow", **numbers):
        draft = Draft(
            name, "http", {"url": "https://example.com/"}, [Given(text, zone, calendars=calendars)], numbers,
            {"overlap": overlap},
        )  # fmt: skip
        return tasks.create(actor, draft, tmp_path)

    return make


@pytest.fixture
def calendars(actor):
    """Office hours, and a freeze from Friday evening until Monday morning."""
    kinds = {
        "office": ("Office", "hours", {"hours": ["Mon-Fri 09:00-17:00"]}),
        "freeze": ("Freeze", "blackout", {"weekly": ["Fri 18:00 - Mon 06:00"]}),
    }
    with batch() as work:
        for slug, (name, kind, settings) in kinds.items():
            row = {
                "team_id": actor.team_id, "slug": slug, "name": name, "kind": kind, "timezone": "Europe/Berlin",
                "settings": settings, "content": "", "created_at": work.now, "changed_at": work.now,
            }  # fmt: skip
            work.connection.execute(sa.insert(Calendar).values(row))


def go(clock, leadership, until):
    """Let the clock look whenever it wants to, up to `until`."""
    while (seconds := dispatch.seconds_until_due()) is not None:
        at = datetime.now(UTC) + timedelta(seconds=max(seconds, 0.0))
        if at > until:
            break
        clock(at)
        tasks.resume_due()
        while dispatch.fire_due(leadership, LEASE) >= dispatch.BATCH:
            pass
    clock(until)


def no_findings(since):
    assert verify.last(datetime.now(UTC) - since).findings == []


def seen(*where):
    """What became of the runs: when each was to start, and its state."""
    return [(f"{run.planned_at:%a %H:%M}", run.state, run.reason) for run in rows(Run, *where)]


# --- calendars


@pytest.mark.usefixtures("calendars")
def test_s9_what_a_calendar_leaves_out_is_skipped_with_its_reason(make, clock, leadership):
    make("every day at 12:00", "exclude:freeze")
    go(clock, leadership, WEDNESDAY + 6 * DAY)
    assert [state for _, state, _ in seen()] == ["queued", "queued", "skipped", "skipped", "queued", "queued"]
    skipped = rows(Run, Run.state == "skipped")
    assert {run.reason for run in skipped} == {"calendar"}
    assert all(run.sentence.startswith("Skipped: Sat") or "Sun" in run.sentence for run in skipped)
    assert all("Freeze" in run.notes[0] for run in skipped)
    no_findings(WEDNESDAY)


@pytest.mark.usefixtures("calendars")
def test_s9_what_is_delayed_waits_until_it_is_over_also_when_the_clock_changes(make, clock, leadership):
    clock(start := datetime(2027, 3, 27, 12, tzinfo=UTC))
    make("28 March 2027 at 2:30", "delay:freeze", zone="Europe/Berlin")
    go(clock, leadership, start + 10 * HOUR)
    assert seen() == []
    go(clock, leadership, datetime(2027, 3, 28, 12, tzinfo=UTC))
    (run,) = rows(Run)
    end = datetime(2027, 3, 29, 4, tzinfo=UTC)  # 06:00 in Berlin, where it is summer by now
    assert (run.state, run.reason, run.not_before, run.planned_at) == ("waiting", "time", end, end)
    assert "Freeze" in run.sentence
    assert run.key == "at:2027-03-28T01:00:00+00:00"
    assert queues.waiting("io") == set()
    clock(end - timedelta(microseconds=1))
    dispatch.fire_due(leadership, LEASE)
    assert rows(Run)[0].state == "waiting"
    clock(end)
    dispatch.fire_due(leadership, LEASE)
    (run,) = rows(Run)
    assert (run.state, run.attempt, run.not_before, run.sentence) == ("queued", 1, None, "")
    assert queues.waiting("io") == {queues.job_id(run.id, 1)}
    assert [schedule.state for schedule in rows(Schedule)] == ["over"]
    no_findings(start)


@pytest.mark.usefixtures("calendars")
def test_what_moves_to_an_earlier_day_runs_then_and_only_once(make, clock, leadership):
    make("every sunday at 15:00", "previous_day:office")
    go(clock, leadership, WEDNESDAY + 12 * DAY)
    assert seen() == [("Fri 15:00", "queued", ""), ("Fri 15:00", "queued", "")]
    assert [run.key for run in rows(Run)] == ["at:2026-11-29T15:00:00+00:00", "at:2026-12-06T15:00:00+00:00"]
    no_findings(WEDNESDAY)


@pytest.mark.usefixtures("calendars")
def test_a_schedule_made_after_the_earlier_day_never_fires_at_once(make, clock, leadership):
    clock(saturday := WEDNESDAY + 3 * DAY)
    make("every sunday at 15:00", "previous_day:office")
    go(clock, leadership, saturday + 2 * DAY)
    assert seen() == [("Sun 15:00", "skipped", "calendar")]
    no_findings(saturday)


@pytest.mark.usefixtures("calendars")
def test_a_night_of_minutes_outside_of_hours_is_two_rows(make, clock, leadership):
    make("every minute", "only:office", zone="Europe/Berlin")
    go(clock, leadership, WEDNESDAY + 21 * HOUR)  # 10:00 of the next day in Berlin
    left_out = rows(Run, Run.state == "skipped")
    assert [run.folded_count for run in left_out] == [1, 959]
    assert left_out[1].sentence.startswith("Skipped 959 times by its calendars. The first: ")
    assert len(rows(Run, Run.state == "queued")) == 239 + 61
    no_findings(WEDNESDAY)


@pytest.mark.usefixtures("calendars")
def test_after_a_long_stop_left_out_and_missed_are_told_apart(make, clock, leadership):
    make("every 10 minutes", "only:office", grace="10")
    clock(WEDNESDAY + 8 * DAY)
    while dispatch.fire_due(leadership, LEASE):
        pass
    runs = rows(Run)
    assert {(run.state, run.reason) for run in runs if run.folded_count > 1} == {
        ("skipped", "calendar"), ("missed", "folded")
    }  # fmt: skip
    assert sum(run.folded_count for run in runs) == 8 * 24 * 6
    assert len(runs) <= 103
    no_findings(WEDNESDAY)


# --- a run that waits for its time


@pytest.mark.usefixtures("calendars")
def test_overlap_counts_when_its_time_comes_and_not_before(make, clock, leadership):
    clock(WEDNESDAY + 3 * DAY - HOUR)
    make("every day at 12:00", "next_day:office", overlap="skip")
    go(clock, leadership, WEDNESDAY + 4 * DAY + HOUR)  # Sunday: Saturday's and Sunday's wait for Monday
    assert [state for _, state, _ in seen()] == ["waiting", "waiting"]
    go(clock, leadership, WEDNESDAY + 5 * DAY + HOUR)
    assert sorted(seen(Run.planned_at > WEDNESDAY + 4 * DAY)) == [
        ("Mon 12:00", "queued", ""), ("Mon 12:00", "skipped", "overlap"), ("Mon 12:00", "skipped", "overlap")
    ]  # fmt: skip


@pytest.mark.usefixtures("calendars")
def test_a_newer_run_takes_no_place_of_one_that_waits_for_its_time(make, clock, leadership):
    make("every 6 hours", "delay:freeze", overlap="cancel_old")
    go(clock, leadership, WEDNESDAY + 4 * DAY)
    assert {reason for _, state, reason in seen() if state == "waiting"} == {"time"}
    assert {state for _, state, _ in seen(Run.reason == "time")} == {"waiting"}


@pytest.mark.parametrize("how", ["paused", "changed", "deleted", "late"])
@pytest.mark.usefixtures("calendars")
def test_what_waits_for_its_time_ends_when_its_task_does_not_go_on(how, make, clock, leadership, actor):
    task = make("every day at 12:00", "next_day:office")
    go(clock, leadership, WEDNESDAY + 3 * DAY + HOUR)
    if how == "paused":
        tasks.pause(actor, task.slug)
    elif how == "changed":
        tasks.reschedule(actor, task.slug, [Given("every day at 12:00", "UTC")])
    elif how == "deleted":
        tasks.delete(actor, task.slug)
    if how == "late":
        clock(WEDNESDAY + 5 * DAY + 2 * HOUR)
        dispatch.fire_due(leadership, LEASE)
    else:
        go(clock, leadership, WEDNESDAY + 5 * DAY + HOUR)
    moved = rows(Run, Run.key == "at:2026-11-28T12:00:00+00:00")
    ends = {
        "paused": ("skipped", "paused"), "changed": ("cancelled", "schedule_changed"),
        "deleted": ("cancelled", "task_deleted"), "late": ("missed", "grace"),
    }  # fmt: skip
    assert [(run.state, run.reason) for run in moved] == [ends[how]]
    assert all(run.sentence for run in moved)


def test_a_retry_and_a_run_that_waited_for_its_time_are_released_together(make, clock, leadership, actor):
    first, second = make("every day at 13:00"), make("every day at 14:00")
    past = WEDNESDAY - timedelta(seconds=1)
    retry = factories.run(actor.team_id, first.id, "waiting", reason="retry", not_before=past)
    held = factories.run(actor.team_id, second.id, "waiting", reason="time", not_before=past)
    assert dispatch.fire_due(leadership, LEASE) == 2
    assert {run.id: (run.state, run.attempt) for run in rows(Run)} == {retry: ("queued", 2), held: ("queued", 1)}


# --- pauses


def test_s8_what_was_planned_in_a_pause_is_skipped_or_recovered_as_chosen(make, clock, leadership, actor):
    for name in ("skip", "recover"):
        make("every 10 minutes", name=name)
        tasks.pause(actor, name, "The shop moves.")
    go(clock, leadership, WEDNESDAY + HOUR)
    for name in ("skip", "recover"):
        task = tasks.find(actor, name)
        assert (task.pause_note, task.paused_by.name) == ("The shop moves.", "Ada Park")
        tasks.resume(actor, name, name)
    go(clock, leadership, WEDNESDAY + HOUR + timedelta(minutes=1))
    by_name = {name: rows(Run, Run.task_id == tasks.find(actor, name).id) for name in ("skip", "recover")}
    assert [(run.state, run.folded_count) for run in by_name["skip"]] == [("skipped", 6)]
    recovered = sorted(by_name["recover"], key=attrgetter("planned_at"))
    told = [(run.state, run.reason) for run in recovered]
    assert told == [("missed", "misfire_latest")] * 5 + [("queued", "")]
    assert recovered[0].sentence == "Missed: the task was paused then; a later one ran instead."
    no_findings(WEDNESDAY)


@pytest.mark.parametrize(("how", "states"), [("skip", {"skipped": 1}), ("recover", {"missed": 2, "queued": 1})])
def test_s8_a_task_resumes_by_itself_when_its_time_has_come(how, states, make, clock, leadership, actor):
    make("every 20 minutes")
    until = WEDNESDAY + HOUR + timedelta(minutes=5)
    tasks.pause(actor, "task", "For an hour.", until, how)
    with batch() as work:
        work.connection.execute(sa.update(Task).values(failures=3, crashes=1))
    go(clock, leadership, until - timedelta(seconds=1))
    assert tasks.find(actor, "task").paused_at
    go(clock, leadership, until + timedelta(seconds=1))
    task = tasks.find(actor, "task")
    assert (task.paused_at, task.resume_at, task.pause_note, task.failures, task.crashes) == (None, None, "", 0, 0)
    assert {run.state for run in rows(Run)} == set(states)
    assert len(rows(Run)) == sum(states.values())
    assert rows(Audit)[-1].action == "task_resumed"
    no_findings(WEDNESDAY)


def test_a_pause_until_a_moment_that_is_over_is_refused(make, clock, actor):
    make("every hour")
    with pytest.raises(Invalid) as refused:
        tasks.pause(actor, "task", resume_at=WEDNESDAY - HOUR)
    assert refused.value.fields == {"resume_at": "This is over already. Choose a later time, or leave it empty."}
    with pytest.raises(Invalid):
        tasks.resume(actor, "task", "somehow")


# --- editing


@pytest.mark.parametrize(("now", "expected"), [("01:30", "25 02:15"), ("03:00", "26 02:15")])
def test_s7_an_edited_schedule_goes_on_with_its_next_time(now, expected, make, clock, leadership, actor):
    clock(WEDNESDAY - 12 * HOUR)
    make("15 1 * * *")
    go(clock, leadership, WEDNESDAY.replace(hour=int(now[:2]), minute=int(now[3:])))
    before = len(rows(Run))
    tasks.reschedule(actor, "task", [Given("15 2 * * *", "UTC")])
    dispatch.fire_due(leadership, LEASE)
    assert len(rows(Run)) == before == 1
    assert f"{rows(Schedule)[0].next_fire_at:%d %H:%M}" == expected
    assert tasks.find(actor, "task").version_number == 2
    assert [entry.action for entry in rows(Audit)] == ["task_created", "task_changed"]


# --- what was typed


@pytest.mark.usefixtures("calendars")
@pytest.mark.parametrize(
    ("text", "chosen", "sentence"),
    [
        ("every day at 9:00", "exclude:nowhere", "There is no calendar called nowhere."),
        ("every day at 9:00", "sometimes:office", "A calendar is used as one of"),
        ("every minute", "previous_day:office", "more than once an hour"),
    ],
)
def test_a_calendar_that_cant_be_used_is_refused_with_a_sentence(text, chosen, sentence, make, actor):
    with pytest.raises(Invalid) as refused:
        make(text, chosen)
    assert sentence in refused.value.fields["when-0-calendars"]
    shown = preview(Given(text, "UTC", calendars=(chosen,)), WEDNESDAY, moves=Moves(actor.team_id))
    assert (shown.state, sentence in shown.sentence) == ("unknown", True)


@pytest.mark.usefixtures("calendars")
def test_another_calendar_does_not_begin_an_interval_anew(make, clock, actor):
    task = make("every 90 minutes", "exclude:freeze")
    before = rows(Schedule)[0]
    clock(WEDNESDAY + timedelta(minutes=10))
    given = Given("every 90 minutes", "UTC", calendars=("only:office", "note:freeze"))
    tasks.reschedule(actor, task.slug, [given])
    after = rows(Schedule)[0]
    assert (after.id, after.anchor_at, after.next_fire_at) == (before.id, before.anchor_at, before.next_fire_at)
    assert [one["use"] for one in after.calendars] == ["only", "note"]
    assert schedules.given_of(tasks.definition(tasks.find(actor, task.slug))["schedules"][0]) == given


# --- what was shown is what happens

PLANS = {
    "cron": ("*/20 7-19 * * *", ("only:office",), "Europe/Berlin", {"jitter": "600"}),
    "interval": ("95m", ("delay:freeze",), "Europe/Berlin", {"spread": "1800"}),
    "earlier": ("30 2 * * *", ("previous_day:office",), "Europe/Berlin", {"jitter": "300", "spread": "60"}),
    "later": ("FREQ=DAILY;BYHOUR=2,14;BYMINUTE=30", ("next_day:office",), "Europe/Berlin", {}),
    "noted": ("0 */6 * * *", ("note:freeze",), "America/St_Johns", {"jitter": "7200"}),
}


def previewed_and_decided(make, clock, leadership, actor, days):
    """Everything the tasks' pages foresee, and everything the clock does, by (schedule, instant of the rule)."""
    clock(start := datetime(2027, 3, 24, 12, 0, 0, tzinfo=UTC))
    for name, (text, used, zone, numbers) in PLANS.items():
        make(text, *used, zone=zone, name=name, grace="43200", **numbers)
    foreseen = {
        (schedule, f"at:{one.fire.at.isoformat()}"): one
        for name in PLANS
        for one, schedule in schedules.coming(tasks.find(actor, name).schedules, start, 1000)
    }
    go(clock, leadership, start + days * DAY)
    return start, foreseen


def compare(foreseen, until):
    """Hold every run against what was foreseen; returns how many were compared."""
    compared = 0
    folded = [run for run in rows(Run) if run.folded_count > 1]
    done = {(run.schedule_id, run.key): run for run in rows(Run) if run.folded_count == 1}
    for (schedule, key), one in foreseen.items():
        run = done.pop((schedule, key), None)
        if run is None and one.fire.at > until:
            continue
        if run is None:
            assert one.is_left_out
            assert any(
                run.schedule_id == schedule and run.planned_at <= one.fire.at <= run.folded_until for run in folded
            )
        else:
            assert (run.planned_at, run.notes) == (one.at, list(one.notes))
            assert (run.reason == "calendar") == one.is_left_out
            assert run.state in {"queued", "waiting"} or run.state in ENDED
            assert run.queued_at in {None, one.at}
        compared += 1
    ends = dict(sorted(foreseen))
    assert all(key > ends[schedule] for schedule, key in done)  # nothing beside what was foreseen
    return compared


@pytest.mark.alike
@pytest.mark.usefixtures("calendars")
@pytest.mark.parametrize(("days", "least"), [(9, 300), pytest.param(90, 2000, marks=pytest.mark.long)])
def test_s10_the_preview_is_what_will_happen(days, least, make, clock, leadership, actor):
    start, foreseen = previewed_and_decided(make, clock, leadership, actor, days)
    assert compare(foreseen, datetime.now(UTC)) >= least
    no_findings(start)
