"""Analyses: a worker reads a thread stage by stage; what it finds is kept, and what a person decided stays decided."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
import structlog

from app.analysis import deepening, pipeline
from app.analysis.base import Analysis
from app.analysis.deepening import Read
from app.core.errors import Invalid, NotFound
from app.domain.access import Actor
from app.domain.thread import Thread as Conversation
from app.infra import database, llm, queues
from app.infra.database import db
from app.infra.storage import Storage
from app.infra.vault import Vault, WrongKey
from app.models.threads import Finding, Thread
from app.services.threads import asking, calling, paying
from app.services.threads.content import Box
from app.services.unit import Work, batch

log = structlog.get_logger()

MOST_TRIES = 4
STAGES = ("secrets", *pipeline.STAGES)
WORDS = {
    "secrets": "secrets", "attachments": "files", "tools": "tools", "injection": "hidden instructions",
    "dependencies": "dependencies", "requires": "requirements", "intent": "intent", "schedule": "the schedule",
    "variables": "variables", "objective": "the objective", "model": "what the model says", "body": "the conversation",
}  # fmt: skip
"""What pages call the stages."""

_GIVEN_UP = f"It was begun {MOST_TRIES} times, and each time the worker was gone before its end."
_GONE = "What was imported is not there any more. Import the conversation again."
_BROKEN = "The analysis stopped, and the log of the worker says why. Start it again."
_NO_MODEL = "No model is set up. Add one in Settings, Models, then deepen again."


class _Lost(Exception):
    """Somebody asked anew, another worker took over, or the thread is gone."""


# --- asking for one


def start(actor: Actor, thread_ids: Sequence[int], *, deepens: bool = False) -> None:
    """Let a worker say what threads ask for; those that wait or are under way stay so. Raises NotFound, Invalid.

    `deepens`: the team's default model reads them too, without their secrets, and its cost is kept.
    """
    model = asking.default(actor) if deepens else None
    if deepens and model is None:
        raise Invalid({"": _NO_MODEL})
    with batch(actor) as work:
        wanted = set(thread_ids)
        mine = (Thread.id.in_(wanted), Thread.team_id == actor.team_id, Thread.deleted_at.is_(None))
        rows = work.connection.execute(sa.select(Thread.id, Thread.title).where(*mine).with_for_update()).all()
        if len(rows) < len(wanted):
            raise NotFound
        for row in rows:
            want(work, actor.team_id, row.id, row.title, model.name if model else "")
    db.session.rollback()
    call(sorted(wanted))


def want(work: Work, team_id: int, thread_id: int, title: str, model: str = "") -> None:
    """Put a thread in line within a transaction; after it, `call`."""
    idle = (Thread.id == thread_id, Thread.analysis_state.not_in(("waiting", "running")))
    values = {
        "analysis_state": "waiting", "analysis_stage": "", "analysis_problems": [], "analysis_at": work.now,
        "analysis_tries": 0, "analysis_model": model,
    }  # fmt: skip
    if work.connection.execute(sa.update(Thread).where(*idle).values(values)).rowcount:
        if work.actor:
            work.audit("analysis_started", title, thread=thread_id, **({"model": model} if model else {}))
        work.tell("analysis_started", team_id, None, thread=thread_id)


def call(thread_ids: Sequence[int]) -> None:
    """Let a worker analyse threads."""
    calling.call(queues.ANALYSE, "analysis", thread_ids)


def call_again() -> int:
    """Let a worker analyse what was interrupted, or whose call was lost with Redis; returns how many were called."""
    return calling.call_again(
        queues.ANALYSE, "analysis", Thread.id,
        waits=Thread.analysis_state == "waiting", since=Thread.analysis_at,
        works=Thread.analysis_state == "running", beat=Thread.analysis_at,
    )  # fmt: skip


# --- carrying it out


def carry_out(storage: Storage, vault: Vault, thread_id: int) -> None:
    """Analyse a thread that waits, or whose analysis fell silent; one that another worker has is left to it."""
    row = _claimed(thread_id)
    if row is None:
        return
    one = _Analysis(storage, vault, row)
    try:
        with calling.beating(one.live):
            one.work()
    except _Lost:
        log.info("analysis_left", thread_id=thread_id)
    except (NotFound, WrongKey):
        one.end("failed", [{"stage": "body", "sentence": _GONE}])
    except database.Away:
        raise
    except Exception:
        one.end("failed", [{"stage": one.stage, "sentence": _BROKEN}])
        raise


def _claimed(thread_id: int) -> Any:
    """Take a thread to analyse; None when there is nothing to do."""
    with batch() as work:
        is_silent = sa.and_(Thread.analysis_state == "running", Thread.analysis_at < work.now - calling.SILENCE)
        mine = (
            Thread.id == thread_id, Thread.deleted_at.is_(None), sa.or_(Thread.analysis_state == "waiting", is_silent)
        )  # fmt: skip
        values = {
            "analysis_state": "running", "analysis_tries": Thread.analysis_tries + 1, "analysis_at": work.now,
            "analysis_stage": "", "analysis_problems": [],
        }  # fmt: skip
        found = work.connection.execute(sa.update(Thread).where(*mine).values(values).returning(Thread.__table__))
        row = found.first()
        if row is None:
            return None
        work.ring(row.team_id)
        if row.analysis_tries <= MOST_TRIES:
            return row
        problems = [{"stage": "body", "sentence": _GIVEN_UP}]
        ended = {"analysis_state": "failed", "analysis_problems": problems}
        work.connection.execute(sa.update(Thread).where(Thread.id == thread_id).values(ended))
        work.tell("analysis_ended", row.team_id, None, thread=thread_id, state="failed")
        return None


class _Analysis:
    """Analyses one thread, as long as nobody else does: each of its writes names the moment of the one before."""

    def __init__(self, storage: Storage, vault: Vault, row: Any) -> None:
        self._storage, self._vault, self._row = storage, vault, row
        self._at: datetime = row.analysis_at
        self._lock = threading.Lock()
        self.stage = "body"

    def work(self) -> None:
        """Read all, keep what was found. Raises _Lost, NotFound, WrongKey."""
        thread = Box.of(self._storage, self._vault, self._row.team_id).open(self._row)
        found = pipeline.analyse(thread, self._begin)
        problems = [{"stage": name, "sentence": sentence} for name, sentence in found.problems.items()]
        lines = [_Line.of(one) for one in found.findings]
        if not self._row.analysis_model:
            self.end("done", problems, lines)
            return
        self._begin("model")
        read = self._deepened(thread, found)
        if read.sentence:
            problems.append({"stage": "model", "sentence": read.sentence})
        lines = [_Line.of(one) for one in read.analysis.findings] + [_Line.of(one, "model") for one in read.more]
        self.end("done", problems, lines, read.cost_micros)

    def _deepened(self, thread: Conversation, found: Analysis) -> Read:
        """Let the model read it too; what goes wrong is said in a sentence, and what the rules found stands."""
        if "secrets" in found.problems:
            return Read(found, sentence="Its secrets could not be told apart, so no model was shown it.")
        try:
            choice = asking.choice(self._vault, self._row.team_id, self._row.analysis_model)
        except llm.ModelError as error:
            return Read(found, sentence=error.message)
        most = asking.most_micros(choice, found, thread)
        try:
            with paying.reserved(self._row.team_id, self._row.id, self._row.title, most, asking.asker(choice)) as ask:
                return deepening.deepened(thread, found, ask)
        except paying.OutOfBudget as error:
            return Read(found, sentence=f"{error.message} What the rules found stands.")

    def _begin(self, stage: str) -> None:
        """Say that a stage begins. Raises _Lost."""
        self.stage = stage
        with self._held(analysis_stage=stage) as work:
            work.ring(self._row.team_id)

    def live(self) -> bool:
        """Say that it is being worked at; False when it is another worker's by now, or over."""
        with suppress(_Lost), self._held():
            return True
        return False

    @contextmanager
    def _held(self, **values: Any) -> Iterator[Work]:
        """Open a transaction that writes these values of the thread. Raises _Lost."""
        mine = (Thread.id == self._row.id, Thread.analysis_state == "running")
        with self._lock:
            with batch() as work:
                change = sa.update(Thread).where(*mine, Thread.analysis_at == self._at)
                if not work.connection.execute(change.values(analysis_at=work.now, **values)).rowcount:
                    raise _Lost
                yield work
            self._at = work.now

    def end(
        self,
        state: str,
        problems: list[dict[str, str]],
        lines: "Sequence[_Line] | None" = None,
        cost: int | None = None,
    ) -> None:
        """Say what became of it, and keep the findings where there are some. Raises _Lost."""
        values: dict[str, Any] = {"analysis_state": state, "analysis_problems": problems, "analysis_stage": ""}
        if self._row.analysis_model:
            values |= {"analysis_cost_micros": cost}
        with self._held(**values) as work:
            if lines is not None:
                mine = sa.update(Thread).where(Thread.id == self._row.id)
                work.connection.execute(mine.values(analysed_at=work.now))
                _keep(work, self._row, lines, replaces_model=bool(self._row.analysis_model))
            work.tell("analysis_ended", self._row.team_id, None, thread=self._row.id, state=state)


