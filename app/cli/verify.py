"""Compare what the schedules planned with what is on record; exit code 1 when something does not agree."""

import argparse
import json
from datetime import timedelta

from app import bootstrap
from app.services import verify
from app.settings import read


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare how far to look back."""
    parser.add_argument("--hours", type=float, default=24.0, help="how far to look back (24)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Check, and print each finding."""
    with bootstrap.start(read()).app_context():
        report = verify.last(timedelta(hours=args.hours))
    if args.json:
        print(json.dumps([finding.as_dict() for finding in report.findings]))
    else:
        for finding in report.findings:
            print(f"{finding.rule}: {finding.sentence}")
        print(f"{report.schedules} schedules, {report.planned} planned times, {report.runs} runs: ", end="")
        print(f"{len(report.findings)} do not agree." if report.findings else "all agree.")
    return bool(report.findings)
