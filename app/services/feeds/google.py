"""Google calendars that runs are put into: their person lets Carillon in by OAuth, and names the calendar."""

import base64
import binascii
import json
import secrets
from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import quote

import sqlalchemy as sa

from app.core.clock import utc_now
from app.core.errors import Invalid, NotFound
from app.domain.access import Actor
from app.infra.addresses import Failure
from app.infra.database import db
from app.infra.oauth import Provider
from app.infra.vault import Vault, WrongKey
from app.models.feeds import CalendarPush, PushedEvent
from app.models.teams import Team
from app.services.unit import unit
from app.settings import Settings

KIND = "google"
BACK = "/me/calendars/google/return"
"""Where people come back to; Google's console has to know it."""

_SCOPE = "https://www.googleapis.com/auth/calendar"
_LASTS = timedelta(minutes=10)
_LONGEST = 200
_STALE = "This answer of Google is too old, or not for you. Connect again."
_NOT_ALLOWED = "Google was not told to let Carillon in, so nothing was changed."


def provider(settings: Settings) -> Provider | None:
    """Return Google as the settings say; None where the administrator has not set it up."""
    if not settings.google_client_id:
        return None
    return Provider(
        settings.google_client_id, settings.google_client_secret, settings.google_authorize_url,
        settings.google_token_url, settings.google_revoke_url, _SCOPE,
    )  # fmt: skip


def begin(actor: Actor, vault: Vault, settings: Settings) -> str:
    """Return the address at which a person lets Carillon in; they come back within minutes. Raises NotFound.

    What is to be known then goes with them, sealed for this person alone. `actor` is the person in their own space.
    """
    google, verifier = _set_up(settings), secrets.token_urlsafe(48)
    kept = {"verifier": verifier, "until": (utc_now() + _LASTS).timestamp()}
    sealed = vault.seal(_data_key(actor), json.dumps(kept).encode(), _aad(actor))
    return google.address(settings.url + BACK, base64.urlsafe_b64encode(sealed).decode(), verifier)


def finish(actor: Actor, vault: Vault, settings: Settings, said: Mapping[str, str]) -> None:
    """Keep the access that Google gives to a person who came back; `said` is what stands in the address then.

    A calendar of another kind is written to no more. Raises NotFound, Invalid.
    """
    google, data_key = _set_up(settings), _data_key(actor)
    verifier = _verifier(actor, vault, data_key, said.get("state", ""))
    code = said.get("code", "")
    if not code:
        raise Invalid({"google": _NOT_ALLOWED})
    db.session.rollback()  # no transaction is open while others are waited for
    try:
        token = google.redeem(code, settings.url + BACK, verifier)
    except Failure as failure:
        raise Invalid({"google": failure.message}) from None
    with unit(actor) as work:
        row = work.session.scalar(sa.select(CalendarPush).where(CalendarPush.person_id == actor.person_id))
        if row is None:
            row = CalendarPush(person_id=actor.person_id, team_id=actor.team_id, scope="all", created_at=work.now)
        if row.kind != KIND:
            work.session.execute(sa.delete(PushedEvent).where(PushedEvent.push_id == row.id))
            row.kind, row.url, row.username = KIND, "", ""
        row.sealed = vault.seal(data_key, token.encode(), CalendarPush.aad_of(actor.team_id, actor.person_id))
        row.start_anew()
        work.session.add(row)
        work.audit("calendar_push_connected", "Google Calendar")


def address(settings: Settings, calendar: str) -> str:
    """Return where a calendar of Google is, by its id. Raises Invalid."""
    calendar = calendar.strip()
    if not calendar or len(calendar) > _LONGEST or not calendar.isprintable() or set(calendar) & set("/?# "):
        raise Invalid({"calendar": "Paste the calendar's ID, like ada@example.com. Google shows it in its settings."})
    return f"{settings.google_caldav_url.rstrip('/')}/{quote(calendar, safe='@')}/events/"


def revoke(settings: Settings, token: str) -> bool:
    """Give back the access to a calendar; whether Google knows it now."""
    google = provider(settings)
    if google is None:
        return False
    try:
        google.revoke(token)
    except Failure:
        return False
    return True


def _set_up(settings: Settings) -> Provider:
    google = provider(settings)
    if google is None:
        raise NotFound
    return google


def _verifier(actor: Actor, vault: Vault, data_key: bytes, state: str) -> str:
    try:
        kept = json.loads(vault.unseal(data_key, base64.urlsafe_b64decode(state.encode()), _aad(actor)))
    except (WrongKey, binascii.Error, ValueError):
        raise Invalid({"google": _STALE}) from None
    if kept["until"] < utc_now().timestamp():
        raise Invalid({"google": _STALE})
    return str(kept["verifier"])


def _data_key(actor: Actor) -> bytes:
    return db.session.get_one(Team, actor.team_id).data_key


def _aad(actor: Actor) -> str:
    return f"{actor.team_id}|calendar_pushes|{actor.person_id}|state|1"
