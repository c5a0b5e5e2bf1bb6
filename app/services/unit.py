"""One transaction with its events, audit entries and calls for the queue; the news leaves only after the commit."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.domain.access import Actor
from app.infra import database, queues, redis
from app.infra.database import db
from app.models.instance import Audit
from app.models.runs import Event


@dataclass
class Work:
    """What one transaction changes and what it has to say."""

    connection: sa.Connection
    actor: Actor | None = None
    _events: list[dict[str, Any]] = field(default_factory=list)
    _audit: list[dict[str, Any]] = field(default_factory=list)
    _jobs: list[tuple[str, str]] = field(default_factory=list)
    _bells: dict[str, None] = field(default_factory=dict)
    _stops: list[str] = field(default_factory=list)
    _wakes_clock: bool = False
    moves: dict[tuple[int, str], list[int]] = field(default_factory=dict)  # of budgets: services/spending
    _last: list[Callable[["Work"], None]] = field(default_factory=list)

    @cached_property
    def now(self) -> datetime:
        """The database's time, one for the whole transaction: read when it is first asked for.

        A transaction may have waited for its turn, and have been joined meanwhile by changes of a later moment.
        """
        return database.now(self.connection)

    def tell(self, kind: str, team_id: int, run_id: int | None, token: int = 0, **data: Any) -> None:
        """Record that something happened; who watches the run hears of it after the commit."""
        self._events.append(
            {"kind": kind, "team_id": team_id, "run_id": run_id, "token": token, "data": data, "at": self.now}
        )
        self.ring(team_id, run_id)

    def ring(self, team_id: int, run_id: int | None = None) -> None:
        """Let those who look at the team or run look again. Team 0: whether this person may look has changed."""
        self._bells[f"{team_id}:{run_id or 0}"] = None

    def audit(self, action: str, what: str, **data: Any) -> None:
        """Record who asked for what; the actor 0 is nobody of here."""
        team, person = (self.actor.team_id, self.actor.person_id or None) if self.actor else (None, None)
        self._audit.append(
            {"team_id": team, "person_id": person, "action": action, "object": what[:200], "data": data, "at": self.now}
        )

    def enqueue(self, run_id: int, attempt: int, lane: str) -> None:
        """Put an attempt into its queue after the commit; its row, queued, is the promise that it gets there."""
        self._jobs.append((lane, queues.job_id(run_id, attempt)))

    def stop(self, run_id: int) -> None:
        """Tell the worker that holds the run to look at its stop mark."""
        self._stops.append(str(run_id))

    def wake_clock(self) -> None:
        """A planned time may have become the earliest: the clock looks again."""
        self._wakes_clock = True

    def at_last(self, change: Callable[["Work"], None]) -> None:
        """Do this once, when all else is done: what every transaction locks is locked for the shortest time."""
        if change not in self._last:
            self._last.append(change)

    def write_news(self) -> None:
        """Store events and audit in the same transaction as the change, and what follows from them."""
        told = 0
        while told < len(self._events):
            news, told = self._events[told:], len(self._events)
            _follow(self, news)
        for change in self._last:
            change(self)
        if self._events:
            self.connection.execute(sa.insert(Event), self._events)
        if self._audit:
            self.connection.execute(sa.insert(Audit), self._audit)

    def send_news(self) -> None:
        """After the commit: queue, bells, stops. What Redis does not take now, the reconciler brings later."""
        if self._jobs:
            with suppress(*redis.Away, OSError):
                queues.enqueue(self._jobs)
        if self._bells:
            redis.tell(redis.BELL, *self._bells)
        if self._stops:
            redis.tell(redis.STOP, *self._stops)
        if self._wakes_clock:
            redis.tell(redis.CLOCK, "look")


Follow = Callable[[Work, Sequence[dict[str, Any]]], None]


def _nothing_follows(_work: Work, _news: Sequence[dict[str, Any]]) -> None:
    return


_follow: Follow = _nothing_follows


def let_follow(follow: Follow) -> None:
    """Let `follow` add to each transaction what comes of its events; it is called again for those that it tells."""
    global _follow  # noqa: PLW0603 one for the process, set when it starts
    _follow = follow


@contextmanager
def batch(actor: Actor | None = None) -> Iterator[Work]:
    """Open a transaction for statements in batches, without the session: the path of runs."""
    with database.write() as connection:
        work = Work(connection, actor)
        yield work
        work.write_news()
    work.send_news()


@dataclass
class SessionWork(Work):
    """A transaction of the session."""

    session: Session = field(default_factory=db.session)


@contextmanager
def unit(actor: Actor | None = None) -> Iterator[SessionWork]:
    """Open a transaction for rows: everything the session does inside commits together or not at all."""
    session = db.session()
    session.rollback()  # end what was read before: rows read inside are those of this transaction
    session.info["is_writing"] = True
    try:
        connection = session.connection()
        work = SessionWork(connection, actor, session=session)
        yield work
        session.flush()
        work.write_news()
        session.commit()
    except BaseException:
        session.rollback()
        raise
    finally:
        session.info.pop("is_writing", None)
    work.send_news()
