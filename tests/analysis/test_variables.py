"""The values that a later run would change are found in the person's words, in four languages."""

import time
from datetime import UTC, date, datetime

import pytest

from app.analysis import variables
from app.analysis.base import Analysis, Evidence, Finding
from app.analysis.suggestions import expression
from app.domain.expressions import fill
from app.domain.expressions.facts import of_run
from app.domain.thread import Message, Thread


def found(*said: str, sofar: Analysis | None = None) -> dict[str, str]:
    """Return value -> kind of what is found; messages that begin with “>” are the agent's."""
    messages = [Message("assistant" if text.startswith(">") else "user", text.removeprefix("> ")) for text in said]
    findings = variables.stage(Thread("claude", tuple(messages)), sofar or Analysis())
    return {finding.value["value"]: finding.value["kind"] for finding in findings}


SAID = [
    ("Summarise the tickets of the last 14 days and mail it to ops@lindner.test",
     {"last 14 days": "period", "ops@lindner.test": "email"}),
    ("Take orders.xlsx, keep everything above 250 EUR and write the result to big_orders.csv",
     {"orders.xlsx": "file", "250 EUR": "money", "big_orders.csv": "file"}),
    ("Write a newsletter about urban beekeeping, 400 words max, signed by Petra Lindqvist",
     {"urban beekeeping": "text", "400 words": "number", "Petra Lindqvist": "person"}),
    ("Check https://www.shop.test/prices and tell me when it drops below $1,800",
     {"https://www.shop.test/prices": "url", "$1,800": "money"}),
    ("Draft a letter to Mr Okafor about contract K-2291, deadline 15 January 2027",
     {"Mr Okafor": "person", "contract K-2291": "entity", "15 January 2027": "date"}),
    ("Plan a trip to Porto for two adults, hotel under 140 € per night",
     {"Porto": "place", "two adults": "number", "140 €": "money"}),
    ("Copy all *.raw files from /data/scope and delete local ones after 30 days",
     {"*.raw": "text", "/data/scope": "text", "30 days": "number"}),
    ("Compare Q2 and Q3 churn, flag anything above 3.5%", {"Q2": "period", "Q3": "period", "3.5%": "number"}),
    ("Post it in #sales-wins", {"#sales-wins": "text"}),
    ("Bitte schreib eine Mail an Frau Petersen, höchstens 150 Wörter",
     {"Frau Petersen": "person", "150 Wörter": "number"}),
    ("Erstelle den Dienstplan für Station 3 mit acht Pflegekräften, mindestens 11 Stunden Ruhezeit",
     {"Station 3": "entity", "acht Pflegekräften": "number", "11 Stunden": "number"}),
    ("Suche Wohnungen in Leipzig bis 900 Euro", {"Leipzig": "place", "900 Euro": "money"}),
    ("Werte umsatz_2026.csv aus, nur Kostenstelle 4711, Abweichungen über 5 % markieren",
     {"umsatz_2026.csv": "file", "Kostenstelle 4711": "entity", "5 %": "number"}),
    ("Fasse die Protokolle der letzten 7 Tage zusammen, maximal eine Seite",
     {"letzten 7 Tage": "period", "eine Seite": "number"}),
    ("Rédige un article sur le compostage, 500 mots maximum", {"compostage": "text", "500 mots maximum": "number"}),
    ("Envoie le rapport à compta@atelier.test et mets Madame Leroy en copie",
     {"compta@atelier.test": "email", "Madame Leroy": "person"}),
    ("Analyse ventes_2026.xlsx, uniquement le magasin 12, et garde les 10 meilleurs produits",
     {"ventes_2026.xlsx": "file", "magasin 12": "entity", "10 meilleurs produits": "number"}),
    ("Escribe un correo a la señora Ibáñez sobre el pedido 8841, máximo 100 palabras",
     {"señora Ibáñez": "person", "pedido 8841": "entity", "100 palabras": "number"}),
    ("Resume las noticias sobre energía solar de los últimos 7 días, cinco puntos como máximo",
     {"energía solar": "text", "últimos 7 días": "period", "cinco puntos": "number"}),
    ("Revisa stock.csv y avisa a almacen@tienda.test si quedan menos de 20 unidades",
     {"stock.csv": "file", "almacen@tienda.test": "email", "20 unidades": "number"}),
    ("Run the tests in acme/payments on branch release-2.4", {"acme/payments": "entity", "release-2.4": "text"}),
    ("add a column margin_pct, limit to 25 rows", {"margin_pct": "text", "25 rows": "number"}),
    ("Alert me when it fails three times in a row", {"three times in a row": "number"}),
    ("cool, top 3 only, and the late show separately", {"top 3": "number"}),
    ("mention Aylin, who won", {"Aylin": "person"}),
    ("avisa a Lucía si pasa del 8 %", {"Lucía": "person", "8 %": "number"}),
    ("groups over 25 get two guides", {"over 25": "number", "two guides": "number"}),
    ("mark everything over 300 dpi", {"over 300 dpi": "number"}),
    ("nothing after 1960 please", {"after 1960": "date"}),
    ("put DONE into the last column", {"DONE": "text"}),
    ("Ask for the term 'sheet pile' in all volumes", {"sheet pile": "text"}),
    ("print on printer floor-3", {"floor-3": "text"}),
    ("Stufe 3 reicht, zwischen 0,5 und 2,0 mg/l", {"Stufe 3": "entity", "zwischen 0,5 und 2,0 mg/l": "number"}),
    ("write to the Selby Choral Society", {"Selby Choral Society": "entity"}),
    ("Ich leite den Ruderklub Nordwind Kappeln, schreib bitte eine Einladung",
     {"Ruderklub Nordwind Kappeln": "entity"}),
    ("Rédige une lettre pour la librairie Delorme, rue des Lilas",
     {"librairie Delorme": "entity", "rue des Lilas": "place"}),
    ("Prepara un aviso para la clínica veterinaria Olmo", {"clínica veterinaria Olmo": "entity"}),
    ("merge the notes of Reed & Marlow", {"Reed & Marlow": "entity"}),
    ("Make a quiz for grade 8, half a page", {"grade 8": "number", "half a page": "text"}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), SAID)
