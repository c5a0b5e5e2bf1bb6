"""Reading values of somebody else's JSON: each helper takes anything and returns the type that is asked for."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from html import unescape
from typing import Any

LONGEST_NAME = 255
LATEST_EPOCH = 32_503_680_000  # the year 3000 in seconds; what is larger counts milliseconds
FAILURES = ("error:", "error executing", "traceback (most recent call last)", "exception:", "toolresult(success=false")


def record(value: Any) -> dict[str, Any]:
    """Return an object, empty where it is none."""
    return value if isinstance(value, dict) else {}


def records(value: Any) -> list[dict[str, Any]]:
    """Return the objects of a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def words(value: Any) -> str:
    """Return a text, empty where it is none."""
    return value if isinstance(value, str) else ""


def name_of(*values: Any) -> str | None:
    """Return the first text that is not blank."""
    return next((value.strip() for value in values if isinstance(value, str) and value.strip()), None)


def size_of(value: Any) -> int | None:
    """Return a number of bytes, None where it is none."""
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0 else None


def when(value: Any) -> datetime | None:
    """Return an instant in UTC from seconds or milliseconds since 1970, or from ISO 8601 (without a zone it is UTC)."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            seconds = value / 1000 if value > LATEST_EPOCH else value
            return datetime.fromtimestamp(seconds, UTC)
        if isinstance(value, str) and value.strip():
            at = datetime.fromisoformat(value.strip())
            return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None


def unpacked(value: Any, times: int = 2) -> Any:
    """Return what a text of JSON holds, at most `times` deep; anything else as it is."""
    for _ in range(times):
        if not isinstance(value, str) or value.lstrip()[:1] not in {"{", "[", '"'}:
            break
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            break
    return value


def arguments(value: Any) -> dict[str, Any]:
    """Return the arguments of a call: parsed where they are JSON, else {"input": the text as it was}."""
    parsed = unpacked(value)
    if isinstance(parsed, dict):
        return parsed
    if parsed is None or parsed == "":
        return {}
    return {"input": parsed}


def file_name(value: Any) -> str:
    """Return the last part of a path or URL, empty where there is none."""
    path = words(value).split("?")[0].split("#")[0].replace("\\", "/").strip()
    return path.rstrip("/").rsplit("/", 1)[-1][:LONGEST_NAME]


def text_of(block: Any) -> str:
    """Return the text of one part of a message: a text, or {text} where text may be {value}."""
    if isinstance(block, str):
        return block
    text = record(block).get("text")
    return words(record(text).get("value")) if isinstance(text, dict) else words(text)


def joined(parts: Iterable[str]) -> str:
    """Return paragraphs of those parts that are not blank."""
    return "\n\n".join(part.strip("\n") for part in parts if part.strip())


def output_text(value: Any) -> str:
    """Return what a tool gave back as text: texts as they are, the texts of blocks, else JSON."""
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, list):
        texts = [text_of(item) for item in value]
        if any(texts):
            return "\n".join(text for text in texts if text)
    if isinstance(value, dict) and isinstance(value.get("text"), str):
        return words(value["text"])
    return json.dumps(value, ensure_ascii=False, default=str)


def has_failed(output: str, said: Any = None) -> bool | None:
    """Return whether a call failed, as the export says it: by a flag, a return code, or the words of an error."""
    if isinstance(said, bool):
        return said
    parsed = unpacked(output, 1) if output[:1] == "{" else None
    if isinstance(parsed, dict):
        code = parsed.get("returncode", parsed.get("exit_code"))
        if isinstance(code, int):
            return code != 0
        if isinstance(parsed.get("success"), bool):
            return not parsed["success"]
    return True if output.lstrip()[:60].lower().startswith(FAILURES) else None


def chain(nodes: Mapping[str, Mapping[str, Any]], leaf: Any, parent: str) -> list[str]:
    """Return the keys from the root to `leaf`, by the field `parent`; a ring ends where it closes."""
    path: list[str] = []
    seen: set[str] = set()
    key = leaf
    while isinstance(key, str) and key in nodes and key not in seen:
        seen.add(key)
        path.append(key)
        key = nodes[key].get(parent)
    return path[::-1]


def newest(items: Sequence[Mapping[str, Any]], field: str) -> Mapping[str, Any] | None:
    """Return the item with the latest time, the last one of equals; the very last where none has a time."""
    best, best_at = None, None
    for item in items:
        at = when(item.get(field))
        if at and (best_at is None or at >= best_at):
            best, best_at = item, at
    return best if best is not None else (items[-1] if items else None)


def attributes(tag: str) -> dict[str, str]:
    """Return the attributes of an HTML tag whose values stand in double quotes."""
    return {name: unescape(value) for name, value in re.findall(r'([a-zA-Z_-]{1,40})="([^"]*)"', tag)}


def without(text: str, opening: str, closing: str) -> str:
    """Return a text without what stands between two marks, the marks included; an open end takes the rest."""
    kept, rest = [], text
    while (start := rest.find(opening)) >= 0:
        kept.append(rest[:start])
        end = rest.find(closing, start + len(opening))
        rest = rest[end + len(closing) :] if end >= 0 else ""
    return "".join([*kept, rest])
