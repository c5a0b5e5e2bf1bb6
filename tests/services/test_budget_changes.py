"""Budgets while things change: limits raised and lowered under way, months that begin in another zone, money as typed."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from app.core.errors import Invalid
from app.models.budgets import BudgetPeriod
from app.models.runs import Alert, Run
from app.models.tasks import Schedule, Task
from app.services import budgets
from app.services.execution import outcomes
from app.services.unit import batch
from tests import factories
from tests.factories import rows
from tests.services.test_budgets import DOLLAR, agent, claim, end, run_of  # noqa: F401 the fixture

pytestmark = pytest.mark.alike


def again(run):
    """Let a run that waits look again; whether it may go."""
    with batch() as work:
        work.connection.execute(sa.update(Run).where(Run.id == run).values(state="queued", attempt=1))
    return bool(claim(run))


def test_a_limit_that_is_lowered_stops_no_run_under_way_and_lets_no_other_begin(team, agent, actor):  # noqa: F811
    budgets.set_team(actor, {"month": "20"}, "UTC")
    (held,) = claim(factories.run(team, agent))
    budgets.set_team(actor, {"month": "0.50"}, "UTC")
    with batch() as work:
        outcomes.record(work, held, (), (), {}, 600_000)
    blocked = factories.run(team, agent)
    assert claim(blocked) == []
    assert run_of(blocked).reason == "budget"
    assert end(held, 900_000) == "succeeded"
    (period,) = rows(BudgetPeriod)
    assert (period.spent_micros, period.reserved_micros) == (900_000, 0)


def test_a_limit_that_is_raised_lets_what_waits_for_it_go(team, agent, actor):  # noqa: F811
    budgets.set_team(actor, {"month": "1.50"}, "UTC")
    held = claim(factories.run(team, agent))
    waiting = factories.run(team, agent)
    assert claim(waiting) == []
    assert run_of(waiting).state == "waiting"
    assert not again(waiting)
    budgets.set_team(actor, {"month": "2"}, "UTC")
    assert again(waiting)
    (period,) = rows(BudgetPeriod)
    assert period.reserved_micros == 2 * DOLLAR
    assert held


def test_runs_that_are_blocked_never_stop_their_schedule(team, actor):
    task = factories.task(team, "digest", "agent", {"prompt": "Write it.", "cost_cap_cents": 100}, pause_after=2)
    factories.schedule(team, task)
    budgets.set_team(actor, {"month": "0.10"}, "UTC")
    for _ in range(3):
        assert claim(factories.run(team, task)) == []
    assert [run.state for run in rows(Run)] == ["blocked"] * 3
    assert [(row.state, row.next_fire_at is not None) for row in rows(Schedule)] == [("active", True)]
    assert [row.paused_at for row in rows(Task)] == [None]
    assert [alert.kind for alert in rows(Alert)] == ["budget_out"]  # once, however many there are


def test_a_run_counts_in_the_month_of_its_first_start_by_the_clock_of_the_team(stopped, team, agent, actor):  # noqa: F811
    stopped(datetime(2026, 11, 30, 10, 55, tzinfo=UTC))  # 23:55 in Auckland
    budgets.set_team(actor, {"month": "1.20"}, "Pacific/Auckland")
    (held,) = claim(factories.run(team, agent))
    stopped(datetime(2026, 11, 30, 11, 5, tzinfo=UTC))
    end(held, 700_000)
    assert len(claim(factories.run(team, agent))) == 1  # with all of December, also where November is used up
    found = {row.period: (row.spent_micros, row.reserved_micros) for row in rows(BudgetPeriod)}
    assert found == {"2026-11": (700_000, 0), "2026-12": (0, DOLLAR)}


def test_a_month_ends_with_its_last_hour_there_and_not_here(stopped, team, agent, actor):  # noqa: F811
    stopped(datetime(2026, 12, 1, 2, 0, tzinfo=UTC))  # still November in Los Angeles
    budgets.set_team(actor, {"month": "1"}, "America/Los_Angeles")
    end(claim(factories.run(team, agent))[0], DOLLAR)
    blocked = factories.run(team, agent)
    assert claim(blocked) == []
    assert run_of(blocked).sentence.startswith("Out of budget: the team's November has $0.00 left of $1.00")
    stopped(datetime(2026, 12, 1, 8, 0, tzinfo=UTC) + timedelta(seconds=1))
    assert len(claim(factories.run(team, agent))) == 1


def test_amounts_are_read_with_a_comma_and_refused_where_it_could_mean_two_things(actor):
    budgets.set_team(actor, {"month": "1,50", "day": "$1,250.00"}, "UTC")
    assert budgets.limits(actor)[0] == {"month": 1_500_000, "day": 1250 * DOLLAR}
    with pytest.raises(Invalid) as refused:
        budgets.set_team(actor, {"month": "1,250"}, "UTC")
    assert "Write an amount in dollars" in refused.value.fields["month"]
