"""What a run requires is read out of calls and of the person's words, in four languages."""

import time

import pytest

from app.analysis import requires
from app.analysis.base import Analysis
from tests.analysis.making import agent, call, person, thread, values

ASKS_FOR_APPROVAL = [
    "Send the summary to the whole team every Friday at 4pm",
    "and then email it to the suppliers each Monday",
    "post it in #general when you are done",
    "publish the article on our blog every Tuesday",
    "Please upload the final file to their portal at noon",
    "open a Jira ticket for every failed check",
    "deploy it to production when the tests are green",
    "delete log files older than 30 days every night",
    "pay the invoices that are due",
    "text the patients the evening before, but show me first",
    "reply to each customer within the hour",
    "it goes to parents@school.test on Thursdays",
    "Schick den Bericht jeden Montag um 8 an die Kollegen",
    "und dann per Mail an den Steuerberater senden, ich will vorher draufschauen",
    "Bitte veröffentliche den Beitrag jeden Mittwoch auf der Webseite",
    "lade die fertige Datei danach auf den Server hoch",
    "alte Sicherungen sollen jede Nacht gelöscht werden",
    "Envoie le récapitulatif aux clients chaque vendredi",
    "publie-le sur LinkedIn tous les mardis, après mon accord",
    "il faut l'envoyer à compta@cabinet.test le 5 du mois",
    "Envía el informe a los socios cada lunes a las 9",
    "y luego publícalo en la web todos los días",
    "mándaselo a ventas@tienda.test, pero enséñamelo antes",
    "borra las copias de más de 30 días cada noche",
    "then it can be sent out to the patients",
    "a job that uploads the backup to the partner's server",
    "der Newsletter soll jeden Freitag verschickt werden",
    "le bulletin doit être envoyé aux adhérents le lundi",
    "mail the quote to the customer and log a ticket",
    "answer politely, then forward it to the landlord",
    "could they go out on Thursday to all the members",
    "post to #yard-ops, the night shift logs each hour by hand so do not repeat anything",
]
ASKS_FOR_NONE = [
    "Send me the summary every Friday at 4pm",
    "email it to me at jo@home.test each Monday",
    "ping me when the price drops below 20",
    "make a report each week, I'll send it myself",
    "I publish it myself, just have the draft ready",
    "je relis et c'est moi qui l'envoie",
    "el laboratorio manda lo último el jueves, prepara la tabla",
    "la nuit publique commence à 20h, prépare le plan",
    "the quarter closes in December but that is the accounts office's problem",
    "put the totals in a table and sort by date",
    "remove the outliers and the empty columns first",
    "delete the second sentence, it sounds stiff",
    "don't send anything, only prepare the text",
    "just drafts please, nothing goes out from you",
    "the orders file has two columns, sum them by month",
    "alert our own inbox when a page changes",
    "Schick mir den Bericht jeden Montag um 8",
    "Ich schicke es dann selbst raus, mach nur den Entwurf",
    "lösch bitte die letzte Zeile aus dem Text",
    "nichts abschicken, nur als Entwurf ablegen",
    "Envoie-moi le récapitulatif chaque vendredi",
    "je l'envoie moi-même, prépare juste un brouillon",
    "Envíame el informe cada lunes a las 9",
    "lo reviso y lo envío yo",
    "avísame si baja de 20 euros",
    "summarise the posts of the week in five lines",
    "write a post on autumn hikes, 200 words",
    "I uploaded the file this morning, use that",
    "list the papers published since Monday",
    "the bank publishes the rates at four, put them in a table",
    "customers send complaints all day, sort them by product",
    "the supplier sent a new price list, compare it with the old one",
    "in the text the word sale comes too often",
    "offene Posten aus der Liste bitte nach Datum sortieren",
    "der Lieferant schickt jede Nacht eine Datei, prüf sie",
    "welche Studien wurden diese Woche veröffentlicht?",
    "eine Übersicht der Überweisungen vom letzten Monat",
    "quels articles ont été publiés cette semaine ?",
    "haz una tabla de los envíos de la semana",
    "los clientes envían pedidos, agrúpalos por zona",
    "print the sheet at the desk, nobody gets mailed",
    "which offices publish the water levels?",
]


