"""What processes use, as /proc shows it."""

import subprocess
import sys

from app.settings import ROOT

CHILD = "import os; from app.infra import sandbox_tree; print(sandbox_tree.highest_bytes([os.getpid()]))"
PARENT = f"""
import subprocess, sys
held = bytearray(400_000_000)
held[::4096] = b"x" * len(held[::4096])
subprocess.run([sys.executable, "-c", {CHILD!r}], check=True)
"""


def test_a_process_is_not_as_large_as_what_started_it():
    said = subprocess.run([sys.executable, "-c", PARENT], capture_output=True, text=True, cwd=ROOT, check=True)
    assert 5_000_000 < int(said.stdout) < 200_000_000
