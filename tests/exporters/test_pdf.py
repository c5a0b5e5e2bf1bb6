"""A report as PDF: all that is said can be read out of it, whatever letters it has and however long its tables are."""

import re
from datetime import date, timedelta

import pytest
from fontTools.ttLib import TTFont

from app.domain.analytics import figures, periods
from app.domain.analytics.answers import Action, Answer, Column, Named
from app.domain.reporting import Report
from app.exporters import pdf

PERIOD = periods.ending(date(2026, 11, 27), 90, "Europe/Berlin")
COLUMNS = (Column("task", "Task", "task"), Column("runs", "Runs"), Column("cost", "Cost", "money"))
DAYS = [(date(2026, 8, 30) + timedelta(days=number)).isoformat() for number in range(90)]
FIGURES = {
    "bars": figures.figure([figures.bars("Failed", DAYS, range(90), 0), figures.bars("Late", DAYS, [None] * 90, 1)], barmode="stack", showlegend=True),
    "none": figures.figure([figures.bars("Failed", DAYS, [0] * 90, 0)], barmode="stack", yaxis={"tickformat": ",d"}),
    "beside": figures.figure([figures.bars("Should", ["a", "b"], [5, 6], 5), figures.bars("Did", ["a", "b"], [7, 100], 0)], barmode="group", yaxis={"ticksuffix": " %", "range": [0, 100]}),
    "lying": figures.figure([figures.bars("Hours", [3.2, 0], ["日報 " * 40, "b"], 2, orientation="h")], xaxis={"ticksuffix": " h"}),
    "slope": figures.figure([figures.line("x", ["30 Oct to 5 Nov", "6 Nov to 12 Nov"], [0.02, 4000.0])], annotations=[{"x": "6 Nov to 12 Nov", "y": 3.6, "text": "Long " * 30}], yaxis={"type": "log", "tickvals": [1, 60], "ticktext": ["1 s", "1 min"]}),
    "month": figures.figure(
        [figures.line("Spent", DAYS[:3], [1, 2, 3], fill="tozeroy"), figures.line("", [DAYS[2], DAYS[29]], [3, 8], line={"width": 0}), figures.line("Likely", [DAYS[2], DAYS[29]], [3, 12], fill="tonexty", line={"width": 0}, fillcolor="$bronze-line"), figures.line("Expected", [DAYS[2], DAYS[29]], [3, 9], line={"dash": "dot"})],
        xaxis={"range": [DAYS[0], DAYS[29]]}, yaxis={"tickprefix": "$", "range": [0, 14]}, showlegend=True,
        shapes=[{"type": "line", "y0": 10, "y1": 10}], annotations=[{"xref": "paper", "x": 0, "y": 10, "text": "Budget $10"}],
    ),
}  # fmt: skip


def document(*answers, team="Northgate"):
    return pdf.document(Report(team, PERIOD, answers))


def pages(content):
    return len(re.findall(rb"/Type /Page\b", content))


def test_it_has_its_language_its_title_and_numbers_of_pages():
    content = document(Answer("failures", "None of 40 runs failed."))
    assert b"/Lang (en)" in content
    assert pages(content) == 1
    assert content.startswith(b"%PDF-")
    assert b"/ToUnicode" in content


def test_the_same_answers_make_the_same_bytes():
    answer = Answer("failures", "None of 40 runs failed.", figure=FIGURES["bars"])
    assert document(answer) == document(answer)


@pytest.mark.parametrize("name", FIGURES)
def test_each_kind_of_figure_is_drawn(name):
    plain = document(Answer("failures", "So it is."))
    drawn = document(Answer("failures", "So it is.", figure=FIGURES[name]))
    assert len(drawn) > len(plain) + 200


@pytest.mark.parametrize(
    "empty",
    [
        figures.figure([]),
        figures.figure([figures.bars("Failed", [], [], 0)]),
        figures.figure([figures.bars("Hours", [], [], 0, orientation="h")]),
        figures.figure([figures.line("Spent", [], [])], showlegend=True),
    ],
)
def test_of_a_figure_without_data_nothing_is_drawn(empty):
    assert document(Answer("failures", "So it is.", figure=empty)) == document(Answer("failures", "So it is."))


def test_a_long_table_is_told_in_part():
    rows = [(Named(f"Task {number}"), number, number * 1_000_000) for number in range(45)]
    short, long = (Answer("money", "It costs.", columns=COLUMNS, rows=rows[:count]) for count in (30, 45))
    assert pages(document(long)) == pages(document(short)) == 1
    assert len(document(long)) > len(document(short))


@pytest.mark.parametrize("name", ["Отчёт за неделю", "日报 🙂", "ดี\x00\u200d", "a" * 400, "שלום", ""])
def test_names_in_any_letters_are_written(name):
    rows = [(Named(name), None, -1)]
    answer = Answer("money", f"It is {name}.", name, COLUMNS, rows, None, Action(name, name, "runs"), name)
    assert document(answer, team=name)


def test_letters_that_the_font_lacks_are_shown_as_a_box_and_that_is_said():
    signs = [set(TTFont(pdf._FONTS / f"DejaVuSans{kind}.ttf").getBestCmap()) for kind in ("", "-Bold")]
    assert signs[0] == signs[1]
    assert {ord(letter) for letter in "Äñßøćčżğ Ελλάς Привет “”–−…□✓€"} <= signs[0]
    lacking, whole = document(Answer("failures", "日")), document(Answer("failures", "Ж"))
    assert len(lacking) > len(whole) + 300


def test_a_quarter_of_a_year_with_all_its_answers_takes_no_time():
    wide = (Column("day", "Day", "day"), *(Column(f"h{hour}", f"{hour:02d}") for hour in range(24)))
    table = [(date(2026, 11, 27), *range(24))] * 7
    answers = [Answer("busy", "So busy.", columns=wide, rows=table)]
    rows = [(Named(f"Task {number}"), number, number) for number in range(200)]
    answers += [Answer("failures", "It fails.", columns=COLUMNS, rows=rows, figure=one) for one in FIGURES.values()]
    assert pages(document(*answers)) >= 6
