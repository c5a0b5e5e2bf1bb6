"""An alert rule as people write it, and the rule that it stands for."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

import sqlalchemy as sa

from app.core.errors import Invalid
from app.domain import alert_words, localtime, stored_rules, tags
from app.domain.access import Actor
from app.domain.alert_rules import EVENTS, Pace, Quiet, Rule
from app.infra.database import db
from app.models.people import Person
from app.models.tasks import Task
from app.models.teams import Membership
from app.models.telling import AlertRule, Channel

LONGEST_NAME = 80
MOST_FAILURES, MOST_MINUTES = 100, 7 * 24 * 60

OWNER = "owner"
_WAYS = ("app", "email", "push")
_HOUR = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)


@dataclass(frozen=True)
class Wanted:
    """A rule as people write it.

    `tell` and `escalates_to` name `owner` (of the task), `person:<id>` or `channel:<id>`; `tasks` are slugs; without
    tasks and tags it is about all. `quiet_since` and `quiet_until` are local times in `zone`, as is `digest_at`: with
    it everything waits for that hour. `escalates_after` is in minutes, 0: never.
    """

    name: str
    events: Collection[str]
    tell: Collection[str]
    tasks: Collection[str] = ()
    tags: Collection[str] = ()
    after: int = 1
    is_each: bool = False
    tells_end: bool = True
    digest_at: str = ""
    quiet_since: str = ""
    quiet_until: str = ""
    zone: str = "UTC"
    escalates_after: int = 0
    escalates_to: Collection[str] = ()


@dataclass(frozen=True)
class Line:
    """A rule as the list shows it: what it says in words, and what is wanted."""

    id: int
    name: str
    is_on: bool
    sentence: str
    wanted: Wanted
    created_at: datetime
    changed_at: datetime


def tasks_of(actor: Actor) -> dict[int, tuple[str, str]]:
    """Return the team's tasks: slug and name by id."""
    query = sa.select(Task.id, Task.slug, Task.name).where(Task.team_id == actor.team_id, Task.deleted_at.is_(None))
    return {row.id: (row.slug, row.name) for row in db.session.execute(query)}


def who(actor: Actor) -> dict[str, str]:
    """Return whom a rule of the team can tell: `owner`, `person:<id>` and `channel:<id>`, with their names."""
    people = sa.select(Person.id, Person.name).join(Membership, Membership.person_id == Person.id)
    people = people.where(Membership.team_id == actor.team_id).order_by(Person.name, Person.id)
    channels = sa.select(Channel.id, Channel.name).where(Channel.team_id == actor.team_id, Channel.person_id.is_(None))
    found = {OWNER: "the owner of the task"}
    found |= {f"person:{ident}": name for ident, name in db.session.execute(people)}
    return found | {f"channel:{ident}": name for ident, name in db.session.execute(channels.order_by(Channel.name))}


def names_of(channels: Mapping[str, str]) -> dict[str, str]:
    """Return the names of `who` by the channels that stand for each."""
    return {channel: name for key, name in channels.items() for channel in _channels([key])}


def checked(actor: Actor, wanted: Wanted) -> dict[str, Any]:
    """Return what to store of a rule that can be used. Raises Invalid."""
    tasks = {slug: ident for ident, (slug, _) in tasks_of(actor).items()}
    known = who(actor)
    labels, tags_problem = tags.cleaned(wanted.tags)
    wrong = {
        "name": _name_problem(wanted.name),
        "events": _one_of(wanted.events, EVENTS.keys() - {"recovered"}, "event", "Choose at least one event."),
        "tasks": _one_of(wanted.tasks, tasks, "task"),
        "tags": tags_problem,
        "zone": _zone_problem(wanted.zone),
        "tell": _one_of(wanted.tell, known, "person or channel", "Choose whom it tells."),
        "after": "" if 1 <= wanted.after <= MOST_FAILURES else f"Choose a number from 1 to {MOST_FAILURES}.",
        **_hours_problems(wanted),
        **_escalation_problems(wanted, known),
    }
    if found := {field: sentence for field, sentence in wrong.items() if sentence}:
        raise Invalid(found)
    quiet = None
    if wanted.quiet_since:
        quiet = Quiet(time.fromisoformat(wanted.quiet_since), time.fromisoformat(wanted.quiet_until))
    tell, later = _channels(wanted.tell), _channels(wanted.escalates_to)
    return stored_rules.definition(
        Rule(
            events=frozenset(wanted.events),
            tasks=frozenset(tasks[slug] for slug in wanted.tasks),
            tags=frozenset(labels),
            channels=tell,
            ends=tell | later if wanted.tells_end else frozenset(),
            after=wanted.after,
            is_each=wanted.is_each,
            held=frozenset(wanted.events) if wanted.digest_at else frozenset(),
            pace=Pace(wanted.zone, quiet, time.fromisoformat(wanted.digest_at) if wanted.digest_at else None),
            escalates_after=timedelta(minutes=wanted.escalates_after) if wanted.escalates_after else None,
            escalates_to=later if wanted.escalates_after else frozenset(),
        )
    )


