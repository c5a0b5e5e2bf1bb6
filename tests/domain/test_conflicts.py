"""What a schedule would collide with, and the ways out of it."""

from datetime import UTC, datetime, timedelta

from app.domain import conflicts
from app.domain.calendars import Calendar
from app.domain.conflicts import Upstream, Wanted
from app.domain.load import forecast

NINE = datetime(2026, 11, 30, 9, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
MORNINGS = [NINE + n * DAY for n in range(5)]


def wanted(times=MORNINGS, **more):
    return Wanted(times, "Europe/Berlin", **{"typical_seconds": 40.0, "upper_seconds": 60.0, **more})


def load(runs, slots=2):
    return forecast(runs, slots, NINE - DAY, NINE + 7 * DAY)


def test_six_others_at_nine_on_two_slots():
    found = conflicts.crowded(wanted(), load([(at, 40.0) for at in MORNINGS for _ in range(6)]))
    assert found.sentence == "6 other runs start at 10:00; 2 slots. Expect a wait of about 2 min."
    assert (found.severity, found.at) == ("slows", NINE)
    assert [(way.label, way.shift) for way in found.ways] == [
        ("Use 09:59", -MINUTE), ("Go first: high priority", None), ("Spread the 6 others", None),
    ]  # fmt: skip
    assert (found.mark, found.times) == ("busy", set(MORNINGS))


def test_it_ends_before_the_crowd_begins():
    found = conflicts.crowded(wanted(typical_seconds=280.0), load([(at, 40.0) for at in MORNINGS for _ in range(6)]))
    assert found.ways[0].label == "Use 10:02"  # at 09:55, which is further, it would be over in time as well


def test_only_some_of_its_times_are_crowded():
    found = conflicts.crowded(wanted(), load([(NINE, 40.0)] * 6))
    assert found.sentence.endswith("So it is at 1 of 5 times.")
    assert found.times == {NINE}
    assert [(way.label, way.weekdays, dict(way.fields)) for way in found.ways[1:3]] == [
        ("Split: on Mondays use 09:59", {1}, {}), ("Let it move by 30 min when it is busy", set(), {"flexible": "30"}),
    ]  # fmt: skip


def test_a_weekday_that_is_crowded_only_now_and_then_is_not_split_off():
    times = [*MORNINGS, NINE + 7 * DAY]
    ways = conflicts.crowded(wanted(times), load([(NINE, 40.0)] * 6)).ways
    assert not any(way.weekdays for way in ways)


def test_what_is_still_going_holds_the_slots():
    found = conflicts.crowded(wanted(), load([(NINE - 5 * MINUTE, 600.0)] * 2))
    assert found.sentence.startswith("At 10:00 earlier runs still hold the slots (2 slots).")
    assert found.ways[0].label == "Use 10:05"


def test_a_pool_is_named():
    found = conflicts.crowded(wanted(), load([(NINE, 40.0)] * 3, 1), "pool", "printer")
    assert "3 other runs start at 10:00; 1 slot in printer." in found.sentence


def test_a_short_wait_is_not_worth_a_word():
    assert conflicts.crowded(wanted(), load([(at, 10.0) for at in MORNINGS for _ in range(2)])) is None


def test_its_own_runs_do_not_stand_in_its_way():
    alone = load([(at, 40.0) for at in MORNINGS], 1)
    assert conflicts.crowded(wanted(own=frozenset(MORNINGS)), alone) is None
    assert conflicts.crowded(wanted(), alone) is not None


def test_no_better_time_within_an_hour_leaves_the_other_ways():
    found = conflicts.crowded(wanted(), load([(NINE - 2 * DAY / 24, 4 * 3600.0)] * 2))
    assert [way.label for way in found.ways] == ["Go first: high priority"]


def test_times_of_several_hours_move_together():
    times = [NINE, NINE + 5 * MINUTE * 60]
    found = conflicts.crowded(wanted(times), load([(at, 40.0) for at in times for _ in range(6)]))
    assert found.ways[0].label == "Start 1 min earlier"


def test_a_run_that_outlasts_its_interval():
    often = [NINE + n * 10 * MINUTE for n in range(9)]
    found = conflicts.outrun(wanted(often, upper_seconds=720.0, every=10 * MINUTE))
    assert found.sentence == "A run takes up to 12 min, and the next one is due after 10 min: runs would be skipped."
    assert [(way.label, dict(way.fields)) for way in found.ways] == [
        ("Every 15 minutes", {"text": "every 15 minutes"}), ("Let one wait", {"overlap": "queue_one"}),
    ]  # fmt: skip
    assert conflicts.outrun(wanted(often, typical_seconds=700.0, upper_seconds=720.0)).severity == "stops"


def test_runs_that_may_overlap_or_fit_are_no_clash():
    often = [NINE + n * 10 * MINUTE for n in range(9)]
    assert conflicts.outrun(wanted(often, upper_seconds=720.0, overlap="allow")) is None
    assert conflicts.outrun(wanted(often)) is None
    assert conflicts.outrun(wanted(often, upper_seconds=None)) is None


def test_a_blackout_that_is_not_used():
    freeze = Calendar("Holiday freeze", "blackout", "UTC", {"dated": ["2026-12-01", "2026-12-02"]})
    found = conflicts.blacked_out(wanted(), "freeze", freeze)
    assert found.sentence == ("Tue 1 Dec 2026 and Wed 2 Dec 2026 are in Holiday freeze, and it would run all the same.")
    assert found.ways[1].fields == {"calendars": "delay:freeze"}
    assert conflicts.blacked_out(wanted([NINE]), "freeze", freeze) is None


def test_an_upstream_task_that_is_not_done_by_then():
    extract = Upstream("Extract", [at - 10 * MINUTE for at in MORNINGS], 14 * 60.0)
    found = conflicts.too_early(wanted(), extract)
    assert found.sentence == (
        "Extract has usually ended by 10:04, and this starts at 10:00: it would wait about 4 min."
    )
    assert (found.ways[0].label, found.ways[0].shift) == ("Use 10:04", 4 * MINUTE)
    assert conflicts.too_early(wanted(), Upstream("Extract", extract.times, 60.0)) is None
