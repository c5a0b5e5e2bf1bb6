"""What forms send, read plainly; and which page shows a form again when something in it can't be used."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, available_timezones

from flask import redirect, request
from flask_login import current_user
from werkzeug.wrappers import Response

from app.core.errors import Invalid

View = TypeVar("View", bound=Callable[..., Any])

Errors = Mapping[str, str]
NO_ERRORS: Errors = {}


def shown_by(page: Callable[..., Any]) -> Callable[[View], View]:
    """Name the page that shows the form again: web/errors.py calls page(errors, **the route's arguments) for Invalid.

    The page reads what was typed with `typed(name, otherwise)`.
    """

    def mark(view: View) -> View:
        view.shown_by = page  # type: ignore[attr-defined]  # read by web/errors.py
        return view

    return mark


def text(name: str) -> str:
    """Return a field without white space around it, with plain line ends; empty when it was not sent."""
    return request.form.get(name, "").replace("\r\n", "\n").strip()


def moment(name: str) -> datetime | None:
    """Return a moment that was chosen in the person's time zone, None for an empty field. Raises Invalid."""
    typed_text = text(name)
    if not typed_text:
        return None
    try:
        return datetime.fromisoformat(typed_text).replace(tzinfo=ZoneInfo(current_user.timezone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid({name: "Choose a day and a time, such as 2026-12-01 09:00."}) from None


def checked(name: str) -> bool:
    """Return whether a box was ticked."""
    return bool(request.form.get(name))


def typed(name: str, otherwise: str = "") -> str:
    """Return what was typed into a field that is shown again, else `otherwise`."""
    return request.form.get(name, otherwise)


def saved(address: str, what: str) -> Response:
    """Lead back to the page, which then says “Saved” beside the form called `what`."""
    return redirect(f"{address}?saved={what}", 303)


@cache
def zones() -> list[tuple[str, str]]:
    """Return the time zones to choose from: cities and UTC."""
    names = (name for name in available_timezones() if "/" in name and not name.startswith(("Etc/", "US/")))
    return [("UTC", "UTC"), *((name, name.replace("_", " ")) for name in sorted(names))]


def zone_named(words: str) -> str:
    """Return the time zone that somebody typed, `europe/berlin` or only its city; what is none comes back as typed."""
    typed_name = words.strip().replace(" ", "_").lower()
    return _zones_by_name().get(typed_name, words.strip())


@cache
def _zones_by_name() -> Mapping[str, str]:
    names = sorted(available_timezones(), key=len, reverse=True)  # of two zones with one city the shorter name counts
    cities = {name.rpartition("/")[2].lower(): name for name in names}
    return cities | {name.lower(): name for name in names}
