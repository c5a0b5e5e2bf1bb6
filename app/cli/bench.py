"""Measure Carillon on this machine: real processes in a temporary folder, which is removed at the end.

Takes ten minutes. What is measured stands in tests/bench, one file a figure; what is aimed at, in its figures.py.
"""

import argparse
from importlib import import_module


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare which figures, on which database, and how they are shown."""
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    parser.add_argument("--only", metavar="NAME,…", default="", help="measure only these figures, as lateness,herd")
    parser.add_argument(
        "--quick", action="store_true", help="smaller counts, under a minute: to try it, not to quote it"
    )
    parser.add_argument(
        "--database",
        metavar="URL",
        default="",
        help="a PostgreSQL server, as postgresql+psycopg://user:password@host/name; databases of the bench's own are "
        "made there and dropped (default: SQLite)",
    )


def run(args: argparse.Namespace) -> int:
    """Measure, and print the figures."""
    code: int = import_module("tests.bench.main").run(args)  # only here, so that the product needs no tests
    return code
