"""What was typed for a task -> its definition, checked. A helper of services, like unit."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Literal, get_args, get_origin

from pydantic import ValidationError

from app.core.errors import Invalid
from app.domain import money
from app.domain.policy import Misfire, Overlap, Policy, Priority
from app.engines.base import Limits, engines
from app.services.tasks import schedules
from app.services.tasks.schedules import Given

LONGEST_NAME = 120
_MIB = 1024 * 1024
_MINUTE = 60


@dataclass(frozen=True)
class Number:
    """A number somebody types: where it is kept (`place`, `key`), how much one of it is, and its bounds."""

    name: str
    place: Literal["limits", "policy"]
    key: str
    least: float
    most: float
    unit: float = 1
    is_whole: bool = True


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
"""Minutes for timeout, grace and alerts, MiB for sizes, seconds for the delay of a retry, jitter and spread."""

TIMEOUT_SECONDS: Mapping[str, float] = {"agent": 900.0}
"""The time limit of tasks that say nothing about it, for types that differ from the usual one."""

_CHOICES: dict[str, tuple[str, ...]] = {
    "misfire": get_args(Misfire),
    "overlap": get_args(Overlap),
    "priority": get_args(Priority),
}
LONGEST_POOL = 60
_ISOLATION = range(4)

_WORDS = {
    "missing": "Fill this in.",
    "string_too_short": "Fill this in.",
    "string_type": "Write some text.",
    "int_parsing": "Write a whole number.",
    "int_from_float": "Write a whole number.",
    "float_parsing": "Write a number.",
    "literal_error": "Choose one from the list.",
    "too_short": "Add at least one.",
}
_AMOUNT = "Write an amount in dollars, like 1.00."
_BOUNDS = {
    "greater_than_equal": ("ge", "At least {}."),
    "greater_than": ("gt", "More than {}."),
    "less_than_equal": ("le", "At most {}."),
    "less_than": ("lt", "Less than {}."),
    "string_too_long": ("max_length", "At most {} characters."),
    "too_long": ("max_length", "At most {} of them."),
}


_TYPED = tuple(field.name for field in fields(Given))


@dataclass(frozen=True)
class Draft:
    """A task as typed: settings of its engine, `numbers` as in NUMBERS, missing ones by default; `files` are ids."""

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


def check(draft: Draft, now: datetime, before: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the definition to store. Raises Invalid with every field that needs another look.

    `before` is the definition that is changed: a schedule typed as it was there stays as it was understood.
    """
    wrong: dict[str, str] = {}
    definition = {
        "name": _name(draft.name, wrong),
        "engine": draft.engine,
        "settings": _settings(draft, wrong),
        **_numbers(draft, wrong),
        "min_isolation": _isolation(draft.min_isolation, wrong),
        "files": sorted(draft.files),
        "schedules": [],
    }
    try:
        definition["schedules"] = schedules.checked(draft.when, now, (before or {}).get("schedules", ()))
    except Invalid as error:
        wrong |= error.fields
    if wrong:
        raise Invalid(wrong)
    return definition


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


def _settings(draft: Draft, wrong: dict[str, str]) -> dict[str, Any]:
    if draft.engine not in engines:
        wrong["engine"] = "Choose one of the types."
        return {}
    try:
        return engines[draft.engine].settings_schema.model_validate(dict(draft.settings)).model_dump(mode="json")
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_input=False):
            wrong.setdefault(str(problem["loc"][0]) if problem["loc"] else "", sentence(problem))
        return {}


def sentence(problem: Mapping[str, Any]) -> str:
    """Say what pydantic found wrong with one value."""
    kind, context = problem["type"], problem.get("ctx", {})
    is_money = str((*problem["loc"], "")[0]).endswith("_cents")
    if kind in _BOUNDS:
        bound, words = _BOUNDS[kind]
        limit = context[bound]
        return words.format(money.said(limit * money.MICROS_PER_CENT) if is_money else f"{limit:,}")
    if is_money:
        return _AMOUNT
    message = str(problem["msg"]).removeprefix("Value error, ")
    return _WORDS.get(kind, message if message.endswith((".", "?")) else f"{message}.")


def _numbers(draft: Draft, wrong: dict[str, str]) -> dict[str, dict[str, Any]]:
    places = defaults(draft.engine)
    for number in NUMBERS:
        if text := draft.numbers.get(number.name, "").strip():
            value = _number(number, text, wrong)
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


def _number(number: Number, text: str, wrong: dict[str, str]) -> float:
    try:
        value = int(text) if number.is_whole else float(text.replace(",", "."))
    except ValueError:
        wrong[number.name] = "Write a whole number." if number.is_whole else "Write a number."
        return number.least
    if not number.least <= value <= number.most:
        wrong[number.name] = f"Between {number.least:,g} and {number.most:,g}."
    return value


def _isolation(text: str, wrong: dict[str, str]) -> int:
    if text not in {str(level) for level in _ISOLATION}:
        wrong["min_isolation"] = "Choose a level from 0 to 3."
        return 1
    return int(text)


# --- as text: what a form sends and shows


