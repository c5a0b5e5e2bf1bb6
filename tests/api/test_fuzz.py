"""Schemathesis against the API: whatever is sent, nothing breaks, and what comes back is as the document says."""

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from app.api.openapi import document, operations
from app.infra import database
from tests.api.conftest import HTTP, Program
from tests.api.test_calendar_feeds import FILE

pytestmark = pytest.mark.slow

CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance,
    unsupported_method,
]  # fmt: skip
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "10"))
"""So many requests to each operation; more of them find more."""

THERE = {
    "slug": "probe",
    "number": 1,
    "position": 0,
    "name": "API_KEY",
    "member_id": 1,
    "token_id": 1,
    "invitation_id": 1,
    "country": "DE",
    "backfill_id": 1,
    "import_id": 1,
    "thread_id": 1,
    "finding_id": 1,
    "listing_id": 1,
    "report_id": 1,
    "question": "failures",
    "request_id": 1,
    "step": "send",
    "calendar_id": 1,
    "scope": "team",
    "suggestion_id": 1,
    "webhook_id": 1,
    "delivery_id": 1,
    "hook_id": 1,
    "call_id": 1,
    "incident_id": 1,
    "alert_id": 1,
    "channel_id": 1,
    "wall_id": 1,
    "rule_id": 1,
    "notification_id": 1,
}
"""What is there, for the parameters of addresses; half of the requests ask for it."""

ENDS_THE_TOKEN = "revoke_me"
NAMES = [one["operationId"] for _, _, one in operations(document()) if one["operationId"] != ENDS_THE_TOKEN]


_kept = {}
"""The programs' tokens by whose they are, and what lies where, once there is something of each kind."""


@pytest.fixture
def programs(app, request, settings, in_memory):
    """Programs of Ada: of her team, which has something of each kind, and of her own space.

    That is made by the first test and copied by the others, for it takes longer than most of them.
    """
    database_file = Path(settings.database_url.removeprefix("sqlite:///"))
    places = {database_file: in_memory / "fuzz.db", settings.data_dir: in_memory / "fuzz"}
    if not _kept:
        team, own = (request.getfixturevalue(name) for name in ("ada_program", "own_program"))
        fill(team, own, request.getfixturevalue("task"))
        _leave(app, database_file)
        for place, kept in places.items():
            _copy(place, kept)
        _kept.update(team=team.token, own=own.token)
    else:
        _leave(app, database_file)
        for place, kept in places.items():
            _copy(kept, place)
    return {whose: Program(app.test_client(), token) for whose, token in _kept.items()}


def _leave(app, database_file):
    """Close the database, all of it in its file."""
    with app.app_context():
        database.dispose()
    with closing(sqlite3.connect(database_file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _copy(place, to):
    if place.is_dir():
        shutil.copytree(place, to, dirs_exist_ok=True, ignore=shutil.ignore_patterns("carillon.db*"))
    else:
        shutil.copyfile(place, to)


def fill(ada_program, own_program, task):
    """Make something of each kind, so that not all is a 404."""
    ada_program.make("/tasks", HTTP | {"name": "Other"})
    ada_program.make("/runs", {"task": task})
    ada_program.post("/runs/1/problems", {"note": "Nothing came."})
    ada_program.put("/secrets/API_KEY", {"value": "a quiet value"})
    ada_program.make("/invitations", {"role": "viewer"})
    ada_program.make("/imports", {"text": "You: Plan my week\n\nChatGPT: Here it is."})
    about = {"name": "Probe", "category": "Watch", "sentence": "Asks."}
    ada_program.make("/tasks/probe/template", about)
    seen = ada_program.get("/templates/probe/publication").json["seen"]
    ada_program.post("/templates/probe/publication", {"visibility": "public", "publisher": "N", "seen": seen})
    ada_program.post("/shared-templates/1/reports", {"reason": "None."})
    ada_program.make("/calendars", {"name": "Probe", "kind": "blackout", "weekly": ["Sun"]})
    own_program.make("/busy-calendars", {"content": FILE})
    ada_program.put("/calendar-feeds/team")
    ada_program.make("/webhooks", {"name": "Probe", "url": "http://127.0.0.1:9/", "events": ["failed"]})
    ada_program.post("/webhooks/1/test")
    ada_program.make("/walls", {"name": "Kitchen"})
    ada_program.put("/tasks/probe/badge")
    ada_program.make("/alert-rules", {"name": "Nights", "events": ["failed"], "tell": ["owner"]})
    ada_program.make("/channels", {"kind": "webhook", "address": {"url": "http://127.0.0.1:9/"}})
    hook = ada_program.make("/tasks/probe/hooks", {"name": "Probe"})
    ada_program.client.post("/hooks/" + hook["url"].rpartition("/")[2], json={})


_schemas = []
"""The document, and the constants in our code that are tried as values: read once a process."""


def schema_of(app):
    if not _schemas:
        schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app)
        next(iter(schema.get_all_operations())).ok().as_strategy()  # looks for constants; all share what it finds
        _schemas.append(schema)
    return _schemas[0]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_breaks(app, programs, name):
    [operation] = [found.ok() for found in schema_of(app).include(operation_id=name).get_all_operations()]
    operation.app = app
    asks = programs["own" if "busy_calendar" in name or "wishes" in name else "team"]
    headers = {"Authorization": f"Bearer {asks.token}"}

    @seed(7)
    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy(), is_there=st.booleans())
    def ask(case, is_there):
        if is_there:
            case.path_parameters = {name: THERE[name] for name in case.path_parameters or ()}
        case.call_and_validate(headers=headers, checks=CHECKS)

    ask()
