"""What should have happened and has not: found in the database alone, told as alerts that end by themselves."""

import socket
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog

from app.domain import watch
from app.domain.policy import Policy
from app.domain.watch import Finding, Steady
from app.infra import database, redis
from app.models.instance import Counter, Fact
from app.models.runs import IS_ACTIVE, Event, Run
from app.models.tasks import Schedule, TaskVersion
from app.services import alerting
from app.services.unit import Work, batch
from app.services.watch import ask

log = structlog.get_logger()

FACT = "watchdog"
SENT, FAILED = "alerts_sent", "alerts_failed"
"""Counters of deliveries; the beat carries them."""

_BEAT_SECONDS = 5.0
_LIMITS_LAST_SECONDS = 300.0
_LATE_COMMIT_SECONDS = 10.0
"""A row with a lower number may be committed so much later than one with a higher: no transaction stands longer."""

_MOST_EVENTS = 50_000


@dataclass(frozen=True)
class Look:
    """What came out of one look. `is_well`: a clock leads and a worker is alive."""

    begun: Sequence[Finding]
    over: Sequence[str]
    is_well: bool


@dataclass
class Watcher:
    """One process's memory of what it has seen; call `look` every `every_seconds`."""

    lease_seconds: float
    every_seconds: float
    channels: Sequence[str] = ()  # what this process tells by; the beat says so
    has_key: bool = True  # whether it can open the channels of people and teams
    monotonic: Callable[[], float] = time.monotonic
    host: str = field(default_factory=socket.gethostname)
    _policies: dict[int, Policy] = field(default_factory=dict)
    _limits: dict[int, tuple[float, float | None]] = field(default_factory=dict)
    _tops: list[tuple[float, int]] = field(default_factory=list)  # how far the events went, and when
    _cursor: int | None = None
    _looked_at: float | None = None
    _beat_at: float | None = None

    def __post_init__(self) -> None:
        self._steady = Steady(self.lease_seconds * 2, self.every_seconds * 2)

    def look(self) -> Look:
        """Find what is wrong, begin and end alerts, and leave a beat. Raises what the database raises."""
        is_redis_here = redis.answers()
        with database.read() as connection:
            state = ask.state_of(connection, timedelta(seconds=self.lease_seconds / 2), self.lease_seconds)
            opened = connection.execute(ask.OPEN).all()
            findings, in_doubt = self._ask(connection, state, opened)
        if not is_redis_here:
            findings.append(watch.redis_away())
        # Of a rule that could not be asked nothing is over, and each host ends its own alerts alone.
        is_open = {alert.key: alert.kind for alert in opened}
        foreign = {key for key in is_open if key.startswith("skew:") and key != f"skew:{self.host}"}
        mine = {key: kind for key, kind in is_open.items() if kind not in in_doubt and key not in foreign}
        begun, over = self._steady.settle(watch.folded(findings, is_open), mine, self._passed())
        self._write(begun, [alert for alert in opened if alert.key in set(over)])
        return Look(begun, over, state.has_clock and state.workers > 0)

    def _ask(
        self, connection: sa.Connection, state: ask.State, opened: Sequence[Any]
    ) -> tuple[list[Finding], set[str]]:  # fmt: skip
        """Ask each rule on its own, so that a bad row silences one at most; returns the kinds of those it did."""
        groups = connection.execute(ask.GROUPS).all()
        self._learn_policies(connection, {group.version_id for group in groups})
        rules: dict[tuple[str, ...], Callable[[], list[Finding]]] = {
            ("clock", "workers", "queue", "skew"): lambda: self._parts(connection, state),
            ("not_started",): lambda: self._not_started(
                connection, state, groups, {alert.key for alert in opened}
            ),
            ("not_finished",): lambda: self._not_finished(connection, state, groups),
            ("slow",): lambda: self._slow(connection, state, groups),
            ("approval",): lambda: _undecided(connection),
            ("worker_gone",): lambda: [
                watch.worker_gone(row.name, row.host, row.seen_at, row.busy)
                for row in ask.gone(connection, state.now, self.lease_seconds)
            ],
            ("missed", "blocked", "schedule_broken"): lambda: [
                *_still(connection, opened, state.now), *self._did_not_run(connection),
            ],
        }  # fmt: skip
        found: dict[str, Finding] = {}
        in_doubt: set[str] = set()
        for kinds, rule in rules.items():
            try:
                found |= {finding.key: finding for finding in rule()}
            except database.Away:
                raise
            except Exception:
                log.exception("rule_not_asked", kinds=kinds)
                in_doubt.update(kinds)
        return list(found.values()), in_doubt

    def _passed(self) -> float:
        now = self.monotonic()
        passed = now - self._looked_at if self._looked_at is not None else 0.0
        self._looked_at = now
        return passed

    def _write(self, begun: Sequence[Finding], over: Sequence[Any]) -> None:
        now = self.monotonic()
        is_beat_due = self._beat_at is None or now - self._beat_at >= _BEAT_SECONDS
        if not (begun or over or is_beat_due):
            return
        with batch() as work:
            for finding in begun:
                alerting.begin(
                    work, finding.key, finding.kind, finding.sentence, finding.team_id, task_id=finding.task_id,
                    run_id=finding.run_id,
                )  # fmt: skip
            for alert in over:
                alerting.end(work, alert.key, _recovery(work, alert))
            _beat(work, self.host, self._cursor, self.channels, has_key=self.has_key)
        self._beat_at = now

    # --- the parts of the installation

    def _parts(self, connection: sa.Connection, state: ask.State) -> list[Finding]:
        oldest = state.overdue[0].next_fire_at if state.overdue else None
        alive_for = timedelta(seconds=self.lease_seconds * 1.5)
        found = [
            watch.clock(state.now, state.leads_until, state.patience, len(state.overdue), oldest),
            watch.workers(state.now, state.workers, alive_for, state.queued, state.oldest_queued),
            watch.skew(self.host, ask.skew(connection)),
        ]
        return [finding for finding in found if finding]

    # --- tasks and runs

    def _learn_policies(self, connection: sa.Connection, versions: set[int]) -> None:
        self._policies = {version: policy for version, policy in self._policies.items() if version in versions}
        for part in ask.in_parts(versions - self._policies.keys()):
            query = sa.select(TaskVersion.id, TaskVersion.definition["policy"]).where(TaskVersion.id.in_(part))
            self._policies |= {version: Policy.of(values or {}) for version, values in connection.execute(query)}

    def _not_started(
        self, connection: sa.Connection, state: ask.State, groups: Sequence[Any], is_open: Collection[str]
    ) -> list[Finding]:  # fmt: skip
        """Return the tasks with a run that is late, or with a planned time that never became one.

        Only those that are told now have a sentence, which takes a look at the queue: not each of a herd.
        """
        starts = (
            (group.unstarted, group)
            for group in groups
            if watch.is_past(group.unstarted, self._policies[group.version_id].start_alert_seconds, state.now)
        )
        late = {group.task_id: group.team_id for _, group in sorted(starts, key=lambda start: start[0])}
        found = {task: Finding(f"not_started:{task}", "not_started", "", team, task) for task, team in late.items()}
        for task in watch.told_first(found.values(), is_open):
            assert task.task_id
            run = connection.execute(ask.UNSTARTED_OF, {"task": task.task_id}).first()
            if run:
                found[task.task_id] = _late_run(connection, state, run)
            else:
                del found[task.task_id]  # it has started since
        for row in state.overdue:
            if row.task_id not in found and watch.is_past(
                row.next_fire_at, Policy.of(row.policy).start_alert_seconds, state.now
            ):
                why = "no clock is alive" if not state.has_clock else "the clock has not come to it"
                found[row.task_id] = _late(row.name, row.next_fire_at, row.timezone, why, row.team_id, row.task_id)
        return list(found.values())

    def _not_finished(self, connection: sa.Connection, state: ask.State, groups: Sequence[Any]) -> list[Finding]:
        allowed = {
            group.version_id: self._policies[group.version_id].finish_alert_seconds
            for group in groups
            if watch.is_past(group.planned, self._policies[group.version_id].finish_alert_seconds, state.now)
        }
        return [
            Finding(
                f"not_finished:{run.id}", "not_finished",
                f"{run.name}, planned {watch.said(run.planned_at, run.timezone or '')}, has not finished.",
                run.team_id, run.task_id, run.id,
            )
            for run in ask.runs_of(connection, allowed, sa.and_(Run.trigger != "backfill", Run.reason != "approval"))
            if watch.is_past(run.planned_at, allowed[run.version_id], state.now)
        ]  # fmt: skip

    def _slow(self, connection: sa.Connection, state: ask.State, groups: Sequence[Any]) -> list[Finding]:
        limits = {
            group.version_id: limit
            for group in groups
            if watch.is_past(group.running, watch.SLACK_SECONDS, state.now)
            and self._policies[group.version_id].is_slow_told
            and (limit := self._limit(connection, group.task_id))
        }
        return [
            Finding(
                f"slow:{run.id}", "slow",
                f"{run.name} runs since {watch.said(run.started_at, run.timezone or '')}, longer than it usually does.",
                run.team_id, run.task_id, run.id,
            )
            for run in ask.runs_of(connection, limits, Run.state == "running")
            if watch.is_past(run.started_at, limits[run.version_id], state.now)
        ]  # fmt: skip

    def _limit(self, connection: sa.Connection, task_id: int) -> float | None:
        """Return when a run of the task is slow; looked up again after a while."""
        now = self.monotonic()
        until, limit = self._limits.get(task_id, (0.0, None))
        if until > now:
            return limit
        self._limits = {task: kept for task, kept in self._limits.items() if kept[0] > now}
        rows = connection.execute(ask.TOOK, {"task": task_id}).all()
        limit = watch.limit([(row.ended_at - row.started_at).total_seconds() for row in rows])
        self._limits[task_id] = now + _LIMITS_LAST_SECONDS, limit
        return limit

    # --- planned times that did not become runs

    def _did_not_run(self, connection: sa.Connection) -> list[Finding]:
        """Return tasks with a run that was missed or blocked just now, and none that worked since."""
        newest = connection.execute(sa.select(sa.func.max(Event.id))).scalar() or 0
        if self._cursor is None:
            kept = connection.execute(sa.select(Fact.value).where(Fact.name == FACT)).scalar() or {}
            self._cursor = min(int(kept.get("events", newest)), newest)
        top = min(newest, self._cursor + _MOST_EVENTS)
        found = {}
        for run in connection.execute(ask.DID_NOT_RUN, {"after": self._cursor, "until": top}):
            sentence = f"{run.name} did not run at {watch.said(run.planned_at, run.timezone or '')}. {run.sentence}"
            key = f"{run.state}:{run.task_id}"
            found[key] = Finding(key, run.state, sentence, run.team_id, run.task_id, run.id)
        self._move_on(top)
        return list(found.values())

    def _move_on(self, top: int) -> None:
        now = self.monotonic()
        self._tops.append((now, top))
        while self._tops and self._tops[0][0] <= now - _LATE_COMMIT_SECONDS:
            self._cursor = self._tops.pop(0)[1]


