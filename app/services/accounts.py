"""People: how the first one arrives, how they sign in, where they are signed in, what they set for themselves."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar
from zoneinfo import available_timezones

import sqlalchemy as sa

from app.core.clock import utc_now
from app.core.errors import Conflict, Invalid, NotFound
from app.core.identifiers import digest, new_token
from app.infra import passwords
from app.infra.database import db
from app.models.people import Person, SignIn, SignInLink
from app.models.push import Device
from app.models.teams import Membership, Team
from app.services import links, tries
from app.services.unit import SessionWork, unit
from app.settings import Settings

IDLE = timedelta(hours=12)
LONGEST = timedelta(days=30)
"""A sign-in ends after this much quiet, and after this much time in any case (OWASP ASVS 5.0 V7.3)."""

SETUP_LASTS = timedelta(minutes=30)
SIGN_IN_LINK_LASTS = timedelta(minutes=15)

_MINUTE = timedelta(minutes=1)

_EMAIL = re.compile(r"[^\s@]+@[^\s@]+")
_EMAIL_LENGTH, _NAME_LENGTH, _BROWSER_LENGTH = 254, 120, 300
_WRONG = "E-mail or password is not right."


@dataclass(frozen=True)
class Browser:
    """Where a sign-in comes from."""

    address: str
    user_agent: str


@dataclass(frozen=True)
class NewPerson:
    """What somebody types to get an account."""

    name: str
    email: str
    password: str
    timezone: str


@dataclass(frozen=True)
class Visitor:
    """Who asks, and the sign-in they came with. Not a row, so that it stays readable in every transaction."""

    id: int
    sign_in_id: int
    name: str
    email: str
    initials: str
    timezone: str
    theme: str
    keys: bool
    last_team_id: int | None
    language: ClassVar[str] = "en"
    density: ClassVar[str] = ""
    is_authenticated: ClassVar[bool] = True  # what Flask-Login asks of a person


# --- the first person


def setup_link(settings: Settings) -> str | None:
    """Return a new address that sets Carillon up, or None once somebody has an account. It replaces older ones."""
    with unit() as work:
        if work.session.scalar(sa.select(Person.id).limit(1)):
            return None
        work.session.execute(sa.delete(SignInLink).where(SignInLink.purpose == "setup"))
        return f"{settings.url}/setup/{links.add(work, 'setup', SETUP_LASTS)}"


def is_new() -> bool:
    """Whether nobody has an account yet."""
    return db.session.scalar(sa.select(Person.id).limit(1)) is None


def set_up(token: str, new: NewPerson, browser: Browser) -> str:
    """Create the first person and sign them in; return the sign-in token. Raises Invalid, NotFound."""
    password_hash = _check_new(token, "setup", new)
    with unit() as work:
        links.use(work, token, "setup")
        if work.session.scalar(sa.select(Person.id).limit(1)):
            raise NotFound(links.GONE)
        person = _add_person(work, new, password_hash)
        work.audit("set_up", person.email)
        return _open(work, person.id, browser)


# --- invitations


def join(token: str, new: NewPerson, browser: Browser) -> str:
    """Create an account through an invitation and sign it in; return the sign-in token. Raises Invalid, NotFound."""
    password_hash = _check_new(token, "invite", new)
    with unit() as work:
        link = links.use(work, token, "invite")
        person = _add_person(work, new, password_hash)
        _add_membership(work, link, person.id)
        return _open(work, person.id, browser)


def accept(token: str, person_id: int) -> str:
    """Let somebody who has an account into the team that invites; return the team's slug. Raises NotFound, Conflict."""
    with unit() as work:
        link = links.use(work, token, "invite")
        is_member = sa.select(Membership.id).where(
            Membership.team_id == link.team_id, Membership.person_id == person_id
        )
        if work.session.scalar(is_member):
            raise Conflict("You are already in this team. The invitation is still open for somebody else.")
        return _add_membership(work, link, person_id)


def invitation(token: str) -> tuple[str, str]:
    """Return (team's name, role) of an open invitation. Raises NotFound."""
    link = links.find(token, "invite")
    name = db.session.scalar(sa.select(Team.name).where(Team.id == link.team_id))
    return name or "", link.role


def _add_membership(work: SessionWork, link: SignInLink, person_id: int) -> str:
    team = work.session.get_one(Team, link.team_id)
    work.session.add(Membership(team_id=team.id, person_id=person_id, role=link.role, created_at=work.now))
    work.audit("joined", team.name, person=person_id, role=link.role, team=team.id)
    return team.slug


