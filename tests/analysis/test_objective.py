"""The objective is a sentence of the person's own words, with its rules, as they hold at last."""

import pytest

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


def test_later_rules_are_told_and_the_time_is_not() -> None:
    text = found(
        "Please summarise the open tickets.",
        "great",
        "max 10 lines, always sorted by age",
        "every Monday at 9:00 please",
    )
    assert text == "Summarise the open tickets; max 10 lines, always sorted by age."


def test_it_is_in_the_language_of_the_person() -> None:
    text = found("Kannst du mir bitte den Dienstplan erstellen?", "jeden Freitag um 10 Uhr bitte")
    assert text == "Den Dienstplan erstellen."


def test_questions_on_the_way_are_no_part_of_it() -> None:
    assert "why" not in found("Compare the prices of the shops.", "why is it so low?").lower()


def test_a_secret_is_never_repeated() -> None:
    assert "Vault" not in found("Upload the list, the password is Gr4pe-Vault-77! ok?")


def test_nothing_said_is_no_objective() -> None:
    assert found() == ""


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (
            (
                "Every Friday at 5pm list the stores that have less than 10 kg of coffee left in low_stock.csv.",
                "Sorry, I changed my mind: make the limit 15 kg, and not Fridays but every Monday at 8:00, Berlin time.",
            ),
            "List the stores that have less than 15 kg of coffee left in low_stock.csv.",
        ),
        (
            (
                "Bitte jeden Freitag um 16 Uhr alle Aufträge über 500 € an chef@norra.example melden.",
                "Nein, lieber am Donnerstag um 15:30.",
                "Setz die Grenze lieber auf 750 €, und zwar an post@norra.example statt an den Chef.",
            ),
            "Alle Aufträge über 750 € an post@norra.example melden.",
        ),
        (
            (
                "Chaque lundi à 9h, envoie les 10 meilleurs articles en moins de 200 mots.",
                "Désolé, j'ai changé d'avis : plutôt 20 articles, et le mardi à 8h30.",
            ),
            "Envoie les 20 meilleurs articles en moins de 200 mots.",
        ),
        (
            (
                "Cada viernes a las 17:00 avísame si el stock baja de 30 unidades.",
                "Perdón, mejor 50 unidades y los lunes a las 8.",
            ),
            "Avísame si el stock baja de 50 unidades.",
        ),
        (("Send the list to ann@a.example, no wait, to bob@a.example every day at 7.",), "Send the list to bob@a.example."),
    ],
)  # fmt: skip
def test_what_was_taken_back_is_no_part_of_it(said: tuple[str, ...], text: str) -> None:
    assert found(*said) == text


def test_what_is_added_or_unclear_stays_as_it_was_said() -> None:
    text = found("List the bags of 10 kg and those of 25 kg.", "Please also keep the ones of 40 kg.")
    assert text == "List the bags of 10 kg and those of 25 kg; keep the ones of 40 kg."
    assert "9%" in found("Flag what is down by 8%.", "Sorry, the other report must say 9%, always in bold red letters.")


def test_times_that_belong_to_what_is_done_stay() -> None:
    text = found("Summarise the daily sales of the last 7 days, every Monday at 9:00, for the boss of today.")
    assert text == "Summarise the daily sales of the last 7 days, for the boss of today."


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (
            (
                "whats the best lamp for a dark hall",
                "independent tests only",
                "try again",
                "their prices jump like crazy",
            ),
            "Whats the best lamp for a dark hall; independent tests only.",
        ),
        (
            ("Kannst du die Liste der Pumpen erstellen?", "Ich brauche das künftig immer am Monatsersten um 7 Uhr"),
            "Die Liste der Pumpen erstellen.",
        ),
        (
            (
                "Write the plan for the crews.",
                "The meeting is every Tuesday at 6, but the plan only for Sundays at 9 please",
            ),
            "Write the plan for the crews.",
        ),
        (
            ("I type the faults of our trams into a list by hand. Can you take that over?",),
            "I type the faults of our trams into a list by hand; take that over.",
        ),
    ],
)
def test_talk_and_when_are_left_out_and_the_request_stays(said: tuple[str, ...], text: str) -> None:
    assert found(*said) == text
