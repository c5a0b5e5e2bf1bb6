"""Writes runs as events of a calendar: one by one, or where a task has many on a day, one for all of them."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from app.domain import triggers
from app.domain.lifecycle import ENDED, WENT_WRONG
from app.exporters.ics import Entry
from app.models.tasks import trigger_of
from app.services import planned
from app.services.coming import Coming

MOST_A_DAY = 6
"""With more runs than these on a day, one event stands for all of them."""

STEP, _MINUTE = timedelta(minutes=5), timedelta(minutes=1)
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Reach:
    """Whose runs: those of these teams, with `owner_id` only of tasks that this person owns. Days are those of `zone`.

    `url` is the address of Carillon, to which the events lead.
    """

    team_ids: Sequence[int]
    owner_id: int | None
    zone: str
    url: str


class Book:
    """The events of one calendar. `tasks` has id, slug, name, team and changed_at of each, `usual` how long one takes.

    `told` says of planned runs with a row when that last changed, by task and number.
    """

    def __init__(
        self,
        reach: Reach,
        now: datetime,
        tasks: Mapping[int, Any],
        usual: Mapping[int, timedelta],
        told: Mapping[tuple[int, int], datetime],
    ) -> None:
        self._reach, self._tasks, self._usual, self._told = reach, tasks, usual, told
        self._zone = ZoneInfo(reach.zone)
        self._host = urlsplit(reach.url).hostname or "localhost"
        self._today = now.astimezone(self._zone).date()
        self._days: dict[tuple[int, date], dict[str, tuple[Entry, str]]] = defaultdict(dict)
        self._frequent: set[tuple[int, date]] = set()
        self._words: dict[int, str] = {}

    def put_row(self, row: Any) -> None:
        """Put a run that was planned until now."""
        if row.task_id in self._tasks:
            self._put(row.task_id, row.planned_at, self._of_row(row), row.state)

    def put_coming(self, one: Coming) -> None:
        """Put the runs of a schedule that are to come, and those of them that somebody skips as cancelled."""
        self._say(one)
        for at, entry in self._of_coming(one):
            self._put(one.task_id, at, entry, "")

    def put_days(self, one: Coming, further: Iterable[date]) -> None:
        """Put the days of a schedule that has too many runs to put them one by one, and those further on."""
        self._say(one)
        days = {run.at.astimezone(self._zone).date() for run in one.runs if not run.is_left_out}
        self._frequent |= {(one.task_id, day) for day in (*days, *further)}

    def entries(self) -> list[Entry]:
        """Return all that was put."""
        found: list[Entry] = []
        for place in self._days.keys() | self._frequent:
            items = list(self._days.get(place, {}).values())
            if place in self._frequent or len(items) > MOST_A_DAY:
                found.append(self._together(*place, items))
            else:
                found += [entry for entry, _ in items]
        return found

    # --- one run

    def _say(self, one: Coming) -> None:
        self._words[one.task_id] = f"{triggers.describe(trigger_of(one.schedule))}."

    def _put(self, task_id: int, at: datetime, entry: Entry, state: str) -> None:
        self._days[task_id, at.astimezone(self._zone).date()].setdefault(entry.uid, (entry, state))

    def _of_row(self, row: Any) -> Entry:
        task = self._tasks[row.task_id]
        has_ended, fire_at = row.state in ENDED, planned.instant(row.key)
        is_late = row.started_at and row.started_at - row.planned_at > _MINUTE
        begin = (row.started_at if is_late else row.planned_at).replace(microsecond=0)
        length = _whole(row.ended_at - begin, _MINUTE) if row.started_at and row.ended_at else self._length(task.id)
        word = row.state.replace("_", " ").capitalize()
        is_fine = row.state not in WENT_WRONG and row.state != "cancelled"
        said = " ".join(part for part in (f"{word}.", row.sentence) if part)
        return Entry(
            uid=self._uid(task.id, f"{fire_at:%Y%m%dT%H%M%SZ}" if fire_at else f"run-{row.number}"),
            begin=begin,
            end=begin + length,
            zone=row.timezone or self._reach.zone,
            summary=task.name if is_fine else f"{word}: {task.name}",
            description=said if has_ended else self._words.get(task.id, "Planned."),
            url=f"{self._reach.url}/t/{task.team}/runs/{row.number}",
            changed_at=max(row.ended_at or row.planned_at, row.planned_at, *(() if has_ended else (task.changed_at,))),
            is_cancelled=row.state == "skipped",
        )

    def _of_coming(self, one: Coming) -> Iterator[tuple[datetime, Entry]]:
        task = self._tasks[one.task_id]
        words, length = self._words[task.id], self._length(task.id)
        url = f"{self._reach.url}/t/{task.team}/tasks/{task.slug}"
        for run in one.runs:
            if run.is_left_out and run.number is None:
                continue
            begin = run.at.replace(microsecond=0)
            entry = Entry(
                uid=self._uid(task.id, f"{run.fire_at:%Y%m%dT%H%M%SZ}"),
                begin=begin,
                end=begin + length,
                zone=one.schedule.timezone,
                summary=task.name,
                description=" ".join((words, *run.notes)),
                url=url,
                changed_at=max(task.changed_at, self._told.get((task.id, run.number or 0), task.changed_at)),
                is_cancelled=run.is_left_out,
            )
            yield run.at, entry

    def _length(self, task_id: int) -> timedelta:
        return _whole(self._usual.get(task_id, STEP), STEP)

    def _uid(self, task_id: int, what: str) -> str:
        return f"{task_id}-{what}@{self._host}"

    # --- many of them

    def _together(self, task_id: int, day: date, items: Sequence[tuple[Entry, str]]) -> Entry:
        """Return one event of a whole day: of the past it counts, of what is to come it says the rhythm."""
        task = self._tasks[task_id]
        is_over = day < self._today
        counts = Counter(state.replace("_", " ") for _, state in items)
        said = ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))
        runs = f"{len(items)} runs"
        return Entry(
            uid=self._uid(task_id, f"{day:%Y%m%d}"),
            begin=day,
            end=day + _DAY,
            zone="",
            summary=f"{task.name} ×{len(items)}" if is_over else task.name,
            description=f"{runs}: {said}." if is_over else self._words.get(task_id, "Many runs."),
            url=f"{self._reach.url}/t/{task.team}/tasks/{task.slug}",
            changed_at=max((entry.changed_at for entry, _ in items), default=task.changed_at)
            if is_over
            else task.changed_at,
        )


def _whole(length: timedelta, step: timedelta) -> timedelta:
    """Return a length of whole steps, one at least."""
    return max(step, -(-length // step) * step)
