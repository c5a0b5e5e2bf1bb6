"""The schedule box of forms: several schedules, each by words, builder, cron or RRULE, and read as one text."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property

from flask import g
from flask_login import current_user
from werkzeug.datastructures import MultiDict

from app.core.clock import utc_now
from app.core.numbers import whole
from app.domain import localtime, triggers
from app.domain.triggers import Fire
from app.models.teams import Calendar
from app.services.planning.clashes import About
from app.services.tasks import builder, schedules
from app.services.tasks.schedules import Given, Moves, Preview
from app.services.what_if import Monthly
from app.web import foresight, schedule_times
from app.web.foresight import Asked, Foresight
from app.web.forms import NO_ERRORS, Errors, zone_named
from app.web.schedule_times import Found, Time

Fields = MultiDict[str, str]

SHOWN, THEN, MANY = 5, 3, 30
"""Times that are shown, those named after them in one line, and those that are shown on request."""

LABELS = {
    "text": "When should it run?",
    "timezone": "Time zone",
    "starts": "From",
    "ends": "Until",
    "count": "At most, times",
    "gap": "When clocks skip the time",
    "fold": "When the time comes twice",
    "calendars": "Calendars",
}

USES = (
    ("", "not used"),
    ("exclude", "leave out what falls in it"),
    ("only", "run only within it"),
    ("next_day", "move to the next business day"),
    ("previous_day", "move to the business day before"),
    ("delay", "wait until it is over"),
    ("note", "run anyway, and say so"),
)
"""What the selects of calendars offer."""

_SENT = (
    "#when, #f-spread, #f-jitter, #f-flexible, #f-overlap, #f-pool, #f-task, #f-model, #f-cost_cap_cents, [name=engine]"
)
_UPSTREAM = re.compile(r"after-\d{1,2}-task", re.ASCII)
_YEAR = timedelta(days=365)
_NAME = re.compile(r"when-(\d{1,4})-(\w+)", re.ASCII)
_LOOKS = frozenset({"preview", "add", "remove", "show", "set", "split"})
_BUILT = ("repeat", "every", "between", "until", "weeks", "days", "monthday", "date", "at")


@dataclass(frozen=True)
class Box:
    """One schedule of a form: its place, its fields without that place, and how it is read."""

    number: int
    fields: Fields
    count: int = SHOWN + THEN
    is_new: bool = False
    moves: Moves = field(default_factory=Moves)

    @property
    def id(self) -> str:
        """The name of its element, and of its fields with `-field` after it."""
        return f"when-{self.number}"

    @property
    def mode(self) -> str:
        """The way in which it is written: one of builder.MODES."""
        return self.fields.get("mode", "words")

    @property
    def given(self) -> Given:
        """What was typed, in one value; `home` is the zone of the form while the words name another."""
        get = self.fields.get
        return Given(
            text=get("text", "").strip(),
            timezone=get("home") or zone_named(get("timezone", "")) or current_user.timezone,
            gap=get("gap") or "next",
            fold=get("fold") or "first",
            starts="T".join(filter(None, self.edge("starts"))),
            ends="T".join(filter(None, self.edge("ends"))),
            count=get("count", "").strip(),
            calendars=tuple(filter(None, self.fields.getlist("calendars"))),
        )

    def use_of(self, slug: str) -> str:
        """Return how it uses a calendar; empty for not at all."""
        chosen = (text.partition(":") for text in self.given.calendars)
        return next((use for use, _, name in chosen if name == slug), "")

    def edge(self, name: str) -> tuple[str, str]:
        """Return the day and the time of day, if there is one, of `starts` or `ends`."""
        day, _, at = self.fields.get(name, "").strip().partition("T")
        return day, at or (self.fields.get(f"{name}_at", "").strip() if day else "")

    @cached_property
    def preview(self) -> Preview | None:
        """How it is read, None while nothing is typed."""
        given = self.given
        return schedules.preview(given, utc_now(), self.count, self.moves) if given.text else None

    @property
    def zone(self) -> str:
        """The time zone that counts: the one in the words, else the one of the form."""
        trigger = self.preview.trigger if self.preview else None
        return trigger.timezone if trigger else self.given.timezone

    @property
    def is_zone_named(self) -> bool:
        """Whether the words name the zone, so that the field beside them does not count."""
        return self.zone != self.given.timezone

    @cached_property
    def assumed(self) -> Sequence[str]:
        """What the rule leaves open and how that is taken, a sentence each."""
        trigger = self.preview.trigger if self.preview else None
        return triggers.assumptions(trigger) if trigger else ()

    @property
    def changes(self) -> Sequence[str]:
        """What the clock changes of the next twelve months do to it, a sentence each."""
        others = {*self.assumed, self.moves.note}
        return [note for note in self.preview.notes if note not in others] if self.preview else ()

    @property
    def rhythm(self) -> str:
        """What clock changes do to a schedule that has no rule for missing and repeated times; else empty."""
        trigger = self.preview.trigger if self.preview else None
        if not trigger or not (trigger.kind == "interval" or trigger.is_wildcard) or not _changes(trigger.timezone):
            return ""
        if trigger.kind == "interval":
            return "It counts elapsed time: a clock change neither drops nor repeats a run."
        return "When clocks change it goes on: time that is skipped brings no run, time that comes twice runs twice."

    @property
    def last(self) -> Fire | None:
        """The time it ends with, None without an end; what runs once has none that needs saying."""
        trigger = self.preview.trigger if self.preview else None
        return self.preview.last if self.preview and trigger and trigger.kind != "once" else None

    @property
    def monthdays(self) -> Sequence[tuple[str, str]]:
        """The days of the month that the builder offers, with their words."""
        return [(day, day if day.isdecimal() else f"The {day} day") for day in builder.MONTHDAYS]

    @property
    def is_kept(self) -> bool:
        """Whether its tab can't show what it is, so that it is kept as it was written."""
        return bool(self.mode != "words" and self.given.text and not self.fields.get("shown"))


