"""The doors of upkeep: what is over is pruned, and what is planned is checked against what is on record."""

from dataclasses import asdict
from datetime import timedelta

import structlog
from flask import Flask

from app.infra import queues, redis
from app.infra.storage import Storage
from app.infra.vault import Vault
from app.services import backups, busy, incidents, retention, verify
from app.services import budgets as tending
from app.services.audit import chain
from app.services.calendars import feeds
from app.services.feeds import pushing
from app.services.library import indexes as libraries
from app.settings import read

log = structlog.get_logger()


def carry_out(app: Flask, job_id: str) -> None:
    """Carry out one job of the upkeep queue in a context of its own; its function is one of ours, or it is refused."""
    job = queues.SafeJob.fetch(job_id, connection=redis.client())
    with app.app_context():
        job.func(*job.args, **job.kwargs)


def prune() -> None:
    """Remove what has been kept for long enough."""
    removed = retention.prune(Storage(read().data_dir / "files"))
    log.info("pruned", **removed)


def check() -> None:
    """Compare the last day's plan with its record, and say in the log what does not agree."""
    for finding in verify.nightly(timedelta(days=1)).findings:
        log.error("promise_broken", **finding.as_dict())


def audit() -> None:
    """Walk the audit from end to end, and say in the log which entry is not what was sealed."""
    verdict = chain.verify(read().data_dir)
    if verdict.flaw:
        log.error("audit_broken", **asdict(verdict.flaw))
    else:
        log.info("audit_checked", entries=verdict.checked)


def backup() -> None:
    """Make the backup that is due, if one is."""
    backups.make_when_due(read())


def integrity() -> None:
    """Look whether SQLite's file is whole, and say in the log what is wrong."""
    if problem := backups.check_integrity(read()):
        log.error("database_damaged", problem=problem)


def calendars(calendar_id: int = 0) -> None:
    """Fetch an imported calendar, or all of them, from their addresses."""
    log.info("calendars_fetched", **feeds.refresh(calendar_id))


def busy_calendars(calendar_id: int = 0) -> None:
    """Fetch when people are busy, of one of their calendars or of all that have an address."""
    done = busy.refresh(Vault.open(read().master_key_file), calendar_id)
    if any(done.values()):
        log.info("busy_calendars_fetched", **done)


def push_calendars(push_id: int = 0) -> None:
    """Bring a calendar elsewhere, or all of them, up to date."""
    values = read()
    done = pushing.push(Vault.open(values.master_key_file), values, push_id)
    if any(done.values()):
        log.info("calendars_pushed", **done)


def budgets() -> None:
    """End what was told of days and months of budgets that are over."""
    log.info("budgets_tended", begun=tending.tend())


def indexes() -> None:
    """Read the templates that other installations offer, if the settings name any."""
    log.info("indexes_read", **libraries.refresh(read()))


def close_incidents() -> None:
    """Close the incidents whose tasks do not run any more."""
    if count := incidents.close_idle():
        log.info("incidents_closed", count=count)
