"""Schedules: what was typed -> a rule, its words and its next times. A helper, like unit."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import islice
from types import MappingProxyType
from typing import Any, cast
from zoneinfo import ZoneInfo, available_timezones

import sqlalchemy as sa

from app.core.errors import Invalid
from app.domain import occurrences, phrases, triggers, wording
from app.domain.calendars import LOOKS_AHEAD, Calendar, Use
from app.domain.occurrences import Occurrence, Plan
from app.domain.phrases import Choice, Reading
from app.domain.triggers import Fire, Fold, Gap, Trigger, TriggerError
from app.infra.database import db
from app.models.tasks import Schedule, plan_of
from app.models.teams import Calendar as Row
from app.services import uses

LONGEST_TEXT = 300
MOST_SCHEDULES = 20
"""So many times one task may have."""

MOST_TIMES = 10_000
"""The largest limit on how many times a schedule runs; a later end is a date."""

MOST_PREVIEWED = 1000
MOST_A_MONTH = 24 * 32
"""So often may run what moves to an earlier day."""

_YEAR = timedelta(days=365)

USES = {
    "exclude": "not during", "only": "only within", "next_day": "moved to the next business day by",
    "previous_day": "moved to the business day before by", "delay": "held back by", "note": "also during",
}  # fmt: skip
"""The ways to use a calendar, and how the sentence about a task says them."""

_GAPS = {"skip": "left out when clocks skip it"}
_FOLDS = {"both": "twice when clocks repeat it"}


@dataclass(frozen=True)
class Given:
    """A schedule as typed: words, cron or RRULE, in a time zone, with what to do when clocks change.

    `starts` and `ends` are days or wall times of the zone (`2026-12-01`, `2026-12-01T09:00`), both included; `count`
    is how many times it runs at most. `calendars` are texts `<use>:<slug of a calendar>`.
    """

    text: str
    timezone: str
    gap: str = "next"
    fold: str = "first"
    starts: str = ""
    ends: str = ""
    count: str = ""
    calendars: tuple[str, ...] = ()


@dataclass(frozen=True)
class Moves:
    """What else moves the times of a schedule: whose calendars there are, and how far spread and jitter go.

    Without `counts_left_out` a preview has so many times as were asked for beside those that calendars leave out.
    """

    team_id: int | None = None
    spread_seconds: float = 0.0
    jitter_seconds: float = 0.0
    counts_left_out: bool = True

    @property
    def note(self) -> str:
        """What is known of spread and jitter before the schedule is saved, a sentence; empty without them."""
        said = wording.duration
        if self.spread_seconds and self.jitter_seconds:
            return (
                f"All start up to {said(self.spread_seconds)} later together (spread), and each up to "
                f"{said(self.jitter_seconds)} more (jitter). Once it is saved, the exact times stand on its page."
            )
        if self.jitter_seconds:
            return f"Each starts up to {said(self.jitter_seconds)} later (jitter): how much is known once it is saved."
        if self.spread_seconds:
            return f"All start up to {said(self.spread_seconds)} later (spread): how much is known once it is saved."
        return ""


@dataclass(frozen=True)
class Preview:
    """How a schedule was understood: `state` and `choices` of the reading, the next times, and what to know of them.

    `fires` are in the order in which they start. `last` is the time it ends with, None when it goes on for ever.
    `fields` names what is wrong beside the text.
    """

    state: str
    sentence: str
    trigger: Trigger | None = None
    choices: Sequence[Choice] = ()
    fires: Sequence[Occurrence] = ()
    notes: Sequence[str] = ()
    last: Fire | None = None
    fields: Mapping[str, str] | None = None


# --- reading


def preview(given: Given, now: datetime, count: int = 5, moves: Moves = Moves()) -> Preview:
    """Say how a schedule is understood and what becomes of its next `count` times after `now`; never raises."""
    reading = read(given, now)
    if reading.trigger is None:
        return Preview(reading.state, reading.sentence, choices=reading.choices)
    try:
        trigger = _bounded(reading.trigger, given, now)
        plan = plan_of_typed(given, trigger, moves, now)
        fires = occurrences.coming(plan, now, min(count, MOST_PREVIEWED), counts_left_out=moves.counts_left_out)
        notes = [*triggers.assumptions(trigger), *triggers.clock_changes(trigger, now, now + _YEAR)]
        last = triggers.last_fire(trigger)
    except Invalid as error:
        return Preview("unknown", next(iter(error.fields.values())), fields=error.fields)
    except TriggerError as error:
        return Preview("unknown", error.sentence)
    notes += [moves.note] if moves.note else []
    return Preview(reading.state, reading.sentence, trigger, reading.choices, fires, notes, last)


def plan_of_typed(given: Given, trigger: Trigger, moves: Moves, now: datetime) -> Plan:
    """Return all that moves the times of a rule, as far as it is known before it is saved. Raises Invalid."""
    return Plan(trigger, _uses(given, trigger, now, moves.team_id))


def read(given: Given, now: datetime) -> Reading:
    """Understand what was typed, apart from start and end; without a trigger it can't be, or has to be chosen first."""
    if given.timezone not in _zones():
        return Reading("unknown", None, "Choose a time zone from the list.")
    try:
        reading = phrases.read(given.text.strip()[:LONGEST_TEXT], now, given.timezone)
        if reading.trigger is None:
            return reading
        trigger = replace(reading.trigger, gap=cast("Gap", given.gap), fold=cast("Fold", given.fold))
        triggers.check(trigger)
    except TriggerError as error:
        return Reading("unknown", None, error.sentence)
    return replace(reading, trigger=trigger)


