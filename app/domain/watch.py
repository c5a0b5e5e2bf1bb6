"""What should have happened by now, and when its absence is worth an alert: the rules of the watchdog."""

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from zoneinfo import ZoneInfo

from app.domain import usual
from app.domain.wording import duration

OVERDUE = timedelta(seconds=30)
"""A clock that works decides on a planned time within a second; one so late has no clock that works."""

LONGEST_WAIT = timedelta(minutes=10)
"""A run that has been queued for so long says that more is asked for than the workers can do."""

MOST_SKEW_SECONDS = 1.0

HERD = 5
"""More tasks of a team than these with the same trouble at once are one alert."""

HERD_LASTS = timedelta(minutes=10)
"""An alert about many tasks that did not run says nothing more after that."""

ENOUGH = 100
"""Of so many runs the 99th percentile says something; of fewer, three times the usual is taken."""

SLACK_SECONDS = 5.0
"""A run is never called slow for less than this."""


@dataclass(frozen=True)
class Rule:
    """For how long, in seconds, something must be seen before it is told, and be gone before that is told."""

    begins_after: float = 0.0
    ends_after: float = 0.0
    is_quiet_at_start: bool = False  # what is normal for a moment when everything is started together


RULES: Mapping[str, Rule] = {
    "clock": Rule(2.0, 5.0, is_quiet_at_start=True),
    "workers": Rule(2.0, 5.0, is_quiet_at_start=True),
    "redis": Rule(6.0, 5.0, is_quiet_at_start=True),
    "queue": Rule(0.0, 30.0),
    "skew": Rule(10.0, 60.0),
    "not_started": Rule(3.0, is_quiet_at_start=True),
    "not_finished": Rule(),
    "slow": Rule(),
    "missed": Rule(),
    "blocked": Rule(),
    "schedule_broken": Rule(),
    "approval": Rule(),
    "worker_gone": Rule(4.0, is_quiet_at_start=True),
}
"""Every kind of alert that the watchdog ends, and how steady each must be."""


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be: an alert once per `key`; without a team it is the installation's."""

    key: str
    kind: str
    sentence: str
    team_id: int | None = None
    task_id: int | None = None
    run_id: int | None = None


# --- the parts


def clock(
    now: datetime, leads_until: datetime | None, patience: timedelta, late: int, oldest: datetime | None
) -> Finding | None:
    """Say that no clock has led for `patience` after the last lease, or that `late` schedules are past their time.

    `oldest` is the earliest planned time that nobody has decided on; all times are aware.
    """
    if leads_until is None or leads_until + patience < now:
        since = f" since {said(leads_until)}" if leads_until else ""
        return Finding("clock", "clock", f"No clock is alive{since}: schedules and retries wait until one is started.")
    if oldest and oldest + OVERDUE < now:
        who = "1 schedule is past its time" if late == 1 else f"{late:,} schedules are past their time"
        return Finding("clock", "clock", f"The clock does not keep up: {who}, since {said(oldest)}.")
    return None


def workers(
    now: datetime, alive: int, patience: timedelta, queued: int, oldest: datetime | None
) -> Finding | None:  # fmt: skip
    """Say that runs wait and nobody is there, or that they wait for too long; `oldest` is when the first was queued."""
    if oldest is None:
        return None
    runs = "1 run waits" if queued == 1 else f"{queued:,} runs wait"
    if not alive:
        if oldest + patience >= now:
            return None
        return Finding("workers", "workers", f"No worker is alive, and {runs}, the oldest since {said(oldest)}.")
    if oldest + LONGEST_WAIT >= now:
        return None
    waited = duration((now - oldest).total_seconds())
    sentence = f"The oldest queued run has waited for {waited}; {runs}. Add workers, or move work to other hours."
    return Finding("queue", "queue", sentence)


def worker_gone(name: str, host: str, seen_at: datetime, runs: int) -> Finding:
    """Say that a worker vanished without saying goodbye; it held so many runs when it was last seen."""
    held = f" It held {'1 run' if runs == 1 else f'{runs:,} runs'}, which others go on with." if runs else ""
    where = f"A worker on {host}" if host else "A worker"
    return Finding(f"worker_gone:{name}", "worker_gone", f"{where} is gone since {said(seen_at)}.{held}")


def skew(host: str, seconds: float) -> Finding | None:
    """Say that the clock of `host` is too far ahead of the database's (negative: behind)."""
    if abs(seconds) <= MOST_SKEW_SECONDS:
        return None
    where = "ahead of" if seconds > 0 else "behind"
    sentence = f"The clock of {host} is {abs(seconds):.1f} s {where} the database's. Let NTP set it."
    return Finding(f"skew:{host}", "skew", sentence)


def redis_away() -> Finding:
    """Say that Redis does not answer."""
    return Finding("redis", "redis", "Redis does not answer: runs stay on record, and start when it is back.")


# --- tasks and runs


def is_past(at: datetime | None, seconds: float, now: datetime) -> bool:
    """Whether `seconds` after `at` have passed; 0 seconds is no limit."""
    return at is not None and seconds > 0 and at + timedelta(seconds=seconds) < now


def why_not_started(*, has_worker: bool, place: int | None, sentence: str) -> str:
    """Say what a run waits for: its own sentence if it has one, a worker, or its place in the queue (0 is next)."""
    if sentence:
        return sentence[0].lower() + sentence[1:].rstrip(".")
    if not has_worker:
        return "no worker is alive"
    if place is None:
        return "it waits for its turn"
    return "it is next in the queue" if place == 0 else f"it is {_nth(place + 1)} in the queue"


