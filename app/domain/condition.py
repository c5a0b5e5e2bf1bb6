"""How the parts of an installation are, judged by their numbers: a word for each, and what to do if it is not well."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from app.domain.wording import duration

Tone = Literal["ok", "warn", "fail", "idle"]

LATE_SECONDS, LONG_WAIT_SECONDS, SKEWED_SECONDS, SILENT_SECONDS = 5.0, 60.0, 1.0, 30.0
"""From here on: runs are queued late, a run waits long, clocks disagree, a watchdog or sealer is silent."""

OLD_SECONDS = 2 * 86_400.0
"""Nightly work that is older has not been done."""


@dataclass(frozen=True)
class Part:
    """One part: `word` says how it is, `sentence` what that means and what to do; `facts` are (name, value)."""

    name: str
    tone: Tone
    word: str
    sentence: str = ""
    facts: Sequence[tuple[str, str]] = field(default_factory=tuple)


def clock(leader: str, standing_by: int) -> Part:
    """The clocks: `leader` is the name of the one that leads, "" for none."""
    facts = (("Leads", leader or "none"), ("Stand by", str(standing_by)))
    if not leader:
        return Part("Clock", "fail", "Away", "No clock leads: schedules wait. Start one: ./carillon clock.", facts)
    sentence = "" if standing_by else "If it stops, schedules wait. A second one on another host takes over."
    return Part("Clock", "ok", "Leads", sentence, facts)


def lateness(lags_seconds: Sequence[float]) -> Part:
    """How late runs of the last hour were queued."""
    if not lags_seconds:
        return Part("Lateness", "idle", "Nothing yet", "No planned run was queued in the last hour.")
    ordered = sorted(lags_seconds)
    half, most = ordered[len(ordered) // 2], ordered[len(ordered) * 95 // 100]
    facts = (("Half within", _seconds(half)), ("95 of 100 within", _seconds(most)), ("Runs", f"{len(ordered):,}"))
    if most > LATE_SECONDS:
        sentence = "Runs are queued late. The database is slow, or the clock's host is busy."
        return Part("Lateness", "warn", "Late", sentence, facts)
    return Part("Lateness", "ok", "On time", "", facts)


def skew(seconds: float) -> Part:
    """How far this host's clock is ahead of the database's."""
    facts = (("This host is ahead by", _seconds(seconds)),)
    if abs(seconds) > SKEWED_SECONDS:
        return Part("Time", "warn", "Differs", "This host and the database disagree. Set both by NTP.", facts)
    return Part("Time", "ok", "Agrees", "", facts)


def workers(alive: int, draining: int, busy: int, slots: int) -> Part:
    """The workers: how many there are, and how many of their slots are taken."""
    facts = (("Alive", str(alive)), ("Draining", str(draining)), ("Slots taken", f"{busy} of {slots}"))
    if alive == draining:
        return Part("Workers", "fail", "Away", "No worker takes runs: they wait. Start one: ./carillon worker.", facts)
    return Part("Workers", "ok", "Work", "", facts)


def queue(depths: Mapping[str, int] | None, oldest_seconds: float) -> Part:
    """The queues: how many calls wait in each lane, None while Redis is away, and how long the oldest run waits."""
    oldest = ("Oldest waits for", _seconds(oldest_seconds))
    if depths is None:
        sentence = "Redis does not answer. Planned runs are kept, and start when it is back."
        return Part("Queue", "fail", "Away", sentence, (oldest,))
    facts = (*((f"Lane {lane}", f"{count:,}") for lane, count in depths.items()), oldest)
    if oldest_seconds > LONG_WAIT_SECONDS:
        return Part("Queue", "warn", "Long", "Runs wait for a free slot. Start more workers, or raise slots.", facts)
    return Part("Queue", "ok", "Flows", "", facts)


def database(kind: str, *, is_current: bool, problem: str) -> Part:
    """The database: `problem` is what the last look at SQLite's file found, "" for nothing."""
    facts = (("Kind", kind), ("Tables", "of this version" if is_current else "older"))
    if problem:
        sentence = f"Its file is damaged: {problem}. Stop Carillon and restore the last backup."
        return Part("Database", "fail", "Damaged", sentence, facts)
    if not is_current:
        return Part("Database", "fail", "Older", "Bring it to this version: ./carillon migrate.", facts)
    return Part("Database", "ok", "Answers", "", facts)


