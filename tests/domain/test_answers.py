"""Answers to the questions of Insights: what they say, what they leave unsaid, and figures that Plotly takes."""

from datetime import UTC, date, datetime, timedelta

import plotly.graph_objects as go

from app.domain.analytics import (
    choosing,
    failing,
    figures,
    giving,
    histogram,
    paying,
    slowing,
    starting,
    success,
    trusting,
)
from app.domain.analytics.answers import Named, compared, percent
from app.domain.analytics.choosing import Record
from app.domain.analytics.failing import Failed, Past
from app.domain.analytics.giving import Spared
from app.domain.analytics.paying import Month, Planned, Spent
from app.domain.analytics.slowing import Pace
from app.domain.forecast import Calibration
from app.domain.money import MICROS
from app.settings import ROOT
from tests.house.source import read

PRICES, SHOP = Named("Supplier prices", "supplier-prices"), Named("Shop front", "shop-front")
DATES = {"from": "2026-11-01", "to": "2026-11-03"}
DAYS = [f"2026-11-{day:02d}" for day in range(1, 31)]


TWO = (Failed(PRICES, "http_status", 6), Failed(SHOP, "timeout", 1))


def past(runs=100, before=None, failed=TWO):
    counts = {(place % 3, one.reason): one.runs for place, one in enumerate(failed)}
    seen = {one.reason: (date(2026, 11, 1), date(2026, 11, 3)) for one in failed}
    return Past(["2026-11-01", "2026-11-02", "2026-11-03"], counts, failed, seen, runs, before)


def spread_of(*seconds):
    return histogram.merged({histogram.bucket(one): 1} for one in seconds)


def around(seconds, count=40):
    return spread_of(*(seconds * (0.95 + 0.1 * place / count) for place in range(count)))


def drawn(answer):
    """The figure as Plotly understands it: it refuses what it does not know."""
    tokens = dict.fromkeys(("color", "fillcolor", "bgcolor", "bordercolor", "gridcolor", "linecolor"), "#123456")

    def painted(value, key=""):
        if isinstance(value, dict):
            return {name: painted(one, name) for name, one in value.items()}
        if isinstance(value, list):
            return [painted(one) for one in value]
        return tokens[key] if key in tokens and isinstance(value, str) else value

    return go.Figure(painted(answer.figure))


def test_what_failed_is_told_with_its_cause_its_tasks_and_the_way_there():
    answer = failing.answer(past(before=14), "30 days", DATES)
    assert answer.lead == "7 of 100 runs failed, 6 of them because the server answered with an error."
    assert "Supplier prices and Shop front" in answer.more
    assert "50 % less than in the 30 days before" in answer.more
    assert answer.rows[0] == (
        "The server answered with an error",
        6,
        "Supplier prices",
        date(2026, 11, 1),
        date(2026, 11, 3),
    )
    assert answer.action.values == {"reason": "http_status", **DATES}
    assert [trace.name for trace in drawn(answer).data] == ["The server answered with an error", "Time ran out"]
    assert failing.answer(past(), "30 days", DATES, "Try twice more.").action.place == "changes"


def test_causes_beyond_five_are_others():
    many = [Failed(SHOP, f"reason_{number}", 9 - number) for number in range(8)]
    assert [trace.name for trace in drawn(failing.answer(past(failed=many), "", DATES)).data][-1] == "Other"


def test_of_few_runs_only_the_numbers_are_told():
    few = failing.answer(past(runs=19), "", DATES)
    assert (few.lead, few.figure, len(few.rows)) == (
        "19 runs so far in this time, 7 failed. Come back after 20.",
        None,
        2,
    )
    assert failing.answer(past(failed=()), "", DATES).lead == "None of 100 runs failed."


def test_what_got_slower_is_more_than_chance():
    paces = [Pace(SHOP, around(30), around(20)), Pace(PRICES, around(10), around(20))]
    answer = slowing.answer(paces, 200, "30 days", "October", "November")
    assert answer.lead.startswith("Shop front takes 30 s, 5")
    assert answer.more == "Of 2 tasks it is the only one. 1 task got faster."
    assert answer.action.values == {"slug": "shop-front", "tab": "history"}
    assert len(drawn(answer).data) == 2
    apart = [Pace(SHOP, spread_of(*range(10, 130, 10)), spread_of(*range(8, 120, 10)))]
    assert slowing.answer(apart, 200, "30 days", "", "").lead.startswith("Nothing: of 1 task")
    assert slowing.answer([Pace(SHOP, around(3), {})], 200, "30 days", "", "").lead.startswith(
        "No task has 10 runs both now"
    )


def test_the_month_is_foreseen_with_a_range_that_grows_with_what_is_not_known():
    planned = [Planned(10, 1 * MICROS, 0.5 * MICROS, 1.5 * MICROS, 100)]
    month = paying.month("November", DAYS, [2 * MICROS * day for day in range(1, 11)], planned, 40 * MICROS)
    assert (month.so_far, month.end) == (20 * MICROS, 30 * MICROS)
    unsure = paying.month("November", DAYS, [20 * MICROS], [Planned(10, MICROS, 0.5 * MICROS, 1.5 * MICROS, 2)], None)
    assert unsure.high - unsure.low > month.high - month.low
    answer = paying.answer(
        [Spent(SHOP, "Sonnet", 15 * MICROS, 5), Spent(PRICES, "Haiku", 5 * MICROS, 5)], 0, None, "30 days", month
    )
    assert answer.lead == "$20.00 so far in November; about $30.00 by its end, well inside $40.00."
    assert "75 % went to Shop front" in answer.more
    assert {trace.name for trace in drawn(answer).data} >= {"Spent", "Expected", "Likely"}
    assert answer.action is None
    over = Month("November", DAYS, [30 * MICROS], 44 * MICROS, 40 * MICROS, 48 * MICROS, 40 * MICROS)
    assert "past $40.00" in paying.answer([], 0, None, "", over).lead


