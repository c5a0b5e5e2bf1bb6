"""Contracts: checks in words and as values are the same, and each says met, unmet or unknown with what was found."""

import io
import json
import time
import tracemalloc

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from app.domain import contracts
from app.domain.contracts import Delivery, File, Finished, Judged, Page, patterns, rows, schemas

# --- in words


@pytest.mark.parametrize(
    ("written", "means", "said"),
    [
        ("a file report.csv", {"kind": "file", "name": "report.csv"}, "A file report.csv"),
        ("report.csv exists", {"kind": "file", "name": "report.csv"}, "A file report.csv"),
        ("- a new file report-{{ run.date }}.csv", {"kind": "file", "name": "report-{{ run.date }}.csv", "is_new": True},
         "A new file report-{{ run.date }}.csv"),
        ('there is a file "my report.csv" of at least 2 KB', {"kind": "file", "name": "my report.csv", "min_bytes": 2048},
         "A file “my report.csv” of at least 2 KB"),
        ("a file out/*.png of any size", {"kind": "file", "name": "out/*.png", "min_bytes": 0},
         "A file out/*.png of any size"),
        ("a file report.csv with at least 10 rows", {"kind": "rows", "of": "file:report.csv", "min": 10},
         "The file report.csv has at least 10 rows"),
        ("report.csv has between 1 and 5 rows", {"kind": "rows", "of": "file:report.csv", "min": 1, "max": 5},
         "The file report.csv has between 1 and 5 rows"),
        ("the answer has three lines", {"kind": "rows", "of": "answer", "min": 3, "max": 3}, "The answer has exactly 3 rows"),
        ("steps.fetch.json.items has fewer than 1,000 items", {"kind": "rows", "of": "steps.fetch.json.items", "min": 0, "max": 999},
         "The output steps.fetch.json.items has at most 999 rows"),
        ("errors.csv has no rows", {"kind": "rows", "of": "file:errors.csv", "min": 0, "max": 0},
         "The file errors.csv has no rows"),
        ("the answer mentions Total", {"kind": "pattern", "of": "answer", "pattern": "(?i)Total"}, "The answer mentions Total"),
        ("report.md must not mention “I can't (yet).”", {"kind": "pattern", "of": "file:report.md", "is_absent": True,
         "pattern": r"(?i)I can't \(yet\)\."}, "The file report.md does not mention “I can't (yet).”"),
        (r"the answer matches /^\d+ euros; [a-z]+$/", {"kind": "pattern", "of": "answer", "pattern": r"^\d+ euros; [a-z]+$"},
         r"The answer matches /^\d+ euros; [a-z]+$/"),
        ('data.json fits the schema {"type": "array"}', {"kind": "schema", "of": "file:data.json", "schema": {"type": "array"}},
         'The file data.json fits the schema {"type": "array"}'),
        ("the page https://example.com/a?b=1 answers 200", {"kind": "http", "url": "https://example.com/a?b=1"},
         "The page https://example.com/a?b=1 answers 200"),
        ("https://example.com/ answers 404 and shows Not here", {"kind": "http", "url": "https://example.com/", "status": 404,
         "contains": "Not here"}, "The page https://example.com/ answers 404 and shows “Not here”"),
        ("must use http_get", {"kind": "tool", "name": "http_get"}, "Must use http_get"),
        ("uses the tool python at least 3 times.", {"kind": "tool", "name": "python", "min": 3}, "Must use python at least 3 times"),
        ("something is delivered to hooks.example.com", {"kind": "delivered", "to": "hooks.example.com"},
         "Something is delivered to hooks.example.com"),
        ("sent to notify twice", {"kind": "delivered", "to": "notify", "min": 2}, "The step notify delivers something at least 2 times"),
        ("costs less than 20 cents", {"kind": "cost", "below_cents": 20}, "Costs less than 20 cents"),
        ("costs under $1.50", {"kind": "cost", "below_cents": 150}, "Costs less than $1.50"),
        ("takes less than 5 minutes", {"kind": "duration", "below_seconds": 300}, "Takes less than 5 minutes"),
        ("done within 1.5 s", {"kind": "duration", "below_seconds": 1.5}, "Takes less than 1.5 seconds"),
        ("the answer is not empty", {"kind": "answer"}, "The answer is not empty"),
        ("the answer has at least 200 letters", {"kind": "answer", "min_length": 200}, "The answer has at least 200 letters"),
        ("judge: Is it polite; and short?", {"kind": "judge", "question": "Is it polite; and short?"},
         "A model says yes to: Is it polite; and short?"),
        ("judge: Is it? (required)", {"kind": "judge", "question": "Is it?", "is_optional": False},
         "A model says yes to: Is it? (required)"),
        ("optional: a file chart.png", {"kind": "file", "name": "chart.png", "is_optional": True}, "A file chart.png (optional)"),
    ],
)  # fmt: skip
def test_words_are_read_and_said_again(written, means, said):
    (check,) = contracts.read(written).checks
    assert check == contracts.CHECK.validate_python(means)
    assert contracts.in_words(check) == said
    assert contracts.read(said).checks == [check]
    assert contracts.parse(contracts.stored([check])) == [check]


