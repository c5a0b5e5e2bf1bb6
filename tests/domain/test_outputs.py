"""What steps hand to each other: names and their values, placeholders, and documents without secrets."""

import time

import pytest

from app.domain import outputs

CONTEXT = {
    "steps": {
        "fetch": {"state": "succeeded", "outputs": {"json": {"id": 7, "of": ["a", None]}, "state": "own"}},
        "chart": {"state": "skipped", "outputs": {}},
    },
    "run": {"attempt": 1},
    "weekday": "friday",
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("steps.fetch.json.id", 7),
        ("steps.fetch.outputs.json.of[0]", "a"),
        ("steps.fetch.state", "succeeded"),
        ("steps.fetch.outputs.state", "own"),
        ("run.attempt", 1),
        ("weekday", "friday"),
    ],
)
def test_a_name_has_its_value(path, value):
    assert outputs.name_problem(path, CONTEXT["steps"]) == ""
    assert outputs.lookup(CONTEXT, path) == value


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("steps.fetch.json.nothing", "The step fetch has no output json.nothing: it succeeded."),
        ("steps.chart.text", "The step chart has no output text: it was skipped."),
        ("steps.nix.text", "steps.nix.text needs a step called nix before this one."),
        ("run.secret", "There is no value called run.secret."),
    ],
)
def test_a_name_without_a_value_says_why(path, says):
    with pytest.raises(outputs.Missing) as raised:
        outputs.lookup(CONTEXT, path)
    assert str(raised.value).startswith(says)


def filled(value):
    return outputs.fill(value, lambda path: outputs.as_text(outputs.lookup(CONTEXT, path)))


def test_placeholders_are_filled_wherever_texts_are():
    value = {
        "url": "/{{ steps.fetch.json.id }}/{{weekday}}",
        "list": ["{{ steps.fetch.json.of }}", 3],
        "n": 4,
        "x": "{}",
    }
    assert list(outputs.placeholders(value)) == ["steps.fetch.json.id", "weekday", "steps.fetch.json.of"]
    assert filled(value) == {"url": "/7/friday", "list": ['["a", null]', 3], "n": 4, "x": "{}"}


def test_what_is_put_in_place_is_not_read_again():
    context = {**CONTEXT, "steps": {"a": {"state": "succeeded", "outputs": {"text": "{{ steps.a.state }}"}}}}
    text = outputs.fill("{{ steps.a.text }}", lambda path: outputs.as_text(outputs.lookup(context, path)))
    assert text == "{{ steps.a.state }}"


def test_secrets_are_hidden_in_texts_keys_and_numbers():
    def hide(text):
        return text.replace("4711", "•••")

    document = {"4711": ["a 4711 b", 4711, 24711.5, 12, True, None, float("inf")]}
    assert outputs.clean(document, hide) == {"•••": ["a ••• b", "•••", "2•••.5", 12, True, None, None]}


def test_a_document_without_end_is_refused():
    document = []
    for _ in range(200):
        document = [document]
    with pytest.raises(ValueError, match="nested more than 100 deep"):
        outputs.clean(document, str)


def test_whatever_is_typed_is_searched_in_no_time():
    began = time.process_time()
    assert list(outputs.placeholders("{{" + " " * 200_000 + "x" + "{{" * 50_000)) == []
    assert time.process_time() - began < 1
