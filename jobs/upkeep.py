"""The doors of upkeep: what is over is pruned, and what is planned is checked against what is on record."""

from datetime import timedelta

import structlog

from app.infra import queues, redis
from app.infra.storage import Storage
from app.services import retention, verify
from app.settings import read

log = structlog.get_logger()


def carry_out(job_id: str) -> None:
    """Carry out one job of the upkeep queue; its function is one of ours, or it is refused."""
    job = queues.SafeJob.fetch(job_id, connection=redis.client())
    job.func(*job.args, **job.kwargs)


def prune() -> None:
    """Remove what has been kept for long enough."""
    removed = retention.prune(Storage(read().data_dir / "files"))
    log.info("pruned", **removed)


def check() -> None:
    """Compare the last day's plan with its record, and say in the log what does not agree."""
    for finding in verify.last(timedelta(days=1)).findings:
        log.error("promise_broken", **finding.as_dict())
