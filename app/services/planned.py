"""Run rows as they come into being: numbered, told and queued in one transaction. A helper of services, like unit."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from app.domain import firing, pings
from app.domain.firing import Decision
from app.domain.lifecycle import DID_NOT_HAPPEN
from app.domain.occurrences import Occurrence
from app.domain.policy import PRIORITIES, Policy
from app.domain.triggers import Fire
from app.engines.base import engines
from app.models.runs import IS_ACTIVE, MEETS, Run
from app.models.teams import Team
from app.services.unit import Work

AGEING = timedelta(seconds=120)
"""A run of a lower priority is served like one of the next higher that came so much later."""

LATE = timedelta(seconds=5)
"""A run queued this long after its planned time says that it is late."""

_LONGEST_SENTENCE = 500
_STATES = {
    "queue": "queued", "wait": "waiting", "hold": "waiting", "cancel_old": "waiting", "skip": "skipped",
    "miss": "missed",
}  # fmt: skip


def key(at: datetime) -> str:
    """Return what a run for a planned time of a schedule is called within its task: by the rule, wherever it moves."""
    return f"at:{at.isoformat()}"


def instant(of_key: str) -> datetime | None:
    """Return the instant of the rule that a key names, None for a run that no rule planned."""
    return datetime.fromisoformat(of_key.removeprefix("at:").partition("/")[0]) if of_key.startswith("at:") else None


def decided(
    decision: Decision, now: datetime, engine: str, policy: Policy, lane: str = "", **ids: int
) -> dict[str, Any]:
    """Return the row of a schedule's planned time; `ids` are those of team, task, version and schedule.

    `lane` is that of the task; empty: as its engine has it.
    """
    what, is_folded = decision.what, decision.count > 1
    row = ids | {
        # A folded row speaks for its own schedule alone: another one of the task may have a row for its first time.
        "key": key(what.fire.at) + (f"/{ids['schedule_id']}" if is_folded else ""),
        "trigger": "schedule",
        "requested_by_id": None,
        "planned_at": what.fire.at if is_folded else what.at,
        "planned_local": what.fire.local,
        "lane": lane or lane_of(engine),
        **turn(policy),
        **fate(decision, now),
        "folded_count": decision.count,
        "folded_until": decision.until,
        "not_before": what.at if decision.action == "hold" else None,
        "notes": list(what.notes),
    }
    return row | _awaited(row, policy) if engine == pings.ENGINE else row


def fate(decision: Decision, now: datetime) -> dict[str, Any]:
    """Return the state that a decision gives a run, with its reason, its sentence and its times."""
    state = _STATES[decision.action]
    return {
        "state": state,
        "reason": decision.reason or ("late" if now - decision.what.at > LATE else ""),
        "sentence": decision.sentence[:_LONGEST_SENTENCE],
        "queued_at": now if state == "queued" else None,
        "ended_at": now if state in {"skipped", "missed"} else None,
    }


def lane_of(engine: str) -> str:
    """Return the lane of an engine; of one that is not here, that of workers who say so."""
    return engines[engine].lane if engine in engines else "code"


def waits_for_others(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what differs in the fate of a run whose task comes after others: what would be queued waits for them."""
    if values["state"] != "queued":
        return {}
    return {"state": "waiting", "reason": "upstream", "sentence": "Waits for the tasks before it.", "queued_at": None}


def _awaited(row: dict[str, Any], policy: Policy) -> dict[str, Any]:
    """Return what differs where a job runs elsewhere: nobody starts it here, its ping is waited for."""
    if row["state"] != "queued" and row["reason"] != "time":
        return {"lane": pings.LANE}
    until = row["planned_at"] + timedelta(seconds=policy.grace_seconds)
    waits = {"state": "waiting", "reason": "ping", "sentence": "Waits for its ping.", "queued_at": None}
    return waits | {"lane": pings.LANE, "not_before": until}


def turn(policy: Policy) -> dict[str, Any]:
    """Return whose turn a run is: its priority as a number (0 first), its pool, and how many of its task may go."""
    priority = PRIORITIES.index(policy.priority)
    return {"priority": priority, "pool": policy.pool, "max_running": policy.max_running}


