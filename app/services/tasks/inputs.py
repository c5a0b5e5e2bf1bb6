"""The variables of a task: what was typed for them -> what is stored, checked; and back into the texts of a form."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from typing import Any

from app.domain import variables
from app.domain.variables import LONGEST_HELP, LONGEST_LABEL, LONGEST_VALUE, MOST, MOST_OPTIONS, Variable

FIELDS = tuple(one.name for one in fields(Variable))
_LONGEST_URL, _LONGEST_PATH, _LONGEST_OPTION = 4000, 300, 200


def checked(drafts: Sequence[Variable], wrong: dict[str, str]) -> list[dict[str, Any]]:
    """Return the variables to store. What is wrong goes into `wrong`: `variables`, or `var-<index>-<field>`."""
    if len(drafts) > MOST:
        wrong["variables"] = f"A task has at most {MOST} variables. Leave some out."
        return []
    rows = [plain(one) for one in drafts]
    names = [one.name for one in rows]
    for index, one in enumerate(rows):
        before = names[:index]
        found = variables.problem(one, before, names[index + 1 :])
        if problem := variables.name_problem(one.name, before):
            found["name"] = problem
        found |= _too_long(one)
        if one.source == "web" and not one.url:
            found["url"] = "Type the address to ask, like https://example.com/rates.json."
        wrong |= {f"var-{index}-{name}": sentence for name, sentence in found.items()}
    return [{**asdict(one), "options": list(one.options)} for one in rows]


def plain(one: Variable) -> Variable:
    """Return the variable without what only another source or kind would have, and without space around it."""
    is_web = one.source == "web"
    options = tuple(dict.fromkeys(text for option in one.options if (text := option.strip())))
    return replace(
        one,
        name=one.name.strip().lower(), label=one.label.strip(), help=one.help.strip(),
        value=one.value.strip() if "\n" not in one.value.strip() else one.value,
        url=one.url.strip() if is_web else "", path=one.path.strip() if is_web else "",
        options=options if one.kind == "choice" else (),
    )  # fmt: skip


def _too_long(one: Variable) -> dict[str, str]:
    most = {"label": LONGEST_LABEL, "help": LONGEST_HELP, "value": LONGEST_VALUE, "url": _LONGEST_URL,
            "path": _LONGEST_PATH}  # fmt: skip
    found = {name: f"At most {limit:,} characters." for name, limit in most.items() if len(getattr(one, name)) > limit}
    if len(one.options) > MOST_OPTIONS or any(len(option) > _LONGEST_OPTION for option in one.options):
        found["options"] = f"At most {MOST_OPTIONS} lines of {_LONGEST_OPTION} characters."
    return found


# --- as text: what a form sends and shows


def to_texts(stored: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return variables as a form shows them, each field with `var-<index>-` before its name."""
    texts: dict[str, list[str]] = {}
    for index, one in enumerate(stored):
        own = asdict(Variable.of(one))
        own |= {"options": "\n".join(own["options"]), "is_required": "1" if own["is_required"] else ""}
        texts |= {f"var-{index}-{name}": [text] if text else [] for name, text in own.items()}
    return texts


def blank() -> dict[str, list[str]]:
    """Return the fields of a variable in which nobody typed anything yet, without what their names begin with."""
    return {"name": [""], "kind": ["text"], "source": ["value"], "value": [""], "is_required": ["1"]}


def from_texts(part: Mapping[str, Sequence[str]]) -> Variable:
    """Return what was typed for one variable; the names are those of `blank`."""
    typed = {name: values[0].replace("\r\n", "\n") for name, values in part.items() if values and name in FIELDS}
    more: dict[str, Any] = {
        "is_required": bool(typed.get("is_required")),
        "options": tuple(typed.get("options", "").splitlines()),
    }
    return Variable(**{"name": "", **typed, **more})
