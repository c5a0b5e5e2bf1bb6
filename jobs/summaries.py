"""The doors of what models say of failed runs: which are to be asked about, and one of them asked."""

from app.infra.vault import Vault
from app.services.models import summaries
from app.settings import read as settings


def look() -> None:
    """Call for each run that failed and is to be asked about."""
    summaries.look()


def write(run_id: int) -> None:
    """Ask about one failed run, in this worker process."""
    summaries.write(Vault.open(settings().master_key_file), run_id)
