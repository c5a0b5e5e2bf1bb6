"""Are we on time: how long after its planned time a run starts, by hour of the day."""

from collections.abc import Mapping

from app.domain.analytics import figures, histogram
from app.domain.analytics.answers import LEAST_RUNS, Action, Answer, Column, too_few
from app.domain.wording import duration

_LATE_SECONDS = 30.0
"""An hour in which one run in twenty starts later than that is worth a change."""

_LEAST = 5
"""Of fewer runs in an hour of the day nothing is drawn."""


def answer(hours: Mapping[int, Mapping[str, int]], before: Mapping[str, int] | None, period: str) -> Answer:
    """Say how late runs start. `hours` are histograms of delays by the reader's hour, `before` one of the time before.

    Counted are runs that a schedule planned; what a limit or a busy worker made wait is late as well.
    """
    every = histogram.merged(hours.values())
    runs = histogram.size(every)
    rows = [(hour, *_figures(hours[hour])) for hour in sorted(hours)]
    if runs < LEAST_RUNS:
        return Answer("punctuality", too_few(runs, "planned run"), columns=_COLUMNS, rows=rows)
    _, half, most = _figures(every)
    worst = max((row for row in rows if row[1] >= _LEAST), key=lambda row: row[3], default=None)
    is_late = worst is not None and worst[3] >= _LATE_SECONDS
    mood = "Not always" if is_late else "Yes"
    lead = f"{mood}: half of {runs:,} planned runs start within {_said(half)}, 19 of 20 within {_said(most)}."
    more, action = "", None
    if worst and is_late:
        more = f"At {worst[0]:02d}:00 one in twenty starts more than {_said(worst[3])} late. "
        sentence = f"What starts together at {worst[0]:02d}:00 waits for itself. A few minutes apart it would not."
        action = Action(sentence, "Spread the tasks", "spread")
    if before and (then := histogram.quantile(before, 0.95)) is not None:
        more += f"In the {period} before, 19 of 20 started within {_said(then)}."
    return Answer("punctuality", lead, more.strip(), _COLUMNS, rows, _figure(rows), action)


def _said(seconds: float) -> str:
    return duration(seconds) if seconds else "10 ms"


def _figures(of: Mapping[str, int]) -> tuple[int, float, float]:
    return histogram.size(of), histogram.quantile(of, 0.5) or 0.0, histogram.quantile(of, 0.95) or 0.0


def _figure(rows: list[tuple[int, int, float, float]]) -> figures.Figure:
    drawn = {row[0]: row for row in rows if row[1] >= _LEAST}
    hours = [f"{hour:02d}" for hour in range(24)]
    half, most = ([drawn[at][place] if at in drawn else None for at in range(24)] for place in (2, 3))
    words = {place: [duration(drawn[at][place]) if at in drawn else "" for at in range(24)] for place in (2, 3)}
    traces = [
        figures.bars(
            "19 of 20 start within", hours, most, 0, text=words[3], textposition="none", hovertemplate="%{text}"
        ),
        figures.bars("Half start within", hours, half, 1, text=words[2], textposition="none", hovertemplate="%{text}"),
    ]
    return figures.figure(
        traces, barmode="overlay", showlegend=True, xaxis={"type": "category", "nticks": 8, "tickangle": 0},
        yaxis={"ticksuffix": " s"},
    )  # fmt: skip


_COLUMNS = (
    Column("hour", "Hour", "hour"), Column("runs", "Planned runs"), Column("p50", "Half start within", "seconds"),
    Column("p95", "19 of 20 within", "seconds"),
)  # fmt: skip
