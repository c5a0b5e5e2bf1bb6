"""The checker: what the schedules planned is held against what is on record (PROMISES §5).

The model is that of the Jepsen study of Chronos: compute the targets, match the runs, report what is missing, extra
or late.
"""

from collections import defaultdict
from collections.abc import Generator, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import sqlalchemy as sa

from app.domain import graph, lifecycle, triggers
from app.domain.triggers import Fire, Trigger
from app.infra import database
from app.models.budgets import Budget
from app.models.instance import Audit, Fact
from app.models.runs import Attempt, Event, Run
from app.models.tasks import RULE, Schedule, Task, TaskLink
from app.services import alerting, spending
from app.services.planned import key as key_of
from app.services.unit import batch

LATEST_PLAN = timedelta(seconds=5)
"""A planned time becomes a run at most this late, or the run's event says why."""

STALLED = timedelta(seconds=30)
"""A schedule is armed again this soon; one that stands still for longer has been forgotten."""

FACT = "verify"
_MOST_KEPT = 50
_REPEATABLE = {"isolation_level": "REPEATABLE READ"}


@dataclass(frozen=True)
class Finding:
    """Something that does not agree: the rule it breaks, the sentence, and where."""

    rule: str
    sentence: str
    run: int | None = None
    schedule: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """The same for JSON and logs."""
        return asdict(self)


@dataclass
class Report:
    """What was compared between two instants (UTC), and what did not agree."""

    since: datetime
    until: datetime
    schedules: int = 0
    planned: int = 0
    runs: int = 0
    findings: list[Finding] = field(default_factory=list)


def last(window: timedelta) -> Report:
    """Check the time up to now."""
    with database.read() as connection:
        _see_one_moment(connection)
        now = database.now(connection)
        return check(connection, now - window, now)


def between(since: datetime, until: datetime | None = None) -> Report:
    """Check what was planned after `since`, up to `until` or now."""
    with database.read() as connection:
        _see_one_moment(connection)
        return check(connection, since, until or database.now(connection))


def _see_one_moment(connection: sa.Connection) -> None:
    """Let all that is read be of one instant, or a run that ends meanwhile contradicts its own events."""
    if connection.dialect.name == "postgresql":
        connection.execution_options(**_REPEATABLE)


def nightly(window: timedelta) -> Report:
    """Check the time up to now and keep the result, for who looks at the system; an alert stands while it is bad."""
    report = last(window)
    with batch() as work:
        kept = {
            "since": report.since.isoformat(), "until": report.until.isoformat(), "schedules": report.schedules,
            "planned": report.planned, "runs": report.runs, "count": len(report.findings),
            "findings": [finding.as_dict() for finding in report.findings[:_MOST_KEPT]],
        }  # fmt: skip
        work.connection.execute(sa.delete(Fact).where(Fact.name == FACT))
        work.connection.execute(sa.insert(Fact).values(name=FACT, value=kept, at=work.now))
        if report.findings:
            first = report.findings[0].sentence
            places = "one place" if len(report.findings) == 1 else f"{len(report.findings)} places"
            sentence = f"The record does not agree with the plan in {places}. The first: {first}"
            alerting.begin(work, "verify", "verify", sentence, None)
        else:
            alerting.end(work, "verify", "The record agrees with the plan again.")
    return report


def check(connection: sa.Connection, since: datetime, until: datetime) -> Report:
    """Compare plan and record of `since` < planned time <= `until`."""
    report = Report(since, until)
    runs = _runs(connection, since, until)
    report.runs = len(runs)
    report.findings += _plan(connection, report, runs)
    report.findings += _attempts(connection, since, until)
    report.findings += _endings(connection, runs)
    report.findings += _requests(connection, runs)
    report.findings += _dependents(connection, report, runs)
    report.findings += _stalled(connection)
    report.findings += _budgets(connection)
    return report


