"""The file of anchors: where the chain of the audit ended, hour by hour, kept apart from the database."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

NAME = "audit-anchors.jsonl"


def append(data_dir: Path, anchor: dict[str, Any]) -> None:
    """Add one line, and see it on the disk; the file is for nobody else to read."""
    file = os.open(data_dir / NAME, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, json.dumps(anchor).encode() + b"\n")
        os.fsync(file)
    finally:
        os.close(file)


def lines(data_dir: Path) -> Iterator[dict[str, Any]]:
    """Yield the anchors, the oldest first; a line cut by a crash is passed over. None without a file."""
    path = data_dir / NAME
    if not path.exists():
        return
    with path.open(encoding="utf-8") as file:
        for line in file:
            try:
                anchor = json.loads(line)
            except ValueError:
                continue
            if isinstance(anchor, dict) and isinstance(anchor.get("number"), int):
                yield anchor
