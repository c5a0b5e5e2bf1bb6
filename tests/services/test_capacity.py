"""Whose turn it is and how many go at once: fair between teams, in the order of ranks, and never one more than allowed."""

import threading
from collections import Counter
from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.infra import database, queues
from app.models.instance import Counter as Count
from app.models.runs import Backfill, Event, Run
from app.models.teams import Pool, Team
from app.services import planned
from app.services.execution import aftermath, capacity, claims
from app.services.unit import batch
from tests import factories
from tests.factories import ago, rows

LEASE = timedelta(seconds=10)


@pytest.fixture
def other(team):
    return factories.team("southgate")


@pytest.fixture
def pool(team):
    with batch() as work:
        times = {"created_at": work.now, "changed_at": work.now}
        work.connection.execute(sa.insert(Pool).values(team_id=team, name="gpu", slots=2, **times))
    return "gpu"


def queued(team, count=1, task=None, seconds=60.0, **values):
    """Queued runs, the first `seconds` ago and each next a millisecond later."""
    task = task or factories.task(team, name=f"probe-{team}-{len(rows(Run))}")
    return [
        factories.run(team, task, queued_at=ago(seconds=seconds - number / 1000), **values) for number in range(count)
    ]


def claim(wanted, worker="one", lane="io", *, is_behind=False):
    """Claim by calls that name these runs; returns the ids of what was claimed."""
    with batch() as work:
        calls = [(run, 1) for run in wanted]
        return [one.run_id for one in claims.claim(work, calls, worker, LEASE, lane, is_behind=is_behind)]


def by_turns(count, **how):
    return claim([0] * count, is_behind=True, **how)


def end(run):
    """Let a run end as its worker does."""
    with batch() as work:
        values = {"state": "succeeded", "reason": "ok", "sentence": "Done.", "ended_at": work.now, "lease_until": None}
        row = work.connection.execute(
            sa.update(Run).where(Run.id == run).values(values).returning(Run.version_id)
        ).one()
        aftermath.of_run(work, run, "succeeded", claims.definition(work.connection, row.version_id))


def state(run):
    row = rows(Run, Run.id == run)[0]
    return row.state, row.reason


def limit(team, most):
    with batch() as work:
        work.connection.execute(sa.update(Team).where(Team.id == team).values(max_running=most))


# --- whose turn


def test_with_no_backlog_a_call_claims_the_run_it_names(team):
    first, second = queued(team, 2)
    assert claim([second]) == [second]
    assert claim([first]) == [first]


def test_a_call_whose_run_is_taken_stands_for_another_and_no_run_is_left_without_one(team):
    first, second, third = queued(team, 3)
    assert by_turns(1) == [first]  # by the call of one of the others
    assert claim([first, second, third][:2]) == [second, third]
    assert claim([third]) == []
    assert dict(database_counts())["already_claimed"] == 1


def database_counts():
    return [(row.name, row.value) for row in rows(Count)]


def test_a_team_with_many_queued_runs_delays_another_by_one_turn(team, other):
    mine = queued(team, 30)
    its = queued(other, 3, seconds=1)
    assert by_turns(4) == [mine[0], its[0], mine[1], its[1]]
    end(mine[0])
    assert by_turns(1) == [mine[2]]  # one of its, two of the other's
    end(its[0])
    end(its[1])
    assert by_turns(1) == [its[2]]


def test_lanes_are_served_apart(team):
    (code,) = queued(team, lane="code")
    (io,) = queued(team, seconds=1)
    assert by_turns(2) == [io]
    assert by_turns(2, lane="code") == [code]


def test_a_higher_priority_goes_first_until_the_lower_has_waited_long_enough(team):
    old = queued(team, priority=2, seconds=250)[0]
    high = queued(team, priority=0, seconds=5)[0]
    low = queued(team, priority=2, seconds=200)[0]
    normal = queued(team, seconds=10)[0]
    assert by_turns(4) == [old, high, low, normal]


def test_what_is_queued_again_gets_a_place_by_its_priority(team):
    (run,) = queued(team, priority=2)
    with batch() as work:
        work.connection.execute(sa.update(Run).where(Run.id == run).values(state="queued", **planned.queued(work.now)))
        now = work.now
    row = rows(Run)[0]
    assert (row.queued_at, row.rank_at) == (now, now + 2 * planned.AGEING)


def test_the_next_runs_are_found_by_an_index_however_many_are_queued(team, other, pool):
    queued(team, 3)
    queued(other, 3, state="waiting", reason="capacity", pool=pool)
    asked = []
    with batch() as work:
        sa.event.listen(work.connection, "before_cursor_execute", lambda *call: asked.append(call[2:4]))
        capacity.turns(work, "io", 2)
        capacity.release(work, other)
    of_queue = [one for one in asked if "state = 'queued'" in one[0] and "count" not in one[0]]
    of_held = [one for one in asked if "min(runs.rank_at)" in one[0] or ("LIMIT" in one[0] and "capacity" in one[0])]
    assert (len(of_queue), len(of_held)) == (2, 4), asked
    for statements, index in ((of_queue, "runs_queued"), (of_held, "runs_held")):
        assert all(index in plan(*one) for one in statements), [plan(*one) for one in statements]


def plan(statement, parameters):
    with database.read() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET enable_seqscan = off")
        words = {"sqlite": "EXPLAIN QUERY PLAN", "postgresql": "EXPLAIN"}[connection.dialect.name]
        return str(connection.exec_driver_sql(f"{words} {statement}", parameters).all())


# --- limits


