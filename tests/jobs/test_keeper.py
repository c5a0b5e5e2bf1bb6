"""What a worker holds: a lost attempt is told, a request to stop is heard, and a database that is away ends nothing."""

from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from app.core.clock import utc_now
from app.domain.redaction import Redactor
from app.engines.base import LogWritten, StepStarted
from app.infra import redis
from app.infra.writer import Writer
from app.models.runs import LogChunk, Run, Step
from app.services.execution import claims
from app.services.execution.claims import Claim
from app.services.execution.perform import flush
from app.services.execution.recorder import Recorder
from app.services.unit import batch
from jobs.keeper import Keeper
from tests import factories
from tests.factories import rows
from tests.processes import eventually


class Switch:
    """Opens transactions, or fails as a database that is away."""

    is_away = False
    failures = 0

    @contextmanager
    def open(self):
        if self.is_away:
            self.failures += 1
            raise sa.exc.OperationalError("BEGIN", {}, Exception("away"))
        with batch() as work:
            yield work


@pytest.fixture
def switch():
    return Switch()


@pytest.fixture
def keeper(app, settings, switch):
    writer = Writer(switch.open)
    with app.app_context():
        yield Keeper(settings, "one", writer)
        writer.close()


@pytest.fixture
def team(keeper):
    return factories.team()


def claim(team, name="probe"):
    run = factories.run(team, factories.task(team, name=name))
    return claim_again(run, 1)


def claim_again(run, attempt):
    with batch() as work:
        return claims.claim(work, [(run, attempt)], "one", claims.timedelta(seconds=10))[0]


def test_an_attempt_it_lost_is_told_though_it_holds_the_next_one_of_the_same_run(keeper, team):
    first = claim(team)
    with keeper.holding(first) as of_first:
        with batch() as work:
            work.connection.execute(sa.update(Run).values(state="queued", attempt=2))
        with keeper.holding(claim_again(first.run_id, 2)) as of_second:
            keeper._renew_once()
            assert (of_first.reason, of_second.reason) == ("lease_lost", "")
            assert keeper.count == 2
    assert keeper.count == 0


def test_what_begins_after_all_were_asked_to_stop_is_asked_too(keeper):
    keeper.ask_all("shutdown")
    with keeper.holding(Claim(1, 1, 1, 1, 1, 1, "io", utc_now(), utc_now())) as cancellation:
        assert (cancellation.is_now, cancellation.reason) == (True, "shutdown")


def test_requests_to_stop_are_heard_after_the_database_was_away(keeper, team, switch):
    held = claim(team)
    keeper._renew_seconds = 60
    keeper.start()
    with keeper.holding(held) as cancellation:
        switch.is_away = True
        eventually(lambda: redis.tell(redis.STOP, str(held.run_id)) or switch.failures)
        switch.is_away = False
        with batch() as work:
            work.connection.execute(sa.update(Run).values(stop_mode="now", stop_reason="person"))
        eventually(lambda: redis.tell(redis.STOP, str(held.run_id)) or cancellation.is_now)
    keeper.close()


def test_what_attempts_show_is_kept_while_the_database_is_away(keeper, team, switch):
    recorders = [Recorder(claim(team, name), Redactor(()), keeper.on_news) for name in ("a", "b")]
    for recorder in recorders:
        recorder.emit(StepStarted("run"))
        recorder.emit(LogWritten("one"))
    switch.is_away = True
    assert not flush(recorders, keeper._writer)
    assert not any(recorder.storing.locked() for recorder in recorders)
    for recorder in recorders:
        recorder.emit(LogWritten("two"))
    switch.is_away = False
    assert flush(recorders, keeper._writer)
    assert [(chunk.first, [line[2] for line in chunk.lines]) for chunk in rows(LogChunk)] == [
        (1, ["one"]), (2, ["two"]), (1, ["one"]), (2, ["two"]),
    ]  # fmt: skip
    assert len(rows(Step)) == 2
