"""The doors of threads: an import is read, and what was interrupted or deleted is looked after."""

import structlog

from app.infra.storage import Storage
from app.infra.vault import Vault
from app.services import threads
from app.services.threads import analyses, imports, needs, paying, reading
from app.settings import Settings
from app.settings import read as settings

log = structlog.get_logger()


def read(import_id: int) -> None:
    """Read the conversations of an import, in this worker process."""
    values = settings()
    reading.carry_out(_storage(values), Vault.open(values.master_key_file), import_id, values.import_bytes)


def analyse(thread_id: int) -> None:
    """Say what a thread asks for, in this worker process."""
    values = settings()
    analyses.carry_out(_storage(values), Vault.open(values.master_key_file), thread_id)


def check_needs(thread_id: int) -> None:
    """Look whether the hosts and packages that a thread needs are there."""
    needs.check(thread_id)


def call_again() -> None:
    """Call imports and analyses again that nobody works at."""
    if called := imports.call_again() + analyses.call_again():
        log.info("threads_called_again", called=called)


def tend() -> None:
    """Remove threads that were deleted for long enough, and free what was reserved for models that read no more."""
    paying.free_left_over()
    if removed := threads.purge(_storage(settings())):
        log.info("threads_removed", removed=removed)


def _storage(values: Settings) -> Storage:
    return Storage(values.data_dir / "files")
