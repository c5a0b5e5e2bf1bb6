"""What a model says of a failed run, beside the rules: only for teams that ask for it, once a day for each cause."""

import secrets
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.dialects import postgresql, sqlite

from app.analysis import masking
from app.analysis.secrets import in_text
from app.core.errors import Invalid
from app.domain import budgets, failures, summary
from app.domain.access import Actor
from app.domain.agents import ModelChoice, tokens_of
from app.domain.redaction import Redactor
from app.infra import database, llm, queues, redis
from app.infra.database import db
from app.infra.vault import Vault
from app.models.budgets import ModelReading
from app.models.instance import Fact
from app.models.runs import IS_REAL, Event, LogChunk, Run
from app.models.tasks import Task
from app.models.teams import Model
from app.services import cursor, evidence, spending
from app.services.evidence import Told
from app.services.models import trials
from app.services.unit import Work, batch

log = structlog.get_logger()

FAILED = ("failed", "timed_out", "unmet")
TIMEOUT_SECONDS, MOST_TOKENS = 60.0, 300

_PREFIX = "summaries-"
_MOST = 20  # runs that are asked about in one go
_CHUNKS = 4
_A_DAY = timedelta(days=1)


# --- the setting


def chosen(actor: Actor) -> str:
    """Return the model that says of the team's failed runs what went wrong, "" for none."""
    kept = db.session.scalar(sa.select(Fact.value).where(Fact.name == _name(actor.team_id)))
    return str((kept or {}).get("model", ""))


def choose(actor: Actor, model: str) -> None:
    """Let a model of the team say it of runs that fail from now on, or none with "". Raises Invalid."""
    with batch(actor) as work:
        is_there = sa.select(Model.id).where(Model.team_id == actor.team_id, Model.name == model)
        if model and work.connection.execute(is_there).first() is None:
            raise Invalid({"summaries": "Choose a model of the list."})
        value = {"model": model, "event": cursor.head(work.connection, work.now), "told": {}}
        insert = postgresql.insert if work.connection.dialect.name == "postgresql" else sqlite.insert
        row = {"name": _name(actor.team_id), "value": value, "at": work.now}
        kept = insert(Fact).values(row).on_conflict_do_update(index_elements=["name"], set_={"value": value})
        work.connection.execute(kept)
        work.audit("summaries_chosen", model or "none")


def _name(team_id: int) -> str:
    return f"{_PREFIX}{team_id}"


# --- which runs


def look() -> int:
    """Let workers ask about what failed since the last time; returns how many runs. Any process may call it."""
    with database.read() as connection:
        facts = connection.execute(sa.select(Fact.name, Fact.value).where(Fact.name.startswith(_PREFIX))).all()
    return sum(_look(int(row.name.removeprefix(_PREFIX))) for row in facts if row.value.get("model"))


def _look(team_id: int) -> int:
    with batch() as work:
        locked = sa.select(Fact.value).where(Fact.name == _name(team_id)).with_for_update()
        value = dict(work.connection.execute(locked).scalar_one())
        upto = cursor.head(work.connection, work.now)
        if upto <= value["event"]:
            return 0
        rows = work.connection.execute(_ENDED, {"team": team_id, "after": value["event"], "until": upto}).all()
        since = work.now - _A_DAY
        told = {key: at for key, at in value["told"].items() if datetime.fromisoformat(at) > since}
        asked: list[int] = []
        for row in rows:
            key = _signature(work.connection, row.id)
            if key and key not in told and len(asked) < _MOST:
                told[key] = work.now.isoformat()
                asked.append(row.id)
        kept = {**value, "event": upto, "told": told}
        work.connection.execute(sa.update(Fact).where(Fact.name == _name(team_id)).values(value=kept))
    with suppress(*redis.Away, OSError):  # nobody waits for it
        for run_id in asked:
            queues.call(queues.SUMMARISE, run_id, queue=queues.THREADS, job=f"summary-{run_id}")
    return len(asked)


def _signature(connection: sa.Connection, run_id: int) -> str:
    told = evidence.of_run(connection, run_id)
    return failures.signature(told.failure).key if told else ""


_ENDED = (
    sa.select(Run.id)
    .join(Event, Event.run_id == Run.id)
    .join(Task, Task.id == Run.task_id)
    .where(
        Event.team_id == sa.bindparam("team"), Event.id > sa.bindparam("after"), Event.id <= sa.bindparam("until"),
        Event.kind.in_(FAILED), Run.state.in_(FAILED), IS_REAL, Task.deleted_at.is_(None),
    )
    .order_by(Event.id)
    .limit(500)
)  # fmt: skip


# --- asking


