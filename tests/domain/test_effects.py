"""What a task would do to the outside once more."""

import pytest

from app.domain.effects import repeated

ASK = {"url": "https://u:p@api.example.com/x", "method": "GET"}
SEND = ASK | {"method": "POST"}


def task(engine, settings, **policy):
    return {"engine": engine, "settings": settings, "policy": policy}


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        (task("http", ASK), []),
        (task("http", SEND), ["Sends POST to api.example.com again"]),
        (task("python", {}), []),
        (task("python", {}, is_idempotent=False), ["Runs again, and is not marked as safe to run twice"]),
        (task("agent", {"tools": ["http_get", "read_file"]}), []),
        (
            task("agent", {"tools": ["http_get", "python", "shell"]}),
            ["Its agent may use Python and shell commands again"],
        ),
        (task("plugin", {}, is_idempotent=False), ["Runs again, and is not marked as safe to run twice"]),
    ],
)
def test_of_a_task_of_one_engine(definition, expected):
    assert repeated(definition) == expected


STEPS = {
    "engine": "steps",
    "settings": {},
    "steps": [
        {"name": "Fetch", "engine": "http", "settings": ASK},
        {"name": "Chart", "engine": "agent", "settings": {"tools": ["python"]}},
        {"name": "Send", "engine": "http", "settings": SEND},
    ],
}
CHART, SENT = "Chart: its agent may use Python again", "Send: sends POST to api.example.com again"


@pytest.mark.parametrize(
    ("after", "expected"),
    [("", [CHART, SENT]), ("Fetch", [CHART, SENT]), ("Chart · Turn 3", [CHART, SENT]), ("Chart", [SENT]), ("Send", []),
     ("gone", [CHART, SENT])],
)  # fmt: skip
def test_of_steps_only_what_comes_behind_the_one_that_is_kept(after, expected):
    assert repeated(STEPS, after) == expected
