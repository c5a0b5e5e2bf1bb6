"""Variables: what each kind may be, one made of another, and their values for one run."""

import json
from datetime import UTC, date, datetime

import pytest

from app.domain import variables
from app.domain.expressions.facts import of_run
from app.domain.variables import Unfit, Unresolved, Variable, Wrong

CONTEXT = {
    **of_run(datetime(2026, 11, 28, 9, 0, tzinfo=UTC), "UTC", number=3, attempt=1, task="Report"),
    "previous": None,
    "team": {"region": "EMEA"},
}


def never(variable, url):
    raise AssertionError(url)


def resolved(*drafts, typed=(), fetch=never):
    return variables.resolve([Variable(**one) for one in drafts], CONTEXT, dict(typed), fetch)


@pytest.mark.parametrize(
    ("kind", "given", "value"),
    [
        ("date", "2026-11-28", date(2026, 11, 28)),
        ("date", "28.11.2026", date(2026, 11, 28)),
        ("date", "2026-11-28T10:00:00+01:00", date(2026, 11, 28)),
        ("period", "2026-Q4", "2026-Q4"),
        ("period", "November 2026", "November 2026"),
        ("number", "12", 12),
        ("number", "3,5", 3.5),
        ("money", "€ 4,200.00", "€ 4,200.00"),
        ("money", "99.50 EUR", "99.50 EUR"),
        ("email", "ada@example.com", "ada@example.com"),
        ("url", "https://example.com/a?b=1", "https://example.com/a?b=1"),
        ("file", "data/report.csv", "data/report.csv"),
        ("person", " Ada Park ", "Ada Park"),
        ("text", "two\nlines ", "two\nlines "),
        ("text", ["a", 1], ["a", 1]),
        ("place", 7, "7"),
    ],
)
def test_a_value_fits_its_kind(kind, given, value):
    assert variables.value_of(Variable("x", kind=kind), given) == value


@pytest.mark.parametrize(
    ("kind", "given", "sentence"),
    [
        ("date", "tomorrow", "Type a date like 2026-11-28."),
        ("date", "2026-02-30", "Type a date like 2026-11-28."),
        ("period", "soon", "Type a period like 2026-11"),
        ("number", "a dozen", "Type a number like 12 or 3.5."),
        ("number", "1e400", "Type a number like 12 or 3.5."),
        ("money", "a lot", "Type an amount like 100"),
        ("email", "ada at example", "Type an address like ada@example.com."),
        ("url", "javascript:alert(1)", "Type an address like https://example.com/report."),
        ("file", "../../etc/passwd", "Type the name of a file, like report.csv."),
        ("file", "/etc/passwd", "Type the name of a file, like report.csv."),
        ("choice", "medium", "Choose one from the list."),
        ("text", "  ", "Fill this in."),
        ("text", "a" * 60_001, "A value has at most 60,000 bytes."),
    ],
)
def test_what_does_not_fit_is_said_in_a_sentence(kind, given, sentence):
    with pytest.raises(Unfit, match=sentence):
        variables.value_of(Variable("x", kind=kind, options=("small", "large")), given)


def test_a_variable_that_is_not_needed_may_be_empty():
    assert variables.value_of(Variable("x", kind="date", is_required=False), "") == ""


def test_one_variable_is_made_of_another():
    found = resolved(
        {"name": "day", "kind": "date", "value": "{{ run.date | start_of('month') }}"},
        {"name": "month", "value": "{{ day | minus_days(1) | format('%Y-%m') }}"},
        {"name": "file", "kind": "file", "value": "{{ team.region | lower }}-{{ month }}.csv"},
    )
    assert found.values == {"day": date(2026, 11, 1), "month": "2026-10", "file": "emea-2026-10.csv"}


def test_typed_values_count_and_are_never_read_as_expressions():
    found = resolved(
        {"name": "month", "value": "{{ run.date | format('%Y-%m') }}"},
        {"name": "title", "value": "Report {{ month }}"},
        typed={"month": "{{ team.region }}"},
    )
    assert found.values == {"month": "{{ team.region }}", "title": "Report {{ team.region }}"}


