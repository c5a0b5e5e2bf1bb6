"""Attached files are those the export lists; without a list, those the person's words call attached."""

import pytest

from app.analysis import attachments, tools
from tests.analysis.making import agent, call, person, thread, values


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("sum this up [Uploaded File: /workspace/uploads/report q3.pdf]", ["report q3.pdf"]),
        ("please check (attached: a.csv, b.csv)", ["a.csv", "b.csv"]),
        ("budget.xlsx (attached)\nmake a chart", ["budget.xlsx"]),
        ("I attached orders.csv, what sells best?", ["orders.csv"]),
        ("see file minutes.docx and shorten it", ["minutes.docx"]),
        ("Die Liste hängt an: kunden.xlsx", ["kunden.xlsx"]),
        ("im Anhang findest du vertrag_v2.docx.", ["vertrag_v2.docx"]),
        ("te adjunto ventas.csv, hazme un resumen", ["ventas.csv"]),
        ("ci-joint le fichier planning.ods", ["planning.ods"]),
        ("umsatz.xlsx\nTabelle\n\nBitte prüfen", ["umsatz.xlsx"]),
        ("plan.pdf\n\nDocument\nplease shorten", ["plan.pdf"]),
        ("write the result to out.csv", []),
        ("the file orders.csv comes every night", []),
        ("I attached nothing, just answer", []),
    ],
)
def test_a_transcript_names_its_files(text, names):
    assert values(attachments.stage, thread(person(text), form="markdown")) == names


def test_a_list_is_taken_as_it_is():
    said = thread(person("compare x.csv with these", "a.csv", "b.pdf"), agent("ok"), person("and this", "a.csv"))
    assert values(attachments.stage, said) == ["a.csv", "b.pdf", "a.csv"]


def test_words_do_not_attach_where_the_export_has_a_place_for_files():
    assert values(attachments.stage, thread(person("I attached orders.csv"), form="chatgpt")) == []


def test_tools_are_counted_by_their_names():
    said = thread(
        person("go"), agent("", call("web.run", q="a"), call("python", code="1")), agent("", call("web.run", q="b"))
    )
    assert values(tools.stage, said) == [{"name": "web.run", "calls": 2}, {"name": "python", "calls": 1}]
