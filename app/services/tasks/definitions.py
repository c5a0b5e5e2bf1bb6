"""What was typed for a task -> its definition, checked. A helper of services, like unit."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from types import MappingProxyType
from typing import Any, get_args

from app.core.errors import Invalid
from app.domain import pings
from app.domain.expressions import Scope
from app.domain.policy import Misfire, Overlap, Policy, Priority
from app.domain.variables import Variable
from app.engines.base import SEVERAL, Limits, engines
from app.services.tasks import contracts, fillings, inputs, mending, order, schedules, steps, typed
from app.services.tasks.origins import Origin
from app.services.tasks.schedules import Given
from app.services.tasks.steps import StepDraft
from app.services.tasks.typed import Number

LONGEST_NAME = 120
_MIB = 1024 * 1024
_MINUTE = 60


NUMBERS = (
    Number("timeout", "limits", "timeout_seconds", 0.05, 10_080, _MINUTE, is_whole=False),
    Number("memory", "limits", "memory_bytes", 16, 65_536, _MIB),
    Number("disk", "limits", "disk_bytes", 1, 65_536, _MIB),
    Number("processes", "limits", "processes", 1, 4096),
    Number("log", "limits", "log_bytes", 1, 100, _MIB),
    Number("retries", "policy", "retries", 0, 10),
    Number("retry_delay", "policy", "retry_delay_seconds", 1, 86_400),
    Number("grace", "policy", "grace_seconds", 1, 43_200, _MINUTE),
    Number("misfire_cap", "policy", "misfire_cap", 1, 100),
    Number("overlap_cap", "policy", "overlap_cap", 1, 100),
    Number("jitter", "policy", "jitter_seconds", 0, 86_400),
    Number("spread", "policy", "spread_seconds", 0, 86_400),
    Number("flexible", "policy", "flexible_seconds", 0, 720, _MINUTE),
    Number("crash_retries", "policy", "crash_retries", 0, 10),
    Number("rate_retries", "policy", "rate_retries", 0, 50),
    Number("retry_budget", "policy", "retry_budget", 0, 10_000),
    Number("pause_after", "policy", "pause_after", 0, 1000),
    Number("quarantine_after", "policy", "quarantine_after", 0, 100),
    Number("max_running", "policy", "max_running", 0, 10_000),
    Number("start_alert", "policy", "start_alert_seconds", 0, 43_200, _MINUTE),
    Number("finish_alert", "policy", "finish_alert_seconds", 0, 43_200, _MINUTE),
    Number("alert_after", "policy", "alert_after", 0, 100),
)
"""Minutes for timeout, grace, alerts and moves, MiB for sizes, seconds for the delay of a retry, jitter and spread."""

TIMEOUT_SECONDS: Mapping[str, float] = {"agent": 900.0}
"""The time limit of tasks that say nothing about it, for types that differ from the usual one."""

_CHOICES: dict[str, tuple[str, ...]] = {
    "misfire": get_args(Misfire),
    "overlap": get_args(Overlap),
    "priority": get_args(Priority),
}
LONGEST_POOL = 60
_ISOLATION = range(4)

_TYPED = tuple(field.name for field in fields(Given) if field.name != "calendars")


@dataclass(frozen=True)
class Draft:
    """A task as typed: settings of its engine, `numbers` as in NUMBERS, missing ones by default; `files` are ids.

    `steps` count where the engine is SEVERAL, `settings` everywhere else. `contract` are checks as values, beside those
    in `contract_words`; `after` is what `order.checked` reads. With a `pause_note` a new task stands still at first;
    `origin` is the template it is made of, `thread_id` the thread.
    """

    name: str
    engine: str
    settings: Mapping[str, Any]
    when: Sequence[Given] = ()
    numbers: Mapping[str, str] = field(default_factory=dict)
    choices: Mapping[str, str] = field(default_factory=dict)
    is_idempotent: bool = True
    is_slow_told: bool = True
    pool: str = ""
    min_isolation: str = "1"
    files: Sequence[int] = ()
    steps: Sequence[StepDraft] = ()
    variables: Sequence[Variable] = ()
    contract: Sequence[Mapping[str, Any]] = ()
    contract_words: str = ""
    pause_note: str = ""
    origin: Origin | None = None
    thread_id: int | None = None
    repair: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)
    over_plan: bool = False  # an admin saves schedules that pass the plan of the team


def check(
    draft: Draft,
    now: datetime,
    before: Mapping[str, Any] | None = None,
    calendars: Mapping[str, int] = MappingProxyType({}),
) -> dict[str, Any]:
    """Return the definition to store. Raises Invalid with every field that needs another look.

    `before` is the definition that is changed: a schedule typed as it was there stays as it was understood. `calendars`
    are those of the team: ids by slugs.
    """
    wrong: dict[str, str] = {}
    variables = inputs.checked(draft.variables, wrong)
    names = [one["name"] for one in variables]
    definition = {
        "name": _name(draft.name, wrong),
        "engine": draft.engine,
        "variables": variables,
        "settings": _settings(draft, names, wrong),
        **({"steps": steps.checked(draft.steps, wrong, names)} if draft.engine == SEVERAL else {}),
        **_numbers(draft, wrong),
        "min_isolation": _isolation(draft.min_isolation, wrong),
        "files": sorted(draft.files),
        "schedules": [],
    }
    if contract := _contract(draft, names, wrong):
        definition["contract"] = contract
    if repair := mending.checked(draft.repair, draft.engine, wrong):
        definition["repair"] = repair
    if after := order.checked(draft.after, draft.engine, wrong):
        definition["after"] = after
    try:
        definition["schedules"] = schedules.checked(draft.when, now, (before or {}).get("schedules", ()), calendars)
    except Invalid as error:
        wrong |= error.fields
    if wrong:
        raise Invalid(wrong)
    return definition


def secrets_named(draft: Draft) -> Iterator[tuple[str, str]]:
    """Yield the secrets that a draft names: (field, name)."""
    for prefix, engine, settings in _parts(draft):
        for field_name, name in fillings.secrets_named(engine, settings):
            yield f"{prefix}{field_name}", name


def values_named(draft: Draft) -> Iterator[tuple[str, str]]:
    """Yield the values of the team that a draft names: (field, name)."""
    return _named(draft, "team")


def upstreams_named(draft: Draft) -> Iterator[tuple[str, str]]:
    """Yield the tasks before it that a draft names: (field, name as expressions have it)."""
    return _named(draft, "upstream")


def _named(draft: Draft, root: str) -> Iterator[tuple[str, str]]:
    for prefix, engine, settings in _parts(draft):
        for field_name, name in fillings.roots_named(engine, settings, root):
            yield f"{prefix}{field_name}", name
    for index, variable in enumerate(draft.variables):
        for place in ("value", "url"):
            for name in fillings.named(getattr(variable, place), root):
                yield f"var-{index}-{place}", name
    for name in fillings.named([*draft.contract, draft.contract_words], root):
        yield "contract", name


def _parts(draft: Draft) -> list[tuple[str, str, Mapping[str, Any]]]:
    """Return (beginning of field names, engine, settings) of the task, or of its steps."""
    own = [("", draft.engine, draft.settings)] if draft.engine in engines else []
    known = [(index, step) for index, step in enumerate(draft.steps) if step.engine in engines]
    return own or [(f"step-{index}-", step.engine, step.settings) for index, step in known]


def defaults(engine: str = "") -> dict[str, dict[str, Any]]:
    """Return limits and policy of a task of a type that says nothing about them."""
    limits = dict(Limits().__dict__)
    limits["timeout_seconds"] = TIMEOUT_SECONDS.get(engine, limits["timeout_seconds"])
    return {"limits": limits, "policy": dict(Policy().__dict__)}


# --- checks


def _name(name: str, wrong: dict[str, str]) -> str:
    if not name.strip():
        wrong["name"] = "Give the task a name."
    elif len(name.strip()) > LONGEST_NAME:
        wrong["name"] = f"A name has at most {LONGEST_NAME} letters."
    return name.strip()


def _settings(draft: Draft, variables: Sequence[str], wrong: dict[str, str]) -> dict[str, Any]:
    if draft.engine == SEVERAL:
        return {}
    if draft.engine not in engines:
        wrong["engine"] = "Choose one of the types."
        return {}
    return fillings.checked(draft.engine, draft.settings, Scope(variables), wrong)


def _contract(draft: Draft, variables: Sequence[str], wrong: dict[str, str]) -> list[dict[str, Any]]:
    if draft.engine == pings.ENGINE:  # nothing of it is carried out here
        return []
    own = [("", draft.engine, draft.settings)]
    parts = [(step.name.strip().lower(), step.engine, step.settings) for step in draft.steps]
    work = contracts.Work(parts if draft.engine == SEVERAL else own, variables)
    return contracts.checked(draft.contract, draft.contract_words, work, wrong)


def _numbers(draft: Draft, wrong: dict[str, str]) -> dict[str, dict[str, Any]]:
    places = defaults(draft.engine)
    for number in NUMBERS:
        if text := draft.numbers.get(number.name, "").strip():
            value = typed.read(number, text, wrong)
            places[number.place][number.key] = value * number.unit
    for name, options in _CHOICES.items():
        chosen = draft.choices.get(name) or places["policy"][name]
        if chosen not in options:
            wrong[name] = "Choose one from the list."
        places["policy"][name] = chosen
    places["policy"]["is_idempotent"] = draft.is_idempotent
    places["policy"]["is_slow_told"] = draft.is_slow_told
    places["policy"]["pool"] = draft.pool.strip()[:LONGEST_POOL]
    return places


def _isolation(text: str, wrong: dict[str, str]) -> int:
    if text not in {str(level) for level in _ISOLATION}:
        wrong["min_isolation"] = "Choose a level from 0 to 3."
        return 1
    return int(text)


# --- as text: what a form sends and shows


def types() -> list[tuple[str, str]]:
    """Return the engines to choose from: (name, label)."""
    return [*((engine.name, engine.label) for engine in engines), (SEVERAL, "Several steps")]


def blank() -> dict[str, list[str]]:
    """Return the texts of a form in which nobody typed anything yet: every default of Carillon and of the engines.

    The time limit is left open, because it differs between the types.
    """
    nothing: dict[str, dict[str, Any]] = {"limits": {}, "policy": {}}
    texts = {name: [text] for name, text in _as_typed(nothing).items()}
    for engine in engines:
        texts = typed.defaults(engine.name) | texts
    ticked = {"is_idempotent": ["1"], "is_slow_told": ["1"]}
    return texts | ticked | {"timeout": [""], "min_isolation": ["1"], "pool": [""]}


def to_texts(definition: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return a definition as a form shows it, each field as the texts that `from_texts` and `check` read."""
    texts = blank() | {name: [text] for name, text in _as_typed(definition).items()}
    for name, value in definition["settings"].items():
        texts[name] = typed.texts(name, value)
    texts |= steps.to_texts(definition.get("steps", ()))
    texts |= inputs.to_texts(definition.get("variables", ()))
    texts |= contracts.to_texts(definition.get("contract", ()))
    texts |= mending.to_texts(definition.get("repair") or {})
    texts |= order.to_texts(definition.get("after") or {})
    for index, rule in enumerate(definition["schedules"]):
        given = schedules.given_of(rule)
        texts |= {f"when-{index}-{name}": [getattr(given, name)] for name in _TYPED}
        texts[f"when-{index}-calendars"] = list(given.calendars)
    texts |= {name: [str(definition[name])] for name in ("name", "engine", "min_isolation")}
    for name in ("is_idempotent", "is_slow_told"):
        texts[name] = ["1"] if definition["policy"].get(name, True) else []
    texts["pool"] = [definition["policy"].get("pool", "")]
    texts["files"] = [str(file) for file in definition["files"]]
    return texts


def _as_typed(definition: Mapping[str, Any]) -> dict[str, str]:
    places = {place: values | definition[place] for place, values in defaults(definition.get("engine", "")).items()}
    numbers = {number.name: f"{places[number.place][number.key] / number.unit:.10g}" for number in NUMBERS}
    return numbers | {name: places["policy"][name] for name in _CHOICES}
