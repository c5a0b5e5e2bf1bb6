"""Run the tests: all, `fast` (under a minute), `faults` (with --full in their long form), or those of given paths.

Anything else is handed to pytest: ./carillon test tests/web -k login
"""

import argparse
import os
import subprocess
import sys

from app.cli import needs
from app.settings import ROOT

_SELECTIONS = {
    "": "not long and (not fault or always)",
    "fast": "not slow and not browser and not fault and not sandbox and not long",
    "faults": "fault and not long",
    "faults --full": "fault or long",
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what is chosen, and what is handed over."""
    parser.add_argument("words", nargs=argparse.REMAINDER, metavar="fast | faults [--full] | PATH…", help="what to run")


def run(args: argparse.Namespace) -> int:
    """Run pytest on two cores; a file stays on one of them, so that its server and browser are shared."""
    words = args.words
    name = words.pop(0) if words and words[0] in _SELECTIONS else ""
    if name == "faults" and "--full" in words:
        words.remove("--full")
        name = "faults --full"
    if name != "fast":
        needs.find()
    command = [sys.executable, "-m", "pytest", "-n", "2", "--dist", "loadfile", "-m", _SELECTIONS[name], *words]
    return subprocess.run(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=False).returncode
