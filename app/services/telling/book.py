"""What routing looks up for a round of alerts: who listens in a team, its rules, and who was told by which group."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa

from app.domain import stored_rules
from app.domain.access import Role
from app.domain.alert_rules import Rule, Wishes
from app.models.people import Person
from app.models.push import Device
from app.models.runs import Alert, Delivery
from app.models.teams import Membership, Team
from app.models.telling import AlertRule, Mute, Wish
from app.services.unit import Work


@dataclass(frozen=True)
class Listener:
    """Somebody who may be told of what happens in a team."""

    person_id: int
    role: Role
    wishes: Wishes
    muted: frozenset[int]


@dataclass
class Book:
    """All that is looked up for a round of alerts: people and rules by team, and who was told by which group."""

    listeners: Mapping[int | None, Sequence[Listener]]
    rules: Mapping[int | None, Sequence[Rule]]
    with_device: Collection[int] = ()  # who is reached by push
    told: dict[str, dict[str, Any]] = field(default_factory=lambda: defaultdict(dict))  # group -> channel -> delivery


def book_of(work: Work, alerts: Sequence[Any]) -> Book:
    """Look up what is needed to route these alerts."""
    teams = {alert.team_id for alert in alerts}
    with_device = set(work.connection.execute(sa.select(Device.person_id).distinct()).scalars())
    book = Book(_listeners(work, teams), _rules(work, teams), with_device)
    _learn_told(work, alerts, book)
    return book


def _listeners(work: Work, teams: Collection[int | None]) -> dict[int | None, list[Listener]]:
    first = sa.select(sa.func.min(Team.id)).scalar_subquery()
    is_of_these: sa.ColumnElement[bool] = Membership.team_id.in_([team for team in teams if team is not None])
    if None in teams:
        is_of_these = sa.or_(is_of_these, Membership.team_id == first)
    query = (
        sa.select(Membership.team_id, Membership.role, Person.id, Person.timezone, Wish, first.label("first"))
        .join(Person, Person.id == Membership.person_id)
        .outerjoin(Wish, Wish.person_id == Person.id)
        .where(is_of_these)
        .order_by(Membership.id)
    )
    rows = work.connection.execute(query).all()
    muted = _muted(work, {row.id for row in rows})
    found: dict[int | None, list[Listener]] = defaultdict(list)
    for row in rows:
        one = Listener(row.id, row.role, stored_rules.wishes(row, row.timezone), frozenset(muted[row.id]))
        if row.team_id in teams:
            found[row.team_id].append(one)
        if row.team_id == row.first and row.role == "owner":
            found[None].append(one)
    return found


def _muted(work: Work, people: Collection[int]) -> dict[int, set[int]]:
    stands = sa.or_(Mute.until.is_(None), Mute.until > work.now)
    found: dict[int, set[int]] = defaultdict(set)
    query = sa.select(Mute.person_id, Mute.task_id).where(Mute.person_id.in_(people), stands)
    for person_id, task_id in work.connection.execute(query):
        found[person_id].add(task_id)
    return found


def _rules(work: Work, teams: Collection[int | None]) -> dict[int | None, list[Rule]]:
    found: dict[int | None, list[Rule]] = defaultdict(list)
    is_of_these = AlertRule.team_id.in_([team for team in teams if team is not None])
    query = sa.select(AlertRule.team_id, AlertRule.name, AlertRule.definition).where(
        is_of_these, AlertRule.is_on, AlertRule.deleted_at.is_(None)
    )
    for row in work.connection.execute(query.order_by(AlertRule.id)):
        rule = stored_rules.rule(row.definition)
        found[row.team_id].append(replace(rule, why=f"of the rule “{row.name}”"))
    return found


def _learn_told(work: Work, alerts: Sequence[Any], book: Book) -> None:
    """Note which channels were told of each alert, or of another one of its incident."""
    incidents = {alert.incident_id for alert in alerts if alert.incident_id}
    is_of_these = sa.or_(Alert.id.in_([alert.id for alert in alerts]), Alert.incident_id.in_(incidents))
    query = (
        sa.select(
            Alert.id,
            Alert.kind,
            Alert.incident_id,
            Delivery.channel,
            Delivery.part,
            Delivery.state,
            Delivery.next_try_at,
        )
        .join(Alert, Alert.id == Delivery.alert_id)
        .where(is_of_these, Delivery.is_recovery.is_(False))
        .order_by(Delivery.id)
    )
    for row in work.connection.execute(query):
        is_heard = row.part != "escalated" or row.state == "sent"
        first = book.told[group(row)].setdefault(
            row.channel, {"alert_id": row.id, "is_heard": is_heard, "waits_until": None}
        )
        first["is_heard"] |= is_heard
        if row.state == "waiting" and row.part != "escalated":
            first["waits_until"] = row.next_try_at


def group(alert: Any) -> str:
    """Return what each channel is told of once: an incident, that tasks were paused for it, or an alert."""
    if alert.incident_id is None:
        return f"alert:{alert.id}"
    return f"incident:{alert.incident_id}" + (":paused" if alert.kind == "paused" else "")
