"""Programs with tokens of Ada, who owns Northgate, of Ben, who edits there, and of Cid, a stranger."""

from dataclasses import dataclass
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.services import tokens
from tests.web.conftest import ada, ben, cid, northgate, put_in

__all__ = ["ada", "ben", "cid", "northgate", "put_in"]

ALL = ("read", "run", "write", "admin")
HTTP = {"name": "Probe", "engine": "http", "settings": {"url": "http://127.0.0.1:9/"}}


@dataclass
class Program:
    """A client that sends its token, and JSON."""

    client: FlaskClient
    token: str

    def ask(self, method, path, json=None, **headers):
        sent = {"Authorization": f"Bearer {self.token}"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.open(f"/api/v1{path}", method=method, json=json, headers=sent)

    def get(self, path, **headers):
        return self.ask("GET", path, **headers)

    def post(self, path, json=None, **headers):
        return self.ask("POST", path, json, **headers)

    def put(self, path, json=None):
        return self.ask("PUT", path, json)

    def patch(self, path, json=None):
        return self.ask("PATCH", path, json)

    def delete(self, path):
        return self.ask("DELETE", path)

    def make(self, path, json, **headers) -> Any:
        answer = self.post(path, json, **headers)
        assert answer.status_code == 201, answer.text
        return answer.json


def program(app, visit, slug, scopes=ALL, days=30):
    """A program of somebody in a team."""
    with app.app_context():
        token, _ = tokens.create(visit.actor(app, slug), "Tests", scopes, days)
    return Program(app.test_client(), token)


@pytest.fixture
def ada_program(app, ada, northgate):
    return program(app, ada, northgate)


@pytest.fixture
def own_program(app, ada):
    """A program of Ada's own space."""
    return program(app, ada, ada.slug)


@pytest.fixture
def ben_program(app, ben, northgate):
    return program(app, ben, northgate, ("read", "run", "write"))


@pytest.fixture
def cid_program(app, cid):
    return program(app, cid, cid.slug)


@pytest.fixture
def task(ada_program):
    """The slug of a task of Northgate."""
    return ada_program.make("/tasks", HTTP)["slug"]
