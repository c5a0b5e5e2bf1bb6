"""The tools of agents: only what the task allows, only inside the workspace, and no secret for the model."""

import os
from pathlib import Path

import pytest

from app.engines.agent_tools import LONGEST_RESULT
from app.infra import fetch, sandbox
from app.settings import Settings
from tests.agents import choice, lines, request, work
from tests.llm_server import Says, llm_server
from tests.servers import web_server

DONE = Says("It is done.\n")


@pytest.fixture(autouse=True)
def _loopback_is_allowed(tmp_path):
    fetch.configure(Settings(data_dir=tmp_path, allow_hosts=("127.0.0.1", "localhost")))
    yield
    fetch.configure(Settings(data_dir=tmp_path))


@pytest.fixture(scope="module")
def _sandbox(tmp_path_factory):
    found = sandbox.start(Settings(data_dir=tmp_path_factory.mktemp("data")))
    assert found["level"]
    yield
    sandbox.stop()


def tools(*names, **more):
    return {"prompt": "Do it.", "tools": list(names), **more}


def used(folder, given, *calls, **more):
    """Let a model make these calls one after the other; returns what it was told, and what was shown."""
    with llm_server(*[Says("", (call,)) for call in calls], DONE) as server:
        ran = work(request(folder, choice(server), given, **more))
        assert ran.outcome.state == "succeeded", ran.outcome
        return server.asked[-1].results, ran


def test_what_is_not_allowed_is_not_offered_and_refused_if_called(tmp_path):
    with llm_server(Says("", (("shell", {"script": "touch x"}),)), Says("", (("fly", {}),)), DONE) as server:
        ran = work(request(tmp_path, choice(server), {"tools": ["read_file"]}))
        assert server.asked[0].tools == ("read_file", "list_files")
        assert server.asked[-1].results == (
            "The tool shell is not allowed in this task. Go on without it.",
            "There is no tool named fly. Go on without it.",
        )
    assert ran.outcome.state == "succeeded"
    assert [line for line in lines(ran, "warn") if "not allowed" in line]


def test_arguments_that_make_no_sense_are_told(tmp_path):
    calls = (("read_file", "{nope"), ("read_file", {}), ("read_file", '["a"]'))
    told, _ = used(tmp_path, tools("read_file"), *calls)
    assert "not a JSON object" in told[0]
    assert told[1] == "The arguments of read_file are wrong: path: Field required."
    assert "not a JSON object" in told[2]


def test_files_are_written_listed_read_and_kept(tmp_path):
    told, ran = used(
        tmp_path,
        tools("write_file", "read_file"),
        ("write_file", {"path": "out/a[1].txt", "text": "Überall"}),
        ("write_file", {"path": "./b.txt", "text": "b"}),
        ("list_files", {}),
        ("read_file", {"path": "out/a[1].txt"}),
    )
    assert told[0] == "Wrote 8 bytes to out/a[1].txt."
    assert told[2] == "b.txt (1)\nout/a[1].txt (8)"
    assert told[3] == "Überall"
    assert {name: content for name, content in ran.artifacts.items() if name != "answer.md"} == {
        "b.txt": b"b",
        "out/a[1].txt": "Überall".encode(),
    }


@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", "a/../../secret", "", "."])
def test_nothing_outside_the_workspace_is_read_or_written(path, tmp_path):
    (tmp_path / "secret").write_text("hidden")
    told, _ = used(
        tmp_path,
        tools("write_file", "read_file"),
        ("read_file", {"path": path}),
        ("write_file", {"path": path, "text": "overwritten"}),
    )
    assert all("not in the workspace" in one for one in told)
    assert (tmp_path / "secret").read_text() == "hidden"


