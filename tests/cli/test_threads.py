"""`./carillon threads analyze`: what a conversation asks for, for anyone with a shell, without a server."""

import argparse
import json
import os
import subprocess
import sys

import pytest

from app.cli import thread_import
from app.core.errors import NotFound
from app.infra import queues
from app.settings import ROOT
from tests.web.conftest import ada, cid, northgate

__all__ = ["ada", "cid", "northgate"]

KEY = "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc"
ASKED = f"Every Monday at 8 read sales.csv and write the top 5 to report.md. The key is {KEY}."
TALK = {
    "model": "gpt-5",
    "messages": [
        {"role": "system", "content": "You help a shop."},
        {"role": "user", "content": ASKED},
        {"role": "assistant", "content": "Done: report.md has the top 5."},
    ],
}


def analyze(file, verb="analyze"):
    command = [sys.executable, "-P", "-m", "app.cli", "threads", verb, str(file)]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "DATABASE_URL": "postgresql://nowhere/"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd="/", timeout=30, check=False)


def test_one_object_says_what_a_conversation_asks_for(tmp_path):
    file = tmp_path / "talk.json"
    file.write_text(json.dumps(TALK))
    done = analyze(file)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["format"], found["title"], found["messages"]) == ("openai", None, 2)
    assert found["agent"] == {"model": "gpt-5", "system_prompt": True}
    assert (found["schedule"]["cron"], found["problems"]) == ("0 8 * * 1", {})


def test_a_secret_is_shown_by_its_last_characters_only(tmp_path):
    file = tmp_path / "talk.json"
    file.write_text(json.dumps(TALK))
    done = analyze(file)
    assert KEY[:-4] not in done.stdout
    assert [secret["masked"][-4:] for secret in json.loads(done.stdout)["secrets"]] == [KEY[-4:]]


def test_it_ends_quietly_where_its_reader_has_read_enough(tmp_path):
    file = tmp_path / "talks.jsonl"
    file.write_text("\n".join(json.dumps(TALK) for _ in range(200)))
    command = f"{sys.executable} -P -m app.cli threads analyze {file} | head -n 1"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["sh", "-c", command], capture_output=True, text=True, env=environment, timeout=30, check=False
    )
    assert done.stderr == ""
    assert json.loads(done.stdout)["format"] == "openai"


def test_what_is_no_conversation_is_refused_with_a_sentence(tmp_path):
    file = tmp_path / "talk.json"
    file.write_text('{"messages": [}')
    done = analyze(file)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("carillon: Line 1 is no JSON")
    assert "Traceback" not in done.stderr


def test_neither_web_nor_database_is_loaded_for_it(tmp_path):
    file = tmp_path / "talk.json"
    file.write_text(json.dumps(TALK))
    heavy = "{'flask', 'sqlalchemy', 'redis', 'rq'}"
    code = f"import sys; from app.cli.__main__ import main; main(sys.argv[1:]); print({heavy} & set(sys.modules))"
    command = [sys.executable, "-c", code, "threads", "analyze", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=30, check=False)
    assert done.stdout.splitlines()[-1] == "set()"


def test_the_task_that_does_it_again_is_printed_without_the_secret(tmp_path):
    file = tmp_path / "talk.json"
    ask = {"url": "https://shop.example/items", "headers": {"Authorization": f"Bearer {KEY}"}}
    call = {"id": "1", "type": "function", "function": {"name": "http_get", "arguments": json.dumps(ask)}}
    made = [{"role": "assistant", "tool_calls": [call]}, {"role": "tool", "tool_call_id": "1", "content": "[1]"}]
    file.write_text(json.dumps({"messages": [*TALK["messages"], *made]}))
    done = analyze(file, "replay")
    assert done.returncode == 0, done.stderr
    assert KEY not in done.stdout
    found = json.loads(done.stdout)
    (step,) = found["definition"]["steps"]
    assert (step["engine"], step["settings"]["auth_secret"], found["secrets"]) == ("http", "SHOP_TOKEN", ["SHOP_TOKEN"])


def test_a_file_is_imported_into_a_team_of_the_person(app, ada, northgate, cid, tmp_path, capsys):
    file = tmp_path / "talk.json"
    file.write_text(json.dumps(TALK))
    given = argparse.Namespace(file=file, team=northgate, person="")
    with app.app_context():
        assert thread_import._import(app.config["SETTINGS"], given) == 0
        assert capsys.readouterr().out == "1 conversation: 1 new.\n"
        assert "import-1" not in queues.waiting(queues.THREADS)  # no worker is asked to do it too
        given.person = cid.email
        with pytest.raises(NotFound):
            thread_import._import(app.config["SETTINGS"], given)
