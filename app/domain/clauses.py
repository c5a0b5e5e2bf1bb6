"""The parts of a spoken schedule: words -> rhythm, days, times, dates; what can't be told apart is asked about."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from app.domain import localtime

_NUMBERS = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_WEEK = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}

WORKDAYS = frozenset({1, 2, 3, 4, 5})
WEEKEND = frozenset({0, 6})

_EVERY = r"(?:every|each)"
_AND = r"(?:, and | and |, ?| & )"
_UNIT = r"(?P<unit>s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?)\b"
_LONG_UNIT = r"(?P<unit>d|days?|w|weeks?)\b"
_SURE_HOUR = r"(?:\d{1,2}:\d\d(?: ?[ap]m)?|\d{1,2} ?[ap]m|noon|midday|midnight)(?![\w:])"
_HOUR = rf"(?:{_SURE_HOUR}|\d{{1,2}}(?![\w:]))"
_WEEKDAY = r"(?:mon|tues?|wed|thu(?:rs?)?|fri|sat|sun|(?:mon|tues|wednes|thurs|fri|satur|sun)days?)"
_DAY = rf"(?:{_WEEKDAY}|weekdays?|workdays?|weekends?|(?:working|business) days?)\b"
_DAYS = rf"{_DAY}(?:{_AND}(?:{_EVERY} )?{_DAY})*"
_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b\.?"
)
_YEAR = r"(?:,? (?P<year>\d{4})\b)?"
_NTH = r"\d{1,2}(?:st|nd|rd|th)\b"


@dataclass(frozen=True)
class Choice:
    """A phrase to send instead, and what it is called."""

    text: str
    label: str


class Doubt(Exception):
    """The phrase can mean several things, or lacks one; each choice is a phrase that means one thing more surely."""

    def __init__(self, sentence: str, choices: list[Choice]) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.choices = tuple(choices)


class Unreadable(Exception):
    """The phrase is not in the grammar."""


@dataclass(frozen=True)
class Phrase:
    """What was typed, in plain form, with the instant (aware) and the IANA zone it is read in."""

    text: str
    now: datetime
    timezone: str

    @property
    def zone(self) -> ZoneInfo:
        """The zone itself; raises TriggerError when there is none of this name."""
        return localtime.zone(self.timezone)

    @property
    def local(self) -> datetime:
        """What the clock shows now, naive, to the second."""
        return self.now.astimezone(self.zone).replace(tzinfo=None, microsecond=0)

    @property
    def today(self) -> date:
        """The day it is."""
        return self.local.date()

    def instead(self, span: tuple[int, int], word: str) -> Choice:
        """Return the same phrase with `word` at this place."""
        return Choice(f"{self.text[: span[0]]}{word}{self.text[span[1] :]}", word)


@dataclass(frozen=True)
class Days:
    """Days of the week, Sunday 0; `is_repeated` unless one day was named as one does for a single time."""

    numbers: frozenset[int]
    is_repeated: bool


def plain(text: str) -> str:
    """Bring typed words to one form: lower case, single spaces, figures."""
    words = " ".join(text.lower().replace("\u2013", "-").split()).rstrip(".")
    words = re.sub(r"^(?:please )?run ", "", re.sub(r"\b([ap])\.m\b\.?", r"\1m", words))
    for number, word in enumerate(_NUMBERS, start=2):
        words = re.sub(rf"\b{word}\b", str(number), words)
    return words


def split(phrase: Phrase) -> dict[str, Any]:
    """Read all clauses of a phrase by name; raise Unreadable when a word is left, or a clause comes twice."""
    found: dict[str, Any] = {}
    position = 0
    while position < len(phrase.text):
        name, value, position = _next(phrase, position)
        if name in found:
            raise Unreadable
        found[name] = value
    return found


def _next(phrase: Phrase, position: int) -> tuple[str, Any, int]:
    for name, pattern, take in _CLAUSES:
        match = pattern.match(phrase.text, position)
        if match:
            rest = phrase.text[match.end() :]
            return name, take(phrase, match), match.end() + len(rest) - len(rest.lstrip(" ,"))
    raise Unreadable


def next_yearly(today: date, month: int, day: int) -> date:
    """Return the first such day from today on, or raise Unreadable when no year has it."""
    for year in range(today.year, today.year + 9):
        try:
            found = date(year, month, day)
        except ValueError:
            continue
        if found >= today:
            return found
    raise Unreadable


# --- words -> values


def _rhythm(_: Phrase, match: re.Match[str]) -> timedelta:
    return timedelta(seconds=int(match["number"] or 1) * _UNITS[match["unit"][0]])


def _days(_: Phrase, match: re.Match[str]) -> Days:
    words = re.findall(_DAY, match[0])
    if match["range"]:
        first, last = (min(_weekdays(word)) for word in words)
        return Days(frozenset((first + step) % 7 for step in range((last - first) % 7 + 1)), True)
    numbers = frozenset(number for word in words for number in _weekdays(word))
    return Days(numbers, bool(match["every"]) or len(numbers) > 1 or match[0].endswith("s"))


def _weekdays(word: str) -> frozenset[int]:
    if word[:3] in _WEEK:
        return frozenset({_WEEK.index(word[:3])})
    return WEEKEND if word.startswith("weekend") else WORKDAYS


def _this_or_next(_: Phrase, match: re.Match[str]) -> int:
    return min(_weekdays(match["day"]))


def _monthdays(_: Phrase, match: re.Match[str]) -> tuple[int, ...]:
    return tuple(sorted({int(word[:-2]) for word in re.findall(_NTH, match[0])}))


def _times(phrase: Phrase, match: re.Match[str]) -> tuple[time, ...]:
    hours = re.compile(_HOUR).finditer(phrase.text, match.start(), match.end())
    return tuple(sorted({_time(phrase, hour.span()) for hour in hours}))


def _time(phrase: Phrase, span: tuple[int, int], *, is_end: bool = False) -> time:
    """Read one time of day. A bare hour from 1 to 6 may mean the afternoon, so it is asked about."""
    word = phrase.text[slice(*span)]
    if word in {"noon", "midday", "midnight"}:
        return time(0 if word == "midnight" else 12)
    hour, minute, half = re.findall(r"(\d+)(?::(\d+))?(?: ?([ap]m))?", word)[0]
    number = int(hour)
    if word in set("123456") and not is_end:
        raise Doubt("Morning or afternoon?", [phrase.instead(span, f"{at:02}:00") for at in (number, number + 12)])
    if half:
        number = number % 12 + 12 * (half == "pm") if 1 <= number <= 12 else 24  # noqa: PLR2004 hours of half a day
    try:
        return time(number, int(minute or 0))
    except ValueError:
        raise Unreadable from None


def _window(phrase: Phrase, match: re.Match[str]) -> tuple[time, time]:
    since = _time(phrase, match.span("since"))
    until = _time(phrase, match.span("until"), is_end=True)
    if until > since:
        return since, until
    later = until.hour + 12
    is_afternoon = match["until"].isdigit() and since.hour < later < 24  # noqa: PLR2004 hours of a day
    choices = [phrase.instead(match.span("until"), f"{later}:00")] if is_afternoon else []
    raise Doubt(f"{match['until']} is not after {match['since']}. Until when?", choices)


def _today(phrase: Phrase, match: re.Match[str]) -> date:
    return phrase.today + timedelta(match[0] == "tomorrow")


def _numeric(_: Phrase, match: re.Match[str]) -> date:
    return _date(int(match["year"]), int(match["month"]), int(match["day"]))


def _named(phrase: Phrase, match: re.Match[str]) -> date:
    month, day = _MONTHS.index(match["month"][:3]) + 1, int(match["day"])
    return _date(int(match["year"]), month, day) if match["year"] else next_yearly(phrase.today, month, day)


def _date(year: int, month: int, day: int) -> date:
    try:
        return date(year, month, day)
    except ValueError:
        raise Unreadable from None


def _word(_: Phrase, match: re.Match[str]) -> str:
    return match[0]


_Take = Callable[[Phrase, re.Match[str]], Any]

_GRAMMAR: tuple[tuple[str, str, _Take], ...] = (
    ("delay", rf"in (?:(?P<number>\d{{1,6}})|an?) ?{_UNIT}", _rhythm),
    ("days_later", rf"in (?:(?P<number>\d{{1,4}})|a) ?{_LONG_UNIT}", _rhythm),
    ("daily", rf"(?:{_EVERY} day|everyday|daily)\b", _word),
    ("weekly", rf"(?:{_EVERY} week|weekly)\b", _word),
    ("monthly", rf"(?:(?:of )?{_EVERY} month|of the month|monthly)\b", _word),
    ("rhythm", rf"{_EVERY} (?:(?P<number>\d{{1,6}}) ?)?{_UNIT}", _rhythm),
    ("days_apart", rf"{_EVERY} (?P<number>\d{{1,4}}) ?{_LONG_UNIT}", _rhythm),
    ("rhythm", r"(?P<number>)(?P<unit>hour)ly\b", _rhythm),
    ("weekday", rf"(?:on )?(?:this|next) (?P<day>{_WEEKDAY})\b", _this_or_next),
    (
        "days",
        rf"(?:on )?(?P<every>{_EVERY} )?(?:{_WEEKDAY}(?P<range> ?- ?| to | through ){_WEEKDAY}\b|{_DAYS})",
        _days,
    ),
    ("monthdays", rf"(?:on )?(?:the )?{_NTH}(?! (?:of )?{_MONTH})(?:{_AND}(?:the )?{_NTH})*", _monthdays),
    ("day", r"(?:today|tomorrow)\b", _today),
    ("day", r"(?:on )?(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)\b", _numeric),
    ("day", r"(?:on )?(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?P<year>\d{4})\b", _numeric),
    ("day", rf"(?:on )?(?:the )?(?P<day>\d{{1,2}})(?:st|nd|rd|th|\.)? (?:of )?{_MONTH}{_YEAR}", _named),
    ("day", rf"(?:on )?{_MONTH} (?P<day>\d{{1,2}})(?:st|nd|rd|th)?\b(?!:){_YEAR}", _named),
    ("window", rf"(?:between|from) (?P<since>{_HOUR})(?: and | to | until | ?- ?)(?P<until>{_HOUR})", _window),
    ("times", rf"(?:at|@) ?{_HOUR}(?:{_AND}(?:at )?{_HOUR})*", _times),
    ("times", rf"{_SURE_HOUR}(?:{_AND}(?:at )?{_SURE_HOUR})*", _times),
)
_CLAUSES = tuple((name, re.compile(pattern), take) for name, pattern, take in _GRAMMAR)