# --- signing in and out


def sign_in(email: str, password: str, browser: Browser) -> str:
    """Check e-mail and password; return the token of the new sign-in. Raises Invalid, Throttled."""
    email = _plain_email(email)
    place = tries.place(browser.address)
    own = f"{email}|{place}"
    tries.count({own: tries.FREE, place: tries.FREE_OF_ADDRESS})
    person = db.session.scalar(sa.select(Person).where(Person.email == email))
    if not passwords.verify(person.password_hash if person else None, password) or person is None:
        raise Invalid({"": _WRONG})
    better_hash = passwords.hash(password) if passwords.needs_rehash(person.password_hash) else ""
    with unit() as work:
        if better_hash:
            work.session.execute(sa.update(Person).where(Person.id == person.id).values(password_hash=better_hash))
        tries.forgive(work, own, shared=place)
        return _open(work, person.id, browser)


def everybody() -> Sequence[Person]:
    """Return all people, by e-mail."""
    return db.session.scalars(sa.select(Person).order_by(Person.email)).all()


def sign_in_link(email: str) -> str:
    """Return a path that signs this person in, once, for 15 minutes. Raises NotFound."""
    with unit() as work:
        person_id = work.session.scalar(sa.select(Person.id).where(Person.email == _plain_email(email)))
        if person_id is None:
            raise NotFound(f"Nobody here has the e-mail {email}.")
        work.audit("sign_in_link", email)
        return f"/sign-in/{links.add(work, 'sign_in', SIGN_IN_LINK_LASTS, person_id=person_id)}"


def sign_in_by_link(token: str, browser: Browser) -> str:
    """Use up a sign-in link; return the token of the new sign-in. Raises NotFound."""
    with unit() as work:
        link = links.use(work, token, "sign_in")
        assert link.person_id is not None
        return _open(work, link.person_id, browser)


def who(token: str) -> Visitor | None:
    """Return who holds this sign-in token, if the sign-in still stands; notes once a minute that it is in use."""
    now = utc_now()
    found = db.session.execute(
        sa.select(SignIn, Person)
        .join(Person, Person.id == SignIn.person_id)
        .where(SignIn.token_hash == digest(token), *_standing(now))
    ).first()
    if found is None:
        return None
    sign_in_row, person = found
    visitor = Visitor(
        person.id,
        sign_in_row.id,
        person.name,
        person.email,
        person.initials,
        person.timezone,
        person.theme,
        person.has_keys,
        person.last_team_id,
    )
    if sign_in_row.seen_at < now - _MINUTE:
        with unit() as work:
            work.session.execute(sa.update(SignIn).where(SignIn.id == visitor.sign_in_id).values(seen_at=now))
    return visitor


def sign_out(visitor: Visitor) -> None:
    """End this sign-in."""
    revoke(visitor.id, visitor.sign_in_id)


# --- where somebody is signed in


def sign_ins(person_id: int) -> Sequence[SignIn]:
    """Return the standing sign-ins of a person, the latest in use first."""
    query = sa.select(SignIn).where(SignIn.person_id == person_id, *_standing(utc_now()))
    return db.session.scalars(query.order_by(SignIn.seen_at.desc())).all()


def revoke(person_id: int, sign_in_id: int) -> None:
    """End one sign-in of this person. Raises NotFound for somebody else's."""
    with unit() as work:
        row = work.session.get(SignIn, sign_in_id)
        if row is None or row.person_id != person_id:
            raise NotFound
        row.revoked_at = row.revoked_at or work.now
        work.session.execute(sa.delete(Device).where(Device.sign_in_id == sign_in_id))
        work.ring(0, person_id)


def revoke_others(visitor: Visitor) -> None:
    """End every sign-in of this person but the one in use."""
    with unit() as work:
        _revoke_others(work, visitor)


def _revoke_others(work: SessionWork, visitor: Visitor) -> None:
    others = sa.update(SignIn).where(
        SignIn.person_id == visitor.id, SignIn.id != visitor.sign_in_id, SignIn.revoked_at.is_(None)
    )
    work.session.execute(others.values(revoked_at=work.now))
    elsewhere = Device.sign_in_id.is_distinct_from(visitor.sign_in_id)
    work.session.execute(sa.delete(Device).where(Device.person_id == visitor.id, elsewhere))
    work.ring(0, visitor.id)