def test_without_a_price_it_says_so():
    assert paying.answer([], 3, None, "30 days", None).sentence.startswith("Nothing: no run with a known price")


def test_the_late_hour_is_named_and_a_punctual_team_is_left_in_peace():
    late = {9: spread_of(*[0.5] * 10, *[90.0] * 10), 10: spread_of(*[0.3] * 40)}
    answer = starting.answer(late, None, "30 days")
    assert answer.lead.startswith("Not always: half of 60 planned runs start within 0.3 s")
    assert "At 09:00 one in twenty starts more than 1 min 3" in answer.more
    assert answer.action.place == "spread"
    assert len(drawn(answer).data) == 2
    fine = starting.answer({10: spread_of(*[0.3] * 40)}, None, "30 days")
    assert (fine.lead[:4], fine.action) == ("Yes:", None)


def test_of_agents_that_do_as_well_the_cheaper_one_is_best():
    records = [
        Record("Sonnet", "Support", 200, 193, 200 * 16_000, 200, around(20), SHOP),
        Record("Haiku", "Support", 200, 191, 200 * 4_000, 200, around(10), PRICES),
        Record("Opus", "Support", 9, 9, 0, 0),
    ]
    answer = choosing.answer(records)
    assert answer.lead.startswith("For Support Haiku is as good as Sonnet and costs 75 % less")
    assert "1 pair of agent and kind with fewer than 10 runs" in answer.more
    assert {row.model for row in answer.rows} == {"Sonnet", "Haiku"}
    assert [trace.name for trace in drawn(answer).data] == ["Did its work", "Did not"]
    assert answer.figure["data"][1]["marker"]["pattern"]["shape"] == "/"
    worse = choosing.answer([records[0], Record("Haiku", "Support", 200, 150, 800_000, 200, around(10), PRICES)])
    assert worse.lead.startswith("For Support Sonnet is best: 96 % of 200 runs")


def test_what_it_gave_back_prints_what_it_assumes():
    answer = giving.answer([Spared(SHOP, 60, 15.0, MICROS), Spared(PRICES, 8, None, 0)], 50 * MICROS, 10.0, "30 days")
    assert answer.lead == "About 15 hours of somebody's time, worth $750 at $50 an hour, for $1.00."
    assert "An hour is taken to be worth $50." in answer.note
    assert answer.rows[0][1:] == (60, 15.0, 15.0, 750 * MICROS, MICROS, 749 * MICROS)
    assert "50 % more than in the 30 days before" in answer.more
    assert len(drawn(answer).data) == 1
    assert giving.answer([Spared(SHOP, 60, None, 0)], None, None, "").action.place == "savings"


def test_forecasts_are_trusted_by_what_came():
    held = Calibration(400, 0.8, 0.91, 0.5, 0, None, ())
    assert trusting.answer(held).lead.startswith("Yes: of 400 runs 91 %")
    assert len(drawn(trusting.answer(held)).data) == 2
    assert trusting.answer(Calibration(5, None, None, None, 0, None, ())).figure is None


def test_shares_are_never_rounded_to_all_or_nothing():
    assert [percent(share) for share in (1, 0.9996, 0.5, 0.001, 0)] == ["100 %", "99.9 %", "50 %", "under 1 %", "0 %"]
    assert compared(9, 3, "7 days") == "That is 3.0 times as much as in the 7 days before."
    assert compared(3, 3, "7 days") == "As in the 7 days before."


def test_every_colour_of_a_figure_is_a_token_of_the_page():
    tokens = read(ROOT / "static/css/tokens.css")
    used = {
        *figures.COLOURS,
        "$fail",
        "$ink",
        "$ink-2",
        "$ink-3",
        "$line",
        "$line-soft",
        "$line-strong",
        "$surface",
        "$bronze-line",
    }
    assert [name for name in used if f"--{name[1:]}:" not in tokens] == []


# --- success


NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


def test_weeks_end_now():
    counts = success.by_week([NOW - timedelta(days=1), NOW - timedelta(days=8), NOW - timedelta(days=90)], NOW)
    assert [count for _, count in counts[-2:]] == [1, 1]
    assert sum(count for _, count in counts) == 2


def test_outages_that_overlap_count_once():
    spans = [("redis", NOW - timedelta(hours=3), NOW - timedelta(hours=1)), ("workers", NOW - timedelta(hours=2), None)]
    measure = success.uptime(spans, NOW - timedelta(days=30), NOW)
    assert measure.sentence == "99.58 % of the last 30 days: something was away for 3 h."
    assert measure.rows == [("redis", 1, 7200.0), ("workers", 1, 7200.0)]


def test_who_stays_is_told_by_the_month_they_joined():
    months = [date(2026, 10, 1), date(2026, 11, 1)]
    measure = success.retention(
        {1: months[0], 2: months[0], 3: months[1]}, {1: set(months), 2: {months[0]}, 3: {months[1]}}, months
    )
    assert measure.rows == [("Oct 2026", 2, 1.0, 0.5), ("Nov 2026", 1, 1.0, None)]
    assert measure.sentence == "2 people did something this month. 50 % of those of the month before did again."
