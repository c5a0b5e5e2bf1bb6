"""The life of runs under anything that may happen in any order, by the real services: only promised moves, one end."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from app.core.errors import Conflict
from app.domain.lifecycle import ENDED, STATES, can_move, has_ended
from app.engines.base import Outcome
from app.models.runs import Attempt, Event, Run
from app.services import dispatch, runs
from app.services.execution import claims, outcomes
from app.services.execution.outcomes import Stale
from app.services.unit import batch
from tests import factories
from tests.factories import rows

pytestmark = pytest.mark.alike

LEASE = timedelta(seconds=10)
OUTCOMES = [
    Outcome("succeeded", "ok", "It worked."),
    Outcome("degraded", "ok", "It worked but for a part."),
    Outcome("unmet", "expectation", "It is not as expected."),
    Outcome("failed", "http_status", "503 Service Unavailable.", "transient"),
    Outcome("failed", "http_status", "404 Not Found.", "permanent"),
    Outcome("failed", "rate_limited", "429 Too Many Requests.", "rate_limited", 3.0),
    Outcome("failed", "crash", "Ended by the signal SIGSEGV.", "crash"),
    Outcome("timed_out", "timeout", "Stopped at its time limit.", "transient"),
    Outcome("cancelled", "person", "Stopped on request."),
    Outcome("cancelled", "shutdown", "Its worker was asked to stop."),
    Outcome("blocked", "no_secret", "A secret is not set.", "permanent"),
    Outcome("blocked", "breaker", "Waits: example.com failed 5 times in a row.", "transient", 3.0),
]


class Life(RuleBasedStateMachine):
    """Some runs of a task, and workers, a clock and people who do things to them at any time."""

    team: int
    task: int
    ada = None

    def __init__(self):
        super().__init__()
        self.ids: list[int] = []
        self.held: list[claims.Claim] = []  # also those that are held no more
        self.tokens: dict[int, int] = {}
        self.policy = None

    # --- what is there

    def runs(self, *states):
        found = rows(Run, Run.id.in_(self.ids)) if self.ids else []
        return [run for run in found if not states or run.state in states]

    def pick(self, data, *states):
        found = self.runs(*states)
        return data.draw(st.sampled_from(found), label="run") if found else None

    # --- what may happen

    @precondition(lambda self: len(self.ids) < 4)
    @rule()
    def ask(self):
        self.ids.append(factories.run(self.team, self.task))

    @rule(data=st.data())
    def claim(self, data):
        if run := self.pick(data, "queued"):
            with batch() as work:
                self.held += claims.claim(work, [(run.id, run.attempt)], "one", LEASE)

    @rule(data=st.data())
    def claim_what_is_no_more(self, data):
        if run := self.pick(data):
            attempt = run.attempt - 1 if run.state == "queued" else run.attempt
            with batch() as work:
                assert claims.claim(work, [(run.id, attempt)], "two", LEASE) == []

    @precondition(lambda self: self.held)
    @rule(data=st.data(), outcome=st.sampled_from(OUTCOMES))
    def finish(self, data, outcome):
        held = data.draw(st.sampled_from(self.held), label="held")
        (run,) = rows(Run, Run.id == held.run_id)
        is_ours = run.state == "running" and run.token == held.token
        try:
            with batch() as work:
                outcomes.finish(work, held, outcome, (), ())
        except Stale:
            assert not is_ours
        else:
            assert is_ours

    @rule(data=st.data())
    def lose(self, data):
        if run := self.pick(data, "running"):
            with batch() as work:
                assert outcomes.lose(work, run.id, run.token)
                assert outcomes.lose(work, run.id, run.token) is None

    @rule(data=st.data(), mode=st.sampled_from(["now", "after_step"]))
    def cancel(self, data, mode):
        if run := self.pick(data):
            try:
                runs.cancel(self.ada, run.number, mode)
            except Conflict:
                assert has_ended(run.state)
            else:
                assert not has_ended(run.state)

    @rule(data=st.data(), answer=st.sampled_from(["again", "end"]))
    def decide(self, data, answer):
        if run := self.pick(data):
            waits = run.state == "waiting" and run.reason == "approval"
            try:
                runs.decide(self.ada, run.number, answer)
            except Conflict:
                assert not waits
            else:
                assert waits

    @rule()
    def release(self):
        with batch() as work:
            is_timed = sa.and_(Run.state == "waiting", Run.not_before.is_not(None))
            work.connection.execute(sa.update(Run).where(is_timed).values(not_before=work.now - LEASE))
        leadership = dispatch.lead("clock", "here", LEASE)
        while dispatch.fire_due(leadership, LEASE):
            pass

    # --- what holds at any time

    @invariant()
    def only_promised_moves_are_made_and_each_is_told(self):
        for run in self.runs():
            told = [event.kind for event in rows(Event, Event.run_id == run.id) if event.kind in STATES]
            states = ["queued", *told]
            assert [(a, b) for a, b in zip(states, told, strict=False) if not can_move(a, b)] == []
            assert states[-1] == run.state
            assert [kind for kind in told if has_ended(kind)] == ([run.state] if has_ended(run.state) else [])

    @invariant()
    def what_has_ended_says_why(self):
        for run in self.runs(*ENDED):
            assert run.reason, run.state
            assert run.sentence, run.state
            assert run.ended_at
            assert not run.lease_until

    @invariant()
    def tokens_only_grow_and_one_attempt_is_open_at_most(self):
        for run in self.runs():
            assert run.token >= self.tokens.get(run.id, 0)
            self.tokens[run.id] = run.token
            attempts = rows(Attempt, Attempt.run_id == run.id)
            assert [row.token for row in attempts] == sorted({row.token for row in attempts})
            is_open = [row.token for row in attempts if row.state == "running"]
            assert is_open == ([run.token] if run.state == "running" else [])
            assert all(row.ended_at for row in attempts if row.state != "running")

    @invariant()
    def tries_are_bounded(self):
        for run in self.runs():
            tries = [row for row in rows(Attempt, Attempt.run_id == run.id) if row.error_class]
            assert len(tries) <= 1 + 1 + 1 + 2  # the first, and the retries of each class
            assert sum(row.error_class == "crash" for row in tries) <= 1 + 1

    def teardown(self):
        """No path leaves a run without an end: workers that do their work and people who decide bring each there."""
        for _ in range(12):
            self.release()
            for run in self.runs("waiting"):
                runs.decide(self.ada, run.number, "again")
            for run in self.runs("queued"):
                with batch() as work:
                    claims.claim(work, [(run.id, run.attempt)], "last", LEASE)
            for run in self.runs("running"):
                with batch() as work:
                    outcomes.lose(work, run.id, run.token)
            self.only_promised_moves_are_made_and_each_is_told()
        assert [run.state for run in self.runs() if not has_ended(run.state)] == []


@pytest.mark.parametrize("is_idempotent", [True, False])
def test_whatever_happens_in_any_order_every_run_makes_only_promised_moves_and_ends_once(app, is_idempotent):
    limits = {"retries": 1, "crash_retries": 1, "rate_retries": 2, "quarantine_after": 0, "pause_after": 0}
    with app.app_context():
        team = factories.team()
        owner = factories.owner(team)
        names = (f"task-{number}" for number in range(1000))

        def life():
            machine = Life()
            machine.team, machine.ada = team, owner
            machine.task = factories.task(
                team, next(names), is_idempotent=is_idempotent, overlap="allow", retry_budget=10_000, **limits
            )
            return machine

        few = settings(
            max_examples=8, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow],
            derandomize=True,
        )  # fmt: skip
        run_state_machine_as_test(life, settings=few)
