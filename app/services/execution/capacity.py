"""Limits on how many runs go at once, of a team, a pool, a task and a backfill: exact, and in the order of ranks.

A run that is claimed while a limit of its is reached goes to `waiting`, reason `capacity`. When a slot gets free, the
one of them that ranks first is queued again; it keeps that reason, and with it the slot, until a worker has it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from heapq import heapify, heappop, heappush
from typing import Any

import sqlalchemy as sa

from app.domain import fairness
from app.domain.fairness import Place
from app.domain.pings import LANE
from app.infra import database
from app.models.runs import IS_ACTIVE, IS_HELD, Backfill, Run
from app.models.teams import Pool, Team
from app.services import spending
from app.services.unit import Work, batch

_AT_ONCE = sa.case(
    (Team.plan_running.is_(None), Team.max_running),
    (Team.max_running < Team.plan_running, Team.max_running),
    else_=Team.plan_running,
)
"""The lower of what a team has set itself, and what its plan allows."""

TEAM_LIMIT = sa.select(_AT_ONCE).where(Team.id == Run.team_id).correlate(Run).scalar_subquery()
"""Of the run's team, as a column of a statement on runs."""

LIMITED = (Run.id, Run.team_id, Run.task_id, Run.pool, Run.max_running, Run.backfill_id, Run.rank_at, Run.attempt)
"""What `admit` reads of a run, with TEAM_LIMIT as `team_limit`."""

_SPARE = 8
"""On PostgreSQL so many runs more than wanted are looked at, since somebody else may just be claiming one."""


def has_limit(run: Any) -> bool:
    """Whether anything limits how many runs go beside this one (a row of LIMITED)."""
    return bool(run.pool or run.max_running or run.backfill_id or run.team_limit is not None)


def turns(work: Work, lane: str, count: int) -> list[tuple[int, int]]:
    """Return the (run id, attempt) of the `count` runs of a lane whose turn it is, and of a few more in their place."""
    spending.pass_singly(work)
    count += 0 if work.connection.dialect.name == "sqlite" else _SPARE
    teams = work.connection.execute(_TEAMS_QUEUED, {"lane": lane}).all()
    running: dict[int, int] = {}
    if len(teams) > 1:
        running = dict(work.connection.execute(_RUNNING, {"lane": lane}).all())
        teams = sorted(teams, key=lambda team: (running.get(team.id, 0), team.rank_at or work.now))[:count]
    places: dict[int, list[Place]] = {}
    attempts: dict[int, int] = {}
    for team in teams:  # of no other one can a run be among the first
        rows = work.connection.execute(_FIRST_OF_TEAM, {"lane": lane, "team": team.id, "most": count}).all()
        places[team.id] = [Place(row.rank_at or work.now, row.id) for row in rows]
        attempts |= {row.id: row.attempt for row in rows}
    return [(run_id, attempts[run_id]) for run_id in fairness.turns(running, places, count)]


def admit(work: Work, claimed: Sequence[Any]) -> set[int]:
    """Let those of the runs just claimed (rows of LIMITED) wait for which a limit leaves no room; returns their ids."""
    limited = [run for run in claimed if has_limit(run)]
    if not limited:
        return set()
    spending.pass_singly(work)
    held_back: set[int] = set()
    for team_id in sorted({run.team_id for run in limited}):
        of_team = sorted((run for run in limited if run.team_id == team_id), key=lambda run: _order(work, run))
        room = _Room(work, team_id, without=[run.id for run in of_team])
        for run in of_team:
            if sentence := room.why_not(run):
                _hold_back(work, run, sentence)
                held_back.add(run.id)
            else:
                room.take(run)
                room.note_unknown_pool(run)
    return held_back