def test_a_pool_holds_back_what_is_too_much_and_says_why(team, pool):
    first, second, third = queued(team, 3, pool=pool)
    assert claim([first, second, third]) == [first, second]
    assert state(third) == ("waiting", "capacity")
    waiting = rows(Run, Run.id == third)[0]
    assert waiting.sentence == "Waits for a free slot in pool gpu (2 of 2 taken)."
    assert (waiting.token, waiting.worker, waiting.started_at, waiting.lease_until) == (0, "", None, None)
    assert [event.kind for event in rows(Event, Event.run_id == third)] == ["waiting"]


def test_a_slot_that_gets_free_goes_to_the_one_that_ranks_first(team, pool):
    going = queued(team, 2, pool=pool, seconds=300)
    low, high = queued(team, pool=pool, priority=2)[0], queued(team, pool=pool, priority=0, seconds=1)[0]
    assert claim([*going, low, high]) == going
    end(going[0])
    assert (state(low), state(high)) == (("waiting", "capacity"), ("queued", "capacity"))
    assert queues.waiting("io") == {f"run-{high}-1"}
    assert claim([high]) == [high]
    assert state(high) == ("running", "")


def test_a_slot_that_was_given_is_not_taken_by_one_that_comes_later(team, pool):
    going = queued(team, 2, pool=pool)
    (waits,) = queued(team, pool=pool, seconds=50)
    claim([*going, waits])
    end(going[0])
    (late,) = queued(team, pool=pool, seconds=0)
    assert claim([late]) == []
    assert claim([waits]) == [waits]
    assert state(late) == ("waiting", "capacity")


def test_each_limit_counts_for_itself(team, pool):
    task = factories.task(team, name="once")
    one, two = queued(team, 2, task=task, max_running=1)
    (in_pool,) = queued(team, pool=pool)
    assert claim([one, two, in_pool]) == [one, in_pool]
    assert rows(Run, Run.id == two)[0].sentence == "Waits for a free slot of its task (1 of 1 taken)."
    end(in_pool)
    assert state(two) == ("waiting", "capacity")
    end(one)
    assert state(two) == ("queued", "capacity")


def test_a_team_has_a_limit_over_all_its_tasks(team, other):
    limit(team, 1)
    mine, its = queued(team, 2), queued(other, 2)
    assert sorted(claim([*mine, *its])) == sorted([mine[0], *its])
    assert rows(Run, Run.id == mine[1])[0].sentence == "Waits for a free slot of its team (1 of 1 taken)."
    limit(team, 2)
    capacity.release_all()  # as the reconciler does
    assert state(mine[1]) == ("queued", "capacity")


def test_a_backfill_runs_a_few_at_a_time(team):
    task = factories.task(team, name="rows")
    with batch() as work:
        values = {"team_id": team, "task_id": task, "version_id": 1, "since": ago(days=9), "until": work.now}
        values |= {"runs": 3, "concurrency": 1, "created_at": work.now}
        backfill = work.connection.execute(sa.insert(Backfill).values(values).returning(Backfill.id)).scalar_one()
    runs = [
        factories.run(team, task, "waiting", reason="capacity", backfill_id=backfill, rank_at=ago(seconds=9 - number))
        for number in range(3)
    ]
    for run in runs:
        capacity.release_all()
        capacity.release_all()
        assert Counter(row.state for row in rows(Run, Run.state.in_(("queued", "running")))) == {"queued": 1}
        assert claim([run]) == [run]
        end(run)


def test_a_pool_that_is_not_there_limits_nothing_and_the_run_says_so(team):
    runs = queued(team, 3, pool="nowhere")
    assert claim(runs) == runs
    assert rows(Run)[0].notes == ["There is no pool called nowhere, so none limited it."]


def test_a_wait_for_a_slot_is_no_lateness(team, pool):
    going = queued(team, 2, pool=pool)
    task = factories.task(team, name="hurry", grace_seconds=5)
    waits = factories.run(team, task, pool=pool, planned_at=ago(seconds=60))
    claim([*going, waits])
    end(going[0])
    assert claim([waits]) == [waits]


def test_a_run_that_missed_its_grace_gives_its_slot_to_the_next(team, pool):
    (going,) = queued(team, pool=pool)
    task = factories.task(team, name="hurry", grace_seconds=5)
    stale = factories.run(team, task, pool=pool, reason="capacity", queued_at=ago(seconds=60))
    (waits,) = queued(team, pool=pool)
    claim([going, waits])
    assert state(waits) == ("waiting", "capacity")
    assert claim([stale]) == []
    assert (state(stale)[0], state(waits)) == ("missed", ("queued", "capacity"))


def test_workers_that_claim_at_once_never_take_more_than_there_are_slots(team, other, pool):
    """Threads with transactions of their own claim, end and release; after each claim the limits are counted."""
    limit(team, 3)
    runs = queued(team, 24, pool=pool) + queued(team, 12) + queued(other, 12)
    left = set(runs)
    seen, problems = [], []

    def work_on(name):
        try:
            while any(row.state in {"queued", "waiting", "running"} for row in rows(Run)):
                for run in by_turns(2, worker=name):
                    going = rows(Run, Run.state == "running", Run.team_id == team)
                    seen.append((len(going), sum(row.pool == pool for row in going)))
                    end(run)
                    left.discard(run)
        except Exception as error:
            problems.append(error)

    threads = [threading.Thread(target=work_on, args=(f"worker-{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert problems == []
    assert left == set()
    assert max(all_ for all_, _ in seen) <= 3
    assert max(in_pool for _, in_pool in seen) <= 2
    assert {row.state for row in rows(Run)} == {"succeeded"}
