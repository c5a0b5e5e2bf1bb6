"""RRULE as in RFC 5545: what is written, read and checked part by part. `recurrence` computes its times."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from functools import lru_cache
from typing import Literal, TypeVar, get_args

from app.domain import localtime
from app.domain.localtime import TriggerError

T = TypeVar("T")

Freq = Literal["YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY", "SECONDLY"]

WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
MOST_TIMES = 100_000
"""The largest COUNT; beyond it UNTIL says the same."""

LONGEST_INTERVAL = 100_000

_FREQS: tuple[Freq, ...] = get_args(Freq)
_SUBDAILY = frozenset({"HOURLY", "MINUTELY", "SECONDLY"})
_DTSTART = re.compile(r"DTSTART(?:;TZID=([^:;]+))?(?:;VALUE=DATE-TIME)?:(\S+)", re.IGNORECASE)
_MOMENT = re.compile(r"(\d{8})(?:T(\d{6})(Z?))?", re.ASCII | re.IGNORECASE)
_BYDAY = re.compile(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d{1,6}", re.ASCII)


@dataclass(frozen=True)
class Rule:
    """The parts of an RRULE; empty tuples are parts that are not given. Weekdays count from 0, Monday.

    `dtstart` and a naive `until` are wall times of the schedule's zone; an aware `until` is an instant. `byday` holds
    (n, weekday): the n-th such day of its month or year, counted from the end when negative; 0 is every one.
    """

    freq: Freq
    interval: int = 1
    count: int | None = None
    until: datetime | None = None
    bymonth: tuple[int, ...] = ()
    byweekno: tuple[int, ...] = ()
    byyearday: tuple[int, ...] = ()
    bymonthday: tuple[int, ...] = ()
    byday: tuple[tuple[int, int], ...] = ()
    byhour: tuple[int, ...] = ()
    byminute: tuple[int, ...] = ()
    bysecond: tuple[int, ...] = ()
    bysetpos: tuple[int, ...] = ()
    wkst: int = 0
    dtstart: datetime | None = None

    @property
    def is_wildcard(self) -> bool:
        """Whether it follows every real hour, minute or second that matches, instead of fixed times."""
        return self.freq in _SUBDAILY and not self.byhour

    @property
    def names_days(self) -> bool:
        """Whether a part says on which days; else they come from DTSTART."""
        return bool(self.byweekno or self.byyearday or self.bymonthday or self.byday)

    @property
    def has_time(self) -> bool:
        """Whether the rule itself says at which time of the day, with DTSTART or by its parts."""
        return bool(self.freq in _SUBDAILY or self.byhour or self.dtstart)


@dataclass(frozen=True)
class _Numbers:
    """A part that is a list of numbers from `low` to `high`, counted from the end too where `is_signed`."""

    low: int
    high: int
    is_signed: bool = False


_LISTS = {
    "BYMONTH": _Numbers(1, 12),
    "BYWEEKNO": _Numbers(1, 53, is_signed=True),
    "BYYEARDAY": _Numbers(1, 366, is_signed=True),
    "BYMONTHDAY": _Numbers(1, 31, is_signed=True),
    "BYHOUR": _Numbers(0, 23),
    "BYMINUTE": _Numbers(0, 59),
    "BYSECOND": _Numbers(0, 59),
    "BYSETPOS": _Numbers(1, 366, is_signed=True),
}


@lru_cache(maxsize=4096)
def parse(expression: str, timezone: str = "UTC") -> Rule:
    """Read `[DTSTART…] [RRULE:]FREQ=…`, on one line or two; `timezone` is the schedule's. Raises TriggerError."""
    dtstart: datetime | None = None
    rule = ""
    for word in expression.replace("\\n", "\n").split():
        if word.upper().startswith("DTSTART"):
            if dtstart is not None:
                raise TriggerError("There is more than one DTSTART. Keep the one that counts.")
            dtstart = _dtstart(word, timezone)
        elif word.upper().startswith(("EXDATE", "RDATE", "EXRULE")):
            name = re.split("[:;]", word)[0].upper()
            raise TriggerError(f"{name} is not used here. Keep DTSTART and one RRULE; add a second schedule for more.")
        elif rule:
            raise TriggerError("There is more than one RRULE. Write each as a schedule of its own.")
        else:
            rule = word
    if not rule:
        raise TriggerError("There is no rule. Write for example “FREQ=WEEKLY;BYDAY=MO;BYHOUR=9;BYMINUTE=0”.")
    return _Reader(_parts(rule), dtstart).rule()


def _dtstart(word: str, timezone: str) -> datetime:
    match = _DTSTART.fullmatch(word)
    if not match:
        raise TriggerError(f"“{word}” can't be read. Write DTSTART:20261124T090000.")
    if match[1] and match[1] != timezone:
        raise TriggerError(f"DTSTART is in {match[1]}, the schedule in {timezone}. Choose the same time zone for both.")
    moment = _moment("DTSTART", match[2], time())
    return moment.astimezone(localtime.zone(timezone)).replace(tzinfo=None) if moment.tzinfo else moment


