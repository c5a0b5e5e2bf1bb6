"""Read exported conversations with AI agents: say what each of a file asks for; needs no database and no server."""

import argparse
import json
import sys
from pathlib import Path

from app.analysis import pipeline
from app.core.errors import CarillonError
from app.importers.base import Broken, Unreadable
from app.importers.reading import read


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the file to read."""
    verbs = parser.add_subparsers(dest="verb", required=True)
    analyze = verbs.add_parser("analyze", help="print what was understood as JSON, a conversation a line")
    analyze.add_argument("file", type=Path, help="an export: JSON, JSON lines, a zip, Markdown or pasted text")


def run(args: argparse.Namespace) -> int:
    """Print one object a conversation; those that can't be read are named on standard error, and 1 is returned."""
    broken = 0
    try:
        for thread in read(args.file):
            if isinstance(thread, Broken):
                broken += 1
                print(f"carillon: {thread.name}: {thread.sentence}", file=sys.stderr)
            else:
                print(json.dumps(pipeline.summary(thread, pipeline.analyse(thread)), ensure_ascii=False))
    except Unreadable as error:
        raise CarillonError(str(error)) from error
    return 1 if broken else 0
