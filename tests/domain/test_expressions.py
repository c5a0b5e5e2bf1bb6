"""Expressions in texts: names, filters, dates across clock changes, errors that say where, and nothing that does harm."""

import contextlib
import time
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import expressions
from app.domain.expressions import ExpressionError, Missing, Scope
from app.domain.expressions.facts import of_run
from app.domain.expressions.filters import FILTERS

PLANNED = datetime(2026, 11, 28, 23, 30, tzinfo=UTC)
CONTEXT = {
    **of_run(PLANNED, "Europe/Berlin", number=12, attempt=1, task="Monthly report"),
    "previous": None,
    "team": {"region": "EMEA"},
    "month": "2026-10",
    "names": ["Ada", "Bo"],
    "steps": {
        "fetch": {"state": "succeeded", "outputs": {"json": {"id": 7, "of": ["a", None]}, "state": "own"}},
        "chart": {"state": "skipped", "outputs": {}},
    },
}


def shown(text, **more):
    return expressions.fill(text, {**CONTEXT, **more})


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("Report for {{ month }}, {{month}}", "Report for 2026-10, 2026-10"),
        ("{{ run.date }} {{ run.time }} {{ weekday }}", "2026-11-29 00:30 sunday"),
        ("{{ run.at }}", "2026-11-29T00:30:00+01:00"),
        ("#{{ run.number }}.{{ run.attempt }} {{ run.task }} {{ run.timezone }}", "#12.1 Monthly report Europe/Berlin"),
        ("{{ run.date | minus_months(1) | format('%Y-%m') }}", "2026-10"),
        ("{{ run.date | start_of('week') }} {{ run.date | end_of('quarter') }}", "2026-11-23 2026-12-31"),
        ("{{ run.date | quarter }} {{ '2026-02-01' | quarter }}", "4 1"),
        ("{{ run.date | plus_weeks(1) | weekday | title }}", "Sunday"),
        ("{{ run.planned_at | in_zone('Asia/Tokyo') | format('%d.%m.%Y %H:%M %Z') }}", "29.11.2026 08:30 JST"),
        ("{{ '2026-01-31' | plus_months(1) }} {{ '2024-02-29' | plus_years(1) }}", "2026-02-28 2025-02-28"),
        ("{{ run.date | format('%A, %-d %B, week %V, 100%%') }}", "Sunday, 29 November, week 48, 100%"),
        ("{{ month | replace('-', '/') | upper }}", "2026/10"),
        ("{{ 'a; b' | split(';') | join(' + ') }} {{ names | last }} {{ names | length }}", "a + b Bo 2"),
        ("{{ '3.14159' | round(2) }} {{ '42' | number }} {{ 2.5 | round }}", "3.14 42 2"),
        ("{{ previous.outputs.total | default(0) }} {{ '' | default(month) }}", "0 2026-10"),
        (
            '{"name": {{ run.task | json }}, "to": {{ names | json }}}',
            '{"name": "Monthly report", "to": ["Ada", "Bo"]}',
        ),
        ("{{ steps.fetch.json.id }} {{ steps.fetch.outputs.json.of[0] }} {{ steps.chart.state }}", "7 a skipped"),
        ("{{ steps.fetch.json.of }} {{ steps.fetch.outputs.state }}", '["a", null] own'),
        ("{{ team.region | lower }}", "emea"),
        ("?q={{ 'a b&c=ü' | encode }}", "?q=a%20b%26c%3D%C3%BC"),
        ("{{ '{{' }} month }} {x} {{ '}}' }}", "{{ month }} {x} }}"),
        ("nothing { here } at all }}", "nothing { here } at all }}"),
    ],
)
def test_placeholders_are_filled(text, filled):
    assert shown(text) == filled


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (" {{ run.date }} ", date(2026, 11, 29)),
        ("{{ names }}", ["Ada", "Bo"]),
        ("{{ steps.fetch.json.id }}", 7),
        ("{{ month }}!", "2026-10!"),
        ("plain", "plain"),
    ],
)
def test_a_placeholder_alone_keeps_its_type(text, value):
    assert expressions.value(text, CONTEXT) == value


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{{ mont }}", "There is no value called mont. There are month, names, steps.NAME.state, "),
        ("{{ run.day }}", "There is no value called run.day. There are run.date, run.time, "),
        ("{{ month | uper }}", "There is no filter called uper. There are default, encode, end_of, "),
        ("{{ month | replace('a') }}", "The filter replace is written like this: run.task | replace(' ', '-')."),
        ("{{ month | plus_days(1) }}", "month: a date is needed here, like run.date or 2026-11-28; this is “2026-10”."),
        ("{{ run.date | plus_days('a') }}", "run.date: days are counted by a whole number up to 100,000."),
        ("{{ run.date | start_of('decade') }}", "run.date: “decade” is not one of day, week, month, quarter, year."),
        ("{{ run.date | format('%Q') }}", "run.date: %Q is unknown in a format. There are %%, %Y"),
        ("{{ run.at | in_zone('Mars/Base') }}", "run.at: There is no time zone “Mars/Base”."),
        ("{{ names | upper }}", "names: this filter needs a text, and this is a list. Put | text before it."),
        ("{{ previous.state }}", "previous.state has no value: no run before this one worked."),
        ("{{ team.budget }}", "The team has no value called budget. Add it in Settings, Values."),
        ("{{ steps.chart.text }}", "The step chart has no output text: it was skipped."),
        ("{{ steps.nix.text }}", "steps.nix.text needs a step called nix before this one."),
        ("{{ month", "This is not closed: end it with }}."),
        ("{{ month }", "This is not closed: end it with }}."),
        ("{{ month + 1 }}", "“+ 1” can't be read. There are names and filters: {{ name | filter }}."),
        ("{{ month month }}", "“month” is not expected here. Write | before a filter, }} at the end."),
        ("{{ }}", "A name is missing here."),
        ("{{ month | }}", "The name of a filter is missing after |."),
        ("{{ month | round(1 2) }}", "A bracket is not closed."),
    ],
)
def test_what_goes_wrong_is_said_in_a_sentence(text, sentence):
    with pytest.raises(ExpressionError) as raised:
        shown(text)
    assert raised.value.sentence.startswith(sentence)


