"""The states of a run: only the allowed moves, and nothing after the end."""

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from app.domain.lifecycle import ACTIVE, DID_NOT_HAPPEN, ENDED, MOVES, STATES, WENT_WRONG, can_move, has_ended

PROMISED = {
    "planned": "waiting queued skipped missed blocked cancelled",
    "waiting": "queued running skipped missed blocked cancelled",
    "queued": "running cancelled missed blocked",
    "running": "succeeded degraded unmet failed timed_out cancelled waiting queued lost skipped blocked",
    "lost": "queued waiting failed",
}
"""The table of states: what each may go to; the others end the run."""

DECIDED = {("waiting", "failed"), ("lost", "cancelled"), ("waiting", "succeeded")}
"""Somebody ends a run whose worker vanished in the middle, or had asked it to stop before it vanished; a job that runs
elsewhere says that it is done."""


def test_the_moves_are_those_that_are_promised():
    moves = {(before, after) for before, states in MOVES.items() for after in states}
    promised = {(before, after) for before, states in PROMISED.items() for after in states.split()}
    assert moves == promised | DECIDED
    assert set(STATES) == set(PROMISED) | ENDED


class Life(RuleBasedStateMachine):
    """A run that tries any move at any time and takes those it may."""

    def __init__(self):
        super().__init__()
        self.state = "planned"

    @rule(wanted=st.sampled_from(STATES))
    def move(self, wanted):
        may = can_move(self.state, wanted)
        assert may == (wanted in MOVES.get(self.state, ()))
        if may:
            self.state = wanted

    @precondition(lambda self: has_ended(self.state))
    @rule(wanted=st.sampled_from(STATES))
    def stay_at_the_end(self, wanted):
        assert not can_move(self.state, wanted)

    @invariant()
    def be_known(self):
        assert self.state in STATES
        assert has_ended(self.state) != (self.state in MOVES)


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)


@given(st.sampled_from(STATES), st.sampled_from(STATES))
def test_no_state_leads_to_itself_or_back_to_the_plan(before, after):
    assert not (before == after and can_move(before, after))
    assert not can_move(before, "planned")


def test_every_state_but_planned_can_be_reached():
    assert {after for moves in MOVES.values() for after in moves} == set(STATES) - {"planned"}


def test_every_state_leads_to_an_end():
    def leads(state, seen=frozenset()):
        return has_ended(state) or any(leads(after, seen | {state}) for after in MOVES[state] - seen)

    assert all(leads(state) for state in STATES)


def test_a_lost_run_is_not_at_its_end():
    assert not has_ended("lost")
    assert can_move("lost", "queued")


def test_the_groups_of_states_agree():
    assert not ACTIVE & ENDED
    assert ACTIVE | ENDED | {"planned"} == set(STATES)
    assert DID_NOT_HAPPEN <= ENDED
    assert WENT_WRONG - {"lost"} <= ENDED