@cache
def _zones() -> set[str]:
    return available_timezones()  # looks through the files of the system each time


def _bounded(trigger: Trigger, given: Given, now: datetime) -> Trigger:
    """Return the rule with the start and the end that were typed. Raises Invalid, TriggerError."""
    zone = ZoneInfo(trigger.timezone)
    starts_at, ends_at = _edge("starts", given.starts, zone, time()), _edge("ends", given.ends, zone, time.max)
    if starts_at and trigger.kind == "interval":
        trigger = replace(trigger, anchor_at=starts_at)
    trigger = replace(trigger, starts_at=starts_at or trigger.starts_at, ends_at=ends_at or trigger.ends_at)
    if given.count.strip():
        counted = _next_fires(trigger, now, _count(given.count))
        trigger = replace(trigger, ends_at=counted[-1].at) if counted else trigger
    triggers.check(trigger)
    if triggers.next_fire(trigger, now) is None and trigger.ends_at:
        raise Invalid({"ends": "It ends before its first time. Choose a later end."})
    return trigger


def _edge(name: str, text: str, zone: ZoneInfo, at: time) -> datetime | None:
    text = text.strip()
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        if len(text) == len("2026-12-01"):
            moment = datetime.combine(date.fromisoformat(text), at)
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid({name: "Write a day such as 2026-12-01, or a moment such as 2026-12-01T09:00."}) from None


def _count(text: str) -> int:
    text = text.strip()
    if text.isascii() and text.isdecimal() and len(text) < 7 and 0 < int(text) <= MOST_TIMES:  # noqa: PLR2004 not read if longer
        return int(text)
    raise Invalid({"count": f"Write a whole number from 1 to {MOST_TIMES:,}."})


# --- calendars


def calendars(team_id: int) -> Sequence[Row]:
    """Return the calendars that schedules of a team may use, by name."""
    query = sa.select(Row).where(Row.team_id == team_id, Row.deleted_at.is_(None))
    return db.session.scalars(query.order_by(Row.name)).all()


def calendar_ids(team_id: int) -> dict[str, int]:
    """Return the ids of a team's calendars by their slugs."""
    return {calendar.slug: calendar.id for calendar in calendars(team_id)}


