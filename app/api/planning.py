"""Planning: what a run will take, what a schedule collides with, how busy it will be; tasks spread over a window."""

from datetime import date, datetime

from flask import g
from pydantic import AwareDatetime, Field

from app.api import schedule_models
from app.api.resource import In, Out, Resource
from app.api.schedule_models import ScheduleIn
from app.core.clock import utc_now
from app.core.errors import Conflict, Invalid
from app.domain import conflicts as rules
from app.domain.forecast import Estimate
from app.services import estimates, tasks, what_if
from app.services.planning import clashes, spreading, waits, week
from app.services.planning.clashes import About, Line, Seen
from app.services.tasks import moving, schedules
from app.services.tasks.schedules import Moves

api = Resource("planning", "Planning")


class EstimateOut(Out):
    """What a run is expected to be; null where nothing is known."""

    typical_seconds: float | None = Field(description="The number to show")
    p10_seconds: float | None
    p50_seconds: float | None
    p90_seconds: float | None
    p_fail: float | None = Field(description="The risk to fail, 0 to 1")
    cause: str = Field(description="What raises the risk, where one thing stands out")
    cost_micros: int | None = Field(description="Millionths of a US dollar")
    tokens: int | None
    basis: str = Field(description="What it rests on")
    runs: int = Field(description="Runs of the task that were learned from")
    wait_seconds: float | None = Field(
        None, description="How long the next planned run of a saved task will wait for a slot"
    )


class ConflictWayOut(Out):
    """A way out of a conflict: times moved, fields of the task's form set, or others changed."""

    label: str
    shift_seconds: float | None
    weekdays: list[int] = Field(description="Only times on these move (Sunday 0), in a schedule of their own; else all")
    fields: dict[str, str]
    page: str = Field(
        description="`spread`: spread the tasks that start at the conflict's `at`; `budgets`: raise a limit"
    )


class ConflictOut(Out):
    """A clash of a schedule, where it is first met, and the coming times that it hits, where not all are alike."""

    kind: rules.Kind
    severity: rules.Severity
    sentence: str
    at: datetime | None
    times: list[datetime]
    ways: list[ConflictWayOut]


class BetterOut(Out):
    """A better time of day, and why."""

    clock: str
    shift_seconds: float
    reasons: list[str]


class LookIn(ScheduleIn):
    """A schedule and the task that it is for."""

    task: str = Field("", max_length=80, description="Its slug, where it is saved")
    engine: str = Field("", max_length=24, description="Its type, where it is not")
    pool: str = Field("", max_length=60)
    model: str | None = Field(
        None, max_length=80, description="Another model for an agent; an empty one is the default"
    )


class SumOut(Out):
    """What runs come to in thirty days, about; null where that is not known."""

    runs: int
    micros: int | None
    tokens: int | None


class MonthOut(Out):
    """A month with this schedule and this model, and as the task is saved."""

    then: SumOut
    before: SumOut | None
    unpriced: str = Field(description="The model, where no price of it is known")


class TimeOut(Out):
    """One of the next times, and what is expected of a run then."""

    at: datetime
    p10_seconds: float | None
    p90_seconds: float | None
    cost_micros: int | None
    price: float = Field(description="What the model's price is multiplied by then")
    marks: list[str] = Field(description="What it collides with, a word each")


class LookOut(Out):
    """What planning says of a schedule."""

    estimate: EstimateOut
    conflicts: list[ConflictOut]
    better: list[BetterOut]
    next: list[TimeOut]
    month: MonthOut | None


class DayOut(Out):
    """A day: how many runs go at once in each of its hours, how many start, and what they cost."""

    day: date
    hours: list[int] = Field(min_length=24, max_length=24)
    runs: int
    micros: int | None = Field(description="Millionths of a US dollar; null: no price known")


class PoolUseOut(Out):
    """A pool, and the longest that a run would wait for a slot of it."""

    name: str
    slots: int
    wait_seconds: float
    at: datetime | None


class WeekOut(Out):
    """The coming seven days of the team, in the time zone of the token's person."""

    days: list[DayOut]
    slots: int
    runs: int
    micros: int | None
    wait_seconds: float = Field(description="The longest that a run would wait for a slot of the workers")
    pools: list[PoolUseOut]


class BinOut(Out):
    """Runs of which such a risk was said, and the share that failed."""

    low: float
    high: float
    n: int
    said: float
    failed: float


class CalibrationOut(Out):
    """How past estimates held; shares are null while there is nothing to tell."""

    n: int
    inside: float | None = Field(description="Between p10 and p90; should be 0.8")
    below_p90: float | None
    below_p50: float | None
    judged: int
    brier: float | None
    bins: list[BinOut]


class SpreadIn(In):
    """Tasks that start together, and the window of wall times to spread them over."""

    tasks: list[str] = Field(
        default_factory=list, max_length=spreading.MOST_TASKS,
        description="By default those that start in the minute of `at`, or in the one in which they wait the longest",
    )  # fmt: skip
    at: AwareDatetime | None = None
    since: str = Field("", max_length=8, description="09:00; by default when the earliest of them starts")
    until: str = Field("", max_length=8, description="By default half an hour later")
    timezone: str = Field("UTC", max_length=64)
    is_applied: bool = Field(False, description="Move them; else only say where they would start")