@dataclass(frozen=True)
class When:
    """All schedules of a form; `count` of the next times are listed. `is_cut`: one was removed just now.

    `cap` is what a run of an agent may cost, as typed in dollars.
    """

    boxes: Sequence[Box]
    count: int = SHOWN
    errors: Errors = field(default_factory=dict)
    is_cut: bool = False
    about: About | None = None
    model: str | None = None
    cap: str = ""

    @cached_property
    def monthly(self) -> Monthly | None:
        """What the task comes to in a month as it is, and as it is typed; None while no schedule is clear."""
        if self.foresight is None or self.about is None:
            return None
        return foresight.monthly(g.actor, self.about, self.model, self._asked, self.foresight.estimate, utc_now())

    @property
    def fields(self) -> str:
        """What of the form is sent to read its schedules, as a CSS selector."""
        return _SENT

    @cached_property
    def foresight(self) -> Foresight | None:
        """What planning says of them; None while none is clear."""
        if not self._asked or self.about is None:
            return None
        shown = [time.what.at for time in self.times[: self.count]]
        return foresight.look(self.about, self._asked, self.boxes[0].moves, utc_now(), shown)

    @cached_property
    def _asked(self) -> Sequence[Asked]:
        return [
            Asked(box.number, box.given, box.preview.trigger, [one.at for one in box.preview.fires])
            for box in self.boxes
            if box.preview and box.preview.trigger and box.preview.fires
        ]

    @cached_property
    def calendars(self) -> Sequence[Calendar]:
        """The calendars of the team."""
        return schedules.calendars(g.actor.team_id)

    @property
    def uses(self) -> Sequence[tuple[str, str]]:
        """What a calendar may be used for."""
        return USES

    def options(self, slug: str) -> Sequence[tuple[str, str]]:
        """What the select of a calendar offers: what is sent, and its words."""
        return [(f"{use}:{slug}" if use else "", words) for use, words in USES]

    @cached_property
    def times(self) -> Sequence[Time]:
        """The next times of all schedules together, ascending, each instant once."""
        return schedule_times.together(self._found)

    @property
    def lines(self) -> Sequence[Time]:
        """The times to list, and between them what calendars leave out."""
        return schedule_times.lines(self._found, self.times[: self.count])

    @property
    def _found(self) -> Sequence[Found]:
        return [(box.number, box.zone, one) for box in self.boxes for one in (box.preview.fires if box.preview else ())]

    @property
    def moves(self) -> str:
        """What is known of spread and jitter before the schedule is saved; empty without them."""
        return self.boxes[0].moves.note if self.times else ""

    @property
    def is_typed(self) -> bool:
        """Whether anything is typed at all."""
        return any(box.preview for box in self.boxes)

    @property
    def unclear(self) -> Sequence[Box]:
        """The schedules that would plan nothing as they stand."""
        return [box for box in self.boxes if box.preview and not box.preview.fires]

    @property
    def changes(self) -> Mapping[str, Box]:
        """What is worth knowing of all schedules, each sentence once, with a box that it is about."""
        return {note: box for box in self.boxes for note in box.changes}

    @property
    def labels(self) -> dict[str, str]:
        """How the fields are called where errors are listed."""
        of = "" if len(self.boxes) == 1 else " (time {})"
        return {
            f"{box.id}-{name}": f"{label}{of.format(box.number + 1)}"
            for box in self.boxes
            for name, label in LABELS.items()
        }


# --- what a form says