def release(work: Work, team_id: int) -> int:
    """Queue those of the team's waiting runs that have a slot now, the first by rank first; returns how many."""
    groups = work.connection.execute(_GROUPS, {"team": team_id}).all()
    if not groups:
        return 0
    room = _Room(work, team_id)
    released = 0
    heads = [(_order(work, group), place) for place, group in enumerate(groups)]
    heapify(heads)
    while heads:
        _, place = heappop(heads)
        group = groups[place]
        if room.why_not(group):
            continue  # nor is there for the others of the same limits
        first = work.connection.execute(_FIRST_TWO, {"team": team_id} | _limits_of(group)).all()
        if first:
            released += _queue(work, first[0].id)
            room.take(group)
        if len(first) > 1:
            heappush(heads, (_order(work, first[1]), place))
    return released


def release_all() -> None:
    """Queue what waits for a slot that is free: where a limit was raised, or a run ended otherwise than by itself."""
    with database.read() as connection:
        teams = connection.execute(_TEAMS).scalars().all()
    for team_id in teams:
        with batch() as work:
            release(work, team_id)


def _order(work: Work, run: Any) -> tuple[Any, int]:
    return run.rank_at or work.now, run.id


def _limits_of(run: Any) -> dict[str, Any]:
    return {
        "task": run.task_id, "pool_name": run.pool, "at_once": run.max_running, "backfill": run.backfill_id,
    }  # fmt: skip


def _hold_back(work: Work, run: Any, sentence: str) -> None:
    # Within this transaction it was claimed; for everybody else it goes from queued to waiting, under the same token.
    values = {"state": "waiting", "reason": "capacity", "sentence": sentence, "lease_until": None, "worker": ""}
    never = {"started_at": None} if run.attempt == 1 else {}
    work.connection.execute(sa.update(Run).where(Run.id == run.id).values(token=Run.token - 1, **values, **never))
    work.tell("waiting", run.team_id, run.id, reason="capacity")


def _queue(work: Work, run_id: int) -> int:
    moved = (
        sa.update(Run)
        .where(Run.id == run_id, Run.state == "waiting", Run.reason == "capacity")
        .values(state="queued", sentence="", queued_at=work.now, rank_at=sa.func.coalesce(Run.rank_at, work.now))
        .returning(Run.team_id, Run.attempt, Run.lane)
    )
    row = work.connection.execute(moved).first()
    if row is None:
        return 0
    work.tell("queued", row.team_id, run_id, reason="capacity")
    work.enqueue(run_id, row.attempt, row.lane)
    return 1


class _Room:
    """How much of a team's limits is taken, by its running runs and by those that have a slot and wait for a worker."""

    def __init__(self, work: Work, team_id: int, without: Iterable[int] = ()) -> None:
        self._work = work
        self._team: int | None = None
        self._pools: dict[str, int] = {}
        self._backfills: dict[int, int] = {}
        self._taken: Counter[tuple[str, Any]] = Counter()
        for max_running, name, slots in work.connection.execute(_LIMITS, {"team": team_id}):
            self._team = max_running
            if name is not None:
                self._pools[name] = slots
        for row in work.connection.execute(_TAKEN, {"team": team_id, "without": list(without)}):
            self.take(row, row.runs)

    def take(self, run: Any, count: int = 1) -> None:
        """Take a slot of each limit of a run."""
        for key in (("team", 0), ("pool", run.pool), ("task", run.task_id), ("backfill", run.backfill_id)):
            self._taken[key] += count

    def why_not(self, run: Any) -> str:
        """Return the sentence of the limit that leaves no room for a run, "" if there is some."""
        for key, slots, where in self._limits(run):
            if self._taken[key] >= slots:
                return f"Waits for a free slot {where} ({self._taken[key]:,} of {slots:,} taken)."
        return ""

    def _limits(self, run: Any) -> Iterator[tuple[tuple[str, Any], int, str]]:
        if run.pool in self._pools:
            yield ("pool", run.pool), self._pools[run.pool], f"in pool {run.pool}"
        if run.max_running:
            yield ("task", run.task_id), run.max_running, "of its task"
        if run.backfill_id and (slots := self._concurrency(run.backfill_id)):
            yield ("backfill", run.backfill_id), slots, "of its backfill"
        if self._team is not None:
            yield ("team", 0), self._team, "of its team"

    def _concurrency(self, backfill_id: int) -> int:
        if backfill_id not in self._backfills:
            found = sa.select(Backfill.concurrency).where(Backfill.id == backfill_id)
            self._backfills[backfill_id] = self._work.connection.execute(found).scalar() or 0
        return self._backfills[backfill_id]

    def note_unknown_pool(self, run: Any) -> None:
        """Say on a run that the pool it names is not there, and so limits nothing."""
        if not run.pool or run.pool in self._pools:
            return
        note = f"There is no pool called {run.pool}, so none limited it."
        notes = self._work.connection.execute(sa.select(Run.notes).where(Run.id == run.id)).scalar_one()
        if note not in notes:
            self._work.connection.execute(sa.update(Run).where(Run.id == run.id).values(notes=[*notes, note]))