class StartOut(Out):
    """Where a task starts, and where it should; `stays` says why it could not be moved."""

    slug: str
    at: datetime
    to: datetime
    stays: str


class SpreadOut(Out):
    """Where the tasks start, and how many go at once before and after."""

    items: list[StartOut]
    before: int
    after: int


@api.get("/tasks/<slug>/estimate")
@api.allow("see")
@api.output(EstimateOut)
def read_estimate(slug: str) -> EstimateOut:
    """Read what a run of a task that starts now would take, cost and risk"""
    task = tasks.find(g.actor, slug)
    found = _estimate(estimates.of_task(task, utc_now()))
    return found.model_copy(update={"wait_seconds": waits.of_task(task)})


@api.post("/schedules/conflicts")
@api.allow("see")
@api.input(LookIn, example={"text": "every weekday at 9:00", "timezone": "Europe/Berlin", "engine": "http"})
@api.output(LookOut)
def find_conflicts(json_data: LookIn) -> LookOut:
    """Say what a schedule collides with and which times would be better, without saving it"""
    now, given, moves = utc_now(), schedule_models.given(json_data), Moves(g.actor.team_id)
    read = schedules.preview(given, now, 5, moves)
    about = About(g.actor.team_id, json_data.task, json_data.engine, pool=json_data.pool, model=json_data.model or "")
    looked = clashes.Look(about, now)
    if read.trigger is None:
        return LookOut(estimate=_estimate(looked.estimate), conflicts=[], better=[], next=[], month=None)
    plan = schedules.plan_of_typed(given, read.trigger, moves, now)
    seen = looked.at(plan)
    typed = what_if.Typed(json_data.task, json_data.engine, json_data.model, [plan])
    month = what_if.look(g.actor, typed, seen.estimate, now)
    return LookOut(
        estimate=_estimate(seen.estimate),
        conflicts=[_conflict(one) for one in seen.conflicts],
        better=[
            BetterOut(clock=one.clock, shift_seconds=one.shift.total_seconds(), reasons=list(one.reasons))
            for one in seen.choices
        ],
        next=[
            _next(one.at, looked.line(one.at), seen, month.then.each_micros)
            for one in read.fires
            if not one.is_left_out
        ],
        month=MonthOut.model_validate(month),
    )


@api.get("/insights/week")
@api.allow("see")
@api.output(WeekOut)
def read_week() -> WeekOut:
    """Read how busy the coming seven days are"""
    return WeekOut.model_validate(week.week(g.actor, g.bearer.timezone))


@api.get("/insights/calibration")
@api.allow("see")
@api.output(CalibrationOut)
def read_calibration() -> CalibrationOut:
    """Read how past estimates held"""
    return CalibrationOut.model_validate(estimates.calibration(g.actor.team_id))


@api.post("/tasks/spread")
@api.allow("edit")
@api.input(SpreadIn, example={"tasks": ["morning-report", "stock-levels"], "since": "09:00", "until": "09:30"})
@api.output(SpreadOut)
def spread_tasks(json_data: SpreadIn) -> SpreadOut:
    """Spread tasks that start together over a window, or say how that would be"""
    window = (json_data.since, json_data.until)
    slugs = json_data.tasks or spreading.crowd(g.actor, utc_now(), json_data.at)
    found = spreading.propose(g.actor, slugs, window, json_data.timezone, utc_now())
    items = []
    for place in found.places:
        stays = _moved(place) if json_data.is_applied and place.to != place.at else ""
        items.append(StartOut(slug=place.slug, at=place.at, to=place.to, stays=stays))
    return SpreadOut(items=items, before=found.before, after=found.after)


def _moved(place: spreading.Place) -> str:
    try:
        moving.move(g.actor, place.slug, place.schedule_id, place.rule, place.at, place.to, "all")
    except Invalid as error:
        return next(iter(error.fields.values()))
    except Conflict as error:
        return str(error)
    return ""


def _next(at: datetime, line: Line, seen: Seen, each: int | None) -> TimeOut:
    return TimeOut(
        at=at, p10_seconds=line.estimate.p10_seconds, p90_seconds=line.estimate.p90_seconds,
        cost_micros=line.cost_micros(each), price=line.price,
        marks=[one.mark for one in seen.conflicts if at in one.times],
    )  # fmt: skip


def _estimate(one: Estimate) -> EstimateOut:
    return EstimateOut.model_validate(one)


def _conflict(one: rules.Conflict) -> ConflictOut:
    return ConflictOut(
        kind=one.kind, severity=one.severity, sentence=one.sentence, at=one.at, times=sorted(one.times),
        ways=[_way(way) for way in one.ways],
    )  # fmt: skip


def _way(one: rules.Way) -> ConflictWayOut:
    return ConflictWayOut(
        label=one.label, shift_seconds=one.shift.total_seconds() if one.shift else None,
        weekdays=sorted(one.weekdays), fields=dict(one.fields), page=one.page,
    )  # fmt: skip
