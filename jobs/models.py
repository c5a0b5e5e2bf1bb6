"""The door of models: one is asked a short question, in this worker process."""

from app.infra.vault import Vault
from app.services.models import trials
from app.settings import read


def test(model_id: int, asked_at: str) -> None:
    """Ask a model, and keep its answer or the error for the page."""
    trials.answer(Vault.open(read().master_key_file), model_id, asked_at)
