"""What may stand for a value in a later run: its date, period or file name, said by the day of that run."""

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta

from app.analysis.sentences import plain
from app.domain.thread import Thread

_BEFORE_DAYS, _AFTER_DAYS = 62, 14
"""A day further from that of the conversation is one of the calendar, and stays."""

_MOST_MONTHS = 24
_DAYS = ("%Y-%m-%d", "%Y_%m_%d", "%Y/%m/%d", "%Y%m%d", "%d.%m.%Y", "%-d.%-m.%Y", "%d/%m/%Y", "%d-%m-%Y", "%-d %B %Y",
         "%-d %b %Y", "%B %-d, %Y", "%B %-d %Y")  # fmt: skip
_DAYS_OF_A_YEAR = ("%-d %B", "%-d %b", "%B %-d", "%b %-d")
_MONTHS = ("%Y-%m", "%Y_%m", "%Y/%m", "%m/%Y", "%m.%Y", "%Y%m", "%B %Y", "%b %Y", "%B_%Y", "%b_%Y", "%B%Y", "%b%Y")
_MONTHS_OF_A_YEAR = ("%B", "%b")
_ANY_YEAR = 2000
_READ = 20_000
_SAME_NAME = re.compile(
    r"\bsame (?:file ?)?names?\b|\b(?:gleich|selb)\w{1,2} (?:datei)?namen?\b|\bm[êe]me nom\b|\bmismo nombre\b",
    re.IGNORECASE,
)
_NOT = re.compile(r"\b(?:not|never|nicht|nie|pas|no)\b|n['’]t\b", re.IGNORECASE)
_NEAR = 24
_IN_FILE = re.compile(
    r"(?<!\d)20\d\d([-_.]?)(?:0[1-9]|1[0-2])(?:\1(?:0[1-9]|[12]\d|3[01]))?(?!\d)"
    r"|(?<!\d)(?:0[1-9]|[12]\d|3[01])([-_.])(?:0[1-9]|1[0-2])\2(?:20\d\d)(?!\d)"
    r"|(?<![a-zA-Z])(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)(?:uary|ruary|ch|il|e|y|ust|tember|ober|ember)?"
    r"(?:[-_ ]?20\d\d)?(?![a-zA-Z\d])"
    r"|(?<![a-zA-Z\d])q[1-4](?:[-_ ]?20\d\d)?(?![a-zA-Z\d])|(?<![a-zA-Z\d])20\d\d[-_ ]?q[1-4](?![a-zA-Z\d])"
    r"|(?<![a-zA-Z])(?:kw|week|cw|w)[-_ ]?\d\d(?!\d)",
    re.IGNORECASE,
)
_QUARTER = re.compile(r"(?:(20\d\d)([-_ /]?))?(q)([1-4])(?:([-_ /]?)(20\d\d))?", re.IGNORECASE)
_WEEK_OF_A_YEAR = re.compile(r"(20\d\d)(-?)(w)([0-5]\d)", re.IGNORECASE)
_WEEK = re.compile(r"((?:kw|week|cw|w|semaine|semana)[-_ ]?)(\d{1,2})", re.IGNORECASE)
_COUNT = re.compile(r"\b\d{1,3}\b(?!/)(?<!/\d\d)")
_UNITS = (
    ("hours", ("hour", "stund", "heure", "hora")),
    ("days", ("day", "tag", "jour", "dia", "night", "nacht")),
    ("weeks", ("week", "woch", "semain", "seman")),
    ("months", ("month", "monat", "mois", "mes")),
    ("quarters", ("quart", "trimest")),
    ("years", ("year", "jahr", "ans", "annee", "ano")),
)
_SMALL = {word: number for number, words in enumerate(
    ("", "", "two zwei deux dos", "three drei trois tres", "four vier quatre cuatro", "five funf cinq cinco",
     "six sechs seis")) for word in words.split()}  # fmt: skip
_EARLIER = re.compile(
    r"\b(?:last|past|previous|letzte\w?|vergangene\w?|vorige\w?|derni\w{2,4}|passee?|pasad[oa]|ultim[oa]s?|anterior)\b"
)
_NOW = re.compile(r"\b(?:this|current|diese\w?|laufende\w?|cette?|ce|en cours|este|esta|actual|todays?)\b")


def keeps_names(thread: Thread) -> bool:
    """Whether the person says that files have the same name each time."""
    said = (message.text[:_READ] for message in thread.messages if message.role == "user")
    return any(
        not _NOT.search(text, max(0, hit.start() - _NEAR), hit.start())
        for text in said
        for hit in _SAME_NAME.finditer(text)
    )


def expression(value: str, kind: str, day: date | None = None) -> str:
    """Return the text with expressions that may stand for a value; empty where the value itself stays.

    `day` is that of the conversation: a date as far before it is so far before the day of a run. A form that an
    expression can't write, as a month with a German name, stays as it is.
    """
    if kind == "date":
        return _dated(value, day)
    if kind == "period":
        return _period(value, day)
    if kind == "file" and (found := _IN_FILE.search(value)):
        said = _part(found[0], day)
        return value[: found.start()] + said + value[found.end() :] if said else ""
    return _address(value, day) if kind == "url" and day else ""


def _address(value: str, day: date | None) -> str:
    """Say the dates among what an address is asked with; those in its path name a page."""
    start, mark, asked = value.partition("?")
    years = {str(day.year), str(day.year - 1)} if day else set()

    def part(found: re.Match[str]) -> str:
        is_near = any(year in found[0] for year in years)
        return (_part(found[0], day) if is_near else "") or found[0]

    made = _IN_FILE.sub(part, asked)
    return f"{start}{mark}{made}" if made != asked else ""


