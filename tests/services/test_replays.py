"""Replays of threads as each kind of agent leaves them, run for real: sandbox, loopback server, contract."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from app.analysis import pipeline
from app.analysis.replay import replay
from app.models.runs import Artifact, Run
from app.models.tasks import TaskFile, TaskVersion
from app.services.unit import batch
from tests import factories
from tests.analysis.making import agent, call, person, thread
from tests.factories import rows
from tests.servers import web_server
from tests.services.test_checkpoints import seal
from tests.services.test_steps import carried_out, code, log, team, tools

__all__ = ["code", "team", "tools"]

pytestmark = [pytest.mark.alike, pytest.mark.sandbox]

TODAY = datetime(2026, 11, 28, 9, tzinfo=UTC)
SALES = "day,region,net\n2026-10-03,DACH,100\n2026-10-09,NORD,50.5\n2026-09-30,DACH,7\n2026-09-12,DACH,8\n"


@pytest.fixture(scope="module")
def server():
    with web_server() as running:
        yield running


def said(of, at=TODAY):
    return replace(of, messages=tuple(replace(message, at=at) for message in of.messages))


def read(of):
    return replay(of, pipeline.analyse(of))


def ran(tools, team, made, files=(), planned=TODAY, changed=None):
    """Run a replay once as a task; `changed` gives variables another value."""
    variables = [one | {"value": (changed or {}).get(one["name"], one["value"])} for one in made.variables]
    number = len(rows(Run))
    task_id = factories.task(
        team,
        name=f"replay-{number}",
        steps=made.steps,
        variables=variables,
        contract=made.contract,
        timezone="UTC",
        grace_seconds=1e9,
    )
    give(tools, team, task_id, dict(files))
    run = carried_out(tools, factories.run(team, task_id, planned_at=planned))
    return run, {
        row.name: tools.storage.path(row.digest).read_text() for row in rows(Artifact, Artifact.run_id == run.id)
    }


def give(tools, team, task_id, files):
    with batch() as work:
        ids = []
        for name, content in files.items():
            digest, size = tools.storage.keep_bytes(content.encode())
            row = {
                "team_id": team, "task_id": task_id, "name": name, "size_bytes": size, "digest": digest,
                "created_at": work.now,
            }  # fmt: skip
            ids.append(work.connection.execute(sa.insert(TaskFile).values(row).returning(TaskFile.id)).scalar_one())
        held = work.connection.execute(
            sa.select(TaskVersion.definition).where(TaskVersion.task_id == task_id)
        ).scalar_one()
        work.connection.execute(
            sa.update(TaskVersion).where(TaskVersion.task_id == task_id).values(definition=held | {"files": ids})
        )


# --- a notebook


def notebook():
    return said(thread(
        person("Sum sales.csv by region for October 2026 and save it as totals.csv", "sales.csv", content=SALES),
        agent("", call("python", input="import csv\nrows = list(csv.DictReader(open('/mnt/data/sales.csv')))\nprint(rows[:2], len(rows))", output="[{…}] 4")),
        agent("", call("python", input="month = [row for row in rows if row['date'].startswith('2026-10')]", output="Traceback (most recent call last):\n  Cell In[2], line 1\nKeyError: 'date'")),
        agent("", call("python", input="month = [row for row in rows if row['day'].startswith('2026-10')]\nprint(len(month))", output="2")),
        agent("", call("python", input="totals = {}\nfor row in month:\n    totals[row['region']] = totals.get(row['region'], 0) + float(row['net'])", output="")),
        agent("", call("python", input="with open('/mnt/data/totals.csv', 'w') as out:\n    out.write('region,net\\n')\n    out.writelines(f'{name},{net}\\n' for name, net in totals.items())\nprint(f'Total of 2026-10: {sum(totals.values())}')", output="Total of 2026-10: 150.5")),
        form="chatgpt",
    ))  # fmt: skip


def test_cells_of_a_notebook_run_alone_as_one_program_for_the_month_of_the_run(tools, team, code):
    made = read(notebook())
    assert made.is_whole
    assert (made.files, made.packages) == (("sales.csv",), ())
    assert [step["engine"] for step in made.steps] == ["python"]
    assert [one.reason for one in made.dropped] == ["It failed: KeyError: 'date'"]
    run, files = ran(tools, team, made, {"sales.csv": SALES})
    assert run.state == "succeeded", (run.sentence, log())
    assert files["totals.csv"] == "region,net\nDACH,100.0\nNORD,50.5\n"
    assert "Total of 2026-10: 150.5" in log()
    later, files = ran(tools, team, made, {"sales.csv": SALES}, planned=datetime(2026, 10, 5, tzinfo=UTC))
    assert later.state == "succeeded", (later.sentence, log())
    assert files["totals.csv"] == "region,net\nDACH,15.0\n"


def test_an_outcome_without_rows_is_unmet(tools, team, code):
    run, _ = ran(tools, team, read(notebook()), {"sales.csv": SALES}, planned=datetime(2024, 3, 5, tzinfo=UTC))
    assert (run.state, run.reason) == ("unmet", "contract"), run.sentence
    assert "totals.csv" in run.sentence


# --- a shell with files of its own


def test_scripts_the_agent_wrote_and_mended_are_laid_down_and_run(tools, team, code):
    first = "import sys\nfor line in open(sys.argv[1]):\n    print(line.split(',')[1])\n"
    of = said(thread(
        person("Every morning count the lines of visits.csv for Berlin", "visits.csv", content="a,Berlin\n"),
        agent("", call("create_file", path="/workspace/count.py", file_text=first, output="created")),
        agent("", call("execute_command", command="cd /workspace && python3 count.py visits.csv", output='{"exit_code": 1, "stdout": "", "stderr": "IndexError: list index out of range"}')),
        agent("", call("str_replace", file_path="/workspace/count.py", old_str="    print(line.split(',')[1])\n", new_str="    if ',Berlin' in line:\n        print('Found:', line.count(','))\n", output="Replaced 1 occurrence")),
        agent("", call("execute_command", command="ls -la /workspace", output="count.py")),
        agent("", call("execute_command", command="cd /workspace && python3 count.py visits.csv | tee found.txt && echo 'for Berlin' >> found.txt", output='{"exit_code": 0, "stdout": "Found: 1\\n", "stderr": ""}')),
        form="suna",
    ))  # fmt: skip
    made = read(of)
    assert made.is_whole, made
    assert [one.reason for one in made.dropped] == ["It failed: IndexError: list index out of range", "It only looked."]
    visits = {"visits.csv": "a,Berlin\nb,O'Fallon; rm -rf .\n"}
    run, files = ran(tools, team, made, visits)
    assert run.state == "succeeded", (run.sentence, log())
    assert files["found.txt"] == "Found: 1\nfor Berlin\n"
    place = next(one["name"] for one in made.variables if one["value"] == "Berlin")
    run, files = ran(tools, team, made, visits, changed={place: "O'Fallon; rm -rf ."})
    assert run.state == "succeeded", (run.sentence, log())
    assert files["found.txt"] == "Found: 1\nfor O'Fallon; rm -rf .\n"


def test_a_shell_puts_variables_in_whatever_the_quotes(tools, team, code):
    of = said(thread(
        person("Write a note for ops@x.example about March 2027"),
        agent("", call("bash", command="echo to ops@x.example \"and ops@x.example\" 'or ops@x.example' > note.txt\ncat >> note.txt <<EOF\nfor 2027-03: ops@x.example # ops\nEOF\n", output="")),
        form="claude",
    ), datetime(2027, 4, 2, tzinfo=UTC))  # fmt: skip
    made = read(of)
    assert [step["engine"] for step in made.steps] == ["shell"]
    run, files = ran(
        tools, team, made, changed={"recipient": "a$(id)b@y.example"}, planned=datetime(2027, 6, 1, tzinfo=UTC)
    )
    assert run.state == "succeeded", (run.sentence, log())
    who = "a$(id)b@y.example"
    assert files["note.txt"] == f"to {who} and {who} or {who}\nfor 2027-05: {who} # ops\n"


# --- requests


def test_requests_keep_their_secret_by_name_and_their_answers_shape(tools, team, server, code):
    url = server.url + "/json?body=%7B%22id%22%3A+7%2C+%22items%22%3A+%5B%22a%22%5D%7D"
    key = "sk-live-Zq81mmPfK27TtqLw9x"
    of = said(thread(
        person("Post the orders of ops@x.example to our hook each day"),
        agent("", call("http_request", method="GET", url=server.url + "/status/404", output='{"status": 404, "body": ""}')),
        agent("", call("http_request", method="GET", url=url, headers={"Authorization": f"Bearer {key}"}, output='{"status": 200, "body": "{\\"id\\": 7, \\"items\\": [\\"a\\"]}"}')),
        agent("", call("http_request", method="POST", url=server.url + "/mirror", body={"to": "ops@x.example", "count": 1}, output='{"status": 200, "body": "{\\"to\\": \\"ops@x.example\\", \\"count\\": 1}"}')),
        form="openai",
    ))  # fmt: skip
    made = read(of)
    assert made.secrets == ("TOKEN",)
    assert key not in repr(made)
    assert [one.what for one in made.dropped] == [f"GET {server.url}/status/404"]
    seal(tools.vault, team, "TOKEN", key)
    server.requests.clear()
    run, _ = ran(tools, team, made, changed={"recipient": "bo'b\\@y.example"})
    assert run.state == "succeeded", (run.sentence, log())
    (_, _, headers, _), (_, _, _, body) = server.requests
    assert headers["Authorization"] == f"Bearer {key}"
    assert json.loads(body) == {"to": "bo'b\\@y.example", "count": 1}
    wrong = replace(made, steps=tuple(
        one | {"settings": one["settings"] | {"url": server.url + "/json?body=%7B%7D"}} if one["settings"]["method"] == "GET" else one
        for one in made.steps
    ))  # fmt: skip
    run, _ = ran(tools, team, wrong)
    assert (run.state, run.reason) == ("unmet", "contract"), run.sentence
