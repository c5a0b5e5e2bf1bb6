"""Tables for other programs: a text stays a text, a number a number, and long tables are written as they are read."""

import csv
import io
import json
import zipfile
from datetime import UTC, date, datetime

import pytest

from app.core.errors import Unavailable
from app.domain.analytics import periods
from app.domain.analytics.answers import Answer, Column, Named
from app.domain.reporting import Report, said
from app.exporters import csv_file, json_file, parquet, reports

COLUMNS = (
    Column("task", "Task", "task"), Column("cost", "Cost", "money"), Column("share", "Share", "share"),
    Column("took", "Half took", "seconds"), Column("seen", "Seen", "day"),
)  # fmt: skip
ROWS = (
    (Named("=HYPERLINK(1)", "x"), -1_500_000, -0.5, 9.25, date(2026, 11, 27)),
    (Named('Zoë, "日報"\r\nnext'), 0, 1.0, None, None),
)
ANSWER = Answer("money", "Of $3.00 half went to Zoë.", columns=COLUMNS, rows=ROWS)
PERIOD = periods.ending(date(2026, 11, 27), 7, "Europe/Berlin")
REPORT = Report("Northgate", PERIOD, [ANSWER])


def read(text):
    return list(csv.reader(io.StringIO(text, newline="")))


@pytest.mark.parametrize("mark", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
def test_what_a_spreadsheet_takes_for_a_formula_is_a_text(mark):
    text = "".join(csv_file.lines(["name"], [[f"{mark}1+1"]]))
    assert read(text)[1] == [f"'{mark}1+1"]


@pytest.mark.parametrize("text", ["a;=1+1", "a;=1+1;b", 'a";=1+1', "a\n=1+1", "a\t＝1+1"])
def test_who_reads_with_semicolons_finds_no_formula_either(text):
    made = "".join(csv_file.lines(["a", "b"], [["x", text]]))
    cells = [cell for row in csv.reader(io.StringIO(made, newline=""), delimiter=";") for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "＝"))]
    assert read(made)[1][1].replace("'", "") == text


def test_all_cells_are_quoted():
    assert "".join(csv_file.lines(["n", "t"], [[-1.5, None]])) == '"n","t"\r\n"-1.5",""\r\n'


def test_numbers_stay_numbers_and_units_stand_in_the_headings():
    table = read(csv_file.table(ANSWER).decode())
    assert table[0] == ["Task", "Cost, USD", "Share", "Half took, s", "Seen"]
    assert table[1] == ["'=HYPERLINK(1)", "-1.5", "-0.5", "9.25", "2026-11-27"]
    assert table[2] == ['Zoë, "日報"\r\nnext', "0.0", "1.0", "", ""]


def test_an_instant_and_a_zero_byte_are_written_as_others_read_them():
    assert read("".join(csv_file.lines(["a", "b"], [[datetime(2026, 11, 27, tzinfo=UTC), "a\x00b"]])))[1] == [
        "2026-11-27T00:00:00+00:00", "ab",
    ]  # fmt: skip


@pytest.mark.parametrize("count", [0, 1, 499, 500, 501, 1000])
def test_a_list_in_pieces_is_one_list(count):
    rows = ((number, f"n{number}") for number in range(count))
    found = json.loads("".join(json_file.pieces(["id", "name"], rows)))
    assert [one["id"] for one in found] == list(range(count))
    assert len(read("".join(csv_file.lines(["id"], ([n] for n in range(count)))))) == count + 1


def test_a_long_table_is_not_read_before_its_first_piece_is_taken():
    taken = []
    rows = ([taken.append(number) or number] for number in range(10_000))
    assert next(csv_file.lines(["n"], rows))
    assert len(taken) == 500


def test_json_has_the_answer_with_its_rows_by_name():
    found = json.loads(json_file.document(REPORT))
    assert (found["team"], found["from"], found["to"]) == ("Northgate", "2026-11-21", "2026-11-27")
    [answer] = found["answers"]
    assert answer["rows"][0] == {
        "task": "=HYPERLINK(1)", "cost": -1_500_000, "share": -0.5, "took": 9.25, "seen": "2026-11-27",
    }  # fmt: skip


def test_parquet_keeps_types_and_tells_nothing_from_an_empty_text(tmp_path):
    rows = [(Named(""), -1, None, 0.5, date(2026, 11, 27)), (Named("a,\n'\"b"), None, 1.0, None, None)]
    (tmp_path / "a.parquet").write_bytes(parquet.table(Answer("money", "", columns=COLUMNS, rows=rows)))
    duckdb = pytest.importorskip("duckdb")
    with duckdb.connect() as connection:
        found = connection.read_parquet(str(tmp_path / "a.parquet"))
        assert [str(one) for one in found.types] == ["VARCHAR", "BIGINT", "DOUBLE", "DOUBLE", "DATE"]
        assert found.fetchall() == [("", -1, None, 0.5, date(2026, 11, 27)), ("a,\n'\"b", None, 1.0, None, None)]


def test_without_its_library_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setattr(parquet, "find_spec", lambda _: None)
    with pytest.raises(Unavailable, match="install requirements-parquet"):
        reports.written(REPORT, "parquet")


def test_of_several_questions_each_table_is_a_file_of_an_archive():
    both = Report("Northgate", PERIOD, [ANSWER, Answer("trust", "Come back.")])
    made = reports.written(both, "csv")
    assert (made.name, made.media_type) == ("report.zip", "application/zip")
    with zipfile.ZipFile(io.BytesIO(made.content)) as archive:
        assert archive.namelist() == ["money.csv", "trust.csv"]
        assert archive.read("money.csv") == csv_file.table(ANSWER)
    assert made == reports.written(both, "csv")
    assert reports.written(both, "parquet").ending == "zip"
    assert reports.written(REPORT, "csv").name == "report.csv"


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        ((2026, 11, 27), (2026, 11, 27), "27 Nov 2026"),
        ((2026, 11, 21), (2026, 11, 27), "21 to 27 Nov 2026"),
        ((2026, 10, 29), (2026, 11, 27), "29 Oct to 27 Nov 2026"),
        ((2025, 12, 29), (2026, 1, 4), "29 Dec 2025 to 4 Jan 2026"),
    ],
)
def test_days_are_written_as_people_say_them(first, last, words):
    assert said(date(*first), date(*last)) == words
