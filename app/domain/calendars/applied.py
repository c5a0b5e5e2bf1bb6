"""A planned time and the calendars of its schedule -> when it runs instead, or not at all, and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, get_args
from zoneinfo import ZoneInfo

from app.domain import localtime
from app.domain.calendars.kinds import Calendar, ends, free_day
from app.domain.calendars.spans import CalendarError
from app.domain.localtime import Fire
from app.domain.wording import clock

Use = Literal["exclude", "only", "next_day", "previous_day", "delay", "note"]
USES: tuple[Use, ...] = get_args(Use)

LOOKS_AHEAD = timedelta(days=31)
"""The most by which a time is moved; what finds no place within it is left out."""

_MOST_ROUNDS = 20
_STEPS = {"next_day": 1, "previous_day": -1}


@dataclass(frozen=True)
class Effect:
    """What becomes of a planned time: it runs at `at` (UTC), or `is_left_out`; `notes` say why, a sentence each."""

    at: datetime
    is_left_out: bool = False
    notes: tuple[str, ...] = ()


def effect(fire: Fire, uses: Sequence[tuple[Use, Calendar]], timezone: str) -> Effect:
    """Apply calendars to a planned time, in their order and again after each move, until nothing moves any more.

    exclude: left out when covered. only: left out when not covered. next_day, previous_day: when its day is no business
    day, moved to the same wall time of the schedule's `timezone` on the next or previous one. delay: moved to the end
    of the covering stretch. note: runs anyway, noted. A calendar that can't be read is not applied, and a note says so.
    Nothing is moved by more than LOOKS_AHEAD.
    """
    return _Journey(fire, ZoneInfo(timezone)).through(uses) if uses else Effect(fire.at)


class _LeftOut(Exception):
    """The time finds no place."""


class _Journey:
    """A planned time on its way through the calendars."""

    def __init__(self, fire: Fire, tz: ZoneInfo) -> None:
        self.planned_at = self.at = fire.at
        self.has_moved = False
        self.tz = tz
        self.wall = fire.at.astimezone(tz).time()  # kept over all moves, also when a clock change leaves it out once
        self.notes: dict[str, None] = {}

    def through(self, uses: Sequence[tuple[Use, Calendar]]) -> Effect:
        try:
            self._settle(uses)
        except _LeftOut as left_out:
            return Effect(self.planned_at, is_left_out=True, notes=(*self.notes, str(left_out)))
        for use, calendar in uses:
            self._note(use, calendar)
        return Effect(self.at, notes=tuple(self.notes))

    def _settle(self, uses: Sequence[tuple[Use, Calendar]]) -> None:
        for _ in range(_MOST_ROUNDS):
            self.has_moved = False
            for use, calendar in uses:
                self._take(use, calendar)
            if not self.has_moved:
                return
        names = ", ".join(dict.fromkeys(calendar.name for _, calendar in uses))
        raise _LeftOut(f"Left out: no time was found that suits all its calendars ({names}).")

    def _take(self, use: Use, calendar: Calendar) -> None:
        try:
            if use in {"exclude", "only"}:
                self._stay_or_leave(use, calendar)
            elif use in _STEPS:
                self._move_by_days(_STEPS[use], calendar)
            elif use == "delay":
                self._delay(calendar)
        except CalendarError as error:
            self.notes[f"{calendar.name} was not applied: {error.sentence}"] = None

    def _stay_or_leave(self, use: Use, calendar: Calendar) -> None:
        covering = calendar.covering(self.at)
        if use == "exclude" and covering:
            raise _LeftOut(f"Left out: {self._is(calendar, covering[0].what)} ({calendar.name}).")
        if use == "only" and not covering:
            raise _LeftOut(f"Left out: {self._is_not(calendar)} ({calendar.name}).")

    def _note(self, use: Use, calendar: Calendar) -> None:
        try:
            if use == "note" and (covering := calendar.covering(self.at)):
                self.notes[f"Runs although {self._is(calendar, covering[0].what)} ({calendar.name})."] = None
        except CalendarError as error:
            self.notes[f"{calendar.name} was not applied: {error.sentence}"] = None

    def _move_by_days(self, step: int, calendar: Calendar) -> None:
        why = free_day(calendar, self.at)
        if why is None:
            return
        day = self.at.astimezone(self.tz).date()
        for _ in range(LOOKS_AHEAD.days):
            day += timedelta(step)
            there = next(localtime.fires((datetime.combine(day, self.wall),), self.tz, "next", "first"))
            if free_day(calendar, there.at) is None:
                self._move(there.at, f"Moved from {self._day(self.at)} to {self._day(there.at)}", why, calendar)
                if there.note:
                    self.notes[f"{self._day(there.at)}: {there.note}, so it runs at {self._clock(there.at)}."] = None
                return
        where = "after" if step > 0 else "before"
        raise _LeftOut(
            f"Left out: no business day is found within {LOOKS_AHEAD.days} days {where} it ({calendar.name})."
        )

    def _delay(self, calendar: Calendar) -> None:
        covering = calendar.covering(self.at)
        if not covering:
            return
        end = ends(calendar, self.at)
        if end is None:
            raise _LeftOut(f"Left out: {calendar.name} does not end within {LOOKS_AHEAD.days} days.")
        why = covering[0].what or "the first moment after it"
        self._move(end, f"Moved from {self._moment(self.at)} to {self._moment(end)}", why, calendar)

    def _move(self, at: datetime, moved: str, why: str, calendar: Calendar) -> None:
        if abs(at - self.planned_at) > LOOKS_AHEAD:
            raise _LeftOut(f"Left out: it would have moved by more than {LOOKS_AHEAD.days} days ({calendar.name}).")
        self.notes[f"{moved}: {why} ({calendar.name})."] = None
        self.at, self.has_moved = at, True

    # --- in words

    def _is(self, calendar: Calendar, what: str) -> str:
        if calendar.kind == "holidays":
            return f"{self._date(calendar)} is {what}"
        if calendar.kind == "hours":
            return f"{self._moment(self.at)} is within its hours"
        return f"{self._moment(self.at)} is in {what}" if what else f"{self._moment(self.at)} is inside"

    def _is_not(self, calendar: Calendar) -> str:
        if calendar.kind == "holidays":
            return f"{self._date(calendar)} is no holiday"
        return f"{self._moment(self.at)} is outside"

    def _date(self, calendar: Calendar) -> str:
        local = self.at.astimezone(calendar.zone)  # a holiday is a day of the calendar's zone
        return f"{local.day} {local:%b}"

    def _day(self, at: datetime) -> str:
        local = at.astimezone(self.tz)
        return f"{local:%a} {local.day} {local:%b}"

    def _clock(self, at: datetime) -> str:
        return clock(at.astimezone(self.tz))

    def _moment(self, at: datetime) -> str:
        return f"{self._day(at)} {self._clock(at)}"
