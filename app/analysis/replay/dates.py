"""Days and months of a thread: how code may write them, and how a run says them by its own day."""

import re
from calendar import monthrange
from collections.abc import Iterator
from datetime import date, timedelta

from app.analysis import suggestions
from app.analysis.replay.value import Value

_MONTHS = {
    word: number
    for names in (
        "january february march april may june july august september october november december",
        "jan feb mar apr may jun jul aug sep oct nov dec",
        "januar februar marz april mai juni juli august september oktober november dezember",
        "janvier fevrier mars avril mai juin juillet aout septembre octobre novembre decembre",
        "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    )
    for number, word in enumerate(names.split(), start=1)
}
PLAIN = str.maketrans("äàâéèêíóôûúñ", "aaaeeeioouun")
_ISO = re.compile(r"(?<!\d)(20\d\d)[-/_.]?(0[1-9]|1[0-2])[-/_.]?(0[1-9]|[12]\d|3[01])(?!\d)")
_ISO_MONTH = re.compile(r"(?<![\d-])(20\d\d)[-/_.](0[1-9]|1[0-2])(?![\d-]*\d)")
_POINTED = re.compile(r"(?<!\d)(\d{1,2})\.(\d{1,2})\.(20\d\d)(?!\d)")
_NAMED = re.compile(
    r"(?:(\d{1,2})(?:st|nd|rd|th|\.)?\s+(?:of |de )?)?([A-Za-zäàâéèêíóôûúñ]{3,12})(?:\s+(\d{1,2})(?:st|nd|rd|th)?)?"
    r"(?:,?\s+(?:de )?(20\d\d))?",
    re.IGNORECASE,
)
CALLED = re.compile(r"\b(?:date|datetime|Timestamp)\(\s*(20\d\d)\s*,\s*(\d{1,2})\s*,\s*(\d{1,2})\b")
"""A day as Python code makes it of numbers."""

_DAY_FORMS = (
    "%Y-%m-%d",
    "%d.%m.%Y",
    "%Y%m%d",
    "%Y_%m_%d",
    "%Y/%m/%d",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d-%m-%Y",
    "%d %B %Y",
    "%B %d, %Y",
    "%d %b %Y",
)
_MONTH_FORMS = ("%Y-%m", "%Y/%m", "%Y_%m", "%m/%Y", "%m.%Y", "%m-%Y", "%Y%m", "%B %Y", "%b %Y")
_IN_FILE = re.compile(r"(20\d\d)[-_](0[1-9]|1[0-2])(?![-_]?\d)[\w-]{0,80}\.[a-z]{2,5}\b")
NEAR_DAYS = 62
"""Dates in code that are so near to the day of the thread are dates of that run."""

_MOST_MONTHS = 24
_QUARTER = re.compile(
    r"(?<![A-Za-z\d])(?:20\d\d[-_ /]?q[1-4]|q[1-4][-_ /]?20\d\d)(?![A-Za-z\d])"
    r"|(?<![A-Za-z\d])20\d\d-?w[0-5]\d(?![\w-])",
    re.IGNORECASE,
)
"""A quarter or a week with its year."""

_MOST_QUARTERS = 4
_DAYS_SAID = re.compile(
    r"\b(?:yesterday|gestern|gestrig\w{0,2}|vorgestern|d['’]hier|avant-hier|ayer|anteayer)\b", re.IGNORECASE
)
_SPANS_SAID = (
    ("week", re.compile(r"\b(?:weeks?|weekly|woche\w?|wöchentlich\w{0,2}|semaines?|semanas?)\b", re.IGNORECASE)),
    ("quarter", re.compile(r"\bquarter|quartal|\btrimest", re.IGNORECASE)),
)
_MONTH_SAID = re.compile(r"\bmonth|monat|\bmois\b|\bmes(?:es)?\b", re.IGNORECASE)
_JUST_BEFORE = 2
_SUNDAY = 6
Edge = tuple[str, str]
"""The start or end, and of what: a month, a week or a quarter."""


def forms(plain: Value, said: str, day: date | None) -> Iterator[Value]:
    """Return a day or a month as code may write it, each with the expression that writes it so."""
    meant = read_date(said, day)
    if meant is None:
        return
    when, is_month = meant
    for shape in _MONTH_FORMS if is_month else _DAY_FORMS:
        yield _shaped(plain, when, shape, day, is_month=is_month)
    if is_month:
        last = when.replace(day=monthrange(when.year, when.month)[1])
        for edge, where in ((when, "start"), (last, "end")):
            yield _shaped(plain, edge, "%Y-%m-%d", day, is_month=True, edge=(where, "month"))


def _shaped(
    plain: Value, when: date, shape: str, day: date | None, *, is_month: bool, edge: Edge | None = None
) -> Value:
    literal = when.strftime(shape)
    expression = _expression(when, day, is_month=is_month, edge=edge)
    format_ = "" if shape == "%Y-%m-%d" else f" | format('{shape}')"
    kind = "date" if shape == "%Y-%m-%d" else "period" if is_month else "text"  # a date is always 2026-09-01
    label = f"{plain.label} ({edge[0]})" if edge else plain.label
    return Value(
        "", label, kind, literal, f"{{{{ run.date{expression}{format_} }}}}", None, plain.evidence, plain.excerpt
    )


def _expression(when: date, day: date | None, *, is_month: bool, edge: Edge | None = None) -> str:
    """Say a day by the day of the run: as far from it as it was from the day of the thread."""
    of_edge = f" | {edge[0]}_of('{edge[1]}')" if edge else ""
    if edge and edge[1] == "week" and day:
        return _moved((_monday(day) - _monday(when)).days // 7, "weeks") + of_edge
    if edge and edge[1] == "quarter" and day:
        return _moved(3 * (_quarter(day) - _quarter(when)), "months") + of_edge
    if is_month or edge:
        months = (day.year - when.year) * 12 + day.month - when.month if day else 1
        return _moved(months if abs(months) <= _MOST_MONTHS else 1, "months") + of_edge
    return _moved((day - when).days if day else 0, "days")


def _monday(when: date) -> date:
    return when - timedelta(days=when.weekday())


def _quarter(when: date) -> int:
    """Return the number of a quarter, counted on over the years."""
    return when.year * 4 + (when.month - 1) // 3


def _moved(count: int, unit: str) -> str:
    return f" | {'minus' if count > 0 else 'plus'}_{unit}({abs(count)})" if count else ""


def near(code: str, day: date | None, said: str = "") -> Iterator[Value]:
    """Return days, weeks, months and quarters that stand in code near the day of the thread, though nobody said them.

    `said` are the person's words: of yesterday, last week, the quarter.
    """
    if day is None:
        yield from _of_files(code)
        return
    for hit in CALLED.finditer(code):
        when = _day(int(hit[1]), int(hit[2]), int(hit[3]))
        if when and abs((day - when).days) <= NEAR_DAYS:
            plain = Value("", "Date", "date", f"{when:%Y-%m-%d}")
            yield _shaped(plain, when, "%Y-%m-%d", day, is_month=False, edge=_edge(when, day, said))
    for shape, is_month in ((_ISO, False), (_POINTED, False), (_ISO_MONTH, True)):
        for hit in shape.finditer(code):
            year, month, number = (3, 2, 1) if shape is _POINTED else (1, 2, 3)
            when = _day(int(hit[year]), int(hit[month]), 1 if is_month else int(hit[number]))
            if when is None or abs((day - when).days) > NEAR_DAYS or _is_in_a_path(code, hit):
                continue
            forms = _MONTH_FORMS if is_month else _DAY_FORMS
            shape_of = next((one for one in forms if when.strftime(one) == hit[0]), "")
            if shape_of:
                plain = Value("", "Month" if is_month else "Date", "period" if is_month else "date", hit[0])
                edge = _edge(when, day, said) if not is_month else None
                yield _shaped(plain, when, shape_of, day, is_month=is_month, edge=edge)
    yield from _quarters(code, day)


def _is_in_a_path(code: str, hit: re.Match[str]) -> bool:
    """Whether a date is folders on the way to one page: .../2026/11/20/story stays where it is."""
    return "/" in hit[0] and code[: hit.start()].endswith("/") and code[hit.end() : hit.end() + 1] == "/"


def _quarters(code: str, day: date) -> Iterator[Value]:
    for hit in _QUARTER.finditer(code):
        said = suggestions.expression(hit[0], "period", day)
        count = re.search(r"_(?:months|weeks)\((\d+)\)", said)
        if said and (not count or int(count[1]) <= 3 * _MOST_QUARTERS):
            yield Value("", "Quarter" if "quarter" in said else "Week", "period", hit[0], said)


def _of_files(code: str) -> Iterator[Value]:
    """Return the months that names of files have where no day is known: each run has the month before it."""
    months = {date(int(hit[1]), int(hit[2]), 1) for hit in _IN_FILE.finditer(code)}
    for when in sorted(months)[-_MOST_MONTHS:]:
        plain = Value("", "Month", "period", "")
        last = when.replace(day=monthrange(when.year, when.month)[1])
        yield from (
            _shaped(plain, when, shape, None, is_month=True)
            for shape in _MONTH_FORMS
            if _stands(when.strftime(shape), code)
        )
        for edge, where in ((when, "start"), (last, "end")):
            if f"{edge:%Y-%m-%d}" in code:
                yield _shaped(plain, edge, "%Y-%m-%d", None, is_month=True, edge=(where, "month"))


def _stands(literal: str, code: str) -> bool:
    return literal in code and re.search(rf"(?<!\d){re.escape(literal)}(?![-_/.]?\d)", code) is not None


def _edge(when: date, day: date, said: str) -> Edge | None:
    """Say that a day is the first or last of a month, week or quarter that is not the one of the thread.

    A day just before stays a day where somebody spoke of yesterday.
    """
    if abs((day - when).days) <= _JUST_BEFORE and _DAYS_SAID.search(said):
        return None
    after = when + timedelta(days=1)
    edges = {
        "week": "start" if when.weekday() == 0 else "end" if when.weekday() == _SUNDAY else "",
        "quarter": "start" if _quarter(when - timedelta(days=1)) != _quarter(when) else "end"
        if _quarter(after) != _quarter(when) else "",
    }  # fmt: skip
    others = {"week": _monday(when) != _monday(day), "quarter": _quarter(when) != _quarter(day)}
    for span, words in _SPANS_SAID if not _MONTH_SAID.search(said) else ():
        if words.search(said) and others[span] and edges[span]:
            return edges[span], span
    if (when.year, when.month) == (day.year, day.month):
        return None
    return ("start", "month") if when.day == 1 else ("end", "month") if after.day == 1 else None


def read_date(said: str, day: date | None) -> tuple[date, bool] | None:
    """Return the day somebody names, and whether only its month; without a year the one nearest to `day`."""
    if hit := _ISO.search(said):
        when = _day(int(hit[1]), int(hit[2]), int(hit[3]))
        return (when, False) if when else None
    if hit := _POINTED.search(said):
        when = _day(int(hit[3]), int(hit[2]), int(hit[1]))
        return (when, False) if when else None
    if hit := _ISO_MONTH.search(said):
        return date(int(hit[1]), int(hit[2]), 1), True
    for hit in _NAMED.finditer(said):
        month = _MONTHS.get(hit[2].lower().translate(PLAIN))
        year = int(hit[4]) if hit[4] else _year(month, day)
        if month and year:
            number = hit[1] or hit[3]
            when = _day(year, month, int(number or 1))
            return (when, not number) if when else None
    return None


def _year(month: int | None, day: date | None) -> int:
    if month is None or day is None:
        return 0
    return min((day.year - 1, day.year, day.year + 1), key=lambda year: abs((date(year, month, 15) - day).days))


def _day(year: int, month: int, number: int) -> date | None:
    try:
        return date(year, month, number)
    except ValueError:
        return None
