"""Devices of people: browsers that take notifications while no page is open."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.infra.database import Base, Key


class Device(Base):
    """A browser that a person is pushed to; who turns notifications on in it takes it over.

    `endpoint` is its address at the push service of its maker. To send there takes the installation's key, which is
    sealed. `sign_in_id` is the sign-in it was last used in: when that is ended by hand, the device is forgotten.
    """

    __tablename__ = "devices"
    __table_args__ = (sa.Index("devices_of_person", "person_id"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("people.id", ondelete="CASCADE"))
    sign_in_id: Mapped[int | None] = mapped_column(Key)
    name: Mapped[str] = mapped_column(sa.String(60))
    endpoint: Mapped[str] = mapped_column(sa.String(1000), unique=True)
    public_key: Mapped[bytes]
    auth: Mapped[bytes]
    problem: Mapped[str] = mapped_column(sa.String(300), default="")
    told_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
