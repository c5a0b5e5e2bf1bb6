"""What an attempt is given of its team: secrets in clear, a model with its key, and the files of the task."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import sqlalchemy as sa

from app.core.errors import Invalid
from app.domain import graph
from app.domain.agents import NO_MODEL
from app.domain.expressions import names_in
from app.engines.base import ModelChoice, Outcome, engines, fillable, takes_secrets
from app.infra import database
from app.infra.vault import Vault, WrongKey
from app.models.runs import Artifact, Run
from app.models.tasks import Task, TaskFile
from app.models.teams import Model, Secret, Team
from app.services.execution.claims import Claim, Definition

DATABASE_AWAY = Outcome("failed", "database", "The database was away when it was to begin.", "transient")


@dataclass(frozen=True)
class Provisions:
    """The secrets the task names, in clear, and its models by the name its settings give them ("": the default)."""

    secrets: dict[str, str] = field(repr=False)
    models: dict[str, ModelChoice] = field(default_factory=dict)

    @property
    def in_clear(self) -> list[str]:
        """Every value that is hidden wherever it appears."""
        return [*self.secrets.values(), *(model.api_key for model in self.models.values() if model.api_key)]

    def secrets_for(self, engine: str, settings: Mapping[str, Any]) -> dict[str, str]:
        """Return those of the secrets that these settings name."""
        return {name: self.secrets[name] for name in _secret_names(engine, settings)}

    def model_for(self, engine: str, settings: Mapping[str, Any]) -> ModelChoice | None:
        """Return the model that these settings name; None for an engine that takes none."""
        return self.models.get(settings.get("model") or "") if _takes_model(engine) else None


class _Missing(Exception):
    """Something is not there; holds the outcome that says so."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.sentence)
        self.outcome = outcome


def gather(held: Claim, vault: Vault) -> Provisions | Outcome:
    """Return what the task names, or why it can't run without it. An engine with a setting `model` is given one.

    Raises database.Away.
    """
    assert held.definition
    parts = _parts(held.definition)
    names = list(dict.fromkeys(name for engine, settings in parts for name in _secret_names(engine, settings)))
    wanted_models = {settings.get("model") or "" for engine, settings in parts if _takes_model(engine)}
    if not names and not wanted_models:
        return Provisions({})
    try:
        with database.read() as connection:
            rows = {name: _model_row(connection, held.team_id, name) for name in sorted(wanted_models)}
            keys = [row.secret for row in rows.values() if row.secret]
            found = _unsealed(connection, vault, held.team_id, [*names, *keys])
    except _Missing as missing:
        return missing.outcome
    except WrongKey as error:
        return Outcome("blocked", "wrong_key", error.message, "permanent")
    models = {name: _choice(row, found) for name, row in rows.items()}
    return Provisions({name: found[name] for name in names}, models)


def judge(held: Claim, vault: Vault) -> ModelChoice | str:
    """Return the team's default model with its key, or one sentence why there is none. Raises database.Away."""
    return model(held, vault, "")


def model(held: Claim, vault: Vault, name: str) -> ModelChoice | str:
    """Do the same with the team's model of a name; "" is the default one."""
    try:
        with database.read() as connection:
            row = _model_row(connection, held.team_id, name)
            return _choice(row, _unsealed(connection, vault, held.team_id, [row.secret] if row.secret else []))
    except _Missing as missing:
        return missing.outcome.sentence
    except WrongKey as error:
        return error.message


def _parts(task: Definition) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the engine and settings of each step, or of the task where it has no steps."""
    return [(step["engine"], step["settings"]) for step in task.steps] or [(task.engine, task.settings)]


def _takes_model(engine: str) -> bool:
    return engine in engines and "model" in engines[engine].settings_schema.model_fields


def _secret_names(engine: str, settings: Mapping[str, Any]) -> list[str]:
    single = settings.get("auth_secret")
    named = [*(settings.get("secrets") or ()), *([single] if single else ())]
    for setting, value in fillable(engine, settings).items() if engine in engines else ():
        if takes_secrets(engine, setting) and "{{" in str(value):
            named += [path.partition(".")[2] for path in sorted(names_in(value)) if path.startswith("secrets.")]
    return named


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


def files(task: Definition, run_id: int) -> dict[str, str]:
    """Return the files of the task, and those that the runs before this one made: digests by name.

    Raises Invalid when one of the task is gone.
    """
    if not task.files and not task.after:
        return {}
    with database.read() as connection:
        passed = _passed(connection, run_id) if task.after.passes else {}
        rows = connection.execute(
            sa.select(TaskFile.name, TaskFile.digest).where(
                TaskFile.team_id == task.team_id, TaskFile.id.in_(task.files)
            )
        ).all()
    if len(rows) < len(task.files):
        raise Invalid({"files": "A file of this task is gone. Add it again."})
    return passed | {row.name: row.digest for row in rows}


def _passed(connection: sa.Connection, run_id: int) -> dict[str, str]:
    """Return the files of the runs that a run came after, each in the folder `upstream/` and the name of its task."""
    upstreams = connection.execute(sa.select(Run.upstreams).where(Run.id == run_id)).scalar_one()
    if not upstreams:
        return {}
    made = sa.select(Task.slug, Artifact.name, Artifact.digest).select_from(Artifact)
    made = made.join(Run, Run.id == Artifact.run_id).join(Task, Task.id == Run.task_id)
    rows = connection.execute(made.where(Artifact.run_id.in_(upstreams.values())))
    return {f"upstream/{graph.identifier(row.slug)}/{row.name}": row.digest for row in rows}
