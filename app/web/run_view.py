"""What a run looks like: its sign, its steps on an axis, its log lines as HTML, its period as a bar."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from flask import url_for
from markupsafe import Markup

from app.domain import money
from app.domain.access import Actor
from app.domain.wording import duration
from app.models.runs import Attempt, Run, Step
from app.services import lifting, planned
from app.services.lifting import Raise
from app.services.run_list import Account
from app.services.run_log import Line
from app.services.runs import Detail, cap_micros
from app.web import ansi, calendar_view
from app.web.render import zone

LONGEST_LINE = 2000
"""Letters of a line that a page shows; the text file has them all."""

_SIGNS = {
    "running": ("●", "running"),
    "queued": ("●", "running"),
    "waiting": ("‖", "paused"),
    "succeeded": ("✓", "ok"),
    "degraded": ("✓", "ok"),
    "skipped": ("‖", "paused"),
    "cancelled": ("‖", "paused"),
    "planned": ("‖", "paused"),
}
_WENT_WRONG = ("✕", "fail")


def state_of(run: Any) -> str:
    """Return the state that is shown: asked to stop is stopping until the worker says so; waiting may ask a person."""
    if run.state == "waiting" and run.reason == "approval":
        return "asking"
    return "stopping" if run.state == "running" and run.stop_mode else run.state


def sign(run: Run) -> tuple[str, str]:
    """Return the sign in front of the title, and the name of the favicon."""
    return _SIGNS.get(run.state, _WENT_WRONG)


# --- what an agent's run costs

AMBER = 0.8
"""From this share of its cap on, the meter warns."""


@dataclass(frozen=True)
class Cost:
    """What a run of an agent has cost, in micros of a US dollar, those it goes on from included.

    `spent` is None where tokens were used and no price is known; `raise_by` is what its cap can be raised by at once.
    """

    spent: int | None
    earlier: int
    cap: int
    raise_by: int
    tokens: int
    turns: int
    model: str
    is_capped: bool

    @property
    def tone(self) -> str:
        """The tone of the meter: `fail` when all is spent, `warn` when little is left."""
        share = (self.spent or 0) / self.cap if self.cap else 1.0
        return "fail" if self.is_capped or share >= 1 else "warn" if share >= AMBER else "bronze"


def cost_of(detail: Detail) -> Cost | None:
    """Return what a run of an agent has cost; None for a run of anything else."""
    run, definition = detail.run, detail.run.version.definition
    if definition.get("engine") != "agent":
        return None
    settings = definition["settings"]
    turns = [step.facts for attempt in run.attempts for step in attempt.steps if "tokens_in" in step.facts]
    tokens = sum(facts["tokens_in"] + facts["tokens_out"] for facts in turns)
    cents = settings.get("cost_cap_cents")
    is_unknown = run.cost_micros is None and tokens > 0
    return Cost(
        None if is_unknown else (run.cost_micros or 0) + detail.way.earlier_micros, detail.way.earlier_micros,
        cap_micros(run.cost_cap_micros, cents), cap_micros(None, cents) or money.MICROS, tokens, len(turns),
        run.facts.get("model") or settings.get("model") or "its model", run.reason == "cost_cap",
    )  # fmt: skip


def put_back_of(run: Run, actor: Actor) -> str:
    """Return the address that puts a run which was moved back to its own time, for who may; empty for any other."""
    waits = run.state == "waiting" and run.reason == "time"
    is_moved = waits and any(note.startswith("Moved by") for note in run.notes)
    fire_at = planned.instant(run.key) if is_moved and actor.may("edit") else None
    stamp = calendar_view.stamp(fire_at) if fire_at else ""
    return url_for("calendar_moves.undo", slug=run.task.slug, stamp=stamp) if stamp else ""


def raises_of(detail: Detail, actor: Actor, now: datetime) -> Sequence[Raise]:
    """Return the budgets that would have to be raised to let a blocked run go, for who may do that."""
    run = detail.run
    is_held = run.state == "blocked" and run.reason == "budget" and not run.task.deleted_at
    return lifting.raises(actor, run.number, now) if is_held and actor.may("manage") else ()


# --- steps

_NAMES = {"prepare": "Prepare", "run": "Run", "collect": "Collect files"}


@dataclass(frozen=True)
class Steps:
    """The rows of the waterfall, the seconds of its axis, where now is on it, and how many rows are done."""

    rows: Sequence[dict[str, Any]]
    total: float
    so_far: float | None
    done: int


def steps_of(detail: Detail, now: datetime) -> Steps:
    """Return a run's steps in the order in which they first began; the tries of a step share its row."""
    run = detail.run
    origin = run.started_at or now
    so_far = None if run.ended_at or run.started_at is None else (now - origin).total_seconds()
    total = max(so_far or 0.0, ((run.ended_at or now) - origin).total_seconds())
    if so_far is not None and detail.usual_seconds:
        total = max(total, detail.usual_seconds)
    by_name: dict[str, list[tuple[Attempt, Step]]] = {}
    for attempt in run.attempts:
        for step in attempt.steps:
            by_name.setdefault(step.name, []).append((attempt, step))
    rows = [_row(name, tries, origin, now, detail.way.saved.get(name)) for name, tries in by_name.items()]
    return Steps(rows, total, so_far, sum(row["state"] == "succeeded" for row in rows))


