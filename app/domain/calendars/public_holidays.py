"""Public holidays by country and region, and days of one's own. The one place that knows the library of holidays."""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from app.domain.calendars import lines
from app.domain.calendars.lines import YEARS
from app.domain.calendars.spans import CalendarError, Span, days_around, whole_day

_ENGLISH = ("en_US", "en_GB", "en")
_WEEKEND = frozenset({5, 6})


class Holidays:
    """Days off, whole days each. A business day is none of them, and no day of the country's weekend."""

    def __init__(self, settings: Mapping[str, Any], content: str, tz: ZoneInfo) -> None:
        del content
        self._tz = tz
        self._country, self._region = str(settings.get("country") or ""), str(settings.get("region") or "")
        own = lines.own_days(settings)
        self._own = {(day.year, day.month, day.day): day.what or "a day off" for day in own}
        self._years: dict[int, Mapping[date, str]] = {}
        if self._country:
            _check(self._country, self._region)
        elif not own:
            raise CalendarError("Choose a country, or write days of your own.", "country")
        self._weekend = frozenset(_library().country_holidays(self._country).weekend) if self._country else _WEEKEND

    def name(self, day: date) -> str:
        """Return the name of the holiday that this day is, "" when it is none."""
        own = self._own.get((day.year, day.month, day.day)) or self._own.get((None, day.month, day.day))
        return own or self._year(day.year).get(day, "")

    def around(self, day: date) -> Sequence[Span]:
        """Return the holidays among this day, the one before and the one after."""
        return [whole_day(one, self._tz, name) for one in days_around(day, 1) if (name := self.name(one))]

    def free_day(self, day: date) -> str | None:
        """Say which holiday it is, or that it is a weekend."""
        return self.name(day) or ("a weekend" if day.weekday() in self._weekend else None)

    def _year(self, year: int) -> Mapping[date, str]:
        """Return a year's public holidays, computed once; the library knows these years only."""
        if not self._country or year not in YEARS:
            return {}
        if year not in self._years:
            language = _language(self._country)
            found = _library().country_holidays(
                self._country, subdiv=self._region or None, years=year, language=language
            )
            self._years[year] = {day: name.replace("; ", ", ") for day, name in found.items()}
        return self._years[year]


def countries() -> Sequence[tuple[str, str]]:
    """Return the countries whose holidays are known: code and name, by name."""
    return sorted(_countries().items(), key=lambda pair: pair[1])


def regions(country: str) -> Sequence[tuple[str, str]]:
    """Return the regions of a country with holidays of their own: code and name; none for an unknown country."""
    if country not in _countries():
        return []
    known = _library().country_holidays(country)
    names: dict[str, str] = {}
    for name, code in known.subdivisions_aliases.items():
        names.setdefault(code, name)
    return sorted(((code, names.get(code, code)) for code in known.subdivisions), key=lambda pair: pair[1])


def _check(country: str, region: str) -> None:
    if country not in _countries():
        raise CalendarError(f"No holidays of “{country[:8]}” are known. Choose a country from the list.", "country")
    if region and region not in {code for code, _ in regions(country)}:
        name = _countries()[country]
        raise CalendarError(f"“{region[:20]}” is no region of {name}. Choose one from the list.", "region")


@cache
def _countries() -> Mapping[str, str]:
    named = {codes[1]: codes[0] for codes in _library().registry.COUNTRIES.values()}
    supported = _library().list_supported_countries(include_aliases=False)
    return {code: _spaced(named[code]) for code in supported if code in named}


def _spaced(name: str) -> str:
    """Return the name of a class as words: `UnitedStates`, `United States`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).replace(" And ", " and ").replace(" Of ", " of ")


def _language(country: str) -> str | None:
    known = _library().country_holidays(country).supported_languages
    return next((language for language in _ENGLISH if language in known), None)


@cache
def _library() -> Any:
    import holidays

    return holidays