def _runs(connection: sa.Connection, since: datetime, until: datetime) -> list[Any]:
    columns = (
        Run.id, Run.number, Run.task_id, Run.schedule_id, Run.key, Run.planned_at, Run.folded_count, Run.folded_until,
        Run.state, Run.reason, Run.sentence, Run.trigger, Run.queued_at, Run.started_at, Run.ended_at, Run.team_id,
        Run.requested_by_id, Run.notes, Run.facts["schedules"].label("shared"), Run.backfill_id, Run.rehearses_at,
    )  # fmt: skip
    covered = sa.func.coalesce(Run.folded_until, Run.planned_at)
    query = sa.select(*columns).where(covered > since, Run.planned_at <= until).order_by(Run.planned_at, Run.id)
    return list(connection.execute(query).all())


# --- each planned time has one run, and no run of a schedule is without a planned time


def _plan(connection: sa.Connection, report: Report, runs: list[Any]) -> Iterator[Finding]:
    by_task: dict[int, dict[str, Any]] = defaultdict(dict)
    folded: dict[int, list[Any]] = defaultdict(list)
    for run in runs:
        by_task[run.task_id][run.key] = run
        if run.folded_until and run.schedule_id:
            folded[run.schedule_id].append(run)
    explained: set[int] = set()
    schedules = connection.execute(sa.select(Schedule).where(Schedule.decided_until > report.since)).mappings().all()
    for schedule in schedules:
        report.schedules += 1
        missing = yield from _plan_of(schedule, report, by_task[schedule["task_id"]], folded[schedule["id"]], explained)
        yield from _missing(connection, schedule, missing)
    # What an earlier rule of a schedule planned can't be computed any more.
    rules = {schedule["id"]: schedule for schedule in schedules}
    for run in runs:
        rule = rules.get(run.schedule_id)
        if run.id in explained or run.reason == "schedule_changed":
            continue
        if rule and not _is_planned(rule, run, report):
            yield Finding("extra", f"Run #{run.number} was not planned by its schedule.", run.id, run.schedule_id)


def _plan_of(
    schedule: Any, report: Report, by_key: dict[str, Any], folded: list[Any], explained: set[int]
) -> Generator[Finding, None, list[Fire]]:
    """Match the fires of a schedule with its runs; returns those that have none in the window.

    A fire that moved has its run under the instant of the rule, so calendars, spread and jitter need not be known
    here: that the run says why it moved is enough.
    """
    since = max(report.since, schedule["created_at"])
    counts: dict[int, int] = defaultdict(int)
    missing = []
    try:
        for fire in triggers.fires_between(_rule(schedule), since, min(report.until, schedule["decided_until"])):
            report.planned += 1
            own = by_key.get(key_of(fire.at))
            run = own if own and _names(own, schedule["id"]) else _fold_of(fire, folded, counts) or own
            if run is None:
                missing.append(fire)
                continue
            explained.add(run.id)
            counts[run.id] += 1
            if run is own:
                yield from _moves(run, fire)
    except triggers.TriggerError:  # set aside and told when it was due; what it planned before can't be compared
        explained.update(run.id for run in by_key.values() if _names(run, schedule["id"]))
        return []
    for run in folded:
        if run.planned_at > since and counts[run.id] != run.folded_count:
            sentence = f"Run #{run.number} stands for {run.folded_count} planned times; there were {counts[run.id]}."
            yield Finding("folded", sentence, run.id, schedule["id"])
    return missing


def _rule(schedule: Any) -> Trigger:
    return Trigger(*(schedule[column.key] for column in RULE))


def _names(run: Any, schedule_id: int) -> bool:
    """Whether a run is of this schedule, which may share it with others."""
    return run.schedule_id == schedule_id or schedule_id in (run.shared or ())


