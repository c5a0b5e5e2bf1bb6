"""The API as a document and as a page, and that the documentation has every operation."""

import re

import pytest
import sqlalchemy as sa

from app.api.openapi import document, operations
from app.api.problems import TITLES
from app.services import tokens
from app.services.tasks import overviews
from tests.api.conftest import HTTP
from tests.house.source import document as text_of


def test_the_document_is_open_and_of_version_3_1(client):
    answer = client.get("/api/v1/openapi.json")
    assert answer.status_code == 200
    assert answer.json["openapi"].startswith("3.1")
    assert answer.json["components"]["securitySchemes"]["token"]["scheme"] == "bearer"


def test_each_operation_has_a_name_of_its_own_a_summary_and_its_scope():
    found = [operation for _, _, operation in operations(document())]
    names = [operation["operationId"] for operation in found]
    assert len(set(names)) == len(names)
    assert all(operation["summary"] and operation["security"] for operation in found)


def test_every_schema_that_is_named_is_there():
    named = set(re.findall(r"#/components/schemas/([\w.-]+)", str(document())))
    assert named <= set(document()["components"]["schemas"])


def test_every_body_with_required_fields_has_an_example():
    lacking = [
        operation["operationId"]
        for _, _, operation in operations(document())
        for kind, sent in operation.get("requestBody", {}).get("content", {}).items()
        if kind == "application/json" and operation["requestBody"]["required"] and "example" not in sent
    ]
    assert lacking == []


def test_the_documentation_has_every_operation_with_its_scope():
    documented = re.findall(r"^\| `(\w+ /[^`]*)` \| (\w+) \|", text_of("docs/api.md"), re.MULTILINE)
    found = [
        (f"{method} {path.removeprefix('/api/v1')}", operation["security"][0]["token"][0])
        for method, path, operation in operations(document())
    ]
    assert sorted(documented) == sorted(found)


def test_the_page_is_open_and_has_every_operation_with_a_call(client):
    page = client.get("/api/docs").text
    assert all(f'id="{operation["operationId"]}"' in page for _, _, operation in operations(document()))
    assert all(f'id="problem-{status}"' in page for status in TITLES)
    assert "Idempotency-Key: $(uuidgen)" in page


@pytest.mark.parametrize(
    ("method", "path", "body", "kind", "status"),
    [
        ("GET", "/api/v1/nothing", None, None, 404),
        ("GET", "/api/v1/", None, None, 404),
        ("PUT", "/api/v1/tasks", b"{}", "application/json", 405),
        ("POST", "/api/v1/tasks", b"name=x", "application/x-www-form-urlencoded", 415),
        ("POST", "/api/v1/tasks", b"{", "application/json", 400),
        ("POST", "/api/v1/tasks", b"\xff", "application/json", 400),
        ("POST", "/api/v1/tasks", b"[]", "application/json", 422),
        ("POST", "/api/v1/tasks", b"", None, 422),
        ("GET", "/api/v1/tasks?limit=0", None, None, 422),
        ("GET", "/api/v1/tasks?limti=5", None, None, 422),
        ("GET", "/api/v1/tasks?cursor=!!!", None, None, 422),
        ("GET", f"/api/v1/runs/{10**30}", None, None, 400),
        ("POST", "/api/v1/tasks/x/files", b"{}", "application/json", 415),
    ],
)
def test_everything_that_is_wrong_is_a_problem(ada_program, method, path, body, kind, status):
    headers = {"Authorization": f"Bearer {ada_program.token}"}
    answer = ada_program.client.open(path, method=method, data=body, content_type=kind, headers=headers)
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json"), answer.text
    assert answer.json["status"] == status
    assert answer.json["type"] == f"/api/docs#problem-{status}"
    assert answer.json["title"] == TITLES[status]
    assert answer.json["detail"]


def test_what_is_too_large_is_a_problem(app, ada_program):
    app.config["MAX_CONTENT_LENGTH"] = 1000
    answer = ada_program.post("/tasks", HTTP | {"name": "x" * 2000})
    assert (answer.status_code, answer.json["title"]) == (413, TITLES[413])


def test_the_database_being_away_is_said_with_when_to_come_back(ada_program, monkeypatch):
    def away(*_):
        raise sa.exc.OperationalError("SELECT 1", {}, Exception("no connection"))

    monkeypatch.setattr(tokens, "who", away)
    answer = ada_program.get("/tasks")
    assert (answer.status_code, answer.mimetype) == (503, "application/problem+json")
    assert (answer.headers["Retry-After"], "no connection" in answer.text) == ("5", False)


def test_a_bug_is_told_with_a_reference_and_nothing_of_itself(ada_program, monkeypatch):
    def broken(*_):
        raise RuntimeError("a detail of ours")

    monkeypatch.setattr(overviews, "lines", broken)
    answer = ada_program.get("/tasks")
    assert (answer.status_code, len(answer.json["reference"])) == (500, 8)
    assert "a detail of ours" not in answer.text


def test_pages_still_answer_as_pages(client):
    assert client.get("/nothing").mimetype == "text/html"
    assert client.get("/api/nothing").mimetype == "text/html"
