"""Budgets on the way of runs: reserved at the claim, spent as it costs, free again at the end; exact whoever claims."""

import random
import threading
import time
from contextlib import suppress
from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.domain import money
from app.engines.base import Outcome
from app.infra import database
from app.models.budgets import Budget, BudgetPeriod
from app.models.runs import Alert, Run
from app.models.teams import Team
from app.services import budgets, restoring, spending, verify
from app.services.execution import claims, outcomes, pots
from app.services.execution.outcomes import Stale
from app.services.unit import batch
from tests import factories
from tests.factories import rows

LEASE = timedelta(seconds=10)
DOLLAR = money.MICROS


@pytest.fixture
def agent(team):
    """A task whose runs may cost a dollar."""
    return factories.task(team, "digest", "agent", {"prompt": "Write it.", "cost_cap_cents": 100}, crash_retries=1)


def budget(team, dollars, *, task=None, period="month", runs=None, is_plan=False):
    """A budget in UTC; returns its id."""
    limit = None if dollars is None else round(dollars * DOLLAR)
    with batch() as work:
        times = {"created_at": work.now, "changed_at": work.now}
        values = {"team_id": team, "task_id": task, "period": period, "limit_micros": limit, "limit_runs": runs}
        values |= {"is_plan": is_plan, "timezone": "UTC"} | times
        return work.connection.execute(sa.insert(Budget).values(values).returning(Budget.id)).scalar_one()


def claim(*wanted, worker="one"):
    with batch() as work:
        return claims.claim(work, [(run, rows(Run, Run.id == run)[0].attempt) for run in wanted], worker, LEASE)


def end(held, cost=None, outcome=None):
    with batch() as work:
        return outcomes.finish(work, held, outcome or Outcome("succeeded", "ok", "Done."), (), (), cost_micros=cost)


def run_of(run):
    return rows(Run, Run.id == run)[0]


def ledger(budget_id):
    """What is spent and reserved of the one period that there is."""
    found = rows(BudgetPeriod, BudgetPeriod.budget_id == budget_id)
    return (found[0].spent_micros, found[0].reserved_micros) if found else (0, 0)


def past(team, task, *costs):
    """Runs of before, outside of what any budget counts."""
    ago = factories.ago(days=70)
    for cost in costs:
        factories.run(team, task, "succeeded", started_at=ago, ended_at=ago, planned_at=ago, cost_micros=cost)


# --- reserved, spent, free


def test_what_a_run_may_cost_is_reserved_when_it_is_claimed_and_becomes_what_it_has_cost(team, agent):
    pot = budget(team, 20)
    (held,) = claim(factories.run(team, agent))
    assert ledger(pot) == (0, DOLLAR)
    assert run_of(held.run_id).reserved_micros == DOLLAR
    assert held.most_micros is None  # only its own cap counts
    with batch() as work:
        outcomes.record(work, held, (), (), {}, 300_000)
    assert ledger(pot) == (300_000, 700_000)
    end(held, 340_000)
    assert ledger(pot) == (340_000, 0)
    assert run_of(held.run_id).reserved_micros is None


@pytest.mark.alike
def test_a_run_counts_in_the_pots_of_its_team_its_task_and_the_plan_but_in_no_others(team, agent):
    other = factories.task(team, "other", "agent", {"prompt": "Write it.", "cost_cap_cents": 100})
    own, day, plan = budget(team, 5, task=agent), budget(team, 5, period="day"), budget(team, 5, is_plan=True)
    of_other = budget(team, 5, task=other)
    end(claim(factories.run(team, agent))[0], 250_000)
    assert [ledger(pot) for pot in (own, day, plan, of_other)] == [(250_000, 0)] * 3 + [(0, 0)]


@pytest.mark.alike
def test_a_pot_with_less_than_the_cap_lets_a_run_spend_what_it_has(team, agent):
    past(team, agent, 50_000, 60_000, 70_000)
    pot = budget(team, 0.4)
    (held,) = claim(factories.run(team, agent))
    assert (held.most_micros, ledger(pot)) == (400_000, (0, 400_000))


@pytest.mark.alike
def test_a_run_that_asks_no_model_reserves_nothing_and_goes_when_the_pot_is_empty(team):
    pot = budget(team, 0)
    free = factories.task(team, "probe")
    (held,) = claim(factories.run(team, free))
    assert (ledger(pot), run_of(held.run_id).reserved_micros) == ((0, 0), None)


