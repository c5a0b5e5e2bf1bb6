"""Once, interval and cron: the planned times after an instant, in a zone, right through every clock change."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Kind = Literal["once", "interval", "cron"]
Gap = Literal["next", "skip"]
Fold = Literal["first", "both"]


class TriggerError(Exception):
    """A rule that can't be computed; `sentence` says what is wrong and what to do."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


@dataclass(frozen=True)
class Trigger:
    """A rule that yields planned times."""

    kind: Kind
    expression: str
    timezone: str
    gap: Gap = "next"
    fold: Fold = "first"
    anchor_at: datetime | None = None


@dataclass(frozen=True)
class Fire:
    """A planned time: the instant (UTC), the wall time in the rule's zone, and what a clock change did to it."""

    at: datetime
    local: str
    note: str = ""


def check(trigger: Trigger) -> None:
    raise TriggerError("Not yet.")


def next_fire(trigger: Trigger, after: datetime) -> Fire | None:
    raise TriggerError("Not yet.")


def fires_between(trigger: Trigger, after: datetime, until: datetime) -> Iterator[Fire]:
    raise TriggerError("Not yet.")


def describe(trigger: Trigger) -> str:
    raise TriggerError("Not yet.")


def clock_changes(trigger: Trigger, after: datetime, until: datetime) -> list[str]:
    raise TriggerError("Not yet.")