def test_several_lines_are_several_checks_and_what_is_not_understood_asks():
    reading = contracts.read("a file a.csv; costs less than 5 cents\n\n1. the moon is full\nthe answer matches /(/")
    assert [one.kind for one in reading.checks] == ["file", "cost"]
    assert reading.asks[0].startswith(
        "“the moon is full” can't be read as a check. Write it like: a file report.csv with"
    )
    assert reading.asks[1].startswith("“the answer matches /(/”: This pattern can't be used: missing ): (")
    assert reading.lines == ["the moon is full", "the answer matches /(/"]


NAMES = st.text("abcXYZ .,_-*/“\"'(){};:üß0123456789", min_size=1, max_size=20).map(str.strip).filter(bool)


@settings(max_examples=60, deadline=None)
@given(NAMES)
@example("0  0")
def test_any_text_that_is_mentioned_is_read_as_it_was_said(text):
    pattern = contracts.patterns.mentions(text)
    check = contracts.CHECK.validate_python({"kind": "pattern", "of": "answer", "pattern": pattern})
    assert contracts.patterns.found(pattern, f"… {text.upper()} …") is not None or "ß" in text
    assert contracts.read(contracts.in_words(check)).checks == [check]


@pytest.mark.parametrize(
    "text", ["a" * 20_000, "a file " + "a." * 9_000, "{{" * 9_000, "the answer mentions " + "(" * 9_000, "steps.a." * 2_000,
             "something is sent to " * 900, "the page https://" + "a " * 9_000]
)  # fmt: skip
def test_no_words_keep_anybody_waiting(text):
    began = time.process_time()
    contracts.read(text)
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    ("check", "says"),
    [
        ({"kind": "rows", "of": "report.csv"}, "Write answer, file:NAME, or steps.NAME.PATH"),
        ({"kind": "rows", "min": 5, "max": 2}, "At most 2 can't be fewer than at least 5."),
        ({"kind": "pattern", "pattern": "(?=x)"}, "can't be used"),
        ({"kind": "http", "url": "example.com"}, "Begin the address with https:// or http://."),
        ({"kind": "schema", "schema": {"type": "strin"}}, "This is no JSON schema: /type"),
        ({"kind": "schema", "schema": {"items": {"$ref": "file:///etc/passwd"}}}, "may only refer to itself"),
        ({"kind": "schema", "schema": {"properties": {"a": {"pattern": "(?=x)"}}}}, "can't be used"),
        ({"kind": "schema", "schema": {"unevaluatedProperties": False}}, "is not known here"),
    ],
)
def test_what_no_check_can_be_is_refused(check, says):
    with pytest.raises(ValidationError) as caught:
        contracts.CHECK.validate_python(check)
    assert says in str(caught.value)


def test_values_are_filled_in_and_count_letter_by_letter_in_a_pattern():
    checks = contracts.read("the answer mentions {{ month }} total\na file {{ month }}.csv").checks
    pattern, file = contracts.filled(checks, lambda text: text.replace("{{ month }}", "2026.07"))
    assert pattern.pattern == r"(?i)2026\.07 total"
    assert contracts.in_words(pattern) == "The answer mentions “2026.07 total”"
    assert file.name == "2026.07.csv"


# --- held against a run


def file(name, content="x", **more):
    data = content.encode() if isinstance(content, str) else content
    return File(name, len(data), lambda: io.BytesIO(data), **more)


def found(check, **finished):
    (result,) = contracts.check([contracts.CHECK.validate_python(check)], Finished(**finished)).results
    return result.state, result.evidence


CSV = 'name,text\nA,"two\nlines"\n\n,\nB,x\n'


