"""`./carillon forecast backtest`: how well estimates would have held, for anyone with a log, without a server."""

import csv
import gzip
import json
import math
import random
from datetime import UTC, datetime, timedelta

import pytest

START = datetime(2026, 1, 5, tzinfo=UTC)
HEADER = ["task_key", "submitted_at", "duration_s", "outcome", "attrs"]


def log(path, count=120, opened=open):
    source = random.Random(1)
    with opened(path, "wt", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        for i in range(count):
            at = (START + timedelta(hours=i)).isoformat().replace("+00:00", "Z")
            seconds = (1 + i % 4) * 60 * math.exp(source.gauss(0, 0.2))
            outcome = "failed" if i % 4 == 3 and source.random() < 0.5 else "succeeded"
            writer.writerow([f"t{i % 4}", at, f"{seconds:.1f}", outcome, json.dumps({"size": i % 7})])
    return path


def predictions(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_each_row_is_predicted_from_those_before_it(carillon, tmp_path):
    out = tmp_path / "out.csv"
    done = carillon(
        "forecast", "backtest", log(tmp_path / "runs.csv"), "--out", out, DATABASE_URL="postgresql://nowhere/"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("120 runs in ")
    assert "took less than p90" in done.stdout
    rows = predictions(out)
    assert list(rows[0]) == ["row", "p10_s", "p50_s", "p90_s", "p_fail", "typical_s"]
    assert [int(row["row"]) for row in rows] == list(range(120))
    assert not rows[0]["p50_s"]  # nothing is known yet
    assert all(float(row["p10_s"]) <= float(row["p50_s"]) <= float(row["p90_s"]) for row in rows[1:])
    assert float(rows[-1]["typical_s"]) == pytest.approx(240, rel=0.3)
    assert float(rows[-1]["p_fail"]) > 2 * float(rows[-2]["p_fail"])


def test_what_comes_later_changes_nothing(carillon, tmp_path):
    short, long = tmp_path / "short.csv", tmp_path / "long.csv"
    carillon("forecast", "backtest", log(tmp_path / "a.csv", 60), "--out", short)
    carillon("forecast", "backtest", log(tmp_path / "b.csv", 120), "--out", long)
    assert predictions(short) == predictions(long)[:60]


def test_a_packed_log_without_attributes_is_read(carillon, tmp_path):
    packed, out = tmp_path / "runs.csv.gz", tmp_path / "out.csv"
    with gzip.open(packed, "wt", newline="") as file:
        csv.writer(file).writerows(
            [HEADER[:4], ["a", "2026-01-05T09:00", "5", "succeeded"], ["a", "2026-01-06T09:00", "5", "cancelled"]]
        )
    assert carillon("forecast", "backtest", packed, "--out", out).returncode == 0
    assert float(predictions(out)[1]["typical_s"]) == pytest.approx(5)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("task_key,submitted_at\n", "has no column duration_s, outcome"),
        (",".join(HEADER) + "\na,2026-01-05,soon,failed,\n", "row 0 cannot be read: could not convert string to float"),
        (",".join(HEADER) + "\na,yesterday,5,failed,\n", "row 0 cannot be read"),
        (",".join(HEADER) + "\na,2026-01-05,5,failed,{\n", "row 0 cannot be read"),
        (",".join(HEADER) + "\na,2026-01-05,nan,failed,\n", "row 0 cannot be read"),
        (None, "cannot be used: No such file or directory"),
    ],
)  # fmt: skip
def test_a_log_that_can_not_be_read_is_refused_with_a_sentence(carillon, tmp_path, text, sentence):
    if text is not None:
        (tmp_path / "runs.csv").write_text(text)
    done = carillon("forecast", "backtest", tmp_path / "runs.csv", "--out", tmp_path / "out.csv")
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