def test_links_are_not_followed(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("hidden")
    room = tmp_path / "run-1"
    room.mkdir()
    (room / "file").symlink_to(outside / "secret")
    (room / "folder").symlink_to(outside)
    os.link(outside / "secret", room / "second")
    os.mkfifo(room / "pipe")
    told, _ = used(
        tmp_path,
        tools("write_file", "read_file"),
        ("read_file", {"path": "file"}),
        ("read_file", {"path": "folder/secret"}),
        ("read_file", {"path": "second"}),
        ("read_file", {"path": "pipe"}),
        ("write_file", {"path": "folder/new", "text": "x"}),
        ("write_file", {"path": "file", "text": "mine"}),
    )
    assert not any("hidden" in one for one in told)
    assert [path.name for path in outside.iterdir()] == ["secret"]
    assert (outside / "secret").read_text() == "hidden"


def test_what_is_too_large_or_no_text_is_said(tmp_path):
    room = tmp_path / "run-1"
    room.mkdir()
    (room / "long.txt").write_text("a" * 500_000)
    (room / "image").write_bytes(b"\x89PNG\0\0")
    calls = (("read_file", {"path": "long.txt"}), ("read_file", {"path": "image"}))
    told, _ = used(tmp_path, tools("read_file"), *calls)
    assert len(told[0]) < LONGEST_RESULT + 100
    assert told[0].endswith("[The first 160000 of 500000 bytes.]")
    assert told[1] == "image is no text: 6 bytes."


def test_pages_are_read_and_their_failures_told(tmp_path):
    with web_server() as web:
        told, ran = used(
            tmp_path,
            tools("http_get"),
            ("http_get", {"url": f"{web.url}/text?body=Hello"}),
            ("http_get", {"url": f"{web.url}/status/503"}),
            ("http_get", {"url": f"{web.url}/redirect/302?to={web.url}/text?body=Moved"}),
            ("http_get", {"url": "ftp://example.com"}),
            ("http_get", {"url": "http://169.254.169.254/latest"}),
        )
    assert told[0] == "200 OK, text/plain, 5 bytes\n\nHello"
    assert told[1].startswith("503 Service Unavailable")
    assert told[2].endswith("Moved")
    assert told[3].startswith("Type an address")
    assert "inner address" in told[4]
    assert f"→ http_get {web.url}/text?body=Hello" in lines(ran)


def test_only_hosts_of_the_task_are_asked_redirects_included(tmp_path):
    with web_server() as web:
        elsewhere = web.url.replace("127.0.0.1", "localhost")
        told, _ = used(
            tmp_path,
            tools("http_get", allowed_hosts=["127.0.0.1", "*.example.com"]),
            ("http_get", {"url": elsewhere}),
            ("http_get", {"url": f"{web.url}/redirect/302?to={elsewhere}/text?body=Moved"}),
            ("http_get", {"url": web.url}),
        )
    assert told[0] == "This task may not ask localhost. Allowed are: 127.0.0.1, *.example.com."
    assert told[1] == told[0]
    assert told[2].endswith("Hello")


@pytest.mark.sandbox
@pytest.mark.usefixtures("_sandbox")
def test_programs_run_in_the_sandbox_and_the_model_never_sees_a_secret(tmp_path):
    told, ran = used(
        tmp_path,
        tools("shell", "python", "read_file", secrets=["TOKEN"]),
        ("shell", {"script": 'echo "$TOKEN" | tee token.txt; mkdir -p artifacts; echo 1 > artifacts/one.txt; exit 3'}),
        ("python", {"code": "import os; print(6 * 7, os.environ['TOKEN'][::-1]); print(open('token.txt').read())"}),
        ("read_file", {"path": "token.txt"}),
        secrets={"TOKEN": "very-secret-value"},
        min_isolation=1,
    )
    assert told[0] == "•••\n[exit code 3]"
    assert told[1].startswith("42 ")
    assert not any("very-secret-value" in one for one in told)
    assert not any("very-secret" in line for line in lines(ran) if line.startswith("←"))
    assert ran.isolation.level >= 1
    assert ran.artifacts["one.txt"] == b"1\n"
    assert not Path("/tmp/token.txt").exists()


def test_half_a_secret_at_the_end_of_a_cut_text_is_not_shown(tmp_path):
    secret = "s3cr3t-of-the-bell"
    room = tmp_path / "run-1"
    room.mkdir()
    (room / "long.txt").write_text("a" * (160_000 - 8) + secret * 3)
    told, _ = used(tmp_path, tools("read_file"), ("read_file", {"path": "long.txt"}), secrets={"KEY": secret})
    assert "a\n[The first 160000 of" in told[0]
    assert "s3cr3t" not in told[0]


@pytest.mark.sandbox
@pytest.mark.usefixtures("_sandbox")
def test_programs_have_no_network_unless_the_task_allows_it(tmp_path):
    with web_server() as web:
        script = f"exec 3<>/dev/tcp/127.0.0.1/{web.port} && echo reached"
        refused, _ = used(tmp_path, tools("shell"), ("shell", {"script": script}), min_isolation=1)
        allowed, _ = used(
            tmp_path, tools("shell", network=True), ("shell", {"script": script}), min_isolation=1, number=2
        )
    assert "reached" not in refused[0]
    assert allowed[0].startswith("reached")


@pytest.mark.sandbox
@pytest.mark.usefixtures("_sandbox")
def test_what_a_program_wrote_can_be_read_and_changed_by_the_other_tools(tmp_path):
    told, _ = used(
        tmp_path,
        tools("shell", "read_file", "write_file"),
        ("shell", {"script": "mkdir d; echo one > d/a.txt"}),
        ("write_file", {"path": "d/b.txt", "text": "two"}),
        ("shell", {"script": "cat d/a.txt d/b.txt; echo three >> d/b.txt"}),
        ("read_file", {"path": "d/b.txt"}),
        min_isolation=1,
    )
    assert told[2] == "one\ntwo\n[exit code 0]"
    assert told[3] == "twothree\n"


def test_without_a_sandbox_a_task_with_programs_does_not_run(tmp_path, monkeypatch):
    monkeypatch.setattr(sandbox, "can_run", lambda: False)
    with llm_server(DONE) as server:
        ran = work(request(tmp_path, choice(server), {"tools": ["shell"]}))
        assert server.asked == []
    assert (ran.outcome.state, ran.outcome.reason) == ("blocked", "no_isolation")