# --- what somebody sets for themselves


def save_profile(person_id: int, name: str, timezone: str) -> None:
    """Change name and time zone. Raises Invalid."""
    _refuse({"name": _name_problem(name), "timezone": _zone_problem(timezone)})
    _save(person_id, name=name.strip(), timezone=timezone)


def save_theme(person_id: int, theme: str) -> None:
    """Change the theme: auto, light or dark. Raises Invalid."""
    if theme not in {"auto", "light", "dark"}:
        raise Invalid({"theme": "Choose automatic, light or dark."})
    _save(person_id, theme=theme)


def save_keys(person_id: int, has_keys: bool) -> None:
    """Turn shortcuts of a single key on or off."""
    _save(person_id, has_keys=has_keys)


def remember_team(person_id: int, team_id: int) -> None:
    """Remember the team somebody was in last, so that / leads there."""
    _save(person_id, last_team_id=team_id)


def change_password(visitor: Visitor, current: str, new: str) -> None:
    """Set a new password and end this person's other sign-ins. Raises Invalid, Throttled."""
    door = f"password of {visitor.id}"
    tries.count({door: tries.FREE})
    person = db.session.get_one(Person, visitor.id)
    if not passwords.verify(person.password_hash, current):
        raise Invalid({"current": "This is not your current password."})
    if problem := passwords.complaint(new, (person.name, person.email)):
        raise Invalid({"password": problem})
    password_hash = passwords.hash(new)
    with unit() as work:
        work.session.execute(sa.update(Person).where(Person.id == visitor.id).values(password_hash=password_hash))
        _revoke_others(work, visitor)
        tries.forgive(work, door)
        work.audit("password_changed", visitor.email, person=visitor.id)


def _save(person_id: int, **values: object) -> None:
    with unit() as work:
        work.session.execute(sa.update(Person).where(Person.id == person_id).values(values))


# --- shared by the above


def _standing(now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    return SignIn.revoked_at.is_(None), SignIn.expires_at > now, SignIn.seen_at > now - IDLE


def _open(work: SessionWork, person_id: int, browser: Browser) -> str:
    token = new_token()
    over = sa.delete(SignIn).where(SignIn.person_id == person_id, sa.not_(sa.and_(*_standing(work.now))))
    work.session.execute(over)
    work.session.add(
        SignIn(
            token_hash=digest(token),
            person_id=person_id,
            user_agent=browser.user_agent[:_BROWSER_LENGTH],
            address=browser.address,
            created_at=work.now,
            seen_at=work.now,
            expires_at=work.now + LONGEST,
        )
    )
    work.audit("signed_in", f"person {person_id}", address=browser.address)
    return token


def _add_person(work: SessionWork, new: NewPerson, password_hash: str) -> Person:
    email = _plain_email(new.email)
    if work.session.scalar(sa.select(Person.id).where(Person.email == email)):
        raise Invalid({"email": "There is already an account with this e-mail. Sign in with it first."})
    person = Person(
        email=email,
        name=new.name.strip(),
        password_hash=password_hash,
        timezone=new.timezone,
        created_at=work.now,
    )
    work.session.add(person)
    work.session.flush()
    return person


def _check_new(token: str, purpose: links.Purpose, new: NewPerson) -> str:
    links.find(token, purpose)  # first, because to weigh and to hash a password costs much
    _refuse(
        {
            "name": _name_problem(new.name),
            "email": _email_problem(_plain_email(new.email)),
            "password": passwords.complaint(new.password, (new.name, new.email)),
            "timezone": _zone_problem(new.timezone),
        }
    )
    return passwords.hash(new.password)


def _refuse(problems: dict[str, str | None]) -> None:
    wrong = {field: sentence for field, sentence in problems.items() if sentence}
    if wrong:
        raise Invalid(wrong)


def _plain_email(email: str) -> str:
    return email.strip().lower()


def _email_problem(email: str) -> str | None:
    is_fine = len(email) <= _EMAIL_LENGTH and _EMAIL.fullmatch(email)
    return None if is_fine else "Type an e-mail like ada@example.com."


def _name_problem(name: str) -> str | None:
    if not name.strip():
        return "Type your name."
    return f"A name has at most {_NAME_LENGTH} letters." if len(name.strip()) > _NAME_LENGTH else None


def _zone_problem(timezone: str) -> str | None:
    return None if timezone in available_timezones() else "Choose a time zone from the list."
