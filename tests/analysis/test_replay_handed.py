"""No text of somebody stands where a shell, a database or another program would read it as a part of its own."""

import pytest

from tests.analysis.making import agent, call, person
from tests.analysis.test_replay import code, read


@pytest.mark.parametrize("command", [
    "mysql -e \"select * from a where who = 'Acme Corp'\"", "awk '/Acme Corp/' a.csv", "perl -ne 'print if /Acme Corp/' a.csv",
    "ssh far \"grep 'Acme Corp' a.csv\"", "echo \"grep 'Acme Corp' a.csv\" | bash", "bash <<END\ngrep 'Acme Corp' a.csv\nEND",
    "printf \"`grep 'Acme Corp' a.csv`\" > o", "n=`grep 'Acme Corp' a.csv`", "cat <<END\n`grep 'Acme Corp' a.csv`\nEND",
])  # fmt: skip
def test_no_text_is_put_into_what_another_program_reads_as_code(command):
    def script(text):
        asked = person("Every Monday, count the rows of Acme Corp since 2026-11-02", "a.csv")
        return code(read(asked, agent("", call("bash", command=text, output="12"))))

    assert "VAR_" in script("grep 'Acme Corp' a.csv | wc -l")
    assert "VAR_" not in script(command)
    assert "${VAR_" in script("mysql -e \"select * from a where day = '2026-11-02'\"")


@pytest.mark.parametrize("line", [
    'subprocess.run(["sh", "-c", "grep \'Acme Corp\' a.csv"])', 'subprocess.run(["/bin/bash", "-c", "grep \'Acme Corp\' a.csv"])',
    'subprocess.run(args="grep \'Acme Corp\' a.csv", shell=True)', "exec(\"who = 'Acme Corp'\")", "print(df.query(\"who == 'Acme Corp'\"))",
    "cursor.execute(f\"select * from {table} where who = 'Acme Corp'\")", "cmd = \"grep 'Acme Corp' a.csv\"; os.system(cmd)",
    "who = 'Acme Corp'; part = 'grep ' + who; subprocess.run(f'{part} a.csv', shell=True)",
    "for one in ['Acme Corp', 'B']: os.popen('grep ' + one + ' a.csv')", "args = ['sh', '-c', 'Acme Corp']; subprocess.run(args)",
    "run = lambda: 1; find = 'Acme Corp'; subprocess.check_output(['ssh', 'far', find])",
])  # fmt: skip
def test_no_text_is_put_into_a_program_within_a_program(line):
    asked = person("Every Monday, count the rows of Acme Corp", "a.csv")
    made = read(
        asked,
        agent("", call("python", input=f"{line}\nopen('out.csv', 'w').write('Acme Corp')", output="")),
        form="chatgpt",
    )
    assert "Acme Corp" in code(made).splitlines()[-2]
    assert "carillon.variables()" in code(made).splitlines()[-1]


def test_no_text_is_put_into_what_a_function_hands_to_a_shell():
    lines = (
        "def find(who, file='a.csv'):\n    return os.popen('grep ' + who + ' ' + file).read()\n\n"
        "def name():\n    return 'Acme Corp'\n\nprint(find(name()), find('Acme Corp'), find(who='Acme Corp'))\n"
    )
    asked = person("Every Monday, count the rows of Acme Corp", "a.csv")
    calls = call("python", input=f"import os\n{lines}open('out.csv', 'w').write('Acme Corp')", output="")
    made = code(read(asked, agent("", calls), form="chatgpt"))
    assert made.count("'Acme Corp'") == 3
    assert "carillon.variables()" in made.splitlines()[-1]
