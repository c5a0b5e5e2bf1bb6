"""The objective is a sentence of the person's own words, with its rules and when it should run."""

from app.analysis import objective, schedule, variables
from app.analysis.base import Analysis
from app.domain.thread import Message, Thread


def found(*said: str) -> str:
    """Return the objective of what the person said, schedule and variables read before."""
    thread = Thread("claude", tuple(Message("user", text) for text in said))
    sofar = Analysis()
    for stage in (schedule.stage, variables.stage):
        sofar = Analysis((*sofar.findings, *stage(thread, sofar)))
    findings = objective.stage(thread, sofar)
    return str(findings[0].value) if findings else ""


def test_the_request_stands_first_without_politeness() -> None:
    assert found("Hi, can you please write a newsletter about bees? Thanks!") == "Write a newsletter about bees."


def test_later_rules_and_the_time_are_told() -> None:
    text = found(
        "Please summarise the open tickets.",
        "great",
        "max 10 lines, always sorted by age",
        "every Monday at 9:00 please",
    )
    assert text.startswith("Summarise the open tickets; ")
    assert "max 10 lines, always sorted by age" in text
    assert "every Monday at 9:00" in text


def test_it_is_in_the_language_of_the_person() -> None:
    text = found("Kannst du mir bitte den Dienstplan erstellen?", "jeden Freitag um 10 Uhr bitte")
    assert text.startswith("Den Dienstplan erstellen")
    assert "jeden Freitag um 10" in text


def test_questions_on_the_way_are_no_part_of_it() -> None:
    assert "why" not in found("Compare the prices of the shops.", "why is it so low?").lower()


def test_a_secret_is_never_repeated() -> None:
    assert "Vault" not in found("Upload the list, the password is Gr4pe-Vault-77! ok?")


def test_nothing_said_is_no_objective() -> None:
    assert found() == ""