# --- findings


@dataclass(frozen=True)
class _Line:
    """A finding as it is kept, and who found it."""

    kind: str
    value: dict[str, Any]
    confidence: float
    evidence: list[dict[str, Any]]
    source: str

    @classmethod
    def of(cls, found: Any, source: str = "rules") -> "_Line":
        value = found.value if isinstance(found.value, dict) else {"value": found.value}
        evidence = [{"message": one.message, "excerpt": one.excerpt} for one in found.evidence]
        return cls(found.kind, value, found.confidence, evidence, source)


def _same(one: Any) -> tuple[Any, ...]:
    """Return what tells a finding apart from the others of its thread, whenever it was found."""
    value = one.value
    match one.kind:
        case "dependency":
            return one.source, one.kind, value["kind"], value["name"]
        case "variable":
            return one.source, one.kind, str(value["value"]).casefold()
        case "attachment" | "tool":
            return one.source, one.kind, value.get("name", value.get("value"))
        case "secret" | "injection":
            place = one.evidence[0]["message"] if one.evidence else 0
            return one.source, one.kind, place, value.get("masked", value.get("excerpt"))
    return one.source, one.kind


def _keep(work: Work, thread: Any, lines: Sequence[_Line], *, replaces_model: bool) -> None:
    """Keep what was found in place of what was found before; what somebody decided about stays as decided."""
    mine = Finding.thread_id == thread.id
    rows = work.connection.execute(sa.select(Finding.__table__).where(mine).order_by(Finding.position)).all()
    work.connection.execute(sa.update(Finding).where(mine).values(position=-Finding.id))
    before = {_same(row): row for row in rows}
    position = 0
    for line in lines:
        row = before.pop(_same(line), None)
        values: dict[str, Any] = {**line.__dict__, "position": (position := position + 1)}
        if row:
            work.connection.execute(sa.update(Finding).where(Finding.id == row.id).values(values))
        else:
            values |= {"team_id": thread.team_id, "thread_id": thread.id, "state": "found"}
            work.connection.execute(sa.insert(Finding).values(values))
    for row in before.values():
        stays = row.state in {"accepted", "changed"} or (row.source == "model" and not replaces_model)
        here = Finding.id == row.id
        if stays:
            work.connection.execute(sa.update(Finding).where(here).values(position=(position := position + 1)))
        else:
            work.connection.execute(sa.delete(Finding).where(here))
