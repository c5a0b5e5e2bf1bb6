"""The review of a thread: what was found, what people decide about it, and the task that is proposed."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import sqlalchemy as sa

from app.analysis import masking, proposal, secrets
from app.analysis.base import Analysis, Evidence
from app.analysis.base import Finding as Found
from app.analysis.intent import INTENTS
from app.analysis.proposal import Proposal
from app.analysis.replay import Replay, Way, replay
from app.analysis.replay.secrets_in import CREDENTIAL, renamed
from app.analysis.unseen import without
from app.core.errors import Conflict, Invalid, NotFound
from app.domain import variables
from app.domain.access import Actor
from app.domain.thread import Thread as Conversation
from app.domain.variables import Variable
from app.infra import llm
from app.infra.database import db
from app.infra.storage import Storage
from app.infra.vault import Vault
from app.models.teams import Secret
from app.models.threads import Finding, Thread
from app.services.threads import asking
from app.services.threads.content import Box
from app.services.unit import SessionWork, unit

Act = Literal["accept", "change", "drop", "undo"]
SINGLE = frozenset({"intent", "objective", "schedule", "requires"})
"""Kinds of which one finding counts: the one that was chosen, else the one of the rules."""

LONGEST_OBJECTIVE = 4000
_STATES: Mapping[Act, str] = {"accept": "accepted", "change": "changed", "drop": "dropped", "undo": "found"}
_GENERAL = frozenset({"", "TOKEN", "API_KEY", "PASSWORD"})
_KINDS = frozenset({"", "API_KEY_OR_TOKEN", "PASSWORD_IN_A_URL", "KEY_IN_A_URL", "AUTHORIZATION_HEADER"})
_MOST_KNOWN = 64
_known: dict[str, tuple[tuple[str, int], ...]] = {}
"""The secrets of contents that were looked at lately, by where the content lies, each with the number of its message.
They are never written anywhere."""

_MOST_MADE = 16
_made: dict[tuple[str, str], Replay] = {}
"""The steps of threads that were looked at lately, by where the content lies and the findings that count: a page that
is looked at again, or whose form is sent, makes them no second time. No secret stands in them."""


@dataclass(frozen=True)
class Review:
    """A thread with its findings in their order. `thread` and `places` (its secrets, each with the number
    of its message) are in clear: mask before anything is shown.
    """

    row: Thread
    findings: Sequence[Finding]
    thread: Conversation
    places: Sequence[tuple[str, int]]
    vault_names: frozenset[str]

    @cached_property
    def secrets(self) -> tuple[str, ...]:
        """The secrets of the thread."""
        return tuple(value for value, _ in self.places)

    @cached_property
    def counting(self) -> list[Finding]:
        """The findings that count: not dropped, those of a model only once accepted, of single kinds the chosen one."""
        kept = [one for one in self.findings if one.state in {"accepted", "changed"} or _is_open(one)]
        chosen = {one.kind for one in kept if one.state in {"accepted", "changed"}}
        return [one for one in kept if not (one.kind in SINGLE & chosen and one.state == "found")]

    def one(self, kind: str) -> Finding | None:
        """Return the finding of a kind that counts, None without one."""
        return next((one for one in self.counting if one.kind == kind), None)

    @cached_property
    def proposal(self) -> Proposal:
        """The task that is proposed."""
        changed = {
            str(one.value["value"]): one.changed
            for one in self.counting
            if one.kind == "variable" and one.changed and one.state == "changed"
        }
        found = [_found(one) for one in self.counting]
        return proposal.of(self.thread, found, changed, self.secrets, self._replay)

    @cached_property
    def held(self) -> frozenset[str]:
        """The names of files that the export itself holds, which the task is given."""
        return frozenset(self.proposal.files())

    def _replay(self, thread: Conversation, analysis: Analysis) -> Replay:
        counted = hashlib.sha256(repr(analysis.findings).encode("utf-8", "surrogatepass")).hexdigest()
        key = self.row.body, counted
        if key not in _made:
            if len(_made) >= _MOST_MADE:
                _made.pop(next(iter(_made)), None)
            _made[key] = replay(thread, analysis)
        made = _made[key]
        steps = tuple({**step, "settings": renamed(step["settings"], self.moved)} for step in made.steps)
        return replace(made, steps=steps, secrets=tuple(self.moved.get(name, name) for name in made.secrets))

    @cached_property
    def moved(self) -> dict[str, str]:
        """The names that secrets of the thread have in the vault, by those that its steps would give them."""
        given = [(one, (one.changed or {}).get("secret")) for one in self.findings if one.kind == "secret"]
        values = [(_secret(self, one), name) for one, name in given if name]
        return {self.proposal.secret_name(value): str(name) for value, name in values if value}

    @property
    def objective(self) -> str:
        """What is to be done, as it stands now."""
        one = self.one("objective")
        return without(str(value_of(one)["value"])) if one else ""

    @property
    def name(self) -> str:
        """What the task is called at first: as the export calls the thread, else how its objective begins."""
        return proposal.name_of(self.masked(self.thread.title or ""), self.objective)

    def masked(self, text: str) -> str:
        """Return a text of the thread as it may be shown."""
        return masking.masked(text, self.secrets)

    def beginning(self, text: str, most: int) -> str:
        """Return the first `most` characters of a text of the thread as they may be shown."""
        return masking.beginning(text, most, self.secrets)

    def suggested_name(self, finding: Finding) -> str:
        """Return the name under which a secret of the thread would be kept."""
        value = _secret(self, finding)
        name = self.proposal.secret_name(value) if value else ""
        if not name[:1].isalpha() or name in _GENERAL:
            asked = [*self.proposal.made.secrets, *(str(one["name"]) for one in self.proposal.of("env"))]
            kind = re.sub(r"\W+", "_", str(finding.value.get("kind", ""))).upper()
            wanted = [one for one in asked if CREDENTIAL.search(one) and one not in self.vault_names]
            name = next(iter(wanted), kind if kind not in _KINDS else name or "API_KEY")
        free = (f"{name}_{number}" for number in range(2, len(self.vault_names) + 3))
        return next(one for one in (name, *free) if one not in self.vault_names)


def _is_open(one: Finding) -> bool:
    return one.state == "found" and one.source == "rules"


def value_of(one: Finding) -> dict[str, Any]:
    """Return the value of a finding as a person has it."""
    return {**one.value, **(one.changed or {})} if one.state == "changed" else one.value


def _found(one: Finding) -> Found:
    """Return a finding as the analysis knows it. A variable stays what it stood for: its change is what a run gets."""
    value: Any = one.value if one.kind == "variable" else value_of(one)
    value = value["value"] if set(value) == {"value"} else value
    return Found(one.kind, value, one.confidence, tuple(Evidence(**each) for each in one.evidence))


# --- looking


def look(actor: Actor, folder: Path, vault: Vault, thread_id: int) -> Review:
    """Return a thread for review; `folder` is where contents are kept.

    Raises NotFound, WrongKey, and Conflict for one that was not analysed, or not safely.
    """
    row = _own(db.session(), actor, thread_id)
    if row.analysed_at is None:
        raise Conflict("It has not been analysed yet.")
    if is_unsafe(row):
        raise Conflict("Its secrets could not be told apart, so nothing of it is shown.")
    findings = db.session.scalars(sa.select(Finding).where(Finding.thread_id == row.id).order_by(Finding.position))
    thread = Box.of(Storage(folder), vault, row.team_id).open(row)
    if row.body not in _known:
        if len(_known) >= _MOST_KNOWN:
            _known.pop(next(iter(_known)))
        _known[row.body] = tuple((one.value, one.message) for one in secrets.scan(thread))
    names = db.session.scalars(sa.select(Secret.name).where(Secret.team_id == row.team_id))
    return Review(row, list(findings), thread, _known[row.body], frozenset(names))


def is_unsafe(row: Thread) -> bool:
    """Whether the secrets of a thread could not be told apart, so that nothing of it may be shown."""
    return any(one["stage"] == "secrets" for one in row.analysis_problems)


def findings(actor: Actor, thread_id: int) -> tuple[Thread, Sequence[Finding]]:
    """Return a thread and what was found in it, without its content. Raises NotFound."""
    row = _own(db.session(), actor, thread_id)
    query = sa.select(Finding).where(Finding.thread_id == row.id).order_by(Finding.position)
    return row, db.session.scalars(query).all()


def _own(session: Any, actor: Actor, thread_id: int) -> Thread:
    mine = (Thread.id == thread_id, Thread.team_id == actor.team_id, Thread.deleted_at.is_(None))
    row: Thread | None = session.scalar(sa.select(Thread).where(*mine))
    if row is None:
        raise NotFound
    return row


def thread_of(actor: Actor, finding_id: int) -> int:
    """Return the id of the thread of a finding. Raises NotFound."""
    mine = (Finding.id == finding_id, Finding.team_id == actor.team_id)
    thread_id: int | None = db.session.scalar(sa.select(Finding.thread_id).where(*mine))
    if thread_id is None:
        raise NotFound
    return _own(db.session(), actor, thread_id).id


def ways(actor: Actor, review: Review) -> tuple[Way, Way, Way]:
    """Return the three ways with what each costs and takes, by the price of the team's model."""
    model = asking.default(actor)
    price = llm.price(asking.named(model)) if model else None
    counted = price.of if price else (lambda _read, _said: None)
    return review.proposal.ways(counted if model else None)


