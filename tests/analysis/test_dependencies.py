"""What a run needs is read out of words, code and calls; what it makes, and dead ends, are not needed."""

import pytest

from app.analysis import dependencies
from app.analysis.base import Analysis
from tests.analysis.making import agent, call, person, thread


def needs(of, *kinds):
    found = dependencies.stage(of, Analysis())
    return {f"{one.value['kind']}:{one.value['name']}" for one in found if not kinds or one.value["kind"] in kinds}


def ran(code, output="ok", tool="python", key="code"):
    return agent("", call(tool, output=output, **{key: code}))


@pytest.mark.parametrize(
    ("code", "packages"),
    [
        ("import json, re\nimport polars as pl", {"polars"}),
        ("from sklearn.linear_model import Ridge", {"sklearn"}),
        ("import yaml", {"yaml"}),
        ("import numpy as np, scipy.stats as st", {"numpy", "scipy"}),
        ("from . import helpers\nimport os.path", set()),
        ("x = 1; import duckdb", {"duckdb"}),
        ("const axios = require('axios'); const fs = require('fs')", {"axios"}),
        ("import Papa from 'papaparse';\nimport { a } from './own.js'", {"papaparse"}),
        ("import { S3 } from '@aws-sdk/client-s3'", {"@aws-sdk/client-s3"}),
        ("library(dplyr)\nlibrary('readxl')", {"dplyr", "readxl"}),
        ("print('import this')", set()),
    ],
)
def test_imports_beyond_the_standard_library_are_packages(code, packages):
    assert needs(thread(person("go"), ran(code)), "package") == {f"package:{name}" for name in packages}


@pytest.mark.parametrize(
    ("command", "packages"),
    [
        ("pip install pyyaml==6.0 && python3 -c 'import yaml'", {"pyyaml"}),
        ("pip install python-dateutil && python3 -c 'import dateutil'", {"python-dateutil"}),
        ("pip install -q 'httpx[http2]>=0.27' rich", {"httpx", "rich"}),
        ("pip install -r requirements.txt", set()),
        ("uv pip install pikepdf", {"pikepdf"}),
        ("npm install --save-dev @types/node csv-parse@5", {"@types/node", "csv-parse"}),
        ("sudo apt-get install -y ffmpeg", set()),
        ('python3 -c "import polars as pl; print(1)"', {"polars"}),
        ("python -c 'from lxml import etree'", {"lxml"}),
        ("go get github.com/antchfx/htmlquery", {"github.com/antchfx/htmlquery"}),
        ("cat > job.py <<'PY'\nimport boto3\nPY\npython3 job.py", {"boto3"}),
    ],
)
def test_installed_packages_have_the_name_they_are_installed_by(command, packages):
    assert needs(thread(person("go"), ran(command, tool="shell", key="command")), "package") == {
        f"package:{name}" for name in packages
    }


@pytest.mark.parametrize(
    ("text", "packages"),
    [
        ("The script uses Pillow and openpyxl.", {"Pillow", "openpyxl"}),
        ("ohne neue Bibliotheken außer pyyaml", {"pyyaml"}),
        ("Only github.com/antchfx/htmlquery for the queries.", {"github.com/antchfx/htmlquery"}),
        ("It works without pandas, only the standard library.", set()),
        ("The requests of the customers, with a click of the rich uncle.", set()),
    ],
)
def test_packages_that_are_said_to_be_used_are_needed(text, packages):
    assert needs(thread(person("go"), agent(text)), "package") == {f"package:{name}" for name in packages}


def test_a_package_that_never_came_is_a_dead_end():
    said = thread(
        person("go"), ran("import tabula", "ModuleNotFoundError: No module named 'tabula'"), ran("import pdfplumber")
    )
    assert needs(said, "package") == {"package:pdfplumber"}


