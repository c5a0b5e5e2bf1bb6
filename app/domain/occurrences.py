"""Fires of a rule -> when each is meant to start: calendars, then spread and jitter, each move with its reason."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice

from app.domain import calendars, localtime, triggers, wording
from app.domain.calendars import LOOKS_AHEAD, Calendar, Use
from app.domain.localtime import DAY, LAST
from app.domain.triggers import Fire, Trigger

MOST_AHEAD = 1500
"""So many fires are looked at beyond the present one: a day of minutes, and a month of hours."""

_MILLISECOND = timedelta(milliseconds=1)
_PASSED = "Left out: the time it moves to had passed before it was planned."


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A fire of a rule and when it is meant to start (`at`, UTC), unless it is left out.

    `notes` are the sentences of what moved it or left it out.
    """

    fire: Fire
    at: datetime
    notes: tuple[str, ...] = ()
    is_left_out: bool = False

    @property
    def is_moved(self) -> bool:
        """Whether it starts at another time than its rule says."""
        return self.at != self.fire.at


@dataclass(frozen=True)
class Plan:
    """A rule with all that moves its fires. `schedule` is the id of its row; 0 while it is not saved.

    Once saved, `spread_seconds` moves all of them by one part of it and `jitter_seconds` each by a part of its own,
    together never as far as the next fire of the rule.
    """

    trigger: Trigger
    uses: tuple[tuple[Use, Calendar], ...] = ()
    spread_seconds: float = 0.0
    jitter_seconds: float = 0.0
    schedule: int = 0

    @property
    def has_offsets(self) -> bool:
        """Whether spread or jitter moves it."""
        return bool(self.schedule and (self.spread_seconds or self.jitter_seconds))

    @property
    def looks_ahead(self) -> bool:
        """Whether a fire may move to an earlier time."""
        return any(use == "previous_day" for use, _ in self.uses)


def between(plan: Plan, after: datetime, until: datetime) -> Iterator[Occurrence]:
    """Yield what becomes of the rule's fires with after < fire <= until, in their order. Raises TriggerError."""
    if plan.has_offsets:
        return _with_offsets(plan, after, until)
    fires = triggers.fires_between(plan.trigger, after, until)
    if plan.uses:
        return (_by_calendars(plan, fire) for fire in fires)
    return (Occurrence(fire, fire.at) for fire in fires)


def coming(plan: Plan, after: datetime, count: int, *, counts_left_out: bool = True) -> list[Occurrence]:
    """Return what becomes of the next `count` fires of the rule, in the order in which they start.

    Without `counts_left_out` so many are returned that `count` of them start, if there are. One that moves to a time
    before `after` can't start any more and is left out. Raises TriggerError.
    """
    fires = (_possible(one, after) for one in between(plan, after, LAST))
    if counts_left_out or not plan.uses:
        return _in_order(list(islice(fires, count)))
    found: list[Occurrence] = []
    for one in islice(fires, MOST_AHEAD):
        found.append(one)
        count -= not one.is_left_out
        if not count:
            break
    return _in_order(found)


def due(plan: Plan, found: Sequence[Occurrence], decided_until: datetime, now: datetime) -> Sequence[Occurrence]:
    """Return what is to be decided at `now` when all was decided at `decided_until`, in the order in which it starts.

    A fire is decided at the instant of its rule, or when it starts if it moves to an earlier time. `found` are the
    fires with decided_until < fire <= now. One of them whose earlier time was over by `decided_until` has its run, or
    can't start any more: it is returned as left out.
    """
    if not plan.uses:
        return found
    ahead: Iterator[Occurrence] = iter(())
    if plan.looks_ahead:
        later = islice(between(plan, now, now + LOOKS_AHEAD), MOST_AHEAD)
        ahead = (one for one in later if decided_until < one.at <= now and not one.is_left_out)
    return _in_order([*(_possible(one, decided_until) for one in found), *ahead])


def has_passed(one: Occurrence) -> bool:
    """Whether it is left out because the time it moves to was over, so that it may have had its run then."""
    return one.notes[-1:] == (_PASSED,)


def next_look(plan: Plan, now: datetime, *, was_left_out: bool = False) -> datetime | None:
    """Return when something is to be decided after `now`, None when the rule has no more fires. Raises TriggerError.

    After a fire that calendars left out (`was_left_out`), those that follow it wait for the next one that is not, a
    day at most, so that they can be put on record together.
    """
    if not plan.uses:
        following = triggers.next_fire(plan.trigger, now)
        return following.at if following else None
    look = None
    for one in islice(between(plan, now, LAST), MOST_AHEAD):
        look = one.fire.at
        if not (was_left_out and one.is_left_out) or look >= now + DAY:
            break
    return _earlier(plan, now, look) if look and plan.looks_ahead else look


def _earlier(plan: Plan, now: datetime, look: datetime) -> datetime:
    for one in islice(between(plan, now, look + LOOKS_AHEAD), MOST_AHEAD):
        if one.fire.at > look + LOOKS_AHEAD:
            break
        if now < one.at < look and not one.is_left_out:
            look = one.at
    return look


def _in_order(found: Sequence[Occurrence]) -> list[Occurrence]:
    return sorted(found, key=lambda one: (one.at, one.fire.at))


def _possible(one: Occurrence, after: datetime) -> Occurrence:
    if one.is_left_out or one.at > after:
        return one
    return replace(one, at=one.fire.at, notes=(*one.notes, _PASSED), is_left_out=True)


def _by_calendars(plan: Plan, fire: Fire) -> Occurrence:
    if not plan.uses:
        return Occurrence(fire, fire.at)
    effect = calendars.effect(fire, plan.uses, plan.trigger.timezone)
    return Occurrence(fire, effect.at, effect.notes, effect.is_left_out)


# --- spread and jitter


def _with_offsets(plan: Plan, after: datetime, until: datetime) -> Iterator[Occurrence]:
    fires = triggers.fires_between(plan.trigger, after, LAST)
    fire = next(fires, None)
    while fire is not None and fire.at <= until:
        following = next(fires, None)
        room = (following.at if following else LAST) - fire.at
        yield _later(plan, _by_calendars(plan, fire), room)
        fire = following


def _later(plan: Plan, one: Occurrence, room: timedelta) -> Occurrence:
    """Return the occurrence moved by its parts of spread and jitter; calendars that forbid the new time win."""
    spread = _part(str(plan.schedule), plan.spread_seconds, room)
    jitter = _part(f"{plan.schedule}/{one.fire.at.isoformat()}", plan.jitter_seconds, room - spread)
    at = one.at + spread + jitter
    if one.is_left_out or at == one.at or not is_allowed(plan, at):
        return one
    by = wording.listed([word for word, part in (("spread", spread), ("jitter", jitter)) if part])
    return replace(one, at=at, notes=(*one.notes, f"Starts {wording.duration(at - one.at)} later, by its {by}."))


def _part(seed: str, seconds: float, room: timedelta) -> timedelta:
    """Return a part of `seconds` that is always the same for the seed, shorter than `room`; whole milliseconds."""
    window = min(timedelta(seconds=seconds), room) // _MILLISECOND
    share = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8])
    return _MILLISECOND * (window * share >> 64)


def is_allowed(plan: Plan, at: datetime) -> bool:
    """Whether the calendars of a plan let something start at an instant (aware), neither moved nor left out."""
    if not plan.uses:
        return True
    local = localtime.shown(at.astimezone(localtime.zone(plan.trigger.timezone)).replace(tzinfo=None))
    effect = calendars.effect(Fire(at, local), plan.uses, plan.trigger.timezone)
    return effect.at == at and not effect.is_left_out
