"""Codex's rollouts: one event a line, whose payloads are items of OpenAI's Responses API."""

from typing import Any

from app.domain.thread import Thread
from app.importers.base import Unreadable
from app.importers.building import Builder
from app.importers.parts import said
from app.importers.responses import is_item, read_item
from app.importers.values import joined, name_of, record, records, words

EVENTS = {"session_meta", "response_item", "event_msg", "turn_context", "compacted"}
UNSAID = (
    "<environment_context>",
    "<user_instructions>",
    "<permissions",
    "<turn_aborted>",
    "<collaboration_mode>",
    "<skill",
    "<INSTRUCTIONS>",
    "# AGENTS.md instructions",
)
KEPT = ("cwd", "approval_policy", "effort", "timezone")


class Codex:
    name = "codex"
    label = "Codex"

    def knows(self, value: Any) -> bool:
        rows = records(value)[:10] if isinstance(value, list) else []
        if any(words(row.get("type")) in EVENTS and isinstance(row.get("payload"), dict) for row in rows):
            return True
        return any(row.get("record_type") == "state" for row in rows) or bool(
            rows and "instructions" in rows[0] and "timestamp" in rows[0]
        )

    def thread(self, value: Any) -> Thread:
        rows = records(value)
        meta, turn, system = _context(rows)
        build = Builder()
        items = [(row.get("timestamp"), item) for row in rows if (item := _item(row))]
        if not any(item.get("type") == "message" and item.get("role") == "user" for _, item in items):
            items = [(row.get("timestamp"), item) for row in rows if (item := _item(row) or _told(row))]
        for at, item in items:
            text = said(item.get("content")) if item.get("type") == "message" else ""
            if words(item.get("role")) in {"system", "developer"}:
                system.append(text)
            elif not (item.get("role") == "user" and text.lstrip().startswith(UNSAID)):
                read_item(build, {"timestamp": at, **item})
        messages = build.messages()
        if not messages:
            raise Unreadable("The rollout holds no message of a user or an assistant.")
        return Thread(
            format="codex",
            messages=messages,
            key=name_of(meta.get("id"), meta.get("session_id")) or "",
            title=name_of(meta.get("title"), meta.get("thread_name")),
            model=name_of(turn.get("model"), meta.get("model")),
            system_prompt=joined(dict.fromkeys(text for text in system if not text.lstrip().startswith(UNSAID[2:3]))),
            settings={key: (turn | meta)[key] for key in KEPT if (turn | meta).get(key) is not None},
        )


def _context(rows: list[dict[str, Any]]) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
    """Return the session, its last turn's settings, and its instructions."""
    metas = [record(row.get("payload")) for row in rows if row.get("type") == "session_meta"]
    flat = rows[0] if rows and "payload" not in rows[0] and not is_item(rows[0]) else {}
    meta = metas[0] if metas else flat
    turns = [record(row.get("payload")) for row in rows if row.get("type") == "turn_context"]
    base = meta.get("base_instructions")
    told = [words(base) or words(record(base).get("text")), words(meta.get("instructions"))]
    return meta, turns[-1] if turns else {}, [text for text in told if text.strip()]


def _item(row: dict[str, Any]) -> dict[str, Any]:
    if row.get("type") == "response_item":
        return record(row.get("payload"))
    return row if "payload" not in row and is_item(row) else {}


def _told(row: dict[str, Any]) -> dict[str, Any]:
    """Return the message of an event, for rollouts that keep no items of messages."""
    payload = record(row.get("payload")) if row.get("type") == "event_msg" else {}
    role = {"user_message": "user", "agent_message": "assistant"}.get(words(payload.get("type")))
    return {"type": "message", "role": role, "content": payload.get("message")} if role else {}