def deepening(actor: Actor, review: Review) -> tuple[str, int | None] | None:
    """Return the model that could read the thread too and what that costs about, in micros; None without a model."""
    model = asking.default(actor)
    if model is None:
        return None
    return model.name, asking.estimate_micros(model, review.proposal.analysis, review.thread)


# --- deciding


def decide(
    actor: Actor, finding_id: int, act: str, given: Mapping[str, str], thread_id: int | None = None
) -> tuple[int, str]:
    """Accept, change or drop a finding, or undo that; returns the id of its thread, and its kind.

    `given` are the new texts of its fields. What was decided stays when the thread is analysed again. Raises NotFound,
    Invalid.
    """
    with unit(actor) as work:
        row = _finding(work, actor, finding_id, thread_id)
        if act not in get_args(Act):
            raise Invalid({"": "Say what becomes of it: accept, change, drop or undo."})
        row.changed = _changed(row, given) if act == "change" else None
        row.state = _STATES[act]  # type: ignore[index]  # one of Act, as looked at above
        if row.kind in SINGLE and act in {"accept", "change"}:
            others = sa.update(Finding).where(
                Finding.thread_id == row.thread_id, Finding.kind == row.kind, Finding.id != row.id,
                Finding.state.in_(("accepted", "changed")),
            )  # fmt: skip
            work.session.execute(others.values(state="found", changed=None))
        work.audit("finding_decided", row.kind, finding=row.id, thread=row.thread_id, state=row.state)
        work.tell("finding_decided", row.team_id, None, finding=row.id, thread=row.thread_id, state=row.state)
        return row.thread_id, row.kind


