"""Claude Code's transcripts: one record a line, which name their parent."""

import re
from typing import Any

from app.domain.thread import Attachment, Thread
from app.importers.base import Unreadable
from app.importers.building import Builder
from app.importers.parts import attachments_of, said
from app.importers.values import chain, file_name, name_of, record, records, without, words

SPOKEN = {"user", "assistant"}
TITLES = {"summary": "summary", "custom-title": "customTitle", "ai-title": "aiTitle"}
UNSAID = (
    "<local-command-",
    "<command-name>",
    "<command-message>",
    "<bash-stdout>",
    "<bash-stderr>",
    "Caveat: ",
    "[Request interrupted",
)
COMMAND = re.compile(r"<command-args>([^<]{1,4000})</command-args>")


class ClaudeCode:
    name = "claude_code"
    label = "Claude Code"

    def knows(self, value: Any) -> bool:
        rows = records(value)[:20] if isinstance(value, list) else []
        return any(
            words(row.get("type")) in SPOKEN and "message" in row and ("sessionId" in row or "parentUuid" in row)
            for row in rows
        )

    def thread(self, value: Any) -> Thread:
        rows = records(value)
        build = Builder()
        model, last = None, None
        branch = _branch(rows)
        for row in branch:
            message = record(row.get("message"))
            model = _model(message) or model
            last = _read(build, row, message, last)
        messages = build.messages()
        if not messages:
            raise Unreadable("The transcript holds no message of a user or an assistant.")
        titles = [name_of(row.get(TITLES[words(row["type"])])) for row in rows if words(row.get("type")) in TITLES]
        return Thread(
            format="claude_code",
            messages=messages,
            key=next((words(row.get("sessionId")) for row in branch if row.get("sessionId")), ""),
            title=next((title for title in reversed(titles) if title), None),
            model=model,
            settings={
                key: branch[0][key] for key in ("cwd", "version", "permissionMode") if name_of(branch[0].get(key))
            },
        )


def _branch(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the records of the main conversation that lead to the last one; all of them where the chain is torn."""
    kinds = SPOKEN | {"attachment", "system"}
    main = [row for row in rows if not row.get("isSidechain") and words(row.get("type")) in kinds]
    nodes = {
        words(row.get("uuid")): {"up": row.get("parentUuid") or row.get("logicalParentUuid")}
        for row in main
        if row.get("uuid")
    }
    spoken = [row for row in main if words(row.get("type")) in SPOKEN]
    if not spoken:
        return rows[:1]
    path = set(chain(nodes, spoken[-1].get("uuid"), "up"))
    on_path = [row for row in main if words(row.get("uuid")) in path]
    if not on_path or on_path[0].get("parentUuid"):
        return spoken
    # several calls at once hang beside each other: a step is whole, and a result belongs to its call
    steps = {_step(row) for row in on_path} - {""}
    whole = [row for row in main if words(row.get("uuid")) in path or _step(row) in steps]
    calls = {words(block.get("id")) for row in whole for block in _blocks(row)} - {""}
    chosen = {id(row) for row in whole}
    return [
        row
        for row in main
        if id(row) in chosen or any(words(block.get("tool_use_id")) in calls for block in _blocks(row))
    ]


def _step(row: dict[str, Any]) -> str:
    """Return the answer of the model that a record is a block of."""
    return words(record(row.get("message")).get("id")) if row.get("type") == "assistant" else ""


def _blocks(row: dict[str, Any]) -> list[dict[str, Any]]:
    return records(record(row.get("message")).get("content"))


def _model(message: dict[str, Any]) -> str | None:
    model = name_of(message.get("model"))
    return None if model == "<synthetic>" else model


def _read(build: Builder, row: dict[str, Any], message: dict[str, Any], last: Any) -> Any:
    """Add a record; returns the id of the agent's step it belongs to, for a step is written block by block."""
    content = message.get("content")
    if row.get("type") == "user":
        _read_user(build, row, content)
        return None
    if row.get("type") == "attachment":
        _attach(build, record(row.get("attachment")))
    if row.get("type") != "assistant" or row.get("isApiErrorMessage"):
        return last
    text = said(content)
    if last and last == message.get("id") and build.role == "assistant":
        build.add_text(text)
    elif text.strip() or any(block.get("type") == "tool_use" for block in records(content)):
        build.say("assistant", text, at=row.get("timestamp"), key=row.get("uuid"))
    for block in records(content):
        if words(block.get("type")) in {"tool_use", "server_tool_use"}:
            build.call(block.get("name"), block.get("input"), block.get("id"))
    return message.get("id")


def _read_user(build: Builder, row: dict[str, Any], content: Any) -> None:
    """Add what the person said, and the results of calls, which stand in records of the same kind."""
    for block in records(content):
        if block.get("type") == "tool_result":
            build.result(block.get("content"), key=block.get("tool_use_id"), failed=block.get("is_error"))
    text, files = _asked(said(content)), attachments_of(content)
    if not row.get("isMeta") and not row.get("isCompactSummary") and (text or files):
        build.say("user", text, at=row.get("timestamp"), key=row.get("uuid"), attachments=files)


def _attach(build: Builder, told: dict[str, Any]) -> None:
    name = file_name(told.get("filename") or told.get("displayPath"))
    if words(told.get("type")) in {"file", "image", "pdf"} and name:
        build.attach(Attachment(name))


def _asked(text: str) -> str:
    """Return what the person typed, without what the program put around it."""
    text = without(text, "<system-reminder>", "</system-reminder>")
    text = without(text, "<ide_", ">") if text.lstrip().startswith("<ide_") else text
    if text.lstrip().startswith(UNSAID):
        command = COMMAND.search(text)
        return command[1].strip() if command else ""
    return text.strip()
