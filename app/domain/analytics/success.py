"""Whether Carillon is a success: measures of adoption, performance and business, for those who look after it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal

from app.domain import usual, wording
from app.domain.analytics import histogram
from app.domain.analytics.answers import Column, counted, dollars, percent

Area = Literal["Adoption", "Performance", "Business"]

WEEKS = 12
MONTHS = 6
_WORKED = ("succeeded", "degraded")
_RAN = (*_WORKED, "unmet", "failed", "timed_out")


@dataclass(frozen=True)
class Measure:
    """One measure: what it is called, what it says now, and its table."""

    area: Area
    name: str
    sentence: str
    columns: Sequence[Column] = ()
    rows: Sequence[Sequence[Any]] = ()


# --- adoption


def created(times: Iterable[datetime], now: datetime) -> Measure:
    """How many tasks were made in each of the last WEEKS, this week last."""
    counts = by_week(times, now)
    lead = f"{counted(counts[-1][1], 'task')} made in the last 7 days, {counts[-2][1]:,} in the 7 before."
    return Measure("Adoption", "Tasks made", lead, (_WEEK, Column("tasks", "Tasks made")), counts)


def retention(joined: Mapping[int, date], active: Mapping[int, set[date]], months: Sequence[date]) -> Measure:
    """Of the people who joined in each month (its first day), the share that did something in each month since.

    `joined` is the month of each person, `active` the months in which they did something.
    """
    rows = []
    for place, month in enumerate(months):
        people = [person for person, since in joined.items() if since == month]
        shares = [
            sum(later in active.get(person, ()) for person in people) / len(people) if people else None
            for later in months[place:]
        ]
        rows.append((month, len(people), *shares, *[None] * place))
    columns = (
        Column("month", "Joined in", "text"), Column("people", "People"),
        *(Column(f"m{number}", "Same month" if not number else f"+{number}", "share") for number in range(len(months))),
    )  # fmt: skip
    here = [person for person, some in active.items() if months[-1] in some]
    before = [person for person, some in active.items() if months[-2] in some]
    stayed = len(set(here) & set(before))
    share = f" {percent(stayed / len(before))} of those of the month before did again." if before else ""
    lead = f"{counted(len(here), 'person').replace('persons', 'people')} did something this month.{share}"
    shown = [(f"{row[0]:%b %Y}", *row[1:]) for row in rows]
    return Measure("Adoption", "Who stays", lead, columns, shown)


def features(used: Mapping[str, tuple[int, int]], teams: int) -> Measure:
    """How many teams use each feature, and how often: `used` maps its name to (teams, things)."""
    rows = sorted(
        ((name, *counts, counts[0] / teams if teams else 0.0) for name, counts in used.items()), key=lambda row: -row[1]
    )
    most = (
        f"{rows[0][0]} are used by {rows[0][1]:,} of {counted(teams, 'team')}."
        if rows and rows[0][1]
        else "Nothing is used yet."
    )
    columns = (
        Column("feature", "Feature", "text"),
        Column("teams", "Teams"),
        Column("count", "How many"),
        Column("share", "Of all teams", "share"),
    )
    return Measure("Adoption", "What is used", most, columns, rows)


def satisfaction(scores: Sequence[int], asked: int, notes: Sequence[tuple[datetime, int, str]]) -> Measure:
    """What people said when they were asked if Carillon is a help, 1 to 5; `notes` are the last ones with words."""
    columns = (Column("at", "When", "day"), Column("score", "Of 5"), Column("note", "What they said", "text"))
    if not scores:
        lead = (
            f"Nobody has answered yet; {counted(asked, 'person').replace('persons', 'people')} asked."
            if asked
            else "Nobody was asked yet."
        )
        return Measure("Adoption", "Satisfaction", lead, columns)
    average = sum(scores) / len(scores)
    lead = f"{average:.1f} of 5, from {counted(len(scores), 'answer')} of {asked:,} asked."
    return Measure("Adoption", "Satisfaction", lead, columns, notes)


# --- performance


def success(now: Mapping[str, int], before: Mapping[str, int], took: Mapping[str, int]) -> Measure:
    """The share of runs that did their work, in 30 days and the 30 before, by state; and how long half of them take."""
    ran, then = (sum(some.get(state, 0) for state in _RAN) for some in (now, before))
    worked, worked_then = (sum(some.get(state, 0) for state in _WORKED) for some in (now, before))
    columns = (Column("state", "How it ended", "text"), Column("now", "30 days"), Column("before", "The 30 before"))
    rows = [(state.replace("_", " "), now.get(state, 0), before.get(state, 0)) for state in sorted({*now, *before})]
    if not ran:
        return Measure("Performance", "Runs", "No run has ended in the last 30 days.", columns, rows)
    half = histogram.quantile(took, 0.5)
    was = f", {percent(worked_then / then)} in the 30 days before" if then else ""
    lasts = f" Half take up to {wording.duration(half)}." if half else ""
    return Measure(
        "Performance", "Runs", f"{percent(worked / ran)} of {counted(ran)} did their work{was}.{lasts}", columns, rows
    )


def uptime(outages: Iterable[tuple[str, datetime, datetime | None]], since: datetime, now: datetime) -> Measure:
    """The share of the time in which nothing of Carillon was away, by what the watchdog found (kind, from, to)."""
    spans: dict[str, list[tuple[datetime, datetime]]] = {}
    for kind, at, ended_at in outages:
        spans.setdefault(kind, []).append((max(at, since), min(ended_at or now, now)))
    rows = [(kind.replace("_", " "), len(some), _covered(some, since, now)) for kind, some in sorted(spans.items())]
    down = _covered([one for some in spans.values() for one in some], since, now)
    share = 1 - down / max((now - since).total_seconds(), 1.0)
    columns = (Column("part", "Part", "text"), Column("times", "Outages"), Column("seconds", "For", "seconds"))
    lead = (
        f"{_exactly(share)} of the last 30 days{f': something was away for {wording.duration(down)}' if down else ''}."
    )
    return Measure("Performance", "Uptime", lead, columns, rows)


def _covered(spans: Sequence[tuple[datetime, datetime]], since: datetime, now: datetime) -> float:
    steps = usual.at_once([one for one in spans if one[1] > since], since, now)
    ends = [*(at for at, _ in steps[1:]), now]
    return sum((end - at).total_seconds() for (at, count), end in zip(steps, ends, strict=True) if count)


def _exactly(share: float) -> str:
    return "100 %" if share == 1 else f"{min(100 * share, 99.99):.2f} %"


def reliability(counts: Mapping[str, int], broken: int | None) -> Measure:
    """What went wrong inside Carillon since it was set up, and how many promises the nightly check found broken."""
    rows = [
        ("Workers that vanished with a run", counts.get("leases_lost", 0)),
        ("Late writes refused", counts.get("writes_refused", 0)),
    ]
    if broken is not None:
        rows.append(("Runs whose record was not as planned, last night", broken))
    found = (
        "Not checked yet."
        if broken is None
        else "Every planned run has its record."
        if not broken
        else f"{counted(broken, 'planned run')} without a right record."
    )
    return Measure(
        "Performance", "Reliability", found, (Column("what", "What", "text"), Column("count", "How often")), rows
    )


def utilisation(busy_seconds: float, slot_seconds: float) -> Measure:
    """How much of the time of all slots was used in 30 days."""
    if not slot_seconds:
        return Measure("Performance", "Utilisation", "No worker was there.")
    hours = busy_seconds / 3600
    share = percent(min(1.0, busy_seconds / slot_seconds))
    lead = f"{share} of the time of all slots: {hours:,.0f} hours of work in {slot_seconds / 3600:,.0f}."
    return Measure("Performance", "Utilisation", lead)


# --- business


def value(teams: Sequence[tuple[str, float, int | None, int]]) -> Measure:
    """What runs gave back in 30 days, by team: (name, hours, worth of an hour in micros, cost in micros)."""
    rows = [
        (
            name,
            hours,
            None if rate is None else hours * rate,
            cost,
            None if rate is None else hours * rate - cost,
        )
        for name, hours, rate, cost in sorted(teams, key=lambda one: -one[1])
    ]
    columns = (
        Column("team", "Team", "text"), Column("spared", "Spared", "hours"), Column("worth", "Worth", "money"),
        Column("cost", "Cost", "money"), Column("net", "Savings", "money"),
    )  # fmt: skip
    hours, cost = sum(one[1] for one in teams), sum(one[3] for one in teams)
    worth = sum(one[1] * one[2] for one in teams if one[2] is not None)
    saves = f", worth {dollars(worth)}, for {dollars(cost)}" if worth else f", for {dollars(cost)}"
    return Measure("Business", "Value", f"About {hours:,.0f} hours in 30 days{saves}.", columns, rows)


def plans(requests: Mapping[str, int], changes: int) -> Measure:
    """Requests for larger plans in 90 days by their state, and how often a plan was changed."""
    names = {"open": "Open requests", "accepted": "Accepted", "declined": "Declined"}
    rows = [(words, requests.get(state, 0)) for state, words in names.items()] + [("Plans changed", changes)]
    total = sum(requests.values())
    lead = f"{counted(total, 'request')} for a larger plan in 90 days, {requests.get('accepted', 0):,} accepted."
    return Measure(
        "Business", "Plan changes", lead, (Column("what", "What", "text"), Column("count", "How many")), rows
    )


def problems(times: Iterable[datetime], still_open: int, now: datetime) -> Measure:
    """Problems with runs that people have reported in each of the last WEEKS, and how many are open."""
    counts = by_week(times, now)
    latest, before = counts[-1][1], sum(count for _, count in counts[-5:-1]) / 4
    trend = (
        "none"
        if not latest
        else "more than usual"
        if latest > 1.5 * before
        else "fewer than usual"
        if latest < before / 1.5
        else "as usual"
    )
    lead = (
        f"{counted(latest, 'report')} in the last 7 days, {trend}; {still_open:,} open."
        if latest or still_open
        else "None in the last 7 days, none open."
    )
    return Measure("Business", "Problem reports", lead, (_WEEK, Column("reports", "Reports")), counts)


def by_week(times: Iterable[datetime], now: datetime) -> list[tuple[date, int]]:
    """Return how many instants lie in each of the last WEEKS (seven days back from now), by its first day."""
    starts = [now - timedelta(days=7) * (WEEKS - number) for number in range(WEEKS)]
    counts = [0] * WEEKS
    for at in times:
        place = int((at - starts[0]) / timedelta(days=7))
        if starts[0] <= at and place <= WEEKS:
            counts[min(place, WEEKS - 1)] += 1
    return [(start.date(), count) for start, count in zip(starts, counts, strict=True)]


_WEEK = Column("week", "Week from", "day")