def test_values_are_found_as_they_stand_in_the_words(text: str, expected: dict[str, str]) -> None:
    assert found(text) == expected


TAKEN_UP = [
    (("text for stop 4 of the audio guide", "> Stop 4 is the lamp room: the lens throws its beam far out to sea, every night."),
     {"stop 4": "entity"}),
    (("warn me only if it is wrong two looks running", "> Understood, I only warn after two looks running, and never for one."),
     {"two looks running": "number"}),
    (("K should be 40 for juniors", "> Noted, K is 40 for juniors and the rest of the table stays as it was before."),
     {"40 for juniors": "number"}),
    (("it needs a --json flag and a folder quarantine/ please", "> The flag --json is there, files go to quarantine/ when they can't be read."),
     {"--json": "text", "quarantine/": "text"}),
    (("plan for 14 hobby weather stations", "> Here is the plan for all 14 hobby weather stations, one line for each of them."),
     {"14 hobby weather stations": "number"}),
    (("Lo firma la doctora Inés Pardo, de la clínica veterinaria El Arca", "> Firmado: Inés Pardo, El Arca. El aviso está listo para los dueños."),
     {"Inés Pardo": "person", "El Arca": "entity"}),
    (("Subject: Evening of Lights", "> Subject: Evening of Lights. Dear friends, we would like to invite you to our evening."),
     {"Evening of Lights": "text"}),
]  # fmt: skip


@pytest.mark.parametrize(("said", "expected"), TAKEN_UP)
def test_what_the_agent_took_up_is_a_value_also_in_a_loose_form(
    said: tuple[str, str], expected: dict[str, str]
) -> None:
    assert found(*said) == expected


