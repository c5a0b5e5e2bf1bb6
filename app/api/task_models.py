"""Tasks as programs send and get them, and how what is sent becomes a draft."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import Field, create_model

from app.api import schedule_models
from app.api.resource import In, Out, unknown_field
from app.api.schedule_models import FireOut, ScheduleIn, ScheduleOut
from app.api.task_parts import AfterOf, LinkOf, RepairOf, StepIn, VariableIn
from app.core.clock import utc_now
from app.core.errors import Invalid
from app.domain import contracts, variables
from app.domain.access import Actor
from app.domain.contracts import Check
from app.domain.policy import Misfire, Overlap, Priority
from app.engines.base import SEVERAL, engines
from app.models.tasks import Task
from app.services import tasks
from app.services.tasks import definitions, order, overviews, schedules, steps
from app.services.tasks.definitions import NUMBERS, Draft
from app.services.tasks.overviews import Line
from app.services.tasks.steps import StepDraft
from app.services.tasks.typed import Number

NEXT = 5
"""So many planned times are told of a task."""


def _number(number: Number) -> tuple[Any, Any]:
    """Return the field of a number, in seconds, bytes or pieces; nothing means as before, or the default."""
    least, most = number.least * number.unit, number.most * number.unit
    if not number.is_whole:
        return float | None, Field(None, ge=least, le=most)
    step = int(number.unit) if number.unit > 1 else None
    return int | None, Field(None, ge=int(least), le=int(most), multiple_of=step)


_LIMITS: dict[str, Any] = {number.key: _number(number) for number in NUMBERS if number.place == "limits"}
_POLICY: dict[str, Any] = {number.key: _number(number) for number in NUMBERS if number.place == "policy"}
_POLICY |= {
    "misfire": (Misfire | None, Field(None, description="What becomes of missed times")),
    "overlap": (Overlap | None, Field(None, description="What happens when the run before still goes")),
    "priority": (Priority | None, Field(None, description="Which runs are served first; waiting raises a low one")),
    "pool": (str | None, Field(None, max_length=60, description="The pool whose slots its runs take, by name")),
    "is_idempotent": (bool | None, Field(None, description="Whether it may safely run twice")),
    "is_slow_told": (bool | None, Field(None, description="Whether a run much longer than usual raises an alert")),
}

Limits = create_model("Limits", __base__=In, __doc__="What one attempt may use.", **_LIMITS)
Policy = create_model("Policy", __base__=In, __doc__="Missed times, overlaps and retries.", **_POLICY)


class TaskIn(In):
    """A task to make. `settings` are those of its engine; one with `steps` has the engine `steps` and none itself."""

    name: str = Field(max_length=120)
    engine: str = Field(max_length=24, description="http, shell, python, agent, report, steps, or one of a plug-in")
    settings: dict[str, Any] = Field(default_factory=dict)
    steps: list[StepIn] = Field(default_factory=list, max_length=steps.MOST)
    variables: list[VariableIn] = Field(default_factory=list, max_length=variables.MOST)
    contract: list[Check] = Field(
        default_factory=list, max_length=contracts.MOST, description="What must be true after a run that worked"
    )
    repair: RepairOf | None = Field(None, description="With it, an agent may repair a failed step of several")
    after: AfterOf | None = Field(None, description="The tasks that it runs after")
    schedules: list[ScheduleIn] = Field(default_factory=list, max_length=schedules.MOST_SCHEDULES)
    limits: Limits = Field(default_factory=Limits)  # type: ignore[valid-type]  # made of NUMBERS
    policy: Policy = Field(default_factory=Policy)  # type: ignore[valid-type]  # made of NUMBERS
    min_isolation: int = Field(1, ge=0, le=3)
    over_plan: bool = Field(False, description="Save schedules that pass the plan of the team; for admins")


class TaskChange(In):
    """What to change of a task; what is left out stays. `settings` are laid over those there are."""

    version: int = Field(ge=1, description="The version this change was made from; another one by now is a 409")
    name: str | None = Field(None, max_length=120)
    engine: str | None = Field(None, max_length=24)
    settings: dict[str, Any] | None = None
    steps: list[StepIn] | None = Field(None, max_length=steps.MOST, description="All of them, in place of those now")
    variables: list[VariableIn] | None = Field(
        None, max_length=variables.MOST, description="All of them, in place of those there are"
    )
    contract: list[Check] | None = Field(
        None, max_length=contracts.MOST, description="All checks, in place of those there are"
    )
    repair: RepairOf | None = Field(None, description="What is sent as null is switched off; left out it stays")
    after: AfterOf | None = Field(None, description="All of it, in place of what there is; null: after no other task")
    schedules: list[ScheduleIn] | None = Field(
        None, max_length=schedules.MOST_SCHEDULES, description="All of them, in place of those there are"
    )
    limits: Limits | None = None  # type: ignore[valid-type]  # made of NUMBERS
    policy: Policy | None = None  # type: ignore[valid-type]  # made of NUMBERS
    min_isolation: int | None = Field(None, ge=0, le=3)
    over_plan: bool = Field(False, description="Save schedules that pass the plan of the team; for admins")


class StepOut(Out):
    """A step of a task."""

    name: str
    engine: str
    settings: dict[str, Any]
    condition: str
    is_optional: bool
    timeout_seconds: float
    retries: int
    retry_delay_seconds: int


class VariableOut(Out):
    """A variable of a task."""

    name: str
    label: str
    kind: str
    source: str
    value: str
    url: str
    path: str
    help: str
    is_required: bool
    options: list[str]


class FileOut(Out):
    """A file of a task."""

    name: str
    size_bytes: int


How = Literal["skip", "recover"]


class Pause(Out):
    """Since when a task is paused, by whom and why."""

    at: datetime
    by: str
    note: str
    resume_at: datetime | None = Field(description="When it resumes by itself")
    how: How = Field(description="What becomes then of the times planned meanwhile")


class TaskOut(Out):
    """A task as its next run will be."""

    slug: str
    name: str
    engine: str
    version: int
    state: str = Field(description="active, paused, error (a schedule can't be computed), or the state of its last run")
    settings: dict[str, Any]
    steps: list[StepOut]
    variables: list[VariableOut]
    contract: list[Check]
    repair: RepairOf | None
    after: AfterOf | None
    limits: dict[str, Any]
    policy: dict[str, Any]
    min_isolation: int
    files: list[FileOut]
    schedules: list[ScheduleOut]
    next: list[FireOut] = Field(description=f"Its next planned times, {NEXT} at most")
    owner: str
    tags: list[str]
    pause: Pause | None
    created_at: datetime
    changed_at: datetime


class TaskLine(Out):
    """A task in a list."""

    slug: str
    name: str
    engine: str
    state: str
    when: str
    timezone: str
    problem: str
    next_at: datetime | None
    owner: str
    tags: list[str]
    strip: list[str] = Field(description="The states of its last runs, oldest first")
    takes_seconds: float | None


class TaskPage(Out):
    """A page of tasks."""

    items: list[TaskLine]
    next_cursor: str | None


Sort = Literal["next", "name", "changed"]
Status = Literal["", "attention", "active", "paused"]


def task(actor: Actor, slug: str) -> TaskOut:
    """Return a task. Raises NotFound."""
    row = tasks.find(actor, slug)
    definition = tasks.definition(row)
    return TaskOut(
        slug=row.slug, name=row.name, engine=row.engine, version=row.version_number,
        state=overviews.state_of(row, overviews.latest_runs(row, 1)), settings=definition["settings"],
        steps=[StepOut.model_validate(one) for one in definition.get("steps") or ()],
        variables=[VariableOut.model_validate(one) for one in variables.all_of(definition)],
        contract=contracts.parse(definition.get("contract")),
        repair=RepairOf.model_validate(definition["repair"]) if definition.get("repair") else None,
        after=_after_of(actor, definition),
        **{place: _numbers(definition, place) for place in ("limits", "policy")},
        min_isolation=definition["min_isolation"], files=[FileOut.model_validate(one) for one in tasks.files(row)],
        schedules=schedule_models.shown(definition["schedules"], row.schedules),
        next=[schedule_models.fire(one) for one in schedules.next_fires(row.schedules, utc_now(), NEXT)],
        owner=row.owner.name if row.owner else "", tags=row.tags or [], pause=_pause(row), created_at=row.created_at,
        changed_at=row.changed_at,
    )  # fmt: skip


def line(one: Line) -> TaskLine:
    """Return a task of a list."""
    return TaskLine.model_validate(one)


def _pause(row: Task) -> Pause | None:
    if row.paused_at is None:
        return None
    return Pause(
        at=row.paused_at, by=row.paused_by.name if row.paused_by else "", note=row.pause_note, resume_at=row.resume_at,
        how=row.resume_how,  # type: ignore[arg-type]  # one of the two, as `pause` checks
    )  # fmt: skip


def _after_of(actor: Actor, definition: Mapping[str, Any]) -> AfterOf | None:
    after = definition.get("after")
    if not after:
        return None
    slugs = order.slugs(actor.team_id, definition)
    links = [LinkOf(task=slugs.get(one["task"], ""), on=one["on"]) for one in after["tasks"]]
    return AfterOf.model_validate({**after, "tasks": links})


def _numbers(definition: Mapping[str, Any], place: str) -> dict[str, Any]:
    values = definitions.defaults()[place] | definition[place]
    return {name: values[name] for name in (_LIMITS if place == "limits" else _POLICY)}


# --- drafts


def draft(actor: Actor, sent: TaskIn) -> Draft:
    """Return the draft of a new task. Raises Invalid."""
    when = schedule_models.all_given(sent.schedules)
    return _draft(actor, sent, sent.engine, sent.settings, when, {"min_isolation": 1}, _steps(sent.steps))


def changed(actor: Actor, definition: Mapping[str, Any], sent: TaskChange, files: Sequence[int] | None = None) -> Draft:
    """Return the draft of a task with what was sent laid over its definition. Raises Invalid."""
    engine = sent.engine or definition["engine"]
    before = definition["settings"] if engine == definition["engine"] else {}
    when = [schedules.given_of(rule) for rule in definition["schedules"]]
    its_steps = [StepIn(**one) for one in definition.get("steps") or ()] if sent.steps is None else sent.steps
    if engine != SEVERAL and sent.steps is None:
        its_steps = []
    if sent.schedules is not None:
        when = schedule_models.all_given(sent.schedules)
    return _draft(actor, sent, engine, {**before, **(sent.settings or {})}, when, definition, _steps(its_steps), files)


def _draft(
    actor: Actor,
    sent: TaskIn | TaskChange,
    engine: str,
    settings: Mapping[str, Any],
    when: Sequence[schedules.Given],
    before: Mapping[str, Any],
    its_steps: Sequence[StepDraft],
    files: Sequence[int] | None = None,
) -> Draft:
    _check_settings(engine, settings)
    if its_steps and engine != SEVERAL:
        raise Invalid({"engine": "A task with steps has the engine “steps”."})
    values = {
        name: value
        for place, given in (("limits", sent.limits), ("policy", sent.policy))
        for name, value in {**before.get(place, {}), **_said(given)}.items()
    }
    texts = {one.name: f"{values[one.key] / one.unit:.10g}" for one in NUMBERS if one.key in values}
    sent_variables = before.get("variables", ()) if sent.variables is None else map(dict, sent.variables)
    isolation = before["min_isolation"] if sent.min_isolation is None else sent.min_isolation
    return Draft(
        name=before["name"] if sent.name is None else sent.name,
        engine=engine,
        settings=settings,
        when=when,
        numbers=texts,
        choices={name: values[name] for name in ("misfire", "overlap", "priority") if name in values},
        is_idempotent=values.get("is_idempotent", True),
        is_slow_told=values.get("is_slow_told", True),
        pool=values.get("pool", ""),
        min_isolation=str(isolation),
        files=before.get("files", ()) if files is None else files,
        steps=its_steps,
        variables=[variables.Variable.of(one) for one in sent_variables],
        contract=before.get("contract", ()) if sent.contract is None else contracts.stored(sent.contract),
        repair=_repair(sent, before),
        after=_after(actor, sent, before),
        over_plan=sent.over_plan,
    )


def _repair(sent: TaskIn | TaskChange, before: Mapping[str, Any]) -> dict[str, Any]:
    if "repair" not in sent.model_fields_set:
        return before.get("repair") or {}
    return sent.repair.model_dump() if sent.repair else {}


def _after(actor: Actor, sent: TaskIn | TaskChange, before: Mapping[str, Any]) -> dict[str, Any]:
    if "after" not in sent.model_fields_set:
        return order.given_of(before.get("after") or {})
    if sent.after is None:
        return {}
    ids = order.ids(actor.team_id, [one.task for one in sent.after.tasks])
    links = [{"task": ids.get(one.task, 0), "on": one.on} for one in sent.after.tasks]
    return order.given_of({**sent.after.model_dump(), "tasks": links})


def _steps(sent: Sequence[StepIn]) -> list[StepDraft]:
    """Return the drafts of steps. Raises Invalid for a setting that their engines don't know."""
    for index, one in enumerate(sent):
        _check_settings(one.engine, one.settings, f"step-{index}-")
    return [
        StepDraft(
            one.name, one.engine, one.settings, one.condition, one.is_optional,
            {number.name: f"{getattr(one, number.key) / number.unit:.10g}" for number in steps.NUMBERS},
        )
        for one in sent
    ]  # fmt: skip


def _said(given: Any) -> dict[str, Any]:
    return given.model_dump(exclude_none=True) if given else {}


def _check_settings(engine: str, settings: Mapping[str, Any], prefix: str = "") -> None:
    if engine in engines or (engine == SEVERAL and not prefix):
        known = list(engines[engine].settings_schema.model_fields) if engine in engines else []
        wrong = {f"{prefix}{name}": str(unknown_field(name, known)) for name in settings if name not in known}
        if wrong:
            raise Invalid(wrong)
