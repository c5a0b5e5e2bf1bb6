"""What was typed for a calendar -> its columns, checked; and what a calendar covers, in a few words."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from app.core.errors import Invalid
from app.domain import calendars
from app.domain.calendars import Calendar, CalendarError, ics
from app.domain.wording import listed
from app.infra import addresses

SETTINGS: Mapping[str, Sequence[str]] = {
    "hours": ("hours",),
    "holidays": ("country", "region", "own"),
    "blackout": ("weekly", "dated"),
    "ics": ("url",),
}
"""The settings of each kind; those of LINES are lists of lines, the others texts."""

LINES = frozenset({"hours", "own", "weekly", "dated"})

_LONGEST_NAME, _LONGEST_URL = 60, 500
_NAMED = 3


@dataclass(frozen=True)
class Given:
    """A calendar as typed: `settings` are those of its kind, `content` is the text of a file (None: as it was)."""

    name: str
    kind: str
    timezone: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    content: str | None = None


def checked(given: Given, now: datetime, taken: Collection[str] = (), content_before: str = "") -> dict[str, Any]:
    """Return the columns of a calendar as typed. Raises Invalid with the field that needs another look.

    `taken` are the names of the team's other calendars. One with an address has no content until it was fetched.
    """
    wrong: dict[str, str] = {}
    name = " ".join(given.name.split())
    settings = {key: _setting(key, given.settings.get(key)) for key in SETTINGS.get(given.kind, ())}
    content = content_before if given.content is None else given.content
    if not 0 < len(name) <= _LONGEST_NAME or not name.isprintable():
        wrong["name"] = f"Give it a name of 1 to {_LONGEST_NAME} letters."
    elif name.casefold() in {other.casefold() for other in taken}:
        wrong["name"] = f"There is a calendar called {name} already."
    if given.kind == "ics":
        content = _check_source(given, settings, content, wrong)
    values: dict[str, Any] = {
        "name": name,
        "kind": given.kind,
        "timezone": given.timezone,
        "settings": settings,
        "content": content,
    }
    if "url" not in wrong and not (settings.get("url") and not content):
        _check_rule(Calendar(**values), now, wrong)
    if wrong:
        raise Invalid(wrong)
    return values


def _setting(key: str, value: Any) -> Any:
    if key in LINES:
        return [line.strip() for line in value or [] if line.strip()]
    return str(value or "").strip()


def _check_source(given: Given, settings: dict[str, Any], content: str, wrong: dict[str, str]) -> str:
    """Return the content of an imported calendar: a file, or what was fetched from its address."""
    url = settings["url"] = url_of(settings)
    if not url:
        if not content:
            wrong["url"] = "Choose a file, paste its text, or write the address of a calendar."
        return content
    if given.content:
        wrong["url"] = "Give an address or a file, not both: the address would replace the file."
    elif len(url) > _LONGEST_URL:
        wrong["url"] = f"An address has at most {_LONGEST_URL} letters."
    else:
        try:
            addresses.read_target(url)
        except addresses.Failure as failure:
            wrong["url"] = failure.message
    return content


def _check_rule(calendar: Calendar, now: datetime, wrong: dict[str, str]) -> None:
    try:
        calendars.check(calendar)
        calendars.coming(calendar, now, 1)
    except CalendarError as error:
        wrong.setdefault(error.field, error.sentence)


def url_of(settings: Mapping[str, Any]) -> str:
    """Return the address of an imported calendar as it is asked: `webcal` is HTTPS."""
    return ics.address(str(settings.get("url") or ""))


# --- in words


def says(kind: str, settings: Mapping[str, Any]) -> str:
    """Say what a calendar covers: its first lines, its country, where it was imported from."""
    if kind == "holidays":
        own = len(settings.get("own") or ())
        days = [f"{own} {'line' if own == 1 else 'lines'} of its own"] if own else []
        return listed([*_holidays(settings), *days])
    if kind == "ics":
        host = host_of(settings)
        return f"Imported from {host} every hour" if host else "Imported file"
    lines = [*(settings.get("hours") or ()), *(settings.get("weekly") or ()), *(settings.get("dated") or ())]
    more = [f"{len(lines) - _NAMED} more"] if len(lines) > _NAMED else []
    return ", ".join([*lines[:_NAMED], *more])


def _holidays(settings: Mapping[str, Any]) -> list[str]:
    code, region = settings.get("country") or "", settings.get("region") or ""
    if not code:
        return []
    country = dict(calendars.countries()).get(code, code)
    places = [dict(calendars.regions(code)).get(region, region), country] if region else [country]
    return [f"Public holidays of {', '.join(places)}"]


def host_of(settings: Mapping[str, Any]) -> str:
    """Return the host that an imported calendar comes from; the rest of an address is often a secret."""
    return urlsplit(str(settings.get("url") or "")).hostname or ""


def used(name: str, used_by: Sequence[str]) -> str:
    """Say which tasks stand in the way, and what to do first."""
    more = [f"{len(used_by) - _NAMED} more"] if len(used_by) > _NAMED else []
    tasks, use, their = ("The task", "uses", "its") if len(used_by) == 1 else ("The tasks", "use", "their")
    return f"{tasks} {listed([*used_by[:_NAMED], *more])} {use} {name}. Take it out of {their} schedules first."