def test_an_error_names_its_line_and_column():
    with pytest.raises(ExpressionError) as raised:
        shown("Dear all,\nthe report for {{ month | uper }} is here.")
    assert raised.value.at == "line 2, column 16"
    assert raised.value.sentence.startswith("Line 2, column 16: There is no filter called uper.")


def test_days_are_those_of_the_calendar_and_hours_pass():
    spring = datetime(2026, 3, 28, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"))
    autumn = datetime(2026, 10, 24, 12, 0, tzinfo=ZoneInfo("Europe/Berlin"))
    assert shown("{{ at | plus_days(2) }}", at=spring) == "2026-03-30T02:30:00+02:00"
    assert shown("{{ at | plus_days(1) }}", at=spring) == "2026-03-29T03:00:00+02:00"  # 02:30 does not exist
    assert shown("{{ at | plus_hours(24) }}", at=spring) == "2026-03-29T03:30:00+02:00"
    assert shown("{{ at | plus_days(1) }}", at=autumn) == "2026-10-25T12:00:00+01:00"
    assert shown("{{ at | plus_hours(24) }}", at=autumn) == "2026-10-25T11:00:00+01:00"
    assert shown("{{ at | plus_days(1) | start_of('day') }}", at=autumn) == "2026-10-25T00:00:00+02:00"
    assert shown("{{ at | plus_days(1) | end_of('day') }}", at=autumn) == "2026-10-25T23:59:59+01:00"
    assert shown("{{ '2026-10-25' | plus_hours(24) }}") == "2026-10-25T23:00:00+01:00"


@pytest.mark.parametrize(
    "text",
    [
        "{{ run.date | plus_years(9000) }}",
        "{{ '0001-01-02' | minus_months(99999) }}",
        "{{ '9999-12-31' | plus_days(1) }}",
        "{{ '9999-12-31T23:00' | plus_hours(99999) }}",
        "{{ '9999-12-31' | end_of('quarter') | plus_minutes(1441) }}",
        "{{ '2026-02-30' | quarter }}",
    ],
)
def test_dates_that_are_none_are_refused(text):
    with pytest.raises(ExpressionError):
        shown(text)


HARM = [
    "{{ ''.__class__.__mro__ }}",
    "{{ month.__class__ }}",
    "{{ run.__class__.__init__.__globals__ }}",
    "{{ names.append }}",
    "{{ names[0].upper }}",
    "{{ month | attr('format') }}",
    "{{ month | map('upper') }}",
    "{{ '%s' | format(month) }}",
    "{{ '{0.__class__}' | format_map(run) }}",
    "{{ config }}",
    "{{ self._TemplateReference__context }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ lipsum.__globals__['os'] }}",
    "{{ request.application }}",
    "{{ run.date.replace(year=1) }}",
    "{{ run.date() }}",
    "{{ range(10**10) }}",
    "{{ 'a' * 10**8 }}",
    "{{ 'a' ~ 'b' }}",
    "{{ 9999999999999999999999999999 }}",
    "{{ month if true else month }}",
    "{{ (((((((((((month))))))))))) }}",
    "{{ [1, 2] }}",
    "{{ month | replace(names, 'x') }}",
    "{{ steps }}.{{ steps.__len__ }}",
    "{{ run['date'] }}",
    "{{ month" + " | upper" * 30 + " }}",
    "{{ secrets.TOKEN }}",
]


@pytest.mark.parametrize("text", HARM)
def test_nothing_is_reached_or_called(text):
    with pytest.raises(ExpressionError):
        shown(text)


@pytest.mark.parametrize(
    "text", ["{% for a in range(9) %}{% endfor %}", "{# note #}", "${7*7}", "<%= 7 %>", "{{ {'a': 1} }}"]
)
def test_what_other_languages_would_do_is_plain_text(text):
    assert shown(text) == text


def test_a_result_can_not_outgrow_its_limit():
    big = "a" * 1000
    for text in (
        "{{ big | replace('a', big) }}",
        "{{ big | replace('a', big) | replace('a', big) | replace('a', big) }}",
        "{{ items | join(big) }}",
        "{{ big }}" * 501,
        "{{ big | replace('a', hundred) }}" * 30,
    ):
        with pytest.raises(ExpressionError):
            shown(text, big=big, hundred="b" * 100, items=["x"] * 9000)


def test_only_plain_values_are_taken():
    class Sly(str):
        __slots__ = ()

    for value in (object(), Sly("a"), lambda: 1, {1, 2}, b"x"):
        with pytest.raises(ExpressionError):
            shown("{{ sly }}", sly=value)
        with pytest.raises(ExpressionError):
            shown("{{ sly | upper }}", sly=value)


def test_what_is_put_in_place_is_not_read_again():
    assert shown("{{ sly }}", sly="{{ month }}") == "{{ month }}"
    assert shown(expressions.escaped("{{ month }} and {{")) == "{{ month }} and {{"


def test_a_secret_stands_only_where_it_may_and_goes_through_no_filter():
    open_to_them = {**CONTEXT, "secrets": {"TOKEN": "abc"}}
    assert expressions.fill("Bearer {{ secrets.TOKEN }}", open_to_them) == "Bearer abc"
    with pytest.raises(ExpressionError, match="goes through no filter"):
        expressions.fill("{{ secrets.TOKEN | upper }}", open_to_them)
    with pytest.raises(ExpressionError, match="goes through no filter"):
        expressions.fill("{{ month | replace('-', secrets.TOKEN) }}", open_to_them)


def test_a_check_finds_what_can_never_have_a_value():
    scope = Scope(["month"], ["fetch"])
    expressions.check({"a": ["{{ month }} {{ steps.fetch.json.x }} {{ team.any | default('') }}"]}, scope)
    for text in ("{{ nix }}", "{{ steps.later.text }}", "{{ secrets.A }}", "{{ team }}", "{{ run.date.year }}"):
        with pytest.raises(ExpressionError):
            expressions.check(text, scope)


def test_what_is_not_known_yet_can_stay_as_it_was_typed():
    context = {**CONTEXT, "kept": ("steps", "secrets")}
    text = "{{ month }} {{ steps.later.json.x | default('a') }} {{ secrets.A }}"
    assert expressions.fill(text, context) == "2026-10 {{ steps.later.json.x | default('a') }} {{ secrets.A }}"


def test_every_example_of_a_filter_works():
    for name, spec in FILTERS.items():
        assert name in spec.example
        assert shown(f"{{{{ {spec.example} }}}}")


@given(st.text(alphabet="{}|'\"()., \nabc_09%-", max_size=200))
def test_any_text_is_filled_or_refused(text):
    with contextlib.suppress(ExpressionError):
        assert isinstance(shown(text), str)


@pytest.mark.parametrize("text", ["{{ 'a" * 20_000, "{{ a" + "|" * 300_000, "{{" + " " * 300_000 + "}}"])
def test_whatever_is_typed_is_read_in_no_time(text):
    began = time.process_time()
    with contextlib.suppress(ExpressionError):
        shown(text)
    for braces in ("{{" * 200_000, "{{ " * 100_000, "{" * 400_000):
        assert shown(braces) == braces
    assert time.process_time() - began < 1


def test_a_run_made_up_for_later_has_the_day_it_was_meant_for():
    facts = of_run(PLANNED, "America/New_York", number=1, attempt=3, task="x", at=datetime(2026, 12, 2, tzinfo=UTC))
    assert (facts["run"]["date"], facts["run"]["time"]) == (date(2026, 11, 28), "18:30")
    assert facts["run"]["at"].isoformat() == "2026-12-01T19:00:00-05:00"
    assert facts["weekday"] == "saturday"


def test_what_is_missing_is_told_from_what_is_wrong():
    with pytest.raises(Missing):
        shown("{{ team.budget }}")


def test_nobody_is_handed_all_secrets_at_once():
    secrets = {"A": "one", "B": "two"}
    assert expressions.fill("{{ secrets.A }}", {"secrets": secrets}) == "one"
    with pytest.raises(Missing, match=r"like secrets\.NAME"):
        expressions.fill("{{ secrets }}", {"secrets": secrets})


def test_the_filters_of_one_text_work_through_so_much_and_no_more():
    text = "{{ a | replace('a', 'aaaaa') | upper | lower | length }}" * 400
    began = time.process_time()
    with pytest.raises(ExpressionError, match="work through too much"):
        expressions.fill(text, {"a": "a" * 50_000})
    assert time.process_time() - began < 0.3
