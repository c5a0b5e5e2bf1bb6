"""A task -> the content of a template: which of its values a form may ask for; secrets only by name. A helper."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.domain import library
from app.domain.expressions.names import RESERVED
from app.domain.library import Asked
from app.engines.base import engines, fillable

KEPT = ("engine", "settings", "steps", "contract", "repair", "limits", "min_isolation")
_POLICY = ("misfire", "grace_seconds", "overlap", "retries", "retry_delay_seconds", "is_idempotent")
"""What a template keeps of how a task behaves; the rest belongs to its team: pools, alerts, priorities."""

_LONGEST = 500
_SHORTEST = 3
_ADDRESS = re.compile(r"https?://[^\s\"'<>{}|]+[^\s\"'<>{}|.,;:)\]]")
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_SECRET = re.compile(r"\{\{\s*secrets\.([A-Za-z_][\w-]*)\s*\}\}")
_WHOLE = ("url", "expect_text")
_LABELS = {"url": "Address", "expect_text": "It must say", "email": "E-mail address"}


@dataclass(frozen=True)
class Literal:
    """A value of a task that a form could ask for; a variable of the task is asked for as it stands."""

    name: str
    label: str
    kind: str
    value: str
    is_variable: bool = False
    options: Sequence[str] = ()
    help: str = ""
    is_required: bool = True


@dataclass(frozen=True)
class Chosen:
    """A value that the form is to ask for, with what the form says about it."""

    name: str
    label: str
    help: str = ""
    is_required: bool = True
    has_default: bool = False


@dataclass(frozen=True)
class About:
    """What somebody says about a template when they save it."""

    name: str
    category: str
    sentence: str
    about: str = ""
    schedule: str = ""
    sample: str = ""
    minutes_saved: float = 0
    fields: Sequence[Chosen] = field(default_factory=tuple)


def literals(definition: Mapping[str, Any]) -> list[Literal]:
    """Return the values of a task that a form could ask for: its variables, then addresses and the like."""
    found = [
        Literal(
            one["name"], one.get("label") or _words(one["name"]), one.get("kind", "text"), one.get("value", ""), True,
            one.get("options") or (), one.get("help", ""), one.get("is_required", True),
        )
        for one in definition.get("variables") or ()
        if one.get("source", "value") == "value"
    ]  # fmt: skip
    names, values = {one["name"] for one in definition.get("variables") or ()}, set()
    for wanted, kind, value in _found(definition):
        if value not in values:
            name = _free(wanted, names)
            names.add(name)
            values.add(value)
            found.append(Literal(name, _words(name), kind, value))
    return found


def secrets(definition: Mapping[str, Any]) -> list[str]:
    """Return the names of the secrets that a task uses."""
    found: dict[str, None] = {}
    for _, settings in _parts(definition):
        found |= dict.fromkeys([*(settings.get("secrets") or ()), *filter(None, [settings.get("auth_secret")])])
        found |= dict.fromkeys(_SECRET.findall(str(dict(settings))))
    return list(found)


def content(definition: Mapping[str, Any], about: About, files: Sequence[str]) -> dict[str, Any]:
    """Return a task as the content of a template; `files` are the names of those it has."""
    known = {one.name: one for one in literals(definition)}
    chosen = {one.name: known[one.name] for one in about.fields if one.name in known}
    written = {one.value: f"{{{{ {name} }}}}" for name, one in chosen.items() if not one.is_variable}
    fixed = {one.value: f"<<{name}>>" for name, one in chosen.items() if not one.is_variable}
    kept = {name: definition[name] for name in KEPT if definition.get(name)}
    if definition.get("steps"):
        kept["steps"] = [
            {**step, "settings": _templated(step["engine"], step["settings"], written, fixed)}
            for step in definition["steps"]
        ]
    else:
        kept["settings"] = _templated(definition["engine"], definition.get("settings") or {}, written, fixed)
    kept["policy"] = {name: value for name, value in definition["policy"].items() if name in _POLICY}
    kept["variables"] = [one for one in definition.get("variables") or () if one["name"] not in chosen]
    said = {name: getattr(about, name) for name in ("name", "category", "sentence", "about", "schedule", "sample")}
    form = [_asked(one, known[one.name]) for one in about.fields if one.name in known]
    return (
        said
        | kept
        | {
            "minutes_saved": about.minutes_saved,
            "form": [*form, *map(_secret, secrets(definition)), *map(_file, range(len(files)), files)],
        }
    )


def answers(definition: Mapping[str, Any], form: Sequence[Asked]) -> dict[str, str]:
    """Return what a task itself answers to the form of the template that was made of it."""
    known = {one.name: one.value for one in literals(definition) if not one.is_variable}
    known |= {_secret_field(name): name for name in secrets(definition)}
    return {one.name: known[one.name] for one in form if one.name in known}


def _asked(said: Chosen, literal: Literal) -> dict[str, Any]:
    kind = literal.kind if literal.kind in library.KINDS else "text"
    return {
        "name": said.name, "label": said.label or literal.label, "kind": "lines" if "\n" in literal.value else kind,
        "help": said.help, "is_required": said.is_required, "options": list(literal.options),
        "default": literal.value if said.has_default or "{{" in literal.value else "",
    }  # fmt: skip


def _secret(name: str) -> dict[str, Any]:
    return {
        "name": _secret_field(name),
        "label": _words(name.lower()),
        "kind": "secret",
        "help": f"There it is {name}.",
    }


def _secret_field(name: str) -> str:
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:36] or "secret"
    return f"{plain}_name" if plain in RESERVED or not plain[0].isalpha() else plain


def _file(number: int, name: str) -> dict[str, Any]:
    return {"name": f"file_{number + 1}", "label": name, "kind": "file", "help": f"It must be called {name}."}


def _templated(
    engine: str, settings: Mapping[str, Any], written: Mapping[str, str], fixed: Mapping[str, str]
) -> dict[str, Any]:
    """Return settings with placeholders for what is asked, and the fields of secrets in place of their names.

    Where a secret is sent, the address is written in when the template is used: nothing else may decide who gets it.
    """
    new = dict(settings) | ({"mail_to": []} if settings.get("mail_to") else {})  # people belong to their team
    names = {name: f"<<{_secret_field(name)}>>" for name in (*(new.get("secrets") or ()), new.get("auth_secret") or "")}
    for name, value in fillable(engine, new).items() if engine in engines else ():
        sends = name == "url" and (new.get("auth_secret") or "secrets." in str(new))
        new[name] = _hidden(_replaced(value, fixed if sends else written))
    if new.get("auth_secret"):
        new["auth_secret"] = names[new["auth_secret"]]
    if new.get("secrets"):
        # Programs read a secret by the name of its variable: that stays, whatever the secret is called elsewhere.
        given = {name: f"{{{{ secrets.{names[name]} }}}}" for name in new["secrets"]}
        new["env"], new["secrets"] = {**(new.get("env") or {}), **given}, []
    return new


def _hidden(value: Any) -> Any:
    """Return a setting in which secrets are named by the fields that ask for them."""
    if isinstance(value, str):
        return _SECRET.sub(lambda found: f"{{{{ secrets.<<{_secret_field(found[1])}>> }}}}", value)
    if isinstance(value, Mapping):
        return {name: _hidden(one) for name, one in value.items()}
    return [_hidden(one) for one in value] if isinstance(value, list | tuple) else value


def _replaced(value: Any, new: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        for literal in sorted(new, key=len, reverse=True):
            value = value.replace(literal, new[literal])
        return value
    if isinstance(value, Mapping):
        return {name: _replaced(one, new) for name, one in value.items()}
    return [_replaced(one, new) for one in value] if isinstance(value, list | tuple) else value


def _found(definition: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield (name, kind, value) of what could be asked for, in the order in which it stands in the task."""
    for engine, settings in _parts(definition):
        for name, value in fillable(engine, settings).items() if engine in engines else ():
            if name == "env" and isinstance(value, Mapping):
                yield from ((key.lower(), "text", one) for key, one in value.items() if _is_plain(one))
            elif isinstance(value, str) and name in _WHOLE and _is_plain(value):
                yield name, "url" if name == "url" else "text", value
            elif isinstance(value, str):
                yield from (("address", "url", one) for one in _ADDRESS.findall(value))
                yield from (("email", "email", one) for one in _EMAIL.findall(value))


def _is_plain(value: Any) -> bool:
    return isinstance(value, str) and _SHORTEST <= len(value) <= _LONGEST and "{{" not in value


def _parts(definition: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    steps = [(step["engine"], step["settings"]) for step in definition.get("steps") or ()]
    return steps or [(definition["engine"], definition.get("settings") or {})]


def _free(wanted: str, taken: set[str]) -> str:
    name = re.sub(r"[^a-z0-9_]", "_", wanted.lower())[:36]
    name = name if name[:1].isalpha() and name not in RESERVED else f"value_{name}".rstrip("_")[:36]
    number = 1
    while (found := name if number == 1 else f"{name}_{number}") in taken:
        number += 1
    return found


def _words(name: str) -> str:
    return _LABELS.get(name) or name.replace("_", " ").strip().capitalize()
