"""A report as PDF: the sentence of each answer, a drawing, the beginning of its table, and what it assumes.

All of it is text that can be selected and vector drawings; nothing is fetched. The font has the letters of Latin, Greek
and Cyrillic; others are shown as an empty box, and the last page says so.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from app.domain import money
from app.domain.analytics.answers import Answer, Column, Kind
from app.domain.reporting import Report
from app.domain.wording import duration
from app.exporters import pdf_chart
from app.exporters.pdf_paper import Paper, colour

MEDIA_TYPE = "application/pdf"

MOST_ROWS = 30
"""So many rows of a table are printed; how many more there are is said."""

_FONTS = Path(__file__).parent / "fonts"
_MANY_COLUMNS = 12
_MARGIN_MM, _LINE_MM, _SMALL = 18, 5.2, 8.0
_ROOM_MM = 45.0
"""A question begins on a new page when there is less room left."""

_TEXTS = frozenset({"text", "task", "day", "hour"})
_LARGE_MICROS, _FEW_HOURS = 100 * money.MICROS, 10
_UNSHOWN = "Letters that this document has no signs for are shown as □; the other forms of the report have them."


def document(report: Report) -> bytes:
    """Return the report; its date is that of the end of its period, so that the same answers make the same bytes."""
    import fpdf

    pdf = fpdf.FPDF(format="A4")
    paper = Paper(pdf, _FONTS)
    pdf.set_margin(_MARGIN_MM)
    pdf.set_auto_page_break(True, 20)
    title = f"Insights of {report.team}"
    pdf.set_title(paper.fit(title))
    pdf.set_author("Carillon")
    pdf.set_lang("en")
    pdf.set_creation_date(report.period.until)
    paper.foot(f"{title}, {report.days}")
    pdf.add_page()
    paper.line(title, 20, bold=True)
    zone = report.period.timezone.replace("_", " ")
    paper.line(f"{report.days}, {report.period.words}, in the time of {zone}", 10.5, "$ink-2")
    for answer in report.answers:
        _answer(paper, answer)
    if paper.is_lacking:
        pdf.ln(4)
        paper.line(_UNSHOWN, _SMALL, "$ink-3")
    return bytes(pdf.output())


def _answer(paper: Paper, answer: Answer) -> None:
    pdf = paper.pdf
    pdf.ln(8)
    chart = pdf_chart.height(answer.figure)
    if pdf.will_page_break(_ROOM_MM + min(chart, 60)):
        pdf.add_page()
    paper.line(answer.heading, 14, bold=True)
    pdf.ln(1)
    paper.line(answer.lead, 10.5, bold=True)
    if answer.more:
        paper.line(answer.more, 10.5, "$ink-2")
    if answer.figure and pdf_chart.has_data(answer.figure):
        pdf.ln(3)
        pdf_chart.draw(paper, answer.figure)
    if answer.action:
        pdf.ln(2)
        paper.line(answer.action.sentence, 10.5)
    if answer.rows:
        pdf.ln(3)
        _table(paper, answer)
    if answer.note:
        pdf.ln(2)
        paper.line(answer.note, _SMALL, "$ink-3")


# --- the table


def _table(paper: Paper, answer: Answer) -> None:
    import fpdf

    pdf, rows = paper.pdf, answer.rows[:MOST_ROWS]
    shown = [[_said(column, value) for column, value in zip(answer.columns, row, strict=True)] for row in rows]
    texts = [[paper.fit(one) for one in row] for row in [[one.label for one in answer.columns], *shown]]
    paper.ink("$ink", 6.0 if len(answer.columns) > _MANY_COLUMNS else _SMALL)
    pdf.set_draw_color(*colour("$line"))
    pdf.set_fill_color(255)
    pdf.set_line_width(0.15)
    with pdf.table(
        texts,
        col_widths=_widths(paper, texts),
        borders_layout="HORIZONTAL_LINES",
        line_height=4.4,
        padding=(0.6, 1.5),
        text_align=tuple("LEFT" if one.kind in _TEXTS else "RIGHT" for one in answer.columns),
        headings_style=fpdf.FontFace(emphasis="BOLD", color=colour("$ink-2")),
    ):
        pass  # it is drawn when it is whole
    if (more := len(answer.rows) - MOST_ROWS) > 0:
        pdf.ln(1)
        paper.line(f"{more:,} more {'row' if more == 1 else 'rows'}: CSV and JSON have them all.", _SMALL, "$ink-3")


def _widths(paper: Paper, texts: Sequence[Sequence[str]]) -> tuple[float, ...]:
    """Return how wide columns are, in parts: as their longest text, but no column takes half of the page."""
    widest = [max(paper.pdf.get_string_width(text) for text in column) + 5 for column in zip(*texts, strict=True)]
    return tuple(min(one, paper.pdf.epw / 2) for one in widest)


def _said(column: Column, value: Any) -> str:
    """Write a value as the pages do."""
    return "–" if value is None or value == "" else _WRITTEN.get(column.kind, str)(value)


def _dollars(micros: float) -> str:
    most = abs(micros)
    size = f"${most / money.MICROS:,.0f}" if most >= _LARGE_MICROS else money.said(most)
    return f"−{size}" if micros < 0 else size


_WRITTEN: Mapping[Kind, Callable[[Any], str]] = {
    "share": lambda value: f"{round(100 * value)} %",
    "change": lambda value: f"{round(100 * value):+d} %".replace("-", "−"),
    "seconds": duration,
    "minutes": lambda value: f"{value:g} min",
    "hours": lambda value: f"{value:,.1f} h" if value < _FEW_HOURS else f"{value:,.0f} h",
    "money": _dollars,
    "day": lambda value: f"{value.day} {value:%b}",
    "hour": lambda value: f"{value:02d}:00",
    "number": lambda value: f"{value:,}",
}
