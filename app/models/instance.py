"""What belongs to the installation as a whole: audit, processes, leadership, small facts."""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.infra.database import Base, Key


class Audit(Base):
    """Who asked for what, and who decided: append-only.

    Within seconds an entry is sealed: it gets the next `number` of the chain, and a hash of itself and of the entry
    before it (`seal`).
    """

    __tablename__ = "audit"
    __table_args__ = (sa.Index("audit_by_team", "team_id", "id"), sa.Index("audit_by_number", "number", unique=True))

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    team_id: Mapped[int | None] = mapped_column(Key)
    person_id: Mapped[int | None] = mapped_column(Key)
    action: Mapped[str] = mapped_column(sa.String(40))
    object: Mapped[str] = mapped_column(sa.String(200))
    data: Mapped[dict[str, Any]]
    at: Mapped[datetime]
    number: Mapped[int | None] = mapped_column(sa.BigInteger)
    seal: Mapped[str | None] = mapped_column(sa.String(64))


ALIVE = timedelta(seconds=15)
"""A worker or a clock not seen for so long is taken to be away."""


class Worker(Base):
    """A worker process: where it is, what it can do, and when it was last seen."""

    __tablename__ = "workers"

    name: Mapped[str] = mapped_column(sa.String(80), primary_key=True)
    host: Mapped[str] = mapped_column(sa.String(120))
    pid: Mapped[int]
    io_slots: Mapped[int]
    code_slots: Mapped[int]
    busy: Mapped[int] = mapped_column(default=0)
    isolation: Mapped[dict[str, Any]]
    is_draining: Mapped[bool] = mapped_column(default=False)
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    stopped_at: Mapped[datetime | None]


class Clock(Base):
    """A clock process, whether it leads or stands by: where it is, and when it was last seen."""

    __tablename__ = "clocks"

    name: Mapped[str] = mapped_column(sa.String(80), primary_key=True)
    host: Mapped[str] = mapped_column(sa.String(120))
    pid: Mapped[int]
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    stopped_at: Mapped[datetime | None]


class Leader(Base):
    """Which process leads; every write of a leader checks that `epoch` is still its own."""

    __tablename__ = "leaders"

    name: Mapped[str] = mapped_column(sa.String(24), primary_key=True)
    holder: Mapped[str] = mapped_column(sa.String(80))
    epoch: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime]


class Fact(Base):
    """A small fact about the installation by name: the vault's canary, the epoch of Redis, who was told what."""

    __tablename__ = "facts"

    name: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    value: Mapped[dict[str, Any]]
    at: Mapped[datetime]


class Counter(Base):
    """How often something happened since the installation began, by name: leases lost, late writes refused."""

    __tablename__ = "counters"

    name: Mapped[str] = mapped_column(sa.String(80), primary_key=True)
    value: Mapped[int] = mapped_column(sa.BigInteger, default=0)