def test_a_value_from_the_web_falls_back_and_says_so():
    rate = {"name": "rate", "kind": "number", "source": "web", "url": "http://x/{{ run.date }}", "path": "eur"}

    def gone(_, url):
        raise Unresolved(f"{url} refused the connection.", is_passing=True)

    assert resolved(rate, fetch=lambda _, url: len(url)).values == {"rate": 19}
    found = resolved(rate | {"value": "1.1"}, fetch=gone)
    assert found.values == {"rate": 1.1}
    assert found.notes == ["The variable rate has its fallback: http://x/2026-11-28 refused the connection."]
    with pytest.raises(Unresolved, match="The variable rate has no value: http://x/2026-11-28 refused") as raised:
        resolved(rate, fetch=gone)
    assert raised.value.is_passing
    with pytest.raises(Unresolved, match="what it answered does not fit") as raised:
        resolved(rate, fetch=lambda *_: "soon")
    assert not raised.value.is_passing


@pytest.mark.parametrize(
    ("draft", "says"),
    [
        (
            {"value": "{{ previous.outputs.total }}"},
            "The variable x has no value: previous.outputs.total has no value: ",
        ),
        ({"value": "{{ team.budget }}"}, "The variable x has no value: The team has no value called budget."),
        ({"kind": "date", "value": "{{ run.number }}"}, "The variable x has no value: Type a date like 2026-11-28."),
        ({"value": ""}, "The variable x has no value: Fill this in."),
    ],
)
def test_a_variable_without_a_value_is_named(draft, says):
    with pytest.raises(Unresolved) as raised:
        resolved({"name": "x", **draft})
    assert raised.value.sentence.startswith(says)
    assert not raised.value.is_passing


@pytest.mark.parametrize(
    ("more", "place", "sentence"),
    [
        ({"value": "{{ x }}"}, "value", "x can't be made of itself."),
        ({"value": "{{ later }}"}, "value", "It uses later, which comes later. Move later before it."),
        ({"value": "{{ steps.fetch.text }}"}, "value", "steps.fetch.text needs a step called fetch before this one."),
        ({"value": "{{ secrets.TOKEN }}"}, "value", "secrets.TOKEN can't stand here: secrets stay out of prompts"),
        ({"value": "abc", "kind": "number"}, "value", "Type a number like 12 or 3.5."),
        ({"kind": "choice", "value": ""}, "options", "Add what there is to choose from, one a line."),
        ({"source": "web", "url": "http://x/{{ secrets.A }}"}, "url", "secrets.A can't stand here"),
    ],
)
def test_a_mistake_is_found_when_the_task_is_saved(more, place, sentence):
    wrong = variables.problem(Variable("x", **more), ["before"], ["later"])
    assert wrong[place].startswith(sentence)


def test_names_are_those_that_expressions_can_use():
    assert variables.name_problem("month_2", ["month"]) == ""
    for name in ("", "Month", "2nd", "a-b", "run", "previous", "secrets", "true", "month"):
        assert variables.name_problem(name, ["month"])


def test_what_is_typed_for_a_run_is_checked_and_stored_as_json():
    known = [Variable("day", kind="date"), Variable("size", kind="choice", options=("s",), is_required=False)]
    assert variables.typed(known, {"day": "2026-11-28", "size": ""}) == {"day": "2026-11-28"}
    with pytest.raises(Wrong) as raised:
        variables.typed(known, {"day": "soon", "nix": "1"})
    assert raised.value.names == {"day": "Type a date like 2026-11-28.", "nix": "There is no variable called nix."}
    assert variables.restored(known, {"day": "2026-11-28", "gone": 1}) == {"day": date(2026, 11, 28)}


def test_a_value_is_nested_so_deep_and_no_deeper():
    named = [Variable("found", kind="text")]
    assert variables.typed(named, {"found": json.loads("[" * 100 + "]" * 100)})
    with pytest.raises(Wrong, match="at most 100 lists or objects"):
        variables.typed(named, {"found": json.loads("[" * 900 + "]" * 900)})
