"""Threads made by hand for the tests of analysis."""

from typing import Any

from app.analysis.base import Analysis, Stage
from app.domain.thread import Attachment, Format, Message, Thread, ToolCall


def person(text: str, *names: str, **contents: str) -> Message:
    return Message(
        "user", text, attachments=tuple(Attachment(name, text=contents.get("content", "")) for name in names)
    )


def agent(text: str, *calls: ToolCall) -> Message:
    return Message("assistant", text, calls=calls)


def call(tool: str, /, output: str = "ok", has_failed: bool | None = None, **arguments: Any) -> ToolCall:
    return ToolCall(tool, arguments, output, has_failed)


def thread(*messages: Message, form: Format = "openai", system: str = "") -> Thread:
    return Thread(form, messages, system_prompt=system)


def values(stage: Stage, of: Thread) -> list[Any]:
    return [finding.value for finding in stage(of, Analysis())]
