"""Alert rules: of what happened, who is told on which channel, and when."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from app.domain.localtime import Fold, fires

Way = Literal["app", "email", "push"]
"""How a person is told: on their page, by e-mail, on their devices."""

MANY = 1_000_000
"""As many failures as any rule waits for: of what is told whenever it happens."""

GATHERS = timedelta(seconds=5)
"""So long the first message of a failure waits for others of the same cause, to say how many there are."""

TURNS, CALMS = 3, timedelta(hours=1)
"""A task that fails and works by turns is told so many times in so long; what comes then is told together after it."""


@dataclass(frozen=True)
class Event:
    """Something that people are told of: its words, the kinds of alerts it stands for, and how it is told by default.

    `is_held`: by default it waits for the digest. `is_urgent`: by default quiet hours do not hold it back.
    """

    label: str
    hint: str
    kinds: tuple[str, ...]
    ways: tuple[Way, ...] = ("app", "email", "push")
    is_held: bool = False
    is_urgent: bool = False

    @property
    def is_kept(self) -> bool:
        """Whether it stands on a person's page in any case: it is worth an e-mail."""
        return "email" in self.ways


EVENTS: Mapping[str, Event] = {
    "failed": Event("A run failed", "after it gave up trying", ("failing", "paused", "breaker")),
    "unmet": Event("Contract not met", "it ran, the work was not done", ()),
    "not_started": Event(
        "Did not start", "by its time plus what is allowed", ("not_started", "no_ping"), is_urgent=True
    ),
    "not_finished": Event("Did not finish", "by its time plus what is allowed", ("not_finished",)),
    "missed": Event("A planned time was missed", "it was too late to start", ("missed", "rearmed")),
    "blocked": Event("A run was blocked", "by configuration or permission", ("blocked", "schedule_broken")),
    "approval": Event("A run waits for a decision", "nothing happens until somebody decides", ("approval",)),
    "budget": Event(
        "Budget and plan", "at 50, 80 and 100 % and at the limit",
        ("budget", "budget_out", "plan", "plan_request", "plan_answered"), is_urgent=True,
    ),
    "degraded": Event("Done without a part", "an optional step failed", ("degraded",), ("app",), is_held=True),
    "late": Event("Started late", "more than a minute behind its time", ("late",), ("app",), is_held=True),
    "slow": Event("Runs long", "longer than it nearly always does", ("slow",), ("app",), is_held=True),
    "memory": Event(
        "Close to its memory limit", "it worked, with less than a tenth left", ("memory_near",), ("app",), is_held=True
    ),
    "anomaly": Event(
        "Unlike other runs", "in duration, cost or size of what it made", ("anomaly",), ("app",), is_held=True
    ),
    "recovered": Event("It works again", "after any of these", (), ("app", "email")),
    "carillon": Event(
        "Carillon itself", "a worker gone, no clock, a full disk, a failed backup",
        (
            "clock", "workers", "worker_gone", "queue", "skew", "redis", "database", "database_damaged", "disk_low",
            "backup_failed", "verify", "audit", "channel_failing", "webhook_off",
        ),
        is_urgent=True,
    ),
}  # fmt: skip
"""Every event, in the order in which people read them."""

URGENT = frozenset(name for name, event in EVENTS.items() if event.is_urgent)
"""Those that quiet hours do not hold back by default."""

_OF_KIND = {kind: name for name, event in EVENTS.items() for kind in event.kinds}


def event_of(kind: str, run_state: str = "") -> str:
    """Return the event that an alert of a kind is told as; one that nobody listed concerns Carillon itself.

    `run_state` is that of the run it is about: one that did not do its work failed in a way of its own.
    """
    if kind == "failing" and run_state == "unmet":
        return "unmet"
    return _OF_KIND.get(kind, "carillon")


