"""What a good run must have, by the results of a thread: files, the shape of JSON and of what is printed, no values."""

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from app.analysis.replay.doings import Doing, plain_output
from app.analysis.replay.requests import answered
from app.domain.contracts.patterns import ANYTHING, mentions, numbered

_TABLES = (".csv", ".tsv")
_LABEL = re.compile(r"^\s*([A-Za-zÀ-ÿ][^\d:=\n]{1,50}?)\s*[:=]\s*[^\w\s]?\s?-?\d[\d.,]*\s*([A-Za-z€$£%]{0,8})\s*$")
_NO_LABELS = {"rc", "exit", "exit code", "status", "returncode"}
_LONGEST_OUTPUT, _LONGEST_LINE, _MOST_LINES = 100_000, 200, 300
_TEXT_LABEL = re.compile(r"^\s*([A-Za-zÀ-ÿ][^\d:=\n]{1,50}?\s*[:=])(?!//)\s*\S")
_MOST_LABELS, _MOST_KEYS, _DEPTH = 3, 20, 2


def files(names: Iterable[str], may_lack: Collection[str] = ()) -> list[dict[str, Any]]:
    """Return a check for each file: it is there and not empty; a table has a row, but for those that `may_lack` any."""
    checks: list[dict[str, Any]] = []
    for name in names:
        checks.append({"kind": "file", "name": name, "min_bytes": 1, "is_new": False, "is_optional": False})
        if name.lower().endswith(_TABLES) and name not in may_lack:
            checks.append({"kind": "rows", "of": f"file:{name}", "min": 1, "max": None, "is_optional": False})
    return checks


def of_request(step: str, one: Doing, is_plain: bool) -> list[dict[str, Any]]:
    """Return checks on what a request answers: the shape of its JSON, a text that is not empty; what it sends is taken.

    `is_plain`: the tool tells the body as it was.
    """
    status, body = answered(one.output)
    checks: list[dict[str, Any]] = []
    if one.settings["method"] not in {"GET", "HEAD", "OPTIONS"}:
        checks.append({"kind": "delivered", "to": step, "min": 1, "is_optional": False})
    value = _json(body)
    if value is not None:
        if is_plain or status is not None:
            checks.append(_schema(f"steps.{step}.json", value))
    elif body.strip() and one.settings["method"] == "GET":
        checks.append(
            {
                "kind": "pattern",
                "of": f"steps.{step}.text",
                "pattern": ANYTHING,
                "is_absent": False,
                "is_optional": False,
            }
        )
    return checks


def printed(one: Doing, code: str, literals: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return checks on what the last step prints: labels that stand in its code, the shape of JSON, else anything.

    `literals` are names of variables by the text that stands for them.
    """
    output = plain_output(one.output).strip()
    if not output or re.fullmatch(r"<.*>|ok|None", output):
        return []
    value = _json(output)
    if value is not None:
        return [_schema("answer", value)]
    lines = [line for line in output[:_LONGEST_OUTPUT].splitlines() if len(line) <= _LONGEST_LINE][:_MOST_LINES]
    found = [_labelled(line, literals) for line in lines if _is_said_by(line, code)]
    # a label with words behind it, where none has a number
    found = found if any(found) else [_begun(line, literals) for line in lines if _is_said_by(line, code, _TEXT_LABEL)]
    patterns = list(dict.fromkeys(filter(None, found)))[:_MOST_LABELS]
    if patterns:
        return [
            {"kind": "pattern", "of": "answer", "pattern": one, "is_absent": False, "is_optional": False}
            for one in patterns
        ]
    return [{"kind": "rows", "of": "answer", "min": 1, "max": None, "is_optional": False}]


def is_weak(check: Mapping[str, Any]) -> bool:
    """Whether a check says little of what a run did: that something was printed, or answered at all."""
    is_any_text = check["kind"] == "pattern" and check["pattern"] == ANYTHING
    is_any_row = check["kind"] == "rows" and check["of"] == "answer" and check["min"] <= 1 and check["max"] is None
    return is_any_text or is_any_row or check["kind"] == "answer"


def _is_said_by(line: str, code: str, shape: re.Pattern[str] = _LABEL) -> bool:
    """Whether the label of a line stands in the code: it comes with each run, whatever the data."""
    hit = shape.match(line)
    label = hit[1].rstrip(":= \t").lstrip() if hit else ""
    return (
        bool(label)
        and label.lower() not in _NO_LABELS
        and label in code
        and re.search(rf"[\"'\s{{}}]{re.escape(label)}\s?[:=\"']", code) is not None
    )


def _labelled(line: str, literals: Mapping[str, str]) -> str:
    hit = _LABEL.match(line)
    if not hit:
        return ""
    return numbered(_named(hit[1], literals), hit[2])


def _begun(line: str, literals: Mapping[str, str]) -> str:
    hit = _TEXT_LABEL.match(line)
    return mentions(_named(hit[1], literals)) if hit else ""


def _named(text: str, literals: Mapping[str, str]) -> str:
    """Return a text with variables by name where their values stand in it."""
    for literal, name in literals.items():
        text = text.replace(literal, f"{{{{ {name} }}}}")
    return text.strip()


def _json(text: str) -> Any:
    if text.lstrip()[:1] not in {"{", "["}:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict | list) else None


def _schema(source: str, value: Any) -> dict[str, Any]:
    return {"kind": "schema", "of": source, "schema": shape(value), "is_optional": False}


def shape(value: Any, depth: int = 0) -> dict[str, Any]:
    """Return a schema that JSON of the same shape fits: keys and types, not what is in it. Empty lists stay free."""
    if isinstance(value, dict):
        if depth > _DEPTH or not value:
            return {"type": "object"}
        keys = list(value)[:_MOST_KEYS]
        inner = {key: shape(value[key], depth + 1) for key in keys}
        return {"type": "object", "required": keys, "properties": {key: one for key, one in inner.items() if one}}
    if isinstance(value, list):
        items = _common(value, depth) if value and depth < _DEPTH else {}
        least = {"minItems": 1} if value and depth == 0 else {}
        return {"type": "array", **least, **({"items": items} if items else {})}
    if isinstance(value, bool):
        return {"type": "boolean"}
    if isinstance(value, int | float):
        return {"type": "number"}
    return {"type": "string"} if isinstance(value, str) else {}


def _common(values: Sequence[Any], depth: int) -> dict[str, Any]:
    """Return what all items of a list share: for objects the keys that each has."""
    if all(isinstance(one, dict) for one in values):
        keys = [key for key in values[0] if all(key in one for one in values)][:_MOST_KEYS]
        properties = {
            key: shapes[0] for key in keys if (shapes := _same([shape(one[key], depth + 1) for one in values]))
        }
        return {"type": "object", "required": keys, **({"properties": properties} if properties else {})}
    shapes = _same([shape(one, depth + 1) for one in values])
    return shapes[0] if shapes else {}


def _same(shapes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return shapes[:1] if shapes[0] and all(one == shapes[0] for one in shapes) else []
