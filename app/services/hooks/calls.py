"""Calls of hooks become runs: who knows the address and can prove it starts the task, once for each thing told."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from app.core.errors import Conflict, NotFound
from app.core.identifiers import digest
from app.domain import conditions, hooks, variables
from app.domain.access import Actor
from app.domain.hooks import Unreadable
from app.domain.policy import Policy
from app.domain.redaction import Redactor
from app.engines.base import SEVERAL, engines, lane_of
from app.infra import database, disk
from app.infra.vault import Vault, WrongKey
from app.models.runs import Run
from app.models.tasks import Task, TaskVersion
from app.models.teams import Secret, Team
from app.models.webhooks import Hook, HookCall
from app.services import planned
from app.services.unit import Work, batch

LONGEST_PAYLOAD = 32 * 1024
"""Letters of a payload that are kept, of the last calls of a hook."""

_KEPT_PAYLOADS, _EVERY = 100, 20
_MINUTE, _QUARTER = timedelta(minutes=1), timedelta(minutes=15)
_UNOPENED = "The payload is not kept: the secrets of the team can't be opened, so it can't be searched for them."


@dataclass(frozen=True)
class Call:
    """What came to an address: its headers by names in small letters, and its body."""

    token: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What the caller is told: a status of HTTP, a word, a sentence, and the run where there is one.

    `challenge` is a text to send back as it is; `retry_seconds` says when to come again.
    """

    status: int
    word: str
    sentence: str = ""
    run: int | None = None
    challenge: str = ""
    retry_seconds: int = 0


@dataclass(frozen=True)
class _Heard:
    """A call as it was understood; `key` names it, `is_named` says that its sender did."""

    payload: Any
    event: str
    key: str
    is_named: bool
    size: int
    shown: str = ""


class _TurnedAway(Exception):
    """A call that is refused before it has proved who sends it, or that can't be read: anybody may send such."""

    def __init__(self, status: int, sentence: str, retry_seconds: int = 0) -> None:
        super().__init__(sentence)
        self.answer = Answer(status, "refused", sentence, retry_seconds=retry_seconds)


def receive(call: Call, vault: Vault) -> Answer | None:
    """Take a call; None when there is no such address, or it is off. Raises Unavailable without room on the disk.

    Until it has proved who sends it nothing is opened but the secret of its hook, and it is counted, not kept.
    """
    with database.read() as connection:
        now = database.now(connection)
        row = connection.execute(_BY_TOKEN, {"token": digest(call.token), "now": now}).first()
        if row is None:
            return None
        wait = _too_many(connection, row, now)
    try:
        payload, secrets = _proved(row, call, vault, now, wait)
    except _TurnedAway as refusal:
        with batch() as work:
            _count(work, row, len(call.body), refusal.answer.sentence)
        return refusal.answer
    if challenge := hooks.challenge_of(row.scheme, payload):
        return Answer(200, "challenge", challenge=challenge)
    heard = _heard(row, call, payload, _redactor(row, vault, secrets))
    with batch() as work:
        return _decide(work, row.id, heard)


def _proved(row: Any, call: Call, vault: Vault, now: datetime, wait: int) -> tuple[Any, list[str]]:
    """Return the payload of a call and the secrets of its hook. Raises _TurnedAway; what costs least comes first."""
    if wait:
        raise _limited(row, wait)
    if len(call.body) > hooks.LARGEST_BYTES:
        raise _TurnedAway(400, hooks.TOO_LARGE)
    secrets = _secrets(row, vault, now)
    if not hooks.is_authentic(row.scheme, secrets, call.headers, call.body, now, row.header):
        raise _TurnedAway(401, "The signature or secret is not right.")
    try:
        return hooks.read(call.body, call.headers.get("content-type", "")), secrets
    except Unreadable as error:
        raise _TurnedAway(400, str(error)) from None


def _heard(row: Any, call: Call, payload: Any, redactor: Redactor | None) -> _Heard:
    name = hooks.name_of(row.scheme, call.headers, payload)
    key = digest(f"name:{name}") if name else digest(f"body:{digest(call.body.decode('latin-1'))}")
    event = hooks.event_of(call.headers, payload)
    is_named = bool(name) or row.scheme in hooks.NAMED_BY_BODY
    return _Heard(payload, event, key, is_named, len(call.body), _shown(payload, redactor))


def replay(actor: Actor, slug: str, hook_id: int, call_id: int) -> int:
    """Let a call of before count once more, as the hook is now; returns the number of the run.

    Raises NotFound, and Conflict where its payload is not kept whole or nothing comes of it.
    """
    with batch(actor) as work:
        asked = {"team": actor.team_id, "slug": slug, "hook": hook_id, "call": call_id}
        row = work.connection.execute(_CALL, asked).first()
        if row is None:
            raise NotFound
        if row.is_cut or not row.payload:
            raise Conflict("Its payload is not kept whole, so it can't count once more.")
        payload = json.loads(row.payload)
        heard = _Heard(payload, row.event, digest(uuid.uuid4().hex), True, row.size_bytes, row.payload)
        answer = _decide(work, hook_id, heard, is_replay=True)
        work.audit("hook_replayed", slug, hook=hook_id, call=call_id)
    if answer.run is None:
        raise Conflict(answer.sentence)
    return answer.run


