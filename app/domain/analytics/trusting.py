"""Can I trust the forecasts: what was said of runs beforehand, and how it came."""

from app.domain.analytics import figures
from app.domain.analytics.answers import LEAST_RUNS, Answer, Column, percent
from app.domain.forecast import Calibration

_YES, _MOSTLY = 0.03, 0.08


def answer(trust: Calibration) -> Answer:
    """Say whether past estimates held. All that was learned counts, whatever time is looked at."""
    n = trust.n
    if n < LEAST_RUNS or trust.below_p90 is None or trust.inside is None or trust.below_p50 is None:
        return Answer(
            "trust", f"Come back after {LEAST_RUNS} runs of tasks that ran twice before: {n} so far.", columns=_COLUMNS
        )
    off = abs(trust.below_p90 - 0.9)
    mood = "Yes" if off <= _YES else "Mostly" if off <= _MOSTLY else "Not yet"
    lead = f"{mood}: of {n:,} runs {percent(trust.below_p90)} took no longer than what nine of ten should stay under."
    more = f"{percent(trust.inside)} were within the range that is shown, which should hold eight of ten."
    rows: list[tuple[str, float, float, int]] = [
        ("Half take less than the middle", 0.5, trust.below_p50, n),
        ("Within the range", 0.8, trust.inside, n),
        ("Less than the upper end", 0.9, trust.below_p90, n),
    ]
    figure = _figure(rows)
    if trust.judged >= LEAST_RUNS:
        rows += [
            (f"Fails, said {one.low:.0%} to {one.high:.0%}".replace("%", " %"), one.said, one.failed, one.n)
            for one in trust.bins
        ]
    return Answer("trust", lead, more, _COLUMNS, rows, figure)


def _figure(rows: list[tuple[str, float, float, int]]) -> figures.Figure:
    names = ["Under the middle", "In the range", "Under the upper end"]
    said = {"hovertemplate": "%{y:.0f} %"}
    traces = [
        figures.bars("Should", names, [100 * row[1] for row in rows], 5, **said),
        figures.bars("Did", names, [100 * row[2] for row in rows], 0, **said),
    ]
    return figures.figure(traces, barmode="group", showlegend=True, yaxis={"ticksuffix": " %", "range": [0, 100]})


_COLUMNS = (
    Column("what", "What was said", "text"), Column("should", "Should", "share"), Column("did", "Did", "share"),
    Column("runs", "Runs"),
)  # fmt: skip