def test_the_agents_own_modules_are_no_packages():
    said = thread(
        person("go"),
        agent("", call("create_file", path="/work/cleaning.py", content="import pandas")),
        ran("import cleaning\ncleaning.run()"),
    )
    assert needs(said, "package") == {"package:pandas"}


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("os.environ['SHOP_KEY']", {"SHOP_KEY"}),
        ("os.getenv(\"REGION\", 'eu')", {"REGION"}),
        ("process.env.MAIL_TOKEN", {"MAIL_TOKEN"}),
        ("x = {'HOME': 1}", set()),
    ],
)
def test_variables_of_the_environment_in_code(code, names):
    assert needs(thread(person("go"), ran(code)), "env") == {f"env:{name}" for name in names}


def test_variables_in_commands_are_those_it_does_not_set_itself():
    command = 'OUT=/tmp/x; curl -H "X-Key: $PARTNER_KEY" https://a.test > $OUT; echo $HOME'
    assert needs(thread(person("go"), ran(command, tool="bash", key="command")), "env") == {"env:PARTNER_KEY"}


@pytest.mark.parametrize(
    "text",
    [
        "the token is in ERP_TOKEN",
        "Der Schlüssel liegt in ERP_TOKEN.",
        "la clave está en ERP_TOKEN",
        "utilise `ERP_TOKEN`",
    ],
)
def test_credentials_named_in_words(text):
    assert needs(thread(person(text)), "env") == {"env:ERP_TOKEN"}


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("take it from https://data.city.test/api/v1/air?x=1 please", {"data.city.test"}),
        ("ask api.parcels.test for the state", {"api.parcels.test"}),
        ("die Kurse stehen auf www.boerse.example.de", {"www.boerse.example.de"}),
        ("host ftp.supplier.test, folder /out", {"ftp.supplier.test"}),
        ("db is postgres://u:Fake-pw-77@db.clinic.test/main", {"db.clinic.test"}),
        ("mail it to anna@clinic.test", set()),
        ("fix main.py and README.md, version 2.10.3, e.g. this", set()),
        ("not from https://blog.rumours.test", set()),
        ("on http://localhost:8000 it works", set()),
    ],
)
def test_hosts_in_the_persons_words(text, hosts):
    assert needs(thread(person(text)), "api") == {f"api:{name}" for name in hosts}


def test_hosts_of_calls_count_when_they_worked():
    said = thread(
        person("find the tariff"),
        agent("", call("fetch", url="https://tariffs.rail.test/x", output="2nd class 19.90, see https://ads.test")),
        agent("", call("fetch", url="https://dead.rail.test", output="HTTP 404 Not Found")),
        agent("See https://docs.rail.test/guide for more."),
    )
    assert needs(said, "api") == {"api:tariffs.rail.test"}


def test_a_source_the_person_turns_down_is_dropped():
    said = thread(
        person("what do heat pumps cost"),
        agent("About 12,000.", call("fetch", url="https://bestforum.test/heat", output="12k")),
        person("a forum is no source. official figures please"),
        agent("", call("fetch", url="https://stat.agency.test/heat", output="14k")),
    )
    assert needs(said, "api") == {"api:stat.agency.test"}


def test_hosts_in_code_but_not_in_its_comments_or_in_prose():
    code = "# see https://docs.x.test\nr = get('https://api.x.test/v2')"
    said = thread(
        person("go"), ran(code), agent("", call("write_file", path="notes.md", content="[a](https://y.test/1)"))
    )
    assert needs(said, "api") == {"api:api.x.test"}


@pytest.mark.parametrize(
    ("code", "output", "files"),
    [
        ("pd.read_csv('/mnt/data/meters.csv')", "ok", {"meters.csv"}),
        ("open('rates.json').read(); open('out.json', 'w')", "ok", {"rates.json"}),
        ("pd.read_csv('wrong.csv')", "FileNotFoundError: [Errno 2] No such file or directory", set()),
        ("df.to_excel('report.xlsx'); plt.savefig('plot.png')", "ok", set()),
        ("df.to_csv('a.csv'); pd.read_csv('a.csv')", "ok", set()),
        ("await readFile('menu.yaml', 'utf8')", "ok", {"menu.yaml"}),
    ],
)
def test_files_that_code_opens_are_inputs_and_those_it_makes_are_not(code, output, files):
    assert needs(thread(person("go"), ran(code, output)), "file") == {f"file:{name}" for name in files}


