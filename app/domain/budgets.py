"""Rules of budgets: which day or month a run counts in, what it may cost, and whether that much is left."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from app.domain import money, repairs, wording

Period = Literal["day", "month"]
PERIODS: tuple[Period, ...] = ("day", "month")

STEPS = (50, 80, 100)
"""Shares in percent that people are told of, each once."""

JUDGED_MICROS = 2 * money.MICROS_PER_CENT
"""So much is reserved for each check that a model judges."""

_AGENT_CAP_CENTS = 100


@dataclass(frozen=True)
class Pot:
    """One budget in one of its periods (`2026-11-28`, `2026-11`). Amounts in micros; no limit of a kind is None.

    `whose`: team, task or plan. `runs` are those that have begun in it.
    """

    id: int
    whose: Literal["team", "task", "plan"]
    period: Period
    key: str
    limit_micros: int | None
    limit_runs: int | None = None
    spent_micros: int = 0
    reserved_micros: int = 0
    runs: int = 0

    @property
    def left_micros(self) -> int:
        """What nobody has spent or reserved; never less than nothing."""
        return max(0, (self.limit_micros or 0) - self.spent_micros - self.reserved_micros)

    @property
    def unspent_micros(self) -> int:
        """What would be left if nothing of what is reserved were spent."""
        return max(0, (self.limit_micros or 0) - self.spent_micros)

    @property
    def name(self) -> str:
        """The pot in a sentence: `the team's November`, `the plan's 28 November`."""
        owner = {"team": "the team's", "task": "its task's", "plan": "the plan's"}[self.whose]
        return f"{owner} {said(self.key)}"


def key_of(at: datetime, period: str, timezone: str) -> str:
    """Return the period of a budget that an instant (aware) falls into: its day or month in the budget's zone."""
    day = at.astimezone(ZoneInfo(timezone)).date().isoformat()
    return day if period == "day" else day[:7]


def bounds(key: str, timezone: str) -> tuple[datetime, datetime]:
    """Return the first instant of a period and that of the next one, in UTC."""
    is_day = len(key) == len("2026-11-28")
    first = date.fromisoformat(key if is_day else f"{key}-01")
    following = first + timedelta(days=1) if is_day else (first + timedelta(days=31)).replace(day=1)
    zone = ZoneInfo(timezone)
    start, end = (datetime.combine(day, time(), zone).astimezone(UTC) for day in (first, following))
    return start, end


def said(key: str) -> str:
    """Say a period: `28 November`, `November`."""
    month = wording.month(int(key[5:7]))
    return f"{int(key[8:])} {month}" if key[8:] else month


# --- what a run may cost


def most(definition: Mapping[str, Any], raised_micros: int | None = None) -> int:
    """Return the most that a run of a task may cost in micros, 0 for one that asks no model.

    `definition` has the keys of a stored one; `raised_micros` is what the cap of this run was raised to (of a task
    with steps: what each of its agents may spend more).
    """
    steps = definition.get("steps") or ()
    agents = [step["settings"] for step in steps or (definition,) if step.get("engine") == "agent"]
    caps = [int(one.get("cost_cap_cents", _AGENT_CAP_CENTS)) * money.MICROS_PER_CENT for one in agents]
    total = sum(caps) + (raised_micros or 0) * len(caps) if steps else sum(caps)
    if caps and not steps and raised_micros is not None:
        total = raised_micros
    if repair := definition.get("repair"):
        total += int(repair.get("cost_cap_cents", repairs.DEFAULT_CAP_CENTS)) * money.MICROS_PER_CENT
    return total + sum(JUDGED_MICROS for check in definition.get("contract", ()) if check.get("kind") == "judge")


# --- whether it may go


@dataclass(frozen=True)
class Admission:
    """Whether a run may go: what it reserves, and what its engine may spend at most (None: only its own cap counts).

    One that may not has a sentence; it `waits` where others only hold what it needs, else it is blocked for `reason`.
    `pot` is the one that decided.
    """

    reserved_micros: int = 0
    most_micros: int | None = None
    sentence: str = ""
    reason: str = ""
    waits: bool = False
    pot: Pot | None = None


def admit(pots: Sequence[Pot], may_cost: int, usual: int | None, *, is_new: bool) -> Admission:
    """Decide whether a run may go that may still cost so much (micros); `usual` is what its task's runs cost, if known.

    `is_new`: it has not begun before, so it counts as one of a day's runs.
    """
    for pot in pots:
        if is_new and pot.limit_runs is not None and pot.runs >= pot.limit_runs:
            allowed, day = _counted(pot.limit_runs), said(pot.key)
            sentence = f"Over the plan: {allowed} may start a day, and so many have on {day}."
            return Admission(sentence=sentence, reason="plan", pot=pot)
    pots = [pot for pot in pots if pot.limit_micros is not None]
    if not pots or not may_cost:
        return Admission()
    needs = may_cost if usual is None else min(may_cost, usual)
    for pot in sorted(pots, key=lambda one: one.unspent_micros):
        if pot.unspent_micros < needs:
            reason = "plan" if pot.whose == "plan" else "budget"
            return Admission(sentence=_out(pot, may_cost, usual), reason=reason, pot=pot)
    tight = min(pots, key=lambda one: one.left_micros)
    if tight.left_micros < needs:
        return Admission(sentence=_held(tight), reason="budget", waits=True, pot=tight)
    reserved = min(may_cost, tight.left_micros)
    return Admission(reserved, reserved if reserved < may_cost else None, pot=tight)


