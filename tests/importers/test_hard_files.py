"""Files that mean harm or are torn: refused with a sentence, in little memory, and what can be read is read."""

import io
import json
import struct
import time
import tracemalloc
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZIP_STORED, ZipFile

import pytest

from app.importers import sources, zipped
from app.importers.base import Broken, Unreadable
from app.importers.reading import read, threads
from app.importers.sources import Meter
from tests.importers import exports

GOOD = json.dumps([exports.chatgpt()])


def zip_file(path, members, method=ZIP_DEFLATED):
    with ZipFile(path, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


@pytest.fixture
def path(tmp_path):
    return tmp_path / "file"


def refused(path):
    with pytest.raises(Unreadable) as caught:
        list(threads(path))
    return str(caught.value)


def test_many_small_bombs_are_one_bomb(path, monkeypatch):
    monkeypatch.setattr(zipped, "SMALL_IN_ALL", 1_000_000)
    zip_file(path, {f"{number}.json": " " * 500_000 for number in range(20)})
    assert "over 100 times its size" in refused(path)


def test_files_that_overlap_in_the_archive_count_in_full(path, monkeypatch):
    """A bomb without a high ratio in any of its files: each entry points to the same bytes."""
    monkeypatch.setattr(zipped, "SMALL_IN_ALL", 1_000_000)
    zip_file(path, {"a.json": json.dumps(list(range(50_000)))}, ZIP_STORED)
    raw = path.read_bytes()
    at = raw.index(b"PK\x01\x02")
    entry, end = raw[at : raw.index(b"PK\x05\x06")], raw[raw.index(b"PK\x05\x06") :]
    count = 2000
    tail = struct.pack("<4s4H2LH", end[:4], 0, 0, count, count, count * len(entry), at, 0)
    path.write_bytes(raw[:at] + entry * count + tail)
    assert "over 100 times its size" in refused(path)


def test_a_list_of_files_without_end_is_not_read(path):
    entries = b"\0" * 100
    path.write_bytes(b"PK\x03\x04" + entries + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 9, 9, 2**31, 4, 0))
    assert "more than 200,000 files" in refused(path)


def test_a_size_that_lies_is_found_out(path):
    zip_file(path, {"a.json": GOOD, "b.json": GOOD})
    raw = bytearray(path.read_bytes())
    at = raw.index(b"PK\x01\x02")
    struct.pack_into("<L", raw, at + 24, 30)  # what it unpacks to, it says
    path.write_bytes(raw)
    found = list(read(path))
    assert [type(item) for item in found].count(Broken) == 1
    assert len(found) == 2


def test_damage_in_the_middle_is_named_and_the_other_file_is_read(path):
    zip_file(path, {"a.json": json.dumps([exports.chatgpt(title=f"T {n}") for n in range(200)]), "b.json": GOOD})
    raw = bytearray(path.read_bytes())
    raw[400:420] = b"\xff" * 20
    path.write_bytes(raw)
    broken = [item for item in read(path) if isinstance(item, Broken)]
    assert "damaged" in broken[-1].sentence
    assert [thread.title for thread in threads(path)][-1] == "Rows"


@pytest.mark.parametrize("content", [b"PK\x03\x04", b"PK\x03\x04" + b"x" * 90, b"PK\x05\x06" + b"\0" * 8])
def test_a_torn_archive_is_refused(path, content):
    path.write_bytes(content)
    assert refused(path) == "The archive is damaged or incomplete. Download it again."


def test_an_archive_behind_a_password_or_packed_oddly_is_refused(path):
    zip_file(path, {"a.json": GOOD})
    raw = bytearray(path.read_bytes())
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(raw)
    assert "locked by a password" in refused(path)
    zip_file(path, {"a.json": GOOD}, ZIP_BZIP2)
    assert "unusual way" in refused(path)


def test_an_office_document_is_told_by_name(path):
    zip_file(path, {"[Content_Types].xml": "<x/>", "word/document.xml": "<x/>"})
    assert "Office document" in refused(path)


def test_one_value_too_large_for_the_memory_stops_the_file_there(path, monkeypatch):
    monkeypatch.setattr(sources, "LARGEST_VALUE", 300_000)
    giant = exports.chatgpt(title="Giant", note="x" * 900_000)
    path.write_text(json.dumps([exports.chatgpt(), giant, exports.chatgpt()]))
    first, broken = read(path)
    assert first.title == "Rows"
    assert broken.sentence.startswith("Entry 2 is larger than")


