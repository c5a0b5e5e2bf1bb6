"""What a sandbox lets out: lines put together and bounded, and only plain files."""

import os
import socket

import pytest

from app.infra import sandbox_files
from app.infra.sandbox_output import Output


def told(pieces, limit_bytes=10_000_000):
    lines = []
    output = Output(lambda stream, text, _is_cut: lines.append((stream, text)), limit_bytes)
    for stream, piece in pieces:
        output.feed(stream, piece)
    return lines, output.close()


def test_lines_are_put_together_across_reads():
    lines, last = told([("out", b"on"), ("err", b"bad\n"), ("out", b"e\ntw"), ("out", b"o")])
    assert lines == [("err", "bad"), ("out", "one"), ("out", "two")]
    assert last == "bad"


def test_letters_cut_by_a_read_stay_whole():
    letters = "é→🙂".encode()
    lines, _ = told([("out", letters[index : index + 1]) for index in range(len(letters))])
    assert lines == [("out", "é→🙂")]


def test_unreadable_bytes_are_marked_and_colours_kept():
    lines, last = told([("out", b"\x1b[31mred\x1b[0m \xff\0\r\n10%\r100%\n")])
    assert lines == [("out", "\x1b[31mred\x1b[0m ��"), ("out", "100%")]
    assert last == "100%"


def test_a_long_line_comes_in_pieces():
    lines, _ = told([("out", ("é" * 50_000 + "\n").encode())])
    assert "".join(text for _, text in lines) == "é" * 50_000
    assert max(len(text.encode()) for _, text in lines) <= 16 * 1024


def test_what_is_over_the_limit_keeps_head_and_tail():
    lines, last = told([("out", b"%06d\n" % number) for number in range(100_000)], 200_000)
    texts = [text for _, text in lines]
    assert texts[0] == "000000"
    assert texts[-1] == last == "099999"
    marker = next(text for text in texts if "left out" in text)
    assert marker.endswith("left out …")
    assert texts.count(marker) == 1


# --- files


def test_only_plain_files_are_taken_out(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "key").write_text("private", encoding="utf-8")
    workspace = tmp_path / "workspace"
    kept = workspace / "artifacts"
    (kept / "deep").mkdir(parents=True)
    (kept / "good.txt").write_text("good", encoding="utf-8")
    (kept / "deep" / "also.txt").write_text("also", encoding="utf-8")
    (kept / "soft").symlink_to(outside / "key")
    (kept / "folder").symlink_to(outside)
    os.link(outside / "key", kept / "hard")
    os.mkfifo(kept / "pipe")
    (kept / "odd\nname").write_text("x", encoding="utf-8")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(kept / "socket"))
    found = sandbox_files.collect(workspace, ["artifacts/*"], 1000)
    assert sorted(found.files) == ["artifacts/deep/also.txt", "artifacts/good.txt"]
    assert len(found.refused) == 5


def test_files_taken_out_are_bounded(tmp_path):
    for number in range(120):
        (tmp_path / f"{number:03}").write_bytes(b"x" * 10)
    assert len(sandbox_files.collect(tmp_path, ["*"], 10_000).files) == 100
    assert len(sandbox_files.collect(tmp_path, ["*"], 55).files) == 5


@pytest.mark.parametrize("name", ["../up", "/etc/x", "a/../../up", "", "."])
def test_files_are_not_put_outside(tmp_path, name):
    with pytest.raises(ValueError, match="leaves the workspace"):
        sandbox_files.prepare(tmp_path / "workspace", 0, {}, {name: "x"})