def _undecided(connection: sa.Connection) -> list[Finding]:
    return [
        Finding(
            f"approval:{run.id}", "approval", f"{run.name} waits for a decision. {run.sentence}".strip(), run.team_id,
            run.task_id, run.id,
        )
        for run in connection.execute(ask.UNDECIDED)
    ]  # fmt: skip


def _late_run(connection: sa.Connection, state: ask.State, run: Any) -> Finding:
    place = None
    if run.state == "queued":
        ahead = sa.select(sa.func.count()).where(IS_ACTIVE, Run.state == "queued", Run.lane == run.lane)
        place = connection.execute(ahead.where(Run.rank_at < run.rank_at)).scalar_one() if run.rank_at else 0
    why = watch.why_not_started(has_worker=state.workers > 0, place=place, sentence=run.sentence)
    return _late(run.name, run.planned_at, run.timezone or "", why, run.team_id, run.task_id, run.id)


def _late(
    name: str, at: datetime, zone: str, why: str, team_id: int, task_id: int, run_id: int | None = None
) -> Finding:  # fmt: skip
    sentence = f"{name}, planned {watch.said(at, zone)}, has not started: {why}."
    return Finding(f"not_started:{task_id}", "not_started", sentence, team_id, task_id, run_id)


# --- what is open, and when it is over


