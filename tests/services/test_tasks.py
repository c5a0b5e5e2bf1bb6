"""Tasks below the web: nothing fires at once, nothing planned is lost, and only the team's own rows are found."""

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
import time_machine

from app.core.errors import Invalid, NotFound
from app.domain.access import Actor
from app.models.people import Person
from app.models.runs import Run
from app.models.tasks import Schedule, Task, TaskVersion
from app.services import planned, tasks, teams
from app.services.tasks import Upload, arming, from_template, overviews, schedules
from app.services.tasks.definitions import Draft
from app.services.tasks.overviews import Filters
from app.services.tasks.schedules import Given
from app.services.unit import unit

NOON = datetime(2026, 11, 24, 12, 0, 30, tzinfo=UTC)  # a Tuesday
HOURLY = Draft("Shop window", "http", {"url": "https://example.com/"}, [Given("0 * * * *", "UTC")])


@pytest.fixture
def actor(app):
    with app.app_context():
        yield owner_of(app, "Northgate")


def owner_of(app, name):
    with unit() as work:
        person = Person(email=f"{name}@x.example", name="Ada", password_hash="", created_at=datetime.now(UTC))
        work.session.add(person)
        work.session.flush()
        person_id = person.id
    teams.create(app.extensions["vault"], person_id, name)
    return Actor(person_id, teams.of(person_id)[0].id, "owner")


@pytest.fixture
def clock(app, monkeypatch):
    """Stops the time of process and database at NOON; `clock(hours)` moves it on."""
    with time_machine.travel(NOON, tick=False) as traveller:
        monkeypatch.setattr("app.infra.database.now", lambda _: datetime.now(UTC))
        yield lambda hours: traveller.shift(timedelta(hours=hours))


@pytest.fixture
def shop(actor, clock, tmp_path):
    return tasks.create(actor, HOURLY, tmp_path)


def row(model):
    with unit() as work:
        return work.session.scalars(sa.select(model).execution_options(populate_existing=True)).one()


def runs():
    with unit() as work:
        return work.session.scalars(sa.select(Run).order_by(Run.id)).all()


def test_a_new_task_waits_for_its_next_planned_time(shop):
    schedule = row(Schedule)
    assert schedule.state == "active"
    assert schedule.next_fire_at == NOON.replace(hour=13, second=0, minute=0)
    assert schedule.decided_until == NOON
    assert not runs()


def test_editing_a_schedule_never_fires_it_at_once(actor, shop, clock):
    clock(0.4)
    tasks.reschedule(actor, shop.slug, [Given("15 12 * * *", "UTC")])
    schedule = row(Schedule)
    assert schedule.next_fire_at == datetime(2026, 11, 25, 12, 15, tzinfo=UTC)
    assert row(Task).version_number == 2
    assert not runs()


def test_a_planned_time_the_clock_had_not_reached_is_on_record_after_an_edit(actor, shop, clock):
    clock(2)
    tasks.reschedule(actor, shop.slug, [Given("every day at 9:00", "UTC")])
    (run,) = runs()
    assert (run.state, run.reason, run.folded_count) == ("missed", "schedule_changed", 2)
    assert run.planned_at == datetime(2026, 11, 24, 13, tzinfo=UTC)
    assert run.folded_until == datetime(2026, 11, 24, 14, tzinfo=UTC)


def test_what_a_pause_left_out_is_one_run_and_nothing_fires_on_resume(actor, shop, clock):
    tasks.pause(actor, shop.slug, "The shop moves.")
    assert row(Schedule).next_fire_at is None
    clock(5)
    tasks.resume(actor, shop.slug)
    (run,) = runs()
    assert (run.state, run.reason, run.folded_count) == ("skipped", "paused", 5)
    assert run.sentence == "Skipped 5 times: the task was paused."
    assert row(Schedule).next_fire_at == datetime(2026, 11, 24, 18, tzinfo=UTC)
    tasks.resume(actor, shop.slug)
    assert len(runs()) == 1


