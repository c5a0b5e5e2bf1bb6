"""Threads that did very much are replayed within bounds, and say so; their steps are made in a bounded time."""

import time

from app.analysis.base import Analysis
from app.analysis.replay import replay
from app.analysis.replay.doings import MOST, MOST_LETTERS
from app.analysis.replay.plan import TOO_LONG
from tests.analysis.making import agent, call, person, thread


def replayed(*calls):
    return replay(thread(person("Do it."), agent("", *calls)), Analysis(secrets=()))


def test_code_beyond_what_is_looked_at_is_left_out_and_the_replay_says_so():
    size = MOST_LETTERS // 4
    cells = [call("python", code=f"print({n})\n" + "# a remark\n" * (size // 23), output=str(n)) for n in range(6)]
    made = replayed(*cells)
    assert made.problems == ("It did more than is replayed: what comes from message 2 on is left out.",)
    assert len(made.steps) == 1
    assert not made.is_whole
    assert replayed(*cells[:2]).is_whole


def test_a_program_of_very_many_tiny_statements_is_left_out_at_once():
    for code in ("x < 5\n" * 300_000, "x = y;" * 300_000, f"x = [{'1,' * 900_000}]"):
        began = time.perf_counter()
        made = replayed(call("bash", command="date > now.txt", output=""), call("python", code=code, output="ok"))
        assert time.perf_counter() - began < 1
        assert made.problems == ("It did more than is replayed: what comes from message 2 on is left out.",)
        assert len(made.steps) == 1


def test_what_comes_after_very_many_calls_is_left_out_too():
    made = replayed(*(call("bash", command="date", output="ok") for _ in range(MOST + 1)))
    assert made.problems[0].startswith("It did more than is replayed")


def test_a_file_that_very_many_steps_would_hold_is_too_long():
    page = "# a remark\n" * (MOST_LETTERS // 40)
    runs = (call("bash", command=f"{tool} a.sh {n}", output=f"{n}") for n, tool in enumerate(["bash", "sh"] * 20))
    made = replayed(call("create_file", path="a.sh", file_text=page), *runs)
    assert (made.steps, made.problems) == ((), (TOO_LONG,))


def test_code_that_is_nested_very_deeply_is_no_error():
    for depth in (300, 900, 3000):
        sums = "x = " + " + ".join(["'2026-09-01'"] * depth) + "\nprint(x)"
        made = replayed(call("python", code=sums, output="1"))
        assert made.steps or made.problems or made.lacking
    within = "".join(f"cat > /t/a{n}.sh <<'E{n}'\n" for n in range(2000))
    ends = "".join(f"E{n}\n" for n in reversed(range(2000)))
    made = replayed(call("bash", command=f"sh /t/a0.sh\n{within}date\n{ends}", output="1"))
    assert made.steps or made.problems
