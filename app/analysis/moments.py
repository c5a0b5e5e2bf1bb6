"""When words were said that count from their own day: tomorrow, on the 14th."""

import re
from collections import Counter
from datetime import datetime, timedelta
from itertools import islice

from app.analysis.timewords import islands
from app.domain.language.spoken import Spoken
from app.domain.thread import Thread

_YEARS = range(2025, 2050)
_YEAR = re.compile(r"(?<![\d.,/-])20[2-4]\d(?![\d.,])|(?<!\d)20[2-4]\d(?=-\d\d-\d\d)")
_ISO = re.compile(r"\b20\d\d-\d\d-\d\d\b")
_TODAY = re.compile(
    r"\b(?:today['’]?s date|current date|today|heute|heutiges datum|aujourd['’]hui|nous sommes|date du jour|hoy"
    r"|fecha (?:actual|de hoy))\b",
    re.IGNORECASE,
)
_AHEAD = 40


def of(thread: Thread, message: int, said: Spoken) -> datetime | None:
    """Return about when a message was said (UTC), None where nothing tells."""
    return _said_at(thread, message) or _worked_out(thread, said)


def _said_at(thread: Thread, message: int) -> datetime | None:
    """Return when a message was said, or the nearest one before it that has a time."""
    before = (thread.messages[number].at for number in range(message, -1, -1))
    return next((at for at in before if at), None) or thread.last_at


def _worked_out(thread: Thread, said: Spoken) -> datetime | None:
    """Return about when an export without times was written, from the dates in it.

    What the person called tomorrow, or in three days, counts from the one date the agent has called its tools with; a
    day without its year is of the year that is named most, else of the first whose weekday is the one that was said.
    """
    if told := _told_today(thread):
        return told
    if said.day and said.day.later and said.day.later[1] == "day":
        found = {day for call in thread.calls for day in _ISO.findall(str(dict(call.arguments))[:2000])}
        moment = _moment(found.pop()) if len(found) == 1 else None
        return moment - timedelta(days=said.day.later[0]) if moment else None
    if not said.day or not said.day.dates:
        return None
    texts = [message.text[:2000] for message in thread.messages] + [
        str(dict(call.arguments))[:2000] for call in thread.calls
    ]
    years = Counter(int(year) for text in texts for year in _YEAR.findall(text))
    _, month, day = said.day.dates[0]
    alike = (
        year
        for year in _YEARS
        if (at := _moment(f"{year}-{month:02}-{day:02}")) and at.isoweekday() % 7 == said.day.weekday
    )
    year = years.most_common(1)[0][0] if years else next(alike, None)
    return _moment(f"{year}-01-01") if year else None


def _told_today(thread: Thread) -> datetime | None:
    """Return the day that the system prompt calls today."""
    text = thread.system_prompt[:5000]
    for match in islice(_TODAY.finditer(text), 5):
        after = text[match.end() : match.end() + _AHEAD]
        dates = (day for island in islands(after, "en") if island.said.day for day in island.said.day.dates)
        named, year = next(dates, None), re.search(r"20[2-4]\d", after)
        if named and (named[0] or year):
            return _moment(f"{named[0] or (year and year[0])}-{named[1]:02}-{named[2]:02}")
    return None


def _moment(day: str) -> datetime | None:
    try:
        return datetime.fromisoformat(f"{day}T00:00:00+00:00")
    except ValueError:
        return None
