"""Open WebUI's export of chats, with calls in `output` or, before, as HTML inside the text."""

import re
from typing import Any

from app.domain.thread import Attachment, Message, Thread
from app.importers.base import Unreadable
from app.importers.building import Builder
from app.importers.responses import read_item
from app.importers.values import (
    attributes,
    chain,
    joined,
    name_of,
    newest,
    output_text,
    record,
    records,
    size_of,
    text_of,
    unpacked,
    without,
    words,
)

DETAILS = "<details "
HIDDEN = {"tool_calls", "reasoning", "code_interpreter", "code_execution"}
SUMMARY = re.compile(r"<summary>[^<]{0,500}</summary>")
NO_FILES = {"collection", "web_search", "chat", "folder", "note", "web_search_results"}


class OpenWebUI:
    name = "openwebui"
    label = "Open WebUI"

    def knows(self, value: Any) -> bool:
        if _automation(value):
            return True
        chat = _chat(value)
        messages = record(chat.get("history")).get("messages")
        if isinstance(messages, dict):
            return True
        rows = records(chat.get("messages"))
        return any(
            "parentId" in row or "childrenIds" in row or ("timestamp" in row and "models" in row) for row in rows[:3]
        )

    def thread(self, value: Any) -> Thread:
        if automation := _automation(value):
            return _of_automation(value, automation)
        chat = _chat(value)
        branch = _branch(chat)
        build = Builder()
        for message in branch:
            _read(build, message)
        for item in _attachments(chat.get("files")):
            if item.name not in {known.name for m in build.messages() for known in m.attachments}:
                build.attach(item)
        messages = build.messages()
        if not messages:
            raise Unreadable("The chat holds no message on its current branch.")
        params = record(chat.get("params"))
        said = [text_of({"text": m.get("content")}) for m in branch if m.get("role") == "system"]
        answered = [m.get("model") for m in reversed(branch) if m.get("role") == "assistant"]
        offered = chat.get("models")
        models = offered if isinstance(offered, list) else []
        return Thread(
            format="openwebui",
            messages=messages,
            key=name_of(value.get("id"), chat.get("id")) or "",
            title=name_of(value.get("title"), chat.get("title")),
            model=name_of(*(m for m in answered if m in models), *models, *answered),
            system_prompt=joined([name_of(params.get("system"), chat.get("system")) or "", *said]),
            settings={key: item for key, item in params.items() if key != "system" and item is not None},
        )


def _automation(value: Any) -> dict[str, Any]:
    """Return what an item of an export of automations does; nothing for a chat."""
    data = record(record(value).get("data"))
    return data if name_of(data.get("prompt")) and name_of(data.get("rrule")) else {}


def _of_automation(value: Any, data: dict[str, Any]) -> Thread:
    """Return an automation as a conversation in which its prompt was said; its schedule is among the settings."""
    return Thread(
        format="openwebui",
        messages=(Message("user", str(data["prompt"]).strip()),),
        key=name_of(value.get("id")) or "",
        title=name_of(value.get("name")),
        model=name_of(data.get("model_id")),
        settings={"schedule": str(data["rrule"]).strip()},
    )


def _chat(value: Any) -> dict[str, Any]:
    """Return the chat of an item; in old exports the item is the chat."""
    found = record(value)
    return record(found.get("chat")) or found


def _branch(chat: dict[str, Any]) -> list[dict[str, Any]]:
    history = record(chat.get("history"))
    nodes = {key: node for key, node in record(history.get("messages")).items() if isinstance(node, dict)}
    path = chain(nodes, history.get("currentId"), "parentId")
    if not path and nodes:
        ends = [{"key": key, "at": node.get("timestamp")} for key, node in nodes.items() if not node.get("childrenIds")]
        last = newest(ends, "at")
        path = chain(nodes, last["key"], "parentId") if last else []
    return [nodes[key] for key in path] or records(chat.get("messages"))


def _read(build: Builder, message: dict[str, Any]) -> None:
    role = words(message.get("role"))
    if role not in {"user", "assistant"}:
        return
    content = message.get("content")
    text = (
        content
        if isinstance(content, str)
        else joined(text_of(p) for p in records(content) if p.get("type") != "thinking")
    )
    plain, calls = split(text) if role == "assistant" else (text, [])
    items = records(message.get("output"))
    said = joined(_said(item) for item in items if item.get("type") == "message")
    build.say(
        "user" if role == "user" else "assistant",
        without(said or plain, "<think>", "</think>"),
        at=message.get("timestamp"),
        key=message.get("id"),
        attachments=_attachments(message.get("files")) if role == "user" else [],
    )
    traffic = [item for item in items if words(item.get("type")) not in {"message", "reasoning"}]
    for item in traffic:
        read_item(build, item)
    if not traffic:
        for name, given, output in calls:
            build.call(name, given)
            build.result(output, name=name)


def _said(item: dict[str, Any]) -> str:
    content = item.get("content")
    return content if isinstance(content, str) else "".join(text_of(part) for part in records(content))


def split(text: str) -> tuple[str, list[tuple[str, Any, str]]]:
    """Return a text without its `<details>` of reasoning and calls, and those calls: name, arguments, output."""
    kept, calls, place, start = [], [], 0, text.find(DETAILS)
    while start >= 0 and (closed := text.find(">", start)) >= 0:
        told = attributes(text[start:closed])
        kind = words(told.get("type"))
        if kind not in HIDDEN:
            start = text.find(DETAILS, closed)
            continue
        kept.append(text[place:start])
        end = text.find("</details>", closed)
        body = text[closed + 1 : end if end >= 0 else len(text)]
        place = end + len("</details>") if end >= 0 else len(text)
        if kind != "reasoning":
            calls.append(_call(kind, told, SUMMARY.sub("", body, count=1).strip()))
        start = text.find(DETAILS, place)
    kept.append(text[place:])
    return joined(part.strip("\n") for part in kept), calls


def _call(kind: str, told: dict[str, str], body: str) -> tuple[str, Any, str]:
    if kind != "tool_calls":
        return kind, {"code": body.strip("`").strip()}, output_text(unpacked(told.get("output", "")))
    result = told["result"] if told.get("result") else _unescaped(body)
    return told.get("name", ""), unpacked(told.get("arguments", "")), output_text(unpacked(result, 1))


def _unescaped(text: str) -> str:
    return attributes(f'body="{text}"').get("body", text) if '"' not in text else text


def _attachments(value: Any) -> list[Attachment]:
    found = []
    for item in records(value):
        inner = record(item.get("file"))
        meta = record(inner.get("meta")) or record(item.get("meta"))
        name = name_of(item.get("name"), inner.get("filename"), item.get("filename"), meta.get("name"))
        if not name or words(item.get("type")) in NO_FILES:
            continue
        media = name_of(item.get("content_type"), meta.get("content_type")) or ""
        size = size_of(item.get("size")) or size_of(meta.get("size"))
        found.append(Attachment(name, media, size, words(record(inner.get("data")).get("content"))))
    return found