def test_what_comes_due_between_count_and_transaction_is_on_record_too(actor, shop, clock):
    tasks.pause(actor, shop.slug)
    clock(2)
    gaps = arming.undecided(tasks.find(actor, shop.slug), datetime.now(UTC))
    clock(1)
    with unit(actor) as work:
        found = tasks.find(actor, shop.slug)
        arming.settle(work, found, found.schedules, gaps)
    assert [run.folded_count for run in runs()] == [3]


def test_a_short_pause_leaves_nothing_behind(actor, shop, clock):
    tasks.pause(actor, shop.slug)
    clock(0.2)
    tasks.resume(actor, shop.slug)
    assert not runs()
    assert row(Schedule).next_fire_at == datetime(2026, 11, 24, 13, tzinfo=UTC)


def test_a_paused_task_stays_paused_when_it_is_edited(actor, shop, clock):
    tasks.pause(actor, shop.slug)
    clock(3)
    tasks.reschedule(actor, shop.slug, [Given("every day at 9:00", "UTC")])
    assert row(Schedule).state == "paused"
    assert row(Schedule).next_fire_at is None
    assert [run.reason for run in runs()] == ["paused"]
    clock(24)
    tasks.resume(actor, shop.slug)
    assert [run.folded_count for run in runs()] == [3, 1]


def test_a_schedule_that_did_not_change_goes_on_as_it_was(actor, shop, clock, tmp_path):
    before = row(Schedule).decided_until
    clock(2)  # with nobody there who decides
    tasks.change(actor, shop.slug, replace(HOURLY, numbers={"retries": "5"}, choices={"overlap": "allow"}), 1, tmp_path)
    schedule = row(Schedule)
    assert schedule.decided_until == before
    assert schedule.policy["overlap"] == "allow"
    assert not runs()


def test_a_deleted_task_stops_its_runs_and_plans_nothing(actor, shop):
    store("running", "a")
    store("queued", "b")
    tasks.delete(actor, shop.slug)
    running, queued = runs()
    assert (running.state, running.stop_mode) == ("running", "now")
    assert (queued.state, queued.reason) == ("cancelled", "task_deleted")
    assert row(Schedule).next_fire_at is None
    with pytest.raises(NotFound):
        tasks.find(actor, shop.slug)


def test_a_recovered_task_goes_on_from_now(actor, shop, clock):
    tasks.delete(actor, shop.slug)
    clock(3)
    tasks.recover(actor, shop.slug)
    assert row(Schedule).next_fire_at == datetime(2026, 11, 24, 16, tzinfo=UTC)


def store(state, key, **more):
    task = row(Task)
    values = {
        "team_id": task.team_id, "task_id": task.id, "version_id": task.version_id, "schedule_id": None, "key": key,
        "trigger": "schedule", "requested_by_id": None, "planned_at": NOON, "planned_local": "", "lane": "io",
        "state": state, "reason": "", "sentence": "", "folded_count": 1, "folded_until": None, "queued_at": NOON,
        "ended_at": None, **more,
    }  # fmt: skip
    with unit() as work:
        planned.insert(work, [values])


def test_the_version_a_run_keeps_never_changes(actor, shop):
    first = row(TaskVersion).definition
    tasks.reschedule(actor, shop.slug, [])
    with unit() as work:
        versions = work.session.scalars(sa.select(TaskVersion).order_by(TaskVersion.number)).all()
    assert versions[0].definition == first
    assert versions[1].definition["schedules"] == []


def test_saving_the_same_is_no_version(actor, shop, tmp_path):
    tasks.change(actor, shop.slug, HOURLY, 1, tmp_path)
    assert row(TaskVersion).number == 1


def test_somebody_elses_version_is_never_overwritten_unseen(actor, shop, tmp_path):
    tasks.reschedule(actor, shop.slug, [])
    with pytest.raises(Invalid, match="Somebody saved version 2"):
        tasks.change(actor, shop.slug, replace(HOURLY, name="Mine"), 1, tmp_path)


