"""Backfills: runs for planned times of the past, each with its logical date, a few at once and behind all others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import joinedload, selectinload

from app.core.errors import Conflict, Invalid, NotFound
from app.domain import triggers
from app.domain.access import Actor
from app.domain.insight import usual_seconds
from app.domain.lifecycle import ACTIVE, DID_NOT_HAPPEN
from app.domain.policy import PRIORITIES, Policy
from app.domain.triggers import Fire, TriggerError
from app.engines.base import lane_of
from app.infra.database import db
from app.models.runs import IS_ACTIVE, Backfill, Run
from app.models.tasks import Schedule, Task, TaskVersion
from app.services import planned
from app.services.unit import Work, batch

MOST_RUNS = 5000
MOST_AT_ONCE = 50
PAGE_ROWS = 100
DONE = ("succeeded", "degraded")

_TOGETHER = 200
"""Rows written in one transaction: so few that the clock never waits for them."""

_LOOKED_AT = 20
"""So many of a task's last runs tell what one costs and how long it takes."""

_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True)
class Wanted:
    """What is typed: from and until a day (`2026-11-01`) or a wall time (`2026-11-01T09:00`) in the task's zone."""

    since: str
    until: str
    concurrency: str = "1"
    is_only_open: bool = True  # leave out the times that a run has done already, or is about to do


@dataclass(frozen=True)
class Plan:
    """What a backfill would do, before anybody says yes.

    `dates` are the logical dates, ascending; `done` times are left out because a run has done them or is about to.
    `cost_micros` is in millionths of a US dollar, None when no price is known; `seconds` is about how long it takes in
    all, None while nothing is known.
    """

    since: datetime
    until: datetime
    concurrency: int
    timezone: str
    dates: Sequence[Fire]
    done: int
    cost_micros: int | None
    seconds: float | None


@dataclass(frozen=True)
class Detail:
    """A backfill with its task, how many of its runs are in each state, and some of them by logical date."""

    row: Backfill
    task: Task
    counts: Mapping[str, int]
    runs: Sequence[Run]
    after: str = ""

    @property
    def over(self) -> int:
        """How many of its runs have ended."""
        return sum(count for state, count in self.counts.items() if state not in _UNENDED)

    @property
    def planned(self) -> int:
        """How many of its runs are on record."""
        return sum(self.counts.values())


_UNENDED = frozenset({"planned", "waiting", "queued", "running", "lost"})


# --- before


def plan(actor: Actor, slug: str, wanted: Wanted, now: datetime) -> Plan:
    """Say what a backfill would do, and what it would cost. Raises NotFound, Invalid."""
    task = _task(actor, slug)
    zone = ZoneInfo(task.schedules[0].timezone) if task.schedules else UTC
    since, until, concurrency = _checked(wanted, zone, now)
    rules = [row for row in task.schedules if row.state != "broken"]
    if not rules:
        raise Invalid({"": "This task has no schedule, so it has no planned times to make up for."})
    fires = _fires(rules, since, until)
    done = _done(task.id, since, until) if wanted.is_only_open else set()
    dates = [fire for fire in fires if fire.at not in done]
    if not dates:
        none = "was planned" if not fires else "is left: a run has done each of them, or is about to"
        raise Invalid({"since": f"No time between these two {none}. Choose others."})
    cost, seconds = _expected(task.id)
    return Plan(
        since, until, concurrency, str(zone), dates, len(fires) - len(dates),
        None if cost is None else cost * len(dates), None if seconds is None else seconds * len(dates) / concurrency,
    )  # fmt: skip


def _task(actor: Actor, slug: str) -> Task:
    query = sa.select(Task).where(Task.team_id == actor.team_id, Task.slug == slug, Task.deleted_at.is_(None))
    task = db.session.scalar(query.options(selectinload(Task.schedules)))
    if task is None:
        raise NotFound
    return task


def _checked(wanted: Wanted, zone: Any, now: datetime) -> tuple[datetime, datetime, int]:
    wrong: dict[str, str] = {}
    since = _edge("since", wanted.since, zone, time(), wrong)
    until = min(_edge("until", wanted.until, zone, time.max, wrong), now)
    text = wanted.concurrency.strip()
    is_number = text.isascii() and text.isdecimal() and len(text) < 4 and 0 < int(text) <= MOST_AT_ONCE  # noqa: PLR2004 not read if longer
    if not is_number:
        wrong["concurrency"] = f"Write a whole number from 1 to {MOST_AT_ONCE}."
    if not wrong and since > until:
        wrong["until"] = "Choose a later end: the first time is after it, or still to come."
    if wrong:
        raise Invalid(wrong)
    return since, until, int(text)


