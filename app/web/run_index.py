"""The list of runs: what was planned in a period, what became of it, and what can be done with some of it together."""

import secrets
from collections.abc import Mapping
from itertools import groupby
from typing import Any

from flask import g, request

from app.core.clock import utc_now
from app.domain import reasons
from app.domain.lifecycle import DID_NOT_HAPPEN
from app.services import run_list
from app.services.run_list import Filters, Matching, Page, exporting
from app.services.tasks import definitions
from app.web import run_filters, run_view
from app.web.render import day, page
from app.web.run_filters import CHOICES, Asked, address

TRIGGERS = {
    "schedule": "a schedule",
    "person": "a person",
    "api": "a program",
    "backfill": "a backfill",
    "ping": "a ping",
    "webhook": "a call",
}
_WORDS = {"task": "{}", "trigger": "By {}", "engine": "{}", "worker": "On {}", "reason": "{}"}
_NOT = {"not", *DID_NOT_HAPPEN}


def show() -> str:
    """Show the runs of a period, and that all that was planned is accounted for."""
    asked = run_filters.read(request.args)
    account = run_list.account(g.actor, asked.filters)
    shown = run_list.listing(g.actor, asked.filters, before=_number("before"), after=_number("after"))
    why = run_list.reasons(g.actor, asked.filters) if asked.filters.status in _NOT and account.did_not else ()
    return page(
        "runs/index.html",
        part="runs/_list.html",
        shown=shown,
        reasons=why,
        why=reasons.words,
        days=[(said, list(rows)) for said, rows in groupby(shown.rows, lambda run: day(run.planned_at))],
        next_at=None if shown.rows else run_list.next_planned_at(g.actor),
        now=utc_now(),
        state_of=run_view.state_of,
        matching=_matching(asked, shown),
        once=secrets.token_urlsafe(9),
        bar=run_view.bar(account),
        account=account,
        forms=exporting.OFFERED,
        file=run_filters.file,
        **filter_context(asked),
    )


def filter_context(asked: Asked) -> dict[str, Any]:
    """Return what the filters above list and timeline need."""
    tasks, engines = run_list.tasks(g.actor), definitions.types()
    return {
        "filters": asked.filters,
        "period": asked.period,
        "periods": run_filters.PERIODS,
        "active": _active(asked.filters, {"task": dict(tasks), "engine": dict(engines), "trigger": TRIGGERS}),
        "tasks": tasks,
        "engines": engines,
        "workers": [(name, name) for name in _workers(asked.filters.worker)],
        "triggers": TRIGGERS,
        "address": address,
        "clear": run_filters.address_of({"view": request.args.get("view")}),
        "kept": run_filters.kept(),
        "is_narrowed": run_filters.is_narrowed(asked.filters),
        "is_timeline": run_filters.is_timeline(request.args),
    }


def _workers(asked: str) -> list[str]:
    known = list(run_list.workers())
    return known if not asked or asked in known else [*known, asked]


def _active(filters: Filters, names: Mapping[str, Mapping[str, str]]) -> list[tuple[str, str]]:
    """Return the choices in force in words, each with the address without it."""
    chosen = {name: getattr(filters, name) for name in CHOICES if name != "status" and getattr(filters, name)}
    said = {name: names.get(name, {}).get(value, value) for name, value in chosen.items()}
    return [
        (_WORDS[name].format(reasons.words(text) if name == "reason" else text), address(**{name: None}))
        for name, text in said.items()
    ]


def _matching(asked: Asked, shown: Page) -> Matching | None:
    """Return what "all that match" would be, if that is more than what this page shows and may be done."""
    if not g.actor.may("run") or not (shown.has_older or shown.has_newer):
        return None
    return run_list.matching(g.actor, asked.filters)


def _number(name: str) -> int | None:
    return request.args.get(name, type=int)