@pytest.mark.parametrize(
    ("text", "files"),
    [
        ("the list is in members.csv", {"members.csv"}),
        ("nimm die Daten aus zaehler.xlsx", {"zaehler.xlsx"}),
        ("los datos están en ventas.csv", {"ventas.csv"}),
        ("les notes sont dans notes.docx", {"notes.docx"}),
        ("save it as result.csv", set()),
        ("schreib das Ergebnis nach ergebnis.csv", set()),
        ("name them like 2026-01_customer.pdf", set()),
    ],
)
def test_files_in_the_persons_words(text, files):
    assert needs(thread(person(text)), "file") == {f"file:{name}" for name in files}


def test_an_attachment_is_an_input_unless_it_is_a_sample_or_a_picture():
    assert needs(thread(person("sum it up", "costs.xlsx")), "file") == {"file:costs.xlsx"}
    assert needs(thread(person("each day a new one comes, here is an example", "day1.csv")), "file") == set()
    assert needs(thread(person("that is how it looks", "IMG_1.jpg")), "file") == set()
    assert needs(thread(person("ein Beispiel von gestern", "tag.csv"), ran("open('tag.csv')")), "file") == {
        "file:tag.csv"
    }


def test_the_next_file_of_the_same_kind_takes_the_place_of_the_first():
    said = thread(
        person("hours are in hours_2026_03.csv"),
        ran("pd.read_csv('hours_2026_03.csv')"),
        person("next month it's hours_2026_04.csv then"),
    )
    assert needs(said, "file") == {"file:hours_2026_04.csv"}


def test_tools_that_worked_are_needed_and_the_others_are_not():
    said = thread(
        person("watch the page"),
        agent(
            "",
            call("fetch_page", url="https://a.test"),
            call("browser_open", output="Error: timeout", url="https://a.test"),
        ),
        agent("", call("bash", command="ls -la && sleep 5"), call("todo_write", items="x"), call("complete")),
        agent("", call("create_file", path="template.md", content="# T"), call("compare_pages", old="1", new="2")),
    )
    assert needs(said, "tool") == {"tool:fetch_page", "tool:compare_pages"}


def test_a_file_the_person_named_is_edited_by_a_tool_the_run_needs():
    said = thread(
        person("keep STATUS.md current"),
        agent("", call("edit_file", path="STATUS.md", new_str="ok"), call("bash", command="git log")),
    )
    assert needs(said) == {"file:STATUS.md", "tool:edit_file", "tool:bash"}


def test_a_tool_that_changes_a_file_the_agent_did_not_make_is_needed():
    change = call("str_replace", path="plan.py", old_str="a", new_str="b")
    ran_it = call("bash", command="python3 plan.py")
    assert needs(thread(person("mend it"), agent("", change, ran_it)), "tool") == {"tool:bash", "tool:str_replace"}
    made = call("create_file", path="plan.py", file_text="a")
    assert needs(thread(person("write it"), agent("", made, change, ran_it)), "tool") == {"tool:bash"}


def test_a_file_that_shows_how_others_are_called_and_one_that_is_wanted_are_no_inputs():
    said = person("the scans are in IMG_0042.tif and so on. Write a text as file board.txt")
    assert needs(thread(said, ran("python3 board.py --text board.txt", tool="shell", key="command")), "file") == set()


def test_a_vocabulary_is_no_host():
    code = 'root = "<rss xmlns:media=\\"https://media.test/1.0\\">"\nget("https://feed.test/a")'
    assert needs(thread(person("go"), ran(code)), "api") == {"api:feed.test"}


def test_evidence_hides_secrets():
    said = thread(
        person("use https://api.x.test with token tk-Fake00998877aa"),
        agent("", call("fetch", url="https://api.x.test?token=tk-Fake00998877aa")),
    )
    assert "Fake0099" not in repr(dependencies.stage(said, Analysis()))
