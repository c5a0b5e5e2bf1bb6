"""Clock changes: the rules hold in every zone, as a walk through every real minute finds them, and are told."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice, pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.domain import localtime
from app.domain.triggers import Trigger, clock_changes, fires_between, next_fire
from app.infra import tzdata

NOW = datetime(2026, 11, 25, 2, 50, 12, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)

CHANGES = {
    "Europe/Berlin": ("2027-03-28", "2026-10-25"),
    "America/New_York": ("2027-03-14", "2026-11-01"),
    "Australia/Lord_Howe": ("2026-10-03", "2027-04-03"),
    "Africa/Cairo": ("2026-04-23", "2026-10-29"),
    "Pacific/Apia": ("2011-12-30", "2012-03-31"),
    "Africa/Casablanca": ("2026-02-15", "2026-03-22"),
    "America/St_Johns": ("2010-03-14", "2010-11-07"),
    "Asia/Kolkata": ("2026-06-01",),
}
"""Days near which the clock changes: by 30 minutes, at midnight, by a whole day, twice within a month, never."""


def cron(expression, timezone="Europe/Berlin", **rules):
    return Trigger("cron", expression, timezone, **rules)


def walls(trigger, after, count):
    fires = fires_between(trigger, after, after + timedelta(days=4000))
    return [fire.local for fire in islice(fires, count)]


@pytest.mark.parametrize(
    ("expression", "rules", "day", "expected"),
    [
        ("30 2 * * *", {}, "2027-03-28", ["01:00+00 03:00"]),
        ("0,15,30 2 * * *", {}, "2027-03-28", ["01:00+00 03:00"]),
        ("30 2 * * *", {"gap": "skip"}, "2027-03-28", []),
        ("30 2 * * *", {}, "2026-10-25", ["00:30+00 02:30"]),
        ("30 2 * * *", {"fold": "both"}, "2026-10-25", ["00:30+00 02:30", "01:30+00 02:30"]),
        ("0,30 2 * * *", {"fold": "both"}, "2026-10-25", ["00:00+00 02:00", "00:30+00 02:30", "01:00+00 02:00", "01:30+00 02:30"]),
        ("*/30 2 * * *", {}, "2026-10-25", ["00:00+00 02:00", "00:30+00 02:30", "01:00+00 02:00", "01:30+00 02:30"]),
        ("*/30 2 * * *", {}, "2027-03-28", []),
        ("15 */2 * * *", {"gap": "next"}, "2027-03-28", ["23:15+00 00:15", "02:15+00 04:15"]),
    ],
)  # fmt: skip
def test_a_clock_change_follows_the_rules_of_the_schedule(expression, rules, day, expected):
    midnight = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo("Europe/Berlin"))
    fires = fires_between(cron(expression, **rules), midnight, midnight.astimezone(UTC) + timedelta(hours=4))
    assert [f"{fire.at:%H:%M}+00 {fire.local[11:]}" for fire in fires] == expected


def test_a_planned_time_says_what_the_clock_change_did_to_it():
    moved = next_fire(cron("30 2 * * *"), datetime(2027, 3, 27, 12, tzinfo=UTC))
    repeated = next_fire(cron("30 2 * * *"), datetime(2026, 10, 24, 12, tzinfo=UTC))
    assert (moved.note, repeated.note) == ("02:30 does not exist", "02:30 happens twice: the first")
    assert next_fire(cron("30 2 * * *"), NOW).note == ""


def test_asked_in_the_first_pass_the_whole_second_one_is_still_ahead():
    in_first_pass = datetime(2026, 10, 25, 0, 40, tzinfo=UTC)
    expected = [f"2026-10-25 0{time}" for time in ("2:45", "2:00", "2:15", "2:30", "2:45", "3:00")]
    assert walls(cron("*/15 * * * *"), in_first_pass, 6) == expected
    assert walls(cron("0,15,30,45 * * * *"), in_first_pass, 6) == expected
    assert next_fire(cron("10 2 * * *", fold="both"), in_first_pass).at == datetime(2026, 10, 25, 1, 10, tzinfo=UTC)


@lru_cache
def walk(timezone, day):
    """Every real minute within three days of `day`."""
    return walked(ZoneInfo(timezone), datetime.fromisoformat(day).replace(tzinfo=UTC) - 3 * DAY, 6 * 24 * 60)


def walked(zone, start, count):
    """Real minutes with what the clock shows, whether it shows it again, and what it skipped, by nothing but astimezone."""
    minutes, seen, before = [], set(), None
    for at in (start + number * MINUTE for number in range(count)):
        wall, skipped = at.astimezone(zone).replace(tzinfo=None), []
        if before and wall > before + MINUTE:
            skipped = [before + step * MINUTE for step in range(1, int((wall - before) / MINUTE))]
        minutes.append((at, wall, wall in seen, skipped))
        before = wall
        seen.add(wall)
    return minutes


def by_hand(matches, is_wildcard, gap, fold, minutes):
    """The planned instants by walking every minute: slow, simple, and sharing no line with what it judges."""
    found = []
    for at, wall, is_again, skipped in minutes:
        if is_wildcard:
            is_due = matches(wall)
        elif is_again:
            is_due = fold == "both" and matches(wall)
        else:
            is_due = matches(wall) or (gap == "next" and any(map(matches, skipped)))
        if is_due:
            found.append(at)
    return found


def expand(text, low, high):
    values = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.replace("*", f"{low}-{high}").partition("-")
        values |= set(range(int(first), int(last or first) + 1, int(step or 1)))
    return values


def cron_by_hand(expression, gap, fold, minutes):
    texts = expression.split()
    minute, hour, day, month, weekday = (
        expand(*field) for field in zip(texts, (0, 0, 1, 1, 0), (59, 23, 31, 12, 6), strict=True)
    )
    is_either = texts[2][0] != "*" and texts[4][0] != "*"
    is_wildcard = texts[0][0] == "*" or texts[1][0] == "*"

    def matches(wall):
        if wall.minute not in minute or wall.hour not in hour or wall.month not in month:
            return False
        days = (wall.day in day, (wall.weekday() + 1) % 7 in weekday)
        return any(days) if is_either else all(days)

    return by_hand(matches, is_wildcard, gap, fold, minutes)


DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


def rrule_by_hand(expression, gap, fold, minutes):
    """RRULEs that say with BYHOUR, BYMINUTE, BYDAY, BYMONTHDAY and BYMONTH when they run, of every day."""
    parts = dict(part.split("=") for part in expression.split(";"))
    numbers = {
        name: {int(one) for one in text.split(",")}
        for name, text in parts.items()
        if name[2:] in {"HOUR", "MINUTE", "MONTHDAY", "MONTH"}
    }
    days = set(parts.get("BYDAY", ",".join(DAYS)).split(","))
    minute = numbers.get("BYMINUTE", set(range(60)) if parts["FREQ"] == "MINUTELY" else {0})

    def matches(wall):
        if wall.minute not in minute or wall.hour not in numbers.get("BYHOUR", range(24)):
            return False
        is_day = wall.day in numbers.get("BYMONTHDAY", range(32)) and wall.month in numbers.get("BYMONTH", range(13))
        return is_day and DAYS[wall.weekday()] in days

    is_wildcard = parts["FREQ"] in {"HOURLY", "MINUTELY"} and "BYHOUR" not in parts
    return by_hand(matches, is_wildcard, gap, fold, minutes)


FIELDS = (
    st.sampled_from(("*", "0", "30", "15", "*/20", "59", "0,30", "5-50/15", "1")),
    st.sampled_from(("*", "0", "1", "2", "3", "23", "*/2", "0-3", "1,2", "22-23")),
    st.sampled_from(("*", "*", "*/2", "28", "1-15", "30")),
    st.sampled_from(("*", "*", "1-6", "10,12", "*/3")),
    st.sampled_from(("*", "*", "0", "1-5", "*/2", "6")),
)
NEAR = [(timezone, day) for timezone, days in CHANGES.items() for day in days]


@settings(max_examples=120, deadline=None)
@given(
    st.tuples(*FIELDS).map(" ".join),
    st.sampled_from(NEAR),
    st.sampled_from(("next", "skip")),
    st.sampled_from(("first", "both")),
    st.integers(0, 5 * 24 * 60) | st.integers(3 * 24 * 60, 4 * 24 * 60),
)
@example("30 9 * * *", ("Pacific/Apia", "2011-12-30"), "next", "first", 0)
@example("0 0 * * *", ("Africa/Cairo", "2026-04-23"), "next", "first", 0)
@example("1 0 * * *", ("America/St_Johns", "2010-03-14"), "next", "both", 0)
@example("30 23 * * *", ("America/St_Johns", "2010-11-07"), "next", "both", 0)
def test_planned_times_are_those_a_walk_through_every_minute_finds(expression, near, gap, fold, begin):
    minutes = walk(*near)
    expected = [at for at in cron_by_hand(expression, gap, fold, minutes) if at > minutes[begin][0]]
    trigger = cron(expression, near[0], gap=gap, fold=fold)
    found = [fire.at for fire in fires_between(trigger, minutes[begin][0], minutes[-1][0])]
    assert found == expected
    assert all(earlier < later for earlier, later in pairwise(found))
    following = next_fire(trigger, minutes[begin][0])
    assert not expected or following.at == expected[0]


def part(name, *values):
    return st.sampled_from(("", *(f";{name}={value}" for value in values)))


RRULES = st.one_of(
    st.tuples(
        st.just("FREQ=DAILY"), st.sampled_from((";BYHOUR=2", ";BYHOUR=0,1,3", ";BYHOUR=23", ";BYHOUR=1,2,9")),
        part("BYMINUTE", "30", "0,45", "1,15,59"), part("BYDAY", "MO,SU", "SA,FR"), part("BYMONTH", "3,4,10,11"),
    ),
    st.tuples(
        st.just("FREQ=HOURLY"), part("BYMINUTE", "30", "0,20,40"), part("BYDAY", "SU,MO", "SA"), part("BYHOUR", "1,2,3"),
    ),
    st.tuples(st.just("FREQ=MINUTELY"), part("BYMINUTE", "0,30", "7"), part("BYHOUR", "0,2"), part("BYMONTHDAY", "28,30")),
).map("".join)  # fmt: skip


@settings(max_examples=120, deadline=None)
@given(
    RRULES,
    st.sampled_from(NEAR),
    st.sampled_from(("next", "skip")),
    st.sampled_from(("first", "both")),
    st.integers(0, 5 * 24 * 60) | st.integers(3 * 24 * 60, 4 * 24 * 60),
)
@example("FREQ=DAILY;BYHOUR=9;BYMINUTE=30", ("Pacific/Apia", "2011-12-30"), "next", "first", 0)
@example("FREQ=HOURLY;BYMINUTE=30", ("Australia/Lord_Howe", "2027-04-03"), "next", "first", 0)
def test_an_rrule_follows_the_same_rules_as_cron(expression, near, gap, fold, begin):
    minutes = walk(*near)
    expected = [at for at in rrule_by_hand(expression, gap, fold, minutes) if at > minutes[begin][0]]
    trigger = Trigger("rrule", expression, near[0], gap, fold)
    assert [fire.at for fire in fires_between(trigger, minutes[begin][0], minutes[-1][0])] == expected


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(NEAR), st.tuples(*FIELDS).map(" ".join), st.data())
def test_asking_one_by_one_finds_the_same_times_as_asking_for_all(near, expression, data):
    trigger = cron(expression, near[0], fold=data.draw(st.sampled_from(("first", "both"))))
    start = datetime.fromisoformat(near[1]).replace(tzinfo=UTC) - DAY + data.draw(st.integers(0, 1440)) * MINUTE
    together = [fire.at for fire in islice(fires_between(trigger, start, start + 3 * DAY), 60)]
    singly, at = [], start
    while len(singly) < len(together):
        at = next_fire(trigger, at).at
        singly.append(at)
    assert singly == together


# --- told


@pytest.mark.parametrize(
    ("trigger", "expected"),
    [
        (
            cron("30 2 * * *"),
            [
                "Sun 28 Mar 2027: 02:30 does not exist. It will run at 03:00.",
                "Sun 31 Oct 2027: 02:30 happens twice. It runs once, at the first.",
            ],
        ),
        (
            cron("0,15 2 * * *", gap="skip", fold="both"),
            [
                "Sun 28 Mar 2027: 02:00 to 02:15 do not exist. It will not run then.",
                "Sun 31 Oct 2027: 02:00 to 02:15 happen twice. It runs both times.",
            ],
        ),
        (
            cron("0 */2 * * *"),
            [
                "Sun 28 Mar 2027: 02:00 does not exist. It will not run then.",
                "Sun 31 Oct 2027: 02:00 happens twice. It runs both times.",
            ],
        ),
        (cron("*/15 * * * *"), []),
        (cron("0 9 * * *"), []),
        (cron("30 2 * * *", "Asia/Kolkata"), []),
        (Trigger("interval", "6h", "Europe/Berlin"), []),
        (
            Trigger("interval", "1d", "Europe/Berlin", anchor_at=NOW.replace(hour=8, minute=0, second=0)),
            [
                "Sun 28 Mar 2027: the clock changes and elapsed time counts. From then on it runs at 10:00 instead of 09:00.",
                "Sun 31 Oct 2027: the clock changes and elapsed time counts. From then on it runs at 09:00 instead of 10:00.",
            ],
        ),
        (
            Trigger("once", "2027-03-28T02:30", "Europe/Berlin"),
            ["Sun 28 Mar 2027: 02:30 does not exist. It will run at 03:00."],
        ),
    ],
)
def test_a_clock_change_that_touches_the_rule_is_told(trigger, expected):
    assert clock_changes(trigger, NOW, NOW + timedelta(days=365)) == expected


def test_a_clock_change_is_found_from_any_fraction_of_a_second():
    after = datetime(2027, 3, 27, 23, 0, 0, 400_000, tzinfo=UTC)
    sentences = clock_changes(cron("0 2 * * *"), after, after + DAY)
    assert sentences == ["Sun 28 Mar 2027: 02:00 does not exist. It will run at 03:00."]


def test_a_lost_day_is_told_with_the_day_it_runs_on():
    sentences = clock_changes(
        cron("30 9 * * *", "Pacific/Apia"), datetime(2011, 12, 1, tzinfo=UTC), datetime(2012, 1, 9, tzinfo=UTC)
    )
    assert sentences == ["Fri 30 Dec 2011: 09:30 does not exist. It will run at 00:00 on Sat 31 Dec 2011."]


# --- every zone of the world


@pytest.mark.slow
def test_the_rules_hold_at_every_clock_change_of_every_zone():
    begin, end = datetime(2000, 1, 1, tzinfo=UTC), datetime(2038, 1, 1, tzinfo=UTC)
    seen = set()
    named = {tzdata.digest(timezone): timezone for timezone in sorted(available_timezones() - {"localtime", "Factory"})}
    for timezone in named.values():  # many zones have several names
        for change in localtime.changes(ZoneInfo(timezone), begin, end):
            if (change in seen) or seen.add(change):
                continue
            assert_right_near(timezone, change)


def assert_right_near(timezone, change, around=timedelta(hours=3)):
    start = change.at - around
    minutes = walked(ZoneInfo(timezone), start, int((2 * around + abs(change.after - change.before)) / MINUTE))
    first = change.walls[0] + 15 * MINUTE
    for expression in (
        f"{first.minute} {first.hour} * * *",
        f"*/30 {first.hour} * * *",
        "*/15 * * * *",
        "0,45 */3 * * *",
    ):
        for gap, fold in (("next", "first"), ("skip", "both")):
            trigger = cron(expression, timezone, gap=gap, fold=fold)
            found = [fire.at for fire in fires_between(trigger, start - MINUTE, minutes[-1][0])]
            assert found == cron_by_hand(expression, gap, fold, minutes), (timezone, change, expression, gap, fold)
    for expression in (f"FREQ=DAILY;BYHOUR={first.hour};BYMINUTE={first.minute}", "FREQ=HOURLY;BYMINUTE=0,45"):
        for gap, fold in (("next", "first"), ("skip", "both")):
            trigger = Trigger("rrule", expression, timezone, gap, fold)
            found = [fire.at for fire in fires_between(trigger, start - MINUTE, minutes[-1][0])]
            assert found == rrule_by_hand(expression, gap, fold, minutes), (timezone, change, expression, gap, fold)
    assert_elapsed_time_counts(timezone, start, minutes[-1][0])


def assert_elapsed_time_counts(timezone, start, end):
    trigger = Trigger("interval", "50m", timezone, anchor_at=start)
    expected = [start + number * 50 * MINUTE for number in range(1, int((end - start) / (50 * MINUTE)) + 1)]
    assert [fire.at for fire in fires_between(trigger, start, end)] == expected