def reading(pots: Iterable[Pot], may_cost: int) -> tuple[Pot, str] | None:
    """Return the pot that has too little left for a model to read a thread, and say so; None when it may.

    `may_cost` (micros) is what that costs at most. It does not wait for what runs hold.
    """
    for pot in sorted((pot for pot in pots if pot.limit_micros is not None), key=lambda one: one.left_micros):
        if pot.left_micros < may_cost:
            left = f"{money.said(pot.left_micros)} free of {money.said(pot.limit_micros or 0)}"
            return pot, f"Out of budget: {pot.name} has {left}, and the model may cost {money.said(may_cost)}."
    return None


def _out(pot: Pot, may_cost: int, usual: int | None) -> str:
    left = f"{money.said(pot.unspent_micros)} left of {money.said(pot.limit_micros or 0)}"
    costs = f"may cost {money.said(may_cost)}" if usual is None else f"usually costs {money.said(usual)}"
    return f"Out of budget: {pot.name} has {left}, and this run {costs}."


def _held(pot: Pot) -> str:
    return (
        f"Waits: runs under way hold {money.said(pot.reserved_micros)} of {pot.name}, and "
        f"{money.said(pot.left_micros)} is free."
    )


def _counted(runs: int) -> str:
    return f"{runs:,} {'run' if runs == 1 else 'runs'}"


def after(pot: Pot, admission: Admission, *, is_new: bool) -> Pot:
    """Return a pot as it is once a run was let go."""
    return replace(
        pot, reserved_micros=pot.reserved_micros + admission.reserved_micros, runs=pot.runs + (1 if is_new else 0)
    )


# --- what is told


def reached(spent_micros: int, limit_micros: int) -> int:
    """Return the highest of STEPS that is spent, 0 for none."""
    return max((step for step in STEPS if spent_micros * 100 >= limit_micros * step), default=0)


def told(pot: Pot, owner: str, step: int) -> str:
    """Say that a share is spent. `owner` is the name of the team or task."""
    whose = f"The plan of {owner}" if pot.whose == "plan" else f"The budget of {owner}"
    spent, limit = money.said(pot.spent_micros), money.said(pot.limit_micros or 0)
    if step == STEPS[-1]:
        return f"{whose} for {said(pot.key)} is used up: {spent} of {limit}. Runs that cost money do not start."
    return f"{whose} for {said(pot.key)} is {step} % spent: {spent} of {limit}."


# --- what is foreseen


@dataclass(frozen=True)
class Load:
    """What is planned of a task until the end of a period: how many runs, what one usually costs, what one may cost."""

    runs: int
    usual_micros: int | None
    most_micros: int


@dataclass(frozen=True)
class Foreseen:
    """That planned runs pass a pot. `is_certain`: not a guess of costs, so a schedule that does so is refused."""

    pot: Pot
    sentence: str
    is_certain: bool
    runs_over: int


def foreseen(pots: Iterable[Pot], loads: Sequence[Load], own: int = 0) -> list[Foreseen]:
    """Say which pots the planned runs will pass before their period ends.

    `loads` are those of all tasks that the pots are of, the one at place `own` is the task that is looked at. Costs
    are guesses; the number of runs is not. A task without known costs counts with the most a run may cost.
    """
    found = [
        one
        for pot in pots
        for loads_here in [[loads[own]] if pot.whose == "task" else loads]
        for one in (_over_runs(pot, loads_here), _over_money(pot, loads_here, loads[own]))
    ]
    return [one for one in found if one]


def _over_runs(pot: Pot, loads: Sequence[Load]) -> Foreseen | None:
    if pot.limit_runs is None:
        return None
    over = pot.runs + sum(one.runs for one in loads) - pot.limit_runs
    sentence = f"{_counted(over)} would pass the {_counted(pot.limit_runs)} a day of the plan on {said(pot.key)}."
    return Foreseen(pot, sentence, is_certain=True, runs_over=over) if over > 0 else None


def _over_money(pot: Pot, loads: Sequence[Load], own: Load) -> Foreseen | None:
    each, needed = _each(own), sum(one.runs * _each(one) for one in loads)
    if pot.limit_micros is None or not each or not own.runs or needed <= pot.left_micros:
        return None
    over = min(own.runs, -(-(needed - pot.left_micros) // each))
    limit = money.said(pot.limit_micros)
    sentence = f"{_counted(over)} before the end of {said(pot.key)} would pass {pot.name} of {limit}."
    return Foreseen(pot, sentence, is_certain=False, runs_over=over)


def _each(load: Load) -> int:
    return load.most_micros if load.usual_micros is None else load.usual_micros
