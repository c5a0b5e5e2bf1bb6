"""Teams, who belongs to them, and their secrets."""

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