def write(vault: Vault, run_id: int) -> None:
    """Ask the team's model about a failed run and keep what it says; what goes wrong is only logged."""
    with database.read() as connection:
        run = connection.execute(_RUN.where(Run.id == run_id)).first()
        told = evidence.of_run(connection, run_id)
        if run is None or told is None or "summary" in run.facts:
            return
        kept = connection.execute(sa.select(Fact.value).where(Fact.name == _name(run.team_id))).scalar() or {}
        mine = (Model.team_id == run.team_id, Model.name == kept.get("model", ""))
        row = connection.execute(sa.select(Model.__table__).where(*mine)).first()
        key = trials.key_of(connection, vault, row) if row else None
        if row is None or key is None:
            return
        asked = _question(run, told, _lines(connection, run_id), key)
    model = trials.choice(row, key)
    said = _answer(run, model, asked)
    if said:
        _keep(run_id, model.name, Redactor((key,) if key else ()).redact(said))


_RUN = sa.select(Run.id, Run.team_id, Run.number, Run.facts, Run.state, Task.name).join(Task, Task.id == Run.task_id)


def _lines(connection: sa.Connection, run_id: int) -> list[str]:
    query = sa.select(LogChunk.lines).where(LogChunk.run_id == run_id).order_by(LogChunk.first.desc()).limit(_CHUNKS)
    chunks = connection.execute(query).scalars().all()
    return [str(line[2]) for chunk in reversed(chunks) for line in chunk][-summary.LINES :]


def _question(run: Any, told: Told, lines: Sequence[str], key: str) -> str:
    """Return what is asked, without what looks like a secret: the log may show some that Carillon does not know."""
    failure, cause = told.failure, failures.cause_of(told.failure)
    known = {
        "Task": run.name, "Step": failure.step, "Kind of step": failure.engine, "How it ended": run.state,
        "In words": failure.sentence, "Known cause": cause.title if cause else "",
        "Line that tells most": told.evidence.line.text if told.evidence else "",
    }  # fmt: skip
    text = "\n".join([*known.values(), *lines])
    hidden = list(filter(None, [key, *(secret for secret, _, _ in in_text(text, is_said=True))]))
    clear = {name: masking.masked(value, hidden) for name, value in known.items()}
    mark = f"===== {secrets.token_hex(8)} ====="
    return summary.question(clear, [masking.masked(line, hidden) for line in lines], mark)


def _answer(run: Any, model: ModelChoice, question: str) -> str:
    price = llm.price(model)
    most = price.of(tokens_of(len(question)), MOST_TOKENS) if price else 0
    reading_id = _reserve(run.team_id, most)
    if reading_id is None:
        return ""
    cost = 0
    try:
        said = llm.ask(model, question, TIMEOUT_SECONDS, MOST_TOKENS)
        cost = said.cost_micros or 0
        return summary.shown(said.text)
    except llm.ModelError as error:
        log.warning("summary_not_written", run=run.number, reason=error.reason)
        return ""
    finally:
        _pay(reading_id, cost)


def _keep(run_id: int, model: str, text: str) -> None:
    with batch() as work:
        query = sa.select(Run.team_id, Run.facts).where(Run.id == run_id).with_for_update()
        row = work.connection.execute(query).one()
        facts = {**row.facts, "summary": {"text": text, "model": model}}
        work.connection.execute(sa.update(Run).where(Run.id == run_id).values(facts=facts))
        work.ring(row.team_id, run_id)


# --- paying: a reading of a model, as of threads


def _reserve(team_id: int, most_micros: int) -> int | None:
    """Reserve what it costs at most in the team's budgets; None where too little is left."""
    with batch() as work:
        spending.pass_singly(work)
        rows = _pots(work, team_id)
        if budgets.reading(spending.pots(work.connection, rows, work.now, work), most_micros):
            return None
        spending.move(work, rows, work.now, reserved=most_micros)
        values = {"team_id": team_id, "at": work.now, "reserved_micros": most_micros, "cost_micros": 0}
        added = sa.insert(ModelReading).values(values).returning(ModelReading.id)
        reading_id: int = work.connection.execute(added).scalar_one()
        return reading_id


def _pay(reading_id: int, cost_micros: int) -> None:
    with batch() as work:
        query = sa.select(ModelReading.team_id, ModelReading.at, ModelReading.reserved_micros)
        row = work.connection.execute(query.where(ModelReading.id == reading_id).with_for_update()).one()
        over = {"cost_micros": cost_micros, "reserved_micros": None}
        work.connection.execute(sa.update(ModelReading).where(ModelReading.id == reading_id).values(over))
        spending.move(work, _pots(work, row.team_id), row.at, spent=cost_micros, reserved=-(row.reserved_micros or 0))


def _pots(work: Work, team_id: int) -> list[Any]:
    return spending.concern(spending.of_teams(work.connection, [team_id]), team_id, None)