def types() -> list[tuple[str, str]]:
    """Return the engines to choose from: (name, label)."""
    return [(engine.name, engine.label) for engine in engines]


def from_texts(engine: str, texts: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Return settings of an engine from the texts of a form; fields that were not sent take the engine's default.

    Names that end in `_cents` are typed in dollars. Lists have one item a line or one text each; mappings one
    `name: value` or `NAME=value` a line; checks of JSON one `path op value` a line. A box that was not sent is not
    ticked.
    """
    if engine not in engines:
        return {}
    settings: dict[str, Any] = {}
    for name, info in engines[engine].settings_schema.model_fields.items():
        kind = get_origin(info.annotation) or info.annotation
        lines = [line.strip() for text in texts.get(name, ()) for line in text.splitlines() if line.strip()]
        if kind is bool:
            settings[name] = bool(lines)
        elif name == "expect_json":
            settings[name] = [_expectation(line) for line in lines]
        elif kind is dict:
            settings[name] = dict(_pair(line) for line in lines)
        elif kind in {list, tuple}:
            settings[name] = lines
        elif name in texts and (lines or info.is_required() or kind is str):
            text = texts[name][0].replace("\r\n", "\n")
            settings[name] = _cents(text) if name.endswith("_cents") else text
    return settings


def blank() -> dict[str, list[str]]:
    """Return the texts of a form in which nobody typed anything yet: every default of Carillon and of the engines.

    The time limit is left open, because it differs between the types.
    """
    nothing: dict[str, dict[str, Any]] = {"limits": {}, "policy": {}}
    texts = {name: [text] for name, text in _typed(nothing).items()}
    for engine in engines:
        for name, info in engine.settings_schema.model_fields.items():
            if not info.is_required():
                texts.setdefault(name, _texts(name, info.get_default(call_default_factory=True)))
    ticked = {"is_idempotent": ["1"], "is_slow_told": ["1"]}
    return texts | ticked | {"timeout": [""], "min_isolation": ["1"], "pool": [""]}


def to_texts(definition: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return a definition as a form shows it, each field as the texts that `from_texts` and `check` read."""
    texts = blank() | {name: [text] for name, text in _typed(definition).items()}
    for name, value in definition["settings"].items():
        texts[name] = _texts(name, value)
    for index, rule in enumerate(definition["schedules"]):
        texts |= {f"when-{index}-{name}": [rule[name]] for name in _TYPED}
    texts |= {name: [str(definition[name])] for name in ("name", "engine", "min_isolation")}
    for name in ("is_idempotent", "is_slow_told"):
        texts[name] = ["1"] if definition["policy"].get(name, True) else []
    texts["pool"] = [definition["policy"].get("pool", "")]
    texts["files"] = [str(file) for file in definition["files"]]
    return texts


def _cents(dollars: str) -> int | str:
    """Return cents of what is typed in dollars; what is no amount stays as it is, for the schema to refuse."""
    with suppress(ValueError):
        return round(money.read(dollars) / money.MICROS_PER_CENT)
    return dollars


def _pair(line: str) -> tuple[str, str]:
    mark = "=" if "=" in line and (":" not in line or line.index("=") < line.index(":")) else ":"
    name, _, value = line.partition(mark)
    return name.strip(), value.strip()


def _expectation(line: str) -> dict[str, Any]:
    path, op, value = [*line.split(None, 2), "exists", ""][:3] if " " in line else (line, "exists", "")
    expectation: dict[str, Any] = {"path": path, "op": op}
    if value:
        expectation["value"] = value
        with suppress(ValueError):
            expectation["value"] = json.loads(value)
    return expectation


_TICKED = frozenset({"secrets", "tools"})
"""Lists whose items are boxes to tick, not lines to type."""


def _texts(name: str, value: Any) -> list[str]:
    if isinstance(value, bool):
        return ["1"] if value else []
    if name == "expect_json":
        return ["\n".join(_said(one) for one in value)]
    if isinstance(value, Mapping):
        mark = "=" if name == "env" else ": "
        return ["\n".join(f"{key}{mark}{one}" for key, one in value.items())]
    if isinstance(value, list | tuple):
        return [str(one) for one in value] if name in _TICKED else ["\n".join(map(str, value))]
    if name.endswith("_cents"):
        return [money.plain(value * money.MICROS_PER_CENT)]
    return ["" if value is None else f"{value:.10g}" if isinstance(value, float) else str(value)]


def _said(expectation: Mapping[str, Any]) -> str:
    value = expectation["value"]
    is_plain = isinstance(value, str) and not _is_json(value)
    words = [expectation["path"], expectation["op"]]
    return " ".join(words if value is None else [*words, value if is_plain else json.dumps(value)])


def _is_json(text: str) -> bool:
    with suppress(ValueError):
        json.loads(text)
        return True
    return False


def _typed(definition: Mapping[str, Any]) -> dict[str, str]:
    places = {place: values | definition[place] for place, values in defaults(definition.get("engine", "")).items()}
    numbers = {number.name: f"{places[number.place][number.key] / number.unit:.10g}" for number in NUMBERS}
    return numbers | {name: places["policy"][name] for name in _CHOICES}
