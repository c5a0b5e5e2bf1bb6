"""Calendars elsewhere (CalDAV) that a person lets runs be put into: set up, changed and turned off."""

import sqlalchemy as sa

from app.core.errors import Invalid, NotFound, Unavailable
from app.domain.access import Actor
from app.infra import caldav, queues, redis
from app.infra.addresses import Failure, read_target
from app.infra.database import db
from app.infra.vault import Vault
from app.models.feeds import CalendarPush, PushedEvent
from app.models.teams import Team
from app.services import alerting
from app.services.feeds import google
from app.services.unit import SessionWork, unit
from app.settings import Settings

SCOPES = ("mine", "all")

ALERT = "calendar_push"
"""The kind of the alert that a calendar is left alone."""

_LONGEST = {"server": 500, "username": 200, "password": 200}
_NO_SCOPE = "Choose your tasks or all tasks."


def find(person_id: int) -> CalendarPush | None:
    """Return the calendar that a person's runs are put into, None without one."""
    return db.session.scalar(sa.select(CalendarPush).where(CalendarPush.person_id == person_id))


def save(actor: Actor, vault: Vault, url: str, username: str, password: str, scope: str) -> None:
    """Put the person's runs into a calendar from now on; an empty password is the one of before, for the same user and
    server alone. Raises Invalid.

    `actor` is the person in their own space. What lies in the calendar of before stays there.
    """
    given = {"server": url.strip(), "username": username.strip(), "password": password}
    before = find(actor.person_id)
    _check(given, scope, before)
    with unit(actor) as work:
        team = work.session.get_one(Team, actor.team_id)
        row = before or CalendarPush(person_id=actor.person_id, team_id=team.id, created_at=work.now)
        _lead_to(work, row, given["server"])
        row.kind, row.username, row.scope = "caldav", given["username"], scope
        if password:
            aad = CalendarPush.aad_of(team.id, actor.person_id)
            row.sealed = vault.seal(team.data_key, password.encode(), aad)
        row.start_anew()
        work.session.add(row)
        work.session.flush()
        work.audit("calendar_push_saved", read_target(row.url).host)
    ask(row.id)


def choose(actor: Actor, settings: Settings, calendar: str, scope: str) -> None:
    """Name the calendar at Google that is written to, by its id. Raises NotFound, Invalid."""
    url = google.address(settings, calendar)
    if scope not in SCOPES:
        raise Invalid({"scope": _NO_SCOPE})
    with unit(actor) as work:
        row = find(actor.person_id)
        if row is None or row.kind != google.KIND:
            raise NotFound
        _lead_to(work, row, url)
        row.scope = scope
        row.start_anew()
        work.session.flush()
        work.audit("calendar_push_saved", read_target(row.url).host)
    ask(row.id)


def remove(actor: Actor, vault: Vault, settings: Settings) -> bool:
    """Put nothing there any more; what was put stays. Raises NotFound.

    Access to Google is given back; returns False when that was not possible.
    """
    row = find(actor.person_id)
    if row is None:
        raise NotFound
    push_id, is_given_back = row.id, True
    if row.kind == google.KIND:
        token = unsealed(vault, row, db.session.get_one(Team, row.team_id).data_key)
        db.session.rollback()  # no transaction is open while others are waited for
        is_given_back = google.revoke(settings, token)
    with unit(actor) as work:
        row = work.session.get(CalendarPush, push_id)
        if row is None:
            raise NotFound
        work.session.delete(row)
        alerting.end(work, f"{ALERT}:{push_id}", "It was turned off.")
        work.audit("calendar_push_removed", read_target(row.url).host if row.url else "Google Calendar")
    return is_given_back


def push_now(actor: Actor) -> None:
    """Let a worker look at once, also where it had given up. Raises NotFound, Unavailable."""
    with unit(actor) as work:
        row = find(actor.person_id)
        if row is None:
            raise NotFound
        row.start_anew()
        work.session.flush()
    ask(row.id, must=True)


def _lead_to(work: SessionWork, row: CalendarPush, url: str) -> None:
    """Let a row be that of another calendar, where nothing was put yet."""
    if row.id and row.url != url:
        work.session.execute(sa.delete(PushedEvent).where(PushedEvent.push_id == row.id))
    row.url = url


def unsealed(vault: Vault, row: CalendarPush, data_key: bytes) -> str:
    """Return the password, or what renews the access, for a calendar. Raises WrongKey."""
    return vault.unseal(data_key, row.sealed, CalendarPush.aad_of(row.team_id, row.person_id))


def _check(given: dict[str, str], scope: str, before: CalendarPush | None) -> None:
    wrong = {}
    try:
        caldav.refuse_plain(given["server"])
    except Failure as failure:
        wrong["server"] = failure.message
    if not given["username"] or ":" in given["username"]:
        wrong["username"] = "Type the user name that the calendar server knows; it has no colon."
    if not given["password"] and not (before and _is_same_place(before, given)):
        wrong["password"] = "Type the password, or better one made for this app alone."  # noqa: S105 a sentence
    for name, most in _LONGEST.items():
        if len(given[name]) > most:
            wrong[name] = f"This has at most {most} letters."
    if scope not in SCOPES:
        wrong["scope"] = _NO_SCOPE
    if before and before.kind == google.KIND:
        wrong[""] = "Disconnect Google Calendar first, so that its access is given back."
    if wrong:
        raise Invalid(wrong)


def _is_same_place(before: CalendarPush, given: dict[str, str]) -> bool:
    """Whether the password of before still goes to the server and user that it was typed for."""
    try:
        return (
            before.username == given["username"]
            and read_target(before.url).origin == read_target(given["server"]).origin
        )
    except Failure:
        return False


def ask(push_id: int, *, must: bool = False) -> None:
    """Let a worker look at a calendar now; without Redis within minutes, or Unavailable when it `must` be now."""
    try:
        queues.call(queues.PUSH_CALENDARS, push_id)
    except (*redis.Away, OSError):
        if must:
            raise Unavailable("The queue does not answer, so nothing was put there. Try again.") from None
