"""An alert rule in words: when what happened, whom it tells, and when."""

from collections.abc import Collection, Mapping, Sequence

from app.domain.alert_rules import EVENTS, Rule
from app.domain.wording import duration

_NOBODY = "nobody"
_HAPPENED: Mapping[str, str] = {
    "failed": "a run failed",
    "unmet": "a contract was not met",
    "not_started": "a run did not start",
    "not_finished": "a run did not finish",
    "missed": "a planned time was missed",
    "blocked": "a run was blocked",
    "approval": "a run waits for a decision",
    "budget": "a budget or plan runs out",
    "degraded": "a run was done without a part",
    "late": "a run started late",
    "slow": "a run takes long",
    "memory": "a run came close to its memory limit",
    "anomaly": "a run was unlike the others",
    "carillon": "Carillon itself has trouble",
}


def sentence(rule: Rule, tasks: Mapping[int, str], names: Mapping[str, str]) -> str:
    """Say a rule as one sentence; `tasks` names tasks by their ids, `names` who stands behind each channel."""
    what = _listed([_HAPPENED[event] for event in EVENTS if event in rule.events & _HAPPENED.keys()], "or")
    often = f" {rule.after} times in a row" if rule.after > 1 else ""
    each = ", each time," if rule.is_each else ","
    told = _listed(_names(rule.channels, names), "and")
    late = ""
    if rule.escalates_after:
        whom = _listed(_names(rule.escalates_to, names), "and")
        late = f"; if nobody reacts, tell {whom} after {duration(rule.escalates_after)}"
    return f"When {what}{_of(rule, tasks)}{often}{each} tell {told}{_when(rule)}{late}."


def _of(rule: Rule, tasks: Mapping[int, str]) -> str:
    parts = [tasks[task] for task in sorted(rule.tasks) if task in tasks]
    if rule.tags:
        parts.append(f"tasks tagged {_listed(sorted(rule.tags), 'or')}")
    if parts:
        return f" of {_listed(parts, 'or')}"
    return " of a task that is gone" if rule.tasks else ""


def _when(rule: Rule) -> str:
    at = rule.pace.digest_at
    if at and rule.events <= rule.held:
        return f" in one message at {at:%H:%M}"
    quiet = rule.pace.quiet
    return f" at once, but not from {quiet.since:%H:%M} to {quiet.until:%H:%M}" if quiet else " at once"


def _names(channels: Collection[str], names: Mapping[str, str]) -> list[str]:
    return list(dict.fromkeys(names[channel] for channel in sorted(channels) if channel in names))


def _listed(words: Sequence[str], word: str) -> str:
    if not words:
        return _NOBODY
    return f" {word} ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