def _moment(name: str, text: str, at: time) -> datetime:
    """Read `20261124`, then it is at `at`, `20261124T090000`, or with Z an instant."""
    match = _MOMENT.fullmatch(text)
    try:
        if match and match[2]:
            moment = datetime.strptime(f"{match[1]}{match[2]}", "%Y%m%d%H%M%S")  # noqa: DTZ007 a wall time
            return moment.replace(tzinfo=UTC) if match[3] else moment
        if match:
            return datetime.combine(datetime.strptime(match[1], "%Y%m%d"), at)  # noqa: DTZ007 a wall time
    except ValueError:
        pass
    raise TriggerError(f"“{text}” is no moment for {name}. Write it as 20261124T090000.")


def _parts(text: str) -> Mapping[str, str]:
    parts: dict[str, str] = {}
    for part in text.upper().removeprefix("RRULE:").strip(";").split(";"):
        name, mark, value = part.partition("=")
        if not mark or not value:
            raise TriggerError(f"“{part}” is no part of an RRULE. Write for example FREQ=DAILY;BYHOUR=9;BYMINUTE=0.")
        if name in parts:
            raise TriggerError(f"{name} stands there twice. Write its values as a list: {name}={parts[name]},{value}.")
        parts[name] = value
    return parts


@dataclass
class _Reader:
    parts: Mapping[str, str]
    dtstart: datetime | None
    _known: set[str] = field(default_factory=set)

    def rule(self) -> Rule:
        freq = self._freq()
        rule = Rule(
            freq=freq,
            interval=self._one("INTERVAL", 1, LONGEST_INTERVAL) or 1,
            count=self._one("COUNT", 1, MOST_TIMES),
            until=self._read("UNTIL", lambda text: _moment("UNTIL", text, time(23, 59, 59))),
            byday=self._read("BYDAY", _bydays) or (),
            wkst=self._read("WKST", _weekday) or 0,
            dtstart=self.dtstart,
            **{name.lower(): self._list(name, numbers) for name, numbers in _LISTS.items()},
        )
        if unknown := sorted(set(self.parts) - self._known):
            raise TriggerError(f"{unknown[0]} is no part of an RRULE. Leave it out, or check its spelling.")
        _check(rule)
        return rule

    def _freq(self) -> Freq:
        text = self._read("FREQ", str) or ""
        for freq in _FREQS:
            if text == freq:
                return freq
        raise TriggerError(f"An RRULE begins with how often: FREQ is one of {', '.join(_FREQS)}.")

    def _read(self, name: str, read: Callable[[str], T]) -> T | None:
        self._known.add(name)
        return read(self.parts[name]) if name in self.parts else None

    def _one(self, name: str, low: int, high: int) -> int | None:
        return self._read(name, lambda text: _number(name, text, _Numbers(low, high)))

    def _list(self, name: str, numbers: _Numbers) -> tuple[int, ...]:
        found = self._read(name, lambda text: tuple(sorted({_number(name, one, numbers) for one in text.split(",")})))
        return found or ()


def _number(name: str, text: str, numbers: _Numbers) -> int:
    value = int(text) if _NUMBER.fullmatch(text) else None
    if value is not None and (numbers.low <= value <= numbers.high):
        return value
    if value is not None and numbers.is_signed and numbers.low <= -value <= numbers.high:
        return value
    less = f", or from -{numbers.high} to -{numbers.low}" if numbers.is_signed else ""
    raise TriggerError(f"“{text}” does not fit {name}. It goes from {numbers.low} to {numbers.high:,}{less}.")


def _bydays(text: str) -> tuple[tuple[int, int], ...]:
    days = set()
    for one in text.split(","):
        match = _BYDAY.fullmatch(one)
        number = int(match[1] or 0) if match else 0
        if not match or (match[1] and not 1 <= abs(number) <= 53):  # noqa: PLR2004 weeks of a year
            raise TriggerError(f"“{one}” is no BYDAY. Write MO, TU, WE, TH, FR, SA or SU, or 1MO, -1FR for the n-th.")
        days.add((number, WEEKDAYS.index(match[2])))
    return tuple(sorted(days))


def _weekday(text: str) -> int:
    if text not in WEEKDAYS:
        raise TriggerError(f"“{text}” is no weekday. Write MO, TU, WE, TH, FR, SA or SU.")
    return WEEKDAYS.index(text)


def _check(rule: Rule) -> None:
    if rule.count and rule.until:
        raise TriggerError("COUNT and UNTIL both end the rule. Keep one of them.")
    if rule.byweekno and rule.freq != "YEARLY":
        raise TriggerError("BYWEEKNO goes with FREQ=YEARLY only.")
    if any(number for number, _ in rule.byday) and (rule.freq not in {"YEARLY", "MONTHLY"} or rule.byweekno):
        raise TriggerError("A number before a weekday goes with FREQ=MONTHLY or FREQ=YEARLY only, without BYWEEKNO.")
