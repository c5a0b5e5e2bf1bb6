"""Literals that give way to variables, in Python and in the shell: the code does the same, and with another value another."""

import pytest

from app.analysis.replay import python_code, shell_code
from app.analysis.replay.python_code import Where
from app.analysis.replay.value import Value

MONTH = Value("month", "month", "period", "2026-10", "x")
WHO = Value("who", "who", "person", "Ann")
DAYS = Value("days", "30 days", "number", "30", number=30.0, excerpt="older than 30 days")


@pytest.mark.parametrize(
    ("before", "now", "gives"),
    [
        ("r = '2026-10'", "2027-01", "2027-01"),
        ("r = 'a/2026-10.csv'", "2027-01", "a/2027-01.csv"),
        ("r = f'{1 + 1}-2026-10-{\"x\"}{{}}'", "A", "2-A-x{}"),
        ('r = f"""{1}\n2026-10"""', "A", "1\nA"),
        ("r = 'from 2026-10 %s%%' % 5", "50%", "from 50% 5%"),
        ("r = 'from 2026-10 {}'.format(5)", "{0}", "from {0} 5"),
        ("r = 'select 1 where m = ''2026-10'''\nr = \"select '2026-10'\"", "it's", "select 'it''s'"),
        ("r = '2026-' '10' rf'/2026-10\\d'", "A", "2026-10/A\\d"),
        ('r = """one\ntwo 2026-10 \\t"""', "A", "one\ntwo A \t"),
        ("def f():\n    'about 2026-10'\n    return '2026-10'\nr = f() + str(f.__doc__)", "A", "Aabout 2026-10"),
        (
            "match '2026-10':\n    case '2026-10': r = 'same 2026-10'\n    case _: r = 'other'",
            "2026-10",
            "same 2026-10",
        ),
        ("r = 'ü' + '2026-10'; r += '2026-10'", "A", "üAA"),
        ("r = '2026-10-05 and 12026-10'", "A", "2026-10-05 and 12026-10"),
        ("r = {'Ann': 1}['Ann'] if 'Anna' != 'Ann' else 'Ann'", "Bo", 1),
        ("keep_days = 30\nr = keep_days + 1", 7, 8),
        ("keep_days = 30\nr = keep_days + 1", 9.5, 10.5),
        ("r = 30 + 1", "7", 31),
    ],
)
def test_variables_stand_in_python_wherever_the_literal_was(before, now, gives):
    wheres = [Where(one, f'carillon.variables()["{one.name}"]') for one in (MONTH, WHO, DAYS)]
    text, _ = python_code.placed(before, wheres)

    class carillon:  # noqa: N801 stands for the module
        variables = staticmethod(lambda: dict.fromkeys(("month", "who", "days"), now))

    found = {}
    exec(text, {"carillon": carillon}, found)
    assert found["r"] == gives, text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("echo 2026-10.csv", 'echo "$VAR_MONTH".csv'),
        ('echo "a 2026-10-05 $(date 2026-10) 2026-10"', 'echo "a 2026-10-05 $(date "$VAR_MONTH") ${VAR_MONTH}"'),
        ("awk '/2026-10/' x # 2026-10", "awk '/'\"$VAR_MONTH\"'/' x # 2026-10"),
        ("cat <<X\nin 2026-10\nX\necho 2026-10", 'cat <<X\nin ${VAR_MONTH}\nX\necho "$VAR_MONTH"'),
        ("cat <<'X'\nin 2026-10\nX", "cat <<'X'\nin 2026-10\nX"),
        ("python3 -c 'print(\"2026-10\")'", "python3 -c 'print(\"2026-10\")'"),
        ("echo it\\'s 2026-10", 'echo it\\\'s "$VAR_MONTH"'),
    ],
)
def test_variables_stand_in_a_script_as_its_quotes_ask(before, after):
    assert shell_code.placed(before, [(MONTH, "VAR_MONTH")])[0] == after
