"""Say how well estimates would have held on a log of past runs; needs no database and no server."""

import argparse
import csv
import gzip
import json
import math
import time
import zlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from app.domain.forecast import Ended, Estimate, Learner, Planned
from app.settings import SettingError

COLUMNS = ("task_key", "submitted_at", "duration_s", "outcome")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the log and where the predictions go."""
    verbs = parser.add_subparsers(dest="verb", required=True)
    backtest = verbs.add_parser("backtest", help="predict each run of a log from those before it")
    backtest.add_argument("runs", metavar="RUNS.csv", type=Path, help=f"{','.join(COLUMNS)},attrs; .gz, too")
    backtest.add_argument("--out", metavar="PREDICTIONS.csv", type=Path, required=True)


def run(args: argparse.Namespace) -> int:
    """Walk the log in its order; each row is predicted before it is learned. Says how fast, and what was covered."""
    learner, count, began = Learner(room=None), 0, time.perf_counter()
    try:
        with _opened(args.runs) as source, args.out.open("w", encoding="utf-8", newline="") as target:
            writer = csv.writer(target)
            writer.writerow(("row", "p10_s", "p50_s", "p90_s", "p_fail", "typical_s"))
            for count, row in enumerate(_rows(source, args.runs), 1):
                writer.writerow((count - 1, *_written(learner.estimate(_planned(row), row.at))))
                learner.learn(row)
    except (OSError, EOFError, zlib.error) as error:
        name, why = getattr(error, "filename", None) or args.runs, getattr(error, "strerror", None) or error
        raise SettingError(f"{name} cannot be used: {why}.") from error
    _tell(learner, count, time.perf_counter() - began)
    return 0


def _tell(learner: Learner, count: int, seconds: float) -> None:
    print(f"{count:,} runs in {seconds:.1f} s ({count / seconds:,.0f} a second)")
    held = learner.calibration()
    if held.below_p90 is not None and held.inside is not None:
        print(f"{held.below_p90:.1%} took less than p90, {held.inside:.1%} were between p10 and p90")


def _opened(path: Path) -> TextIO:
    with path.open("rb") as file:
        is_packed = file.read(2) == b"\x1f\x8b"
    opened: Any = gzip.open if is_packed else open
    text: TextIO = opened(path, "rt", encoding="utf-8-sig", newline="")
    return text


def _rows(source: Iterable[str], path: Path) -> Iterator[Ended]:
    reader = csv.DictReader(source)
    missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        raise SettingError(f"{path} has no column {', '.join(missing)}.")
    number = 0
    try:
        for number, line in enumerate(reader):  # noqa: B007 the row at which it broke
            yield _row(line)
    except (TypeError, ValueError, csv.Error) as error:
        raise SettingError(f"{path}: row {number} cannot be read: {error}.") from error


def _row(line: dict[str, str]) -> Ended:
    at, seconds = datetime.fromisoformat(line["submitted_at"]), float(line["duration_s"])
    if not 0 <= seconds < math.inf:
        raise ValueError(f"{seconds} is no duration")
    attrs = json.loads(line.get("attrs") or "{}")
    return Ended(
        task=line["task_key"],
        at=at if at.tzinfo else at.replace(tzinfo=UTC),
        duration_seconds=seconds,
        outcome=line["outcome"],
        cost_micros=None,
        tokens=None,
        engine="",
        template=None,
        version=0,
        attrs=attrs if isinstance(attrs, dict) else {},
    )


def _planned(row: Ended) -> Planned:
    return Planned(row.task, row.at, row.engine, row.template, row.version, row.attrs)


def _written(one: Estimate) -> tuple[str, ...]:
    numbers = (one.p10_seconds, one.p50_seconds, one.p90_seconds, one.p_fail, one.typical_seconds)
    return tuple("" if number is None else f"{number:.6g}" for number in numbers)
