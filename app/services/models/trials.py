"""Trying a model: a worker asks it one short question, the page shows what it answered."""

import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from app.core.clock import utc_now
from app.domain.agents import ModelChoice
from app.domain.redaction import Redactor
from app.infra import database, llm
from app.infra.vault import Vault, WrongKey
from app.models.teams import Model, Secret, Team
from app.services.unit import batch

QUESTION = "What is 17 + 25? Answer in one short sentence."
PATIENCE = timedelta(seconds=90)
"""A trial without an answer after so long gets none: no worker took it, or the one that did is gone."""

_LONGEST_ANSWER = 600


@dataclass(frozen=True)
class Trial:
    """What came of the last test: `state` is `none`, `asked`, `ok` or `failed`, `sentence` the answer or the error."""

    state: str
    sentence: str = ""
    at: datetime | None = None
    seconds: float | None = None
    tokens: int | None = None


def last(row: Model) -> Trial:
    """Return what came of a model's last trial."""
    kept = row.test
    asked_at = datetime.fromisoformat(kept["asked_at"]) if "asked_at" in kept else None
    if asked_at and utc_now() - asked_at > PATIENCE:
        return Trial("failed", f"No worker answered within {PATIENCE.seconds} s. Test it again.", asked_at)
    if asked_at:
        return Trial("asked", at=asked_at)
    if row.tested_at is None:
        return Trial("none")
    state = "ok" if kept.get("is_ok") else "failed"
    return Trial(state, kept.get("sentence", ""), row.tested_at, kept.get("seconds"), kept.get("tokens"))


def answer(vault: Vault, model_id: int, asked_at: str) -> None:
    """Ask the model in this worker and keep what came of it, unless it was changed or asked again meanwhile."""
    mine = (Model.id == model_id, Model.test["asked_at"].as_string() == asked_at)
    with database.read() as connection:
        row = connection.execute(sa.select(Model.__table__).where(*mine)).first()
        if row is None:
            return
        key = key_of(connection, vault, row)
    result = _asked(row, key) if key is not None else _refused(f"The secret {row.secret} is not there. Set it again.")
    with batch() as work:
        kept = sa.update(Model).where(*mine).values(test=result, tested_at=work.now)
        work.connection.execute(kept)


def key_of(connection: sa.Connection, vault: Vault, row: Any) -> str | None:
    """Return the key in clear, "" where none is needed, None when its secret is gone or does not open."""
    if not row.secret:
        return ""
    wanted = sa.select(Secret.sealed, Secret.version, Team.data_key).join(Team, Team.id == Secret.team_id)
    found = connection.execute(wanted.where(Secret.team_id == row.team_id, Secret.name == row.secret)).first()
    if found is None:
        return None
    with suppress(WrongKey):
        return vault.unseal(found.data_key, found.sealed, Secret.aad_of(row.team_id, row.secret, found.version))
    return None


def _asked(row: Any, key: str) -> dict[str, Any]:
    hide = Redactor((key,) if key else ()).redact
    begun = time.monotonic()
    try:
        said = llm.ask(choice(row, key), QUESTION)
    except llm.ModelError as error:
        return _refused(hide(error.message)) | {"seconds": round(time.monotonic() - begun, 2)}
    seconds = {"seconds": round(time.monotonic() - begun, 2), "tokens": said.tokens_in + said.tokens_out}
    answer = " ".join(hide(said.text).split())[:_LONGEST_ANSWER]
    if not answer:
        return _refused("It was reached, but its answer was empty.") | seconds
    return {"is_ok": True, "sentence": answer} | seconds


def choice(row: Any, key: str = "") -> ModelChoice:
    """Return what is known of a model below; `row` is one of the table or its object."""
    prices = (row.price_in_micros, row.price_out_micros, row.price_hours)
    return ModelChoice(row.name, row.provider, row.base_url, row.model, key, *prices)


def _refused(sentence: str) -> dict[str, Any]:
    return {"is_ok": False, "sentence": sentence}
