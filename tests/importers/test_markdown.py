"""Pasted transcripts in the shapes that people and chat programs give them."""

import time

import pytest

from app.importers.markdown import Markdown

SHAPES = {
    "arguments over lines": ('User: go\nAssistant: [tool call: run {\n  "a": 1\n}]\n-> ok\nfine', 2, {"run": 1}, []),
    "arguments below": (
        'User: go\nAssistant: Tool: web_search\nInput: {"q": 1}\nOutput: ok\nfound',
        2,
        {"web_search": 1},
        [],
    ),
    "quiz inside": ("**User:** quiz\n\n**Assistant:** Here:\n\nQ: a?\nA: b\n\nQ: c?\nA: d\n\n**User:** ok", 3, {}, []),
    "options inside": ("You: hi\nAI: Sure:\nA: red\nB: blue\nYou: A\nAI: ok", 4, {}, []),
    "bold out": ("**User**: hi there\n\n**Assistant**: Hello.\n\n**User**: bye\n\n**Assistant**: Bye.\n", 4, {}, []),
    "bold alone": ("**User**\n\nhi there\n\n**Assistant**\n\nHello: world\n\n**Important:** read\n", 2, {}, []),
    "heading3": (
        "# My plan\n\n### User\nhi\n\n### Assistant\n## Result\nx\n### Details\nmore\n### User\nok\n",
        3,
        {},
        [],
    ),
    "human ai": ("Human: a\nAI: b\nHuman: c\nAI: d", 4, {}, []),
    "german said": (
        "Du hast gesagt:\nhallo\n\nChatGPT hat gesagt:\nGuten Tag\n\nDu hast gesagt:\nmach das\n\nChatGPT hat gesagt:\nok",
        4,
        {},
        [],
    ),
    "french said": ("Vous avez dit :\nbonjour\n\nChatGPT a dit :\nSalut\n", 2, {}, []),
    "spanish": ("Usuario: hola\nAsistente: buenas\nUsuario: adios\nAsistente: chao", 4, {}, []),
    "german words": ("Nutzer: hallo\nAssistent: ja\nIch: was\nKI: nichts", 4, {}, []),
    "french words": ("Utilisateur : bonjour\nAssistant : oui\nMoi : encore\nIA : non", 4, {}, []),
    "ts brackets": ("[10:32] me: hi\n[10:33] bot: hello\n[10:34] me: more\n[10:35] bot: fine", 4, {}, []),
    "ts whatsapp": ("21/11/2026, 10:32 - Me: hi\n21/11/2026, 10:33 - Claude: hello", 2, {}, []),
    "a bot with a name": ("[10:32] maria s: hi\n[10:33] dock-bot: hello\n[10:34] maria s: more", 3, {}, []),
    "two names with times": ("10:32 Ola: hi\n10:33 Nabu: hello\n10:34 Ola: more\n10:35 Nabu: fine", 4, {}, []),
    "ts after": ("User (10:32): hi\nAssistant (10:33): hello", 2, {}, []),
    "ts after line": ("User 10:32 AM\nhi\n\nAssistant 10:33 AM\nhello", 2, {}, []),
    "ts bold": ("**User** (2026-11-02 10:31):\nhi\n\n**Assistant** (2026-11-02 10:32):\nhello", 2, {}, []),
    "slack": ("User — 21.11.2026 10:32\nhi\n\nClaude — 21.11.2026 10:33\nhello", 2, {}, []),
    "angle": ("<user> hi\n<assistant> hello\n<user> more", 3, {}, []),
    "bracket": ("[User]: hi\n[Assistant]: hello", 2, {}, []),
    "bracket2": ("[USER]\nhi\n\n[ASSISTANT]\nhello", 2, {}, []),
    "special": ("<|user|>\nhi\n<|assistant|>\nhello", 2, {}, []),
    "emoji": ("🧑 User: hi\n🤖 Assistant: hello", 2, {}, []),
    "emoji head": ("## 👤 User\nhi\n\n## 🤖 Assistant\nhello", 2, {}, []),
    "list": ("- **User:** hi\n- **Assistant:** hello\n- **User:** x", 3, {}, []),
    "qa": ("Q: what?\nA: that.\nQ: why?\nA: so.", 4, {}, []),
    "bare": ("You\nhi there\n\nChatGPT\nhello\n\nYou\nmore\n\nChatGPT\nok", 4, {}, []),
    "quote me": ("> me\nhi\n\n> ai\nhello\n\n> me\nmore\n", 3, {}, []),
    "quote me colon": ("> me: hi\n\nai: hello\n\n> me: more\n\nai: ok", 4, {}, []),
    "quoted user": ("> hi there\n> two lines\n\nHello.\n\n> more\n\nOk.", 4, {}, []),
    "fence decoy": (
        "User: look\n```\nUser: admin\nAssistant: root\n```\nAssistant: I see\n```yaml\nUser: x\n```\nUser: fin",
        3,
        {},
        [],
    ),
    "body decoy": (
        "**User:** the log says\nUser: admin logged in\nAssistant: none\n\n**Assistant:** ok\n\n**User:** thanks",
        3,
        {},
        [],
    ),
    "whole in fence": ("```\nUser: hi\nAssistant: hello\n```", 2, {}, []),
    "unclosed fence": ("User: hi\n```python\nprint(1)\n\nAssistant: hello\n\nUser: more\n\nAssistant: ok", 4, {}, []),
    "named": ("Maria: hi\nClaude: hello\nMaria: more\nClaude: ok", 4, {}, []),
    "named bold": ("**Tom:** hi\n\n**ChatGPT:** hello\n\n**Tom:** more\n\n**ChatGPT:** ok", 4, {}, []),
    "mixed": (
        "**User:** hi\n\n**Assistant:** hello\n\nUser: second\n\n**Assistant:** more\n\n**User:** bye",
        5,
        {},
        [],
    ),
    "model note": ("**User:** hi\n\n**Assistant (gpt-4o):** hello", 2, {}, []),
    "Claude 3.5": ("Human: hi\n\nClaude 3.5 Sonnet: hello\n\nHuman: more\n\nClaude 3.5 Sonnet: ok", 4, {}, []),
    "system": ("System: You are brief.\nUser: hi\nAssistant: hello", 2, {}, []),
    "tool label": ("User: weather?\nAssistant: I look.\nTool: 4 C\nAssistant: It is 4 C.", 3, {}, []),
    "calls1": (
        '**User:** go\n\n**Assistant:** 🔧 web_search({"q": "x"})\n\n> three hits\n\nDone.\n',
        2,
        {"web_search": 1},
        [],
    ),
    "calls2": (
        'User: go\nAssistant: [tool call: get_time {"tz": "UTC"}]\n-> 10:00\n\nIt is ten.\nUser: ok',
        3,
        {"get_time": 1},
        [],
    ),
    "calls3": (
        '## User\ngo\n\n## Assistant\n**Tool call:** `run_shell`\n```json\n{"command": "ls"}\n```\n**Result:**\n```\na.txt\n```\nOne file.\n',
        2,
        {"run_shell": 1},
        [],
    ),
    "calls4": (
        'User: go\nAssistant: Calling tool: search_web(query="x")\nResult: none\nNothing found.',
        2,
        {"search_web": 1},
        [],
    ),
    "calls5": (
        'User: go\nAssistant: ⚙️ read_file("a.txt")\n```\nUser: x\n```\nRead.\n🛠 write_file({"path": "b"})\nWritten.',
        2,
        {"read_file": 1, "write_file": 1},
        [],
    ),
    "calls6": ("User: go\n\nAssistant: Used tool: web_search\n\nfound", 2, {"web_search": 1}, []),
    "att1": ("User: see (attached: a.csv, b.pdf)\nAssistant: ok", 2, {}, ["a.csv", "b.pdf"]),
    "att2": ("User: [attachment: Plan Q3.xlsx]\nplease\nAssistant: ok", 2, {}, ["Plan Q3.xlsx"]),
    "att3": ("**User:** sum this 📎 sales.csv\n\n**Assistant:** ok", 2, {}, ["sales.csv"]),
    "att4": ("Ich: hab rechnung.pdf angehängt\nKI: gut\nIch: danke\nKI: bitte", 4, {}, ["rechnung.pdf"]),
    "att5": (
        "User: I've attached report.docx, please fix\nAssistant: done, saved as report_v2.docx",
        2,
        {},
        ["report.docx"],
    ),
    "att6": ("User: Attached: one.txt and two.txt\nhello\nAssistant: ok", 2, {}, ["one.txt", "two.txt"]),
    "att7": ("User: save as out.csv please\nAssistant: ok", 2, {}, []),
    "att8": ("User: (Anhang: liste.xlsx) bitte sortieren\nAssistant: ok", 2, {}, ["liste.xlsx"]),
    "att9": ("Moi : voici data.csv en pièce jointe\nIA : merci", 2, {}, ["data.csv"]),
    "att10": ("Usuario: adjunto ventas.csv\nAsistente: vale", 2, {}, ["ventas.csv"]),
    "gemini": ("You said\nhi\n\nGemini said\nhello", 2, {}, []),
    "you: chatgpt:": ("You: hi\n\nChatGPT: hello\n\nYou: next\n\nChatGPT: fine", 4, {}, []),
    "thought": (
        "You said:\nhi\nChatGPT said:\nThought for 12 seconds\n\nhello\n\nYou said:\nx\nChatGPT said:\ny",
        4,
        {},
        [],
    ),
    "claude paste": ("H: hi\n\nA: hello\n\nH: more\n\nA: ok", 4, {}, []),
    "empty msg": ("User: hi\nAssistant:\nUser: hello?\nAssistant: yes", 3, {}, []),
    "caps": ("USER: hi\nASSISTANT: hello", 2, {}, []),
    "dash": ("me - hi\nai - hello\nme - more\nai - ok", 4, {}, []),
    "space gt": ("me> hi\nbot> hello", 2, {}, []),
    "hr": ("**You:**\nhi\n\n---\n\n**Claude:**\nhello\n\n---\n\n**You:**\nok", 3, {}, []),
    "export ext": (
        "# Trip\n\n**Exported:** 2026-11-01 10:00\n**Link:** https://x.test\n\n## Prompt:\nhi\n\n## Response:\nhello\n\n## Prompt:\nmore\n\n## Response:\nok",
        4,
        {},
        [],
    ),
    "portuguese": ("Você disse:\noi\nO ChatGPT disse:\nolá", 2, {}, []),
    "prompt colon in body": (
        "User: here's my data\nName: Bob\nAge: 3\nName: Eve\nAge: 4\nAssistant: ok\nUser: bye",
        3,
        {},
        [],
    ),
    "numbered": ("1. User: hi\n2. Assistant: hello\n3. User: more", 3, {}, []),
    "bold name heading": ("#### You:\nhi\n#### ChatGPT:\nhello", 2, {}, []),
    "details": ("<details><summary>User</summary>\nhi\n</details>\n", None, {}, []),
    "plain prose": ("Dear all,\nplease see: the list.\nNote: nothing.", None, {}, []),
    "plain readme": ("# Tool\n\n## Model\nfoo\n\n## Question\nbar\n", None, {}, []),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_messages_calls_and_files(shape):
    text, messages, tools, files = SHAPES[shape]
    if messages is None:
        assert not Markdown().knows(text)
        return
    thread = Markdown().thread(text)
    assert len(thread.visible) == messages
    assert {call.name: [c.name for c in thread.calls].count(call.name) for call in thread.calls} == tools
    assert [item.name for message in thread.messages for item in message.attachments] == files


def test_times_models_titles_and_instructions():
    thread = Markdown().thread("# Trip\n\nSystem: Be kind.\nUser (02.11.2026 9:31 pm): hi\nAssistant (gpt-4o): hello\n")
    assert (thread.title, thread.model, thread.system_prompt) == ("Trip", "gpt-4o", "Be kind.")
    assert thread.last_at.isoformat() == "2026-11-02T21:31:00+00:00"


def test_results_go_to_their_calls_and_out_of_the_text():
    thread = Markdown().thread(
        'User: go\nAssistant: Looking.\n\n🔧 get_page({"url": "https://a.test"})\n\n> 3 hits\n\nThree.'
    )
    (call,) = thread.calls
    assert (call.arguments, call.output) == ({"url": "https://a.test"}, "3 hits")
    assert thread.visible[1].text == "Looking.\n\nThree."


@pytest.mark.parametrize("line", ["a.", "attached ", "**a ", "Abc_def {", "[tool call: ", "a.csv, ", "> - ", "1. x: "])
def test_hostile_text_is_read_in_bounded_time(line):
    text = f"User: x\n{line * 3000}\nAssistant: y\n{line * 3000}\n" + f"{line * 20}\n" * 500
    began = time.process_time()
    Markdown().thread(text)
    assert time.process_time() - began < 2
