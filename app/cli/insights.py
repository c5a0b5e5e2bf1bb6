"""Count runs anew for Insights: `rebuild` forgets what was counted of runs that are still there, and counts it again.

Everything may run meanwhile; until it is done, answers on past days are told from a part.
"""

import argparse
import time

from app import bootstrap
from app.services.insights import rollups
from app.settings import read

_BREATH_SECONDS = 0.005


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what is to be done."""
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("rebuild", help="count all runs anew that are still there")


def run(_args: argparse.Namespace) -> int:
    """Forget and count, and say how much that was."""
    bootstrap.start_keyless(read())
    began, steps = time.monotonic(), 0
    rollups.rebuild()
    while done := rollups.count():
        steps += done
        time.sleep(_BREATH_SECONDS)
    print(f"All is counted anew: {steps:,} steps in {time.monotonic() - began:.0f} s.")
    return 0
