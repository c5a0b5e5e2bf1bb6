"""Phase 0 of an attempt: what expressions may name, and the variables of the task with their values for this run."""

import json
import secrets as random
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import sqlalchemy as sa
from pydantic import ValidationError

from app.domain import expectations, expressions, outside, variables
from app.domain.expressions import ExpressionError
from app.domain.expressions.facts import of_run
from app.domain.outside import Outside
from app.domain.variables import Resolved, Unresolved, Variable
from app.engines.base import SEVERAL, Cancellation, Outcome, engines, fillable, takes_secrets
from app.infra import database, fetch
from app.infra.addresses import Failure
from app.infra.writer import Writer
from app.models.runs import Run
from app.models.webhooks import Hook
from app.services.execution.claims import Claim, Definition
from app.services.execution.outcomes import check_token
from app.services.facts import last_of, previous, team_values, upstream
from app.services.unit import Work

WEB_SECONDS, ALL_WEB_SECONDS = 10.0, 30.0
"""For the value of one variable from the web, and for all of an attempt."""

WEB_BYTES = 1024 * 1024

_OF_RUN = sa.select(Run.number, Run.typed, Run.inputs, Run.upstreams)
_TOOLS = sa.select(Hook.tools).where(Hook.id == sa.bindparam("hook"), Hook.task_id == sa.bindparam("task"))
_HOOK_OF = (
    sa.select(Run.hook_id).where(Run.id.in_(sa.bindparam("runs", expanding=True)), Run.hook_id.is_not(None)).limit(1)
)
_SERVER_ERROR, _OK = 500, range(200, 300)
_PASSING = {408, 425, 429}


@dataclass(frozen=True)
class Inputs:
    """What expressions of one attempt may name, its variables among it; `values` are those as JSON holds them.

    `outside` says what of it came from outside; None: nothing did.
    """

    context: Mapping[str, Any] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    outside: Outside | None = None


