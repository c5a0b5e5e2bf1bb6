"""What an attempt is given of its team: secrets in clear, a model with its key, and the files of the task."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from app.core.errors import Invalid
from app.domain.agents import NO_MODEL
from app.engines.base import ModelChoice, Outcome, engines
from app.infra import database
from app.infra.storage import Storage
from app.infra.vault import Vault, WrongKey
from app.models.tasks import TaskFile
from app.models.teams import Model, Secret, Team
from app.services.execution.claims import Claim, Definition

DATABASE_AWAY = Outcome("failed", "database", "The database was away when it was to begin.", "transient")


@dataclass(frozen=True)
class Provisions:
    """The secrets the task names, in clear, and its model; `in_clear` is all that must never be shown."""

    secrets: dict[str, str] = field(repr=False)
    model: ModelChoice | None = None

    @property
    def in_clear(self) -> list[str]:
        """Every value that is hidden wherever it appears."""
        return [*self.secrets.values(), *([self.model.api_key] if self.model and self.model.api_key else [])]


class _Missing(Exception):
    """Something is not there; holds the outcome that says so."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.sentence)
        self.outcome = outcome


def gather(held: Claim, vault: Vault) -> Provisions | Outcome:
    """Return what the task names, or why it can't run without it. An engine with a setting `model` is given one."""
    assert held.definition
    task = held.definition
    names = _secret_names(task)
    takes_model = task.engine in engines and "model" in engines[task.engine].settings_schema.model_fields
    if not names and not takes_model:
        return Provisions({})
    try:
        with database.read() as connection:
            row = _model_row(connection, held.team_id, task.settings.get("model") or "") if takes_model else None
            wanted = [*names, *([row.secret] if row and row.secret else [])]
            found = _unsealed(connection, vault, held.team_id, wanted)
    except _Missing as missing:
        return missing.outcome
    except WrongKey as error:
        return Outcome("blocked", "wrong_key", error.message, "permanent")
    except database.Away:
        return DATABASE_AWAY
    return Provisions({name: found[name] for name in names}, _choice(row, found) if row else None)


def _secret_names(task: Definition) -> list[str]:
    single = task.settings.get("auth_secret")
    return [*(task.settings.get("secrets") or ()), *([single] if single else ())]


def _unsealed(connection: sa.Connection, vault: Vault, team_id: int, names: Sequence[str]) -> dict[str, str]:
    if not names:
        return {}
    wanted = sa.select(Secret.name, Secret.sealed, Secret.version, Team.data_key).join(Team, Team.id == Secret.team_id)
    rows = connection.execute(wanted.where(Secret.team_id == team_id, Secret.name.in_(names))).all()
    found = {
        row.name: vault.unseal(row.data_key, row.sealed, Secret.aad_of(team_id, row.name, row.version)) for row in rows
    }
    if missing := sorted(set(names) - set(found)):
        sentence = f"The secret {missing[0]} does not exist. Set it in Settings, then run again."
        raise _Missing(Outcome("blocked", "no_secret", sentence, "permanent"))
    return found


def _model_row(connection: sa.Connection, team_id: int, name: str) -> Any:
    which = Model.name == name if name else Model.is_default
    query = sa.select(Model.__table__).where(Model.team_id == team_id, which).order_by(Model.id)
    row = connection.execute(query).first()
    if row is None:
        gone = f"The model {name} is not there any more. Choose another in the task, or add it in Settings, Models."
        raise _Missing(Outcome("blocked", "no_model", gone if name else NO_MODEL, "permanent"))
    return row


def _choice(row: Any, secrets: dict[str, str]) -> ModelChoice:
    plain = {one.name: getattr(row, one.name) for one in fields(ModelChoice) if one.name != "api_key"}
    return ModelChoice(**plain, api_key=secrets.get(row.secret, "").strip())


def files(task: Definition, storage: Storage) -> dict[str, Path]:
    """Return the files of the task by name, and where their content lies. Raises Invalid when one is gone."""
    if not task.files:
        return {}
    with database.read() as connection:
        rows = connection.execute(
            sa.select(TaskFile.name, TaskFile.digest).where(
                TaskFile.team_id == task.team_id, TaskFile.id.in_(task.files)
            )
        ).all()
    if len(rows) < len(task.files):
        raise Invalid({"files": "A file of this task is gone. Add it again."})
    return {row.name: storage.path(row.digest) for row in rows}
