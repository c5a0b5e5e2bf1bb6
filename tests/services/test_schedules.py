"""Several schedules of one task, their start and end, and what becomes of each when the task changes."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from app.core.errors import Invalid
from app.models.runs import Run
from app.models.tasks import Schedule
from app.services import dispatch, runs, tasks, verify
from app.services.tasks import schedules
from app.services.tasks.definitions import Draft
from app.services.tasks.schedules import Given, checked, preview
from app.services.unit import unit
from tests.services.test_tasks import NOON, actor, clock  # noqa: F401 fixtures

LEASE = timedelta(days=30)
MORNING, EVENING = Given("0 9 * * *", "UTC"), Given("0 18 * * *", "Europe/Berlin")


@pytest.fixture
def twice(actor, clock, tmp_path):  # noqa: F811
    draft = Draft("Shop window", "http", {"url": "https://example.com/"}, [MORNING, EVENING])
    return tasks.create(actor, draft, tmp_path)


def rows(model, **wanted):
    with unit() as work:
        query = sa.select(model).filter_by(**wanted).order_by(model.id).execution_options(populate_existing=True)
        return list(work.session.scalars(query))


def test_each_schedule_of_a_task_plans_its_own_times(twice, actor, clock):  # noqa: F811
    coming = schedules.next_fires(tasks.find(actor, twice.slug).schedules, NOON, 4)
    assert [f"{fire.at:%d %H:%M}" for fire in coming] == ["24 17:00", "25 09:00", "25 17:00", "26 09:00"]
    assert [row.state for row in rows(Schedule)] == ["active", "active"]


def test_what_is_taken_away_ends_and_what_stays_goes_on_untouched(twice, actor, clock):  # noqa: F811
    clock(24)
    before = rows(Schedule)
    tasks.reschedule(actor, twice.slug, [EVENING, Given("30 7 * * 1", "UTC")])
    after = rows(Schedule)
    assert (after[1].decided_until, after[1].created_at) == (before[1].decided_until, before[1].created_at)
    assert (after[0].expression, after[0].state) == ("30 7 * * 1", "active")
    missed = rows(Run)
    assert [(run.state, run.reason, run.planned_at.hour) for run in missed] == [("missed", "schedule_changed", 9)]
    tasks.reschedule(actor, twice.slug, [EVENING])
    assert [row.state for row in rows(Schedule)] == ["over", "active"]
    tasks.reschedule(actor, twice.slug, [])
    assert [row.state for row in rows(Schedule)] == ["over", "over"]


def test_the_same_rule_twice_is_refused_beside_the_second(clock):  # noqa: F811
    with pytest.raises(Invalid) as refused:
        checked([MORNING, Given("every day at 9:00", "UTC")], NOON)
    assert refused.value.fields == {"when-1-text": "This is there already. Change it or remove it."}


def test_every_mistake_is_said_beside_its_own_schedule():
    wrong = [MORNING, Given("61 * * * *", "UTC"), Given("0 8 * * *", "UTC", count="none"), Given("", "UTC")]
    with pytest.raises(Invalid) as refused:
        checked(wrong, NOON)
    assert set(refused.value.fields) == {"when-1-text", "when-2-count"}


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"starts": "2026-12-01"}, ["1 Dec", "2 Dec", "3 Dec", "4 Dec"]),
        ({"starts": "2026-12-01T09:00"}, ["1 Dec", "2 Dec", "3 Dec", "4 Dec"]),
        ({"starts": "2026-12-01T09:01", "ends": "2026-12-03"}, ["2 Dec", "3 Dec"]),
        ({"ends": "2026-11-26"}, ["25 Nov", "26 Nov"]),
        ({"ends": "2026-11-26T08:59"}, ["25 Nov"]),
        ({"count": "2"}, ["25 Nov", "26 Nov"]),
        ({"starts": "2026-12-01", "count": "3"}, ["1 Dec", "2 Dec", "3 Dec"]),
        ({"ends": "2026-11-26", "count": "3"}, ["25 Nov", "26 Nov"]),
    ],
)
def test_start_end_and_count_bound_a_schedule(limits, expected):
    shown = preview(Given("0 9 * * *", "Europe/Berlin", **limits), NOON, 4)
    assert [f"{fire.at.day} {fire.at:%b}" for fire in shown.fires] == expected
    is_bounded = set(limits) != {"starts"}
    assert shown.last == (shown.fires[-1].fire if is_bounded else None)


def test_elapsed_time_counts_from_the_start_that_was_given():
    shown = preview(Given("36h", "UTC", starts="2026-12-01T06:00"), NOON, 2)
    assert [one.fire.local for one in shown.fires] == ["2026-12-01 06:00", "2026-12-02 18:00"]


@pytest.mark.parametrize(
    ("limits", "field", "part"),
    [
        ({"starts": "soon"}, "starts", "Write a day such as"),
        ({"ends": "2026-02-30"}, "ends", "Write a day such as"),
        ({"ends": "2026-11-24"}, "ends", "ends before its first time"),
        ({"count": "0"}, "count", "whole number from 1"),
        ({"count": "10001"}, "count", "whole number from 1 to 10,000"),
    ],
)
def test_a_limit_that_can_not_be_is_said_beside_it(limits, field, part):
    given = Given("0 9 * * *", "UTC", **limits)
    with pytest.raises(Invalid) as refused:
        checked([given], NOON)
    assert part in refused.value.fields[f"when-0-{field}"]
    shown = preview(given, NOON)
    assert (shown.state, part in shown.sentence) == ("unknown", True)


def test_a_limited_schedule_ends_by_itself_and_keeps_what_was_typed(actor, clock, tmp_path):  # noqa: F811
    given = Given("every day at 13:00", "UTC", count="2")
    draft = Draft("Twice", "http", {"url": "https://example.com/"}, [given])
    task = tasks.create(actor, draft, tmp_path)
    assert schedules.given_of(tasks.definition(task)["schedules"][0]) == given
    leadership = dispatch.lead("clock", "first", LEASE)
    for _ in range(4):
        clock(24)
        dispatch.fire_due(leadership, LEASE)
    assert len(rows(Run, task_id=task.id)) == 2
    assert [row.state for row in rows(Schedule)] == ["over"]


def test_an_rrule_is_read_as_it_is_and_asked_for_its_time():
    shown = preview(Given("FREQ=MONTHLY;BYDAY=-1FR;BYHOUR=17;BYMINUTE=0", "Europe/Berlin"), NOON, 2)
    assert [one.fire.local for one in shown.fires] == ["2026-11-27 17:00", "2026-12-25 17:00"]
    asked = preview(Given("FREQ=DAILY;INTERVAL=2", "Europe/Berlin"), NOON)
    assert (asked.state, len(asked.choices)) == ("ask", 3)
    assert all(preview(Given(choice.text, "Europe/Berlin"), NOON).state == "understood" for choice in asked.choices)
    wrong = preview(Given("FREQ=DAILY;BYHOUR=31", "UTC"), NOON)
    assert (wrong.state, wrong.sentence) == ("unknown", "“31” does not fit BYHOUR. It goes from 0 to 23.")


def test_it_counts_from_the_day_it_was_saved_when_it_has_no_dtstart():
    rule = checked([Given("FREQ=DAILY;INTERVAL=2;BYHOUR=9", "UTC")], NOON)[0]
    assert datetime.fromisoformat(rule["anchor_at"]) == datetime(2026, 11, 24, 12, 0, 30, tzinfo=UTC)
    assert schedules.trigger_of(rule).anchor_at == NOON


def test_two_schedules_that_meet_share_the_run_and_it_names_both(actor, clock, tmp_path):  # noqa: F811
    draft = Draft(
        "Both", "http", {"url": "https://example.com/"}, [Given("0 * * * *", "UTC"), Given("*/30 * * * *", "UTC")]
    )
    task = tasks.create(actor, draft, tmp_path)
    clock(1)
    leadership = dispatch.lead("clock", "first", LEASE)
    dispatch.fire_due(leadership, LEASE)
    first, second = (row.id for row in rows(Schedule))
    found = {f"{run.planned_at:%H:%M}": run.facts.get("schedules") for run in rows(Run, task_id=task.id)}
    assert found == {"12:30": None, "13:00": [first, second]}
    shared = next(run.number for run in rows(Run, task_id=task.id) if run.facts)
    assert runs.find(actor, shared).met == ["0 * * * *", "*/30 * * * *"]
    assert verify.last(timedelta(hours=3)).findings == []


def test_what_each_of_two_schedules_left_out_while_paused_is_on_record(actor, clock, tmp_path):  # noqa: F811
    draft = Draft(
        "Both", "http", {"url": "https://example.com/"}, [Given("0 * * * *", "UTC"), Given("0,20 * * * *", "UTC")]
    )
    task = tasks.create(actor, draft, tmp_path)
    tasks.pause(actor, task.slug)
    clock(5)
    tasks.resume(actor, task.slug)
    assert sorted(run.folded_count for run in rows(Run, task_id=task.id)) == [5, 10]
    assert verify.last(timedelta(hours=6)).findings == []