def _row(
    name: str, tries: Sequence[tuple[Attempt, Step]], origin: datetime, now: datetime, saved_at: datetime | None
) -> dict[str, Any]:
    segments: list[dict[str, Any]] = []
    for attempt, step in tries:
        ended_at = step.ended_at or attempt.ended_at or now
        start, end = (step.started_at - origin).total_seconds(), (ended_at - origin).total_seconds()
        if segments:
            before = segments[-1]["start"] + segments[-1]["seconds"]
            segments.append({"kind": "wait", "start": before, "seconds": start - before})
        segments.append({"kind": "work", "start": start, "seconds": max(end - start, 0.0)})
    last = tries[-1][1]
    words = [last.detail] if last.detail else []
    if "tokens_in" in last.facts:
        words.append(f"{last.facts['tokens_in'] + last.facts['tokens_out']:,} tokens")
    if len(tries) > 1:
        words.append(f"{len(tries)} tries")
    return {
        "id": name, "name": _NAMES.get(name, name), "state": last.state, "url": f"?step={name}",
        "took": _took(last, segments[-1]["seconds"]), "sub": " · ".join(words), "segments": segments,
        "saved_at": (saved_at - origin).total_seconds() if saved_at else None,
    }  # fmt: skip


def _took(step: Step, seconds: float) -> str:
    if step.state == "running":
        return Markup('<span data-since="{}">{}</span>').format(step.started_at.isoformat(), duration(seconds))
    return duration(seconds)


def line_of_step(run: Run, name: str, lines: Sequence[Line]) -> int | None:
    """Return the number of the first line written since the last try of a step began."""
    began = [step.started_at for attempt in run.attempts for step in attempt.steps if step.name == name]
    return next((line.number for line in lines if began and line.at >= began[-1]), None)


# --- the log

_NEVER, _SECOND = datetime.min.replace(tzinfo=UTC), timedelta(seconds=1)
_LEVELS = {"warn": "lv-warn", "error": "lv-fail", "debug": "lv-dim"}


def log_html(lines: Iterable[Line], picked: int | None = None) -> Markup:
    """Return log lines as list items, in the viewer's time."""
    here, clock, start, end = zone(), "", _NEVER, _NEVER
    items = []
    for line in lines:
        if not start <= line.at < end:  # many lines share a second, and saying it is slow
            start = line.at.replace(microsecond=0)
            end, clock = start + _SECOND, f"{start.astimezone(here):%H:%M:%S}"
        no, text = line.number, line.text
        if len(text) > LONGEST_LINE:
            text = f"{text[:LONGEST_LINE]} … {len(text) - LONGEST_LINE:,} more letters in the text file"
        # Here and not in a template: a macro takes four times as long, and there are two thousand lines.
        items.append(
            f'<li id="L{no}"{_class(line.level, no == picked)}><a href="?line={no}" aria-label="Line {no}">{no}</a>'
            f"<time>{clock}</time><span>{ansi.to_html(text)}</span></li>"
        )
    return Markup("".join(items))  # noqa: S704 numbers, our own classes, and text that `ansi` has escaped


@cache
def _class(level: str, is_picked: bool) -> str:
    names = " ".join(name for name in (_LEVELS.get(level, ""), "pick" if is_picked else "") if name)
    return f' class="{names}"' if names else ""


# --- the promise as a bar

_TONES = {"ran": "ok", "going": "run", "cancelled": "idle", "skipped": "idle", "missed": "fail", "blocked": "warn"}
_GAP, _LEAST = 0.4, 0.8


def bar(account: Account) -> list[dict[str, Any]]:
    """Return the pieces of the bar, in percent; the smallest stays visible and together they fill it."""
    counts = [(tone, account.ran if word == "ran" else account.of(word)) for word, tone in _TONES.items()]
    shown = [(tone, count) for tone, count in counts if count]
    room = 100 - _GAP * (len(shown) - 1) - _LEAST * len(shown)
    pieces, x = [], 0.0
    for tone, count in shown:
        width = _LEAST + room * count / account.planned
        pieces.append({"tone": tone, "x": round(x, 2), "width": round(width, 2)})
        x += width + _GAP
    return pieces