@pytest.mark.alike
@pytest.mark.parametrize("name", ["", ".env", "a/b", "a\\b", "a\nb", "a\0b", "-rf"])
def test_a_file_has_a_plain_name(actor, tmp_path, name):
    with pytest.raises(Invalid, match="plain name"):
        tasks.create(actor, HOURLY, tmp_path, [Upload(name, io.BytesIO(b"x"))])
    assert not list(tmp_path.glob("*/*"))


def test_a_schedule_that_cant_be_computed_is_set_aside_and_a_new_one_mends_it(actor, shop):
    tasks.pause(actor, shop.slug)
    with unit() as work:
        work.session.execute(sa.update(Schedule).values(timezone="Europe/Atlantis"))
    tasks.resume(actor, shop.slug)
    assert row(Schedule).state == "broken"
    assert "Europe/Atlantis" in row(Schedule).problem
    tasks.reschedule(actor, shop.slug, [Given("every day at 9:00", "UTC")])
    assert (row(Schedule).state, row(Schedule).problem) == ("active", "")


def test_another_team_finds_nothing(app, actor, shop):
    cid = owner_of(app, "Elsewhere")
    for verb in (tasks.find, tasks.pause, tasks.resume, tasks.delete, tasks.recover, tasks.duplicate):
        with pytest.raises(NotFound):
            verb(cid, shop.slug)
    assert not overviews.lines(cid, Filters()).lines


def test_the_typical_duration_is_a_median_of_what_was_done(actor, shop):
    for number, (state, seconds) in enumerate([("succeeded", 2), ("succeeded", 4), ("succeeded", 90), ("failed", 1)]):
        store(state, f"r{number}", started_at=NOON, ended_at=NOON + timedelta(seconds=seconds))
    (line,) = overviews.lines(actor, Filters()).lines
    assert line.takes_seconds == pytest.approx(4, abs=0.01)
    assert line.strip == ["succeeded", "succeeded", "succeeded", "failed"]
    assert line.state == "failed"


def test_the_preview_is_what_will_happen(actor, shop, clock):
    given = Given("every 15 minutes", "Europe/Berlin")
    promised = [fire.at for fire in schedules.preview(given, NOON, 3).fires]
    tasks.reschedule(actor, shop.slug, [given])
    assert row(Schedule).next_fire_at == promised[0]
    assert [fire.at for fire in schedules.next_fires(tasks.find(actor, shop.slug).schedules, NOON, 3)] == promised


def test_both_zones_of_a_preview_are_there(clock):
    preview = schedules.preview(Given("every day at 9:00", "Asia/Tokyo"), NOON, 1)
    assert preview.fires[0].at == datetime(2026, 11, 25, 0, tzinfo=UTC)
    assert preview.fires[0].fire.local == "2026-11-25 09:00"


@pytest.mark.alike
def test_what_is_saved_again_from_its_definition_is_what_it_was(actor, shop, tmp_path):
    first = tasks.find(actor, shop.slug).id
    after = {"tasks": [{"task": first, "on": "any"}], "join": 1, "window": "6", "passes": False}
    numbers = {"timeout": "30", "retries": "5", "flexible": "20", "retry_budget": "3", "pause_after": "4"}
    judged = [{"kind": "judge", "question": "Is it fine?"}]
    choices = {"overlap": "queue_all", "priority": "high", "misfire": "all"}
    draft = replace(
        HOURLY, name="Later", after=after, numbers=numbers, choices=choices, contract=judged, is_idempotent=False,
        is_slow_told=False, min_isolation="2", when=[Given("every day at 9:00", "Europe/Berlin")],
    )  # fmt: skip
    content = tasks.definition(tasks.create(actor, draft, tmp_path))
    again = from_template.of_definition(content, [schedules.given_of(rule) for rule in content["schedules"]])
    saved = tasks.change(actor, "later", again, 1, tmp_path)
    assert tasks.definition(saved) == content
    assert saved.version_number == 1
