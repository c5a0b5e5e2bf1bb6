"""New rules of time zones (PROMISES I13): what they move is planned anew, at no other time, and put on record."""

import shutil
import zoneinfo
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.infra import tzdata
from app.models.instance import Audit
from app.models.runs import Run
from app.models.tasks import Schedule
from app.services import zones
from tests import factories
from tests.factories import rows

pytestmark = [pytest.mark.fault, pytest.mark.alike]


@pytest.fixture
def rules(tmp_path):
    """A folder of rules: a zone in it follows those of any other zone."""
    before = zoneinfo.TZPATH
    package = Path(__import__("tzdata").__file__).parent / "zoneinfo"
    folder = tmp_path / "zoneinfo"
    folder.mkdir()

    def follow(zone, other):
        target = folder / zone
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(package / other, target)

    zoneinfo.reset_tzpath([folder])
    zoneinfo.ZoneInfo.clear_cache()
    yield follow
    zoneinfo.reset_tzpath(before)
    zoneinfo.ZoneInfo.clear_cache()


def test_i13_new_rules_move_the_next_time_and_fire_nothing(app, rules, seen):
    rules("Europe/Lisbon", "Europe/Lisbon")
    with app.app_context():
        team = factories.team()
        moving = factories.schedule(team, factories.task(team, "moving"), "0 9 * * *", "cron", timezone="Europe/Lisbon")
        factories.schedule(team, factories.task(team, "other"), "0 9 * * *", "cron", timezone="Asia/Tokyo")
        before = {row.id: row.next_fire_at for row in rows(Schedule)}
        assert zones.look() == 0  # the first look only takes note
        assert zones.look() == 0
        rules("Europe/Lisbon", "Asia/Kolkata")  # as if Portugal took the time of India
        assert zones.look() == 1
        after = {row.id: row.next_fire_at for row in rows(Schedule)}
        moved, was = after.pop(moving), before.pop(moving)
        assert (was.hour, was.minute) in {(9, 0), (8, 0)}
        assert (moved.hour, moved.minute) == (3, 30)
        assert moved > datetime.now(UTC)
        assert after == before
        assert rows(Run) == []
        entries = {entry.action: entry for entry in rows(Audit)}
        assert entries["zones_changed"].object == "Europe/Lisbon"
        assert entries["schedule_moved_by_zone"].data["after"] == moved.isoformat()
        assert zones.look() == 0
        seen("1 of 2 schedules moved to its new time, no run, on record")


def test_rules_that_are_nowhere_have_no_digest():
    assert tzdata.digest("Moon/Crater") == ""
