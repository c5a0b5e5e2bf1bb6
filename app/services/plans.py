"""Plans: what the administrator of the installation allows each team, and the requests of teams for more."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from app.core.errors import Conflict, Forbidden, Invalid, NotFound
from app.domain import money
from app.domain.access import Actor
from app.domain.budgets import Pot
from app.infra.database import db
from app.models.budgets import PlanRequest
from app.models.people import Person
from app.models.runs import IS_ACTIVE, Run
from app.models.teams import Membership, Team
from app.services import alerting, spending
from app.services.unit import SessionWork, unit

Answer = Literal["accepted", "declined"]

MOST_RUNS, MOST_RUNNING = 1_000_000, 10_000
HIGHEST_MICROS = 1_000_000 * money.MICROS
ZONE = "UTC"
"""The zone whose days and months a plan counts: one for all teams of the installation."""

_LONGEST = 500
_SHOWN = 5
_ONLY_OWNERS = "Only owners of the first team, and their tokens for that team, set plans."


@dataclass(frozen=True)
class Request:
    """A request for a larger plan, by whom, and what the administrator answered; `state`: open, accepted, declined."""

    id: int
    team: str
    slug: str
    person: str
    note: str
    at: datetime
    state: str
    answer: str
    answered_at: datetime | None


@dataclass(frozen=True)
class Plan:
    """What a team may do: spend in a month (micros), start in a day, and run at once; None is no limit.

    `month` and `day` are the pots of the first two as they stand; `running` runs go now.
    """

    team: str
    slug: str
    monthly_micros: int | None = None
    daily_runs: int | None = None
    max_running: int | None = None
    month: Pot | None = None
    day: Pot | None = None
    running: int = 0
    request: Request | None = None

    @property
    def has_limits(self) -> bool:
        """Whether anything is limited."""
        return any(limit is not None for limit in (self.monthly_micros, self.daily_runs, self.max_running))


@dataclass(frozen=True)
class Given:
    """A plan as typed: dollars a month, runs a day, runs at once; nothing is no limit."""

    monthly: str = ""
    daily_runs: str = ""
    max_running: str = ""


# --- reading


def of_team(actor: Actor, now: datetime) -> Plan:
    """Return the plan of the team that somebody acts in, as it stands."""
    return _plans(Team.id == actor.team_id, now)[0]


def requests(actor: Actor) -> list[Request]:
    """Return the last requests of the team, the newest first."""
    rows = db.session.execute(_REQUESTS.where(PlanRequest.team_id == actor.team_id).limit(_SHOWN))
    return [Request(*row) for row in rows]


def every(person_id: int, now: datetime, only_in: int | None = None) -> list[Plan]:
    """Return the plans of all teams, those with an open request first. Raises Forbidden for who does not administer."""
    _check(person_id, only_in)
    found = _plans(sa.true(), now)
    return sorted(found, key=lambda plan: (plan.request is None, plan.team.lower()))


def find(person_id: int, slug: str, now: datetime, only_in: int | None = None) -> Plan:
    """Return the plan of one team, whoever asks must administer. Raises Forbidden, NotFound."""
    _check(person_id, only_in)
    found = _plans(Team.slug == slug, now)
    if not found:
        raise NotFound
    return found[0]


def _check(person_id: int, only_in: int | None) -> None:
    if not db.session.scalar(sa.select(Membership.administers(person_id, only_in))):
        raise Forbidden("own", _ONLY_OWNERS)


def _plans(which: sa.ColumnElement[bool], now: datetime) -> list[Plan]:
    teams = db.session.execute(sa.select(Team.id, Team.slug, Team.name, Team.plan_running).where(which)).all()
    ids = [team.id for team in teams]
    connection = db.session.connection()
    rows = [row for row in spending.of_teams(connection, ids) if row.is_plan]
    pots = {pot.id: pot for pot in spending.pots(connection, rows, now)}
    by_place = {(row.team_id, row.period): pots[row.id] for row in rows}
    is_open = _REQUESTS.where(PlanRequest.team_id.in_(ids), PlanRequest.state == "open")
    asked = {row.slug: Request(*row) for row in db.session.execute(is_open)}
    running = dict(
        db.session.execute(
            sa.select(Run.team_id, sa.func.count())
            .where(IS_ACTIVE, Run.state == "running", Run.team_id.in_(ids))
            .group_by(Run.team_id)
        ).all()
    )
    plans = []
    for team in teams:
        month, day = by_place.get((team.id, "month")), by_place.get((team.id, "day"))
        plans.append(
            Plan(
                team.name, team.slug, month.limit_micros if month else None, day.limit_runs if day else None,
                team.plan_running, month, day, running.get(team.id, 0), asked.get(team.slug),
            )
        )  # fmt: skip
    return plans


_asker = aliased(Person)
_REQUESTS = (
    sa.select(
        PlanRequest.id, Team.name.label("team"), Team.slug.label("slug"),
        sa.func.coalesce(_asker.name, "Somebody").label("person"), PlanRequest.note, PlanRequest.at,
        PlanRequest.state, PlanRequest.answer, PlanRequest.answered_at,
    )
    .join(Team, Team.id == PlanRequest.team_id)
    .outerjoin(_asker, _asker.id == PlanRequest.person_id)
    .order_by(PlanRequest.id.desc())
)  # fmt: skip


# --- setting


def put(person_id: int, slug: str, given: Given, only_in: int | None = None) -> None:
    """Set the plan of a team; what is over it already goes on. Raises Forbidden, NotFound, Invalid."""
    _check(person_id, only_in)
    values = _checked(given)
    with unit(_administrator(person_id)) as work:
        _put(work, _team(work, slug), values)


def answer(
    person_id: int, request_id: int, decision: str, words: str = "", given: Given = Given(), only_in: int | None = None
) -> None:  # fmt: skip
    """Accept a request, and give its team the plan that was typed, or decline it; the team is told.

    Raises Forbidden, NotFound, Invalid, and Conflict for one that was answered before.
    """
    _check(person_id, only_in)
    if decision not in get_args(Answer):
        raise Invalid({"decision": "Choose whether to accept it."})
    _check_words("answer", words, is_needed=False)
    values = _checked(given) if decision == "accepted" else {}
    with unit(_administrator(person_id)) as work:
        row = work.session.scalar(sa.select(PlanRequest).where(PlanRequest.id == request_id).with_for_update())
        if row is None:
            raise NotFound
        if row.state != "open":
            raise Conflict("Somebody has answered this request already.")
        row.state, row.answer, row.answered_at, row.answered_by_id = decision, words.strip(), work.now, person_id
        if decision == "accepted":
            _put(work, work.session.get_one(Team, row.team_id), values)
        sentence = f"The request for a larger plan was {decision}{f': {row.answer}' if row.answer else '.'}"
        alerting.end(work, _key(row.team_id), f"It was {decision}.")
        alerting.once(work, f"plan_answered:{row.id}", "plan_answered", sentence, row.team_id)
        work.audit("plan_request_answered", f"request {row.id}", decision=decision, team=row.team_id)


def ask(actor: Actor, note: str) -> None:
    """Ask the administrator for a larger plan, in words; one request at a time. Raises Invalid, Conflict."""
    _check_words("note", note)
    with unit(actor) as work:
        team = work.session.get_one(Team, actor.team_id, with_for_update=True)
        is_open = sa.exists().where(PlanRequest.team_id == team.id, PlanRequest.state == "open")
        if work.session.scalar(sa.select(is_open)):
            raise Conflict("A request of this team waits for its answer already.")
        row = PlanRequest(team_id=team.id, person_id=actor.person_id, note=note.strip(), at=work.now)
        work.session.add(row)
        sentence = f"{team.name} asks for a larger plan: {note.strip()}"
        alerting.begin(work, _key(team.id), "plan_request", sentence, None)
        work.audit("plan_request_made", team.name, note=note.strip())


def _key(team_id: int) -> str:
    return f"plan_request:{team_id}"


def _administrator(person_id: int) -> Actor:
    first: int = db.session.scalar(sa.select(sa.func.min(Team.id))) or 0
    return Actor(person_id, first, "owner")


def _team(work: SessionWork, slug: str) -> Team:
    team: Team | None = work.session.scalar(sa.select(Team).where(Team.slug == slug))
    if team is None:
        raise NotFound
    return team


def _put(work: SessionWork, team: Team, values: Mapping[str, int | None]) -> None:
    team.plan_running = values["max_running"]
    work.session.flush()
    spending.put(work, team.id, None, "month", values["monthly"], ZONE, is_plan=True)
    spending.put(work, team.id, None, "day", None, ZONE, limit_runs=values["daily_runs"], is_plan=True)
    work.audit("plan_set", team.name, team=team.id, **values)
    work.ring(team.id)


def _checked(given: Given) -> dict[str, int | None]:
    wrong: dict[str, str] = {}
    values = {
        "monthly": _dollars(given.monthly, wrong),
        "daily_runs": _number("daily_runs", given.daily_runs, MOST_RUNS, wrong),
        "max_running": _number("max_running", given.max_running, MOST_RUNNING, wrong),
    }
    if wrong:
        raise Invalid(wrong)
    return values


def _dollars(typed: str, wrong: dict[str, str]) -> int | None:
    if not typed.strip():
        return None
    try:
        micros = money.read(typed)
    except ValueError:
        micros = -1
    if not 0 <= micros <= HIGHEST_MICROS:
        wrong["monthly"] = "Write an amount in dollars, like 20 or 0.50, or nothing for no limit."
    return micros


def _number(field: str, typed: str, most: int, wrong: dict[str, str]) -> int | None:
    text = typed.strip()
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(most)) and 0 < int(text) <= most):
        wrong[field] = f"Write a whole number from 1 to {most:,}, or nothing for no limit."
        return None
    return int(text)


def _check_words(field: str, words: str, *, is_needed: bool = True) -> None:
    if is_needed and not words.strip():
        raise Invalid({field: "Write what the team needs, and for what."})
    if len(words.strip()) > _LONGEST:
        raise Invalid({field: f"Write at most {_LONGEST} letters."})
