"""The filters of the runs, as the address has them: read, and written with some of them changed."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import urlencode

from flask import g, request

from app.core.clock import utc_now
from app.services.run_list import Filters
from app.web.render import zone

PERIODS = {"24h": ("the last 24 hours", 1), "7d": ("the last 7 days", 7), "30d": ("the last 30 days", 30)}
SPANS = {"6h": ("6 hours", timedelta(hours=6)), "day": ("Day", timedelta(days=1)), "week": ("Week", timedelta(days=7))}
"""How much of the time axis is seen."""

CHOICES = ("status", "task", "trigger", "engine", "worker", "reason")
SWITCHES = ("mine", "slow", "expensive")

_PLACES = ("before", "after")
_NOW_AT = 2 / 3  # where now stands on the axis, unless another window is asked for


@dataclass(frozen=True)
class Asked:
    """The filters, and how their period is said."""

    filters: Filters
    period: str


def read(given: Mapping[str, str]) -> Asked:
    """Return what an address asks for; nonsense in it is as if it were not there."""
    since, until, words = _window(given) if is_timeline(given) else _period(given)
    chosen = {name: given.get(name, "") for name in CHOICES}
    switched = {f"is_{name}": given.get(name) == "1" for name in SWITCHES}
    return Asked(Filters(since, until, **chosen, **switched), words)  # type: ignore[arg-type]  # the names say which are which


def is_timeline(given: Mapping[str, str]) -> bool:
    """Whether the runs are to be shown on a time axis."""
    return given.get("view") == "timeline"


def is_narrowed(filters: Filters) -> bool:
    """Whether less is shown than all runs of a period."""
    return any(getattr(filters, name) for name in CHOICES) or any(getattr(filters, f"is_{name}") for name in SWITCHES)


def kept() -> Mapping[str, str]:
    """Return what the address says, but for the place in the list."""
    return {name: value for name, value in request.args.items() if name not in _PLACES and value}


def address(**changes: str | int | None) -> str:
    """Return the runs' address with some filters changed, from the first page on; what is changed to nothing goes."""
    return address_of({**kept(), **changes})


def address_of(wanted: Mapping[str, str | int | None]) -> str:
    """Return the runs' address with these filters and no others."""
    query = urlencode({name: value for name, value in wanted.items() if value})
    return f"/t/{g.team.slug}/runs" + (f"?{query}" if query else "")  # url_for is slow, and there are two dozen of them


def file(form: str) -> str:
    """Return the address of the runs of the list as a file."""
    path, mark, query = address(view=None, select=None).partition("?")
    return f"{path}/export.{form}{mark}{query}"


def span(given: Mapping[str, str]) -> str:
    """Return how much of the time axis is asked for: a word of SPANS."""
    asked = given.get("span", "")
    return asked if asked in SPANS else "day"


def moment(at: datetime) -> str:
    """Write an instant for the address: 2026-11-24T09:00Z."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%MZ}"


# --- periods


def _period(given: Mapping[str, str]) -> tuple[datetime, datetime, str]:
    """Return the instants between which runs are looked at, and how that is said. Days are those of the viewer."""
    now, first, last = utc_now(), _day(given, "from"), _day(given, "to")
    if first or last:
        first, last = first or last or now.date(), last or now.astimezone(zone()).date()
        since = datetime.combine(first, time(), zone())
        until = datetime.combine(last + timedelta(days=1), time(), zone()) - timedelta(microseconds=1)
        return since, until, f"{first:%-d %b %Y}" if first == last else f"{first:%-d %b} to {last:%-d %b %Y}"
    words, days = PERIODS.get(given.get("period", ""), PERIODS["24h"])
    return now - timedelta(days=days), now, words


def _day(given: Mapping[str, str], name: str) -> date | None:
    try:
        return date.fromisoformat(given.get(name, ""))
    except ValueError:
        return None


def _window(given: Mapping[str, str]) -> tuple[datetime, datetime, str]:
    """Return the instants of the axis: from the asked moment or day on, else round about now."""
    words, length = SPANS[span(given)]
    start = _moment(given) or _midnight(given) or _whole_hour(utc_now() - length * _NOW_AT)
    return start, start + length, words


def _moment(given: Mapping[str, str]) -> datetime | None:
    with suppress(ValueError, OverflowError):
        at = datetime.strptime(given.get("at", ""), "%Y-%m-%dT%H:%MZ").replace(tzinfo=UTC)
        return at if at.year in range(1970, 9000) else None
    return None


def _midnight(given: Mapping[str, str]) -> datetime | None:
    day = _day(given, "from")
    if day is None or day.year not in range(1970, 9000):
        return None
    return datetime.combine(day, time(), zone()).astimezone(UTC)


def _whole_hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)