def test_an_object_around_a_long_list_is_read_one_at_a_time(path, monkeypatch):
    monkeypatch.setattr(sources, "LARGEST_VALUE", 100_000)
    path.write_text(json.dumps({"exported": "2026", "conversations": [exports.claude() for _ in range(300)]}))
    assert len(list(threads(path))) == 300


def test_a_long_list_of_anything_is_given_up_in_little_memory(path, monkeypatch):
    monkeypatch.setattr(sources, "LARGEST_VALUE", 100_000)
    monkeypatch.setattr("app.importers.reading.LARGEST_VALUE", 100_000)
    path.write_text(json.dumps([{"entry": number, "text": "x" * 2000} for number in range(3000)]))
    tracemalloc.start()
    assert "no conversation" in refused(path)
    assert tracemalloc.get_traced_memory()[1] < 3_000_000
    tracemalloc.stop()


def test_an_archive_with_thousands_of_files_is_opened_once(path):
    zip_file(path, {f"pictures/{number}.png": b"\x89PNG" for number in range(4000)} | {"conversations.json": GOOD})
    begun = time.process_time()
    assert len(list(threads(path))) == 1
    assert time.process_time() - begun < 2


def test_a_meter_says_how_far_it_is(path):
    content = json.dumps([exports.chatgpt(conversation_id=f"{n}") for n in range(200)])
    zip_file(path, {"a-1.json": content, "a-2.json": content})
    meter = Meter()
    seen = [meter.done for _ in read(path, meter)]
    assert seen == sorted(seen)
    assert 0 < seen[0] < seen[-1] <= meter.done == meter.total == 2 * len(content)


def test_a_deep_nest_breaks_one_conversation_only(path):
    deep = exports.chatgpt()
    nest = "[" * 3000 + "]" * 3000
    text = json.dumps([deep, exports.chatgpt()]).replace('"thanks"', nest, 1)
    path.write_text(text)
    assert [item.title for item in read(path) if not isinstance(item, Broken)][-1] == "Rows"


def test_a_stream_that_is_closed_gives_its_file_back(path):
    zip_file(path, {"a.json": GOOD})
    with sources.sources(path) as ((member,), is_archive), member.open() as stream:
        assert is_archive
        assert isinstance(stream, io.BufferedReader)
        assert stream.read() == GOOD.encode()


@pytest.mark.parametrize("head", [b"[", b'{"a":', b'[{"mapping":{"a":', b'["\\"[[", '])
def test_what_is_nested_without_end_is_refused_before_it_takes_the_memory(path, head):
    path.write_bytes(head + b"[" * 12_000)
    tracemalloc.start()
    try:
        assert refused(path) == "The JSON is nested too deeply to be read."
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("part", ["[],", '"ab",', "1.1,", '{"a":1},'])
@pytest.mark.parametrize(
    "form", ['[{{"mapping": [{}0]}}]', '{{"mapping": [{}0]}}\n{{"a": 1}}\n', '{{"mapping": [{}0]}}']
)
def test_very_many_tiny_values_are_refused_before_they_take_the_memory(path, monkeypatch, form, part):
    monkeypatch.setattr(sources, "MOST_PARTS", 50_000)
    path.write_text(form.format(part * 400_000))
    tracemalloc.start()
    try:
        assert any(words in refused(path) for words in ("million parts", "none of the known formats"))
        assert tracemalloc.get_traced_memory()[1] < 4 * path.stat().st_size
    finally:
        tracemalloc.stop()


def test_commas_and_brackets_in_what_is_said_are_no_parts(path, monkeypatch):
    monkeypatch.setattr(sources, "MOST_PARTS", 1000)
    path.write_text(GOOD.replace('"count the rows"', json.dumps("a, [b], " * 5000)))
    assert len(list(threads(path))) == 1


def test_brackets_in_what_is_said_are_not_nested(path):
    said = '[{"\\' * 5000
    path.write_text(GOOD.replace('"count the rows"', json.dumps(said)))
    (thread,) = threads(path)
    assert thread.messages[0].text == said


def test_a_number_without_end_is_told_in_a_sentence(path):
    path.write_text('[{"mapping": ' + "9" * 5000 + "}]")
    assert refused(path) == "The JSON holds a number that is too long to be read."
