"""What a run's page says of its planned time: what moved it, and the times that a folded one stands for."""

from datetime import UTC, datetime, timedelta

from tests import factories


def test_a_folded_run_opens_to_its_times_and_says_what_moved_it(ada, app, northgate):
    with app.app_context():
        team = ada.actor(app, northgate).team_id
        task = factories.task(team, "minutely")
        begin = datetime(2026, 11, 25, 9, tzinfo=UTC)
        schedule = factories.schedule(team, task, "* * * * *", "cron", since=begin - timedelta(days=1))
        until = begin + timedelta(minutes=599)
        values = {"folded_count": 600, "folded_until": until, "schedule_id": schedule, "notes": ["Moved from 08:00."]}
        factories.run(team, task, "missed", planned_at=begin, ended_at=begin, **values)
    shown = ada.get(f"/t/{northgate}/runs/1").text
    assert "<li>2026-11-25 09:00</li><li>2026-11-25 09:01</li>" in shown
    assert "and 100 more" in shown
    assert "Moved from 08:00." in shown