@pytest.mark.alike
def test_steps_repairs_and_judged_checks_are_reserved_together(team):
    steps = [
        {"name": "look", "engine": "http", "settings": {"url": "http://127.0.0.1:9/"}},
        {"name": "sum", "engine": "agent", "settings": {"prompt": "Sum it.", "cost_cap_cents": 40}},
    ]
    judged = [{"kind": "judge", "question": "Is it short?"}]
    task = factories.task(team, "mixed", steps=steps, contract=judged, repair={"cost_cap_cents": 10})
    pot = budget(team, 20)
    claim(factories.run(team, task))
    assert ledger(pot) == (0, 520_000)


# --- too little left


@pytest.mark.alike
def test_a_run_for_which_too_little_is_left_is_blocked_and_says_so_once(team, agent):
    pot = budget(team, 20)
    end(claim(factories.run(team, agent))[0], 19_880_000)
    with batch() as work:  # what a run usually costs is not known yet
        work.connection.execute(sa.update(Run).values(rehearses_at=Run.planned_at))
    first, second = factories.run(team, agent), factories.run(team, agent)
    assert claim(first, second) == []
    run = run_of(first)
    month = f"{run.planned_at:%B}"
    assert (run.state, run.reason, run.started_at) == ("blocked", "budget", None)
    assert run.sentence == (f"Out of budget: the team's {month} has $0.12 left of $20.00, and this run may cost $1.00.")
    assert run_of(second).state == "blocked"
    assert [one.sentence for one in rows(Alert, Alert.kind == "budget_out")] == [
        f"digest did not start. {run.sentence}"
    ]
    assert ledger(pot) == (19_880_000, 0)


def test_a_run_waits_while_others_hold_what_it_needs(team, agent):
    pot = budget(team, 1.5)
    first, second = factories.run(team, agent), factories.run(team, agent)
    (held,) = claim(first, second)
    waiting = run_of(second)
    assert (waiting.state, waiting.reason, waiting.attempt, waiting.token) == ("waiting", "budget", 0, 0)
    assert waiting.sentence.startswith("Waits: runs under way hold $1.00 of the team's ")
    assert waiting.not_before > waiting.planned_at
    end(held, 100_000)
    assert run_of(second).not_before < waiting.not_before
    with batch() as work:
        work.connection.execute(sa.update(Run).where(Run.id == second).values(state="queued", attempt=1))
    (again,) = claim(second)
    assert (again.run_id, ledger(pot)) == (second, (100_000, DOLLAR))


@pytest.mark.alike
def test_what_runs_usually_cost_decides_whether_one_may_go(team, agent):
    past(team, agent, 30_000, 50_000, 300_000)
    pot = budget(team, 0.05)
    (held,) = claim(factories.run(team, agent))
    assert ledger(pot) == (0, 50_000)
    end(held, 20_000)
    blocked = factories.run(team, agent)
    assert claim(blocked) == []
    assert "$0.03 left of $0.05, and this run usually costs $0.04." in run_of(blocked).sentence


@pytest.mark.alike
def test_a_model_that_costs_nothing_runs_on(team, agent):
    past(team, agent, None, 0, None)
    budget(team, 0)
    assert len(claim(factories.run(team, agent))) == 1


# --- how attempts end


def test_nothing_stays_reserved_however_an_attempt_ends(team, agent):
    pot = budget(team, 20)
    failed = Outcome("failed", "model_busy", "Busy.", "transient")
    assert end(claim(factories.run(team, agent))[0], 100_000, failed) == "waiting"
    stopped = Outcome("cancelled", "shutdown", "Its worker was asked to stop.")
    (held,) = claim(factories.run(team, agent))
    assert end(held, 100_000, stopped) == "queued"
    assert ledger(pot) == (200_000, 0)
    (again,) = claim(held.run_id)
    assert ledger(pot) == (200_000, 900_000)  # its cap counts what it has cost before
    with batch() as work:
        outcomes.record(work, again, (), (), {}, 50_000)
    with batch() as work:
        assert outcomes.lose(work, again.run_id, again.token) == "queued"
    assert ledger(pot) == (250_000, 0)
    with pytest.raises(Stale):
        end(again, 80_000)
    assert ledger(pot) == (250_000, 0)