def rank(queued_at: datetime | None, priority: int) -> datetime | None:
    """Return the place of a queued run: the earlier is served first. Ageing in closed form: nobody waits for ever."""
    return queued_at + AGEING * priority if queued_at else None


def queued(now: datetime) -> dict[str, Any]:
    """Return what an update of runs that are queued now sets besides their state: when, and each its place."""
    return {"queued_at": now, "rank_at": _by_priority(ranks(now))}


def ranks(now: datetime) -> dict[str, datetime]:
    """Return the places of runs that are queued now: the parameters of RANK_AT, one for each priority."""
    return {f"rank_{name}": now + AGEING * number for number, name in enumerate(PRIORITIES)}


def _by_priority(places: dict[str, Any]) -> Any:
    return sa.case(dict(enumerate(places.values())), value=Run.priority, else_=places["rank_low"])


RANK_AT = _by_priority({f"rank_{name}": sa.bindparam(f"rank_{name}", type_=Run.rank_at.type) for name in PRIORITIES})
"""What `queued` sets, for a statement that is built once: its parameters are `ranks`."""


def limit_again(work: Work, task_id: int, policy: Policy) -> None:
    """Let the runs of a task that have not begun stand under its limits as they are now."""
    unbegun = (IS_ACTIVE, Run.task_id == task_id, Run.state.in_(("waiting", "queued")))
    limits = {"pool": policy.pool, "max_running": policy.max_running}
    work.connection.execute(sa.update(Run).where(*unbegun).values(limits))


def insert(work: Work, runs: list[dict[str, Any]]) -> list[int]:
    """Insert run rows but those whose (task_id, key) is already there; number, tell and enqueue the new ones.

    Two schedules of a task that meet at one instant share the run, which names both.
    """
    if not runs:
        return []
    runs = sorted(runs, key=lambda run: run["state"] in DID_NOT_HAPPEN)  # at one instant what runs takes the row
    _number(work, runs)
    for run in runs:
        run.setdefault("attempt", 1)
        run.setdefault("not_before", None)
        run.setdefault("token", 0)
        run.setdefault("worker", "")
        run.setdefault("facts", {})
        run.setdefault("priority", 1)
        run.setdefault("pool", "")
        run.setdefault("max_running", 0)
        run.setdefault("notes", [])
        run.setdefault("resumes_after", "")
        waits_since = work.now if run["reason"] == "capacity" else None  # its place among those that wait for a slot
        run["rank_at"] = rank(run.get("queued_at") or waits_since, run["priority"])
    rows = work.connection.execute(_INSERT[work.connection.dialect.name], runs).all()
    for row in rows:
        work.tell(row.state, row.team_id, row.id, reason=row.reason)
        if row.state == "queued":
            work.enqueue(row.id, 1, row.lane)
    new = {(row.task_id, row.key) for row in rows}
    for run in runs if len(rows) < len(runs) else ():
        if (place := (run["task_id"], run["key"])) in new:
            new.remove(place)
        else:
            _share(work, run)
    return [row.id for row in rows]


def _share(work: Work, wanted: dict[str, Any]) -> None:
    """Let the run that is already there name the other schedule that planned it, too."""
    is_it = (Run.task_id == wanted["task_id"], Run.key == wanted["key"])
    run = work.connection.execute(sa.select(Run.id, Run.schedule_id, Run.facts).where(*is_it)).first()
    if run is None or run.schedule_id in {None, wanted.get("schedule_id")}:
        return
    known = run.facts.get("schedules") or [run.schedule_id]
    if wanted["schedule_id"] not in known:
        facts = run.facts | {"schedules": sorted([*known, wanted["schedule_id"]])}
        work.connection.execute(sa.update(Run).where(Run.id == run.id).values(facts=facts))


def _number(work: Work, runs: list[dict[str, Any]]) -> None:
    by_team: dict[int, list[dict[str, Any]]] = {}
    for run in runs:
        by_team.setdefault(run["team_id"], []).append(run)
    for team in sorted(by_team):  # in one order everywhere: two writers never wait for each other in a circle
        new = by_team[team]
        after = work.connection.execute(_NUMBER, {"team": team, "count": len(new)}).scalar_one()
        for offset, run in enumerate(new):
            run["number"] = after - len(new) + offset


