"""Planning for programs: estimates, conflicts, how busy it will be, and tasks spread over a window."""

import pytest
import sqlalchemy as sa

from app.models.instance import Worker
from app.models.tasks import Schedule
from app.models.teams import Team
from app.services.planning import loads
from app.services.unit import batch
from tests import factories
from tests.factories import rows

pytestmark = pytest.mark.alike


@pytest.fixture
def crowd(app, ada_program):
    """Six tasks that start at nine."""
    with app.app_context():
        team_id = next(row.id for row in rows(Team) if row.slug == "northgate")
        for number in range(6):
            factories.schedule(team_id, factories.task(team_id, f"t{number}", "agent"), "0 9 * * *", "cron")
        loads.refresh()


def test_an_estimate_says_what_it_rests_on(ada_program, crowd):
    found = ada_program.get("/tasks/t0/estimate").json
    assert found["typical_seconds"] is None
    assert ada_program.get("/tasks/nothing/estimate").status_code == 404


def test_conflicts_come_with_ways_out(ada_program, crowd):
    sent = {"text": "every day at 9:00", "timezone": "UTC", "engine": "agent"}
    found = ada_program.post("/schedules/conflicts", sent).json
    (conflict,) = found["conflicts"]
    assert (conflict["kind"], conflict["severity"]) == ("capacity", "slows")
    way = {"label": "Use 08:59", "shift_seconds": -60.0, "weekdays": [], "fields": {}, "page": ""}
    assert conflict["ways"][0] == way
    assert [one["marks"] for one in found["next"]] == [["busy"]] * 5
    assert found["next"][0]["at"] == conflict["times"][0]
    assert found["month"]["then"] == {"runs": 30, "micros": None, "tokens": None}
    spread = {"tasks": [], "at": conflict["at"], "since": "09:00", "until": "09:30"}
    assert ada_program.post("/tasks/spread", spread).json["before"] == 6


def test_a_better_time_is_found_where_a_limit_of_the_team_is_what_holds_up(app, ada_program, crowd):
    with app.app_context():
        with batch() as work:
            slots = {"name": "w", "host": "h", "pid": 1, "io_slots": 64, "code_slots": 2, "isolation": {}}
            work.connection.execute(sa.insert(Worker).values(slots | {"started_at": work.now, "seen_at": work.now}))
            work.connection.execute(sa.update(Team).values(max_running=1))
        loads.refresh()
    found = ada_program.post("/schedules/conflicts", {"text": "every day at 9:00", "engine": "agent"}).json
    assert [one["reasons"] for one in found["better"]] == [["quieter"], ["quieter"]]


def test_a_better_time_is_within_the_hours_that_the_schedule_keeps_to(app, ada_program, crowd):
    with app.app_context():
        factories.calendar(rows(Team, Team.slug == "northgate")[0].id, "Office", "hours", hours=["Mon-Sun 09:00-17:00"])
    sent = {"text": "every day at 9:00", "timezone": "UTC", "engine": "agent"}
    within = sent | {"calendars": [{"calendar": "office", "use": "only"}]}
    clocks = [
        [one["clock"] for one in ada_program.post("/schedules/conflicts", what).json["better"]]
        for what in (sent, within)
    ]
    assert min(clocks[0]) < "09:00" < min(clocks[1])


def test_the_week_has_its_hours(ada_program, crowd):
    found = ada_program.get("/insights/week").json
    assert max(max(day["hours"]) for day in found["days"]) == 6
    assert ada_program.get("/insights/calibration").json["n"] == 0


def test_tasks_are_spread_when_that_is_asked_for(ada_program, crowd):
    sent = {"tasks": [f"t{number}" for number in range(6)], "since": "09:00", "until": "09:30"}
    assert ada_program.post("/tasks/spread", sent).json["after"] == 1
    assert {row.expression for row in rows(Schedule)} == {"0 9 * * *"}
    assert ada_program.post("/tasks/spread", {**sent, "timezone": "Mars"}).status_code == 422
