"""A model that reads threads costs money: within the budgets of the team, or the rules stand alone."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.infra import fetch
from app.models.budgets import BudgetPeriod, ModelReading
from app.models.runs import Alert
from app.services import spending, verify
from app.services.threads import analyses, paying
from app.services.unit import batch
from tests import agents, factories
from tests.llm_server import Says, llm_server
from tests.services.test_analyses import answers, found, keep, of, storage, vault

__all__ = ["keep", "storage", "vault"]


def budget(team, micros):
    """Give the team so much a month; returns how to read what is spent and reserved of it."""
    with batch() as work:
        spending.put(work, team, None, "month", micros, "UTC")

    def state():
        assert [one.what for one in verify.nightly(timedelta(days=1)).findings if one.kind == "budget"] == []
        (pot,) = factories.rows(BudgetPeriod)
        return pot.spent_micros, pot.reserved_micros

    return state


def test_what_a_model_costs_is_reserved_and_charged_to_the_budget_of_the_team(actor, settings, storage, vault, keep):
    fetch.configure(settings)
    pot, thread_id, seen = budget(actor.team_id, 1_000_000), keep(), []

    def looks(asked):
        seen.append(pot())
        return answers(asked)

    with llm_server(Says(looks, tokens=(1000, 100))) as server:
        agents.model(actor.team_id, server)
        analyses.start(actor, [thread_id], deepens=True)
        analyses.carry_out(storage, vault, thread_id)
    (first, reserved), (spent, left) = seen
    assert (first, spent, reserved - left) == (0, 1500, 1500)
    assert reserved > 3000
    assert pot() == (3000, 0)
    assert budget(actor.team_id, 2_000_000)() == (3000, 0), "a budget that is set later counts it too"


@pytest.mark.alike
def test_with_too_little_left_no_model_is_asked_and_the_rules_stand_alone(actor, settings, storage, vault, keep):
    fetch.configure(settings)
    pot, thread_id = budget(actor.team_id, 1_000), keep()
    with llm_server(Says(answers)) as server:
        agents.model(actor.team_id, server)
        for _ in range(2):
            analyses.start(actor, [thread_id], deepens=True)
            analyses.carry_out(storage, vault, thread_id)
        assert list(server.asked) == []
    row = of(thread_id)
    (problem,) = row.analysis_problems
    assert (row.analysis_state, problem["stage"], row.analysis_cost_micros) == ("done", "model", None)
    assert problem["sentence"].startswith("Out of budget: the team's ")
    assert problem["sentence"].endswith("What the rules found stands.")
    assert found(thread_id, "schedule")
    assert pot() == (0, 0)
    (alert,) = factories.rows(Alert)
    assert (alert.kind, alert.sentence.startswith("No model read “Net revenue”. Out of budget")) == ("budget_out", True)


@pytest.mark.alike
def test_what_a_worker_had_reserved_that_is_gone_is_free_after_a_while(actor, keep):
    pot, thread_id = budget(actor.team_id, 1_000_000), keep()
    gone = paying.reserved(actor.team_id, thread_id, "Net revenue", 5_000, answers)
    gone.__enter__()  # and never left
    paying.free_left_over()
    assert pot() == (0, 5_000)
    with batch() as work:
        work.connection.execute(sa.update(ModelReading).values(at=work.now - timedelta(minutes=16)))
    paying.free_left_over()
    assert pot() == (0, 0)
