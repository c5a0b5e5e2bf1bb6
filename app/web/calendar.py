"""The calendar: month, week, day and agenda of what ran and what is to come."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from flask import Blueprint, g, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.core.clock import utc_now
from app.core.errors import NotFound
from app.domain.lifecycle import WENT_WRONG
from app.domain.wording import about, listed
from app.services import calendar
from app.services.calendar import Window
from app.services.planning import crowds, heat
from app.services.planning.crowds import Crowd
from app.web import calendar_moves, calendar_view
from app.web.calendar_view import DAY, OPEN_HOURS, Block, Look
from app.web.guard import guard
from app.web.render import page, zone

VIEWS = ("month", "week", "day", "agenda")
LAYERS = {"load": "Load", "blackout": "Blackouts", "busy": "My busy times", "conflict": "Conflicts"}
AGENDA_DAYS, MOST_ROWS = 7, 200
ITEMS_A_DAY = 4
_NAMED = 3
_WEEK = timedelta(days=7)
_FORESEEN = timedelta(days=14)
_ALL_HOURS = (0, 24)
_FOLD = {"month": (2, 15), "week": (2, 15), "day": (5, 1), "agenda": (3, 1)}
"""More runs than these that start in so many minutes stand together."""

blueprint = Blueprint("calendar", __name__, url_prefix="/t/<team>")


@dataclass(frozen=True)
class Period:
    """What a view shows: its first day, the first one after it, what it is called, and the days before and after."""

    first: date
    end: date
    title: str
    earlier: date
    later: date

    @property
    def days(self) -> list[date]:
        """Its days."""
        return [self.first + timedelta(number) for number in range((self.end - self.first).days)]


@blueprint.get("/calendar")
@blueprint.get("/calendar/<view>")
@guard("see")
def index(view: str = "") -> AnyResponse:
    """Lead to the present in the view that is asked for: the week without one, or the agenda where that has no room."""
    view = view or request.args.get("view") or ("agenda" if request.cookies.get("narrow") else "week")
    if view not in VIEWS:
        raise NotFound
    return redirect(url_for("calendar.show", view=view, day=_today().isoformat()))


@blueprint.get("/calendar/<view>/<day>")
@guard("see")
def show(view: str, day: str) -> str:
    """Show the calendar around a day."""
    at = _day(view, day)
    period = _period(view, at)
    since, until = (calendar_view.begin_of(one, zone()) for one in (period.first, period.end))
    window = calendar.window(g.actor, since, until, zone())
    crowded = crowds.crowds(g.actor.team_id, since, min(until, window.now + _FORESEEN), window.now)
    layers = _layers(window, crowded)
    shown = frozenset(one.at for one in crowded) if layers.get("conflict") else frozenset()
    more = _VIEWS[view](window, period, at, Look(zone(), g.actor.may("edit"), shown, _full(view, period, layers)))
    return page(
        f"calendar/{view}.html", view=view, day=at, today=_today(), period=period, window=window,
        layers={name for name, is_on in layers.items() if is_on},
        address=_address, chips=_chips(view, at, layers),
        clash=_clash(crowded, view) if shown else None, toasts=calendar_moves.toasts(), **more,
    )  # fmt: skip


def _full(view: str, period: Period, layers: dict[str, bool]) -> dict[datetime, float]:
    """Return how full the slots are in the hours of a grid that shows it."""
    if view not in {"week", "day"} or not layers.get("load"):
        return {}
    return heat.of_hours(g.actor.team_id, _begins(period, _ALL_HOURS))


def _day(view: str, text: str) -> date:
    if view not in VIEWS:
        raise NotFound
    try:
        return calendar_view.day_of(text)
    except ValueError:
        raise NotFound from None


def _today() -> date:
    return utc_now().astimezone(zone()).date()


def _period(view: str, day: date) -> Period:
    monday = day - timedelta(day.weekday())
    if view == "month":
        first = day.replace(day=1)
        following = (first + timedelta(days=31)).replace(day=1)
        begin = first - timedelta(first.weekday())
        weeks = -(-(following - begin).days // 7)
        return Period(begin, begin + weeks * _WEEK, f"{day:%B %Y}", (first - DAY).replace(day=1), following)
    if view == "week":
        return Period(monday, monday + _WEEK, _span(monday, monday + _WEEK - DAY), day - _WEEK, day + _WEEK)
    if view == "day":
        return Period(day, day + DAY, f"{day:%a} {day.day} {day:%B %Y}", day - DAY, day + DAY)
    later = timedelta(AGENDA_DAYS)
    return Period(day, day + later, f"{day:%a} {day.day} {day:%B %Y}", day - later, day + later)


def _span(first: date, last: date) -> str:
    """Say the days of a week: 23–29 November 2026."""
    if first.year != last.year:
        return f"{first.day} {first:%b %Y} – {last.day} {last:%b %Y}"
    if first.month != last.month:
        return f"{first.day} {first:%b} – {last.day} {last:%b %Y}"
    return f"{first.day}–{last.day} {last:%B %Y}"


# --- addresses


def _address(view: str, day: date, **changed: str) -> str:
    """Return the address of a view of a day, with the layers and hours as they are chosen now."""
    kept = {name: request.args[name] for name in ("layers", "hours") if name in request.args}
    values: dict[str, Any] = kept | changed
    return url_for("calendar.show", view=view, day=day.isoformat(), **values)


def _layers(window: Window, crowded: Sequence[Crowd]) -> dict[str, bool]:
    """Return the layers that there is something of, and whether each is shown."""
    there = {
        "load": bool(window.hours), "blackout": bool(window.blackouts), "busy": bool(window.busy),
        "conflict": bool(crowded),
    }  # fmt: skip
    chosen = request.args.get("layers")
    return {name: chosen is None or name in chosen.split(",") for name, has_any in there.items() if has_any}


def _chips(view: str, day: date, layers: dict[str, bool]) -> list[tuple[str, str, bool]]:
    chips = []
    for name, is_on in layers.items():
        others = [one for one, shown in layers.items() if (shown if one != name else not is_on)]
        chips.append((LAYERS[name], _address(view, day, layers=",".join(others)), is_on))
    return chips


# --- conflicts


_THESE_DAYS = {"month": "in the next two weeks", "week": "this week", "day": "on this day", "agenda": "in these days"}


def _clash(crowded: Sequence[Crowd], view: str) -> dict[str, Any]:
    """Return the sentence for the fullest minute, the days on which the same tasks meet, and the tasks."""
    worst = max(crowded, key=lambda one: (one.starts, one.wait_seconds))
    days = [f"{one.at.astimezone(zone()):%a}" for one in crowded if one.slugs == worst.slugs][:7]
    at = worst.at.astimezone(zone())
    when = f"{listed(list(dict.fromkeys(days)))} at {at:%H:%M}"
    starts = "1 run starts" if worst.starts == 1 else f"{worst.starts} runs start at once"
    sentence = f"{when}: {starts}, and there are {worst.slots} slots."
    wait = f"The last one waits about {about(worst.wait_seconds)}."
    agenda = url_for("calendar.show", view="agenda", day=at.date().isoformat()) + f"#at-{at:%d-%H-%M}"
    often = f"Runs wait {len(crowded)} times {_THESE_DAYS[view]}." if len(crowded) > 1 else ""
    return {"sentence": sentence, "wait": wait, "often": often, "slugs": worst.slugs, "agenda": agenda}


# --- the views


def _grid(window: Window, period: Period, day: date, by: Look) -> dict[str, Any]:
    hours = _ALL_HOURS if request.args.get("hours") == "all" else OPEN_HOURS
    view = "day" if len(period.days) == 1 else "week"
    bands = calendar_view.often(window, period.days)
    columns = calendar_view.columns(window, period.days, by, hours, _FOLD[view])
    near = min(max(day.weekday(), 0), 4) if view == "week" else 0
    return {
        "columns": columns, "hours": hours, "near": range(near, near + 3), "zone_name": _zone_name(period.first),
        "bands": bands, "together": calendar_view.together(bands, period.days),
        "of_day": _today() if _today() in period.days else period.first,
        "is_known": {begin in by.full for begin in _begins(period, hours)},
    }  # fmt: skip


def _begins(period: Period, hours: tuple[int, int]) -> list[datetime]:
    return [calendar_view.hour_of(day, hour, zone()) for day in period.days for hour in range(*hours)]


def _zone_name(day: date) -> str:
    return datetime(day.year, day.month, day.day, 12, tzinfo=zone()).tzname() or ""


def _month(window: Window, period: Period, day: date, by: Look) -> dict[str, Any]:
    cells = {one: _cell(window, one, by) for one in period.days}
    days = [one for one in period.days if one.month == day.month]
    bands = calendar_view.often(window, days)
    return {
        "weeks": [period.days[start : start + 7] for start in range(0, len(period.days), 7)],
        "cells": cells,
        "month": day.month,
        "counts": _counts(window, days),
        "bands": bands, "together": calendar_view.together(bands, days),
        "of_day": max(days[0], min(_today(), days[-1])),
        "picked": calendar_view.blocks(calendar_view.of_day(window, day, zone()), by, _FOLD["month"]),
    }  # fmt: skip


def _cell(window: Window, day: date, by: Look) -> dict[str, Any]:
    """Return the runs of a day that a cell has room for, trouble first, how many more there are, and its marks."""
    items = calendar_view.of_day(window, day, zone())
    found = calendar_view.blocks(items, by, _FOLD["month"])
    chosen = sorted(found, key=_concern)
    waits = [block for block in found if block.is_conflict]
    shown = sorted(chosen[:ITEMS_A_DAY], key=lambda block: (not block.is_conflict, block.at))
    begin, end = (calendar_view.begin_of(one, zone()) for one in (day, day + DAY))
    spans = [span for span in window.blackouts if span.begin < end and span.end > begin]
    return {
        "shown": shown,
        "waits": f"Runs wait at {listed([f'{block.local:%H:%M}' for block in waits[:_NAMED]])}" if waits else "",
        "more": sum(len(block.items) for block in found) - sum(len(block.items) for block in shown),
        "ruler": calendar_view.ruler(window, day, max(window.hours.values(), default=1)),
        "spans": list(dict.fromkeys(span.what for span in spans)),
    }  # fmt: skip


def _concern(block: Block) -> tuple[bool, ...]:
    """Return what puts a block of a day before others: trouble, what goes on, what will wait, many at once."""
    return block.state not in WENT_WRONG, block.state != "running", not block.is_conflict, block.is_one


def _counts(window: Window, days: Sequence[date]) -> dict[str, int]:
    """Return how many runs of these days are over, fine and to come, of all."""
    begin, end = (calendar_view.begin_of(one, zone()) for one in (days[0], days[-1] + DAY))
    states: dict[str, int] = {}
    for item in window.items:
        if begin <= item.at < end:
            states[item.state] = states.get(item.state, 0) + item.count
    for one in window.frequent:
        for day in days:
            for state, count in one.by_day.get(day, {}).items():
                states[state] = states.get(state, 0) + count
    coming = sum(states.get(state, 0) for state in ("planned", "queued", "waiting", "running"))
    fine = states.get("succeeded", 0) + states.get("degraded", 0)
    return {"all": sum(states.values()), "over": sum(states.values()) - coming, "fine": fine, "coming": coming}


def _agenda(window: Window, period: Period, day: date, by: Look) -> dict[str, Any]:
    """Return the days with their runs, so many days that the list stays one that can be read."""
    days: list[dict[str, Any]] = []
    for one in period.days:
        items = calendar_view.of_day(window, one, zone())
        blocks = calendar_view.blocks(items, by, _FOLD["agenda" if len(items) <= MOST_ROWS else "week"])
        if days and sum(len(before["blocks"]) for before in days) + len(blocks) > MOST_ROWS:
            break
        begin, end = (calendar_view.begin_of(edge, zone()) for edge in (one, one + DAY))
        days.append({
            "day": one,
            "blocks": blocks,
            "bands": (bands := calendar_view.often(window, [one])), "together": calendar_view.together(bands, [one]),
            "spans": [span for span in window.blackouts if begin <= max(span.begin, window.since) < end],
            "counts": _counts(window, [one]),
        })  # fmt: skip
    strip = calendar_view.ruler(window, day, max(window.hours.values(), default=1))
    following = days[-1]["day"] + DAY
    return {
        "days": days, "following": following, "strip": strip, "weeks": _weeks(day), "url_of": calendar_view.url_of
    }  # fmt: skip


def _weeks(day: date) -> list[list[date]]:
    period = _period("month", day)
    return [period.days[start : start + 7] for start in range(0, len(period.days), 7)]


_VIEWS = {"month": _month, "week": _grid, "day": _grid, "agenda": _agenda}
