"""Tasks that start together, and where each should start instead: proposed here, and changed by who agrees."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from itertools import accumulate, pairwise
from math import ceil

from app.core.errors import Invalid
from app.domain import localtime, spreading
from app.domain.access import Actor
from app.domain.load import MINUTE
from app.domain.localtime import Fire, TriggerError
from app.domain.occurrences import Occurrence
from app.domain.spreading import DAY_MINUTES, Start
from app.infra.database import db
from app.services import coming, estimates
from app.services.coming import Coming, ComingRun
from app.services.estimates import Subject
from app.services.planning import crowds, loads

MOST_TASKS = 50
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)
_WEEK = timedelta(days=7)
_ALMOST_A_DAY = timedelta(hours=22)
_MOST_RUNS = 10_000
_UNKNOWN_SECONDS = 60.0


@dataclass(frozen=True)
class Place:
    """A schedule and its next run: it starts at `at` now, and should at `to` (both UTC)."""

    slug: str
    name: str
    schedule_id: int
    rule: Occurrence
    at: datetime
    to: datetime
    seconds: float | None


@dataclass(frozen=True)
class Proposal:
    """Where tasks should start within a window of wall times, and how many of them go at once before and after."""

    since: time
    until: time
    places: Sequence[Place]
    before: int
    after: int


def crowd(actor: Actor, now: datetime, at: datetime | None = None) -> list[str]:
    """Return the slugs of the tasks that start in the minute of `at` (aware).

    Without it in the one in which they wait the longest; where none waits, in which most start. None without company.
    Tasks with several times a day are no part of it.
    """
    found = [one for one in _coming(actor, now) if _is_daily(one)]
    minutes: dict[datetime, set[str]] = {}
    for one in found:
        for run in one.runs:
            if not run.is_left_out:
                minutes.setdefault(run.at.replace(second=0, microsecond=0), set()).add(one.schedule.slug)
    if at:
        minutes = {minute: slugs for minute, slugs in minutes.items() if timedelta() <= at - minute < MINUTE}
    waits = {one.at: one.wait_seconds for one in crowds.crowds(actor.team_id, now, now + _WEEK, now)}
    fullest = max(minutes, key=lambda at: (waits.get(at, 0.0), len(minutes[at])), default=None)
    most = minutes[fullest] if fullest else set()
    return sorted(most)[:MOST_TASKS] if len(most) > 1 else []


def propose(actor: Actor, slugs: Sequence[str], window: tuple[str, str], timezone: str, now: datetime) -> Proposal:
    """Say where these tasks should start, in a time zone. Raises Invalid: since, until, timezone, or the whole.

    An empty window is the half hour from the earliest of them on. Of a task the schedule that comes next counts; what
    has been moved already, what has several times a day and what runs elsewhere stays.
    """
    try:
        zone = localtime.zone(timezone)
    except TriggerError as error:
        raise Invalid({"timezone": error.sentence}) from None
    found = _coming(actor, now)
    wanted = set(slugs[:MOST_TASKS])
    firsts = _firsts([one for one in found if one.schedule.slug in wanted])
    if len(firsts) < 2:  # noqa: PLR2004 one alone is no crowd
        raise Invalid({"": "Choose at least two tasks that run once a day or less, by a schedule, in the coming week."})
    clocks = {one.schedule.id: run.at.astimezone(zone) for one, run in firsts}
    since, until = _window(window, min(clock.time() for clock in clocks.values()))
    seconds = _seconds(actor, found, now)
    starts = [
        Start(one.schedule.id, _minute(clocks[one.schedule.id].time()), _minutes(seconds[one.task_id]))
        for one, _ in firsts
    ]
    day = datetime.combine(min(clocks.values()).date(), time(), zone)
    lanes = {loads.lane_scope(one.schedule) for one, _ in firsts}
    moving = {one.task_id for one, _ in firsts}
    others = [one for one in found if one.task_id not in moving and loads.lane_scope(one.schedule) in lanes]
    placed = spreading.spread(starts, _minute(since), _minute(until), _busy(others, seconds, day))
    places = [
        Place(
            one.schedule.slug, one.schedule.name, one.schedule.id, Occurrence(Fire(run.fire_at, ""), run.at), run.at,
            _at(clocks[one.schedule.id], placed[one.schedule.id]), seconds[one.task_id],
        )
        for one, run in firsts
    ]  # fmt: skip
    places.sort(key=lambda place: (place.to, place.name))
    return Proposal(since, until, places, _together(starts, None), _together(starts, placed))


def _coming(actor: Actor, now: datetime) -> list[Coming]:
    return coming.coming(db.session.connection(), [actor.team_id], now, now + _WEEK, now, together=_MOST_RUNS)


def _firsts(found: Sequence[Coming]) -> list[tuple[Coming, ComingRun]]:
    """Return of each task the schedule that comes next, with its first run that nobody has moved."""
    firsts: dict[int, tuple[Coming, ComingRun]] = {}
    for one in found:
        run = next((run for run in one.runs if run.number is None and not run.is_left_out), None)
        if run and one.schedule.engine != "ping" and _is_daily(one):
            known = firsts.get(one.task_id)
            if known is None or run.at < known[1].at:
                firsts[one.task_id] = (one, run)
    return list(firsts.values())


def _is_daily(one: Coming) -> bool:
    """Return whether its runs lie a day or more apart, but for what clock changes take: only those move as a whole."""
    rules = sorted(run.fire_at for run in one.runs)
    return all(later - earlier >= _ALMOST_A_DAY for earlier, later in pairwise(rules))


def _window(window: tuple[str, str], earliest: time) -> tuple[time, time]:
    wrong, edges = {}, []
    half_hour = min(_minute(earliest) + 30, DAY_MINUTES - 1)
    for name, text, default in zip(
        ("since", "until"), window, (earliest, time(half_hour // 60, half_hour % 60)), strict=True
    ):
        if text.strip() and not _CLOCK.fullmatch(text.strip()):
            wrong[name] = "Write a time such as 09:00."
        else:
            edges.append(time.fromisoformat(text.strip()) if text.strip() else default)
    if not wrong and edges[0] > edges[1]:
        wrong["until"] = "Choose a later end: the window goes from the first time to this one."
    if wrong:
        raise Invalid(wrong)
    return edges[0], edges[1]


def _seconds(actor: Actor, found: Sequence[Coming], now: datetime) -> dict[int, float | None]:
    """Return, by task, how long a run usually takes; None while that is not known."""
    subjects = [Subject(one.task_id, one.schedule.engine) for one in found]
    known = estimates.of(db.session.connection(), actor.team_id, subjects, now)
    return {task_id: estimate.typical_seconds for task_id, estimate in known.items()}


def _busy(
    others: Sequence[Coming], seconds: Mapping[int, float | None], day: datetime, minutes: int = 2 * DAY_MINUTES
) -> Mapping[int, float]:
    """Return how many runs of other tasks go on in each minute from the beginning of a day on."""
    more = Counter[int]()
    for one in others:
        length = _minutes(seconds[one.task_id])
        for run in one.runs:
            begin = int((run.at - day) // MINUTE)
            if not run.is_left_out and 0 <= begin < minutes:
                more[begin] += 1
                more[begin + length] -= 1
    return dict(enumerate(accumulate(more[minute] for minute in range(2 * minutes))))


def _minutes(seconds: float | None) -> int:
    return max(ceil((seconds or _UNKNOWN_SECONDS) / 60), 1)


def _together(starts: Sequence[Start], placed: Mapping[int, int] | None) -> int:
    """Return how many of the starts go at once, at most."""
    going = Counter[int]()
    for start in starts:
        begin = placed[start.key] if placed else start.minute
        going.update(range(begin, begin + round(start.minutes)))
    return max(going.values())


def _minute(at: time) -> int:
    return at.hour * 60 + at.minute


def _at(local: datetime, minute: int) -> datetime:
    return local.replace(hour=minute // 60, minute=minute % 60, second=0, microsecond=0)