@pytest.mark.alike
def test_what_is_restored_from_a_backup_holds_no_reservation(team, agent):
    pot = budget(team, 20)
    claim(factories.run(team, agent))
    restoring.settle(factories.ago(hours=1))
    assert ledger(pot) == (0, 0)


@pytest.mark.alike
@pytest.mark.parametrize("seed", range(2))
def test_the_ledger_is_the_sum_of_the_runs_whatever_happens(team, agent, seed):
    chance = random.Random(seed)
    pots = [budget(team, 4), budget(team, 2, period="day"), budget(team, 3, task=agent)]
    pots.append(budget(team, None, period="day", runs=15, is_plan=True))
    running: list = []
    for _ in range(40):
        what = chance.choice(("claim", "claim", "charge", "end", "end", "fail", "stop", "lose", "hold"))
        if what == "claim":
            running += claim(factories.run(team, agent))
        elif running:
            held = running[chance.randrange(len(running))]
            cost = chance.choice((None, 0, 40_000, 1_010_000))
            _happens(what, held, cost)
            if what != "charge":
                running.remove(held)
        with database.read() as connection:
            for row in spending.of_teams(connection, [team]):
                (pot,) = spending.pots(connection, [row], run_now(connection))
                counted = spending.counted(connection, row, pot.key)
                assert (pot.spent_micros, pot.reserved_micros, pot.runs) == counted
    assert all(ledger(pot)[1] >= 0 for pot in pots)


def run_now(connection):
    return database.now(connection)


def _happens(what, held, cost):
    with batch() as work, suppress(Stale):
        if what == "charge":
            outcomes.record(work, held, (), (), {}, cost)
        elif what == "lose":
            outcomes.lose(work, held.run_id, held.token)
    if what in {"end", "fail", "stop", "hold"}:
        outcome = {
            "end": Outcome("succeeded", "ok", "Done."),
            "fail": Outcome("failed", "model_busy", "Busy.", "transient"),
            "stop": Outcome("cancelled", "shutdown", "Its worker was asked to stop."),
            "hold": Outcome("blocked", "breaker", "Waits.", "transient", 1.0, {"target": "model:x"}),
        }[what]
        end(held, None if what == "hold" else cost, outcome)


def test_ten_workers_at_once_never_reserve_more_than_there_is(team, agent, app):
    pots = [budget(team, 5), budget(team, 5, period="day")]
    runs = [factories.run(team, agent) for _ in range(20)]
    barrier = threading.Barrier(10)
    held: list = []

    def work(number):
        with app.app_context():
            barrier.wait()
            for run in runs[number::10]:
                held.extend(claim(run, worker=f"worker-{number}"))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(held) == 5
    assert [ledger(pot) for pot in pots] == [(0, 5 * DOLLAR)] * 2
    ended = [threading.Thread(target=_in_context, args=(app, one)) for one in held]
    for thread in ended:
        thread.start()
    for thread in ended:
        thread.join()
    assert [ledger(pot) for pot in pots] == [(5 * 10_000, 0)] * 2


def _in_context(app, held):
    with app.app_context():
        end(held, 10_000)


# --- what is told


@pytest.mark.alike
def test_each_share_of_a_pot_is_told_once(team, agent):
    past(team, agent, *[50_000] * 12)
    budget(team, 2, period="day")
    for cost in (900_000, 200_000, 500_000, 300_000, 110_000):
        end(claim(factories.run(team, agent))[0], cost)
    alerts = rows(Alert, Alert.kind == "budget")
    assert [alert.sentence.partition(" is ")[2] for alert in alerts] == [
        "50 % spent: $1.10 of $2.00.", "80 % spent: $1.60 of $2.00.",
        "used up: $2.01 of $2.00. Runs that cost money do not start.",
    ]  # fmt: skip
    assert [alert.ended_at is None for alert in alerts] == [False, False, True]


# --- plans


