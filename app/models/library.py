"""Templates of teams and their versions, what is published of them, and which tasks were made of which."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.infra.database import Base, Key
from app.models.people import Person


class Template(Base):
    """A template that a team has saved; what it is stands in its versions. Built-in ones have no rows."""

    __tablename__ = "templates"
    __table_args__ = (sa.UniqueConstraint("team_id", "slug"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    team_id: Mapped[int] = mapped_column(sa.ForeignKey("teams.id", ondelete="CASCADE"))
    slug: Mapped[str] = mapped_column(sa.String(80))
    number: Mapped[int] = mapped_column(default=1)  # of its newest version
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]  # no longer offered; tasks made of it go on
    visibility: Mapped[str] = mapped_column(sa.String(12), default="team")  # private, team, instance, public
    author_id: Mapped[int | None] = mapped_column(sa.ForeignKey("people.id", ondelete="SET NULL"))
    origin: Mapped[dict[str, Any] | None]  # domain/library/content.Origin of one that was installed


class TemplateVersion(Base):
    """One version of a team's template, never changed once written; `content` as in domain/library/content."""

    __tablename__ = "template_versions"
    __table_args__ = (sa.UniqueConstraint("template_id", "number"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    team_id: Mapped[int] = mapped_column(sa.ForeignKey("teams.id", ondelete="CASCADE"))
    template_id: Mapped[int] = mapped_column(sa.ForeignKey("templates.id", ondelete="CASCADE"))
    number: Mapped[int]
    content: Mapped[dict[str, Any]]
    author_id: Mapped[int | None] = mapped_column(sa.ForeignKey("people.id", ondelete="SET NULL"))
    created_at: Mapped[datetime]

    author: Mapped[Person | None] = relationship(lazy="raise")


class TemplateUse(Base):
    """Which template, built-in or of the team, and which version of it a task was made of.

    `answers` are those that were written into the definition: variables keep theirs in the task.
    """

    __tablename__ = "template_uses"
    __table_args__ = (sa.Index("template_uses_of_team", "team_id", "slug"),)

    task_id: Mapped[int] = mapped_column(sa.ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True)
    team_id: Mapped[int] = mapped_column(sa.ForeignKey("teams.id", ondelete="CASCADE"))
    slug: Mapped[str] = mapped_column(sa.String(80))
    number: Mapped[int]
    answers: Mapped[dict[str, Any]]
    dismissed: Mapped[int] = mapped_column(default=0)  # the newest version that nobody wants to hear of
    created_at: Mapped[datetime]


class Listing(Base):
    """A template offered beyond its team, as others see it: a frozen copy that never changes with the team's own.

    `source` is own (published here), index (read from another installation) or upload (a bundle that one team looks
    at). `state` is offered, unpublished (by who may) or gone (no longer in its index).
    """

    __tablename__ = "listings"
    __table_args__ = (
        sa.UniqueConstraint("address", "slug"),
        sa.Index("listings_of_template", "template_id"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    team_id: Mapped[int | None] = mapped_column(sa.ForeignKey("teams.id", ondelete="CASCADE"))
    template_id: Mapped[int | None] = mapped_column(sa.ForeignKey("templates.id", ondelete="CASCADE"))
    source: Mapped[str] = mapped_column(sa.String(8))
    address: Mapped[str] = mapped_column(sa.String(300), default="")  # of the index; of an upload a word of its own
    slug: Mapped[str] = mapped_column(sa.String(80))
    number: Mapped[int]  # the version
    visibility: Mapped[str] = mapped_column(sa.String(12), default="instance")
    state: Mapped[str] = mapped_column(sa.String(12), default="offered")
    publisher: Mapped[str] = mapped_column(sa.String(120))
    key: Mapped[str] = mapped_column(sa.String(60))
    digest: Mapped[str] = mapped_column(sa.String(64), default="")
    content: Mapped[dict[str, Any]]
    author_id: Mapped[int | None] = mapped_column(sa.ForeignKey("people.id", ondelete="SET NULL"))
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]


class Install(Base):
    """A team has installed what is offered; counted once a team."""

    __tablename__ = "installs"

    listing_id: Mapped[int] = mapped_column(sa.ForeignKey("listings.id", ondelete="CASCADE"), primary_key=True)
    team_id: Mapped[int] = mapped_column(sa.ForeignKey("teams.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int]
    created_at: Mapped[datetime]


class Rating(Base):
    """What somebody whose team has installed it thinks of what is offered: 1 to 5 stars and a sentence."""

    __tablename__ = "ratings"

    listing_id: Mapped[int] = mapped_column(sa.ForeignKey("listings.id", ondelete="CASCADE"), primary_key=True)
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("people.id", ondelete="CASCADE"), primary_key=True)
    stars: Mapped[int]
    sentence: Mapped[str] = mapped_column(sa.String(300), default="")
    at: Mapped[datetime]


class Report(Base):
    """Somebody says that something is wrong with what is offered, to those who look after the installation."""

    __tablename__ = "reports"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    listing_id: Mapped[int] = mapped_column(sa.ForeignKey("listings.id", ondelete="CASCADE"))
    person_id: Mapped[int | None] = mapped_column(sa.ForeignKey("people.id", ondelete="SET NULL"))
    reason: Mapped[str] = mapped_column(sa.String(500))
    at: Mapped[datetime]
    settled_at: Mapped[datetime | None]