@pytest.mark.parametrize(
    ("name", "content", "count"),
    [
        ("a.csv", CSV, 2), ("a.csv", "", 0), ("a.csv", "name\n", 0), ("a.tsv", "a\tb\n1\t2\n", 1),
        ("a.json", "[1, 2]", 2), ("a.json", '{"items": [1, 2, 3], "n": 1}', 3), ("a.jsonl", '{"a": 1}\n\n{"a": 2}\n', 2),
        ("a.txt", "one\n\ntwo", 2), ("a.csv", b"\xef\xbb\xbfa,b\r\n1,2\r\n", 1),
    ],
)  # fmt: skip
def test_rows_are_counted_as_the_kind_of_file_has_them(name, content, count):
    check = {"kind": "rows", "of": f"file:{name}", "min": count, "max": count}
    assert found(check, files=[file(name, content)]) == ("met", f"{name} has {count} row{'' if count == 1 else 's'}.")


def test_what_has_no_rows_is_not_met_and_what_is_too_large_is_not_known(monkeypatch):
    check = {"kind": "rows", "of": "file:a.json"}
    assert found(check, files=[file("a.json", "{}")]) == ("unmet", "a.json is no list.")
    assert found(check, files=[file("a.json", "{")]) == ("unmet", "a.json is not JSON.")
    monkeypatch.setattr(rows, "MOST_BYTES", 10)
    long = [file("a.txt", "12345\n" * 5)]
    assert found({"kind": "rows", "of": "file:a.txt", "min": 9}, files=long)[0] == "unknown"
    assert found({"kind": "rows", "of": "file:a.txt", "min": 1}, files=long) == ("met", "a.txt has more than 1 row.")


def test_every_file_that_a_name_stands_for_must_hold():
    files = [file("a.csv", "h\n1\n"), file("b.csv", "h\n")]
    assert found({"kind": "rows", "of": "file:*.csv"}, files=files) == (
        "unmet",
        "b.csv has 0 rows; expected at least 1 row.",
    )
    assert found({"kind": "file", "name": "*.csv"}, files=files)[0] == "met"
    assert found({"kind": "file", "name": "*.csv", "is_new": True}, files=[file("a.csv", is_new=False)])[0] == "unmet"


def test_patterns_look_at_lines_and_say_where_they_were_not_found():
    check = {"kind": "pattern", "of": "answer", "pattern": "^Total \\d+$"}
    assert found(check, answer="x\r\nTotal 7\r\n") == ("met", "The answer has “Total 7”.")
    assert found(check, answer="Nothing today") == (
        "unmet", "“^Total \\d+$” is not in the answer, which begins “Nothing today”.",
    )  # fmt: skip
    assert found(check, answer="Nothing", is_cut=True)[0] == "unknown"
    assert found(check) == ("unmet", "There is no answer.")
    assert found({**check, "is_absent": True}, answer="Total 7") == (
        "unmet",
        "The answer has “Total 7”, which it should not.",
    )


def test_a_pattern_made_to_hang_takes_no_time():
    began = time.process_time()
    assert found({"kind": "pattern", "of": "answer", "pattern": "(a+)+(a+)+$x"}, answer="a" * 100_000)[0] == "unmet"
    schema = {"type": "string", "pattern": "^(a+)+$"}
    assert (
        found({"kind": "schema", "of": "answer", "schema": schema}, answer=json.dumps("a" * 50_000 + "!"))[0] == "unmet"
    )
    assert time.process_time() - began < 1


def test_a_schema_says_where_what_does_not_fit():
    schema = {
        "type": "array", "uniqueItems": True,
        "items": {"properties": {"id": {"type": "integer"}}, "patternProperties": {"^x-": {}}, "additionalProperties": False},
    }  # fmt: skip
    check = {"kind": "schema", "of": "file:a.json", "schema": schema}

    def of(document):
        return found(check, files=[file("a.json", json.dumps(document))])

    assert of([{"id": 1, "x-a": 2}]) == ("met", "a.json fits the schema.")
    assert of([{"id": "1"}]) == ("unmet", "a.json does not fit its schema: at [0].id: '1' is not of type 'integer'.")
    assert of([{"other": 1}])[1].endswith("at [0]: 'other' is not expected.")
    assert of([{}, {}])[1].endswith("there are equal items.")
    assert found({**check, "of": "steps.a.json"}, outputs={"a": {"json": []}})[0] == "met"
    assert found({**check, "of": "steps.b.json"}, outputs={}) == ("unmet", "The step b has no outputs.")


