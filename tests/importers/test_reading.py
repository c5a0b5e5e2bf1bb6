"""Files as people have them: lists, lines, archives, other encodings, and broken ones beside good ones."""

import json
import random
import tracemalloc
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import pytest

from app.domain.thread import Thread
from app.importers.base import Broken, Unreadable
from app.importers.reading import read, threads
from tests.importers import exports


@pytest.fixture
def file(tmp_path):
    def made(content, encoding="utf-8"):
        path = tmp_path / "file"
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return made


@pytest.fixture
def archive(tmp_path):
    def made(members):
        path = tmp_path / "archive"
        with ZipFile(path, "w", ZIP_DEFLATED) as target:
            for name, content in members.items():
                target.writestr(name, content)
        return path

    return made


def lines(values):
    return "\n".join(json.dumps(value) for value in values)


def test_a_list_of_conversations(file):
    found = list(threads(file(json.dumps([exports.chatgpt(), exports.chatgpt(title="Second")]))))
    assert [thread.title for thread in found] == ["Rows", "Second"]
    assert type(found[0].settings) is dict
    assert found[0].messages[0].at.microsecond == 500_000


@pytest.mark.parametrize(
    "make",
    [
        lambda: exports.CHAT_MESSAGES,
        lambda: exports.suna()["messages"],
        lambda: exports.librechat()["messages"],
        exports.claude_code,
        exports.codex,
    ],
)
@pytest.mark.parametrize("write", [json.dumps, lines, lambda value: json.dumps(value, indent=2)])
def test_a_list_that_is_one_conversation(file, make, write):
    assert len(list(threads(file(write(make()))))) == 1


def test_lines_that_are_conversations(file):
    rows = [
        {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]},
        {"messages": exports.CHAT_MESSAGES},
    ]
    assert [len(thread.visible) for thread in threads(file(lines(rows)))] == [2, 2]


def test_a_log_whose_requests_grow_is_one_conversation(file):
    first = exports.anthropic()
    more = [*first["request"]["messages"], first["response"], {"role": "user", "content": "thanks"}]
    rows = [first, {"request": {**first["request"], "messages": more}}]
    (thread,) = threads(file(lines(rows)))
    assert thread.visible[-1].text == "thanks"


@pytest.mark.parametrize(
    "wrapped", [lambda c: {"conversations": [c]}, lambda c: {"data": c}, lambda c: {"status": 1, "chats": [c, c]}]
)
def test_wrapped_conversations(file, wrapped):
    assert {thread.title for thread in threads(file(json.dumps(wrapped(exports.openwebui()))))} == {"Numbers"}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(
    "write", [json.dumps, lambda value: json.dumps(value, indent=1, ensure_ascii=False).replace("\n", "\r\n")]
)
def test_encodings_and_line_ends(file, encoding, write):
    (thread,) = threads(file(write([exports.claude(name="Größe")]), encoding))
    assert thread.title == "Größe"


def test_text_of_windows(file):
    (thread,) = threads(file("Ich: Größe?\r\nKI: fünf\r\n", "cp1252"))
    assert [message.text for message in thread.messages] == ["Größe?", "fünf"]


def test_one_broken_conversation_does_not_stop_the_rest(file):
    good, empty = exports.chatgpt(), exports.chatgpt(title="Empty", mapping={})
    found = list(read(file(json.dumps([{"title": "Odd"}, good, empty, 7, good]))))
    broken = {item.name: item.sentence for item in found if isinstance(item, Broken)}
    assert len(found) - len(broken) == 2
    assert broken["Empty"] == "The conversation holds no message on its current branch."
    assert "an object with title" in broken["Odd"]
    assert "a number" in broken["conversation 4"]


def test_what_stands_before_a_break_is_kept(file):
    whole = json.dumps([exports.chatgpt(), exports.chatgpt()], indent=1)
    found = list(read(file(whole[: len(whole) - 40])))
    assert [type(item).__name__ for item in found] == ["Thread", "Broken"]
    assert "Line" in found[1].sentence