def _still(connection: sa.Connection, opened: Sequence[Any], now: datetime) -> list[Finding]:
    """Return the open alerts that last until something happens, and it has not: of these nothing is found anew."""
    return [
        Finding(alert.key, alert.kind, alert.sentence, alert.team_id, alert.task_id, alert.run_id)
        for alert in opened
        if alert.kind in {"missed", "blocked", "schedule_broken"} and not _is_over(connection, alert, now)
    ]


def _is_over(connection: sa.Connection, alert: Any, now: datetime) -> bool:
    if alert.task_id is None:
        return bool(alert.at + watch.HERD_LASTS < now)
    if alert.deleted_at:
        return True
    if alert.kind == "schedule_broken":
        broken = sa.select(Schedule.id).where(Schedule.task_id == alert.task_id, Schedule.state == "broken")
        return connection.execute(broken.limit(1)).first() is None
    worked = sa.select(Run.id).where(
        Run.task_id == alert.task_id, Run.state.in_(ask.WORKED), Run.ended_at > alert.at,
        Run.planned_at > alert.at - timedelta(days=31),
    )  # fmt: skip
    return connection.execute(worked.limit(1)).first() is not None


def _recovery(work: Work, alert: Any) -> str:
    ending = ""
    if alert.run_id is not None:
        ending = work.connection.execute(sa.select(Run.state).where(Run.id == alert.run_id)).scalar() or ""
    return watch.recovery(alert.kind, alert.name or "", ending)


def _beat(work: Work, host: str, cursor: int | None, channels: Sequence[str], *, has_key: bool) -> None:
    counted = work.connection.execute(sa.select(Counter.name, Counter.value).where(Counter.name.in_((SENT, FAILED))))
    counts = dict(counted.all())
    value = {
        "seen_at": work.now.isoformat(), "host": host, "sent": counts.get(SENT, 0), "failed": counts.get(FAILED, 0),
        "channels": list(channels), "events": cursor, "has_key": has_key,
    }  # fmt: skip
    noted = work.connection.execute(sa.update(Fact).where(Fact.name == FACT).values(value=value, at=work.now))
    if not noted.rowcount:
        work.connection.execute(sa.insert(Fact).values(name=FACT, value=value, at=work.now))
