"""Each format: what was said on the current branch, what was called, and how the agent was set up."""

import json

import pytest

from app.importers.formats import importer_of
from tests.importers import exports

PLAIN = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]


def told(value):
    importer = importer_of(value)
    thread = importer.thread(value)
    assert thread.format == importer.name
    return thread, [message.text for message in thread.visible]


def called(thread):
    return [(call.name, dict(call.arguments), call.output, call.has_failed) for call in thread.calls]


def files(thread):
    return [item.name for message in thread.messages for item in message.attachments]


def test_chatgpt_follows_the_current_branch():
    thread, said = told(exports.chatgpt())
    assert said == ["count the rows", "Twelve rows .", "thanks"]
    assert called(thread) == [("python", {"input": "print(len(rows))"}, "12", None)]
    assert (files(thread), thread.model, thread.title) == (["rows.csv"], "gpt-5", "Rows")
    assert thread.system_prompt == "Answer in metric units."
    assert thread.last_at.year == 2026


@pytest.mark.parametrize(
    ("profile", "wanted", "expected"),
    [("I teach maths.", "", ""), ("I teach maths.", "Be brief.", "I teach maths.\n\nBe brief."), ("", "", "")],
)
def test_chatgpt_has_instructions_only_where_the_person_gave_some(profile, wanted, expected):
    value = exports.chatgpt()
    content = value["mapping"]["me"]["message"]["content"]
    content.update(user_profile=profile, user_instructions=wanted)
    assert told(value)[0].system_prompt == expected


def test_chatgpt_without_a_usable_current_node_takes_the_newest_end():
    assert told(exports.chatgpt(current_node="gone"))[1][-1] == "I cannot open it."


def test_claude_follows_parents_and_counts_a_turn_once():
    thread, said = told([exports.claude()][0])
    assert said == ["look at a.test", "I look.\n\nIt is gone.", "ok"]
    assert called(thread) == [("fetch", {"url": "https://a.test"}, "404", True)]
    assert (files(thread), thread.model, thread.key) == (["new.txt"], None, "u1")


def test_claude_leaves_out_what_it_could_not_export():
    text = "Here.\n\n```\nThis block is not supported on your current device yet.\n```\n\nDone."
    rows = [{"uuid": "1", "sender": "assistant", "text": text, "content": []}]
    assert told({"chat_messages": rows})[1] == ["Here.\n\nDone."]


def test_suna_reads_all_three_shapes_of_rows_in_the_order_of_time():
    agent = {"config": {"model": "anthropic/x", "system_prompt": "Be careful."}}
    thread, said = told(exports.suna(thread={"thread_id": "t", "name": "Lists"}, agent=agent))
    assert said == ["list", "Again.", "Done, in sh"]
    assert called(thread) == [("run", {"command": "ls"}, "a", False), ("run", {"command": "pwd"}, "no", True)]
    assert (files(thread), thread.model, thread.system_prompt, thread.title) == (
        ["in.csv"],
        "anthropic/x",
        "Be careful.",
        "Lists",
    )


def test_suna_without_thread_and_agent_shows_the_model_that_answered():
    thread, _ = told(exports.suna())
    assert (thread.title, thread.model, thread.system_prompt, thread.key) == (None, "openai/gpt-5", "", "t")


def test_librechat_follows_the_newest_message_flat_and_as_a_tree():
    thread, said = told(exports.librechat())
    assert said == ["find x", "Nothing found.", "ok"]
    assert called(thread) == [("search", {"q": "x"}, "Error: down", True)]
    assert (files(thread), thread.model, thread.system_prompt) == (["x.pdf"], "gpt-4o", "Be short.")
    flat = exports.librechat()
    rows = {row["messageId"]: {**row, "children": []} for row in flat.pop("messages")}
    for row in rows.values():
        rows.get(row["parentMessageId"], {"children": []})["children"].append(row)
    assert told({**flat, "messagesTree": [rows["1"]]})[1] == said


def test_a_long_tree_is_no_depth_too_much():
    row = {
        "messageId": "0",
        "isCreatedByUser": True,
        "text": "end",
        "parentMessageId": "1",
        "createdAt": "2026-01-02",
        "children": [],
    }
    for number in range(1, 3000):
        row = {
            "messageId": str(number),
            "isCreatedByUser": True,
            "text": "more",
            "parentMessageId": str(number + 1),
            "children": [row],
        }
    assert len(told({"conversationId": "c", "messagesTree": [row]})[1]) == 3000


def test_openwebui_prefers_output_and_reads_html():
    thread, said = told(exports.openwebui())
    assert said == ["one?", "One.", "two?", "Two."]
    assert called(thread) == [("sql", {"q": "select 1 > 0"}, "1", None), ("sql", {"q": "select 2"}, "2", None)]
    assert (files(thread), thread.model, thread.system_prompt) == (["t.csv"], "m2", "Use SQL.")


def test_openwebui_automations_are_what_was_asked_with_their_schedule():
    data = {"prompt": "Sum up the news.", "model_id": "llama", "rrule": "RRULE:FREQ=DAILY;BYHOUR=9;BYMINUTE=0"}
    item = {"name": "News", "data": data, "is_active": True}
    thread, _ = told(item)
    assert (thread.format, thread.title, thread.model) == ("openwebui", "News", "llama")
    assert [(one.role, one.text) for one in thread.messages] == [("user", "Sum up the news.")]
    assert thread.settings == {"schedule": data["rrule"]}


def test_suna_names_the_one_schedule_of_its_agent():
    trigger = {"config": json.dumps({"cron_expression": "0 9 * * 1", "timezone": "Europe/Berlin"})}
    thread, _ = told(exports.suna(agent_triggers=[trigger]))
    assert thread.settings == {"schedule": "0 9 * * 1", "timezone": "Europe/Berlin"}
    other = {"config": {"cron_expression": "0 5 * * *"}}
    assert told(exports.suna(agent_triggers=[trigger, other]))[0].settings == {}