@dataclass(frozen=True)
class Quiet:
    """Hours in which nothing is sent; it goes out when they end. Local times; `until` may be on the next day.

    `but` are the events that are sent all the same.
    """

    since: time
    until: time
    but: frozenset[str] = URGENT


@dataclass(frozen=True)
class Pace:
    """When something is sent: at once, or held by quiet hours (in `zone`) or for the hour of a digest."""

    zone: str = "UTC"
    quiet: Quiet | None = None
    digest_at: time | None = None

    def due_at(self, event: str, now: datetime, *, is_held: bool) -> datetime:
        """Return when a message of an event that happened at `now` goes out; aware, never before `now`.

        What is held goes with the digest, if there is one. Sources: UX.md, Notifications; the hour of a digest, and
        the end of quiet hours, are local ones that exist on that day (a missing one is the next that does).
        """
        at = _next(self.digest_at, self.zone, now) if is_held and self.digest_at else now
        if self.quiet and event not in self.quiet.but and _is_within(self.quiet, at.astimezone(ZoneInfo(self.zone))):
            return _next(self.quiet.until, self.zone, at, "both")
        return at


@dataclass(frozen=True)
class Rule:
    """When to tell whom. Empty `tasks` and `tags` are all tasks; ids are those of rows.

    `after` failures in a row are needed. `is_each`: every further failure is told, not only the first and the end.
    `ends` are the channels that are told when it is over, too. When nobody has reacted after `escalates_after`, the
    `escalates_to` are told as well.
    """

    events: frozenset[str]
    tasks: frozenset[int] = frozenset()
    tags: frozenset[str] = frozenset()
    channels: frozenset[str] = frozenset()
    ends: frozenset[str] = frozenset()
    after: int = 1
    is_each: bool = False
    held: frozenset[str] = frozenset()
    pace: Pace = Pace()
    escalates_after: timedelta | None = None
    escalates_to: frozenset[str] = frozenset()
    why: str = ""

    def wants(self, happened: "Happened") -> bool:
        """Whether something that happened is to be told by this rule."""
        if happened.event not in self.events or happened.failures < self.after:
            return False
        if not self.tasks and not self.tags:
            return True
        return happened.task_id in self.tasks or bool(self.tags & happened.tags)


@dataclass(frozen=True)
class Happened:
    """What a rule judges: an alert. `failures` are those in a row of its task; elsewhere it is large enough."""

    event: str
    task_id: int | None = None
    tags: frozenset[str] = frozenset()
    failures: int = MANY


@dataclass(frozen=True)
class Telling:
    """One message to send: by which channel, when (aware), and why its reader gets it."""

    channel: str
    due_at: datetime
    why: str = ""
    is_each: bool = False
    is_escalation: bool = False


def tellings(rules: Iterable[Rule], happened: Happened, now: datetime) -> list[Telling]:
    """Return what to send of something that happened, at most once a channel; of several rules the soonest counts.

    Who is told by a rule is not told again by its escalation, nor by that of another.
    """
    wanted = [rule for rule in rules if rule.wants(happened)]
    found: dict[str, Telling] = {}
    for rule in wanted:
        at = rule.pace.due_at(happened.event, now, is_held=happened.event in rule.held)
        for channel in rule.channels:
            new = Telling(channel, at, rule.why, rule.is_each)
            known = found.get(channel, new)
            soonest = new if at < known.due_at else known
            found[channel] = replace(soonest, is_each=new.is_each or known.is_each)
    for rule in wanted:
        if rule.escalates_after:
            for channel in rule.escalates_to - found.keys():
                at, why = now + rule.escalates_after, "nobody has reacted yet"
                found[channel] = Telling(channel, at, why, is_escalation=True)
    return list(found.values())


