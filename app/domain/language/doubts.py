"""What a phrase leaves open is asked: each doubt is a sentence and the things the person can have meant."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from app.domain import wording
from app.domain.language.spoken import Clock, Day, Nth, Spoken

Alternative = tuple[str, Spoken]
"""What it is called, and what it says."""

_NIGHT, _NOON = 24, 12
_TIMES = {
    None: (8, 9, 17), "morning": (7, 8, 9), "afternoon": (13, 15, 17), "evening": (18, 20, 22), "night": (22, 0, 3),
}  # fmt: skip


class Doubt(Exception):
    """The phrase can mean several things, or lacks one. An empty label stands for the words of the rule itself."""

    def __init__(self, sentence: str, alternatives: Iterable[Alternative]) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.alternatives = tuple(alternatives)


def zone(said: Spoken) -> Doubt:
    """Ask which of several zones is meant."""
    return Doubt("Which time zone?", [(_zone(name), replace(said, zones=(name,))) for name in said.zones or ()])


def _zone(name: str) -> str:
    hours = name.removeprefix("Etc/GMT")
    if hours == name:
        return name.replace("_", " ")
    return f"UTC{-int(hours or 0):+d} all year"  # the database counts them to the west


def time(said: Spoken) -> Doubt:
    """Ask for the time, which is never invented."""
    if said.per and said.per > 1:
        pairs = [("", at(said, *hours)) for hours in ((8, 20), (9, 17))] if said.per == 2 else []  # noqa: PLR2004 twice a day
        return Doubt("At what times?", pairs)
    return Doubt("At what time?", [(f"{hour:02}:00", at(said, hour)) for hour in _TIMES[said.part]])


def half(said: Spoken, unsure: Clock) -> Doubt:
    """Ask whether a bare hour is before or after noon."""
    alternatives = []
    for hour in (unsure.hour, unsure.hour + _NOON):
        clock = replace(unsure, hour=hour, is_sure=True)
        times = tuple(clock if one == unsure else one for one in said.times or ())
        alternatives.append((f"{hour:02}:{clock.minute:02}", replace(said, times=times)))
    return Doubt("Morning or afternoon?", alternatives)


def window(said: Spoken, since: Clock, until: Clock, pairs: Sequence[tuple[int, int]]) -> Doubt:
    """Ask which hours are meant by “between 9 and 5”."""
    sure = [(replace(since, hour=a, is_sure=True), replace(until, hour=b, is_sure=True)) for a, b in pairs]
    return Doubt("Between which hours?", [
        (f"{a.hour:02}:{a.minute:02} to {b.hour:02}:{b.minute:02}", replace(said, window=(a, b))) for a, b in sure
    ])  # fmt: skip


def once_or_weekly(said: Spoken, weekday: int, day: date) -> Doubt:
    """Ask whether a weekday is meant once or every week."""
    once = replace(said, days=None, day=exactly(day))
    return Doubt(f"Every {wording.weekday(weekday)}, or once?", [
        (f"Every {wording.weekday(weekday)}", replace(said, is_repeated=True)), ("", once)
    ])  # fmt: skip


def once_or_monthly(said: Spoken, day: date | None) -> Doubt:
    """Ask whether “the 1st” is meant once or every month."""
    monthly = replace(said, is_repeated=True, within=said.within or "month")
    once = [("", replace(said, nth=None, months=None, within=None, day=exactly(day)))] if day else []
    return Doubt("Every time, or once?", [("", monthly), *once])


def every_other(said: Spoken, weekday: int) -> Doubt:
    """Ask what “every second Monday” means."""
    name = wording.weekday(weekday)
    weeks = replace(said, nth=None, days=frozenset({weekday}), rhythm=(2, "week"))
    month = replace(said, within="month")
    return Doubt(f"Every other {name}, or the 2nd {name} of the month?", [
        (f"Every other {name}", weeks), ("The 2nd of the month", month)
    ])  # fmt: skip


def twice_or_every_second(said: Spoken, unit: str) -> Doubt:
    """Ask what “biweekly” means."""
    return Doubt(f"Every 2 {unit}s, or twice a {unit}?", [
        (f"Every 2 {unit}s", replace(said, unsure_rhythm=None, rhythm=(2, unit))),
        (f"Twice a {unit}", replace(said, unsure_rhythm=None, rhythm=(1, unit), per=2, **_twice(said, unit))),
    ])  # fmt: skip


def _twice(said: Spoken, unit: str) -> dict[str, Any]:
    if unit == "week":
        return {} if said.days else {"days": frozenset({1, 4}), "is_repeated": True}
    return {} if said.nth else {"nth": Nth((1, 15))}


def days_or_weeks(said: Spoken, days: int, weeks: int, today: date) -> Doubt:
    """Ask whether “every 15 days” is every 2 weeks."""
    week = f"Every {wording.counted(weeks, 'week')}"
    return Doubt(f"Every {days} days, or {week.lower()}?", [
        (f"Every {days} days", replace(said, since=(exactly(today), None))),
        (week, replace(said, rhythm=(weeks, "week"))),
    ])  # fmt: skip


def weekday(said: Spoken) -> Doubt:
    """Ask for the day of the week."""
    sets = ({1, 4}, {2, 5}) if said.per == 2 else ({1}, {5})  # noqa: PLR2004 twice a week
    return Doubt("On which day?", [
        (wording.weekdays(numbers, is_plural=True), replace(said, days=frozenset(numbers), is_repeated=True))
        for numbers in sets
    ])  # fmt: skip


def monthday(said: Spoken, unit: str) -> Doubt:
    """Ask for the day of the month or quarter."""
    last = ("The last day", Nth((-1,)))
    labels = [("The first day", Nth((1,))), last, ("The last working day", Nth((-1,), "workday"))]
    if unit == "month":
        labels = [("The 1st", Nth((1,))), ("The 15th", Nth((15,))), last]
    if said.per == 2:  # noqa: PLR2004 twice a month
        labels = [("The 1st and 15th", Nth((1, 15))), ("The 15th and the last day", Nth((15, -1)))]
    found = replace(said, within=unit, is_repeated=True)
    return Doubt("On which day?", [(label, replace(found, nth=nth)) for label, nth in labels])


def edge(said: Spoken) -> Doubt:
    """Ask which day the end or the start of a month is."""
    unit, number = said.within or "month", -1 if said.edge == "ends" else 1
    name = "last" if number < 0 else "first"
    labels = [(f"The {name} day", Nth((number,))), (f"The {name} working day", Nth((number,), "workday"))]
    found = replace(said, edge=None, is_repeated=True)
    sentence = f"On the {name} day of the {unit}, or its {name} working day?"
    return Doubt(sentence, [(label, replace(found, nth=nth)) for label, nth in labels])


def yearday(said: Spoken) -> Doubt:
    """Ask for the day of the year, or of the month that was named."""
    if said.months:
        nths = (("The first day", Nth((1,))), ("The last day", Nth((-1,))))
        return Doubt("On which day?", [(label, replace(said, nth=nth, within="months")) for label, nth in nths])
    days = ((1, 1), (12, 31))
    return Doubt("On which day?", [
        (f"{day} {wording.month(month)}", replace(said, day=Day(((None, month, day),)), is_repeated=True))
        for month, day in days
    ])  # fmt: skip


def short_months(said: Spoken, nth: Nth) -> Doubt:
    """Ask what becomes of months without a 29th, 30th or 31st."""
    number = max(nth.numbers)
    alternatives = [("Leave those months out", replace(said, nth=replace(nth, short="skip")))]
    if len(nth.numbers) == 1 and number < 31:  # noqa: PLR2004 the longest months
        alternatives.append(("Their last day instead", replace(said, nth=replace(nth, short="last"))))
    if len(nth.numbers) == 1:
        alternatives.append(("Always the last day", replace(said, nth=Nth((-1,)))))
    return Doubt(f"Some months have no day {number}. What then?", alternatives)


def leap_day(said: Spoken) -> Doubt:
    """Ask what becomes of years without a 29 February."""
    assert said.day
    return Doubt("Most years have no 29 February. What then?", [
        ("Leave those years out", replace(said, day=replace(said.day, short="skip"))),
        ("The 28th instead", replace(said, day=replace(said.day, short="last"))),
    ])  # fmt: skip


def how_often(said: Spoken) -> Doubt:
    """Ask how often it runs between two times."""
    rhythms = ((1, "hour"), (30, "minute"), (15, "minute"))
    return Doubt("How often?", [
        (f"Every {wording.counted(number, unit)}", replace(said, rhythm=(number, unit))) for number, unit in rhythms
    ])  # fmt: skip


def days(said: Spoken) -> Doubt:
    """Ask for the days, when only a time was said."""
    return Doubt("On which days?", [
        ("Every day", replace(said, rhythm=(1, "day"))),
        ("Every weekday", replace(said, days=frozenset({1, 2, 3, 4, 5}), is_repeated=True)),
        ("Tomorrow", replace(said, day=Day(later=(1, "day")))),
    ])  # fmt: skip


def one_time(said: Spoken) -> Doubt:
    """Ask which of several times a single run has."""
    return Doubt("Once has one time. Which one?", [("", replace(said, times=(clock,))) for clock in said.times or ()])


def one_day(said: Spoken, sentence: str, days: Iterable[date]) -> Doubt:
    """Ask which of several days is meant."""
    return Doubt(sentence, [("", replace(said, day=exactly(day))) for day in dict.fromkeys(days)])


def limit(said: Spoken, name: str, sentence: str, days: Iterable[date]) -> Doubt:
    """Ask which of several days a limit (`since` or `until`) is."""
    clock = getattr(said, name)[1]
    limits: list[dict[str, Any]] = [{name: (exactly(day), clock)} for day in days]
    return Doubt(sentence, [("", replace(said, **one)) for one in limits])


def past(said: Spoken, sentence: str, days: Iterable[date], *, is_later_today: bool) -> Doubt:
    """Ask when instead, for a moment that is past."""
    doubt = one_day(said, sentence, days)
    (clock,) = said.times or (Clock(0),)
    later = replace(said, times=(replace(clock, hour=clock.hour + _NOON, is_sure=True),)) if is_later_today else None
    return Doubt(sentence, [("", later), *doubt.alternatives] if later else doubt.alternatives)


def at(said: Spoken, *hours: int) -> Spoken:
    """Return what was said with these full hours as its times."""
    return replace(said, times=tuple(Clock(hour % _NIGHT) for hour in hours))


def exactly(day: date) -> Day:
    """Return this very day, as something said."""
    return Day(((day.year, day.month, day.day),))
