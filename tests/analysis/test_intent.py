"""What a thread is for is read from what the person asks, in four languages and many trades."""

import json
from pathlib import Path

import pytest

from app.analysis import concepts, intent, signs
from app.analysis.base import Analysis
from app.domain.thread import Attachment, Message, Thread, ToolCall

SAID = [
    ("data_analysis", "Here is the till export of March. Which products lost margin and what is the average basket?"),
    ("data_analysis", "Work out the median waiting time per clinic from visits.xlsx and plot it by month."),
    ("data_analysis", "Werte bitte die Umfrage aus: Mittelwert je Frage und ein Diagramm pro Standort."),
    ("data_analysis", "Calcule le taux de retour par magasin et compare avec le trimestre précédent, avec un graphique."),
    ("data_analysis", "Calcula la media de ventas por tienda y haz un gráfico de la tendencia mensual."),
    ("data_analysis", "Match the bank statement against the open items and tell me which amounts deviate."),
    ("content_creation", "Write a blog article about repotting orchids, around 600 words, in a relaxed tone."),
    ("content_creation", "Come up with five Instagram captions for our bakery, no emoji."),
    ("content_creation", "Schreib mir einen Blogbeitrag über Wanderwege im Harz mit einem knackigen Titel."),
    ("content_creation", "Rédige un article de blog sur le jardinage en ville, avec trois titres accrocheurs."),
    ("content_creation", "Redacta tres publicaciones para Instagram sobre nuestro nuevo menú, con un tono alegre."),
    ("content_creation", "Make me a crossword with vocabulary from unit 4 for my seventh graders."),
    ("research", "What is known about microplastics in drinking water? Recent peer-reviewed papers only, with sources."),
    ("research", "Find out which subsidies exist for heat pumps in Bavaria and list the primary sources."),
    ("research", "Recherchiere, welche Förderprogramme es für kleine Museen gibt, mit Quellen."),
    ("research", "Cherche les dernières publications sur le sommeil des adolescents et cite les sources."),
    ("research", "Investiga qué ayudas hay para cooperativas agrícolas y cita las fuentes."),
    ("research", "Compare the best e-bikes for heavy riders using independent tests."),
    ("monitoring", "Let me know when the ferry price drops below 90 euro."),
    ("monitoring", "Watch this page and alert me when a new flat appears."),
    ("monitoring", "Überwache unseren Webshop und melde dich, wenn er nicht erreichbar ist."),
    ("monitoring", "Surveille le stock de cette pièce et préviens-moi dès qu'elle est disponible."),
    ("monitoring", "Vigila el nivel del embalse y avísame si baja del 40 %."),
    ("monitoring", "Check whether the API responds and notify the on-call person if latency exceeds 2 seconds."),
    ("automation", "Take all scans from the inbox folder, rename them by date and move them to the archive."),
    ("automation", "Download the delivery notes from the portal and upload them to our NAS."),
    ("automation", "Benenne die Rechnungen im Ordner um und verschiebe sie ins Archiv."),
    ("automation", "Télécharge les factures du portail et classe les fichiers par fournisseur dans le dossier."),
    ("automation", "Descarga los extractos del banco, renombra los archivos y súbelos a la carpeta compartida."),
    ("software_development", "Write a Python function that parses our log files, with unit tests."),
    ("software_development", "There is a bug in the checkout component, fix it and open a pull request."),
    ("software_development", "Schreib ein Bash-Skript, das alte Container aufräumt, mit Option --dry-run."),
    ("software_development", "Écris une requête SQL et un script Python pour migrer la table clients."),
    ("software_development", "Escribe un script en Python que valide los ficheros JSON y añade pruebas."),
    ("communication", "Draft a reply to the customer who complains about the late parcel and send it to her by e-mail."),
    ("communication", "Please send the choir members a reminder message about Sunday's rehearsal."),
    ("communication", "Schreib eine freundliche Mail an die Mieter wegen der Heizungswartung."),
    ("communication", "Envoie un courriel aux adhérents pour les inviter à l'assemblée."),
    ("communication", "Escribe un correo a los padres de la clase para avisar de la excursión."),
    ("planning", "Plan a three day trip to Lisbon for four people, with a timetable for each day."),
    ("planning", "Make next week's shift roster for the bar, two people per shift."),
    ("planning", "Erstelle den Dienstplan für die nächste Woche, jede Schicht braucht zwei Leute."),
    ("planning", "Prépare le planning des équipes pour la semaine prochaine et les menus du midi."),
    ("planning", "Organiza el horario de los turnos de la semana y quién cubre cada día."),
    # careless and short, in several messages
    ("research", "hey whats going on with lithium mining in serbia, need to understand who owns what / only official stuff pls / do me that as an update every month"),
    ("monitoring", "can you have an eye on the water level at the gauge in Passau / ping the fire brigade chat if its over 7 m"),
    ("automation", "our photographer drops jpgs in dropbox, i need them resized to 1200px and put on the shop server / also strip the gps"),
    ("communication", "can you answer the reviews we got on google this week, nicely / sign as the team of Hotel Aurora"),
    ("planning", "i have 14 volunteers and 3 stalls for the flea market, who stands where when / everyone max 2 hours in a row"),
    ("data_analysis", "attached the power readings of our 3 fridges. which one eats too much?  / chart per week please, and the sum in kwh"),
    ("software_development", "need a small cli in go that pings our printers and prints the toner level / add a flag --json"),
    ("content_creation", "i do a podcast about old bridges. show notes for episode 31 please / punchier, and 3 title ideas"),
    ("research", "welche Studien gibt es zu Vitamin D bei Kindern unter 3 / nur Metaanalysen ab 2020"),
    ("monitoring", "sag mir bescheid sobald auf der Seite vom Bürgeramt ein Termin frei wird / alle 10 Minuten reicht"),
    ("automation", "die Lieferscheine kommen als PDF per Mail, leg sie bitte im Ordner nach Lieferant ab und trag sie in die Liste ein"),
    ("communication", "schreib dem Vermieter wegen der kaputten Heizung, höflich aber bestimmt / schick es an hausverwaltung@beispiel.test"),
    ("planning", "wir fahren zu fünft nach Südtirol, mach einen Tagesplan mit Wanderungen und Hütten / abends immer zurück im Hotel"),
    ("data_analysis", "in messwerte.csv sind die Temperaturen vom Gewächshaus, wie oft war es über 30 Grad und wie ist der Mittelwert pro Tag"),
    ("software_development", "der Import wirft einen KeyError, schau mal in loader.py und reparier das / mit Test bitte"),
    ("content_creation", "ich brauch einen kurzen Text für den Flyer vom Sommerfest, fröhlich"),
    ("research", "quelles aides existent pour rénover une toiture en Bretagne? avec les sources officielles"),
    ("communication", "écris un message aux parents pour annuler la sortie de vendredi"),
    ("planning", "on est 6 à cuisiner au camp scout, fais les menus de la semaine et la liste de courses"),
    ("monitoring", "dis-moi si le prix du billet Paris-Rome passe sous 80 euros"),
    ("data_analysis", "compara las ventas de este trimestre con las del anterior por vendedor y calcula el margen"),
    ("automation", "cada noche hay que copiar los ficheros del servidor viejo al nuevo y borrar los duplicados"),
    ("content_creation", "hazme un guion para un vídeo corto sobre cómo podar rosales"),
    ("software_development", "tengo un error en este componente de React, arréglalo y añade un test"),
    ("communication", "remind all tenants about the chimney sweep on the 12th, one sms each, not too long"),
    ("data_analysis", "what's our no-show rate by weekday? bookings.xlsx / also by age group"),
    ("research", "find me suppliers of recycled glass jars in northern europe and what they charge"),
    ("planning", "make a study schedule for my anatomy exam in 6 weeks, 2 hours a day"),
    ("monitoring", "check if our three sites have valid ssl and warn me when less than 14 days left"),
    ("automation", "every csv that lands in /drop has to be converted to parquet and moved to the lake"),
    ("content_creation", "write product descriptions for our 20 new candles, poetic but short"),
    ("software_development", "review this terraform module and refactor the variables"),
    ("communication", "prepare the monthly donor update mail and send to the list after I approve"),
    ("research", "summarise new rulings on short-term rentals in Barcelona, primary sources only"),
    ("planning", "assign the 9 nurses to shifts for next month, nobody more than 5 nights"),
    ("data_analysis", "clean this survey export and give me cross tabs by region with significance"),
]  # fmt: skip


