"""Calendars of people: feeds to subscribe to, their busy times, and calendars elsewhere that runs are put into."""

from datetime import datetime
from typing import Any
from urllib.parse import unquote

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.infra.database import Base, Key


class CalendarFeed(Base):
    """A secret address where calendar apps read the runs of one person's tasks, or of a team, or of all their teams.

    `team_id` is the team it shows; for `all` the person's own space. The token is kept twice: as a hash, by which it is
    found, and sealed, so that its person can see it again.
    """

    __tablename__ = "calendar_feeds"
    __table_args__ = (sa.UniqueConstraint("person_id", "team_id", "scope"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("people.id", ondelete="CASCADE"))
    team_id: Mapped[int] = mapped_column(sa.ForeignKey("teams.id", ondelete="CASCADE"))
    scope: Mapped[str] = mapped_column(sa.String(8))  # mine, team, all
    token_hash: Mapped[str] = mapped_column(sa.String(64), unique=True)
    sealed: Mapped[bytes]
    digest: Mapped[str] = mapped_column(sa.String(64), default="")  # of what it showed last
    changed_at: Mapped[datetime]  # since when it shows this
    fetched_at: Mapped[datetime | None]
    fetched_by: Mapped[str] = mapped_column(sa.String(200), default="")  # as the client calls itself
    created_at: Mapped[datetime]

    @staticmethod
    def aad_of(team_id: int, person_id: int, scope: str) -> str:
        """What binds a sealed token to its row."""
        return f"{team_id}|calendar_feeds|{person_id}-{scope}|sealed|1"


class BusyCalendar(Base):
    """A calendar of a person, of which only is kept when they are busy: an address that is fetched, or a file.

    `sealed` holds the address, or the times of the file; `team_id` is the person's own space, whose key seals it.
    `spans` is [[begin, end], …] in seconds since 1970, ascending, apart from each other.
    """

    __tablename__ = "busy_calendars"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("people.id", ondelete="CASCADE"), index=True)
    team_id: Mapped[int] = mapped_column(sa.ForeignKey("teams.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(sa.String(60))
    host: Mapped[str] = mapped_column(sa.String(253), default="")  # of its address; empty for a file
    sealed: Mapped[bytes]
    spans: Mapped[list[Any]]
    refreshed_at: Mapped[datetime | None]
    problem: Mapped[str] = mapped_column(sa.String(300), default="")
    created_at: Mapped[datetime]

    @staticmethod
    def aad_of(team_id: int, person_id: int) -> str:
        """What binds what is sealed to its person."""
        return f"{team_id}|busy_calendars|{person_id}|sealed|1"


class CalendarPush(Base):
    """A calendar of a person on a server of CalDAV, into which a worker puts the runs that a feed would show.

    `sealed` is the password of `username`; of one at Google the refresh token, and `url` is empty until the person has
    named the calendar. `refusals` counts how often in a row the server refused it; with too many it is left alone.
    """

    __tablename__ = "calendar_pushes"
    __table_args__ = (sa.UniqueConstraint("person_id"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("people.id", ondelete="CASCADE"))
    team_id: Mapped[int] = mapped_column(sa.ForeignKey("teams.id", ondelete="CASCADE"))  # the person's own space
    kind: Mapped[str] = mapped_column(sa.String(8), default="caldav")  # caldav, google
    scope: Mapped[str] = mapped_column(sa.String(8))  # mine, all: of all their teams
    url: Mapped[str] = mapped_column(sa.String(500))
    username: Mapped[str] = mapped_column(sa.String(200))
    sealed: Mapped[bytes]
    refusals: Mapped[int] = mapped_column(default=0)
    problem: Mapped[str] = mapped_column(sa.String(300), default="")
    paused_at: Mapped[datetime | None]
    pushed_at: Mapped[datetime | None]
    created_at: Mapped[datetime]

    @property
    def calendar_id(self) -> str:
        """What Google calls the calendar: …/<calendar id>/events/."""
        return unquote(self.url.removesuffix("/events/").rpartition("/")[2])

    def start_anew(self) -> None:
        """Forget what went wrong, and look at all there is with the next turn."""
        self.problem, self.refusals, self.paused_at, self.pushed_at = "", 0, None, None

    @staticmethod
    def aad_of(team_id: int, person_id: int) -> str:
        """What binds what is sealed to its person."""
        return f"{team_id}|calendar_pushes|{person_id}|sealed|1"


class PushedEvent(Base):
    """An event that was put into a calendar elsewhere: its name there, what was put, and what the server calls that."""

    __tablename__ = "pushed_events"

    push_id: Mapped[int] = mapped_column(sa.ForeignKey("calendar_pushes.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(80), primary_key=True)
    digest: Mapped[str] = mapped_column(sa.String(64))
    etag: Mapped[str] = mapped_column(sa.String(200), default="")
