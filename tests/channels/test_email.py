"""What the button of a letter says fits where it leads, whatever the team is called."""

from datetime import UTC, datetime

import pytest

from app.channels.base import Message
from app.channels.email import Letter

HOME = "https://carillon.example"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/t/a/insights?from=2026-11-21", "Open Insights"),
        ("/t/a/runs/1", "See the run"),
        ("/t/runs/tasks/x", "See the task"),
        ("/t/northgate/incidents/3", "See what happened"),
        ("/t/alerts/settings/channels", "See the channels"),
        ("/me/channels", "See the channels"),
        ("/t/a/alerts", "See the alerts"),
        ("/a/x7Yk", "Confirm the address"),
        ("/system", "Open Carillon"),
    ],
)
def test_the_button_says_where_it_leads(path, words):
    message = Message("1", "failing", "It failed.", "A", HOME + path, datetime(2026, 11, 29, tzinfo=UTC))
    assert Letter(message, HOME).leads_to == words