def found(*said: str, calls: tuple[ToolCall, ...] = (), attached: tuple[str, ...] = ()) -> intent.Finding:
    """Return the finding for a thread in which the person says this."""
    files = tuple(Attachment(name) for name in attached)
    messages = [Message("user", text, attachments=files if not number else ()) for number, text in enumerate(said)]
    messages.insert(1, Message("assistant", "Done.", calls=calls))
    (finding,) = intent.stage(Thread("claude", tuple(messages)), Analysis())
    return finding


@pytest.mark.parametrize(("expected", "text"), SAID)
def test_the_request_tells_what_it_is_for(expected: str, text: str) -> None:
    assert found(*text.split(" / ")).value == expected


def test_tools_and_files_decide_where_words_do_not() -> None:
    searched = found("What about the second one?", calls=(ToolCall("web_search"),))
    assert searched.value == "research"
    computed = found("And the other one?", calls=(ToolCall("code_interpreter"),), attached=("visits.csv",))
    assert computed.value == "data_analysis"


def test_it_says_which_words_decided_and_how_sure_that_is() -> None:
    sure = found("Write a blog article about orchids.", "Another headline please, and a teaser.")
    assert "blog article" in sure.evidence[0].excerpt
    unsure = found("Thanks.")
    assert unsure.confidence < 0.5 < sure.confidence


def test_how_often_it_runs_tells_what_it_is_for() -> None:
    said = Thread("claude", (Message("user", "look at the tank levels"),))
    often = {"kind": "interval", "every_seconds": 900, "timezone": None}
    scores = [intent.scored(signs.signs(said, when))["monitoring"] for when in (None, often)]
    assert scores[0] < scores[1]


def test_every_sign_has_a_weight_for_each_intent() -> None:
    weights = json.loads(Path(intent.__file__).with_suffix(".json").read_text(encoding="utf-8"))
    assert {len(row) for row in weights.values()} == {len(intent.INTENTS)}
    assert "" in weights


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Dienstpläne", {"timetable"}),
        ("unsere Produkttexte", {"text"}),
        ("a context to understand", set()),
        ("keep an eye on it", {"watch"}),
        ("an important commitment", set()),
        ("pull-request", {"software"}),
    ],
)
def test_words_and_phrases_stand_for_concepts(text: str, expected: set[str]) -> None:
    assert {concept for *_, meant in concepts.concepts(text) for concept in meant} == expected