def losses(counted: Mapping[str, int]) -> Part:
    """What went wrong and did no harm, since the installation began."""
    names = {"leases_lost": "Workers vanished", "writes_refused": "Late writes refused",
             "already_claimed": "Calls too many"}  # fmt: skip
    facts = tuple((words, f"{counted.get(name, 0):,}") for name, words in names.items())
    sentence = "Counted since the beginning. A number that grows says that workers die or hosts stand still."
    return Part("Losses", "idle", "Counted", sentence, facts)


def watchdog(seconds: float | None) -> Part:
    """The watchdog, seen so long ago; None: never."""
    if seconds is None or seconds > SILENT_SECONDS:
        seen = "never" if seconds is None else f"{duration(seconds)} ago"
        sentence = "Nobody tells when the clock is dead. Start it: ./carillon watchdog."
        return Part("Watchdog", "warn", "Away", sentence, (("Seen", seen),))
    return Part("Watchdog", "ok", "Watches", "", (("Seen", f"{_seconds(seconds)} ago"),))


def deliveries(by_state: Mapping[str, int]) -> Part:
    """The messages of alerts."""
    waiting, failed = by_state.get("waiting", 0), by_state.get("failed", 0)
    facts = (("Waiting", f"{waiting:,}"), ("Failed", f"{failed:,}"))
    if failed:
        sentence = "Messages could not be delivered. Look at the settings of alerts."
        return Part("Alerts", "warn", "Fail", sentence, facts)
    return Part("Alerts", "ok", "Delivered", "", facts)


def checker(seconds: float | None, planned: int, findings: Sequence[str], count: int) -> Part:
    """The checker's last look, so long ago (None: never), over so many planned times, and what did not agree."""
    if seconds is None:
        return Part("Checker", "idle", "Not yet", "It compares plan and record once a day, or now: ./carillon verify.")
    facts = (("Looked", f"{duration(seconds)} ago"), ("Planned times", f"{planned:,}"), ("Findings", f"{count:,}"))
    if count:
        sentence = f"{findings[0] if findings else ''} See them all: ./carillon verify."
        return Part("Checker", "fail", "Differs", sentence.strip(), facts)
    if seconds > OLD_SECONDS:
        return Part("Checker", "warn", "Old", "It has not looked for days: no worker takes upkeep.", facts)
    return Part("Checker", "ok", "All agrees", "", facts)


def audit(seconds: float | None, checked: int, flaw: str, unsealed: int, unsealed_seconds: float) -> Part:
    """The chain of the audit: when it was last walked, what was wrong with it, and what is not sealed yet."""
    looked = "never" if seconds is None else f"{duration(seconds)} ago"
    facts = (("Checked", looked), ("Entries", f"{checked:,}"), ("Not sealed yet", f"{unsealed:,}"))
    if flaw:
        return Part("Audit", "fail", "Broken", f"{flaw} Compare with a backup; ./carillon audit verify.", facts)
    if unsealed and unsealed_seconds > SILENT_SECONDS:
        return Part("Audit", "warn", "Not sealed", "Entries wait for their seal: a clock makes it.", facts)
    if seconds is None:
        return Part("Audit", "idle", "Not checked", "It is walked once a day, or now: ./carillon audit verify.", facts)
    return Part("Audit", "ok", "Whole", "", facts)


def backup(seconds: float | None, problem: str) -> Part:
    """The last backup: so long ago (None: never), and why it failed ("" if it did not)."""
    if seconds is None:
        return Part("Backup", "warn", "None", "There is no backup yet. Make one: ./carillon backup.")
    facts = (("Made" if not problem else "Tried", f"{duration(seconds)} ago"),)
    if problem:
        return Part("Backup", "fail", "Failed", f"{problem.rstrip('.')}. Mend that, then: ./carillon backup.", facts)
    if seconds > OLD_SECONDS:
        return Part("Backup", "warn", "Old", "The last backup is days old. Make one: ./carillon backup.", facts)
    return Part("Backup", "ok", "Made", "", facts)


def disk(left: str, *, is_low: bool) -> Part:
    """The disk of the data on this host, with so much room left."""
    if is_low:
        return Part(
            "Disk", "fail", "Low", "New runs wait until there is room. Remove what is not needed.", (("Left", left),)
        )
    return Part("Disk", "ok", "Has room", "", (("Left", left),))


def _seconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if abs(seconds) < 1 else duration(seconds)
