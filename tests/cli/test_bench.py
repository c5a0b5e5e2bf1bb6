"""The bench as a command: its answer is JSON alone, and nothing of it is left."""

import json
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def left():
    return set(Path("/tmp").glob("carillon-bench-*"))


def test_it_prints_the_figures_it_was_asked_for_and_leaves_nothing(carillon):
    before = left()
    done = carillon("bench", "--quick", "--only", "run_now", "--json")
    answer = json.loads(done.stdout)
    assert set(answer) == {"run_now_ms", "database", "version"}
    assert set(answer["run_now_ms"]) == {"p50", "p95", "p99", "max"}
    assert left() <= before
    assert done.returncode == 0


def test_a_figure_that_is_not_there_is_refused(carillon):
    done = carillon("bench", "--only", "lateness,speed")
    assert done.returncode == 1
    assert done.stderr.startswith("carillon: There is no figure “speed”. There are: lateness, ")
