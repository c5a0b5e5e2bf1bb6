"""Anthropic's Messages API: requests, with or without their answers."""

from typing import Any

from app.domain.thread import Thread
from app.importers.base import Unreadable
from app.importers.building import Builder
from app.importers.openai import settings_of
from app.importers.parts import attachments_of, said
from app.importers.values import joined, name_of, record, records, words

CALLS = {"tool_use", "server_tool_use", "mcp_tool_use"}
BLOCKS = CALLS | {"tool_result", "document", "thinking", "redacted_thinking"}
OTHERS = {"system", "developer", "tool", "function"}
KEPT = ("temperature", "top_p", "top_k", "max_tokens", "thinking", "tool_choice")


class Anthropic:
    name = "anthropic"
    label = "Anthropic API"

    def knows(self, value: Any) -> bool:
        request, answer = unwrapped(value)
        messages = records(request.get("messages"))
        if not messages or not any(words(message.get("role")) in {"user", "assistant"} for message in messages):
            return False
        if any(words(message.get("role")) in OTHERS or "tool_calls" in message for message in messages):
            return False
        if answer.get("type") == "message" or _has_blocks(messages):
            return True
        model = words(request.get("model"))
        if _has_answers_in_blocks(messages) and (not model or "claude" in model):
            return True
        if any("input_schema" in tool for tool in records(request.get("tools"))):
            return True
        is_wrapped = isinstance(value, dict) and not any("function" in tool for tool in records(request.get("tools")))
        return is_wrapped and ("system" in request or "anthropic_version" in request or "claude" in model)

    def thread(self, value: Any) -> Thread:
        request, answer = unwrapped(value)
        build = Builder()
        for message in [*records(request.get("messages")), answer]:
            read(build, message)
        messages = build.messages()
        if not messages:
            raise Unreadable("The request holds no message of a user or an assistant.")
        return Thread(
            format="anthropic",
            messages=messages,
            key=name_of(request.get("conversation_id"), request.get("id")) or "",
            title=name_of(request.get("title")),
            model=name_of(request.get("model"), answer.get("model")),
            system_prompt=said(request.get("system")),
            settings=settings_of(request, KEPT),
        )


def unwrapped(value: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a request and the message of its answer, from a list, a request, or a log of both."""
    if isinstance(value, list):
        return {"messages": value}, {}
    found = record(value)
    request = next(
        (record(found[key]) for key in ("request", "params", "body") if isinstance(found.get(key), dict)), found
    )
    request = record(request.get("body")) or request
    answer = record(found.get("response")) or record(record(found.get("result")).get("message"))
    answer = record(answer.get("body")) or answer
    if request is found and not answer and found.get("type") == "message" and isinstance(found.get("content"), list):
        answer = found
    return request, answer


def _has_blocks(messages: list[dict[str, Any]]) -> bool:
    """Whether a message holds a block that only this API has."""
    return any(
        words(block.get("type")) in BLOCKS or (block.get("type") == "image" and "source" in block)
        for message in messages
        for block in records(message.get("content"))
    )


def _has_answers_in_blocks(messages: list[dict[str, Any]]) -> bool:
    """Whether answers are lists of plain texts, which OpenAI's API writes as one text, and all content is such."""
    contents = [message.get("content") for message in messages]
    kinds = {words(block.get("type")) for content in contents for block in records(content)}
    answers = [record(message).get("content") for message in messages if message.get("role") == "assistant"]
    blocks = [block for content in answers if isinstance(content, list) for block in records(content)]
    return kinds == {"text"} and bool(blocks) and all(isinstance(block.get("text"), str) for block in blocks)


def read(build: Builder, message: dict[str, Any]) -> None:
    """Add one message: its text and files, its calls, and the results it brings."""
    role, content = words(message.get("role")), message.get("content")
    if role not in {"user", "assistant"}:
        return
    text, files = said(content), attachments_of(content) if role == "user" else []
    blocks = records(content)
    if text.strip() or files or any(words(block.get("type")) in CALLS for block in blocks):
        build.say(
            "user" if role == "user" else "assistant",
            text,
            at=message.get("timestamp"),
            key=message.get("id"),
            attachments=files,
        )
    for block in blocks:
        kind = words(block.get("type"))
        if kind in CALLS:
            build.call(block.get("name"), block.get("input"), block.get("id"))
        elif kind.endswith("tool_result"):
            _result(build, block)


def _result(build: Builder, block: dict[str, Any]) -> None:
    content = block.get("content")
    inner = record(content)
    failed = block.get("is_error", True if words(inner.get("type")).endswith("_error") else None)
    output = joined([words(inner.get("stdout")), words(inner.get("stderr"))]) if "stdout" in inner else content
    build.result(output, key=block.get("tool_use_id"), failed=failed)