# --- runs that give way


def meeting(work: Work, task_id: int, policy: Policy) -> Decision:
    """Decide on a run that somebody asks for now as on one of a schedule: another one of its task may be going."""
    counts = work.connection.execute(_OTHERS, {"task": task_id}).one()
    now = Occurrence(Fire(work.now, ""), work.now)
    (decision,) = firing.release([now], work.now, policy, counts.going, counts.waiting)
    return taking_over(work, task_id, decision) if decision.action == "cancel_old" else decision


def are_held(work: Work, task_id: int) -> bool:
    """Lock the runs of a task that a new one meets; whether others hold any of them.

    The clock, which has locked other runs and schedules by then, waits for none: who holds one may wait for the clock.
    """
    ids, count = _locked(work, [MEETS, Run.task_id == task_id])
    return len(ids) < count


def taking_over(work: Work, task_id: int, decision: Decision, but: int = 0) -> Decision:
    """Stop what the new run takes the place of; when nothing of it is running, the new one need not wait.

    `but` is the id of the new run where it has a row already. What others hold is left to them, and waited for by the
    new run: they may wait for this transaction.
    """
    those = [MEETS, Run.task_id == task_id, Run.id != but]
    ids, count = _locked(work, those)
    running, unstarted = _stop_active(work, [*those, Run.id.in_(ids)])
    is_free = unstarted and not running and len(ids) == count
    return replace(decision, action="queue", reason="", sentence="") if is_free else decision


def _locked(work: Work, those: Sequence[Any]) -> tuple[Sequence[int], int]:
    """Lock those of these runs that nobody holds; returns their ids, and how many there are in all."""
    free = sa.select(Run.id).where(*those).order_by(Run.id).with_for_update(skip_locked=True)
    ids = work.connection.execute(free).scalars().all()
    return ids, work.connection.execute(sa.select(sa.func.count()).where(*those)).scalar_one()


def _stop_active(work: Work, those: Sequence[Any]) -> tuple[int, int]:
    """Ask these runs to stop and cancel those that have not begun; returns how many of each there are."""
    asked = (
        sa.update(Run)
        .where(*those, Run.state == "running", Run.stop_mode != "now")
        .values(stop_mode="now", stop_reason="overlap")
        .returning(Run.id, Run.team_id)
    )
    for run_id, team_id in work.connection.execute(asked):
        work.stop(run_id)
        work.ring(team_id, run_id)
    cancelled = (
        sa.update(Run)
        .where(*those, Run.state.in_(("queued", "waiting")))
        .values(
            state="cancelled", reason="overlap", sentence="Cancelled: a newer run took its place.", ended_at=work.now,
            not_before=None,
        )
        .returning(Run.id, Run.team_id)
    )  # fmt: skip
    unstarted = work.connection.execute(cancelled).all()
    for run_id, team_id in unstarted:
        work.tell("cancelled", team_id, run_id, reason="overlap")
    running = sa.select(sa.func.count()).where(*those, Run.state == "running")
    return work.connection.execute(running).scalar_one(), len(unstarted)


# --- built once: to build a statement costs as much as to run it

_OTHERS = sa.select(
    sa.func.coalesce(sa.func.sum(sa.case((Run.reason == "overlap", 0), else_=1)), 0).label("going"),
    sa.func.coalesce(sa.func.sum(sa.case((Run.reason == "overlap", 1), else_=0)), 0).label("waiting"),
).where(MEETS, Run.task_id == sa.bindparam("task"), sa.or_(Run.state != "waiting", Run.reason != "upstream"))

_NUMBER = (
    sa.update(Team)
    .where(Team.id == sa.bindparam("team"))
    .values(next_run_number=Team.next_run_number + sa.bindparam("count"))
    .returning(Team.next_run_number)
)
_INSERT = {
    dialect: insert_into(Run)
    .on_conflict_do_nothing(index_elements=["task_id", "key"])
    .returning(Run.id, Run.team_id, Run.task_id, Run.key, Run.state, Run.lane, Run.reason)
    for dialect, insert_into in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert))
}
