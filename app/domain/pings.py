"""Jobs that run elsewhere and say so by pings: what is expected of them, and when a ping meets a planned time."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Literal

from app.domain import occurrences, triggers
from app.domain.localtime import LAST
from app.domain.occurrences import Occurrence, Plan
from app.domain.policy import Policy
from app.domain.triggers import Trigger

Kind = Literal["start", "success", "fail", "log"]

ENGINE = "ping"
LANE = "away"
"""Where the runs of such jobs stand: no worker takes any from there."""

EARLIEST = timedelta(seconds=60)
"""Clocks differ: a ping meets a planned time that is at most so far away, and never more than a quarter of the gap."""

LONGEST_BODY_BYTES = 100_000
MOST_LINES = 2000
"""Of what is sent along; an empty line costs nothing to send, and some bytes to keep."""


@dataclass(frozen=True)
class Ping:
    """What a job has said: `rid` is its own name for the run it speaks of, `source` where it spoke from."""

    kind: Kind
    exit_code: int | None = None
    body: bytes = b""
    rid: str = ""
    source: str = ""


def of_exit_code(code: int) -> Kind:
    """Return what an exit code says: 0 is success."""
    return "fail" if code else "success"


def expected(policy: Policy) -> Policy:
    """Return how planned times of such a job are decided on: each within its grace is waited for, at its very time."""
    return replace(
        policy, misfire="all", misfire_cap=10_000, overlap="allow", jitter_seconds=0.0, spread_seconds=0.0
    )  # fmt: skip


def at_its_time(plan: Plan) -> Plan:
    """Return the same without spread and jitter: where the job runs nobody knows of them."""
    return replace(plan, spread_seconds=0.0, jitter_seconds=0.0)


def met(plan: Plan, decided_until: datetime, now: datetime, grace: timedelta) -> list[Occurrence]:
    """Return the planned times that a ping may meet now although the clock has made no row of them yet, in order.

    Those are what the clock has not decided on yet, and one that is near. An interval counts from the last ping, so
    that one that comes early is no reason for a planned time. Raises TriggerError.
    """
    since = max(decided_until, now - grace)
    until = now if plan.trigger.kind == "interval" else now + _early(plan.trigger, now)
    return [one for one in occurrences.between(plan, since, until) if not one.is_left_out and one.at <= until]


def after(trigger: Trigger, now: datetime) -> datetime | None:
    """Return when an interval that is counted from `now` is over; None when the schedule ends before that.

    Raises TriggerError.
    """
    following = triggers.next_fire(replace(trigger, anchor_at=now), now)
    return following.at if following else None


def _early(trigger: Trigger, now: datetime) -> timedelta:
    coming = list(islice(triggers.fires_between(trigger, now, LAST), 2))
    return min(EARLIEST, (coming[1].at - coming[0].at) / 4) if len(coming) > 1 else EARLIEST


def text(ping: Ping) -> list[str]:
    """Return what was sent along as lines, cut where it is too long."""
    lines = (
        ping.body[:LONGEST_BODY_BYTES].decode(errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}").splitlines()
    )
    if len(lines) > MOST_LINES:
        return [*lines[:MOST_LINES], f"… cut: only the first {MOST_LINES:,} lines are kept."]
    return [*lines, "… cut: only the first 100 KB are kept."] if len(ping.body) > LONGEST_BODY_BYTES else lines


def sentence(ping: Ping) -> str:
    """Say how a run ended that such a job has told of."""
    if ping.kind == "success":
        return "It said that it is done."
    if ping.exit_code:
        return f"It ended with exit code {ping.exit_code}."
    return "It said that it failed."


def line(ping: Ping) -> str:
    """Say that a ping came, for the log."""
    said = f"exit code {ping.exit_code}" if ping.exit_code is not None else ping.kind
    return f"Ping: {said}" + (f", from {ping.source}" if ping.source else "")