def limit(seconds: Sequence[float]) -> float | None:
    """Return after how many seconds a run is slow, by how long the latest successes took; None of too few."""
    most = usual.upper(seconds)
    if most is None:
        return None
    if len(seconds) >= ENOUGH:
        percentile = sorted(seconds)[math.ceil(len(seconds) * 99 / 100) - 1]
        return max(percentile, median(seconds)) + SLACK_SECONDS
    return 3 * most + SLACK_SECONDS


def folded(findings: Iterable[Finding], is_open: Iterable[str]) -> list[Finding]:
    """Let many of one kind and team be one; those that are told already stay as they are.

    `is_open` holds the keys of the alerts that are open.
    """
    open_keys = frozenset(is_open)
    groups: dict[tuple[str, int | None], list[Finding]] = defaultdict(list)
    for finding in findings:
        groups[finding.kind, finding.team_id].append(finding)
    result: list[Finding] = []
    for (kind, team_id), found in groups.items():
        new = [finding for finding in found if finding.key not in open_keys]
        key = herd_key(kind, team_id)
        if team_id is None or (len(new) <= HERD and key not in open_keys):
            result += found
            continue
        result += [finding for finding in found if finding.key in open_keys]
        if new:
            sentence = f"{len(new):,} {_HERDS[kind]} One of them: {new[0].sentence}"
            result.append(Finding(key, kind, sentence, team_id))
    return result


def told_first(findings: Iterable[Finding], is_open: Collection[str]) -> list[Finding]:
    """Return those that may be told now: of each team the first few that are new, none of a herd that is open."""
    first: dict[int | None, list[Finding]] = defaultdict(list)
    for finding in findings:
        if finding.key not in is_open and herd_key(finding.kind, finding.team_id) not in is_open:
            first[finding.team_id].append(finding)
    return [finding for found in first.values() for finding in found[:HERD]]


def herd_key(kind: str, team_id: int | None) -> str:
    """Return the key of the one alert for many of a kind."""
    return f"{kind}:team:{team_id}"


def recovery(kind: str, name: str, ending: str = "") -> str:
    """Say that what an alert told of is over; `name` is that of its task, `ending` the state of its run if known."""
    if kind in _OVER:
        return _OVER[kind]
    if not name:
        return _HERDS_OVER[kind]
    if kind == "approval":
        return f"{name} does not wait for a decision any more."
    if kind == "not_started":
        return f"{name} has started." if ending in {"running", "succeeded"} else f"{name} is no longer late."
    if kind in {"not_finished", "slow"}:
        return f"{name} has ended" + (f": {ending.replace('_', ' ')}." if ending else ".")
    return f"{name} can be planned again." if kind == "schedule_broken" else f"{name} has run again."


_HERDS = {
    "not_started": "tasks have not started in time.",
    "not_finished": "runs have not ended in time.",
    "slow": "runs take longer than usual.",
    "missed": "tasks missed a planned time.",
    "blocked": "tasks could not start.",
    "schedule_broken": "schedules can't be computed.",
    "approval": "runs wait for a decision.",
}
_HERDS_OVER = {
    "not_started": "All tasks have started.",
    "not_finished": "All late runs have ended.",
    "slow": "All slow runs have ended.",
    "missed": "",
    "blocked": "",
    "schedule_broken": "All schedules can be computed again.",
    "approval": "",
}
_OVER = {
    "clock": "A clock is alive again, and keeps up.",
    "workers": "A worker is alive again.",
    "redis": "Redis answers again.",
    "queue": "The queue is short again.",
    "skew": "The clocks agree again.",
    "worker_gone": "It is back, or another worker has come since.",
}


# --- steadiness


class Steady:
    """Remembers for how long each finding has been there or gone, so that nothing is told that flickers.

    A process that stood still counts at most `most_passed` seconds for the time it did not see.
    """

    def __init__(self, quiet_seconds: float, most_passed: float) -> None:
        self._quiet = quiet_seconds
        self._most = most_passed
        self._here: dict[str, float] = {}
        self._gone: dict[str, float] = {}

    def settle(
        self, findings: Sequence[Finding], is_open: Mapping[str, str], passed: float
    ) -> tuple[list[Finding], list[str]]:
        """Return the findings to tell now, and the keys of open alerts (key -> kind) that are over.

        `passed` is how many seconds ago the last look was.
        """
        passed = min(passed, self._most)
        self._quiet -= passed
        keys = {finding.key for finding in findings}
        self._here = {key: self._here.get(key, -passed) + passed for key in keys if key not in is_open}
        self._gone = {key: self._gone.get(key, -passed) + passed for key in is_open if key not in keys}
        begun = [finding for finding in findings if finding.key in self._here and self._is_steady(finding)]
        over = [key for key, seconds in self._gone.items() if seconds >= RULES[is_open[key]].ends_after]
        return begun, over

    def _is_steady(self, finding: Finding) -> bool:
        rule = RULES[finding.kind]
        if rule.is_quiet_at_start and self._quiet > 0:
            return False
        return self._here[finding.key] >= rule.begins_after


# --- words


def said(at: datetime, zone: str = "") -> str:
    """Say a time of day in the zone of a schedule, or in UTC with its name."""
    if zone:
        return f"{at.astimezone(ZoneInfo(zone)):%H:%M}"
    return f"{at.astimezone(ZoneInfo('UTC')):%H:%M} UTC"


def _nth(number: int) -> str:
    ending = "th" if number % 100 in {11, 12, 13} else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number:,}{ending}"