@pytest.mark.parametrize(
    ("of", "schema", "value", "words", "unmet"),
    [
        ("steps.compare.lines", {"type": "integer", "minimum": 5}, 3, "Compare: lines at least 5", "Compare: lines is 3; expected at least 5."),
        ("steps.sum-up.outputs.late_hours", {"maximum": 0}, 1500, "Sum up: late hours at most 0", "Sum up: late hours is 1,500; expected at most 0."),
        ("steps.read.price", {"type": "number", "exclusiveMinimum": 0}, -0.5, "Read: price more than 0", "Read: price is -0.5; expected more than 0."),
        ("steps.say.text", {"type": "string", "minLength": 20}, "Hi", "Say: text of at least 20 letters",
         "Say: text has 2 letters; expected at least 20 letters."),
    ],
)  # fmt: skip
def test_a_schema_of_one_bound_is_said_without_the_words_of_a_schema(of, schema, value, words, unmet):
    (check,) = contracts.parse([{"kind": "schema", "of": of, "schema": schema}])
    assert (contracts.sentence(check), contracts.shown(check)) == (words, words)
    assert contracts.read(contracts.in_words(check)).checks == [check]
    outputs = {of.split(".")[1]: {of.rpartition(".")[2]: value}}
    assert found(check.model_dump(), outputs=outputs) == ("unmet", unmet)


@pytest.mark.parametrize(
    ("of", "words"),
    [
        ("steps.get_shop.text", "Get shop answers with some text"),
        ("steps.sum-up.outputs.note", "Sum up has some text in note"),
        ("answer", "The answer has some text"),
    ],
)
def test_that_there_is_any_text_is_said_in_words(of, words):
    (check,) = contracts.parse([{"kind": "pattern", "of": of, "pattern": r"\S"}])
    assert (contracts.sentence(check), contracts.shown(check)) == (words, words)
    assert contracts.read(contracts.in_words(check)).checks == [check]
    if of == "answer":
        assert found(check.model_dump(), answer=" ") == ("unmet", "The answer is empty.")


@pytest.mark.parametrize(
    ("label", "unit", "words"),
    [
        ("low", "", "The answer has a number for low"),
        ("Net (EU)", "EUR", "The answer has a number for “Net (EU) in EUR”"),
        ("in {{ month }}", "", "The answer has a number for “in {{ month }}”"),
    ],
)
def test_a_number_behind_its_label_is_said_in_words(label, unit, words):
    pattern = patterns.numbered(label, unit)
    (check,) = contracts.parse([{"kind": "pattern", "of": "answer", "pattern": pattern}])
    assert (contracts.sentence(check), contracts.shown(check)) == (words, words)
    assert contracts.read(contracts.in_words(check)).checks == [check]
    if label == "low":
        assert found(check.model_dump(), answer="low = 2")[0] == "met"
        assert found(check.model_dump(), answer="None.") == (
            "unmet", "“low: a number” is not in the answer, which begins “None.”."
        )  # fmt: skip


def test_what_has_another_kind_than_a_bound_says_so():
    check = {"kind": "schema", "of": "steps.a.n", "schema": {"type": "integer", "minimum": 1}}
    assert "None is not of type 'integer'" in found(check, outputs={"a": {"n": None}})[1]
    assert found(check, outputs={"a": {"n": 7}}) == ("met", "A: n is 7.")
    assert "is not of type 'integer'" in found(check, outputs={"a": {"n": 1.5}})[1]


def test_a_schema_whose_references_multiply_is_given_up(monkeypatch):
    monkeypatch.setattr(schemas, "SECONDS", 0.05)
    parts = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 4} for n in range(20)}
    bomb = {"$ref": "#/$defs/d0", "$defs": {**parts, "d20": {}}}
    assert found({"kind": "schema", "of": "answer", "schema": bomb}, answer="1") == (
        "unknown", 'The answer fits the schema {"$ref": "#/$defs/d0", "$defs": {"d0": {"allOf": [{"… could not be checked: it takes too long.',
    )  # fmt: skip
    assert found({"kind": "schema", "of": "answer", "schema": {"$ref": "#"}}, answer="1")[0] == "unknown"


def test_a_plan_is_no_answer_unless_a_tool_was_used():
    plan = "I will now fetch the page and then write the report."
    assert found({"kind": "answer"}, answer=plan)[0] == "unmet"
    assert found({"kind": "answer"}, answer=plan, tools={"http_get": 1})[0] == "met"
    assert found({"kind": "answer"}, answer=" \n") == ("unmet", "The answer is empty.")


