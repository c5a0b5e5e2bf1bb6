"""Teams, who belongs to them, and what they share: secrets, models, calendars, pools."""

from datetime import datetime, timedelta
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.infra.database import Base, Key
from app.models.people import Person


class Team(Base):
    """The tenant: everything but people belongs to one."""

    __tablename__ = "teams"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    slug: Mapped[str] = mapped_column(sa.String(60), unique=True)
    name: Mapped[str] = mapped_column(sa.String(120))
    is_personal: Mapped[bool] = mapped_column(default=False)
    data_key: Mapped[bytes]  # wrapped by the master key; seals the team's secrets
    next_run_number: Mapped[int] = mapped_column(default=1)
    max_running: Mapped[int | None]  # runs under way at once; none: as many as there are slots
    plan_running: Mapped[int | None]  # the same, as the administrator allows it
    hourly_micros: Mapped[int | None] = mapped_column(sa.BigInteger)  # what an hour of a person is worth to the team
    created_at: Mapped[datetime]


class Membership(Base):
    """A person's role in a team."""

    __tablename__ = "memberships"
    __table_args__ = (sa.UniqueConstraint("team_id", "person_id"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    team_id: Mapped[int] = mapped_column(sa.ForeignKey("teams.id", ondelete="CASCADE"))
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("people.id", ondelete="CASCADE"), index=True)
    role: Mapped[str] = mapped_column(sa.String(12))
    created_at: Mapped[datetime]

    person: Mapped[Person] = relationship(lazy="raise")
    team: Mapped[Team] = relationship(lazy="raise")

    @classmethod
    def administers(cls, person_id: int, only_in: int | None = None) -> sa.Exists:
        """Whether a person looks after the installation: the owners of its first team do.

        A program reaches no further than the team of its token: `only_in` is that one, and has to be the first.
        """
        first = sa.select(sa.func.min(Team.id)).scalar_subquery()
        is_theirs = sa.exists().where(cls.team_id == first, cls.person_id == person_id, cls.role == "owner")
        return is_theirs if only_in is None else is_theirs.where(cls.team_id == only_in)


class Secret(Base):
    """A named value that can be used but not read back."""

    __tablename__ = "secrets"
    __table_args__ = (sa.UniqueConstraint("team_id", "name"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    team_id: Mapped[int] = mapped_column(sa.ForeignKey("teams.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(sa.String(64))
    sealed: Mapped[bytes]
    version: Mapped[int] = mapped_column(default=1)
    changed_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("people.id", ondelete="SET NULL"))
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]

    changed_by: Mapped[Person | None] = relationship(lazy="raise")

    @staticmethod
    def aad_of(team_id: int, name: str, version: int) -> str:
        """What binds a sealed value to its row, so that two rows' values can't be swapped."""
        return f"{team_id}|secrets|{name}|sealed|{version}"


class TeamValue(Base):
    """A plain value with a name that tasks of the team may use as `team.NAME`; unlike a secret anyone may read it."""

    __tablename__ = "team_values"
    __table_args__ = (sa.UniqueConstraint("team_id", "name"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    team_id: Mapped[int] = mapped_column(sa.ForeignKey("teams.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(sa.String(40))
    value: Mapped[str] = mapped_column(sa.Text)
    changed_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("people.id", ondelete="SET NULL"))
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]

    changed_by: Mapped[Person | None] = relationship(lazy="raise")


class Model(Base):
    """A language model that agents of the team may use: where it is, what it is called there, and its key."""

    __tablename__ = "models"
    __table_args__ = (sa.UniqueConstraint("team_id", "name"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    team_id: Mapped[int] = mapped_column(sa.ForeignKey("teams.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(sa.String(60))  # as tasks name it
    provider: Mapped[str] = mapped_column(sa.String(16))  # openai, anthropic, google, compatible
    base_url: Mapped[str] = mapped_column(sa.String(300), default="")
    model: Mapped[str] = mapped_column(sa.String(120))  # as the provider names it
    secret: Mapped[str] = mapped_column(sa.String(64), default="")  # the name of the secret with its key
    price_in_micros: Mapped[int | None] = mapped_column(sa.BigInteger)  # US dollar millionths per million tokens
    price_out_micros: Mapped[int | None] = mapped_column(sa.BigInteger)
    price_hours: Mapped[list[Any]] = mapped_column(default=list)  # hours at another price (domain/price_hours)
    requests_per_minute: Mapped[int | None]
    tokens_per_minute: Mapped[int | None]
    is_default: Mapped[bool] = mapped_column(default=False)
    tested_at: Mapped[datetime | None]
    test: Mapped[dict[str, Any]]  # is_ok, sentence, seconds of the last test
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]


class ApiToken(Base):
    """A key for programs: it acts as its person in one team, within its scopes. Only its hash is kept."""

    __tablename__ = "api_tokens"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    team_id: Mapped[int] = mapped_column(sa.ForeignKey("teams.id", ondelete="CASCADE"), index=True)
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("people.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(sa.String(60))
    prefix: Mapped[str] = mapped_column(sa.String(16))  # what of it is shown
    token_hash: Mapped[str] = mapped_column(sa.String(64), unique=True)
    scopes: Mapped[list[Any]]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]

    person: Mapped[Person] = relationship(lazy="raise")


class IdempotencyKey(Base):
    """A request of a program that must not be carried out twice, and what was answered; kept for `LASTS`."""

    LASTS: ClassVar = timedelta(hours=24)

    __tablename__ = "idempotency_keys"

    team_id: Mapped[int] = mapped_column(sa.ForeignKey("teams.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(sa.String(200), primary_key=True)
    body_hash: Mapped[str] = mapped_column(sa.String(64))
    status: Mapped[int] = mapped_column(default=0)  # 0 while the first request is under way
    response: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class Calendar(Base):
    """Days and hours with a name, shared by a team: what schedules leave out, stay within or move to.

    `kind` is hours, holidays, blackout or ics; `settings` are those of the kind (domain/calendars), `content` the text
    of an imported file. `version` grows with every change, so that what was made of it can be kept.
    """

    __tablename__ = "calendars"
    __table_args__ = (sa.UniqueConstraint("team_id", "slug"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    team_id: Mapped[int] = mapped_column(sa.ForeignKey("teams.id", ondelete="CASCADE"))
    slug: Mapped[str] = mapped_column(sa.String(60))
    name: Mapped[str] = mapped_column(sa.String(60))
    kind: Mapped[str] = mapped_column(sa.String(12))
    timezone: Mapped[str] = mapped_column(sa.String(64))
    settings: Mapped[dict[str, Any]]
    content: Mapped[str] = mapped_column(sa.Text, default="")
    version: Mapped[int] = mapped_column(default=1)
    refreshed_at: Mapped[datetime | None]
    problem: Mapped[str] = mapped_column(sa.String(300), default="")
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]


class Pool(Base):
    """Slots with a name: never more runs of the tasks in it go at once, whatever the number of workers."""

    __tablename__ = "pools"
    __table_args__ = (sa.UniqueConstraint("team_id", "name"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    team_id: Mapped[int] = mapped_column(sa.ForeignKey("teams.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(sa.String(60))
    slots: Mapped[int]
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]


class Breaker(Base):
    """Whether a target (host, model, agent) is left alone because it failed again and again; shared by all workers.

    `state` is closed, open or half_open; `probe_run_id` is the one run that may try while it is half open.
    """

    __tablename__ = "breakers"

    team_id: Mapped[int] = mapped_column(sa.ForeignKey("teams.id", ondelete="CASCADE"), primary_key=True)
    target: Mapped[str] = mapped_column(sa.String(200), primary_key=True)
    state: Mapped[str] = mapped_column(sa.String(10))
    failures: Mapped[int] = mapped_column(default=0)
    opened: Mapped[int] = mapped_column(default=0)  # how often in a row, for the length of the next pause
    open_until: Mapped[datetime | None]
    probe_run_id: Mapped[int | None] = mapped_column(Key)
    problem: Mapped[str] = mapped_column(sa.String(300), default="")
    changed_at: Mapped[datetime]
