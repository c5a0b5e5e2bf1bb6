"""Run the tests: all but most faults, `fast` (under a minute), `faults` (--full: in their long form), or given paths.

`fast` is the rules, and the verbs on SQLite.

`faults` prints a table of what each promise met and what was seen; --keep writes it into docs/reliability.md.
Anything else is handed to pytest: ./carillon test tests/web -k login
"""

import argparse
import os
import subprocess
import sys

from app.cli import needs
from app.settings import ROOT

_SELECTIONS = {
    "": "not long and (not fault or (always and not slow))",  # slow: on PostgreSQL
    "fast": "not slow and not browser and not fault and not sandbox and not long",
    "faults": "fault and not long",
    "faults --full": "fault or long",
}
HANDS_OVER = True
_FAST = ("domain", "analysis", "importers", "services")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what is chosen, and what is handed over."""
    choices = "fast | faults [--full] [--keep] | PATH…"
    parser.add_argument("words", nargs=argparse.REMAINDER, metavar=choices, help="what to run")


def run(args: argparse.Namespace) -> int:
    """Run pytest on two cores; what shares a server or a browser stays in one process."""
    words = args.words
    name = words.pop(0) if words and words[0] in _SELECTIONS else ""
    processes = "3"  # on two cores: a third of its time a test waits
    if name == "faults":
        is_full, is_kept = _taken(words, "--full"), _taken(words, "--keep")
        name = "faults --full" if is_full else name
        unhurried = ["-o", "faulthandler_timeout=0"] if is_full else []  # some take as long as they must
        table = ["--table", "docs/reliability.md"] if is_kept else []
        words = ["-p", "tests.faults.table", *unhurried, *table, *(words or ["tests/faults"])]
    if name != "fast":
        needs.find()
    elif not words:
        words = [f"tests/{folder}" for folder in _FAST]
    # In the order that tests/conftest.py gives: what takes long comes first, and many short files fill the end.
    spread = ["-n", processes, "--dist", "loadfile", "--no-loadscope-reorder"]
    command = [sys.executable, "-m", "pytest", *spread, "-m", _SELECTIONS[name], *words]
    return subprocess.run(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=False).returncode


def _taken(words: list[str], option: str) -> bool:
    """Whether an option is among the words; it is taken out of them."""
    is_there = option in words
    if is_there:
        words.remove(option)
    return is_there
