"""Walk the whole audit and name the first entry that is not what was sealed; exit code 1 if there is one."""

import argparse
import json
from dataclasses import asdict

from app import bootstrap
from app.services.audit import chain
from app.settings import read


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what there is to do, and how to print it."""
    parser.add_argument("what", choices=["verify"], help="verify: walk from the first entry to the last")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Walk, and print what was found."""
    settings = read()
    with bootstrap.start(settings).app_context():
        verdict = chain.verify(settings.data_dir)
    if args.json:
        print(json.dumps(asdict(verdict)))
    else:
        anchors = f"{verdict.anchored} held against their anchors" if verdict.anchored else "no anchors are kept here"
        waiting = f", {verdict.unsealed} not sealed yet" if verdict.unsealed else ""
        print(f"{verdict.checked:,} entries in {verdict.seconds:.1f} s, {anchors}{waiting}: ", end="")
        print(verdict.flaw.sentence if verdict.flaw else "all are as they were sealed.")
    return bool(verdict.flaw)
