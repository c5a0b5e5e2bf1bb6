"""Runs that have ended are added up by quarters of an hour and by days, each once, for charts over any period.

A run ends once, its end is one event, and the place in the events that was reached is stored in the transaction that
adds: so each is counted once, and what is deleted or pruned later stays counted. A run that goes again is another one.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from app.domain.analytics import histogram, periods
from app.domain.analytics.histogram import Histogram
from app.domain.lifecycle import ENDED
from app.infra import database
from app.models.instance import Fact
from app.models.rollups import LATE, OF_DAY, OF_TASK, OF_TEAM, Rollup
from app.models.runs import Attempt, Event, Run, Step
from app.models.tasks import TaskVersion
from app.services import cursor
from app.services.unit import Work, batch

FACT = "rolled_up"
_REBUILDING = "rollups_rebuilt"
MOST_EVENTS = 250
"""So many events are counted in one transaction, and so many rows forgotten when all is counted anew: others wait."""

_KEPT_DAYS = 364
"""Runs that began so long ago are all still there (services/retention keeps them a day longer)."""

_LONGEST_MODEL = 60

Key = tuple[int, str, datetime, int, str, str, str]


@dataclass
class Sums:
    """What is added up of some runs."""

    runs: int = 0
    seconds: float = 0.0
    cost_micros: int = 0
    priced: int = 0
    tokens: int = 0
    took: Histogram = field(default_factory=dict)
    late: Histogram = field(default_factory=dict)

    def late_by(self, place: str) -> None:
        """Count one run that began so late."""
        self.runs += 1
        self.late[place] = self.late.get(place, 0) + 1

    def add(self, more: Any) -> None:
        """Add those of others, a row of Rollup among them."""
        self.runs += more.runs
        self.seconds += more.seconds
        self.cost_micros += more.cost_micros
        self.priced += more.priced
        self.tokens += more.tokens
        histogram.add(self.took, more.took)
        histogram.add(self.late, more.late)


def count() -> int:
    """Count what has ended since the last time, up to MOST_EVENTS of it; returns how much that was."""
    with batch() as work:
        place = cursor.place(work, FACT) or 0
        rebuilding = _rebuilding(work)
        if rebuilding and (gone := _forget(work, rebuilding)):
            return gone
        until = cursor.head(work.connection, work.now)
        events = work.connection.execute(_EVENTS, {"place": place, "until": until}).all()
        if events:
            told = {event.run_id: event.id for event in events}
            runs = work.connection.execute(_RUNS, {"runs": list(told)}).all()
            runs = [run for run in runs if _counts(run) and not _is_kept(run, told[run.id], rebuilding)]
            _store(work, _added(work.connection, runs))
        cursor.move(work, FACT, events[-1].id if len(events) == MOST_EVENTS else max(until, place))
        return len(events)


def counted_until() -> datetime | None:
    """Return up to when what has ended is counted, None before the first time."""
    with database.read() as connection:
        at: datetime | None = connection.execute(sa.select(Fact.at).where(Fact.name == FACT)).scalar()
        return at


def rebuild() -> None:
    """Have everything counted anew of which the runs are still there; `count` does it, and what is older stays."""
    with batch() as work:
        place, before = cursor.place(work, FACT) or 0, _rebuilding(work)
        first = work.now.astimezone(UTC).date() - (periods.DAY * _KEPT_DAYS)
        until = max(place, before["until"] if before else 0)
        _note(work, {"since": datetime.combine(first, time(), UTC).isoformat(), "until": until, "forgets": True})
        cursor.move(work, FACT, 0)


# --- adding up


def _added(connection: sa.Connection, runs: Sequence[Any]) -> dict[Key, Sums]:
    models, tokens = _models(connection, runs), _tokens(connection, runs)
    found: dict[Key, Sums] = {}
    for run in runs:
        model = str(run.facts.get("model") or models.get(run.version_id, ""))[:_LONGEST_MODEL]
        one = _sums(run, tokens.get(run.id, 0))
        for grain, at, task_id in _places(run):
            key = (run.team_id, grain, at, task_id, run.state, run.reason, model)
            found.setdefault(key, Sums()).add(one)
        if late := _late(run):
            key = (run.team_id, LATE, periods.day(run.started_at), 0, "", "", "")
            found.setdefault(key, Sums()).late_by(late)
    return found


def _late(run: Any) -> str:
    """Return where the lateness of a run belongs: the quarter of an hour of the day, and the bucket."""
    if run.started_at is None or run.trigger != "schedule":
        return ""
    at = periods.quarter(run.started_at)
    late = histogram.bucket((run.started_at - run.planned_at).total_seconds())
    return f"{(at - periods.day(at)) // periods.QUARTER}:{late}"


def _counts(run: Any) -> bool:
    """Whether it is a run of the past: one that was left out before its time came may still be put back."""
    return run.started_at is not None or run.ended_at >= run.planned_at


def _is_kept(run: Any, event: int, rebuilding: Mapping[str, Any] | None) -> bool:
    """Whether it was counted before all was counted anew, in rows that stayed."""
    if rebuilding is None or event > rebuilding["until"]:
        return False
    return _began(run) < datetime.fromisoformat(rebuilding["since"])


def _began(run: Any) -> datetime:
    at: datetime = run.started_at or run.planned_at
    return at


def _places(run: Any) -> Iterator[tuple[str, datetime, int]]:
    at = _began(run)
    yield OF_TEAM, periods.quarter(at), 0
    yield OF_TASK, periods.quarter(at), run.task_id
    yield OF_DAY, periods.day(at), run.task_id


def _sums(run: Any, tokens: int) -> Sums:
    one = Sums(
        run.folded_count, cost_micros=run.cost_micros or 0, priced=int(run.cost_micros is not None), tokens=tokens
    )
    if run.started_at:
        one.seconds = max(0.0, (run.ended_at - run.started_at).total_seconds())
        one.took = {histogram.bucket(one.seconds): 1}
    return one


def _models(connection: sa.Connection, runs: Iterable[Any]) -> dict[int, str]:
    """Return what agents ask by versions of tasks, where one alone is named; a run itself says which it asked."""
    query = sa.select(TaskVersion.id, TaskVersion.definition).where(
        TaskVersion.id.in_({run.version_id for run in runs})
    )
    found = {}
    for row in connection.execute(query):
        parts = row.definition.get("steps") or (row.definition,)
        names = {str(part["settings"].get("model") or "") for part in parts if part.get("engine") == "agent"}
        found[row.id] = " and ".join(sorted(names))
    return found


def _tokens(connection: sa.Connection, runs: Iterable[Any]) -> dict[int, int]:
    """Return the tokens of all turns of runs that cost something, tries that failed among them."""
    found: dict[int, int] = {}
    costing = [run.id for run in runs if run.cost_micros is not None]
    for run_id, facts in connection.execute(_TURNS, {"runs": costing}) if costing else ():
        found[run_id] = found.get(run_id, 0) + facts.get("tokens_in", 0) + facts.get("tokens_out", 0)
    return found


# --- storing


def _store(work: Work, added: dict[Key, Sums]) -> None:
    for place, keys in groupby(sorted(added), key=lambda key: key[:2]):
        some = list(keys)
        for row in work.connection.execute(_known(place, some)):
            key = (row.team_id, row.grain, row.at, row.task_id, row.state, row.reason, row.model)
            if key in added:
                added[key].add(row)
    rows = [dict(zip(_KEY, key, strict=True)) | vars(sums) for key, sums in added.items()]
    if rows:
        work.connection.execute(_UPSERT[work.connection.dialect.name], rows)


def _known(place: tuple[int, str], keys: Sequence[Key]) -> sa.Select[Any]:
    team_id, grain = place
    is_place = (Rollup.team_id == team_id, Rollup.grain == grain, Rollup.at.in_({key[2] for key in keys}))
    return sa.select(Rollup.__table__).where(*is_place, Rollup.task_id.in_({key[3] for key in keys}))


# --- anew


def _rebuilding(work: Work) -> Mapping[str, Any] | None:
    value: Mapping[str, Any] | None = work.connection.execute(
        sa.select(Fact.value).where(Fact.name == _REBUILDING)
    ).scalar()
    return value


def _forget(work: Work, rebuilding: Mapping[str, Any]) -> int:
    """Remove some of what is counted anew; returns how much that was, 0 once nothing is left of it."""
    if not rebuilding["forgets"]:
        return 0
    since = datetime.fromisoformat(rebuilding["since"])
    columns = [getattr(Rollup, name) for name in _KEY]
    some = sa.select(*columns).where(Rollup.at >= since).limit(MOST_EVENTS).subquery()
    gone = work.connection.execute(sa.delete(Rollup).where(sa.tuple_(*columns).in_(sa.select(some)))).rowcount
    if not gone:
        _note(work, {**rebuilding, "forgets": False})
    return gone


def _note(work: Work, value: Mapping[str, Any]) -> None:
    moved = sa.update(Fact).where(Fact.name == _REBUILDING).values(value=value, at=work.now)
    if not work.connection.execute(moved).rowcount:
        work.connection.execute(sa.insert(Fact).values(name=_REBUILDING, value=value, at=work.now))


# --- built once

_KEY = ("team_id", "grain", "at", "task_id", "state", "reason", "model")
_EVENTS = (
    sa.select(Event.id, Event.run_id)
    .where(Event.id > sa.bindparam("place"), Event.id <= sa.bindparam("until"))
    .where(Event.kind.in_(sorted(ENDED)), Event.run_id.is_not(None))
    .order_by(Event.id)
    .limit(MOST_EVENTS)
)
_RUNS = sa.select(
    Run.id, Run.team_id, Run.task_id, Run.version_id, Run.state, Run.reason, Run.trigger, Run.planned_at,
    Run.started_at, Run.ended_at, Run.cost_micros, Run.folded_count, Run.facts,
).where(
    Run.id.in_(sa.bindparam("runs", expanding=True)), Run.ended_at.is_not(None), Run.state.in_(sorted(ENDED)),
    Run.rehearses_at.is_(None),
)  # fmt: skip
_TURNS = (
    sa.select(Attempt.run_id, Step.facts)
    .join(Step, Step.attempt_id == Attempt.id)
    .where(Attempt.run_id.in_(sa.bindparam("runs", expanding=True)))
)


def _upserting(insert_into: Any) -> Any:
    adding = insert_into(Rollup)
    sums = {name: adding.excluded[name] for name in vars(Sums())}
    return adding.on_conflict_do_update(index_elements=list(_KEY), set_=sums)


_UPSERT: dict[str, Any] = {"sqlite": _upserting(sqlite.insert), "postgresql": _upserting(postgresql.insert)}
