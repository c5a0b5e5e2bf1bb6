"""Hooks of tasks: secret addresses by which other programs start them, made, changed, shown once and turned off."""

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from app.core.errors import Conflict, Invalid, NotFound
from app.core.identifiers import digest, new_token
from app.domain import effects, expectations, hooks, outside, pings, variables, webhooks
from app.domain.access import Actor
from app.infra import database
from app.infra.database import db
from app.infra.vault import Vault
from app.models.tasks import Task, TaskVersion
from app.models.teams import Team
from app.models.webhooks import Hook, HookCall
from app.services.unit import SessionWork, batch, unit

MOST, MOST_CALLS_A_MINUTE = 10, 600
"""Hooks of a task; calls of one in a minute, at most."""

KEEP_CALLS, MOST_KEPT = timedelta(days=30), 1000
LONGEST_NAME = 60
_LONGEST_PATH = 300
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{1,59}")
_BATCH = 500


@dataclass(frozen=True)
class Wanted:
    """What is to start a task; `mapping` is {variable: path in the payload}. A secret left empty is made, or stays."""

    name: str
    scheme: str = "address"
    header: str = ""
    secret: str = ""
    condition: str = ""
    mapping: Mapping[str, str] = field(default_factory=dict)
    tools: Sequence[str] = ()
    calls_a_minute: int = 60


@dataclass(frozen=True)
class Made:
    """A hook just made or rotated, with what is shown this once: its address, and a secret if it was made here."""

    id: int
    path: str
    secret: str = ""


def listing(actor: Actor, slug: str) -> Sequence[Hook]:
    """Return the hooks of a task by name. Raises NotFound."""
    task = _task(actor, slug)
    query = sa.select(Hook).where(Hook.task_id == task.id).order_by(Hook.name, Hook.id)
    return db.session.scalars(query.execution_options(populate_existing=True)).all()


def find(actor: Actor, slug: str, hook_id: int) -> Hook:
    """Return a hook of a task. Raises NotFound."""
    row = db.session.scalar(_own(actor, slug, hook_id).execution_options(populate_existing=True))
    if row is None:
        raise NotFound
    return row


def choices(actor: Actor, slug: str) -> tuple[list[str], list[str]]:
    """Return the variables of a task, and those tools of its agents that a run from outside has only if allowed."""
    definition = _definition(actor, slug)
    return [one.name for one in variables.all_of(definition)], _tools(definition)


def create(actor: Actor, vault: Vault, slug: str, wanted: Wanted) -> Made:
    """Let other programs start a task by a new address. Raises NotFound, Invalid, Conflict for a job elsewhere."""
    with unit(actor) as work:
        task, team = _held(work, actor, slug)
        if task.engine == pings.ENGINE:
            raise Conflict("Its job runs elsewhere, so no call can start it here.")
        values = _checked(work, task, wanted)
        count = work.session.scalar(sa.select(sa.func.count()).where(Hook.task_id == task.id)) or 0
        if count >= MOST:
            raise Invalid({"": f"A task has at most {MOST} hooks. Delete one first."})
        token = new_token()
        row = Hook(
            team_id=team.id, task_id=task.id, token_hash=digest(token), created_at=work.now, changed_at=work.now,
            **values,
        )  # fmt: skip
        work.session.add(row)
        work.session.flush()
        secret = _seal(row, team, vault, wanted.secret.strip())
        work.audit("hook_created", f"{task.name}: {row.name}", task=task.id, hook=row.id, scheme=row.scheme)
        return Made(row.id, f"/hooks/{token}", secret if not wanted.secret.strip() else "")


def change(actor: Actor, vault: Vault, slug: str, hook_id: int, wanted: Wanted) -> str:
    """Change a hook; a secret that is given replaces the one that is there, which goes on for a day beside it.

    Returns a secret that was made because its new scheme needs one, else nothing. Raises NotFound, Invalid.
    """
    with unit(actor) as work:
        task, team = _held(work, actor, slug)
        row = _mine(work, actor, slug, hook_id)
        needs_other = row.scheme != wanted.scheme
        for name, value in _checked(work, task, wanted).items():
            setattr(row, name, value)
        made = ""
        if wanted.secret.strip() or needs_other:
            if needs_other:
                row.sealed, row.sealed_before = None, None
            _keep_before(work, row)
            row.hash_before = None  # an address of before does not live longer with a secret
            made = _seal(row, team, vault, wanted.secret.strip())
        row.changed_at = work.now
        work.audit("hook_changed", f"{task.name}: {row.name}", task=task.id, hook=row.id, scheme=row.scheme)
        return "" if wanted.secret.strip() else made


