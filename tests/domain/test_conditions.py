"""Conditions of steps: what can be read, what it means, and the sentence for what can't."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import conditions
from app.domain.conditions import Unclear, check, holds, parse
from app.domain.expressions import Scope

CONTEXT = {
    "steps": {
        "fetch": {
            "state": "succeeded",
            "outputs": {"status": 200, "json": {"items": [1, {"a-b": "x"}], "ok": True, "none": None, "text": "b"}},
        },
        "chart-1": {"state": "failed", "outputs": {}},
    },
    "run": {"attempt": 2},
    "weekday": "monday",
}


SCOPE = Scope(steps=CONTEXT["steps"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("steps.fetch.outputs.status == 200", True),
        ("steps.fetch.status==200", True),
        ("steps.fetch.status != 200", False),
        ("200 <= steps.fetch.status", True),
        ("steps.fetch.status < 200.5", True),
        ("steps.fetch.json.items[1].a-b == 'x'", True),
        ("steps.fetch.json.items[0] > -1", True),
        ('steps.fetch.json.text > "a"', True),
        ("steps.fetch.json.ok", True),
        ("not steps.fetch.json.ok", False),
        ("steps.fetch.json.ok == true", True),
        ("steps.fetch.json.items[0] == true", False),
        ("steps.fetch.json.none == null", True),
        ("steps.fetch.json.nothing == null", True),
        ("steps.fetch.json.nothing > 3", False),
        ("not steps.fetch.json.nothing > 3", True),
        ('steps.chart-1.state == "failed"', True),
        ('run.attempt > 1 and weekday == "monday"', True),
        ('weekday == "sunday" or run.attempt == 2 and not weekday == "friday"', True),
        ('(weekday == "sunday" or run.attempt == 2) and weekday == "friday"', False),
        ("not not weekday", True),
    ],
)
def test_a_condition_is_decided(text, expected):
    assert holds(check(text, SCOPE), CONTEXT) is expected


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "Something is missing at its end."),
        ("weekday ==", "Something is missing at its end."),
        ('weekday = "monday"', 'This can\'t be read from here on: “= "monday"”.'),
        ('weekday == "mon', "This can't be read from here on: “\"mon”."),
        ("(weekday", "A bracket is not closed."),
        ("weekday weekday", "“weekday” is not expected here. Join two conditions with and, or."),
        ("and weekday", "A value is missing before “and”."),
        ("os.system", "There is no value called os.system."),
        ("steps.later.state", "steps.later.state needs a step called later before this one."),
        ("steps.fetch", "There is no value called steps.fetch."),
        ("__import__('os')", "“(” is not expected here."),
        ("1 == 1", "It compares two values that never change."),
        ('weekday == "mon"', "weekday is never “mon”. It is one of monday,"),
        ('steps.fetch.state == "ok"', "steps.fetch.state is never “ok”. It is one of succeeded,"),
        ("(" * 30 + "weekday" + ")" * 30, "It is nested more than 20 deep."),
        ("not " * 30 + "weekday", "It is nested more than 20 deep."),
        ("x" * 501, "A condition has at most 500 letters."),
    ],
)
def test_what_can_not_be_a_condition_is_said(text, sentence):
    with pytest.raises(Unclear) as raised:
        check(text, SCOPE)
    assert str(raised.value).startswith(sentence)


@pytest.mark.parametrize("text", ['steps.fetch.status > "a"', "steps.fetch.json > 1", "steps.fetch.json.ok < 2"])
def test_what_can_not_be_compared_is_said_when_it_is_decided(text):
    with pytest.raises(Unclear, match="can't compare them"):
        holds(parse(text), CONTEXT)


@given(st.text(alphabet="steps.fetch weekday()==<>!andornot'\"[]0123-_\n{}", max_size=80))
def test_any_text_is_read_or_refused_with_a_sentence(text):
    said = "."
    try:
        found = check(text, SCOPE)
        holds(found, CONTEXT)
    except Unclear as refusal:
        said = str(refusal)
    assert said.endswith(".")


def test_days_of_the_week_are_all_there():
    assert len(conditions.WEEKDAYS) == 7
