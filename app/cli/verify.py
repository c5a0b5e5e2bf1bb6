"""Compare what the schedules planned with what is on record; exit code 1 when something does not agree."""

import argparse
import json
from datetime import UTC, datetime, timedelta

from app import bootstrap
from app.services import verify
from app.settings import read


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare which time is looked at."""
    parser.add_argument("--hours", type=float, default=24.0, help="how far to look back (24)")
    parser.add_argument("--from", type=_instant, dest="since", metavar="ISO", help="or from this instant on")
    parser.add_argument("--to", type=_instant, dest="until", metavar="ISO", help="up to this instant (now)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Check, and print each finding."""
    with bootstrap.start(read()).app_context():
        until = args.until or datetime.now(UTC)
        report = verify.between(args.since or until - timedelta(hours=args.hours), args.until)
    if args.json:
        print(json.dumps([finding.as_dict() for finding in report.findings]))
    else:
        for finding in report.findings:
            print(f"{finding.rule}: {finding.sentence}")
        print(f"{report.schedules} schedules, {report.planned} planned times, {report.runs} runs: ", end="")
        print(f"{len(report.findings)} do not agree." if report.findings else "all agree.")
    return bool(report.findings)


def _instant(text: str) -> datetime:
    """Return an instant; without an offset it is UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"“{text}” is no instant; write one like 2026-12-01T09:00Z.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