# --- what becomes of a call


def _decide(work: Work, hook_id: int, heard: _Heard, *, is_replay: bool = False) -> Answer:
    row = work.connection.execute(_HELD, {"hook": hook_id}).first()
    if row is None:
        return Answer(404, "gone", "There is nothing here.")
    if not is_replay and (wait := _too_many(work.connection, row, work.now)):
        answer = _limited(row, wait).answer
        _count(work, row, heard.size, answer.sentence)
        return answer
    work.connection.execute(sa.update(Hook).where(Hook.id == row.id).values(called_at=work.now))
    if before := _before(work, row, heard):
        return _noted(work, row, heard, "repeated", f"The same call as run #{before.number}.", before)
    try:
        typed, said = _understood(row, heard)
    except _NotBegun as why:
        return _noted(work, row, heard, why.verdict, why.sentence, status=why.status)
    return _noted(work, row, heard, "accepted", said, _begin(work, row, heard, typed))


class _NotBegun(Exception):
    """A call starts nothing."""

    def __init__(self, verdict: str, sentence: str, status: int) -> None:
        super().__init__(sentence)
        self.verdict, self.sentence, self.status = verdict, sentence, status


def _understood(row: Any, heard: _Heard) -> tuple[dict[str, Any], str]:
    """Return the values for the variables of a run, and what there is to say about them. Raises _NotBegun."""
    if row.paused_at is not None:
        raise _NotBegun("refused", "The task is paused.", 409)
    try:
        if not hooks.passes(row.condition, heard.payload, heard.event):
            raise _NotBegun("filtered", "Its filter does not let it through.", 202)
        found, missing = hooks.values_of(row.mapping, heard.payload)
        typed = variables.typed(variables.all_of(row.definition), found)
    except conditions.Unclear as error:
        raise _NotBegun("refused", f"Its filter can't be decided: {error}", 422) from None
    except (Unreadable, variables.Wrong) as error:
        raise _NotBegun("refused", str(error), 422) from None
    return typed, f"The payload has no {', '.join(missing)}." if missing else ""


def _begin(work: Work, row: Any, heard: _Heard, typed: dict[str, Any]) -> Any:
    """Make the run, under the rules of its task: another one may be going. Raises Unavailable, Conflict."""
    disk.refuse_if_low()
    if row.definition["engine"] not in engines and row.definition["engine"] != SEVERAL:
        raise Conflict(f"No engine named {row.definition['engine']} is installed.")
    policy = Policy.of(row.definition.get("policy", {}))
    ending = "" if heard.is_named else f":{int(work.now.timestamp() * 1000)}"
    values = {
        "team_id": row.team_id, "task_id": row.task_id, "version_id": row.version_id, "schedule_id": None,
        "key": f"event:{row.id}-{heard.key[:40]}{ending}", "trigger": "webhook", "requested_by_id": None,
        "planned_at": work.now, "lane": lane_of(row.definition), **planned.turn(policy), "typed": typed,
        "hook_id": row.id, **planned.fate(planned.meeting(work, row.task_id, policy), work.now),
    }  # fmt: skip
    planned.insert(work, [values])
    is_it = (Run.task_id == row.task_id, Run.key == values["key"])
    return work.connection.execute(sa.select(Run.id, Run.number).where(*is_it)).one()