def rotate(actor: Actor, vault: Vault, slug: str, hook_id: int) -> Made:
    """Give a hook another address, and another secret if it is one of ours; the old ones go on for a day.

    Raises NotFound.
    """
    with unit(actor) as work:
        task, team = _held(work, actor, slug)
        row = _mine(work, actor, slug, hook_id)
        token = new_token()
        row.hash_before, row.token_hash = row.token_hash, digest(token)
        _keep_before(work, row)
        secret = _seal(row, team, vault, "") if row.scheme in {"token", "github", "standard"} else ""
        work.audit("hook_rotated", f"{task.name}: {row.name}", task=task.id, hook=row.id)
        return Made(row.id, f"/hooks/{token}", secret)


def turn(actor: Actor, slug: str, hook_id: int, *, on: bool) -> None:
    """Turn a hook on or off; one that is off is not known to callers. Raises NotFound."""
    with unit(actor) as work:
        row = _mine(work, actor, slug, hook_id)
        if (row.off_at is None) is not on:
            row.off_at = None if on else work.now
            work.audit("hook_turned_on" if on else "hook_turned_off", row.name, hook=row.id)


def delete(actor: Actor, slug: str, hook_id: int) -> None:
    """Delete a hook and the log of its calls. Raises NotFound."""
    with unit(actor) as work:
        row = _mine(work, actor, slug, hook_id)
        work.audit("hook_deleted", row.name, hook=row.id)
        work.session.delete(row)


def last_calls(actor: Actor, slug: str, hook_id: int, limit: int = 50) -> Sequence[HookCall]:
    """Return the last calls of a hook, the latest first. Raises NotFound."""
    row = find(actor, slug, hook_id)
    query = sa.select(HookCall).where(HookCall.hook_id == row.id).order_by(HookCall.id.desc()).limit(limit)
    return db.session.scalars(query.execution_options(populate_existing=True)).all()


def tend() -> int:
    """Forget calls and secrets that are old enough; returns how many calls went."""
    with batch() as work:
        over = sa.and_(Hook.before_until <= work.now, Hook.before_until.is_not(None))
        none = {"sealed_before": None, "hash_before": None, "before_until": None}
        work.connection.execute(sa.update(Hook).where(over).values(none))
    with database.read() as connection:
        old = HookCall.at < database.now(connection) - KEEP_CALLS
        gone = list(connection.execute(sa.select(HookCall.id).where(old)).scalars())
        for hook_id in connection.execute(sa.select(Hook.id)).scalars():
            beyond = sa.select(HookCall.id).where(HookCall.hook_id == hook_id).order_by(HookCall.id.desc())
            gone += connection.execute(beyond.offset(MOST_KEPT)).scalars()
    for first in range(0, len(gone), _BATCH):
        with batch() as work:
            work.connection.execute(sa.delete(HookCall).where(HookCall.id.in_(gone[first : first + _BATCH])))
    return len(gone)


# --- what is checked


def _checked(work: SessionWork, task: Task, wanted: Wanted) -> dict[str, Any]:
    name, condition = wanted.name.strip(), wanted.condition.strip()
    wrong = {}
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        wrong["name"] = f"A name has 1 to {LONGEST_NAME} letters on one line."
    if not hooks.is_scheme(wanted.scheme):
        wrong["scheme"] = "Choose how a call proves who sends it."
    elif wanted.secret.strip() and (problem := hooks.secret_problem(wanted.scheme, wanted.secret.strip())):
        wrong["secret"] = problem
    header = (wanted.header.strip() or hooks.USUAL_HEADER) if wanted.scheme == "token" else ""
    if header and not _HEADER.fullmatch(header):
        wrong["header"] = "A header is a word like X-Hook-Token."
    if problem := hooks.condition_problem(condition):
        wrong["condition"] = problem
    if not 0 < wanted.calls_a_minute <= MOST_CALLS_A_MINUTE:
        wrong["calls_a_minute"] = f"Write a number from 1 to {MOST_CALLS_A_MINUTE}."
    definition = work.session.get_one(TaskVersion, task.version_id).definition
    mapping = {name: path.strip() for name, path in wanted.mapping.items() if path.strip()}
    wrong |= mapping_problems(definition, mapping)
    strange = [tool for tool in wanted.tools if tool not in _tools(definition)]
    if strange:
        wrong["tools"] = f"No agent of this task has the tool {strange[0][:40]}."
    if wrong:
        raise Invalid(wrong)
    return {
        "name": name, "scheme": wanted.scheme, "header": header, "condition": condition, "mapping": mapping,
        "tools": sorted(wanted.tools), "calls_a_minute": wanted.calls_a_minute,
    }  # fmt: skip


