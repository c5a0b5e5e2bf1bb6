"""LibreChat's export of one conversation, flat or as a tree."""

from typing import Any

from app.domain.thread import Attachment, Thread
from app.importers.base import Unreadable
from app.importers.building import Builder
from app.importers.values import (
    chain,
    file_name,
    joined,
    name_of,
    newest,
    record,
    records,
    size_of,
    text_of,
    without,
    words,
)

KEPT = ("temperature", "top_p", "topP", "max_tokens", "maxOutputTokens", "tools", "endpoint", "agent_id")


class LibreChat:
    name = "librechat"
    label = "LibreChat"

    def knows(self, value: Any) -> bool:
        if isinstance(value, list):
            return bool(value) and all("isCreatedByUser" in record(item) for item in value[:3])
        found = record(value)
        rows = records(found.get("messages")) or records(found.get("messagesTree"))
        return any("isCreatedByUser" in row for row in rows[:3]) or (
            "conversationId" in found and "messagesTree" in found
        )

    def thread(self, value: Any) -> Thread:
        export = {"messages": value} if isinstance(value, list) else record(value)
        rows = _flat(records(export.get("messagesTree"))) or _flat(records(export.get("messages")))
        nodes = {words(row.get("messageId")): row for row in rows if row.get("messageId")}
        last = newest(rows, "createdAt")
        path = chain(nodes, last.get("messageId"), "parentMessageId") if last else []
        branch = [nodes[key] for key in path] or rows
        build = Builder()
        for row in branch:
            _read(build, row)
        messages = build.messages()
        if not messages:
            raise Unreadable("The conversation holds no message.")
        options = record(export.get("options")) or export
        agent = record(options.get("agent")) or record(options.get("agentOptions"))
        return Thread(
            format="librechat",
            messages=messages,
            key=name_of(export.get("conversationId"), rows[0].get("conversationId")) or "",
            title=name_of(export.get("title"), options.get("title")),
            model=_model(options, agent, branch),
            system_prompt=joined(
                words(text) for text in (options.get("promptPrefix"), options.get("system"), agent.get("instructions"))
            ),
            settings={key: options[key] for key in KEPT if options.get(key) is not None},
        )


def _flat(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the messages of a tree, each before its answers."""
    found, left = [], rows[::-1]
    while left:
        row = left.pop()
        found.append(row)
        left += records(row.get("children"))[::-1]
    return found


def _model(options: dict[str, Any], agent: dict[str, Any], branch: list[dict[str, Any]]) -> str | None:
    said = [row.get("model") for row in reversed(branch) if not row.get("isCreatedByUser")]
    named = [words(model) for model in (options.get("model"), agent.get("model"), *said)]
    return name_of(*(model for model in named if not model.startswith(("agent_", "asst_"))))


def _read(build: Builder, row: dict[str, Any]) -> None:
    if row.get("error") is True:
        return
    is_user = bool(row.get("isCreatedByUser"))
    parts = records(row.get("content"))
    text = joined(text_of(part) for part in parts if part.get("type") == "text")
    build.say(
        "user" if is_user else "assistant",
        text or without(words(row.get("text")), ":::thinking", "\n:::"),
        at=row.get("createdAt"),
        key=row.get("messageId"),
        attachments=_attachments(row) if is_user else [],
    )
    for part in parts:
        if part.get("type") == "tool_call":
            _call(build, record(part.get("tool_call")))


def _call(build: Builder, call: dict[str, Any]) -> None:
    made = record(call.get("function")) or call
    given = made.get("args", made.get("arguments"))
    build.call(made.get("name") or call.get("type"), given, call.get("id"))
    output = call.get("output", made.get("output"))
    if output is not None:
        build.result(output, key=call.get("id"), name=made.get("name"))


def _attachments(row: dict[str, Any]) -> list[Attachment]:
    files = [*records(row.get("files")), *records(row.get("attachments"))]
    return [
        Attachment(name, words(item.get("type")), size_of(item.get("bytes")), words(item.get("text")))
        for item in files
        if (name := name_of(item.get("filename")) or file_name(item.get("filepath")))
    ]
