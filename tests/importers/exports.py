"""Small made-up exports, one a format, with dead branches, hidden nodes, calls and files."""

import json


def chat_node(key, parent, role, text, **more):
    content = more.pop("content", {"content_type": "text", "parts": [text]})
    message = {
        "id": key,
        "author": {"role": role, "name": more.pop("name", None)},
        "create_time": more.pop("at", 1_790_000_000.5),
        "content": content,
        "recipient": more.pop("recipient", "all"),
        "channel": more.pop("channel", None),
        "metadata": more,
    }
    return {key: {"id": key, "parent": parent, "children": [], "message": message}}


def chatgpt(**more):
    code = {"content_type": "code", "text": "print(len(rows))"}
    told = {"content_type": "user_editable_context", "user_profile": "", "user_instructions": "Answer in metric units."}
    nodes = {
        "root": {"id": "root", "parent": None, "children": ["sys"], "message": None},
        **chat_node("sys", "root", "system", "", is_visually_hidden_from_conversation=True),
        **chat_node("me", "sys", "user", "", content=told, is_visually_hidden_from_conversation=True),
        **chat_node(
            "q1", "me", "user", "count the rows", attachments=[{"name": "rows.csv", "size": 9, "mime_type": "text/csv"}]
        ),
        **chat_node("dead", "q1", "assistant", "I cannot open it.", at=1_799_999_999),
        **chat_node("think", "q1", "assistant", "", content={"content_type": "thoughts", "thoughts": []}),
        **chat_node("call", "think", "assistant", "", content=code, recipient="python"),
        **chat_node(
            "ran", "call", "tool", "", content={"content_type": "execution_output", "text": "12"}, name="python"
        ),
        **chat_node("a1", "ran", "assistant", "Twelve rows \ue200cite\ue202turn0\ue201.", model_slug="gpt-5"),
        **chat_node("q2", "a1", "user", "thanks"),
    }
    return {
        "title": "Rows",
        "conversation_id": "c1",
        "current_node": "q2",
        "default_model_slug": "auto",
        "mapping": nodes,
        **more,
    }


def claude(**more):
    blocks = [
        {"type": "text", "text": "I look."},
        {"type": "tool_use", "id": "t1", "name": "fetch", "input": {"url": "https://a.test"}},
        {
            "type": "tool_result",
            "tool_use_id": "t1",
            "name": "fetch",
            "content": [{"type": "text", "text": "404"}],
            "is_error": True,
        },
        {"type": "thinking", "thinking": "hm"},
        {"type": "text", "text": "It is gone."},
    ]
    rows = [
        {
            "uuid": "1",
            "sender": "human",
            "text": "see a.test",
            "content": [],
            "attachments": [{"file_name": "old.txt"}],
            "parent_message_uuid": "00000000-0000",
        },
        {"uuid": "2", "sender": "assistant", "text": "x", "content": blocks, "parent_message_uuid": "3"},
        {
            "uuid": "3",
            "sender": "human",
            "text": "look at a.test",
            "content": [],
            "files": [{"file_name": "new.txt"}],
            "parent_message_uuid": "00000000-0000",
        },
        {
            "uuid": "4",
            "sender": "human",
            "text": "",
            "content": [{"type": "text", "text": "ok"}],
            "parent_message_uuid": "2",
        },
    ]
    rows = [rows[0], rows[2], rows[1], rows[3]]
    return {"uuid": "u1", "name": "Pages", "chat_messages": rows, **more}


def suna_row(number, kind, content, metadata=None):
    return {"message_id": f"m{number}", "thread_id": "t", "type": kind, "is_llm_message": True, "content": content,
            "metadata": json.dumps(metadata or {}), "created_at": f"2026-10-01T07:{number:02}:00+00:00"}  # fmt: skip


