"""`./carillon threads analyze`: what a conversation asks for, for anyone with a shell, without a server."""

import json
import os
import subprocess
import sys

from app.settings import ROOT

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


def analyze(file):
    command = [sys.executable, "-P", "-m", "app.cli", "threads", "analyze", str(file)]
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