# --- the statements, built once; a small index is used only where the very words of its condition are read

_IS_QUEUED = sa.text("runs.state = 'queued'")
_OF_LANE = Run.lane == sa.bindparam("lane")
_RUNNING = (
    sa.select(Run.team_id, sa.func.count()).where(IS_ACTIVE, Run.state == "running", _OF_LANE).group_by(Run.team_id)
)
# From one team to the next by the index: 10,000 queued runs of one are one step.
_TEAMS_QUEUED = sa.text("""
    WITH RECURSIVE team (id) AS (
        SELECT min(team_id) FROM runs WHERE state = 'queued' AND lane = :lane
        UNION ALL
        SELECT (SELECT min(team_id) FROM runs WHERE state = 'queued' AND lane = :lane AND team_id > team.id)
        FROM team WHERE team.id IS NOT NULL
    )
    SELECT id, (SELECT min(rank_at) FROM runs WHERE state = 'queued' AND lane = :lane AND team_id = team.id) AS rank_at
    FROM team WHERE id IS NOT NULL
""").columns(id=Run.id.type, rank_at=Run.rank_at.type)
_FIRST_OF_TEAM = (
    sa.select(Run.id, Run.attempt, Run.rank_at)
    .where(_IS_QUEUED, _OF_LANE, Run.team_id == sa.bindparam("team"))
    .order_by(Run.rank_at, Run.id)
    .limit(sa.bindparam("most"))
)

_OF_TEAM = Run.team_id == sa.bindparam("team")
_LIMITS = (
    sa.select(_AT_ONCE, Pool.name, Pool.slots)
    .outerjoin(Pool, Pool.team_id == Team.id)
    .where(Team.id == sa.bindparam("team"))
)
_BY_LIMIT = (Run.pool, Run.task_id, Run.backfill_id)
_COUNTED = sa.select(*_BY_LIMIT, sa.func.count().label("runs")).where(
    _OF_TEAM, Run.id.not_in(sa.bindparam("without", expanding=True))
)
_TAKEN = sa.union_all(
    _COUNTED.where(IS_ACTIVE, Run.state == "running", Run.lane != LANE).group_by(*_BY_LIMIT),
    _COUNTED.where(IS_HELD, Run.state == "queued").group_by(*_BY_LIMIT),
)
_WAITING = (IS_HELD, Run.state == "waiting")
_TEAMS = sa.select(Run.team_id).where(*_WAITING).distinct()
_GROUPS = (
    sa.select(*_BY_LIMIT, Run.max_running, sa.func.min(Run.rank_at).label("rank_at"), sa.func.min(Run.id).label("id"))
    .where(*_WAITING, _OF_TEAM)
    .group_by(*_BY_LIMIT, Run.max_running)
)
_FIRST_TWO = (
    sa.select(Run.id, Run.rank_at)
    .where(
        *_WAITING,
        _OF_TEAM,
        Run.task_id == sa.bindparam("task"),
        Run.pool == sa.bindparam("pool_name"),
        Run.max_running == sa.bindparam("at_once"),
        Run.backfill_id.is_not_distinct_from(sa.bindparam("backfill", type_=Run.backfill_id.type)),
    )
    .order_by(Run.rank_at, Run.id)
    .limit(2)
    .with_for_update(skip_locked=True)
)