CORRECTED = [
    ("Send it to anna@shop.test. No, wait, to ben@shop.test", {"ben@shop.test": "email"}),
    ("write it to old.csv... no, new.csv", {"new.csv": "file"}),
    ("answer to a@tienda.test. No, espera, a b@tienda.test", {"b@tienda.test": "email"}),
    ("3 paragraphs is too long, make it 1 paragraph", {"1 paragraph": "number"}),
    ("numbers like KX-20815 are in column B", {}),
    ("'to whom it may concern' no, and no \"kindly\"", {}),
    ("Soy Marta, de la tienda Lienzo", {"tienda Lienzo": "entity"}),
]


@pytest.mark.parametrize(("text", "expected"), CORRECTED)
def test_what_is_set_right_refused_or_only_an_example_is_no_value(text: str, expected: dict[str, str]) -> None:
    assert found(text) == expected


def test_a_measure_set_anew_later_replaces_the_one_before() -> None:
    assert found("Warn me above 12 litres", "> Ok.", "make that 15 litres") == {"15 litres": "number"}
    assert found("11 hours between shifts", "> Ok.", "Amara only does 30 hours") == {
        "11 hours": "number", "Amara": "person", "30 hours": "number",
    }  # fmt: skip


def test_attached_files_that_the_text_names_are_values() -> None:
    said = Thread("markdown", (Message("user", "check this\n(attached: stock.csv)"),))
    sofar = Analysis((Finding("attachment", "stock.csv", 1.0, (Evidence(0, "stock.csv"),)),))
    assert [one.value["value"] for one in variables.stage(said, sofar)] == ["stock.csv"]


NOTHING = [
    "Please run this every Monday at 9:00 Berlin time.",
    "Mach das jeden Freitag um 16 Uhr.",
    "Envoie-le tous les lundis à 8h30.",
    "Hazlo cada día a las 6 de la mañana.",
    "Thanks, that looks great, you saved me two hours.",
    "What do you think? Also, is it done?",
    "Great. Perfect, thank you!",
]


@pytest.mark.parametrize("text", NOTHING)
def test_words_of_time_and_thanks_are_no_values(text: str) -> None:
    assert found(text) == {}


def test_a_later_value_replaces_an_earlier_one() -> None:
    assert found("Use sales_2026_09.csv", "> Ok.", "now take sales_2026_10.csv") == {"sales_2026_10.csv": "file"}
    assert found("Please meet in room 1.02", "> Ok.", "no, room 2.14 please") == {"room 2.14": "text"}
    assert found("Write an article about bees", "> Ok.", "Next one: an article about wasps") == {"wasps": "text"}


def test_what_is_not_needed_any_more_is_left_out() -> None:
    assert found("Compare prices in Norway and Sweden", "> Ok.", "We don't need Norway after all") == {
        "Sweden": "place"
    }
    assert found("Ask Velona and Cyclade", "> Ok.", "remove Cyclade and add Montpic") == {
        "Velona": "person", "Montpic": "entity",
    }  # fmt: skip


def test_secrets_are_no_values() -> None:
    values = found("The user is report-bot and the password is Gr4pe-Vault-77! for files.depot.test")
    assert not any("Vault" in value for value in values)
    assert "files.depot.test" in values


def test_code_and_the_words_of_the_agent_are_not_read() -> None:
    assert found("Run this please\n```\nlimit = 25 rows\nmail = x@y.test\n```", "> I used 30 rows for a@b.test.") == {}