def suna(**more):
    call = {"id": "c1", "type": "function", "function": {"name": "run", "arguments": '{"command": "ls"}'}}
    old = 'Again.\n\n<function_calls>\n<invoke name="run">\n<parameter name="command">pwd</parameter>\n</invoke>\n</function_calls>'
    cached = {"role": "user", "content": [{"type": "text", "text": "User: list\nAssistant: ok", "cache_control": {}}]}
    ran = {
        "tool_execution": {
            "function_name": "run",
            "arguments": {},
            "result": {"success": False, "output": None, "error": "no"},
        }
    }
    rows = [
        suna_row(
            1, "user", json.dumps({"role": "user", "content": "list\n\n[Uploaded File: /workspace/uploads/in.csv]"})
        ),
        suna_row(2, "status", {"status_type": "thread_run_start"}),
        suna_row(3, "assistant", json.dumps({"role": "assistant", "content": "", "tool_calls": [call]})),
        suna_row(
            4,
            "tool",
            json.dumps(
                {"role": "tool", "tool_call_id": "c1", "name": "run", "content": '{"success": true, "output": "a"}'}
            ),
        ),
        suna_row(5, "llm_response_end", json.dumps({"model": "openai/gpt-5"})),
        suna_row(6, "user", cached),
        suna_row(7, "assistant", {"role": "assistant", "content": old}),
        suna_row(8, "tool", {"role": "user", "content": json.dumps(ran)}),
        suna_row(9, "assistant", "Done, in sh", {"compressed": True}),
    ]
    return {"messages": rows[::-1], **more}


def librechat(**more):
    def row(key, parent, by_user, text, at, **extra):
        return {"messageId": key, "parentMessageId": parent, "isCreatedByUser": by_user, "text": text,
                "createdAt": f"2026-10-01T07:{at:02}:00Z", "model": "agent_x", **extra}  # fmt: skip

    call = {
        "type": "tool_call",
        "tool_call": {"id": "c", "name": "search", "args": '{"q": "x"}', "output": "Error: down"},
    }
    parts = [{"type": "think", "think": "hm"}, call, {"type": "text", "text": {"value": "Nothing found."}}]
    rows = [
        row("1", "0", True, "find x", 1, files=[{"filename": "x.pdf", "bytes": 5}]),
        row("2", "1", False, "dead end", 2),
        row("3", "1", False, "", 3, content=parts),
        row("4", "3", True, "ok", 4),
    ]
    return {
        "conversationId": "l1",
        "title": "Find",
        "options": {"model": "gpt-4o", "promptPrefix": "Be short."},
        "messages": rows,
        **more,
    }


def openwebui(**more):
    html = ('<details type="reasoning"><summary>Thought</summary>\nhm</details>\n<details type="tool_calls" name="sql" '
            'arguments="&quot;{\\&quot;q\\&quot;: \\&quot;select 1 &gt; 0\\&quot;}&quot;" result="&quot;1&quot;">\n<summary>Done</summary>\n</details>\nOne.')  # fmt: skip
    output = [
        {"type": "function_call", "call_id": "c", "name": "sql", "arguments": '{"q": "select 2"}'},
        {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_text", "text": "2"}]},
        {"type": "message", "content": [{"type": "output_text", "text": "Two."}]},
    ]
    nodes = {
        "a": {"id": "a", "parentId": None, "childrenIds": ["b", "x"], "role": "user", "content": "one?", "timestamp": 1_790_000_000,
              "files": [{"type": "file", "name": "t.csv"}, {"type": "collection", "name": "Handbook"}]},
        "x": {"id": "x", "parentId": "a", "childrenIds": [], "role": "assistant", "content": "dead", "model": "m1"},
        "b": {"id": "b", "parentId": "a", "childrenIds": ["c"], "role": "assistant", "content": html, "model": "m2"},
        "c": {"id": "c", "parentId": "b", "childrenIds": ["d"], "role": "user", "content": "two?"},
        "d": {"id": "d", "parentId": "c", "childrenIds": [], "role": "assistant", "content": "old", "output": output, "model": "m2"},
    }  # fmt: skip
    chat = {
        "title": "Numbers",
        "models": ["m1", "m2"],
        "params": {"system": "Use SQL."},
        "history": {"currentId": "d", "messages": nodes},
    }
    return {"id": "w1", "title": "Numbers", "chat": chat, **more}


CHAT_MESSAGES = [
    {"role": "system", "content": "You are terse."},
    {
        "role": "user",
        "content": [{"type": "text", "text": "weather?"}, {"type": "file", "file": {"filename": "places.txt"}}],
    },
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "c", "function": {"name": "weather", "arguments": '{"place": "Kiel"}'}}],
    },
    {"role": "tool", "tool_call_id": "c", "content": "4 C"},
    {"role": "assistant", "content": "4 degrees."},
]


