"""Read exported conversations with AI agents: import them, or say offline what each asks for and how to do it again."""

import argparse
import json
import sys
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

from app.analysis import pipeline
from app.analysis.base import Analysis
from app.analysis.replay import replay
from app.core.errors import CarillonError
from app.domain.thread import Thread
from app.importers.base import Broken, Unreadable
from app.importers.reading import read

_FILE = "an export: JSON, JSON lines, a zip, Markdown or pasted text"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the file to read."""
    verbs = parser.add_subparsers(dest="verb", required=True)
    analyze = verbs.add_parser("analyze", help="print what was understood as JSON, a conversation a line")
    again = verbs.add_parser("replay", help="print the task that does it again without a model, a conversation a line")
    for one in (analyze, again):
        one.add_argument("file", type=Path, help=_FILE)
    bring = verbs.add_parser("import", help="make threads of a team of them; needs the database")
    bring.add_argument("file", type=Path, help=_FILE)
    bring.add_argument("--team", required=True, help="the name of the team in its address")
    bring.add_argument("--person", default="", metavar="EMAIL", help="whose threads they are (an owner of the team)")


def _replayed(thread: Thread, analysis: Analysis) -> dict[str, Any]:
    """Return the definition of the replay, and beside it what it needs, what it lacks and what was left out."""
    made = asdict(replay(thread, analysis))
    definition = {name: made.pop(name) for name in ("steps", "variables", "contract")}
    name = pipeline.summary(thread, analysis)["title"] or "Replay"
    return {"definition": {"name": name, "engine": "steps", "settings": {}, **definition}, **made}


_TOLD = {"analyze": pipeline.summary, "replay": _replayed}


def run(args: argparse.Namespace) -> int:
    """Print one object a conversation; those that can't be read are named on standard error, and 1 is returned."""
    if args.verb == "import":
        code: int = import_module("app.cli.thread_import").run(args)  # only here: the others need no database
        return code
    broken = 0
    try:
        for thread in read(args.file):
            if isinstance(thread, Broken):
                broken += 1
                print(f"carillon: {thread.name}: {thread.sentence}", file=sys.stderr)
            else:
                print(json.dumps(_TOLD[args.verb](thread, pipeline.analyse(thread)), ensure_ascii=False))
    except Unreadable as error:
        raise CarillonError(str(error)) from error
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise CarillonError(f"{args.file} can't be read: {error.strerror}.") from error
    return 1 if broken else 0