def _edge(name: str, text: str, zone: Any, at: time, wrong: dict[str, str]) -> datetime:
    text = text.strip()
    try:
        moment = datetime.fromisoformat(text)
        if len(text) == len("2026-12-01"):
            moment = datetime.combine(date.fromisoformat(text), at)
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        wrong[name] = "Write a day such as 2026-11-01, or a moment such as 2026-11-01T09:00."
        return datetime(1970, 1, 1, tzinfo=UTC)


def _fires(rules: Sequence[Schedule], since: datetime, until: datetime) -> list[Fire]:
    """Return what the schedules plan from `since` to `until`, each instant once. Raises Invalid for too many."""
    found: dict[datetime, Fire] = {}
    for row in rules:
        try:
            for fire in islice(triggers.fires_between(row.trigger, since - _INSTANT, until), MOST_RUNS + 1):
                found.setdefault(fire.at, fire)
        except TriggerError as error:
            raise Invalid({"": error.sentence}) from None
    if len(found) > MOST_RUNS:
        raise Invalid({"until": f"That is more than {MOST_RUNS:,} runs. Choose a shorter time, then the next one."})
    return [found[at] for at in sorted(found)]


def _done(task_id: int, since: datetime, until: datetime) -> set[datetime]:
    """Return the times that a run of a schedule (moved or not) or a backfill has done, or is about to do."""
    near = (Run.planned_at >= since - _MOVED, Run.planned_at <= until + _MOVED)
    states = [*DONE, *ACTIVE]
    query = sa.select(Run.key, Run.planned_at).where(Run.task_id == task_id, Run.state.in_(states), *near)
    return {
        datetime.fromisoformat(key.removeprefix("at:")) if key.startswith("at:") else at
        for key, at in db.session.execute(query)
        if key.startswith(("at:", "backfill:")) and "/" not in key
    }


_MOVED = timedelta(days=31)
"""The most a calendar moves a time."""