def _chosen(given: Given, known: Mapping[str, int]) -> list[dict[str, Any]]:
    """Return what is stored of the calendars that were chosen. Raises Invalid."""
    stored: list[dict[str, Any]] = []
    for text in given.calendars:
        use, _, slug = text.partition(":")
        if use not in USES:
            raise Invalid({"calendars": f"A calendar is used as one of {', '.join(USES)}, like exclude:holidays."})
        if slug not in known:
            sentence = f"There is no calendar called {slug}. Choose one of the team's, or make it first."
            raise Invalid({"calendars": sentence})
        if any(one["slug"] == slug for one in stored):
            raise Invalid({"calendars": f"The calendar {slug} is there twice. Use it once."})
        stored.append({"calendar": known[slug], "use": use, "slug": slug})
    return stored


def _uses(given: Given, trigger: Trigger, now: datetime, team_id: int | None) -> tuple[tuple[Use, Calendar], ...]:
    if not given.calendars or team_id is None:
        return ()
    stored = _chosen(given, calendar_ids(team_id))
    _check_rhythm(trigger, given, now)
    return tuple(uses.of(db.session.connection(), team_id, stored))


def _check_rhythm(trigger: Trigger, given: Given, now: datetime) -> None:
    """Raise Invalid for what moves to earlier days too often: the clock looks a month ahead for those."""
    if any(text.startswith("previous_day:") for text in given.calendars):
        month = triggers.fires_between(trigger, now, now + LOOKS_AHEAD)
        if len(list(islice(month, MOST_A_MONTH + 1))) > MOST_A_MONTH:
            sentence = "What runs more than once an hour can't move to the day before. Use the calendar in another way."
            raise Invalid({"calendars": sentence})


# --- stored rules


def checked(
    when: Sequence[Given],
    now: datetime,
    before: Sequence[Mapping[str, Any]] = (),
    calendars: Mapping[str, int] = MappingProxyType({}),
) -> list[dict[str, Any]]:
    """Return the rules to store for what was typed; what is empty is none. Raises Invalid: `when-<index>-<field>`.

    What is typed as `before` stays as it was understood then: “in 10 minutes” does not move when a task is saved again.
    `calendars` are those of the team: ids by slugs.
    """
    wrong: dict[str, str] = {}
    rules: list[dict[str, Any]] = []
    for index, given in enumerate(when):
        if not given.text.strip():
            continue
        try:
            rule = _understood(given, before) or _checked(given, now)
            rule["calendars"] = _chosen(given, calendars)
            _check_rhythm(trigger_of(rule), given, now)
        except Invalid as error:
            wrong |= {f"when-{index}-{field}": sentence for field, sentence in error.fields.items()}
            continue
        if any(trigger_of(rule) == trigger_of(other) for other in rules):
            wrong[f"when-{index}-text"] = "This is there already. Change it or remove it."
        rules.append(rule)
    if len(rules) > MOST_SCHEDULES:
        wrong[f"when-{MOST_SCHEDULES}-text"] = f"A task has at most {MOST_SCHEDULES} schedules. Join some of them."
    if wrong:
        raise Invalid(wrong)
    return rules


