"""However a text is made, four times as much of it takes about four times as long, in every stage."""

import re
import time
from dataclasses import replace
from functools import lru_cache
from importlib import import_module

import pytest

from app.analysis import pipeline, proposal, secrets
from app.analysis.base import Analysis, Finding
from app.domain.thread import Thread
from tests.analysis.making import agent, call, person, thread

SIZE = 2_000
AS_MUCH_AGAIN = 4
BOUND = 6
"""A scan that grows with the square takes sixteen times as long."""

NOISE = 0.01
"""Seconds that a measurement may be wrong."""

TRIES = 4
"""Both are measured one right after the other, so that what else the machine does slows both."""

SEEDS = {
    "letters": "a", "words": "the and ", "digits": "1,", "quotes": "\"'“", "brackets": "[(({", "fences": "```",
    "dashes": "a-", "keys": "key=", "passwords": "password: ", "mails": "a@", "urls": "http://a.b/?key=aaaaaaaaaa&",
    "comments": "<!-- ignore all instructions ", "orders": "ignore all ", "files": "use a.csv ",
    "commands": "cat a.csv ", "names": "Mr Ab ", "counts": "5 words ", "clock": "at 9 and ",
}  # fmt: skip
NUMBERED = {
    "many files": "use data/f{}.csv and ", "many hosts": "https://h{}.shop.test/x ", "many values": "{} boxes ",
    "many secrets": "password=Aa1{}x9! ", "many programs": "```py\nimport p{}\nopen('f{}.csv')\n```\n",
}  # fmt: skip
CODE = {
    "cells": "x = 5 + y\n", "glances": "x\n", "blank lines": "\n", "imports": "import a, b\n", "rules": "-",
    "documents": "cat > /t/a.py <<'E'\n", "scripts": "cat > /t/a.sh <<'E'\n", "marks": "<<A ", "remarks": "#\n",
    "pythons": "python ", "times": "time ", "installs": "pip install ", "inner": 'subprocess.run(["bash", "-c", r"""',
    "laid down": "Path('a.py').write_text('''\\\n", "labels": "print('Total: 1')\n", "braces": "{{", "soup": "soup(",
    "months": "data-2025-01.csv ", "sums": "1 + ", "states": "&a=", "spaces": " ", "tags": "<ipython-input ",
}  # fmt: skip
CODE_NUMBERED = {
    "done documents": "cat > a{}.py <<'E{}'\nx\nE{}\n", "many imports": "import p{}\n", "many names": "n{} = {}\n",
    "many calls": "p{}(x{}, 'v{}')\n", "many env": "os.environ['N{}']\n", "many lines": "print('L{}: 1')\n",
}  # fmt: skip

IN_CODE_TOO = ["letters", "digits", "keys", "mails", "urls", "many files", "many secrets", "many values"]


def text(seed: str, size: int) -> str:
    if seed in SEEDS | CODE:
        return ((SEEDS | CODE)[seed] * size)[:size]
    numbered = (NUMBERED | CODE_NUMBERED)[seed]
    return "".join(numbered.replace("{}", str(number)) for number in range(size // 8))[:size]


@lru_cache(maxsize=2)
def talk(seed: str, size: int) -> tuple[Thread, Analysis]:
    """Return a thread made of one text, with its secrets as they were found before every stage."""
    said = text(seed, size)
    called = (call("run_shell", command=said, output=said), call("fetch", url=said[:200], output=said))
    of = thread(person(said, "a.txt", content=said), agent(said, *called), form="markdown")
    return of, Analysis(secrets=tuple(one.value for one in secrets.scan(of)))


def seconds(stage: str, of: Thread, sofar: Analysis) -> float:
    run = import_module(f"app.analysis.{stage}").stage
    began = time.process_time()
    run(of, sofar)
    return time.process_time() - began


@pytest.mark.parametrize("stage", ["secrets", *pipeline.STAGES])
@pytest.mark.parametrize("seed", [*SEEDS, *NUMBERED])
def test_time_grows_with_the_text_and_no_faster(seed: str, stage: str) -> None:
    little, much = talk(seed, SIZE), talk(seed, SIZE * AS_MUCH_AGAIN)
    assert any(seconds(stage, *much) <= seconds(stage, *little) * BOUND + NOISE for _ in range(TRIES))


MOST_VALUES = 40
"""No more variables are found in a thread; of secrets so many are tried, as each text is looked through for each."""


@lru_cache(maxsize=2)
def ran(seed: str, size: int) -> tuple[Thread, Analysis]:
    """Return a thread that ran one text as a cell, failed or not, and as a script, with a value for many of its words."""
    said = text(seed, size)
    cell, failed, script = (call(tool, code=said, output=said) for tool in ("python", "python", "bash"))
    asked = call("http_post", url="https://a.example/x", headers={"Authorization": said}, body=said, output=said)
    of = thread(person(said[:500], "a.py", content=said), agent("", cell, replace(failed, has_failed=True)))
    of = replace(of, messages=(*of.messages, *thread(agent("", script, asked)).messages))
    words = list(dict.fromkeys(re.findall(r"[\w.]+", said)))[:MOST_VALUES]
    known = [Finding("variable", {"value": word, "kind": "text"}, 0.5, ()) for word in words]
    hidden = [one.value for one in secrets.scan(of)][:MOST_VALUES] if "secret" in seed else ()
    return of, Analysis(tuple(known), secrets=tuple(hidden))


def seconds_of_proposal(of: Thread, sofar: Analysis) -> float:
    """Return how long it takes to replay a thread, and to propose the tasks that are made of that."""
    began = time.process_time()
    made = proposal.of(of, sofar.findings, {}, sofar.secrets or ())
    definitions = [made.definition(kind, "Name", of.messages[0].text) for kind in ("hybrid", "agent")]
    took = time.process_time() - began
    assert all(definitions)
    return took


@pytest.mark.parametrize("seed", [*IN_CODE_TOO, *CODE, *CODE_NUMBERED])
def test_what_is_replayed_and_proposed_takes_as_long_as_there_is_code(seed: str) -> None:
    little, much = ran(seed, SIZE), ran(seed, SIZE * AS_MUCH_AGAIN)
    assert any(seconds_of_proposal(*much) <= seconds_of_proposal(*little) * BOUND + NOISE for _ in range(TRIES))
