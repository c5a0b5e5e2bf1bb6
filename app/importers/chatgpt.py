"""ChatGPT's data export: conversations whose nodes form a tree."""

import re
from typing import Any

from app.domain.thread import Attachment, Thread
from app.importers.base import Unreadable
from app.importers.building import Builder
from app.importers.values import chain, joined, name_of, newest, output_text, record, records, size_of, words

UNSEEN = {"thoughts", "reasoning_recap", "model_editable_context", "user_editable_context"}
NO_INSTRUCTIONS = "Original custom instructions no longer available"
CITATION = re.compile("\ue200[^\ue201]{0,2000}\ue201|\u3010[0-9:]{1,12}\u2020[^\u3011]{0,300}\u3011")


class ChatGPT:
    name = "chatgpt"
    label = "ChatGPT"

    def knows(self, value: Any) -> bool:
        nodes = record(value).get("mapping")
        if not isinstance(nodes, dict):
            return False
        return not nodes or any("message" in record(node) or "children" in record(node) for node in nodes.values())

    def thread(self, value: Any) -> Thread:
        nodes = {key: node for key, node in record(value.get("mapping")).items() if isinstance(node, dict)}
        build = Builder()
        system: list[str] = []
        model = None
        for key in chain(nodes, _leaf(nodes, value.get("current_node")), "parent"):
            message = record(nodes[key].get("message"))
            system += _instructions(message)
            model = name_of(record(message.get("metadata")).get("model_slug")) or model
            _read(build, message)
        messages = build.messages()
        if not messages:
            raise Unreadable("The conversation holds no message on its current branch.")
        return Thread(
            format="chatgpt",
            messages=messages,
            key=name_of(value.get("conversation_id"), value.get("id")) or "",
            title=name_of(value.get("title")),
            model=_model(value.get("default_model_slug"), model),
            system_prompt=joined(dict.fromkeys(system)),
            settings={"gizmo": value["gizmo_id"]} if name_of(value.get("gizmo_id")) else {},
        )


def _model(chosen: Any, answered: str | None) -> str | None:
    """Return the model of the conversation; where the program chose by itself, the one that answered last."""
    return name_of(chosen if chosen != "auto" else None, answered, chosen)


def _leaf(nodes: dict[str, dict[str, Any]], current: Any) -> Any:
    """Return the current node; where it dangles, the newest message that nothing follows."""
    if isinstance(current, str) and current in nodes:
        return current
    parents = {words(node.get("parent")) for node in nodes.values()}
    ends = [
        {"key": key, "at": record(node["message"]).get("create_time")}
        for key, node in nodes.items()
        if key not in parents and isinstance(node.get("message"), dict)
    ]
    found = newest(ends, "at")
    return found["key"] if found else None


def _instructions(message: dict[str, Any]) -> list[str]:
    """Return how the person wants to be answered, with what they tell of themselves, or what a system message says.

    What they tell of themselves alone asks nothing of the model.
    """
    content = record(message.get("content"))
    if content.get("content_type") == "user_editable_context":
        told = record(record(message.get("metadata")).get("user_context_message_data"))
        wanted = words(told.get("about_model_message")) or words(content.get("user_instructions"))
        about = words(told.get("about_user_message")) or words(content.get("user_profile"))
        return [part for part in (about, wanted) if part.strip()] if wanted.strip() else []
    if record(message.get("author")).get("role") == "system":
        text = _text(content)
        return [text] if text.strip() and not text.startswith(NO_INSTRUCTIONS) else []
    return []


def _read(build: Builder, message: dict[str, Any]) -> None:
    content, metadata = record(message.get("content")), record(message.get("metadata"))
    author, recipient = record(message.get("author")), words(message.get("recipient")) or "all"
    kind, role = words(content.get("content_type")), words(author.get("role"))
    if role == "tool":
        _result(build, content, metadata, words(author.get("name")))
        return
    if role not in {"user", "assistant"} or kind in UNSEEN or metadata.get("is_visually_hidden_from_conversation"):
        return
    if role == "assistant" and recipient != "all":
        build.call(recipient, _text(content), message.get("id"), message.get("create_time"))
        return
    if role == "assistant" and message.get("channel") == "analysis":
        return
    build.say(
        "user" if role == "user" else "assistant",
        CITATION.sub("", _text(content)),
        at=message.get("create_time"),
        key=message.get("id"),
        attachments=_attachments(metadata) if role == "user" else [],
    )


def _text(content: dict[str, Any]) -> str:
    """Return the texts of a content: strings, and what was heard; pictures and sounds have none."""
    parts = content.get("parts")
    if not isinstance(parts, list):
        return words(content.get("text"))
    return joined(part if isinstance(part, str) else words(record(part).get("text")) for part in parts)


def _result(build: Builder, content: dict[str, Any], metadata: dict[str, Any], name: str) -> None:
    ran = record(metadata.get("aggregate_result"))
    failed = None
    if content.get("content_type") == "system_error" or ran.get("in_kernel_exception"):
        failed = True
    elif name_of(ran.get("status")):
        failed = words(ran["status"]) not in {"success", "in_progress"}
    output = _text(content) or words(content.get("result")) or output_text(content.get("content"))
    build.result(output, name=name, failed=failed) or build.result(output, failed=failed)


def _attachments(metadata: dict[str, Any]) -> list[Attachment]:
    return [
        Attachment(
            name=name,
            media_type=words(item.get("mime_type") or item.get("mimeType")),
            size=size_of(item.get("size")),
        )
        for item in records(metadata.get("attachments"))
        if (name := name_of(item.get("name")))
    ]
