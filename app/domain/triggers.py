"""Once, interval, cron and RRULE: the planned times after an instant, in a zone, right through every clock change."""

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import count, dropwhile, takewhile
from typing import Literal, get_args
from zoneinfo import ZoneInfo

from app.domain import cron, localtime, recurrence, rrule, rule_words, wording
from app.domain.localtime import LAST, Change, Fire, Fold, Gap, TriggerError

__all__ = [
    "Fire", "Fold", "Gap", "Kind", "Trigger", "TriggerError",
    "assumptions", "check", "clock_changes", "describe", "fires_between", "last_fire", "next_fire",
]  # fmt: skip

Kind = Literal["once", "interval", "cron", "rrule"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
SHORTEST = timedelta(seconds=1)
LONGEST = timedelta(days=3660)
_LOOKS_BACK = tuple(timedelta(days) for days in (0.1, 3, 40, 400, 4_000, 40_000))
"""How far before its end the last time of a rule is looked for, step by step."""

_ONCE = re.compile(r"[12]\d{3}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)?", re.ASCII)
_INTERVAL = re.compile(r"(?:(\d{1,3})w)?(?:(\d{1,5})d)?(?:(\d{1,6})h)?(?:(\d{1,8})m)?(?:(\d{1,9})s)?", re.ASCII)
_ISO_INTERVAL = re.compile(r"p(\d+w|(?:\d+d)?)(?:t([\dhms]+))?", re.ASCII)


@dataclass(frozen=True)
class Trigger:
    """A rule that yields planned times.

    `expression` by kind. once: a wall time of the zone, `2026-11-24T09:00[:30]`, or an instant with its UTC offset.
    interval: elapsed time, `90s`, `15m`, `2h`, `1d`, `1h30m`, `PT1H30M` or a number of seconds, from 1 s to 3,660 days;
    the n-th time is exactly anchor_at + n × interval, n ≥ 0 (without an anchor: from 1970 UTC). cron: five fields.
    rrule: RFC 5545, DTSTART optional; without one it counts from the day of the anchor.
    `gap` and `fold` say what becomes of fixed wall times that a clock change leaves out or repeats.
    Nothing is planned before `starts_at` or after `ends_at`; both instants themselves are allowed.
    """

    kind: Kind
    expression: str
    timezone: str
    gap: Gap = "next"
    fold: Fold = "first"
    anchor_at: datetime | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None

    @property
    def is_wildcard(self) -> bool:
        """Whether it follows every real minute that matches, so that `gap` and `fold` change nothing."""
        if self.kind == "cron":
            return cron.parse(self.expression).is_wildcard
        return self.kind == "rrule" and self.rule.is_wildcard

    @property
    def rule(self) -> rrule.Rule:
        """The parts of an RRULE."""
        return rrule.parse(self.expression, self.timezone)


def check(trigger: Trigger) -> None:
    """Raise TriggerError unless the rule can be computed and runs at some time."""
    if trigger.kind not in get_args(Kind):
        raise TriggerError("A schedule is once, an interval, cron or rrule. Choose one of them.")
    if trigger.gap not in get_args(Gap) or trigger.fold not in get_args(Fold):
        raise TriggerError("A missing time is “next” or “skip”, a repeated one “first” or “both”. Choose one of them.")
    if trigger.starts_at and trigger.ends_at and trigger.ends_at < trigger.starts_at:
        raise TriggerError("The schedule ends before it begins. Choose a later end.")
    if next_fire(trigger, EPOCH) is None:
        raise TriggerError("This schedule never runs: its time does not exist. Choose another one.")


def next_fire(trigger: Trigger, after: datetime) -> Fire | None:
    """Return the first planned time strictly later than `after` (aware), None when there is none."""
    return next(_fires(trigger, after.astimezone(UTC)), None)


def last_fire(trigger: Trigger) -> Fire | None:
    """Return the time the rule ends with; None when it goes on for ever, or has no time at all."""
    end = _end(trigger)
    if trigger.kind == "rrule" and (last := recurrence.last(trigger.rule, _anchor(trigger))):
        end = min(end, last.replace(tzinfo=localtime.zone(trigger.timezone)).astimezone(UTC) + localtime.DAY)
    if trigger.kind == "once":
        return next_fire(trigger, EPOCH)
    if end >= LAST - localtime.DAY:
        return None
    for span in _LOOKS_BACK:
        if next(fires_between(trigger, end - span, end), None):
            return deque(fires_between(trigger, _shortly_before_last(trigger, end - span, end), end), maxlen=1)[0]
    return None


def _shortly_before_last(trigger: Trigger, after: datetime, end: datetime) -> datetime:
    """Return an instant after which there are few times up to `end`, but not none; there are some after `after`."""
    until = end
    while until - after > HOUR:
        middle = after + (until - after) / 2
        if next(fires_between(trigger, middle, end), None):
            after = middle
        else:
            until = middle
    return after


def fires_between(trigger: Trigger, after: datetime, until: datetime) -> Iterator[Fire]:
    """Yield the planned times with after < at <= until (both aware), ascending, computed as they are asked for."""
    return takewhile(lambda fire: fire.at <= until, _fires(trigger, after.astimezone(UTC)))


def describe(trigger: Trigger) -> str:
    """Say the rule in words, without its zone: "Every weekday at 09:00"."""
    if trigger.kind == "cron":
        return rule_words.cron(cron.parse(trigger.expression))
    if trigger.kind == "rrule":
        return rule_words.rrule(trigger.rule)
    if trigger.kind == "interval":
        return f"Every {wording.elapsed(interval(trigger.expression))}"
    moment = _once(trigger.expression)
    local = moment.astimezone(localtime.zone(trigger.timezone)) if moment.tzinfo else moment
    return f"Once, {wording.day(local)} at {wording.clock(local)}"


def assumptions(trigger: Trigger) -> list[str]:
    """Say what the rule leaves open and how it is taken, a sentence each; none if it says everything."""
    if trigger.kind != "rrule":
        return []
    rule, said = trigger.rule, []
    if rule.dtstart is None and rule.interval > 1:
        day = wording.day((trigger.anchor_at or EPOCH).astimezone(localtime.zone(trigger.timezone)))
        said.append(f"Without DTSTART it counts from {day}.")
    if not rule.has_time:
        said.append("Without BYHOUR and DTSTART it runs at midnight.")
    return said


def clock_changes(trigger: Trigger, after: datetime, until: datetime) -> list[str]:
    """Say what the clock changes with after < at <= until do to this rule, a sentence each; none if nothing."""
    tz = localtime.zone(trigger.timezone)
    effect = _interval_effect if trigger.kind == "interval" else _wall_effect
    after, until = max(after, trigger.starts_at or after), min(until, _end(trigger))
    found = localtime.changes(tz, after.astimezone(UTC), until.astimezone(UTC))
    return [sentence for sentence in (effect(trigger, tz, change) for change in found) if sentence]


def _fires(trigger: Trigger, after: datetime) -> Iterator[Fire]:
    tz = localtime.zone(trigger.timezone)
    if trigger.starts_at:
        after = max(after, trigger.starts_at - timedelta.resolution)
    if after >= LAST:
        return iter(())
    end = _end(trigger)
    if trigger.kind == "interval":
        fires = _interval_fires(trigger, tz, after)
    elif trigger.kind == "once" and (moment := _once(trigger.expression)).tzinfo:
        fires = iter((_fire(moment.astimezone(UTC), tz),))
    else:
        gap, fold = _rules(trigger)
        fires = localtime.fires(_walls(trigger, localtime.start(tz, after)), tz, gap, fold)
    return takewhile(lambda fire: fire.at <= end, dropwhile(lambda fire: fire.at <= after, fires))


def _end(trigger: Trigger) -> datetime:
    """Return the last instant at which it may run, apart from what its walls end with."""
    end = min(LAST - timedelta.resolution, trigger.ends_at or LAST)
    if trigger.kind == "rrule" and (until := trigger.rule.until) and until.tzinfo:
        return min(end, until)
    return end


def _walls(trigger: Trigger, since: datetime) -> Iterator[datetime]:
    if trigger.kind == "cron":
        return cron.parse(trigger.expression).walls(since)
    if trigger.kind == "rrule":
        return recurrence.walls(trigger.rule, _anchor(trigger), since)
    moment = _once(trigger.expression)
    return iter((moment,) if moment.tzinfo is None and moment >= since else ())


def _anchor(trigger: Trigger) -> datetime:
    return (trigger.anchor_at or EPOCH).astimezone(localtime.zone(trigger.timezone)).replace(tzinfo=None)


def _rules(trigger: Trigger) -> tuple[Gap, Fold]:
    """Return what holds for missing and repeated times: what follows every real minute invents and drops nothing."""
    if trigger.is_wildcard:
        return "skip", "both"
    return trigger.gap, trigger.fold


def _interval_fires(trigger: Trigger, tz: ZoneInfo, after: datetime) -> Iterator[Fire]:
    every, anchor = interval(trigger.expression), (trigger.anchor_at or EPOCH).astimezone(UTC)
    for number in count(max(0, (after - anchor) // every + 1)):
        yield _fire(anchor + number * every, tz)


def _fire(at: datetime, tz: ZoneInfo) -> Fire:
    return Fire(at, localtime.shown(at.astimezone(tz).replace(tzinfo=None)))


@lru_cache(maxsize=1024)
def interval(expression: str) -> timedelta:
    """Return the length that an interval's expression stands for; TriggerError says what can be written."""
    text = expression.strip().lower()
    if iso := _ISO_INTERVAL.fullmatch(text):
        text = "".join(filter(None, iso.groups()))
    match = _INTERVAL.fullmatch(f"{text}s" if text.isascii() and text.isdecimal() else text)
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in match.groups()) if match else [0] * 5
    every = timedelta(days, seconds, minutes=minutes, hours=hours, weeks=weeks)
    if not SHORTEST <= every <= LONGEST:
        raise TriggerError(
            f"“{expression}” is no interval. Write 90s, 15m, 2h, 1d or 1h30m, from 1 second to {LONGEST.days:,} days."
        )
    return every


@lru_cache(maxsize=1024)
def _once(expression: str) -> datetime:
    """Return a naive wall time, or an aware instant if the expression has a UTC offset."""
    try:
        if _ONCE.fullmatch(expression.strip()):
            return datetime.fromisoformat(expression.strip())
    except ValueError:
        raise TriggerError(f"There is no such moment as “{expression}”. Check day, month, hour and minute.") from None
    raise TriggerError(f"“{expression}” is no date with a time. Write it as 2026-11-24T09:00.")


def _wall_effect(trigger: Trigger, tz: ZoneInfo, change: Change) -> str:
    first, end = change.walls
    hit = list(takewhile(lambda wall: wall < end, _walls(trigger, first)))
    if not hit or _keeps_its_rhythm(trigger, end - first):
        return ""
    gap, fold = _rules(trigger)
    span = wording.clock(hit[0]) if len(hit) == 1 else f"{wording.clock(hit[0])} to {wording.clock(hit[-1])}"
    on = f"{wording.day(hit[0])}: {span}"
    if change.is_gap:
        does_not = "does not exist" if len(hit) == 1 else "do not exist"
        there = change.at.astimezone(tz)
        where = "" if there.date() == hit[0].date() else f" on {wording.day(there)}"
        then = f"It will run at {wording.clock(there)}{where}." if gap == "next" else "It will not run then."
        return f"{on} {does_not}. {then}"
    happens = "happens twice" if len(hit) == 1 else "happen twice"
    return f"{on} {happens}. {'It runs both times.' if fold == 'both' else 'It runs once, at the first.'}"


def _keeps_its_rhythm(trigger: Trigger, shift: timedelta) -> bool:
    """Whether the change is not felt: the same minutes of every hour, and the clock is set by whole hours."""
    if shift % HOUR:
        return False
    if trigger.kind == "rrule":
        return trigger.is_wildcard and trigger.rule.interval == 1
    return trigger.kind == "cron" and len(cron.parse(trigger.expression).hours) == 24  # noqa: PLR2004 hours of a day


def _interval_effect(trigger: Trigger, tz: ZoneInfo, change: Change) -> str:
    if interval(trigger.expression) % localtime.DAY:
        return ""
    at = next(_interval_fires(trigger, tz, change.at)).at
    before, after = (wording.clock(localtime.wall(at, offset)) for offset in (change.before, change.after))
    day = wording.day(change.at.astimezone(tz))
    return f"{day}: the clock changes and elapsed time counts. From then on it runs at {after} instead of {before}."