def mapping_problems(definition: Mapping[str, Any], mapping: Mapping[str, str]) -> dict[str, str]:
    """Say by field (`map-<variable>`) what is wrong with a mapping: the variable, the path, or where its value goes."""
    known = variables.all_of(definition)
    names = {one.name for one in known}
    wrong = {}
    for name, path in mapping.items():
        if name not in names:
            wrong[f"map-{name}"] = f"The task has no variable called {name[:60]}."
        elif len(path) > _LONGEST_PATH or not expectations.is_path(path):
            wrong[f"map-{name}"] = "Type a path like data.items[0].name."
        elif problem := _splices(definition, outside.names_of(known, [name])):
            wrong[f"map-{name}"] = problem
    return wrong


def _splices(definition: Mapping[str, Any], names: frozenset[str]) -> str:
    for _, engine, settings in effects.parts_of(definition):
        if engine == "http" and (problem := outside.host_problem(str(settings.get("url", "")), names)):
            return problem
    return outside.web_problem(variables.all_of(definition), names)


def _tools(definition: Mapping[str, Any]) -> list[str]:
    found = {
        tool
        for _, engine, settings in effects.parts_of(definition)
        if engine == "agent"
        for tool in settings.get("tools") or ()
        if tool not in outside.HARMLESS_TOOLS
    }
    return sorted(found)


# --- finding


def _task(actor: Actor, slug: str) -> Task:
    task = db.session.scalar(
        sa.select(Task).where(Task.team_id == actor.team_id, Task.slug == slug, Task.deleted_at.is_(None))
    )
    if task is None:
        raise NotFound
    return task


def _definition(actor: Actor, slug: str) -> dict[str, Any]:
    version = db.session.get_one(TaskVersion, _task(actor, slug).version_id)
    return version.definition


def _held(work: SessionWork, actor: Actor, slug: str) -> tuple[Task, Team]:
    task = _task(actor, slug)
    return task, work.session.get_one(Team, actor.team_id, with_for_update=True)


def _own(actor: Actor, slug: str, hook_id: int) -> sa.Select[Hook]:
    is_it = (Hook.id == hook_id, Task.team_id == actor.team_id, Task.slug == slug, Task.deleted_at.is_(None))
    return sa.select(Hook).join(Task, Task.id == Hook.task_id).where(*is_it)


def _mine(work: SessionWork, actor: Actor, slug: str, hook_id: int) -> Hook:
    row = work.session.scalar(_own(actor, slug, hook_id).with_for_update(of=Hook))
    if row is None:
        raise NotFound
    return row


# --- secrets


def _keep_before(work: SessionWork, row: Hook) -> None:
    """Let the secret that is there go on beside the next one for a while."""
    row.sealed_before, row.before_until = row.sealed, work.now + webhooks.ROTATION


def _seal(row: Hook, team: Team, vault: Vault, given: str) -> str:
    """Give a hook the secret that its scheme needs, and return it; nothing where it needs none."""
    if row.scheme == "address":
        row.sealed = None
        return ""
    secret = given or _new_secret(row.scheme)
    row.sealed = vault.seal(team.data_key, secret.encode(), Hook.aad_of(team.id, row.id))
    return secret


def _new_secret(scheme: str) -> str:
    return webhooks.secret_of(secrets.token_bytes(32)) if scheme == "standard" else secrets.token_urlsafe(32)
