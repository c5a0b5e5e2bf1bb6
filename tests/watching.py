"""A watchdog's eyes without its process, at a pace of the test's own, and what it has told."""

import sqlalchemy as sa

from app.models.runs import Alert
from app.services.unit import batch
from app.services.watch import Watcher
from tests import factories
from tests.factories import rows


class Stopwatch:
    """A monotonic clock that goes on only when told to."""

    seconds = 100.0

    def __call__(self):
        return self.seconds


class Dog:
    """A watcher past its quiet start; each look is two seconds after the one before."""

    def __init__(self):
        self.stopwatch = Stopwatch()
        self.watcher = Watcher(lease_seconds=10.0, every_seconds=2.0, monotonic=self.stopwatch, host="here")
        self.watcher._steady._quiet = 0.0

    def looks(self, count=1):
        for _ in range(count):
            self.stopwatch.seconds += 2
            self.last = self.watcher.look()
        return self.last


def change(model, *where, **values):
    with batch() as work:
        work.connection.execute(sa.update(model).where(*where).values(**values))


def alerts(kind=None):
    """(key, sentence, whether it is open) of all alerts, or of one kind."""
    where = [Alert.kind == kind] if kind else []
    return [(row.key, row.sentence, row.ended_at is None) for row in rows(Alert, *where)]


def digest(team, name="digest", **policy):
    return factories.task(team, name=name, label=name.title(), **policy)
