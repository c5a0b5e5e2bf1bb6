"""The stages together: what each finds is there, and one that breaks stops no other."""

from app.analysis import pipeline, requires
from app.domain.thread import Message, Thread

TALK = Thread("markdown", (Message("user", "Every day at 7 check https://shop.example/ and tell me when it is down."),))


def test_each_part_of_the_summary_is_there():
    found = pipeline.summary(TALK, pipeline.analyse(TALK))
    assert found["problems"] == {}
    assert found["schedule"] == {"kind": "cron", "cron": "0 7 * * *", "timezone": None}
    assert found["intent"] == "monitoring"
    assert {"kind": "api", "name": "shop.example"} in found["dependencies"]
    assert found["requires"]["network"] is True


def test_a_stage_that_breaks_is_named_and_the_others_are_read(monkeypatch):
    def broken(thread, sofar):
        raise ZeroDivisionError("words of the conversation")

    monkeypatch.setattr(requires, "stage", broken)
    found = pipeline.summary(TALK, pipeline.analyse(TALK))
    assert found["problems"] == {"requires": "This part could not be read (ZeroDivisionError)."}
    assert (found["requires"], found["intent"]) == (None, "monitoring")


def test_a_thread_without_a_wish_has_no_schedule():
    found = pipeline.summary(thanks := Thread("markdown", (Message("user", "Thanks!"),)), pipeline.analyse(thanks))
    assert found["schedule"] == {"kind": "none", "timezone": None}


def test_nothing_shows_a_secret_whole():
    key = "ghp_" + "a8Kd93LmQz71BvXc62Rt0YpWn45HsJ"
    said = f"Every day at 7 run the script for {key} and write {key}.csv"
    thread = Thread("chatgpt", (Message("user", said),), title=f"Token {key}")
    found = pipeline.analyse(thread)
    assert key not in str(found)
    assert key not in str(pipeline.summary(thread, found))


def test_where_secrets_cannot_be_told_apart_nothing_is_shown(monkeypatch):
    def broken(thread):
        raise ZeroDivisionError

    monkeypatch.setattr(pipeline.secrets, "scan", broken)
    assert pipeline.analyse(TALK).findings == ()
    assert "secrets" in pipeline.summary(TALK, pipeline.analyse(TALK))["problems"]
