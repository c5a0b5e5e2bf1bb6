"""The model that may read threads too: which one it is, what a reading costs about, and how it is asked."""

from typing import Any

import sqlalchemy as sa

from app.analysis import deepening
from app.analysis.base import Analysis
from app.analysis.deepening import Ask, Said
from app.domain.access import Actor
from app.domain.agents import ModelChoice, tokens_of
from app.domain.redaction import Redactor
from app.domain.thread import Thread
from app.infra import database, llm
from app.infra.database import db
from app.infra.vault import Vault, WrongKey
from app.models.teams import Model, Secret, Team

TIMEOUT_SECONDS = 120.0
MOST_TOKENS, USUAL_TOKENS = 2048, 400


def default(actor: Actor) -> Model | None:
    """Return the team's default model, None without one."""
    query = sa.select(Model).where(Model.team_id == actor.team_id).order_by(Model.is_default.desc(), Model.id)
    return db.session.scalars(query.limit(1)).first()


def estimate_micros(row: Model, found: Analysis, thread: Thread) -> int | None:
    """Return about what it costs to let a model read a thread, in millionths of a US dollar; None without a price."""
    price = llm.price(named(row))
    asked = deepening.questions(thread, found) if price else []
    return sum(price.of(tokens_of(len(one)), USUAL_TOKENS) for one in asked) if price else None


def most_micros(model: ModelChoice, found: Analysis, thread: Thread) -> int:
    """Return what it costs at most, 0 without a known price."""
    price = llm.price(model)
    asked = deepening.questions(thread, found) if price else []
    return sum(price.of(tokens_of(len(one)), MOST_TOKENS) for one in asked) if price else 0


def choice(vault: Vault, team_id: int, name: str) -> ModelChoice:
    """Return a model of the team with its key. Raises ModelError when it, or its key, is gone."""
    with database.read() as connection:
        wanted = sa.select(Model.__table__).where(Model.team_id == team_id, Model.name == name)
        row = connection.execute(wanted).first()
        if row is None:
            raise llm.ModelError("no_such_model", f"The model {name} is not there any more.", "permanent")
        if not row.secret:
            return named(row)
        kept = sa.select(Secret.sealed, Secret.version, Team.data_key).join(Team, Team.id == Secret.team_id)
        found = connection.execute(kept.where(Secret.team_id == team_id, Secret.name == row.secret)).first()
    try:
        assert found
        key = vault.unseal(found.data_key, found.sealed, Secret.aad_of(team_id, row.secret, found.version))
    except (AssertionError, WrongKey):
        sentence = f"The secret {row.secret} of {name} is not there. Set it again."
        raise llm.ModelError("model_key", sentence, "permanent") from None
    return named(row, key)


def named(row: Any, key: str = "") -> ModelChoice:
    """Return what is known of a model below; `row` is one of the table or its object."""
    prices = (row.price_in_micros, row.price_out_micros)
    return ModelChoice(row.name, row.provider, row.base_url, row.model, key, *prices)


def asker(model: ModelChoice) -> Ask:
    """Return how this model is asked one question: what it said and what that cost, or the sentence why not."""
    hide = Redactor((model.api_key,) if model.api_key else ()).redact

    def ask(question: str) -> Said:
        try:
            said = llm.ask(model, question, TIMEOUT_SECONDS, MOST_TOKENS)
        except llm.ModelError as error:
            return Said("", 0, hide(error.message))
        return Said(said.text, said.cost_micros, "")

    return ask