def _fold_of(fire: Fire, folded: list[Any], counts: Mapping[int, int]) -> Any | None:
    """Return the folded run that stands for a fire: of several, the one that ends first and is not yet full."""
    fitting = [
        run
        for run in folded
        if run.planned_at <= fire.at <= run.folded_until and counts.get(run.id, 0) < run.folded_count
    ]
    return min(fitting, key=lambda run: (run.folded_until, run.id), default=None)


def _moves(run: Any, fire: Fire) -> Iterator[Finding]:
    if run.planned_at != fire.at and not run.notes:
        yield Finding("moved", f"Run #{run.number} has another time than its rule, and nothing says why.", run.id)
    is_elsewhere = run.trigger == "ping"  # where other clocks go; domain/pings says how early it may be
    if not is_elsewhere and run.started_at and run.started_at < run.planned_at:
        yield Finding("early", f"Run #{run.number} started before its planned time.", run.id)


def _missing(connection: sa.Connection, schedule: Any, fires: list[Fire]) -> Iterator[Finding]:
    """Say which fires have no run at all; that of one that moved may be planned outside of the window."""
    keys = {key_of(fire.at): fire for fire in fires}
    for start in range(0, len(keys), 500):
        chosen = list(keys)[start : start + 500]
        query = sa.select(Run.key).where(Run.task_id == schedule["task_id"], Run.key.in_(chosen))
        known = set(connection.execute(query).scalars())
        for key in chosen:
            if key not in known:
                at = keys[key].at.isoformat()
                yield Finding("missing", f"{at} was planned and has no run.", None, schedule["id"])


def _is_planned(schedule: Any, run: Any, report: Report) -> bool:
    """Whether the fire of a run that was not met is outside of what was compared, or that of an earlier rule."""
    try:
        at = datetime.fromisoformat(run.key.removeprefix("at:").partition("/")[0])
        since = max(report.since, schedule["created_at"])
        if since < at <= min(report.until, schedule["decided_until"]):
            return False
        return at <= schedule["created_at"] or any(
            triggers.fires_between(_rule(schedule), at - timedelta.resolution, at)
        )
    except ValueError:
        return False
    except triggers.TriggerError:
        return True


# --- one attempt at a time, under growing tokens


def _attempts(connection: sa.Connection, since: datetime, until: datetime) -> Iterator[Finding]:
    query = (
        sa.select(Attempt.run_id, Attempt.token, Attempt.started_at, Attempt.ended_at)
        .join(Run, Run.id == Attempt.run_id)
        .where(Run.planned_at > since, Run.planned_at <= until, Run.token > 1)
        .order_by(Attempt.run_id, Attempt.id)
    )
    for before, after in pairwise(connection.execute(query)):
        if before.run_id != after.run_id:
            continue
        if after.token <= before.token:
            yield Finding("token", "A later attempt has no higher token.", after.run_id)
        if before.ended_at is None or before.ended_at > after.started_at:
            yield Finding("overlap", "Two attempts of one run were held at once.", after.run_id)


# --- one ending, with a reason, told alike


def _endings(connection: sa.Connection, runs: list[Any]) -> Iterator[Finding]:
    told = _told(connection, [run.id for run in runs])
    for run in runs:
        events = told.get(run.id, [])
        yield from _lateness(run, events)
        if not lifecycle.has_ended(run.state):
            continue
        if not run.reason or not run.sentence or run.ended_at is None:
            yield Finding("ending", f"Run #{run.number} ended without a reason, a sentence or a time.", run.id)
        endings = [event.kind for event in events if event.kind in lifecycle.ENDED]
        if endings != [run.state]:
            yield Finding("story", f"Run #{run.number} is {run.state}; its events say {endings or 'nothing'}.", run.id)


def _lateness(run: Any, events: list[Any]) -> Iterator[Finding]:
    queued = next((event for event in events if event.kind == "queued"), None)
    if queued and queued.at - run.planned_at > LATEST_PLAN and not queued.data.get("reason"):
        yield Finding("late", f"Run #{run.number} was queued late, and nothing says why.", run.id)