def _part(text: str, day: date | None) -> str:
    """Say the date, month, quarter or week in the name of a file."""
    return _quarter(text, day) or _week(text, day) or _dated(text, day)


def _dated(text: str, day: date | None) -> str:
    for shapes, is_month in ((_DAYS + _DAYS_OF_A_YEAR, False), (_MONTHS + _MONTHS_OF_A_YEAR, True)):
        for shape in shapes:
            when = _read(text, shape, day)
            if when is None:
                continue
            cased = _case(text, when.strftime(shape))
            if cased is None or (day and not is_month and not -_AFTER_DAYS <= (day - when).days <= _BEFORE_DAYS):
                return ""
            moved = _months_from(when, day) if is_month else _days_from(when, day)
            written = "" if shape == "%Y-%m-%d" else f" | format('{shape}')"
            return f"{{{{ run.date{moved}{written}{cased} }}}}"
    return ""


def _read(text: str, shape: str, day: date | None) -> date | None:
    """Return the date a text is in a form; without a year in it the one nearest to the day of the conversation."""
    years = ("",) if "%Y" in shape else tuple(f" {(day.year if day else _ANY_YEAR) + more}" for more in (0, -1, 1))
    found = []
    for year in years:
        try:
            found.append(datetime.strptime(text + year, shape.replace("%-", "%") + (" %Y" if year else "")).date())  # noqa: DTZ007 a day has no zone
        except ValueError:
            continue
    return min(found, key=lambda when: abs((when - day).days) if day else 0, default=None)


def _case(text: str, written: str) -> str | None:
    """Return the filter that makes what was written the text: small or large letters; None where it is another."""
    cases: tuple[tuple[str, Callable[[str], str]], ...] = (("", str), (" | lower", str.lower), (" | upper", str.upper))
    return next((cased for cased, change in cases if change(written) == text), None)


def _moved(count: int, unit: str) -> str:
    return f" | {'minus' if count > 0 else 'plus'}_{unit}({abs(count)})" if count else ""


def _days_from(when: date, day: date | None) -> str:
    """Say a day by the days between, or as the first or last of a month."""
    if day is None or when == day:
        return ""
    for edge, is_it in (("start", when.day == 1), ("end", (when + timedelta(days=1)).day == 1)):
        if is_it:
            return f"{_months_from(when, day)} | {edge}_of('month')"
    return _moved((day - when).days, "days")


def _months_from(when: date, day: date | None) -> str:
    if day is None:
        return _moved(1, "months")  # the one before is the one most often meant
    months = (day.year - when.year) * 12 + day.month - when.month
    return _moved(months if abs(months) <= _MOST_MONTHS else 1, "months")


def _quarter(text: str, day: date | None) -> str:
    found = _QUARTER.fullmatch(text)
    if not found:
        return ""
    year = int(found[1] or found[6] or (day.year if day else 0))
    number = int(found[4])
    back = (day.year - year) * 4 + (day.month - 1) // 3 + 1 - number if day and year else 1
    if not (found[1] or found[6]) and back < 0:
        back += 4  # the one that was last
    moved = "run.date" + _moved(back * 3, "months")
    before = f"{{{{ {moved} | format('%Y') }}}}{found[2]}" if found[1] else ""
    after = f"{found[5]}{{{{ {moved} | format('%Y') }}}}" if found[6] else ""
    return f"{before}{found[3]}{{{{ {moved} | quarter }}}}{after}"


def _week(text: str, day: date | None) -> str:
    found = _WEEK.fullmatch(text)
    if not found and day and (whole := _WEEK_OF_A_YEAR.fullmatch(text)):
        return _week_of_a_year(whole, day)
    if not found:
        return ""
    back = day.isocalendar().week - int(found[2]) if day else 1
    return f"{found[1]}{{{{ run.date{_moved(back, 'weeks')} | format('%V') }}}}"


def _week_of_a_year(found: re.Match[str], day: date) -> str:
    try:
        monday = date.fromisocalendar(int(found[1]), int(found[4]), 1)
    except ValueError:
        return ""
    back = (day - timedelta(days=day.weekday()) - monday).days // 7
    return f"{{{{ run.date{_moved(back, 'weeks')} | format('%G{found[2]}{found[3]}%V') }}}}"


def _period(value: str, day: date | None) -> str:
    """Say a period by its first day, or in the form it was written in: last 7 days, Q3 2026, September 2026."""
    if said := _part(value, day):
        return said
    bare = plain(value)
    unit = next((name for name, stems in _UNITS if any(word.startswith(stems) for word in bare.split())), "")
    number = _COUNT.search(bare)
    count = int(number[0]) if number else next((_SMALL[word] for word in bare.split() if word in _SMALL), 0)
    if not unit or not (_EARLIER.search(bare) or _NOW.search(bare) or number):
        return ""
    if not count:
        return _whole(unit, 0 if _NOW.search(bare) else 1)
    if unit == "hours":
        return f"{{{{ run.at | minus_hours({count}) }}}}"
    return f"{{{{ run.date{_back(unit, count)} }}}}"


def _back(unit: str, count: int) -> str:
    return _moved(count * 3, "months") if unit == "quarters" else _moved(count, unit)


def _whole(unit: str, count: int) -> str:
    """Say the month, week, quarter or year before: by its name where it has one, else by its first day."""
    moved = "run.date" + _back(unit, count)
    forms = {
        "days": f"{{{{ {moved} }}}}",
        "weeks": f"{{{{ {moved} | start_of('week') }}}}",
        "months": f"{{{{ {moved} | format('%Y-%m') }}}}",
        "quarters": f"Q{{{{ {moved} | quarter }}}} {{{{ {moved} | format('%Y') }}}}",
        "years": f"{{{{ {moved} | format('%Y') }}}}",
    }
    return forms.get(unit, "")
