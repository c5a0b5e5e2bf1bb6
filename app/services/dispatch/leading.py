"""Which clock process leads: one at a time, fenced by its epoch in every transaction."""

from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from app.models.instance import Leader
from app.services.unit import Work, batch


class Deposed(Exception):
    """Another process leads now; what this one was about to write is not written."""


@dataclass(frozen=True)
class Leadership:
    """That this process leads, until its epoch is passed."""

    name: str
    holder: str
    epoch: int

    def assert_in(self, work: Work, lease: timedelta) -> None:
        """Renew the lease inside this transaction, or raise Deposed: the write of an old leader never commits."""
        own = {"leader": self.name, "by": self.holder, "in_epoch": self.epoch}
        renewed = work.connection.execute(_RENEW, own | {"until": work.now + lease})
        if renewed.rowcount != 1:
            raise Deposed(self.name)


def lead(name: str, holder: str, lease: timedelta) -> Leadership | None:
    """Become or stay the leader called `name`; None while somebody else's lease runs."""
    with batch() as work:
        row = work.connection.execute(
            sa.select(Leader.holder, Leader.epoch, Leader.lease_until).where(Leader.name == name).with_for_update()
        ).first()
        if row and row.holder != holder and row.lease_until > work.now:
            return None
        if row is None:
            values = {"name": name, "holder": holder, "epoch": 1, "lease_until": work.now + lease}
            work.connection.execute(sa.insert(Leader).values(values))
            return Leadership(name, holder, 1)
        epoch = row.epoch if row.holder == holder else row.epoch + 1
        work.connection.execute(
            sa.update(Leader)
            .where(Leader.name == name)
            .values(holder=holder, epoch=epoch, lease_until=work.now + lease)
        )
        return Leadership(name, holder, epoch)


def resign(leadership: Leadership) -> None:
    """Give the lead away at once, so that another process need not wait for the lease to pass."""
    with batch() as work:
        work.connection.execute(
            sa.update(Leader)
            .where(Leader.name == leadership.name, Leader.epoch == leadership.epoch)
            .values(lease_until=work.now)
        )
        work.wake_clock()


_RENEW = (
    sa.update(Leader)
    .where(
        Leader.name == sa.bindparam("leader"),
        Leader.holder == sa.bindparam("by"),
        Leader.epoch == sa.bindparam("in_epoch"),
    )
    .values(lease_until=sa.bindparam("until"))
)