def when(fields: Fields, errors: Errors = NO_ERRORS, slug: str = "") -> When:
    """Return the schedules of a form as they are to be shown now: after a press of a tab, a choice, add or remove.

    `slug` is the task that it is the form of, where that is not among its fields.
    """
    fields = as_set(fields)
    parts = _split(_composed(fields), fields.get("split", ""))
    removed = whole(fields.get("remove", ""))
    if removed is not None and removed < len(parts):
        del parts[removed]
    is_added = "add" in fields and len(parts) < schedules.MOST_SCHEDULES
    if is_added or not parts:
        last = parts[-1] if parts else MultiDict()
        parts.append(MultiDict({"timezone": last.get("home") or last.get("timezone") or current_user.timezone}))
    count = MANY if fields.get("show") else SHOWN
    moves = Moves(g.actor.team_id, _seconds(fields, "spread"), _seconds(fields, "jitter"), counts_left_out=False)
    boxes = [
        Box(number, _shown(part), count + THEN, is_added and number == len(parts) - 1, moves)
        for number, part in enumerate(parts)
    ]
    about, cap = _about(fields, slug), fields.get("cost_cap_cents", "") if fields.get("engine") == "agent" else ""
    return When(boxes, count, errors, removed is not None, about, fields.get("model"), cap)


def _split(parts: list[Fields], pressed: str) -> list[Fields]:
    """Return the boxes, one of them as two where that was pressed: its number, and the texts of both."""
    number, *texts = pressed.split("|")
    if len(texts) != 2 or number not in map(str, range(len(parts))) or len(parts) >= schedules.MOST_SCHEDULES:  # noqa: PLR2004 one becomes two
        return parts
    part = parts[int(number)]
    both = [part.copy() for _ in texts]
    for one, text in zip(both, texts, strict=True):
        one.setlist("text", [text])
        one.setlist("choice", [text])
    return [*parts[: int(number)], *both, *parts[int(number) + 1 :]]


def _about(fields: Fields, slug: str) -> About:
    get = fields.get
    return About(
        g.actor.team_id, slug or get("task", ""), get("engine", ""), get("overlap", ""), get("pool", ""),
        tuple(value for name, value in fields.items(multi=True) if _UPSTREAM.fullmatch(name) and value),
        get("model", ""), timedelta(minutes=_seconds(fields, "flexible")) if "flexible" in fields else None,
    )  # fmt: skip


def as_set(fields: Fields) -> Fields:
    """Return the fields of a form with what a button of planning sets: `name=value`; of a calendar, its only use."""
    name, _, value = fields.get("set", "").partition("=")
    if not name:
        return fields
    changed = fields.copy()
    _, colon, slug = value.partition(":")
    others = [one for one in fields.getlist(name) if colon and one.partition(":")[2] != slug]
    changed.setlist(name, [*others, value])
    return changed


def given(fields: Fields) -> list[Given]:
    """Return what was typed, a schedule for each box in its order."""
    return [Box(number, part).given for number, part in enumerate(_composed(fields))]


def only_looks(fields: Fields) -> bool:
    """Whether a button of the box was pressed, which shows the form again and saves nothing."""
    return bool(_LOOKS & fields.keys()) or any(name.endswith("-choice") for name in fields)


def _seconds(fields: Fields, name: str) -> float:
    text = fields.get(name, "").strip()
    return float(text) if text.isascii() and text.isdecimal() and len(text) < 6 else 0.0  # noqa: PLR2004 a day at most


# --- the four ways to write one text


def _composed(fields: Fields) -> list[Fields]:
    """Return the fields of each box, with what its tab or a pressed choice says brought into `text`."""
    parts: dict[int, Fields] = {}
    for name, values in fields.lists():
        if match := _NAME.fullmatch(name):
            parts.setdefault(int(match[1]), MultiDict()).setlist(match[2], values)
    return [_with_text(parts[number]) for number in sorted(parts)[: schedules.MOST_SCHEDULES + 1]]


def _with_text(part: Fields) -> Fields:
    mode = part.get("mode", "words")
    if choice := part.get("choice"):
        part.setlist("text", [choice])
    elif mode != "words":
        said = builder.compose(part.to_dict(flat=False)) if mode == "builder" else " ".join(part.get(mode, "").split())
        if said != part.get("shown", ""):  # what was not touched stays as it was written first
            part.setlist("text", [said])
            part.setlist("shown", [said])
    return part


def _shown(part: Fields) -> Fields:
    """Fill in the tab that is asked for with what the schedule is now."""
    mode = part.get("mode", "words")
    wanted = "words" if part.get("choice") else part.get("to", mode)
    if wanted not in builder.MODES:
        wanted = "words"
    return _switched(part, wanted) if wanted != mode else part


def _switched(part: Fields, mode: str) -> Fields:
    box = Box(0, part)
    written = builder.written(mode, box.given, utc_now()) if box.given.text else {}
    for name in (*_BUILT, "cron", "rrule", "home"):
        part.poplist(name)
    fields = {
        "timezone": [box.zone],  # the words may name it, and the other ways of writing can't
        "mode": [mode],
        "shown": [builder.compose(written) if mode == "builder" else "".join(written.get(mode, ()))],
    }
    for name, values in (fields | written).items():
        part.setlist(name, values)
    return part


def _changes(zone: str) -> bool:
    now = utc_now()
    return any(localtime.changes(localtime.zone(zone), now, now + _YEAR))
