"""Claude's data export: conversations whose messages hold blocks."""

from collections.abc import Sequence
from typing import Any

from app.domain.thread import Attachment, Thread
from app.importers.base import Unreadable
from app.importers.building import Builder
from app.importers.values import joined, name_of, record, records, size_of, text_of, without, words

UNSUPPORTED = "This block is not supported on your current device yet."
PASTED = "paste.txt"


class Claude:
    name = "claude"
    label = "Claude"

    def knows(self, value: Any) -> bool:
        return isinstance(record(value).get("chat_messages"), list)

    def thread(self, value: Any) -> Thread:
        build = Builder()
        for message in branch(records(value.get("chat_messages")), value.get("current_leaf_message_uuid")):
            _read(build, message)
        messages = build.messages()
        if not messages:
            raise Unreadable("The conversation holds no message.")
        return Thread(
            format="claude",
            messages=messages,
            key=words(value.get("uuid")),
            title=name_of(value.get("name")),
            model=name_of(value.get("model")),
            system_prompt=name_of(record(value.get("project")).get("prompt_template")) or "",
        )


def branch(messages: list[dict[str, Any]], leaf: Any) -> Sequence[dict[str, Any]]:
    """Return the messages that lead to `leaf`, or to the last one; all of them where they name no parents."""
    places = {words(message.get("uuid")): place for place, message in enumerate(messages)}
    if not any(name_of(message.get("parent_message_uuid")) for message in messages):
        return messages
    place = places.get(words(leaf), len(messages) - 1)
    path = []
    while place >= 0:
        path.append(messages[place])
        parent = words(messages[place].get("parent_message_uuid"))
        if parent.startswith("00000000-"):
            break
        # a parent that the export lost: what stands before is the best guess
        place = min(places.get(parent, place - 1), place - 1)
    return path[::-1]


def _read(build: Builder, message: dict[str, Any]) -> None:
    role = words(message.get("sender"))
    if role not in {"human", "user", "assistant"}:
        return
    blocks = records(message.get("content"))
    text = joined(text_of(block) for block in blocks if block.get("type") == "text")
    build.say(
        "assistant" if role == "assistant" else "user",
        _supported(text) or _supported(words(message.get("text"))),
        at=message.get("created_at"),
        key=message.get("uuid"),
        attachments=[] if role == "assistant" else _attachments(message),
    )
    for block in blocks:
        if block.get("type") == "tool_use":
            build.call(block.get("name"), block.get("input"), block.get("id"))
        elif block.get("type") == "tool_result":
            build.result(
                block.get("content"),
                key=block.get("tool_use_id"),
                name=block.get("name"),
                failed=block.get("is_error"),
            )


def _supported(text: str) -> str:
    text = without(text, f"```\n{UNSUPPORTED}\n", "```").replace(UNSUPPORTED, "")
    return joined(text.split("\n\n\n")) if UNSUPPORTED not in text else ""


def _attachments(message: dict[str, Any]) -> list[Attachment]:
    found: dict[str, Attachment] = {}
    for item in records(message.get("attachments")):
        held = words(item.get("extracted_content"))
        name = name_of(item.get("file_name")) or (PASTED if held else None)
        if name:
            found[name] = Attachment(name, words(item.get("file_type")), size_of(item.get("file_size")), held)
    for item in [*records(message.get("files")), *records(message.get("files_v2"))]:
        name = name_of(item.get("file_name"))
        if name and name not in found:
            found[name] = Attachment(name, words(item.get("file_kind")), size_of(item.get("file_size")))
    return list(found.values())