def test_openwebui_of_old_is_the_chat_itself():
    thread, said = told({**exports.openwebui()["chat"], "id": "w0"})
    assert (said[0], thread.key, thread.title) == ("one?", "w0", "Numbers")


@pytest.mark.parametrize(
    "wrap",
    [
        lambda m: m,
        lambda m: {"model": "gpt-4o", "temperature": 0, "tools": [{"function": {"name": "weather"}}], "messages": m},
    ],
)
def test_openai_lists_and_requests(wrap):
    thread, said = told(wrap(exports.CHAT_MESSAGES))
    assert thread.format == "openai"
    assert said == ["weather?", "4 degrees."]
    assert called(thread) == [("weather", {"place": "Kiel"}, "4 C", None)]
    assert (files(thread), thread.system_prompt, thread.title) == (["places.txt"], "You are terse.", None)


def test_openai_answers_old_calls_and_shared_conversations():
    log = {
        "request": {"model": "m", "messages": [{"role": "user", "content": "hi"}]},
        "response": {"choices": [{"message": {"role": "assistant", "content": "hello"}}]},
    }
    assert told(log)[1] == ["hi", "hello"]
    old = [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "not json"}},
        {"role": "function", "name": "f", "content": "done"},
    ]
    assert called(told(old)[0]) == [("f", {"input": "not json"}, "done", None)]
    assert told({"conversations": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "hello"}]})[1] == [
        "hi",
        "hello",
    ]


def test_openai_responses_items():
    items = [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "search"}]},
        {"type": "web_search_call", "id": "w", "action": {"query": "x"}},
        {"type": "function_call", "call_id": "c", "name": "save", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "saved"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Saved."}]},
    ]
    thread, said = told({"model": "gpt-5", "instructions": "Be exact.", "input": items[:1], "output": items[1:]})
    assert (thread.format, said, thread.system_prompt) == ("openai", ["search", "Saved."], "Be exact.")
    assert [call.name for call in thread.calls] == ["web_search", "save"]
    assert told(items)[1] == said


def test_anthropic_requests_with_their_answer():
    thread, said = told(exports.anthropic())
    assert (thread.format, said) == ("anthropic", ["read", "I read.", "It is gone."])
    assert called(thread) == [("read", {}, "gone", True)]
    assert (files(thread), thread.model, thread.system_prompt) == (["a.pdf"], "claude-x", "Read files.")


def test_anthropic_is_known_without_blocks_and_openai_with_its_model():
    assert importer_of({"model": "claude-x", "max_tokens": 9, "messages": PLAIN}).name == "anthropic"
    assert importer_of({"model": "claude-x", "messages": exports.CHAT_MESSAGES}).name == "openai"
    assert importer_of(PLAIN).name == "openai"


def test_a_list_whose_answers_are_blocks_of_text_is_anthropic():
    blocks = [{"role": one["role"], "content": [{"type": "text", "text": one["content"]}]} for one in PLAIN]
    pointed = [{"role": one["role"], "content": [{"type": "text", "text": {"value": one["content"]}}]} for one in PLAIN]
    assert told(blocks)[1] == ["hi", "hello"]
    assert importer_of(blocks).name == "anthropic"
    assert importer_of([PLAIN[0], blocks[1]]).name == "anthropic"
    assert importer_of([blocks[0], PLAIN[1]]).name == "openai"
    assert importer_of(pointed).name == "openai"
    assert importer_of({"model": "gpt-x", "messages": blocks}).name == "openai"
    assert importer_of([{"role": "system", "content": "Be brief."}, *blocks]).name == "openai"


def test_claude_code_joins_a_step_and_leaves_side_chains_out():
    thread, said = told(exports.claude_code())
    assert said == ["fix the build", "I run it.", "It broke."]
    assert called(thread) == [("Bash", {"command": "make"}, "boom", True)]
    assert (thread.title, thread.model, thread.key) == ("Fix the build", "claude-y", "s1")


def test_codex_says_things_once():
    thread, said = told(exports.codex())
    assert said == ["run the tests", "All pass."]
    assert called(thread) == [("shell", {"command": ["pytest"]}, "3 passed", None)]
    assert (thread.model, thread.system_prompt, thread.settings["cwd"]) == ("gpt-5-codex", "Small diffs.", "/src")


@pytest.mark.parametrize(
    "value",
    [
        None,
        3,
        "",
        "plain words",
        [],
        {},
        [1, 2],
        {"mapping": 3},
        {"chat_messages": None},
        {"messages": "x"},
        [None],
        {"chat": []},
    ],
)
def test_other_shapes_are_nobodys(value):
    assert importer_of(value) is None


@pytest.mark.parametrize(
    "make",
    [
        exports.chatgpt,
        exports.claude,
        exports.suna,
        exports.librechat,
        exports.openwebui,
        exports.anthropic,
        exports.claude_code,
        exports.codex,
    ],
)
def test_wrong_types_inside_never_surprise(make):
    def spoiled(value, at, count):
        """Return a copy in which the `at`th leaf is a number, a list or an object instead."""
        if isinstance(value, dict):
            return {key: spoiled(item, at, count) for key, item in value.items()}
        if isinstance(value, list):
            return [spoiled(item, at, count) for item in value]
        count[0] += 1
        return [7, ["x"], {"y": 1}, None][count[0] % 4] if count[0] == at else value

    for at in range(1, 60):
        value = json.loads(json.dumps(spoiled(make(), at, [0])))
        importer = importer_of(value)
        if importer:
            assert importer.thread(value).messages
