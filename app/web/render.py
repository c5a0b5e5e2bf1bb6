"""Pages and parts: what every template knows, and how times, durations and sizes are said."""

import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from flask import Flask, g, render_template, request, url_for
from flask_login import current_user
from jinja2 import StrictUndefined
from markupsafe import Markup, escape

from app.core.clock import utc_now
from app.domain import expected, money
from app.domain.wording import about, duration
from app.services import clocks, workers
from app.web import assets, banners, security
from app.web.forms import typed

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_KEEP_ALIVE_SECONDS = 2.0
_DAY_MINUTES = 1440
_RUN = re.compile(r"\(#(\d{1,9})\)", re.ASCII)

# The first that fits: Chrome says it is Safari too, and Edge says it is Chrome.
_BROWSERS = (("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("Chrome", "Chrome"), ("Safari", "Safari"))
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)


@dataclass(frozen=True)
class Alive:
    """The dot beside the brand: its tone and its sentence."""

    tone: str
    text: str


def attach(app: Flask) -> None:
    """Give templates their rules, words and filters."""
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = True
    app.jinja_env.filters |= {
        "clock": clock,
        "day": day,
        "relative": relative,
        "duration": duration,
        "bytes": size,
        "money": money.said,
        "about": about,
        "takes": expected.takes,
        "band": expected.band,
        "spent": expected.spent,
        "rests": expected.rests,
        "costs": expected.costs,
        "risks": expected.risks,
        "waits": expected.waits,
        "iso": iso,
        "browser": browser_name,
        "with_runs": with_runs,
    }
    app.jinja_env.globals |= {"typed": typed, "banners": banners}
    app.context_processor(_context)


def with_runs(text: str) -> Markup:
    """Return a sentence in which each run that is named like `(#481)` is a link to it."""
    said = Markup()
    for index, part in enumerate(_RUN.split(text)):  # text, number, text …
        if index % 2:
            said += Markup('(<a class="link" href="{}">#{}</a>)').format(url_for("runs.show", number=int(part)), part)
        else:
            said += escape(part)
    return said


def page(template: str, part: str = "", **context: Any) -> str:
    """Render a whole page, or its `part` when htmx asks for a piece of it."""
    return render_template(part if part and is_part() else template, **context)


def is_part() -> bool:
    """Whether htmx asks for a piece of a page."""
    return request.headers.get("HX-Request-Type") == "partial"


def _context() -> dict[str, Any]:
    is_known = current_user.is_authenticated
    return {
        "person": current_user if is_known else None,
        "team": g.get("team"),
        "teams": g.get("teams", []),
        "actor": g.get("actor"),
        "nav_now": (section := _nav_now()),
        "sheet": _sheet(section),
        "alive": alive() if is_known else None,
        "csrf_token": security.csrf_token(),
        "hour_line_percent": _hour_line_percent(),
        "host": request.host,
        "local_time": clock(utc_now()) + ("" if is_known else " UTC"),
        "saved": request.args.get("saved", ""),
        "unsaid": g.get("unsaid", ()),
        "side": request.cookies.get("side", ""),
    }


def _nav_now() -> str:
    section = request.path.split("/")[3:5] if request.path.startswith("/t/") else []
    return "new" if section == ["tasks", "new"] else (section[0] if section else "")


def _sheet(section: str) -> str:
    """Return the name of the style sheet that pages of a section have beside the common one; empty without."""
    section = "tasks" if section == "new" else section
    return section if section in assets.SHEETS else ""


def _hour_line_percent() -> int:
    here = utc_now().astimezone(zone())
    return round((here.hour * 60 + here.minute) * 100 / _DAY_MINUTES)


# --- the dot


def alive() -> Alive:
    """Return whether work goes on, asked of the database at most every two seconds."""
    return _alive(int(time.monotonic() / _KEEP_ALIVE_SECONDS))


@lru_cache(maxsize=1)
def _alive(_moment: int) -> Alive:
    try:
        count, has_clock = len(workers.alive()), clocks.leader() is not None
    except sa.exc.DBAPIError:
        return Alive("fail", "The database is away.")
    if not has_clock:
        return Alive("warn", "The clock is away: schedules wait.")
    if not count:
        return Alive("warn", "No worker is there: runs wait.")
    return Alive("ok", f"All is well: the clock and {count} {'worker' if count == 1 else 'workers'}.")


# --- filters, in the viewer's time zone


def zone() -> ZoneInfo:
    """Return the time zone of whoever looks at the page."""
    if "zone" not in g:
        g.zone = ZoneInfo(current_user.timezone if current_user.is_authenticated else "UTC")
    found: ZoneInfo = g.zone
    return found


def clock(at: datetime) -> str:
    """Say the time of day: 09:05."""
    return f"{at.astimezone(zone()):%H:%M}"


def day(at: datetime) -> str:
    """Say the day: Today, Mon 23 Nov, or with its year when that is another one."""
    here, today = at.astimezone(zone()).date(), utc_now().astimezone(zone()).date()
    near = {-1: "Yesterday", 0: "Today", 1: "Tomorrow"}.get((here - today).days)
    return near or f"{here:%a} {here.day} {here:%b}" + (f" {here.year}" if here.year != today.year else "")


def relative(at: datetime) -> str:
    """Say how far away an instant is: in 14 min, 3 h ago, now."""
    seconds = (at - utc_now()).total_seconds()
    distance = abs(seconds)
    if distance < 1:
        return "now"
    text = _rounded(distance)
    return f"in {text}" if seconds > 0 else f"{text} ago"


def _rounded(seconds: float) -> str:
    if seconds < _MINUTE:
        return f"{seconds:.0f} s"
    if seconds < _HOUR:
        return f"{seconds / _MINUTE:.0f} min"
    if seconds < _DAY:
        return f"{seconds / _HOUR:.0f} h"
    days = round(seconds / _DAY)
    return "1 day" if days == 1 else f"{days} days"


def size(count: float) -> str:
    """Say a number of bytes: 512 B, 18 KB, 1.4 MB."""
    for unit in ("B", "KB", "MB", "GB"):
        if count < 1000:  # noqa: PLR2004 decimal, as in KB
            return f"{count:.0f} {unit}" if unit == "B" or count >= 10 else f"{count:.1f} {unit}"  # noqa: PLR2004 two digits
        count /= 1000
    return f"{count:.1f} TB"


def iso(at: datetime) -> str:
    """Write an instant for machines: 2026-11-24T09:00:00Z."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def browser_name(user_agent: str) -> str:
    """Say which browser on which system sent this header, roughly."""
    browser = next((name for mark, name in _BROWSERS if mark in user_agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), "")
    return " on ".join(word for word in (browser, system) if word) or user_agent[:40] or "A program"
