"""Items of OpenAI's Responses API: messages, calls and their outputs, which other exports use, too."""

from typing import Any

from app.importers.building import Builder
from app.importers.parts import attachments_of, said
from app.importers.values import name_of, record, records, words

TYPES = {"message", "reasoning", "function_call", "function_call_output"}
FAILED = {"failed", "incomplete"}


def is_item(value: Any) -> bool:
    """Whether a value is an item that only this API has."""
    kind = words(record(value).get("type"))
    return kind in TYPES or kind.endswith(("_call", "_call_output"))


def read_item(build: Builder, item: dict[str, Any]) -> None:
    """Add what one item says or does; messages of others than the two sides are left to the caller."""
    kind, key = words(item.get("type")) or "message", name_of(item.get("call_id"), item.get("id"))
    if kind == "message":
        role = words(item.get("role"))
        if role in {"user", "assistant"}:
            build.say(
                "user" if role == "user" else "assistant",
                said(item.get("content")),
                at=item.get("timestamp"),
                key=item.get("id"),
                attachments=attachments_of(item.get("content")) if role == "user" else [],
            )
    elif kind.endswith("_output"):
        build.result(_output(item.get("output")), key=key, failed=_failed(item))
    elif kind.endswith("_call"):
        given = item.get("arguments", item.get("input", item.get("action", item.get("code", item.get("queries")))))
        build.call(name_of(item.get("name")) or kind.removesuffix("_call"), given, key)
        output = next((item[field] for field in ("error", "output", "outputs", "results") if item.get(field)), None)
        if output is not None:
            build.result(_output(output), key=key, failed=_failed(item))


def _output(value: Any) -> Any:
    if isinstance(value, list):
        return [part.get("logs", part) for part in records(value)] if records(value) else value
    return value


def _failed(item: dict[str, Any]) -> bool | None:
    return True if item.get("error") or words(item.get("status")) in FAILED else None
