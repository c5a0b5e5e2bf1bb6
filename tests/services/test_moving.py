"""One run moved, skipped and put back under a simulated clock, and a schedule moved with it: what happens then."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from app.core.errors import Conflict, Invalid, NotFound
from app.domain.lifecycle import DID_NOT_HAPPEN
from app.infra import database
from app.models.runs import Run
from app.models.tasks import Schedule
from app.services import coming, dispatch, tasks, verify
from app.services.runs import moving
from app.services.tasks import moving as rules
from app.services.tasks.definitions import Draft
from app.services.tasks.schedules import Given
from tests import factories
from tests.factories import rows

TUESDAY = datetime(2026, 11, 24, 12, tzinfo=UTC)
NINE = datetime(2026, 11, 25, 9, tzinfo=UTC)
NOON = NINE.replace(hour=12)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@pytest.fixture
def clock(stopped):
    """`clock(at)` sets the time, which stands still."""
    stopped(TUESDAY)
    return stopped


@pytest.fixture
def actor(clock):
    return factories.owner(factories.team())


@pytest.fixture
def digest(actor, tmp_path):
    """A task that runs every weekday at nine (UTC)."""
    when, runs_beside = [Given("every weekday at 9:00", "UTC")], {"overlap": "allow"}
    draft = Draft("Digest", "http", {"url": "https://example.com/"}, when, choices=runs_beside)
    return tasks.create(actor, draft, tmp_path)


@pytest.fixture
def pass_to(clock, actor):
    """Let the clock of the house go on until an instant, an hour at a time; returns what ran by then."""
    leadership = dispatch.lead("clock", "first", timedelta(days=400))

    def go(until):
        at = datetime.now(UTC)
        while at < until:
            at = min(at + HOUR, until)
            clock(at)
            dispatch.fire_due(leadership, timedelta(days=400))
        return [run.queued_at for run in rows(Run) if run.state not in DID_NOT_HAPPEN and run.queued_at]

    return go


def planned(actor, until):
    with database.read() as connection:
        found = coming.coming(connection, [actor.team_id], datetime.now(UTC), until, datetime.now(UTC))
    return [(run.at, run.is_left_out) for one in found for run in one.runs]


def test_a_run_moves_alone_and_runs_once(actor, digest, pass_to):
    number = moving.move(actor, digest.slug, NINE, NOON)
    assert planned(actor, NINE + DAY) == [(NOON, False), (NINE + DAY, False)]
    assert pass_to(NINE + DAY + HOUR) == [NOON, NINE + DAY]
    (run,) = rows(Run, Run.number == number)
    assert run.notes == ["Moved by Ada Park from Wed 25 Nov 2026 at 09:00 (UTC)."]


@pytest.mark.alike
def test_what_is_skipped_ahead_does_not_run_and_says_who(actor, digest, pass_to):
    moving.skip(actor, digest.slug, NINE)
    assert planned(actor, NINE + DAY) == [(NINE, True), (NINE + DAY, False)]
    assert pass_to(NINE + DAY) == [NINE + DAY]
    assert rows(Run)[0].sentence == "Skipped ahead by Ada Park."


@pytest.mark.alike
@pytest.mark.parametrize("change", [lambda *of: moving.move(*of, NOON), moving.skip], ids=["moved", "skipped"])
def test_what_was_changed_goes_back_to_its_own_time(actor, digest, pass_to, change):
    change(actor, digest.slug, NINE)
    assert moving.find(actor, digest.slug, NINE).is_changed
    moving.undo(actor, digest.slug, NINE)
    assert not moving.find(actor, digest.slug, NINE).is_changed
    assert pass_to(NINE + HOUR) == [NINE]


@pytest.mark.alike
def test_it_moves_to_an_earlier_time_too(actor, digest, pass_to):
    moving.move(actor, digest.slug, NINE, NINE - 2 * HOUR)
    assert pass_to(NINE + 2 * HOUR) == [NINE - 2 * HOUR]


@pytest.mark.alike
def test_what_can_not_be_moved_says_why(actor, digest, pass_to, clock):
    with pytest.raises(Invalid, match="over already"):
        moving.move(actor, digest.slug, NINE, TUESDAY)
    with pytest.raises(NotFound):
        moving.move(actor, digest.slug, NOON, NOON + HOUR)  # its rule has no such time
    moving.move(actor, digest.slug, NINE, NOON)
    clock(NINE + timedelta(minutes=5))
    with pytest.raises(Conflict, match="has passed"):
        moving.undo(actor, digest.slug, NINE)
    pass_to(NOON)
    with pytest.raises(Conflict, match="has begun"):
        moving.skip(actor, digest.slug, NINE)


@pytest.mark.alike
def test_what_was_skipped_takes_the_place_of_nothing(actor, tmp_path, pass_to):
    choices = {"overlap": "cancel_old"}
    draft = Draft("Sync", "http", {"url": "https://example.com/"}, [Given("every day at 9:00", "UTC")], choices=choices)
    sync = tasks.create(actor, draft, tmp_path)
    going = factories.run(actor.team_id, sync.id, "running")
    moving.skip(actor, sync.slug, NINE)
    pass_to(NINE + HOUR)
    assert rows(Run, Run.id == going)[0].stop_mode == ""


@pytest.mark.alike
def test_another_team_finds_nothing(digest):
    with pytest.raises(NotFound):
        moving.skip(factories.owner(factories.team("elsewhere")), digest.slug, NINE)


@pytest.mark.parametrize("first", ["old", "moved"])
def test_a_moved_run_that_takes_the_place_of_another_never_waits_in_a_circle(actor, clock, first):
    """Who changes both runs, in either order, and the clock that lets the moved one go, both come to their end."""
    policy = {"overlap": "cancel_old"}
    task = factories.task(actor.team_id, **policy)
    schedule = factories.schedule(actor.team_id, task, "0 9 * * *", "cron", **policy)
    old = factories.run(actor.team_id, task, "running")
    held = {"reason": "time", "trigger": "schedule", "key": "at:2026-11-24T09:00:00+00:00", "schedule_id": schedule}
    moved = factories.run(actor.team_id, task, "waiting", not_before=TUESDAY, **held)
    leadership = dispatch.lead("clock", "first", timedelta(days=400))
    ids = [old, moved] if first == "old" else [moved, old]
    with ThreadPoolExecutor(1) as threads, database.write() as connection:
        touch = sa.update(Run).values(stop_reason="x")
        connection.execute(touch.where(Run.id == ids[0]))
        if connection.dialect.name == "postgresql":
            threads.submit(dispatch.fire_due, leadership, DAY).result(5)
        connection.execute(touch.where(Run.id == ids[1]))
    dispatch.fire_due(leadership, DAY)
    assert [(run.state, run.stop_mode) for run in rows(Run)] == [("running", "now"), ("waiting", "")]
    assert rows(Run, Run.id == moved)[0].reason == "overlap"


# --- with the schedule


@pytest.mark.alike
def test_all_runs_move_as_a_new_version_that_can_be_taken_back(actor, digest, pass_to):
    run = moving.find(actor, digest.slug, NINE)
    task = rules.move(actor, digest.slug, run.schedule.id, run.rule, run.at, NOON, "all")
    assert tasks.definition(task)["schedules"][0]["text"] == "Every weekday at 12:00"
    assert planned(actor, NOON + DAY) == [(NOON, False), (NOON + DAY, False)]
    tasks.restore(actor, digest.slug, task.version_number - 1, instead_of=task.version_number)
    assert planned(actor, NOON) == [(NINE, False)]


def test_what_was_moved_runs_at_its_own_time_when_a_change_that_dropped_it_is_taken_back(actor, digest, pass_to):
    moving.move(actor, digest.slug, NINE, NOON)
    run = moving.find(actor, digest.slug, NINE + DAY)
    task = rules.move(actor, digest.slug, run.schedule.id, run.rule, run.at, run.at + HOUR, "all")
    assert [run.state for run in rows(Run)] == ["cancelled"]
    tasks.restore(actor, digest.slug, task.version_number - 1, instead_of=task.version_number)
    assert planned(actor, NINE + DAY) == [(NINE, False), (NINE + DAY, False)]
    assert pass_to(NINE + DAY + HOUR) == [NINE, NINE + DAY]
    assert verify.between(TUESDAY, NINE + DAY).findings == []


@pytest.mark.alike
def test_this_and_later_leaves_the_earlier_ones(actor, digest, pass_to):
    thursday = NINE + DAY
    run = moving.find(actor, digest.slug, thursday)
    task = rules.move(actor, digest.slug, run.schedule.id, run.rule, run.at, thursday + HOUR, "later")
    earlier, later = tasks.definition(task)["schedules"]
    assert (earlier["ends"], later["starts"]) == ("2026-11-25", "2026-11-26")
    assert [row.state for row in rows(Schedule)] == ["active", "active"]
    assert pass_to(NINE + 2 * DAY + HOUR) == [NINE, thursday + HOUR, NINE + 2 * DAY + HOUR]


@pytest.mark.alike
def test_a_schedule_that_one_time_does_not_tell_is_refused_with_the_way_out(actor, digest):
    run = moving.find(actor, digest.slug, NINE)
    with pytest.raises(Invalid, match="Move only this run"):
        rules.move(actor, digest.slug, run.schedule.id, run.rule, run.at, NOON + DAY, "all")
