"""Run every check of the code: lint, format, types, floors, templates, dead code, rules of the house."""

import argparse
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from app.settings import ROOT

_BIN = Path(sys.executable).parent

TOOLS = {
    "types": ("mypy",),
    "lint": ("ruff", "check", "."),
    "format": ("ruff", "format", "--check", "."),
    "floors": ("lint-imports", "--no-cache"),
    "templates": ("djlint", "--lint", "templates"),
    "dead code": ("vulture",),
    "house": ("pytest", "tests/house"),
}
"""The slowest first: two run at a time."""


def arguments(_parser: argparse.ArgumentParser) -> None:
    """Declare nothing: all checks run."""


def run(_args: argparse.Namespace) -> int:
    """Run all, one line each, then what the failing ones say."""
    failures = []
    with ThreadPoolExecutor(2) as pool:
        for name, (seconds, code, said) in zip(TOOLS, pool.map(_run, TOOLS.values()), strict=True):
            print(f"{name:10} {'failed' if code else 'ok':6} {seconds:5.1f} s", flush=True)
            if code:
                failures.append(f"\n--- {name}\n{said.strip()}")
    print("\n".join(failures), end="\n" if failures else "")
    return bool(failures)


def _run(command: tuple[str, ...]) -> tuple[float, int, str]:
    began = time.monotonic()
    program, *options = command
    done = subprocess.run(
        [_BIN / program, *options],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return time.monotonic() - began, done.returncode, done.stdout