def _name_problem(name: str) -> str:
    is_good = 0 < len(name.strip()) <= LONGEST_NAME and name.strip().isprintable()
    return "" if is_good else f"A name has 1 to {LONGEST_NAME} letters on one line."


def _zone_problem(zone: str) -> str:
    try:
        localtime.zone(zone)
    except localtime.TriggerError as error:
        return error.sentence
    return ""


def _one_of(chosen: Collection[str], known: Collection[str], what: str, if_none: str = "") -> str:
    strange = [one for one in chosen if one not in known]
    return f"There is no {what} called {strange[0][:40]}." if strange else "" if chosen else if_none


def _hours_problems(wanted: Wanted) -> dict[str, str]:
    hours = {name: getattr(wanted, name) for name in ("digest_at", "quiet_since", "quiet_until")}
    wrong = {name: "Write a time like 22:00." for name, hour in hours.items() if hour and not _HOUR.fullmatch(hour)}
    if not wrong and bool(wanted.quiet_since) != bool(wanted.quiet_until):
        wrong["quiet_until"] = "Quiet hours need a beginning and an end."
    elif not wrong and wanted.quiet_since and wanted.quiet_since == wanted.quiet_until:
        wrong["quiet_until"] = "Quiet hours end at another time than they begin."
    return wrong


def _escalation_problems(wanted: Wanted, known: Collection[str]) -> dict[str, str]:
    if not wanted.escalates_after:
        return {"escalates_after": "Say after how long." if wanted.escalates_to else ""}
    if not 1 <= wanted.escalates_after <= MOST_MINUTES:
        return {"escalates_after": f"Choose from 1 to {MOST_MINUTES:,} minutes."}
    return {"escalates_to": _one_of(wanted.escalates_to, known, "person or channel", "Choose whom it tells then.")}


def _channels(tell: Collection[str]) -> frozenset[str]:
    """Return the channels behind people: their page, their e-mail and their devices."""
    people = (one.removeprefix("person:") for one in tell if not one.startswith("channel:"))
    ways = {f"{way}:{person}" for person in people for way in _WAYS}
    return frozenset(ways | {one for one in tell if one.startswith("channel:")})


def _tell(channels: Collection[str]) -> tuple[str, ...]:
    """Return who stands behind channels, as people write it."""
    found = dict.fromkeys(_key(channel) for channel in channels)
    return tuple(sorted(found, key=lambda key: (key != OWNER, key)))


def _key(channel: str) -> str:
    kind, _, ident = channel.partition(":")
    return channel if kind == "channel" else OWNER if ident == OWNER else f"person:{ident}"


def line(row: AlertRule, tasks: Mapping[int, tuple[str, str]], names: Mapping[str, str]) -> Line:
    """Return a stored rule as the list shows it; `tasks` as `tasks_of` gives them, `names` as `names_of`."""
    rule = stored_rules.rule(row.definition)
    quiet = rule.pace.quiet
    escalates = rule.escalates_after
    wanted = Wanted(
        name=row.name,
        events=[event for event in EVENTS if event in rule.events],
        tell=_tell(rule.channels),
        tasks=[tasks[ident][0] for ident in sorted(rule.tasks) if ident in tasks],
        tags=sorted(rule.tags),
        after=rule.after,
        is_each=rule.is_each,
        tells_end=bool(rule.ends),
        digest_at=stored_rules.hour(rule.pace.digest_at),
        quiet_since=stored_rules.hour(quiet.since) if quiet else "",
        quiet_until=stored_rules.hour(quiet.until) if quiet else "",
        zone=rule.pace.zone,
        escalates_after=round(escalates.total_seconds() / 60) if escalates else 0,
        escalates_to=_tell(rule.escalates_to),
    )
    said = alert_words.sentence(rule, {ident: name for ident, (_, name) in tasks.items()}, names)
    return Line(row.id, row.name, row.is_on, said, wanted, row.created_at, row.changed_at)
