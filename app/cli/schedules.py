"""Say when a rule runs, as the page, the API and the clock compute it; needs no database and no server."""

import argparse
import json
from datetime import UTC, datetime
from itertools import islice
from typing import get_args

from app.core.clock import utc_now
from app.domain import localtime, triggers
from app.domain.triggers import Fold, Gap, Kind, Trigger, TriggerError
from app.settings import SettingError

MOST_FIRES = 10_000


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the rule and what of it to show."""
    verbs = parser.add_subparsers(dest="verb", required=True)
    preview = verbs.add_parser("preview", help="print the next times of a rule as JSON")
    preview.add_argument("--kind", choices=get_args(Kind), required=True)
    preview.add_argument("--expression", required=True, help="0 9 * * 1-5, FREQ=…, 90m or 2026-12-01T09:00")
    preview.add_argument("--timezone", default="UTC", help="an IANA name such as Europe/Berlin (UTC)")
    preview.add_argument("--after", help="ISO moment, UTC unless it has an offset (now); times are strictly later")
    preview.add_argument("--count", type=int, default=5, help="how many times (5)")
    preview.add_argument("--gap", choices=get_args(Gap), default="next", help="for times that clocks skip (next)")
    preview.add_argument("--fold", choices=get_args(Fold), default="first", help="for times that come twice (first)")


def run(args: argparse.Namespace) -> int:
    """Print `{"fires": [UTC …], "notes": […]}`. An interval, and an RRULE without DTSTART, count from --after."""
    after = _moment(args.after) if args.after else utc_now()
    if not 0 < args.count <= MOST_FIRES:
        raise SettingError(f"--count goes from 1 to {MOST_FIRES:,}.")
    trigger = Trigger(args.kind, args.expression, args.timezone, args.gap, args.fold, anchor_at=after)
    try:
        fires = list(islice(triggers.fires_between(trigger, after, localtime.LAST), args.count))
        notes = triggers.assumptions(trigger)
        if fires:
            notes += triggers.clock_changes(trigger, after, fires[-1].at)
        if len(fires) < args.count:
            notes.append("It never runs again after that." if fires else "It never runs after that moment.")
    except TriggerError as error:
        raise SettingError(error.sentence) from error
    print(json.dumps({"fires": [_written(fire.at) for fire in fires], "notes": notes}, ensure_ascii=False))
    return 0


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise SettingError(f"“{text}” is no moment. Write --after 2026-11-24T09:00:00Z.") from None


def _written(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