def _understood(given: Given, before: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return the rule that was typed like this before, whatever calendars it had."""
    typed = replace(given, calendars=())
    return next((dict(rule) for rule in before if replace(given_of(rule), calendars=()) == typed), None)


def _checked(given: Given, now: datetime) -> dict[str, Any]:
    reading = read(given, now)
    if reading.trigger is None:
        raise Invalid({"text": reading.sentence})
    try:
        trigger = _bounded(reading.trigger, given, now)
    except TriggerError as error:
        raise Invalid({"text": error.sentence}) from None
    if not triggers.clock_changes(trigger, now, now + _YEAR):
        trigger = replace(trigger, gap="next", fold="first")
    text = _moment(trigger.expression) if trigger.kind == "once" else given.text.strip()
    return {
        "text": text, "kind": trigger.kind, "expression": trigger.expression, "timezone": trigger.timezone,
        "gap": trigger.gap, "fold": trigger.fold, "anchor_at": _iso(trigger.anchor_at),
        "starts_at": _iso(trigger.starts_at), "ends_at": _iso(trigger.ends_at),
        "starts": given.starts.strip(), "ends": given.ends.strip(), "count": given.count.strip(),
    }  # fmt: skip


def _moment(expression: str) -> str:
    """Return a moment in words that mean the same tomorrow; one with an offset is read only as it is."""
    return expression.replace("T", " ") if len(expression) == len("2026-11-24T09:00") else expression


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def given_of(rule: Mapping[str, Any]) -> Given:
    """Return what was typed for a stored rule."""
    chosen = tuple(f"{one['use']}:{one['slug']}" for one in rule.get("calendars", ()))
    typed = {name: rule[name] for name in ("text", "timezone", "gap", "fold", "starts", "ends", "count")}
    return Given(**typed, calendars=chosen)


def trigger_of(rule: Mapping[str, Any]) -> Trigger:
    """Return the trigger of a stored rule."""
    moments = (datetime.fromisoformat(rule[name]) if rule[name] else None for name in _MOMENTS)
    return Trigger(rule["kind"], rule["expression"], rule["timezone"], rule["gap"], rule["fold"], *moments)


_MOMENTS = ("anchor_at", "starts_at", "ends_at")


# --- in words


def words(rules: Sequence[Mapping[str, Any]], calendar_names: Mapping[int, str] = MappingProxyType({})) -> str:
    """Say stored rules in words: every weekday at 09:00 (Europe/Berlin); `never by itself` when there are none.

    Calendars are called by `calendar_names` (by id), or by their slugs.
    """
    return "; ".join(_words(rule, calendar_names) for rule in rules) or "never by itself"


def _words(rule: Mapping[str, Any], names: Mapping[int, str]) -> str:
    try:
        said = triggers.describe(trigger_of(rule))
    except TriggerError:
        said = rule["text"] or rule["expression"]
    edges = [f"{word} {_said(rule[name])}" for name, word in _EDGES.items() if rule[name]]
    limit = [f"{rule['count']} times at most"] if rule["count"] else []
    changes = [word for word in (_GAPS.get(rule["gap"]), _FOLDS.get(rule["fold"])) if word]
    kept = [f"{USES[one['use']]} {names.get(one['calendar'], one['slug'])}" for one in rule.get("calendars", ())]
    return ", ".join([f"{said[:1].lower()}{said[1:]} ({rule['timezone']})", *edges, *limit, *changes, *kept])


_EDGES = {"starts": "from", "ends": "until"}


def _said(edge: str) -> str:
    """Say a day, or a day and its time, as it was typed: Tue 1 Dec 2026 at 11:30."""
    at = datetime.fromisoformat(edge)
    return wording.day(at) if len(edge) == len("2026-12-01") else f"{wording.day(at)} at {wording.clock(at)}"


def next_fires(schedules: Sequence[Schedule], now: datetime, count: int = 5) -> list[Occurrence]:
    """Return what becomes of the next planned times of active schedules, in the order in which they start."""
    return [one for one, _ in coming(schedules, now, count)]


def coming(schedules: Sequence[Schedule], now: datetime, count: int = 5) -> list[tuple[Occurrence, int]]:
    """Return the same, each with the id of its schedule: of two that meet they share a run, the first."""
    found: dict[datetime, tuple[Occurrence, int]] = {}
    for schedule in schedules:
        if schedule.state == "active":
            with suppress(TriggerError):  # the clock sets it aside and says so
                after = max(now, schedule.decided_until)
                for one in occurrences.coming(_plan(schedule), after, count):
                    if not occurrences.has_passed(one):  # it has had its run
                        found.setdefault(one.fire.at, (one, schedule.id))
    return sorted(found.values(), key=lambda pair: (pair[0].at, pair[0].fire.at))[:count]


def _plan(schedule: Schedule) -> Plan:
    stored = schedule.calendars
    return plan_of(schedule, uses.of(db.session.connection(), schedule.team_id, stored) if stored else ())


def _next_fires(trigger: Trigger, after: datetime, count: int) -> list[Fire]:
    return list(islice(triggers.fires_between(trigger, after, after + _YEAR * 50), count))