def _too_many(connection: sa.Connection, row: Any, now: datetime) -> int:
    """Return after how many seconds the next call is taken, 0 if this one is; those that are only counted are not."""
    query = sa.select(HookCall.at).where(HookCall.hook_id == row.id, HookCall.key != "")
    last = connection.execute(query.order_by(HookCall.id.desc()).offset(row.calls_a_minute - 1).limit(1)).scalar()
    left = (last + _MINUTE - now).total_seconds() if last else 0.0
    return max(0, -int(-left // 1))


def _limited(row: Any, wait: int) -> _TurnedAway:
    return _TurnedAway(429, f"More than {row.calls_a_minute} calls in a minute.", wait)


def _before(work: Work, row: Any, heard: _Heard) -> Any:
    """Return the run that the same call has begun before, None if there is none."""
    same = (HookCall.hook_id == row.id, HookCall.key == heard.key, HookCall.verdict == "accepted")
    query = sa.select(Run.id, Run.number).join(HookCall, HookCall.run_id == Run.id).where(*same)
    if not heard.is_named:
        query = query.where(HookCall.at > work.now - hooks.SAME_WITHIN)
    return work.connection.execute(query.limit(1)).first()


def _noted(
    work: Work, row: Any, heard: _Heard, verdict: str, sentence: str, run: Any = None, status: int = 202
) -> Answer:
    more = {"run_id": run.id if run else None, "event": heard.event, "key": heard.key, "size_bytes": heard.size}
    if verdict != "repeated":
        more |= {"payload": heard.shown[:LONGEST_PAYLOAD], "is_cut": len(heard.shown) > LONGEST_PAYLOAD}
    _keep(work, row.team_id, row.id, verdict, sentence, **more)
    return Answer(status, verdict, sentence, run.number if run else None)


def _count(work: Work, row: Any, size: int, sentence: str) -> None:
    """Count a call that is refused as anybody's may be: of one reason the log has one line in a quarter of an hour."""
    same = (HookCall.hook_id == row.id, HookCall.key == "", HookCall.sentence == sentence[:500])
    line = sa.select(sa.func.max(HookCall.id)).where(*same, HookCall.at > work.now - _QUARTER).scalar_subquery()
    more = sa.update(HookCall).where(HookCall.id == line).values(times=HookCall.times + 1, size_bytes=size)
    if not work.connection.execute(more).rowcount:
        _keep(work, row.team_id, row.id, "refused", sentence, size_bytes=size)


def _keep(work: Work, team_id: int, hook_id: int, verdict: str, sentence: str, **more: Any) -> None:
    values = {"team_id": team_id, "hook_id": hook_id, "at": work.now, "verdict": verdict, **more}
    values["sentence"] = sentence[:500]
    call_id = work.connection.execute(sa.insert(HookCall).values(values).returning(HookCall.id)).scalar_one()
    work.ring(team_id)
    if call_id % _EVERY == 0:
        older = sa.select(HookCall.id).where(HookCall.hook_id == hook_id).order_by(HookCall.id.desc())
        edge = work.connection.execute(older.offset(_KEPT_PAYLOADS).limit(1)).scalar()
        if edge:
            old = (HookCall.hook_id == hook_id, HookCall.id <= edge, HookCall.payload != "")
            work.connection.execute(sa.update(HookCall).where(*old).values(payload="", is_cut=True))


# --- secrets


def _secrets(row: Any, vault: Vault, now: datetime) -> list[str]:
    before = row.sealed_before if row.before_until and row.before_until > now else None
    aad = Hook.aad_of(row.team_id, row.id)
    return [vault.unseal(row.data_key, sealed, aad) for sealed in (row.sealed, before) if sealed]


def _redactor(row: Any, vault: Vault, own: list[str]) -> Redactor | None:
    query = sa.select(Secret.name, Secret.version, Secret.sealed).where(Secret.team_id == row.team_id)
    with database.read() as connection:
        sealed = connection.execute(query).all()
    try:
        theirs = [
            vault.unseal(row.data_key, one.sealed, Secret.aad_of(row.team_id, one.name, one.version)) for one in sealed
        ]
    except WrongKey:
        return None
    return Redactor([*own, *theirs])


def _shown(payload: Any, redactor: Redactor | None) -> str:
    return redactor.redact(json.dumps(payload, ensure_ascii=False)) if redactor else json.dumps(_UNOPENED)


# --- built once

_BY_TOKEN = (
    sa.select(
        Hook.id, Hook.team_id, Hook.scheme, Hook.header, Hook.sealed, Hook.sealed_before, Hook.before_until,
        Hook.calls_a_minute, Team.data_key,
    )
    .join(Team, Team.id == Hook.team_id)
    .join(Task, Task.id == Hook.task_id)
    .where(Hook.off_at.is_(None), Task.deleted_at.is_(None))
    .where(
        sa.or_(
            Hook.token_hash == sa.bindparam("token"),
            sa.and_(
                Hook.hash_before == sa.bindparam("token"),
                Hook.before_until > sa.bindparam("now", type_=HookCall.at.type),
            ),
        )
    )
)  # fmt: skip
_HELD = (
    sa.select(
        Hook.id, Hook.team_id, Hook.condition, Hook.mapping, Hook.calls_a_minute, Task.id.label("task_id"),
        Task.paused_at, Task.version_id, TaskVersion.definition,
    )
    .join(Task, Task.id == Hook.task_id)
    .join(TaskVersion, TaskVersion.id == Task.version_id)
    .where(Hook.id == sa.bindparam("hook"), Task.deleted_at.is_(None))
    .with_for_update(of=Task)
)  # fmt: skip
_CALL = (
    sa.select(HookCall.payload, HookCall.is_cut, HookCall.event, HookCall.size_bytes)
    .join(Hook, Hook.id == HookCall.hook_id)
    .join(Task, Task.id == Hook.task_id)
    .where(
        HookCall.id == sa.bindparam("call"), Hook.id == sa.bindparam("hook"), Task.slug == sa.bindparam("slug"),
        Task.team_id == sa.bindparam("team"), Task.deleted_at.is_(None),
    )
)  # fmt: skip