def anthropic(**more):
    messages = [
        {
            "role": "user",
            "content": [
                {"type": "document", "title": "a.pdf", "source": {"type": "base64", "data": "JV"}},
                {"type": "text", "text": "read"},
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "I read."},
                {"type": "tool_use", "id": "t", "name": "read", "input": {}},
            ],
        },
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "gone", "is_error": True}]},
    ]
    answer = {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "text", "text": "It is gone."}],
        "model": "claude-x",
    }
    return {
        "request": {"model": "claude-x", "system": [{"type": "text", "text": "Read files."}], "messages": messages},
        "response": answer,
        **more,
    }


def claude_code():
    def row(key, parent, kind, message, **more):
        return {
            "type": kind,
            "uuid": key,
            "parentUuid": parent,
            "sessionId": "s1",
            "timestamp": "2026-10-01T07:00:00Z",
            "message": message,
            **more,
        }

    step = {"id": "msg1", "role": "assistant", "model": "claude-y"}
    return [
        {"type": "summary", "summary": "Fix the build", "leafUuid": "5"},
        row(
            "1",
            None,
            "user",
            {"role": "user", "content": "fix the build<system-reminder>x</system-reminder>"},
            cwd="/src",
        ),
        row("m", "1", "user", {"role": "user", "content": "Caveat: local"}, isMeta=True),
        row("2", "m", "assistant", {**step, "content": [{"type": "text", "text": "I run it."}]}),
        row(
            "3",
            "2",
            "assistant",
            {**step, "content": [{"type": "tool_use", "id": "t", "name": "Bash", "input": {"command": "make"}}]},
        ),
        row(
            "4",
            "3",
            "user",
            {
                "role": "user",
                "content": [{"type": "tool_result", "tool_use_id": "t", "content": "boom", "is_error": True}],
            },
        ),
        row("s", None, "user", {"role": "user", "content": "side"}, isSidechain=True),
        row("5", "4", "assistant", {**step, "id": "msg2", "content": [{"type": "text", "text": "It broke."}]}),
    ]


def codex():
    def item(**payload):
        return {"timestamp": "2026-10-01T07:00:00Z", "type": "response_item", "payload": payload}

    def said(role, kind, text):
        return item(type="message", role=role, content=[{"type": kind, "text": text}])

    return [
        {
            "timestamp": "2026-10-01T07:00:00Z",
            "type": "session_meta",
            "payload": {"id": "x1", "cwd": "/src", "instructions": "Small diffs."},
        },
        {
            "timestamp": "2026-10-01T07:00:00Z",
            "type": "turn_context",
            "payload": {"model": "gpt-5-codex", "cwd": "/src"},
        },
        said("user", "input_text", "<environment_context>\n</environment_context>"),
        said("user", "input_text", "run the tests"),
        {
            "timestamp": "2026-10-01T07:00:00Z",
            "type": "event_msg",
            "payload": {"type": "user_message", "message": "run the tests"},
        },
        item(type="reasoning", summary=[]),
        item(type="function_call", name="shell", call_id="c", arguments='{"command": ["pytest"]}'),
        item(type="function_call_output", call_id="c", output="3 passed"),
        said("assistant", "output_text", "All pass."),
    ]