def _expected(task_id: int) -> tuple[int | None, float | None]:
    """Return what a run of the task costs and how long it takes, from its last ones."""
    last = (
        sa.select(Run.started_at, Run.ended_at, Run.cost_micros)
        .where(Run.task_id == task_id, Run.state.in_(DONE))
        .order_by(Run.planned_at.desc(), Run.id.desc())
        .limit(_LOOKED_AT)
    )
    rows = db.session.execute(last).all()
    costs = [row.cost_micros for row in rows if row.cost_micros is not None]
    took = [(row.started_at, row.ended_at) for row in rows]
    return (sum(costs) // len(costs) if costs else None), usual_seconds(took)


# --- asking for one


def create(actor: Actor, slug: str, wanted: Wanted, now: datetime) -> int:
    """Plan a backfill's runs; returns its id. They wait, and a few at a time are queued, behind all other work.

    Raises NotFound, Invalid.
    """
    wished = plan(actor, slug, wanted, now)
    task = _task(actor, slug)
    with batch(actor) as work:
        row = {
            "team_id": task.team_id, "task_id": task.id, "version_id": task.version_id, "since": wished.since,
            "until": wished.until, "runs": len(wished.dates), "concurrency": wished.concurrency,
            "quoted_micros": wished.cost_micros, "requested_by_id": actor.person_id, "created_at": work.now,
        }  # fmt: skip
        backfill_id = work.connection.execute(sa.insert(Backfill).values(row).returning(Backfill.id)).scalar_one()
        work.audit("backfill_asked_for", task.name, task=task.id, backfill=backfill_id, runs=len(wished.dates))
        work.tell("backfill_created", task.team_id, None, backfill=backfill_id)
    version = db.session.get_one(TaskVersion, task.version_id).definition
    instead = _instead(task.id, wished)
    for start in range(0, len(wished.dates), _TOGETHER):
        with batch(actor) as work:
            if not _goes_on(work, backfill_id):
                break
            dates = wished.dates[start : start + _TOGETHER]
            planned.insert(work, [_run(work, task, version, backfill_id, fire, instead, wished) for fire in dates])
    db.session.commit()  # ends what was read before, or what is read next would not see the runs
    return int(backfill_id)


def _goes_on(work: Work, backfill_id: int) -> bool:
    """Whether a backfill was not cancelled meanwhile, nor its task deleted."""
    query = sa.select(Backfill.cancelled_at, Task.deleted_at).join(Task, Task.id == Backfill.task_id)
    row = work.connection.execute(query.where(Backfill.id == backfill_id).with_for_update(of=Backfill)).one()
    return row.cancelled_at is None and row.deleted_at is None


def _instead(task_id: int, wished: Plan) -> dict[str, tuple[int, str]]:
    """Return, by key, the number and state of the runs that did not happen at these times."""
    near = (Run.planned_at >= wished.since - _MOVED, Run.planned_at <= wished.until + _MOVED)
    query = sa.select(Run.key, Run.number, Run.state).where(
        Run.task_id == task_id, Run.state.in_([*DID_NOT_HAPPEN, "failed", "timed_out", "unmet", "cancelled"]), *near
    )
    return {key: (number, state) for key, number, state in db.session.execute(query)}


def _run(
    work: Work, task: Task, version: Mapping[str, Any], backfill_id: int, fire: Fire,
    instead: Mapping[str, tuple[int, str]], wished: Plan,
) -> dict[str, Any]:  # fmt: skip
    before = instead.get(f"at:{fire.at.isoformat()}")
    said = f"Makes up for run #{before[0]}, which is {before[1].replace('_', ' ')}." if before else ""
    assert work.actor
    return {
        "team_id": task.team_id, "task_id": task.id, "version_id": task.version_id, "schedule_id": None,
        "key": f"backfill:{backfill_id}:{fire.at.isoformat()}", "trigger": "backfill",
        "requested_by_id": work.actor.person_id, "planned_at": fire.at, "planned_local": fire.local,
        "lane": lane_of(version), **planned.turn(Policy.of(version["policy"])),
        "priority": PRIORITIES.index("low"), "backfill_id": backfill_id, "notes": [said] if said else [],
        "state": "waiting", "reason": "capacity", "queued_at": None, "ended_at": None, "folded_count": 1,
        "folded_until": None,
        "sentence": f"Waits for its turn: {wished.concurrency} of {len(wished.dates):,} go at once.",
    }  # fmt: skip


# --- afterwards


def find(actor: Actor, backfill_id: int, after: str = "") -> Detail:
    """Return a backfill; `after` is the logical date (ISO) behind which its shown runs begin. Raises NotFound."""
    query = sa.select(Backfill).where(Backfill.id == backfill_id, Backfill.team_id == actor.team_id)
    row = db.session.scalar(query.options(joinedload(Backfill.requested_by)))
    if row is None:
        raise NotFound
    runs = sa.select(Run).where(Run.backfill_id == row.id).order_by(Run.planned_at).limit(PAGE_ROWS + 1)
    if moment := _moment(after):
        runs = runs.where(Run.planned_at > moment)
    shown = db.session.scalars(runs).all()
    has_more = len(shown) > PAGE_ROWS
    return Detail(
        row, db.session.get_one(Task, row.task_id), _counts([row.id]).get(row.id, {}), shown[:PAGE_ROWS],
        shown[PAGE_ROWS - 1].planned_at.isoformat() if has_more else "",
    )  # fmt: skip


def of_task(actor: Actor, slug: str) -> list[Detail]:
    """Return the last backfills of a task, the newest first, without their runs. Raises NotFound."""
    task = _task(actor, slug)
    query = sa.select(Backfill).where(Backfill.task_id == task.id).order_by(Backfill.id.desc()).limit(_LOOKED_AT)
    rows = db.session.scalars(query.options(joinedload(Backfill.requested_by))).all()
    counts = _counts([row.id for row in rows])
    return [Detail(row, task, counts.get(row.id, {}), ()) for row in rows]


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def _counts(ids: Sequence[int]) -> dict[int, dict[str, int]]:
    counts: dict[int, dict[str, int]] = {}
    query = sa.select(Run.backfill_id, Run.state, sa.func.count()).where(Run.backfill_id.in_(ids))
    for backfill_id, state, count in db.session.execute(query.group_by(Run.backfill_id, Run.state)):
        counts.setdefault(backfill_id or 0, {})[state] = count
    return counts


def cancel(actor: Actor, backfill_id: int) -> None:
    """Cancel what of a backfill has not started; what runs goes on. Raises NotFound, Conflict."""
    with batch(actor) as work:
        query = sa.select(Backfill.cancelled_at, Task.name, Task.id).join(Task, Task.id == Backfill.task_id)
        row = work.connection.execute(
            query.where(Backfill.id == backfill_id, Backfill.team_id == actor.team_id).with_for_update(of=Backfill)
        ).first()
        if row is None:
            raise NotFound
        if row.cancelled_at:
            raise Conflict("This backfill was cancelled already.")
        is_it = Backfill.id == backfill_id
        work.connection.execute(sa.update(Backfill).where(is_it).values(cancelled_at=work.now))
        unstarted = (
            sa.update(Run)
            .where(IS_ACTIVE, Run.backfill_id == backfill_id, Run.state.in_(("waiting", "queued")))
            .values(
                state="cancelled", reason="person", sentence="Cancelled with its backfill.", ended_at=work.now,
                not_before=None,
            )
        )  # fmt: skip
        for run_id in work.connection.execute(unstarted.returning(Run.id)).scalars().all():
            work.tell("cancelled", actor.team_id, run_id, reason="person")
        work.audit("backfill_cancelled", row.name, task=row.id, backfill=backfill_id)
        work.tell("backfill_cancelled", actor.team_id, None, backfill=backfill_id)
    db.session.commit()