def _finding(work: SessionWork, actor: Actor, finding_id: int, thread_id: int | None) -> Finding:
    query = sa.select(Finding).join(Thread, Thread.id == Finding.thread_id)
    mine = (Finding.id == finding_id, Finding.team_id == actor.team_id, Thread.deleted_at.is_(None))
    row: Finding | None = work.session.scalar(query.where(*mine).with_for_update(of=Finding))
    if row is None or thread_id not in {None, row.thread_id}:
        raise NotFound
    return row


def _changed(row: Finding, given: Mapping[str, str]) -> dict[str, Any]:
    """Return what a person puts in place of a value. Raises Invalid."""
    match row.kind:
        case "objective":
            text = given.get("value", "").strip()
            if not 0 < len(text) <= LONGEST_OBJECTIVE:
                raise Invalid(
                    {"value": f"Say in words what is to be done, in at most {LONGEST_OBJECTIVE:,} characters."}
                )
            return {"value": text}
        case "intent":
            if given.get("value") not in INTENTS:
                raise Invalid({"value": "Choose one from the list."})
            return {"value": given["value"]}
        case "variable":
            return _variable(row, given)
        case "requires":
            return {
                name: given.get(name) in {"1", "true", "True"} for name in ("network", "code_execution", "approval")
            }
        case "dependency":
            name = " ".join(given.get("value", "").split())
            if not 0 < len(name) <= 300:  # noqa: PLR2004 as wide as the longest name of a file
                raise Invalid({"value": "Type its name."})
            return {"name": name}
    raise Invalid({"": "This can be accepted or dropped, but not changed."})


def _variable(row: Finding, given: Mapping[str, str]) -> dict[str, str]:
    value = given.get("value", "").strip()
    kind = given.get("kind") or str(row.value["kind"])
    if not value:
        raise Invalid({"value": "Type a value, or an expression like {{ run.date }}."})
    wrong = variables.problem(Variable("value", "", kind, "value", value), ())
    if wrong:
        raise Invalid({"value": next(iter(wrong.values()))})
    return {"value": value, "kind": kind}


# --- secrets


def secret_of(actor: Actor, folder: Path, vault: Vault, finding_id: int, thread_id: int | None = None) -> str:
    """Return a secret of a thread in clear, to be put into the vault and nowhere else. Raises NotFound, Conflict."""
    finding = db.session.get(Finding, finding_id)
    if finding is None or finding.team_id != actor.team_id or thread_id not in {None, finding.thread_id}:
        raise NotFound
    value = _secret(look(actor, folder, vault, finding.thread_id), finding) if finding.kind == "secret" else ""
    if not value:
        raise Conflict("This secret is not in the conversation any more. Analyse it again.")
    return value


def _secret(review: Review, finding: Finding) -> str:
    place = finding.evidence[0]["message"] if finding.evidence else 0
    shown = finding.value.get("masked")
    alike = [value for value, message in review.places if message == place and masking.shown(value) == shown]
    return max(alike, key=len, default="")


def moved(actor: Actor, finding_id: int, name: str) -> None:
    """Remember under which name a secret is in the vault. Raises NotFound."""
    with unit(actor) as work:
        row = _finding(work, actor, finding_id, None)
        row.state, row.changed = "changed", {"secret": name}
        work.audit("finding_decided", "secret", finding=row.id, thread=row.thread_id, state="changed")
        work.tell("finding_decided", row.team_id, None, finding=row.id, thread=row.thread_id, state="changed")