def _told(connection: sa.Connection, ids: list[int]) -> dict[int, list[Any]]:
    told: dict[int, list[Any]] = defaultdict(list)
    for start in range(0, len(ids), 500):
        query = sa.select(Event.run_id, Event.kind, Event.at, Event.data)
        chosen = query.where(Event.run_id.in_(ids[start : start + 500])).order_by(Event.id)
        for event in connection.execute(chosen):
            told[event.run_id].append(event)
    return told


# --- each end of a task has its run of the one that runs after it alone


def _dependents(connection: sa.Connection, report: Report, runs: list[Any]) -> Iterator[Finding]:
    """Say which runs of tasks that start after another one are missing: those after several come in rounds."""
    links = connection.execute(_LINKS).all()
    ends: dict[int, list[Any]] = defaultdict(list)
    for run in runs if links else ():
        if run.ended_at and run.folded_count == 1 and run.backfill_id is None and run.rehearses_at is None:
            ends[run.task_id].append(run)
    known = {(run.task_id, run.key) for run in runs if run.trigger == "upstream"}
    for link in links:
        for end in ends[link.upstream_id]:
            was_to_follow = link.created_at < end.ended_at <= report.until - LATEST_PLAN
            speaks = graph.speaks(end.state, end.reason) and (link.on != "failure" or graph.fits(link.on, end.state))
            if was_to_follow and speaks and (link.task_id, f"after:{end.id}") not in known:
                yield Finding("dependent", f"{link.name} was to follow run #{end.number}, and has no run.", end.id)


_only = sa.select(TaskLink.task_id).group_by(TaskLink.task_id).having(sa.func.count() == 1)
_LINKS = (
    sa.select(TaskLink.task_id, TaskLink.upstream_id, TaskLink.on, TaskLink.created_at, Task.name)
    .join(Task, Task.id == TaskLink.task_id)
    .where(Task.deleted_at.is_(None), Task.awaits.is_(False), TaskLink.task_id.in_(_only))
)


# --- who asked is on record, and no schedule was forgotten


def _requests(connection: sa.Connection, runs: list[Any]) -> Iterator[Finding]:
    asked = [run for run in runs if run.requested_by_id]
    if not asked:
        return
    query = sa.select(Audit.team_id, Audit.object).where(Audit.action == "run_asked_for")
    since = min(run.planned_at for run in asked) - timedelta(seconds=1)
    known = {(team, what.partition(" ")[0]) for team, what in connection.execute(query.where(Audit.at >= since))}
    for run in asked:
        if (run.team_id, f"#{run.number}") not in known:
            yield Finding("unasked", f"Run #{run.number} was asked for, and the audit does not say by whom.", run.id)


def _stalled(connection: sa.Connection) -> Iterator[Finding]:
    forgotten = sa.or_(Schedule.next_fire_at.is_(None), Schedule.next_fire_at < database.now(connection) - STALLED)
    query = sa.select(Schedule.id).where(Schedule.state == "active", forgotten)
    for schedule in connection.execute(query).scalars():
        yield Finding("stalled", f"Schedule {schedule} is active and has no next time.", None, schedule)


# --- what budgets say is what their runs have cost


def _budgets(connection: sa.Connection) -> Iterator[Finding]:
    teams = connection.execute(sa.select(Budget.team_id).distinct()).scalars().all()
    rows = {row.id: row for row in spending.of_teams(connection, teams)}
    for pot in spending.pots(connection, list(rows.values()), database.now(connection)):
        counted = spending.counted(connection, rows[pot.id], pot.key)
        if (pot.spent_micros, pot.reserved_micros, pot.runs) != counted:
            says = f"{pot.spent_micros}, {pot.reserved_micros} and {pot.runs}; its runs {counted}"
            yield Finding("budget", f"Budget {pot.id} of {pot.key} has {says} (spent, reserved, runs).")
