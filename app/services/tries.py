"""Wrong tries at a door: after some of them each next one waits longer. A helper of services, like unit."""

from collections.abc import Mapping
from datetime import timedelta
from ipaddress import IPv6Network, ip_address

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from app.core.errors import Unavailable
from app.core.identifiers import digest
from app.models.people import Throttle
from app.services.unit import SessionWork, unit

FREE = 5
"""Wrong tries of one person from one place that cost nothing."""

FREE_OF_ADDRESS = 40
"""Wrong tries from one place, whoever they claim to be."""

LONGEST_WAIT_SECONDS = 900
_FORGET = timedelta(hours=1)


class Throttled(Unavailable):
    """Too many wrong tries; the next one counts at `retry_at`."""


def count(doors: Mapping[str, int]) -> None:
    """Count one try at each door (its name: its free tries) before it is judged. Raises Throttled while one is shut.

    It commits before the try is judged, so that many at once can't outrun the count.
    """
    with unit() as work:
        rows = [(_row(work, door), free) for door, free in sorted(doors.items())]
        shut_until = max(row.blocked_until for row, _ in rows)
        if shut_until > work.now:
            raise Throttled("There were too many wrong tries.", shut_until)
        for row, free in rows:
            row.failures = row.failures + 1 if row.failed_at > work.now - _FORGET else 1
            row.failed_at = work.now
            if row.failures >= free:
                row.blocked_until = work.now + _wait(row.failures - free)


def place(address: str) -> str:
    """Return what counts as one place: an address of IPv4, or the network of 64 bits that one customer has of IPv6."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if found.version == 4:  # noqa: PLR2004 the version of IP
        return str(found)
    return str(found.ipv4_mapped or IPv6Network((int(found), 64), strict=False))


def forgive(work: SessionWork, own: str, shared: str = "") -> None:
    """The try was right: open the person's own door again, and take this one try off the shared one."""
    work.session.execute(sa.delete(Throttle).where(Throttle.key == digest(own)))
    shared_door = sa.update(Throttle).where(Throttle.key == digest(shared))
    work.session.execute(shared_door.values(failures=Throttle.failures - 1, blocked_until=work.now))


def _wait(too_many: int) -> timedelta:
    return timedelta(seconds=min(2 ** (FREE + min(too_many, 10)), LONGEST_WAIT_SECONDS))


def _row(work: SessionWork, door: str) -> Throttle:
    insert = postgresql.insert if work.connection.dialect.name == "postgresql" else sqlite.insert
    fresh = {"key": digest(door), "failures": 0, "failed_at": work.now, "blocked_until": work.now}
    work.session.execute(insert(Throttle).values(fresh).on_conflict_do_nothing(index_elements=["key"]))
    return work.session.get_one(Throttle, digest(door), with_for_update=True)
