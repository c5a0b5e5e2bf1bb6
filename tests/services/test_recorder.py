"""What an engine shows is gathered without secrets, in numbered batches, and steps that stay open are closed."""

import base64

import pytest

from app.core.clock import utc_now
from app.domain.redaction import Redactor
from app.engines.base import IsolationChosen, LogWritten, Outcome, StepEnded, StepStarted
from app.services.execution.claims import Claim
from app.services.execution.recorder import BATCH_BYTES, Recorder

SECRET = "s3cr3t-of-the-bell"


@pytest.fixture
def news():
    return []


@pytest.fixture
def recorder(news):
    held = Claim(1, 1, 1, 1, 1, 1, "io", utc_now(), utc_now(), lines=7)
    return Recorder(held, Redactor([SECRET]), news.append)


def shown(recorder):
    return [line[2] for batch in recorder.take()[1] for line in batch.lines]


def test_secrets_are_hidden_in_clear_and_in_base64(recorder):
    recorder.emit(LogWritten(f"token={SECRET}"))
    recorder.emit(LogWritten(base64.b64encode(f"user:{SECRET}".encode()).decode()))
    text = " ".join(shown(recorder))
    assert SECRET not in text
    assert base64.b64encode(SECRET.encode()).decode()[4:12] not in text
    assert text.startswith("token=•••")


def test_a_secret_cut_by_a_long_line_is_hidden_too(recorder):
    for at in range(1, len(SECRET)):
        recorder.emit(LogWritten("x" * 10 + SECRET[:at], is_cut=True))
        recorder.emit(LogWritten("in between", "warn"))
        recorder.emit(LogWritten(SECRET[at:] + " end"))
        lines = shown(recorder)
        assert "".join(lines).replace("in between", "") == "x" * 10 + "••• end", at


def test_lines_go_on_from_the_attempt_before_and_come_in_pieces(recorder):
    for _ in range(5):
        recorder.emit(LogWritten("y" * (BATCH_BYTES // 2 - 1)))
    _, batches = recorder.take()
    assert [batch.first for batch in batches] == [8, 10, 12]
    assert sum(len(batch.lines) for batch in batches) == 5
    assert recorder.take() == ([], [])


def test_who_stores_is_told_once_until_it_has_taken(recorder, news):
    recorder.emit(LogWritten("one"))
    recorder.emit(LogWritten("two"))
    assert len(news) == 1
    recorder.take()
    recorder.emit(LogWritten("three"))
    assert len(news) == 2


def test_steps_begin_end_and_are_closed_when_the_attempt_ends_within(recorder):
    recorder.emit(StepStarted("prepare"))
    recorder.emit(StepEnded("prepare", detail=f"used {SECRET}"))
    recorder.emit(StepStarted("run"))
    recorder.close_steps("timed_out")
    steps, _ = recorder.take()
    assert [(step.name, step.state, step.detail) for step in steps] == [
        ("prepare", "succeeded", "used •••"),
        ("run", "timed_out", ""),
    ]
    assert all(step.ended_at for step in steps)


def test_how_code_is_confined_is_kept(recorder):
    recorder.emit(IsolationChosen(2, {"net": "own"}))
    assert recorder.isolation == {"level": 2, "controls": {"net": "own"}}


def test_the_sentence_and_the_facts_of_the_outcome_hide_secrets_too(recorder):
    outcome = recorder.hide(Outcome("failed", "exit_code", f"Last line: {SECRET}", facts={"last": SECRET, "code": 3}))
    assert outcome.sentence == "Last line: •••"
    assert outcome.facts == {"last": "•••", "code": 3}
