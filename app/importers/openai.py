"""OpenAI's API: lists of chat messages, requests with their answers, and items of Responses."""

from typing import Any

from app.domain.thread import Thread
from app.importers.base import Unreadable
from app.importers.building import Builder
from app.importers.parts import attachments_of, said
from app.importers.responses import is_item, read_item
from app.importers.values import joined, name_of, record, records, words

ROLES = {"system", "developer", "user", "assistant", "tool", "function"}
SHARE_GPT = {"human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant", "chatgpt": "assistant",
             "system": "system", "tool": "tool", "observation": "tool", "function_call": "call"}  # fmt: skip
KEPT = ("temperature", "top_p", "max_tokens", "max_completion_tokens", "reasoning_effort", "reasoning", "tool_choice")


class OpenAI:
    name = "openai"
    label = "OpenAI API"

    def knows(self, value: Any) -> bool:
        if isinstance(value, list):
            return bool(value) and any(is_message(item) for item in value[:5])
        request, answers = unwrapped(value)
        if _shared(request):
            return True
        given = request.get("messages", request.get("input"))
        if isinstance(given, str):
            return bool(answers)
        return isinstance(given, list) and any(is_message(item) for item in given[:5])

    def thread(self, value: Any) -> Thread:
        request, answers = unwrapped(value)
        build = Builder()
        system = [words(request.get("instructions"))]
        given = request.get("messages", request.get("input"))
        items = [{"role": "user", "content": given}] if isinstance(given, str) else records(given)
        for item in [*items, *_shared(request), *answers]:
            if words(item.get("role")) in {"system", "developer"}:
                system.append(said(item.get("content")))
            else:
                read(build, item)
        messages = build.messages()
        if not messages:
            raise Unreadable("The list holds no message of a user or an assistant.")
        answered = record(record(value).get("response")) if isinstance(value, dict) else {}
        return Thread(
            format="openai",
            messages=messages,
            key=name_of(request.get("id"), request.get("thread_id"), request.get("conversation_id")) or "",
            title=name_of(request.get("title"), record(request.get("metadata")).get("title")),
            model=name_of(request.get("model"), answered.get("model"), record(answered.get("body")).get("model")),
            system_prompt=joined(dict.fromkeys(system)),
            settings=settings_of(request, KEPT),
        )


def is_message(value: Any) -> bool:
    """Whether a value is a message or an item of this API."""
    found = record(value)
    if words(found.get("role")) in ROLES:
        return "content" in found or "tool_calls" in found or "function_call" in found
    return is_item(found)


def unwrapped(value: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return a request and the messages of its answer, from a list, a request, or a log of both."""
    if isinstance(value, list):
        return {"messages": value}, []
    found = record(value)
    request = next(
        (record(found[key]) for key in ("request", "body", "kwargs") if isinstance(found.get(key), dict)), found
    )
    request = record(request.get("body")) or request
    answer = record(found.get("response")) or (found if request is found else {})
    answer = record(answer.get("body")) or answer
    said_back = [record(choice.get("message")) for choice in records(answer.get("choices"))[:1]]
    return request, [message for message in said_back if message] or records(answer.get("output"))


def settings_of(request: dict[str, Any], kept: tuple[str, ...]) -> dict[str, Any]:
    """Return the settings of a request, with the names of the tools that were offered."""
    settings = {key: request[key] for key in kept if request.get(key) is not None}
    offered = records(request.get("tools")) or records(request.get("functions"))
    names = [name_of(record(tool.get("function")).get("name"), tool.get("name"), tool.get("type")) for tool in offered]
    return {**settings, "tools": [name for name in names if name]} if offered else settings


def _shared(request: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the messages of the form that collections of conversations use: `from` and `value`."""
    rows = [row for row in records(request.get("conversations")) if "from" in row and "value" in row]
    return [{"role": SHARE_GPT.get(words(row["from"]).lower(), ""), "content": row["value"]} for row in rows]


def read(build: Builder, item: dict[str, Any]) -> None:
    """Add one message or item."""
    role, content = words(item.get("role")), item.get("content")
    if role not in ROLES:
        if is_item(item):
            read_item(build, item)
    elif role in {"tool", "function"}:
        output = said(content) if isinstance(content, list) else content
        build.result(output, key=item.get("tool_call_id"), name=item.get("name"), failed=item.get("is_error"))
    elif role in {"user", "assistant"}:
        text = said(content) or words(item.get("refusal"))
        build.say(
            "user" if role == "user" else "assistant",
            text,
            at=item.get("timestamp") or item.get("created_at"),
            key=item.get("id"),
            attachments=attachments_of(content) if role == "user" else [],
        )
        _calls(build, item)


def _calls(build: Builder, item: dict[str, Any]) -> None:
    for call in records(item.get("tool_calls")):
        made = record(call.get("function")) or record(call.get("custom")) or call
        build.call(made.get("name"), made.get("arguments", made.get("input")), call.get("id"))
    if legacy := record(item.get("function_call")):
        build.call(legacy.get("name"), legacy.get("arguments"))
