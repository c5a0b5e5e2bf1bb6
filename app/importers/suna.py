"""Suna's and Kortix's threads: rows of several types, whose content is JSON inside JSON."""

import re
from typing import Any

from app.domain.thread import Attachment, Thread
from app.importers.base import Unreadable
from app.importers.building import Builder
from app.importers.parts import said
from app.importers.tags import calls_in_tags
from app.importers.values import file_name, joined, name_of, output_text, record, records, unpacked, when, words

ROWS = {
    "user",
    "assistant",
    "tool",
    "system",
    "status",
    "browser_state",
    "image_context",
    "llm_response_end",
    "cost",
    "summary",
}
UPLOADED = re.compile(r"\[(?:Uploaded|Attached) (?:File|Image)s?:\s*([^\]\n]{1,400})\]", re.IGNORECASE)


class Suna:
    name = "suna"
    label = "Suna, Kortix"

    def knows(self, value: Any) -> bool:
        return any(_is_row(row) for row in _rows(value)[:5])

    def thread(self, value: Any) -> Thread:
        export = record(value)
        rows = _ordered(_rows(value))
        build = Builder()
        system: list[str] = []
        model = None
        for row in rows:
            content, metadata = unpacked(row.get("content")), record(unpacked(row.get("metadata")))
            if row.get("type") == "system":
                system.append(_said(content, metadata))
            model = name_of(record(content).get("model"), metadata.get("model")) or model
            _read(build, row, content, metadata)
        messages = build.messages()
        if not messages:
            raise Unreadable("The thread holds no message of a user or an assistant.")
        thread, agent = _thread_row(export), _agent(export)
        project = record(export.get("project")) or record(thread.get("project"))
        tools = agent.get("tools") or agent.get("agentpress_tools")
        return Thread(
            format="suna",
            messages=messages,
            key=name_of(thread.get("thread_id"), thread.get("id"), rows[0].get("thread_id")) or "",
            title=name_of(
                thread.get("name"),
                thread.get("title"),
                record(unpacked(thread.get("metadata"))).get("title"),
                project.get("name"),
            ),
            model=name_of(agent.get("model")) or model,
            system_prompt=name_of(agent.get("system_prompt")) or joined(dict.fromkeys(system)),
            settings=({"tools": tools} if tools else {}) | _schedule(export, agent),
        )


def _rows(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, list):
        return records(value)
    found = record(value)
    for holder in (found, record(found.get("thread")), record(found.get("data"))):
        rows = records(holder.get("messages")) or records(holder.get("data"))
        if rows:
            return rows
    return []


def _is_row(row: dict[str, Any]) -> bool:
    if words(row.get("type")) not in ROWS or "content" not in row:
        return False
    return "is_llm_message" in row or ("message_id" in row and "thread_id" in row)


def _schedule(export: dict[str, Any], agent: dict[str, Any]) -> dict[str, str]:
    """Return the one schedule on which the agent runs by itself; of several nobody knows which is meant."""
    holders = [one.get(name) for one in (export, agent) for name in ("agent_triggers", "triggers")]
    found = [record(unpacked(one.get("config"))) or one for holder in holders for one in records(holder)]
    named = [(name_of(one.get("cron_expression"), one.get("cron")), name_of(one.get("timezone"))) for one in found]
    rules = {(rule, zone) for rule, zone in named if rule}
    if len(rules) != 1:
        return {}
    [(rule, zone)] = rules
    return {"schedule": rule} | ({"timezone": zone} if zone else {})


def _ordered(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows in the order they were written; the API gives them in either."""
    times = [when(row.get("created_at")) for row in rows]
    known = [at for at in times if at]
    if len(known) < len(rows):
        return rows
    return [row for _, row in sorted(zip(known, rows, strict=True), key=lambda pair: pair[0])]


def _thread_row(export: dict[str, Any]) -> dict[str, Any]:
    thread = record(export.get("thread"))
    return thread or ({} if export.get("role") else export)


def _agent(export: dict[str, Any]) -> dict[str, Any]:
    """Return the agent's settings, whichever of its versions or shapes the export holds."""
    thread = record(export.get("thread"))
    agent = record(unpacked(export.get("agent") or thread.get("agent") or export.get("agent_config")))
    for listed in ("agents", "agent_versions"):
        agent = agent or next(iter(records(export.get(listed))), {})
    found: dict[str, Any] = {}
    for holder in (agent, record(agent.get("current_version")), record(export.get("agent_version"))):
        for part in (holder, record(unpacked(holder.get("config")))):
            found |= {key: item for key, item in part.items() if item or key not in found}
    return found


def _said(content: Any, metadata: dict[str, Any]) -> str:
    """Return the text of a content: an object's, or the plain text of a row that was compressed."""
    if isinstance(content, dict):
        inner = content.get("content")
        return said(inner) if not isinstance(inner, dict) else words(inner.get("content"))
    if isinstance(content, str):
        return content or words(metadata.get("compressed_content"))
    return said(content)


def _read(build: Builder, row: dict[str, Any], content: Any, metadata: dict[str, Any]) -> None:
    kind = words(row.get("type"))
    if kind == "tool":
        _result(build, content, metadata)
    if kind not in {"user", "assistant"}:
        return
    text = _said(content, metadata)
    if kind == "user":
        if _is_cached(content):
            return
        names = [name for path in UPLOADED.findall(text) if (name := file_name(path))]
        files = [Attachment(name) for name in dict.fromkeys(names)]
        build.say(
            "user",
            UPLOADED.sub("", text).strip(),
            at=row.get("created_at"),
            key=row.get("message_id"),
            attachments=files,
        )
        return
    plain, tagged = calls_in_tags(text)
    build.say("assistant", plain, at=row.get("created_at"), key=row.get("message_id"))
    for name, given in tagged:
        build.call(name, given)
    for call in records(record(content).get("tool_calls")):
        made = record(call.get("function")) or call
        build.call(
            name_of(made.get("name"), made.get("function_name")),
            made.get("arguments"),
            call.get("id") or call.get("tool_call_id"),
        )


def _is_cached(content: Any) -> bool:
    """Whether a row repeats earlier messages for the cache of a model."""
    inner = record(content).get("content") if isinstance(content, dict) else content
    blocks = [block for block in records(inner) if "cache_control" in block]
    return any("User:" in words(block.get("text")) or "Assistant:" in words(block.get("text")) for block in blocks)


def _result(build: Builder, content: Any, metadata: dict[str, Any]) -> None:
    found = record(content)
    inner = unpacked(found.get("content", content))
    ran = record(inner).get("tool_execution") if isinstance(inner, dict) else None
    ran = record(ran) or record(found.get("tool_execution"))
    key = name_of(found.get("tool_call_id"), ran.get("tool_call_id"), metadata.get("tool_call_id"))
    name = name_of(found.get("name"), ran.get("function_name"), metadata.get("function_name"))
    result = ran.get("result", inner) if ran else inner
    told = record(result)
    failed = not told["success"] if isinstance(told.get("success"), bool) else None
    output = output_text(told.get("output") or told.get("error") or "") if "success" in told else result
    if build.result(output, key=key, name=name, failed=failed):
        return
    if name and ran:  # older rows name the call only here
        build.call(name, ran.get("arguments"), key)
        build.result(output, key=key, name=name, failed=failed)