def ends(rules: Iterable[Rule], happened: Happened, now: datetime) -> dict[str, datetime]:
    """Return the channels that are to be told that something is over, if they were told of it, and when (aware).

    How often it had failed counts no more: that it was told is what matters.
    """
    found: dict[str, datetime] = {}
    for rule in rules:
        if rule.wants(replace(happened, failures=MANY)):
            at = rule.pace.due_at(happened.event, now, is_held=happened.event in rule.held)
            for channel in rule.ends:
                found[channel] = min(at, found.get(channel, at))
    return found


# --- a person's own wishes


@dataclass(frozen=True)
class Wishes:
    """What a person wants to hear: the ways of each event (what is not there is as by default), and when.

    `held` are the events that wait for the digest; None: those that do by default.
    """

    ways: Mapping[str, frozenset[str]] = field(default_factory=dict)
    held: frozenset[str] | None = None
    is_all: bool = False  # of all tasks of their teams, not only of those they own
    after: int = 1
    pace: Pace = Pace(digest_at=time(17))

    def ways_of(self, event: str) -> frozenset[str]:
        """Return how the person is told of an event."""
        return self.ways.get(event, frozenset(EVENTS[event].ways))

    def is_held(self, event: str) -> bool:
        """Whether an event waits for the person's digest."""
        return EVENTS[event].is_held if self.held is None else event in self.held


def of_wishes(wishes: Wishes, person_id: int, why: str) -> list[Rule]:
    """Return the rules that a person's wishes stand for; of which tasks they are is not said here."""
    told: dict[frozenset[str], set[str]] = {}
    for event in EVENTS:
        told.setdefault(_channels(wishes, person_id, event), set()).add(event)
    ends = _channels(wishes, person_id, "recovered")
    held = frozenset(event for event in EVENTS if wishes.is_held(event))
    return [
        Rule(
            frozenset(events), channels=channels, ends=channels & ends, after=wishes.after, held=held,
            pace=wishes.pace, why=why,
        )
        for channels, events in told.items()
        if channels
    ]  # fmt: skip


def _channels(wishes: Wishes, person_id: int, event: str) -> frozenset[str]:
    return frozenset(way if ":" in way else f"{way}:{person_id}" for way in wishes.ways_of(event))


# --- what a rule would have sent


@dataclass(frozen=True)
class Past:
    """An alert of the past. `group` is its incident or itself: of one group each channel is told once."""

    at: datetime
    ended_at: datetime | None
    sentence: str
    group: str
    happened: Happened


@dataclass(frozen=True)
class Sent:
    """A message that a rule would have sent; several that were due for one channel at once are one."""

    at: datetime
    channel: str
    sentences: tuple[str, ...]


def replayed(rule: Rule, past: Sequence[Past]) -> list[Sent]:
    """Return what a rule would have sent of alerts of the past, in order of time."""
    due: dict[tuple[datetime, str], list[str]] = {}
    told: set[tuple[str, str]] = set()
    for alert in sorted(past, key=lambda one: one.at):
        for telling in tellings([rule], alert.happened, alert.at):
            is_over = telling.is_escalation and alert.ended_at is not None and alert.ended_at <= telling.due_at
            if is_over or (telling.channel, alert.group) in told:
                continue
            told.add((telling.channel, alert.group))
            due.setdefault((telling.due_at, telling.channel), []).append(alert.sentence)
    return [Sent(at, channel, tuple(sentences)) for (at, channel), sentences in sorted(due.items())]


# --- local hours


def _is_within(quiet: Quiet, local: datetime) -> bool:
    at = local.time()
    if quiet.since <= quiet.until:
        return quiet.since <= at < quiet.until
    return at >= quiet.since or at < quiet.until


def _next(at: time, zone: str, now: datetime, fold: Fold = "first") -> datetime:
    """Return the next instant after `now` at which it is `at` in the zone."""
    today = now.astimezone(ZoneInfo(zone)).date()
    walls = [datetime.combine(today + timedelta(days=days), at) for days in range(3)]
    return next(fire.at for fire in fires(walls, ZoneInfo(zone), "next", fold) if fire.at > now)