class Unfillable(Exception):
    """Placeholders can't be filled; holds the outcome that says so."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.sentence)
        self.outcome = outcome


def gather(held: Claim, writer: Writer[Work], cancellation: Cancellation) -> Inputs:
    """Return what this attempt's expressions may name: variables are resolved once per run and kept with it.

    Raises Unfillable, Stale, and what the database raises.
    """
    assert held.definition
    task = held.definition
    if not task.variables and not task.has_placeholders and not held.hook_id and not task.after.links:
        return Inputs(_facts(held, 0))
    with database.read() as connection:
        row = connection.execute(_OF_RUN.where(Run.id == held.run_id)).one()
        context = _facts(held, row.number)
        zone = context["run"]["planned_at"].tzinfo
        context["team"] = team_values(connection, held.team_id)
        context["previous"] = previous(connection, task.task_id, held.meant_for, zone, held.run_id)
        latest = last_of(connection, [link.task for link in task.after.links if str(link.task) not in row.upstreams])
        # Whoever starts it now waits for none: the last runs of the tasks before it stand for them.
        context["upstream"] = upstream(connection, {**latest, **row.upstreams}, zone)
        before = (context["previous"] or {}).pop("hook_id", None) if task.names_previous else None
        hook_id = held.hook_id or before or _inherited(connection, {**latest, **row.upstreams})
        tools = connection.execute(_TOOLS, {"hook": hook_id, "task": task.task_id}).scalar() if hook_id else ()
    names = outside.names_of(task.variables, row.typed)
    if hook_id and (problem := outside.web_problem(task.variables, names)):
        raise Unfillable(_blocked(problem))
    known = variables.restored(task.variables, row.inputs)
    found = Resolved(known)
    if len(known) < len(task.variables):
        found = _resolved(task, context, {**row.typed, **known}, _Asking(cancellation))
    kept = {name: variables.stored(value) for name, value in found.values.items()}
    if kept != row.inputs or hook_id != held.hook_id:
        writer.do(partial(_keep, held=held, values=kept, hook_id=hook_id))
    strange = Outside(names, tuple(tools or ())) if hook_id else None
    notes = (*found.notes, *(_tools_notes(task, strange) if strange else ()))
    inputs = Inputs({**context, **found.values}, kept, notes, strange)
    _check_all(task, inputs.context)
    return inputs


def _facts(held: Claim, number: int) -> dict[str, Any]:
    assert held.definition
    return of_run(
        held.meant_for, held.definition.timezone, number=number, attempt=held.attempt, task=held.definition.name,
        at=held.started_at,
    )  # fmt: skip


def _resolved(task: Definition, context: Mapping[str, Any], typed: Mapping[str, Any], asking: "_Asking") -> Resolved:
    try:
        return variables.resolve(task.variables, context, typed, asking.ask)
    except Unresolved as error:
        if error.is_passing:
            raise Unfillable(Outcome("failed", "variables", error.sentence, "transient")) from None
        raise Unfillable(_blocked(error.sentence)) from None


def _keep(work: Work, held: Claim, values: dict[str, Any], hook_id: int | None) -> None:
    check_token(work, held)
    work.connection.execute(sa.update(Run).where(Run.id == held.run_id).values(inputs=values, hook_id=hook_id))
    held.hook_id = hook_id


def _inherited(connection: sa.Connection, upstreams: Mapping[str, int]) -> int | None:
    """Return the hook that began a run which this one comes after: what that made is no better than what it got."""
    if not upstreams:
        return None
    return connection.execute(_HOOK_OF, {"runs": list(upstreams.values())}).scalar()


def _tools_notes(task: Definition, strange: Outside) -> Iterator[str]:
    for place, engine, settings in _parts(task):
        note = outside.tools_note(settings, outside.tools_of(settings, strange)) if engine == "agent" else ""
        if note:
            yield f"In {place.rstrip(', ')}: {note[0].lower()}{note[1:]}" if place else note


def _blocked(sentence: str) -> Outcome:
    return Outcome("blocked", "variables", sentence, "permanent")


def _check_all(task: Definition, context: Mapping[str, Any]) -> None:
    """Raise Unfillable for the first placeholder that has no value now, before anything has begun.

    What is said by steps, and secrets, are left to their time.
    """
    early = {**context, "kept": ("steps", "secrets")}
    for place, engine, settings in _parts(task) if task.fills or task.steps else ():
        for name, value in fillable(engine, settings).items():
            try:
                expressions.fill_all(value, early)
            except ExpressionError as error:
                where = f"{place}{name}{f', {error.at}' if error.at else ''}"
                raise Unfillable(_blocked(f"In {where}: {error.sentence}")) from None


def _parts(task: Definition) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    if task.engine != SEVERAL and task.engine in engines:
        yield "", task.engine, task.settings
    for step in task.steps:
        if step["engine"] in engines:
            yield f"the step {step['name']}, ", step["engine"], step["settings"]


def filled(
    engine: str,
    settings: Mapping[str, Any],
    context: Mapping[str, Any],
    secrets: Mapping[str, str],
    strange: Outside | None = None,
) -> dict[str, Any]:
    """Return the settings with values in place of placeholders; of secrets only where the engine takes them.

    What `strange` says came from outside is kept apart from what an agent is told to do. Raises ExpressionError, and
    ValidationError for settings that a value makes unusable.
    """
    with_secrets = {**context, "secrets": secrets}
    changed = {
        name: expressions.fill_all(value, with_secrets if takes_secrets(engine, name) else context)
        for name, value in fillable(engine, settings).items()
        if "{{" in str(value)
    }
    if strange is not None:
        known = with_secrets if takes_secrets(engine, "url") else context
        changed |= outside.kept_apart(engine, settings, known, strange, random.token_hex(16))
    whole = {**settings, **changed}
    if changed:
        engines[engine].settings_schema.model_validate(whole)
    return whole


def filled_task(task: Definition, inputs: Inputs, secrets: Mapping[str, str]) -> Mapping[str, Any]:
    """Return the settings of a task of one engine for this run. Raises Unfillable."""
    if not (task.fills or inputs.outside) or task.engine not in engines:
        return task.settings
    try:
        return filled(task.engine, task.settings, inputs.context, secrets, inputs.outside)
    except ExpressionError as error:
        raise Unfillable(_blocked(error.sentence)) from None
    except ValidationError as error:
        problem = error.errors()[0]
        where = str(problem["loc"][0]) if problem["loc"] else "the settings"
        raise Unfillable(_blocked(f"With the values of this run {where} can't be used: {problem['msg']}")) from None


# --- values from the web


class _Asking:
    """Asks for the values of one attempt, within the time for all of them, and until the attempt is to stop."""

    def __init__(self, cancellation: Cancellation) -> None:
        self._cancellation = cancellation
        self._until = time.monotonic() + ALL_WEB_SECONDS

    def ask(self, variable: Variable, url: str) -> Any:
        """Ask an address: GET, guarded as all that is asked. Raises Unresolved, and Unfillable when it is to stop."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise Unresolved("the addresses before it took too long.", is_passing=True)
        headers, seconds = {"Accept": "application/json"}, min(left, WEB_SECONDS)
        call = fetch.Call(fetch.Request("GET", url, headers, timeout_seconds=seconds, keep_bytes=WEB_BYTES))
        self._cancellation.on_now(call.stop)
        try:
            answer = call.answer()
        except fetch.Stopped:
            said = Outcome("cancelled", self._cancellation.reason, f"Stopped while it asked for {variable.name}.")
            raise Unfillable(said) from None
        except Failure as failure:
            raise Unresolved(failure.message, is_passing=not failure.is_permanent) from None
        return _answered(variable, answer)


def _answered(variable: Variable, answer: fetch.Answer) -> Any:
    if answer.status not in _OK:
        is_passing = answer.status >= _SERVER_ERROR or answer.status in _PASSING
        raise Unresolved(f"its address answered {answer.status}.", is_passing=is_passing)
    if answer.is_cut:
        raise Unresolved("its address answered more than 1 MB.")
    return _picked(answer.body, variable.path)


def _picked(body: bytes, path: str) -> Any:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        if path:
            raise Unresolved(f"its address did not answer JSON, so there is no {path}.") from None
        return body.decode("utf-8", "replace")
    try:
        return expectations.at(document, path) if path else document
    except LookupError:
        raise Unresolved(f"the answer has no {path}.") from None
