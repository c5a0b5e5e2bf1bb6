"""Threads: an export of a gigabyte is sent and read; how much memory that takes, and how long."""

import base64
import json
import random
import re
import time
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import sqlalchemy as sa

from app.infra import database
from app.models.threads import Import
from tests.processes import eventually

CONVERSATIONS, MB = 5000, 1000
QUICK_CONVERSATIONS, QUICK_MB = 250, 50
SHARD = 100
"""So many conversations stand in one file of the export."""

WORDS = (
    "report", "revenue", "region", "weekly", "table", "chart", "compare", "march", "april", "customer", "invoice",
    "sum", "mail", "send", "check", "certificate", "shop", "night", "please", "shorter", "again", "why", "does",
    "this", "fail", "read", "file", "rows", "column", "drop", "filter", "write", "python", "pandas",
)  # fmt: skip


def measure(here, is_quick, conversations=0, mb=0):
    count = conversations or (QUICK_CONVERSATIONS if is_quick else CONVERSATIONS)
    path = here.folder / "export.zip"
    export(path, count, (mb or (QUICK_MB if is_quick else MB)) * 1_000_000)
    began = time.monotonic()
    import_id = send(here, path)
    sent = time.monotonic() - began
    eventually(lambda: ended(import_id), seconds=1800, pause=0.2)
    row = ended(import_id)
    assert (row.state, row.added) == ("done", count), row
    seconds = (row.ended_at - row.started_at).total_seconds()
    size = path.stat().st_size
    path.unlink()
    return {
        "zip_mb": round(size / 1e6),
        "sent_s": round(sent, 1),
        "read_s": round(seconds, 1),
        "conversations_per_s": round(count / seconds),
        "worker_peak_mb": max(peak_mb(pid) for pid in here.pids("worker")),
        "web_peak_mb": max(peak_mb(pid) for pid in here.pids("web")),
    }


def export(path, count, size):
    """An export of ChatGPT with so many conversations, of about so many bytes."""
    by_lot = random.Random(5)
    with ZipFile(path, "w", ZIP_DEFLATED, compresslevel=1) as archive:
        for first in range(0, count, SHARD):
            shard = [conversation(by_lot, number, size // count) for number in range(first, min(first + SHARD, count))]
            archive.writestr(f"conversations-{first // SHARD:03}.json", json.dumps(shard))


def conversation(by_lot, number, size):
    """What was asked and answered, and between them what a script printed: about `size` bytes, packed."""
    noise = base64.b64encode(by_lot.randbytes(max(0, size - 4000))).decode()
    said = [
        ("user", "text", f"{words(by_lot, 40)} in sales_2026_{number % 12:02}.csv by 2026-11-{number % 28 + 1:02}"),
        ("assistant", "text", words(by_lot, 400)),
        ("assistant", "code", "print(open('data.txt').read())"),
        ("tool", "execution_output", noise),
        ("assistant", "text", words(by_lot, 600)),
        ("user", "text", words(by_lot, 30)),
        ("assistant", "text", words(by_lot, 200)),
    ]
    mapping = {"root": {"id": "root", "parent": None, "children": [], "message": None}}
    for turn, (role, kind, text) in enumerate(said):
        content = {"content_type": kind, "parts": [text]} if kind == "text" else {"content_type": kind, "text": text}
        message = {
            "id": f"m{turn}", "author": {"role": role, "name": "python" if role == "tool" else None},
            "create_time": 1_780_000_000 + number * 60 + turn, "content": content,
            "recipient": "python" if kind == "code" else "all", "metadata": {},
        }  # fmt: skip
        parent = f"m{turn - 1}" if turn else "root"
        mapping[f"m{turn}"] = {"id": f"m{turn}", "parent": parent, "children": [], "message": message}
    key, title = f"{number:08x}-0000-4000-8000-000000000000", f"{words(by_lot, 4).title()} {number}"
    return {"title": title, "conversation_id": key, "current_node": f"m{len(said) - 1}", "mapping": mapping}


def words(by_lot, count):
    return " ".join(by_lot.choices(WORDS, k=count))


def send(here, path):
    """Send a file as a page does; returns the import's id."""
    browser = here.browse()
    token = re.search(r'name="csrf_token" value="([^"]+)"', browser.get(f"/t/{here.slug}/threads")[1])[1]
    headers = {
        "Cookie": here.cookie, "X-CSRFToken": token, "Content-Type": "application/octet-stream",
        "Content-Length": str(path.stat().st_size), "Accept": "application/json",
    }  # fmt: skip
    with path.open("rb") as content:
        browser.connection.timeout = 300
        browser.connection.request("POST", f"/t/{here.slug}/threads/files?name=export.zip", content, headers)
        answer = browser.connection.getresponse()
        text = answer.read()
    assert answer.status == 200, text
    return int(json.loads(text)["url"].rpartition("/")[2])


def ended(import_id):
    with database.read() as connection:
        query = sa.select(Import.__table__).where(Import.id == import_id, Import.ended_at.is_not(None))
        return connection.execute(query).first()


def peak_mb(pid):
    """The most memory a process has held, in MiB."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(re.search(r"VmHWM:\s*(\d+)", status)[1]) // 1024
