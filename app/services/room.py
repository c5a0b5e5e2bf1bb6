"""Room on the disk of this host: told as an alert when it gets low, and again when there is enough."""

import socket

import structlog

from app.infra import database, disk
from app.services import alerting
from app.services.unit import batch

log = structlog.get_logger()

_MIB = 1024**2
_told: dict[str, bool] = {}


def look() -> None:
    """Tend the ballast; begin or end the alert when that has changed. Nothing is raised: a full disk can't be told."""
    disk.tend()
    is_low, host = disk.is_low(), socket.gethostname()
    if _told.get(host) is is_low:
        return
    key = f"disk:{host}"
    left = f"{max(disk.room(), 0) // _MIB:,} MiB"
    try:
        with batch() as work:
            if is_low:
                log.error("disk_low", left=left)
                alerting.begin(work, key, "disk_low", f"The disk of {host} has {left} left: new runs wait.", None)
            else:
                alerting.end(work, key, f"The disk of {host} has room again: {left}.")
    except database.Away:
        return
    _told[host] = is_low


def is_low() -> bool:
    """Whether so little room is left on this host that no new work begins."""
    return disk.is_low()


def is_full(error: Exception) -> bool:
    """Whether a statement failed because the disk of the database is full."""
    return database.is_full(error)