def test_what_was_done_is_counted():
    tool, delivered = {"kind": "tool", "name": "http_get", "min": 2}, {"kind": "delivered", "to": "Hooks.example.com"}
    assert found(tool, tools={"http_get": 1}) == ("unmet", "http_get was used once; expected at least twice.")
    assert found(tool, tools={"http_get": 2}) == ("met", "http_get was used twice.")
    assert found(delivered) == ("unmet", "Nothing was delivered to Hooks.example.com; expected at least once.")
    refused = [Delivery("hooks.example.com:8443", 500)]
    assert found(delivered, deliveries=refused) == ("unmet", "Not delivered to Hooks.example.com: it answered 500.")
    assert found(delivered, deliveries=[Delivery("hooks.example.com:8443", 202)])[0] == "met"
    send = {"kind": "delivered", "to": "send"}
    assert found(send, deliveries=[Delivery("x", 200, "send")]) == ("met", "Delivered by the step send once.")
    assert found(send) == ("unmet", "Nothing was delivered by the step send; expected at least once.")


def test_what_a_run_costs_and_takes():
    cost = {"kind": "cost", "below_cents": 20}
    assert found(cost, cost_micros=0)[0] == "met"
    assert found(cost, cost_micros=200_000) == ("unmet", "It cost $0.20; expected less than $0.20.")
    assert found(cost, cost_micros=None)[0] == "unknown"
    assert found({"kind": "duration", "below_seconds": 5}, seconds=6) == (
        "unmet",
        "It took 6 s; expected less than 5 s.",
    )


def test_pages_and_judgements():
    page = {"kind": "http", "url": "http://x.example/", "contains": "Hello"}
    assert found(page, pages={"http://x.example/": Page(200, "Hello there")})[0] == "met"
    assert found(page, pages={"http://x.example/": Page(200, "Bye")})[0] == "unmet"
    assert found(page, pages={"http://x.example/": Page(problem="x.example is not known.")}) == (
        "unmet",
        "x.example is not known.",
    )
    assert found(page)[0] == "unknown"
    judge = {"kind": "judge", "question": "Is it?"}
    assert found(judge, judged={"Is it?": Judged(True, "It is.")}) == ("met", "The model says yes: It is.")
    assert found(judge) == ("unknown", "No model was asked.")


def test_a_verdict_names_what_is_required_first():
    checks = contracts.read("the answer mentions b (optional)\nthe answer mentions c\nthe answer mentions a").checks
    verdict = contracts.check(checks, Finished(answer="a"))
    assert verdict.state == "unmet"
    assert verdict.sentence.startswith("Not done as agreed: “c” is not in the answer")
    assert contracts.check(checks[:1], Finished(answer="a")).state == "degraded"
    assert contracts.check(checks[2:], Finished(answer="a")).sentence == ""


def test_a_pattern_that_takes_too_long_is_given_up(monkeypatch):
    monkeypatch.setattr(patterns, "SECONDS", 0.05)
    monkeypatch.setattr(patterns, "_STEP", 2048)
    checks = contracts.parse([{"kind": "pattern", "pattern": one} for one in (r"(?:\pL?){200}X", "report [0-9]+")])
    text = "some long words äöü " * 1500
    began = time.process_time()
    states = [one.state for one in contracts.check(checks, Finished(answer=f"{text}\nreport 12\n")).results]
    assert states == ["unknown", "met"]
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize("schema", [{"anyOf": [{"type": "null"}] * 150}, {"not": {"anyOf": [{"pattern": "b"}] * 150}}])
def test_what_does_not_fit_a_schema_is_not_held_once_for_each_of_its_parts(schema):
    document = "a" * 300_000
    tracemalloc.start()
    try:
        schemas.misfit(schema, document)
        assert tracemalloc.get_traced_memory()[1] < 10 * len(document)
    finally:
        tracemalloc.stop()


def test_a_schema_that_finds_no_end_of_errors_is_given_up(monkeypatch):
    monkeypatch.setattr(schemas, "_MOST_ERRORS", 500)
    with pytest.raises(patterns.TooLong):
        schemas.misfit({"anyOf": [{"items": {"type": "null"}}]}, [1] * 600)


def test_a_line_of_spaces_is_read_in_no_time():
    began = time.process_time()
    contracts.read("\n".join(["{" + " " * 18_000 + "x"] * 3))
    assert time.process_time() - began < 0.3


@pytest.mark.parametrize("inside", [
    {"anyOf": [{"$schema": "http://json-schema.org/draft-07/schema#", "pattern": "^(a+)+$"}]},
    {"$schema": "http://json-schema.org/draft-07/schema#", "pattern": "^(a+)+$", "items": {"$ref": "#"}},
])  # fmt: skip
def test_no_part_of_a_schema_brings_rules_of_its_own(inside):
    if problem := schemas.problem_with(inside):
        assert problem == "$schema may only stand at the top of a schema."
        return
    began = time.process_time()
    assert "does not match" in schemas.misfit(inside, ["a" * 26 + "b"])
    assert time.process_time() - began < 0.5