DAY = date(2026, 10, 15)
SUGGESTED = [
    ("2026-10-15", "date", "{{ run.date }}"),
    ("2026-10-14", "date", "{{ run.date | minus_days(1) }}"),
    ("14.10.2026", "date", "{{ run.date | minus_days(1) | format('%d.%m.%Y') }}"),
    ("17 October", "date", "{{ run.date | plus_days(2) | format('%-d %B') }}"),
    ("2026-09-30", "date", "{{ run.date | minus_months(1) | end_of('month') }}"),
    ("15 January 2027", "date", ""),
    ("5 novembre", "date", ""),
    ("last 7 days", "period", "{{ run.date | minus_days(7) }}"),
    ("letzten 2 Wochen", "period", "{{ run.date | minus_weeks(2) }}"),
    ("last 24 hours", "period", "{{ run.at | minus_hours(24) }}"),
    ("le mois dernier", "period", "{{ run.date | minus_months(1) | format('%Y-%m') }}"),
    ("September 2026", "period", "{{ run.date | minus_months(1) | format('%B %Y') }}"),
    ("Q3", "period", "Q{{ run.date | minus_months(3) | quarter }}"),
    ("KW 40", "period", "KW {{ run.date | minus_weeks(2) | format('%V') }}"),
    ("school year 2026/27", "period", ""),
    ("report_2026-10-14.csv", "file", "report_{{ run.date | minus_days(1) }}.csv"),
    ("ledger_2026_09.csv", "file", "ledger_{{ run.date | minus_months(1) | format('%Y_%m') }}.csv"),
    ("stock_oct.csv", "file", "stock_{{ run.date | format('%b') | lower }}.csv"),
    ("SEP2026.pdf", "file", "{{ run.date | minus_months(1) | format('%b%Y') | upper }}.pdf"),
    ("plan.pdf", "file", ""),
    ("ops@acme.test", "email", ""),
]


@pytest.mark.parametrize(("value", "kind", "expected"), SUGGESTED)
def test_an_expression_is_suggested_where_a_run_knows_better(value: str, kind: str, expected: str) -> None:
    assert expression(value, kind, DAY) == expected


@pytest.mark.parametrize(("value", "kind", "suggested"), SUGGESTED)
def test_what_is_suggested_gives_the_value_again_on_the_day_it_was_said(value: str, kind: str, suggested: str) -> None:
    run = of_run(datetime(2026, 10, 15, 9, tzinfo=UTC), "UTC", number=1, attempt=1, task="x")
    if suggested and (kind != "period" or value[0] in "QSK"):
        assert fill(suggested, run) == value


def test_without_a_day_a_file_of_a_month_is_that_of_the_month_before() -> None:
    assert expression("sales-2026-08.csv", "file") == "sales-{{ run.date | minus_months(1) | format('%Y-%m') }}.csv"
    assert expression("2026-10-14", "date") == "{{ run.date }}"


def test_each_value_says_where_it_stands() -> None:
    thread = Thread("claude", (Message("user", "Hello"), Message("user", "Mail it to ops@acme.test please")))
    finding: Finding = variables.stage(thread, Analysis())[0]
    assert finding.evidence[0].message == 1
    assert "ops@acme.test" in finding.evidence[0].excerpt


def test_hostile_text_takes_no_time() -> None:
    started = time.process_time()
    for piece in (
        "a",
        "1 ",
        "/a",
        "a_",
        "Ab ",
        "a-",
        "a.",
        "every ",
        "at 9 and ",
        '"',
        "1,",
        "5 % ",
        "http://",
        "(attached:",
    ):
        found(piece * (5_000 // len(piece)))
    assert time.process_time() - started < 2


def test_what_the_agent_took_up_is_kept_and_what_nobody_came_back_to_is_not() -> None:
    letter = "> Dear {}, the season is over and we would like to thank you for all your help on the quay."
    assert "Roswitha" in found("Draft a note to Roswitha", letter.format("Roswitha"))
    assert "three boats" not in found("We have three boats. Draft a note", letter.format("members"))
    assert "three boats" in found("We have three boats. Draft a note")


def test_a_number_alone_sets_another_right() -> None:
    assert found("reject counts over 40", "> Done.", "30 actually, nobody manages more", "> Now 30.")["30"] == "number"


def test_a_year_since_when_something_is_so_is_no_value() -> None:
    page = "> Our foundry has cast bells since 1891, and every one of them is tuned by hand before it leaves us."
    assert found("We cast bells since 1891, write a page", page) == {}