@pytest.mark.alike
def test_no_more_runs_begin_in_a_day_than_the_plan_allows_whatever_they_cost(team):
    plan = budget(team, None, period="day", runs=2, is_plan=True)
    free = factories.task(team, "probe")
    first = factories.run(team, free)
    claimed = claim(first)
    end(claimed[0], outcome=Outcome("failed", "timeout", "Too slow.", "transient"))
    with batch() as work:
        work.connection.execute(sa.update(Run).where(Run.id == first).values(state="queued", attempt=2))
    assert len(claim(first)) == 1  # tried again, it is the same run
    assert len(claim(factories.run(team, free))) == 1
    third = factories.run(team, free)
    assert claim(third) == []
    run = run_of(third)
    day = f"{run.planned_at.day} {run.planned_at:%B}"
    assert (run.state, run.reason) == ("blocked", "plan")
    assert run.sentence == f"Over the plan: 2 runs may start a day, and so many have on {day}."
    assert rows(BudgetPeriod, BudgetPeriod.budget_id == plan)[0].runs == 2


@pytest.mark.alike
def test_what_a_breaker_holds_back_before_it_begins_is_no_run_of_the_day(team):
    plan = budget(team, None, period="day", runs=1, is_plan=True)
    (held,) = claim(factories.run(team, factories.task(team, "probe")))
    end(held, outcome=Outcome("blocked", "breaker", "Waits.", "transient", 1.0, {"target": "host:x"}))
    assert rows(BudgetPeriod, BudgetPeriod.budget_id == plan)[0].runs == 0


@pytest.mark.alike
def test_the_checker_finds_a_ledger_that_is_not_the_sum_of_its_runs(team, agent):
    pot = budget(team, 20)
    end(claim(factories.run(team, agent))[0], 120_000)
    assert [one.rule for one in verify.last(timedelta(days=1)).findings if one.rule == "budget"] == []
    with batch() as work:
        work.connection.execute(sa.update(BudgetPeriod).values(spent_micros=7))
    [found] = [one for one in verify.last(timedelta(days=1)).findings if one.rule == "budget"]
    assert found.sentence.startswith(f"Budget {pot} of ")


@pytest.mark.alike
def test_what_was_told_ends_with_the_day_and_what_was_blocked_stays_so(team, agent):
    pot = budget(team, 0, period="day")
    blocked = factories.run(team, agent)
    assert claim(blocked) == []
    assert budgets.tend() == 0
    with batch() as work:
        work.connection.execute(sa.update(Alert).values(key=f"budget_out:{pot}:2026-01-01"))
    assert budgets.tend() == 1
    assert "has begun, with all of it to spend." in rows(Alert)[0].recovery
    assert run_of(blocked).state == "blocked"


def test_a_new_budget_knows_what_its_period_has_cost_so_far(team, agent, actor):
    (first,) = claim(factories.run(team, agent))
    end(first, 250_000)
    (second,) = claim(factories.run(team, agent))
    with batch() as work:
        outcomes.record(work, second, (), (), {}, 50_000)
    budgets.set_team(actor, {"month": "5"}, "UTC")
    [standing] = budgets.of_team(actor, factories.ago(seconds=0))
    assert standing.pot.spent_micros == 300_000
    budgets.set_team(actor, {"month": ""}, "UTC")
    assert (rows(Budget), rows(BudgetPeriod)) == ([], [])


@pytest.mark.alike
@pytest.mark.parametrize(("own", "plan", "claimed"), [(3, 1, 1), (1, 3, 1), (None, 2, 2), (2, None, 2)])
def test_the_lower_of_the_teams_own_limit_and_its_plan_says_how_many_runs_go_at_once(team, own, plan, claimed):
    with batch() as work:
        work.connection.execute(sa.update(Team).where(Team.id == team).values(max_running=own, plan_running=plan))
    free = factories.task(team, "probe", overlap="allow")
    assert len(claim(*(factories.run(team, free) for _ in range(4)))) == claimed


def test_what_a_lost_run_had_reserved_is_freed_once_though_its_worker_reports_a_cost_just_then(team, agent, app):
    pot = budget(team, 20)
    (held,) = claim(factories.run(team, agent))

    def report():
        with app.app_context(), batch() as work:
            pots.charge(work, held.run_id, held.token, 100_000)

    worker = threading.Thread(target=report)
    with batch() as work:
        outcomes.lose(work, held.run_id, held.token)
        worker.start()
        time.sleep(0.3)
    worker.join(10)
    assert ledger(pot) == (100_000, 0)