def test_a_broken_line_is_named(file):
    rows = lines(exports.CHAT_MESSAGES).splitlines()
    rows.insert(2, '{"role": "user", "con')
    broken, thread = sorted(read(file("\n".join(rows))), key=lambda item: isinstance(item, Thread))
    assert len(thread.visible) == 2
    assert broken == Broken("line 3", "Line 3 is no complete JSON value; it was left out.")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "empty"),
        ('{\n"title": "x",\n"mapping": {oops}\n}', "Line 3"),
        ('{"name": "x", "version": 2}', "an object with name, version"),
        ("[]", "an empty list"),
        ("[1, 2, 3]", "a list of 3 entries"),
        ("Dear all,\nsee below.", "No speakers"),
        ("<!DOCTYPE html>\n<html><body>User: x</body></html>", "web page"),
        (b"%PDF-1.7 x", "a PDF"),
        (b"\x89PNG\r\n", "a picture"),
        (b"PK\x03\x04 broken", "damaged"),
        (b"\x01\x02\x00\x00\x03\x00\x00\x00", "no text"),
        ("[" * 5000, "nested too deeply"),
        ('{"chat_messages": []}', "no message"),
    ],
)
def test_unreadable_files_say_what_was_found(file, content, words):
    with pytest.raises(Unreadable, match=words):
        list(threads(file(content)))


def test_archives_with_shards_and_other_files(archive):
    path = archive({
        "export/user.json": json.dumps([{"uuid": "1", "full_name": "A", "email_address": "a@b.test"}]),
        "export/conversations-010.json": json.dumps([exports.chatgpt(title="third")]),
        "export/conversations-002.json": json.dumps([exports.chatgpt(title="second")]),
        "export/conversations-000.json": json.dumps([exports.chatgpt(title="first")]),
        "export/chat.html": "<html>User: x</html>",
        "export/file-abc.png": b"\x89PNG\r\n",
        "export/README.txt": "User: x\nAssistant: y",
    })  # fmt: skip
    assert [thread.title for thread in threads(path)] == ["first", "second", "third"]


def test_a_broken_shard_is_told_beside_the_others(archive):
    path = archive({"a.json": '[{"title": ', "b.json": json.dumps([exports.claude()])})
    broken, thread = read(path)
    assert (broken.name, thread.title) == ("a.json", "Pages")


def test_an_archive_of_transcripts(archive):
    assert len(list(threads(archive({"a.md": "User: hi\nAssistant: hello", "b.md": "You: x\nAI: y"})))) == 2


@pytest.mark.parametrize("name", ["../up.json", "/root.json", "C:/x.json", "a/../../b.json"])
def test_archives_that_point_outside_are_refused(archive, name):
    with pytest.raises(Unreadable, match="outside"):
        list(threads(archive({name: json.dumps([exports.chatgpt()])})))


def test_archives_with_links_bombs_archives_or_nothing_are_refused(archive, tmp_path):
    link = ZipInfo("link.json")
    link.external_attr = 0o120777 << 16
    path = tmp_path / "links"
    with ZipFile(path, "w") as target:
        target.writestr(link, "/etc/hostname")
    with pytest.raises(Unreadable, match="a link"):
        list(threads(path))
    with pytest.raises(Unreadable, match="100 times"):
        list(threads(archive({"a.json": "[" + " " * 3_000_000 + "]"})))
    inner = archive({"a.json": json.dumps([exports.chatgpt()])}).read_bytes()
    with pytest.raises(Unreadable, match="archive in it"):
        list(threads(archive({"inner": inner})))
    with pytest.raises(Unreadable, match="no conversation"):
        list(threads(archive({"a.json": '{"x": 1}'})))


def test_a_large_export_is_read_one_conversation_at_a_time(archive):
    noise = random.Random(1)
    one = exports.claude(summary=[noise.random() for _ in range(4000)])
    path = archive({"conversations.json": json.dumps([one] * 40)})
    tracemalloc.start()
    assert sum(1 for _ in threads(path)) == 40
    assert tracemalloc.get_traced_memory()[1] < 3_000_000
    tracemalloc.stop()
