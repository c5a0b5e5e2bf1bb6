"""Questions about the past of a team, each answered by one function with sentence, table, figure and action."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import TypeVar

import sqlalchemy as sa
import structlog

from app.core.clock import utc_now
from app.core.errors import Invalid, NotFound
from app.domain import localtime
from app.domain.access import Actor
from app.domain.analytics import choosing, failing, giving, periods, slowing, starting, trusting
from app.domain.analytics.answers import QUESTIONS, Answer, Question
from app.domain.analytics.choosing import Record
from app.domain.analytics.failing import Failed, Past
from app.domain.analytics.giving import Spared
from app.domain.analytics.histogram import merged, size
from app.domain.analytics.periods import Period, Unreadable
from app.domain.analytics.slowing import Pace
from app.domain.lifecycle import WENT_WRONG
from app.infra import database
from app.infra.database import db
from app.models.planning import Suggestion
from app.models.rollups import Rollup
from app.models.tasks import Task
from app.models.teams import Team
from app.services import estimates
from app.services.insights import busy, costs, kinds, reading
from app.services.insights.reading import DID_ITS_WORK, Part

log = structlog.get_logger()

T = TypeVar("T")

_RAN = frozenset({"succeeded", "degraded", "unmet", "failed", "timed_out"})
_SLACK = timedelta(days=1)
_LEFT_OUT = frozenset({"skipped", "cancelled"})


@dataclass(frozen=True)
class Asked:
    """Who asks about which period, and whether the one before is to be told as well."""

    actor: Actor
    period: Period
    compares: bool
    now: datetime

    @property
    def connection(self) -> sa.Connection:
        """Where it is read."""
        return db.session.connection()

    @property
    def team_id(self) -> int:
        """Whose past it is."""
        return self.actor.team_id

    def parts(self) -> list[Part]:
        """What the runs of the period come to."""
        return reading.parts(self.connection, self.team_id, self.period)

    def parts_before(self) -> list[Part]:
        """What those of the period before came to."""
        return reading.parts(self.connection, self.team_id, self.period.before())


def period(days: str, first: str, last: str, timezone: str) -> Period:
    """Return the period that an address asks for, in the zone of who asks. Raises Invalid."""
    try:
        return periods.read(days, first, last, timezone, utc_now())
    except Unreadable as error:
        raise Invalid({"days": str(error)}) from None


def reaches_before(actor: Actor, chosen: Period) -> bool:
    """Whether runs were counted through all of the period before: what is known of in part is not compared with."""
    first = reading.first(db.session.connection(), actor.team_id)
    return first is not None and first <= chosen.before().since + _SLACK


def answer(question: str, actor: Actor, chosen: Period, *, compares: bool = False) -> Answer:
    """Return the answer to one of `QUESTIONS`. Raises NotFound for any other.

    `compares`: told beside the period before, where it is known.
    """
    if question not in _ANSWERS:
        raise NotFound
    compares = compares and reaches_before(actor, chosen)
    return _ANSWERS[question](Asked(actor, chosen, compares, utc_now()))  # type: ignore[index]  # it is a question


def answers(
    actor: Actor, chosen: Period, *, compares: bool, but: Collection[Question] = ()
) -> dict[Question, Answer | None]:
    """Return the answers to all questions `but` some; None stands for one that could not be worked out."""
    return {
        question: tried(question, partial(answer, question, actor, chosen, compares=compares))
        for question in QUESTIONS
        if question not in but
    }


def tried(question: str, work_out: Callable[[], T]) -> T | None:
    """Return what answers a question, None where that fails: it is told in the log, and no other falls with it."""
    try:
        return work_out()
    except database.Away:
        raise
    except Exception:
        db.session.rollback()  # what stopped in the middle must not stop the next
        log.exception("no_answer", question=question)
        return None


# --- each question


def _failures(asked: Asked) -> Answer:
    connection, chosen = asked.connection, asked.period
    parts = asked.parts()
    wrong = [part for part in parts if part.state in WENT_WRONG]
    names = reading.names(connection, {part.task_id for part in wrong})
    cuts = chosen.cuts()
    series = reading.series(connection, asked.team_id, cuts, WENT_WRONG)
    before = reading.total(connection, asked.team_id, chosen.before(), WENT_WRONG) if asked.compares else None
    past = Past(
        marks(cuts, chosen),
        {(place, reason): runs for place, reason, runs, _ in series},
        [Failed(names[one.task_id], one.reason, one.runs) for one in wrong],
        _seen(series, cuts, chosen),
        sum(part.runs for part in parts if part.state not in _LEFT_OUT),
        before,
    )
    dates = {"from": chosen.first.isoformat(), "to": chosen.last.isoformat()}
    return failing.answer(past, chosen.words, dates, _suggestion(asked, wrong))


def _seen(
    series: Sequence[tuple[int, str, int, int]], cuts: Sequence[tuple[datetime, datetime]], chosen: Period
) -> dict[str, tuple[date, date]]:
    """Return the days of the first and the last bar that each reason is in."""
    zone = localtime.zone(chosen.timezone)
    places: dict[str, list[int]] = {}
    for place, reason, _, _ in series:
        places.setdefault(reason, []).append(place)
    days = [since.astimezone(zone).date() for since, _ in cuts]
    return {reason: (days[min(some)], days[max(some)]) for reason, some in places.items()}


def _suggestion(asked: Asked, wrong: Sequence[Part]) -> str:
    """Return the sentence of an open change to the task that fails most."""
    if not wrong or not asked.actor.may("edit"):
        return ""
    worst = max(wrong, key=lambda part: part.runs).task_id
    helps = (Suggestion.task_id == worst, Suggestion.state == "open", Suggestion.kind.in_(_HELP))
    query = sa.select(Suggestion.sentence).where(Suggestion.team_id == asked.team_id, *helps).limit(1)
    return asked.connection.execute(query).scalar() or ""


def _slower(asked: Asked) -> Answer:
    connection, before = asked.connection, asked.period.before()
    now = reading.took_by_task(connection, asked.team_id, asked.period)
    then = reading.took_by_task(connection, asked.team_id, before)
    names = reading.names(connection, now.keys())
    paces = [Pace(names[one], now[one], then.get(one, {})) for one in now]
    runs = sum(size(one) for one in now.values())
    words = _span(before), _span(asked.period)
    return slowing.answer(paces, runs, asked.period.words, *words)


def _punctuality(asked: Asked) -> Answer:
    hours = reading.late_by_hour(asked.connection, asked.team_id, asked.period)
    before = None
    if asked.compares:
        before = merged(reading.late_by_hour(asked.connection, asked.team_id, asked.period.before()).values())
    return starting.answer(hours, before, asked.period.words)


def _agents(asked: Asked) -> Answer:
    parts = [part for part in asked.parts() if part.model and part.state in _RAN]
    took = reading.took(asked.connection, asked.team_id, asked.period, Rollup.model != "")
    of = kinds.of(asked.connection, {part.task_id for part in parts})
    names = reading.names(asked.connection, of.keys())
    records: dict[tuple[str, str], Record] = {}
    for part in sorted(parts, key=lambda one: -one.runs):
        record = records.setdefault((part.model, of[part.task_id]), Record(part.model, of[part.task_id]))
        record.task = record.task if record.runs else names[part.task_id]
        record.runs += part.runs
        record.worked += part.runs if part.state in DID_ITS_WORK else 0
        record.micros += part.cost_micros
        record.priced += part.priced
    for (task_id, model), more in took.items():
        if record_of := records.get((model, of.get(task_id, ""))):
            record_of.took = merged([record_of.took, more])
    return choosing.answer(list(records.values()))


def _value(asked: Asked) -> Answer:
    parts = asked.parts()
    minutes = _minutes(asked)
    rate = asked.connection.execute(sa.select(Team.hourly_micros).where(Team.id == asked.team_id)).scalar()
    names = reading.names(asked.connection, {part.task_id for part in parts})
    worked, cost = Counter[int](), Counter[int]()
    for part in parts:
        worked[part.task_id] += part.runs if part.state in DID_ITS_WORK else 0
        cost[part.task_id] += part.cost_micros
    spared = [Spared(names[one], worked[one], minutes.get(one), cost[one]) for one in names]
    before = None
    if asked.compares:
        then = [part for part in asked.parts_before() if part.state in DID_ITS_WORK]
        before = sum(part.runs * (minutes.get(part.task_id) or 0.0) for part in then) / 60
    return giving.answer(spared, rate, before, asked.period.words)


def _minutes(asked: Asked) -> Mapping[int, float | None]:
    query = sa.select(Task.id, Task.minutes_saved).where(Task.team_id == asked.team_id)
    return {row.id: row.minutes_saved for row in asked.connection.execute(query)}


def _trust(asked: Asked) -> Answer:
    return trusting.answer(estimates.calibration(asked.team_id))


def _money(asked: Asked) -> Answer:
    return costs.answer(asked.connection, asked.team_id, asked.period, asked.now, compares=asked.compares)


def _busy(asked: Asked) -> Answer:
    return busy.answer(asked.actor, asked.period.timezone)


# --- words of periods


def marks(cuts: Sequence[tuple[datetime, datetime]], chosen: Period) -> list[str]:
    """Return the places on an axis of time, in the reader's zone, as Plotly reads them."""
    zone = localtime.zone(chosen.timezone)
    return [
        f"{since.astimezone(zone):%Y-%m-%dT%H:%M}" if chosen.unit == "hour" else f"{since.astimezone(zone):%Y-%m-%d}"
        for since, _ in cuts
    ]


def _span(chosen: Period) -> str:
    first, last = chosen.first, chosen.last
    return f"{first.day} {first:%b}" if first == last else f"{first.day} {first:%b} to {last.day} {last:%b}"


_HELP = ("more_retries", "longer_limit", "fewer_skips")
_ANSWERS: Mapping[Question, Callable[[Asked], Answer]] = {
    "failures": _failures, "slower": _slower, "money": _money, "busy": _busy, "punctuality": _punctuality,
    "agents": _agents, "value": _value, "trust": _trust,
}  # fmt: skip
