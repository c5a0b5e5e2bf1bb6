"""When are we busy: the coming seven days, as planning foresees them, as an answer."""

from app.domain import localtime, wording
from app.domain.access import Actor
from app.domain.analytics.answers import Action, Answer, Column
from app.services.planning import week as ahead
from app.services.planning.week import Week


def answer(actor: Actor, timezone: str) -> Answer:
    """Say when most runs go at once, in the time zone of who asks."""
    week = ahead.week(actor, timezone)
    rows = [(one.day, *one.hours) for one in week.days]
    if not week.peak:
        return Answer("busy", "Nothing is planned for the coming seven days.", columns=_COLUMNS)
    return Answer("busy", _lead(week, timezone), _more(week), _COLUMNS, rows, None, _action(actor, week))


def _lead(week: Week, timezone: str) -> str:
    if week.crowd:
        at = week.crowd.at.astimezone(localtime.zone(timezone))
        slots = "there is 1 slot" if week.crowd.slots == 1 else f"there are {week.crowd.slots} slots"
        return f"{at:%A} at {at:%H:%M}: {week.crowd.starts} runs start at once, and {slots} for them."
    day, hour = week.peak or (week.days[0].day, 0)
    runs = "1 run" if week.most == 1 else f"{week.most} runs at once"
    return f"{day:%A} at {hour:02d}:00: {runs}, and none waits for a slot."


def _more(week: Week) -> str:
    return f"{week.runs:,} runs are planned for the coming seven days."


def _action(actor: Actor, week: Week) -> Action | None:
    if week.crowd is None or not actor.may("edit"):
        return None
    waits = wording.duration(week.crowd.wait_seconds)
    return Action(f"The last one waits about {waits}. A few minutes apart none would.", "Spread them", "spread")


_COLUMNS = (Column("day", "Day", "day"), *(Column(f"h{hour:02d}", f"{hour:02d}") for hour in range(24)))