@pytest.mark.parametrize("text", ASKS_FOR_APPROVAL)
def test_what_reaches_or_takes_from_others_needs_approval(text):
    assert values(requires.stage, thread(person(text), agent("Noted.")))[0]["approval"] is True


@pytest.mark.parametrize("text", ASKS_FOR_NONE)
def test_what_stays_with_the_person_needs_no_approval(text):
    assert values(requires.stage, thread(person(text), agent("Noted.")))[0]["approval"] is False


def test_a_later_refusal_takes_back_what_was_asked():
    said = thread(
        person("send it to the board on Fridays"), agent("ok"), person("no, only drafts. I forward them myself")
    )
    assert values(requires.stage, said)[0]["approval"] is False


def test_not_now_is_not_never():
    said = thread(person("Don't send it yet! Send it on Friday to the team"), agent("ok"))
    assert values(requires.stage, said)[0]["approval"] is True


@pytest.mark.parametrize(
    ("made", "network", "runs_code"),
    [
        (call("python", code="print(1)"), False, True),
        (call("run_sql", sql="select 1"), True, False),
        (call("shell", cmd="head -3 members.csv && wc -l members.csv"), False, False),
        (call("analysis", code="1 + 1"), False, True),
        (call("executeCommand", command="ffmpeg -i a.mov b.mp4"), False, True),
        (call("web_search", query="open tenders"), True, False),
        (call("browser_navigate", url="https://tenders.example.org"), True, False),
        (call("gmail_search", query="from:bank"), True, False),
        (call("get_weather_forecast", city="Lyon"), True, False),
        (call("file_search", query="deadline"), False, False),
        (call("read_document", name="contract.docx"), False, False),
        (call("translate_text", text="hola"), False, False),
        (call("create_file", path="letter.md", content="Dear all"), False, False),
    ],
)
def test_tools_tell_network_and_code(made, network, runs_code):
    value = values(requires.stage, thread(person("do it please"), agent("Done.", made)))[0]
    assert (value["network"], value["code_execution"]) == (network, runs_code)


@pytest.mark.parametrize(
    ("tool", "needs"),
    [
        ("place_order", True), ("mr_anlegen", True), ("telegram_send", True), ("http_patch", True), ("crear_ticket", True),
        ("create_file", False), ("http_get", False), ("order_by_date", False),
    ],
)  # fmt: skip
def test_a_tool_that_acted_on_others_needs_approval(tool, needs):
    said = thread(person("yes, go on"), agent("Done.", call(tool, text="12 sacks")))
    assert values(requires.stage, said)[0]["approval"] is needs


def test_a_tool_that_tells_the_person_needs_none():
    said = thread(person("ping me when it is full"), agent("Done.", call("http_post", text="full")))
    assert values(requires.stage, said)[0]["approval"] is False


def test_mail_to_others_needs_the_network_and_deleting_files_does_not():
    mail = thread(person("email it to the parents every week"), agent("ok"))
    tidy = thread(person("delete the photos older than a year every night"), agent("ok"))
    assert values(requires.stage, mail)[0]["network"] is True
    assert values(requires.stage, tidy)[0] == {"network": False, "code_execution": False, "approval": True}


def test_the_evidence_shows_the_words_and_hides_the_secret():
    said = person("token is ghp_Ab12Cd34Ef56Gh78Ij90, open an issue for each failure in our repo")
    [finding] = requires.stage(thread(said, agent("ok")), Analysis())
    words = " ".join(one.excerpt for one in finding.evidence)
    assert "open an issue" in words
    assert "ghp_Ab12" not in words


@pytest.mark.parametrize("word", ["send ", "post the ", "photos delete ", "not send it, "])
def test_a_monstrous_message_is_read_at_once(word):
    began = time.process_time()
    requires.stage(thread(person(word * 8000), agent("ok")), Analysis())
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    "command", ["curl -s localhost:8080/health", "wget -q http://127.0.0.1:9000/x", "ssh ops@box ls"]
)
def test_a_step_that_asks_by_network_needs_the_network_also_on_its_own_machine(command: str) -> None:
    said = thread(person("check it"), agent("Done.", call("bash", command=command)))
    assert values(requires.stage, said)[0]["network"]
