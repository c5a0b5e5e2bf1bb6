"""When it should run is what the person asked for, after every correction; in four languages."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.analysis import schedule
from app.analysis.base import Analysis, Finding
from app.domain.thread import Message, Thread

NOW = datetime(2026, 10, 14, 9, tzinfo=UTC)  # a Wednesday


def cron(expression: str, timezone: str | None = None) -> dict[str, Any]:
    return {"kind": "cron", "cron": expression, "timezone": timezone}


def once(at: str, timezone: str | None = None) -> dict[str, Any]:
    return {"kind": "once", "at": at, "timezone": timezone}


def every(seconds: int) -> dict[str, Any]:
    return {"kind": "interval", "every_seconds": seconds, "timezone": None}


def rule(expression: str, time: str, timezone: str | None = None) -> dict[str, Any]:
    return {"kind": "rrule", "rrule": expression, "time": time, "timezone": timezone}


NONE = {"kind": "none", "timezone": None}


def thread(*said: str) -> Thread:
    """Return a thread of messages, the person's first; those that begin with “>” are the agent's."""
    messages = [
        Message(
            "assistant" if text.startswith(">") else "user", text.removeprefix("> "), NOW + timedelta(minutes=number)
        )
        for number, text in enumerate(said)
    ]
    return Thread("claude", tuple(messages))


def found(*said: str) -> Finding:
    (finding,) = schedule.stage(thread(*said), Analysis())
    return finding


ASKED = [
    ("Please send me the stock list every Monday at 7:15.", cron("15 7 * * 1")),
    ("Run this on weekdays at 6 am.", cron("0 6 * * 1-5")),
    ("I'd like this every Tuesday and Friday at 10:00 London time.", cron("0 10 * * 2,5", "Europe/London")),
    ("Can you do this every quarter of an hour?", every(900)),
    ("Check it every 20 minutes please", every(1200)),
    ("do this hourly", every(3600)),
    ("Great, can it run on the first of every month at 9:00?", cron("0 9 1 * *")),
    ("Please have it ready on the last day of the month at 17:00.", rule("FREQ=MONTHLY;BYMONTHDAY=-1", "17:00")),
    ("I want it every second Thursday of the month at 14:30.", rule("FREQ=MONTHLY;BYDAY=2TH", "14:30")),
    ("Every other Wednesday at 8:00 would be perfect, please set that up.", rule("FREQ=WEEKLY;INTERVAL=2;BYDAY=WE", "08:00")),
    ("let's have it daily around 7pm, New York time", cron("0 19 * * *", "America/New_York")),
    ("Could this land in my inbox every Saturday morning at 9?", cron("0 9 * * 6")),
    ("please post it Mon-Fri at 8:45", cron("45 8 * * 1-5")),
    ("Send it at noon every day.", cron("0 12 * * *")),
    ("I need it each night at 11:30 pm Chicago time", cron("30 23 * * *", "America/Chicago")),
    ("Bitte jeden Montag um 8 Uhr schicken.", cron("0 8 * * 1")),
    ("Ich hätte das gern werktags um 6:30 Uhr.", cron("30 6 * * 1-5")),
    ("Mach das bitte täglich um 22 Uhr, Wiener Zeit.", cron("0 22 * * *", "Europe/Vienna")),
    ("Prüfe das alle 15 Minuten.", every(900)),
    ("Bitte immer am ersten Werktag des Monats um 9 Uhr.", rule("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=1", "09:00")),
    ("Das soll dienstags und donnerstags um halb acht laufen.", cron("30 7 * * 2,4")),
    ("Kannst du das jeden Freitag gegen 16 Uhr machen?", cron("0 16 * * 5")),
    ("Am 15. jedes Monats um 10 Uhr bitte erstellen.", cron("0 10 15 * *")),
    ("Envoie-moi ça tous les lundis à 8h30.", cron("30 8 * * 1")),
    ("Je voudrais ce rapport chaque vendredi à 17h, heure de Paris.", cron("0 17 * * 5", "Europe/Paris")),
    ("Il faut lancer ça toutes les deux heures.", every(7200)),
    ("Prépare-le tous les jours à midi, s'il te plaît.", cron("0 12 * * *")),
    ("Peux-tu le faire du lundi au vendredi à 7h ?", cron("0 7 * * 1-5")),
    ("Quiero recibirlo todos los lunes a las 9:00.", cron("0 9 * * 1")),
    ("Hazlo cada día a las 6 de la mañana, por favor.", cron("0 6 * * *")),
    ("Necesito esto los martes y jueves a las 18:30, hora de Bogotá.", cron("30 18 * * 2,4", "America/Bogota")),
    ("Revisa la página cada 10 minutos.", every(600)),
    ("Envíalo el primer lunes de cada mes a las 10:00.", rule("FREQ=MONTHLY;BYDAY=1MO", "10:00")),
    ("I'd like to get this Monday through Thursday, 6:45 AM ET", cron("45 6 * * 1,2,3,4", "America/New_York")),
    ("let's do it on the 25th of each month, 9am Sydney", cron("0 9 25 * *", "Australia/Sydney")),
    ("please run it at 6:00 and 18:00 every day", cron("0 6,18 * * *")),
    ("schedule: 0 6 * * 1", cron("0 6 * * 1")),
    ("alle zwei Wochen mittwochs um 10:00 Uhr bitte", rule("FREQ=WEEKLY;INTERVAL=2;BYDAY=WE", "10:00")),
    ("Il me faut ça le 1er et le 15 du mois à 8h.", cron("0 8 1,15 * *")),
    ("Envíamelo cada quince días, los viernes a las 13:00.", rule("FREQ=WEEKLY;INTERVAL=2;BYDAY=FR", "13:00")),
    ("yes, weekly. friday 12:00 is good", cron("0 12 * * 5")),
    ("Please send it Thursday at 3pm.", once("2026-10-15T15:00:00")),
    ("Schick das bitte am 3.11. um 9 Uhr an alle.", once("2026-11-03T09:00:00")),
    ("nochmal am Montag um 8 Uhr bitte", once("2026-10-19T08:00:00")),
    ("Send it tomorrow at 8:30.", once("2026-10-15T08:30:00")),
    ("Please publish this on 3 November at 10:00 Berlin time.", once("2026-11-03T10:00:00", "Europe/Berlin")),
    ("Schick das bitte morgen um 14 Uhr raus.", once("2026-10-15T14:00:00")),
    ("Envoie-le demain à 9h.", once("2026-10-15T09:00:00")),
    ("Mándalo mañana a las 12:00.", once("2026-10-15T12:00:00")),
    ("Send the invitation on Friday 23 October at 16:00.", once("2026-10-23T16:00:00")),
    # careless and in passing
    ("super, so hätte ich das jetzt immer Mo bis Fr früh um 6", cron("0 6 * * 1-5")),
    ("this every sunday at 9 in the evening, our newsletter closes at 10", cron("0 21 * * 0")),
    ("chaque premier du mois à 8h ce serait parfait", cron("0 8 1 * *")),
    ("los miércoles a la una de la tarde, por favor", cron("0 13 * * 3")),
    ("needs to be on my desk by 5:30 each morning", cron("30 5 * * *")),
    ("schau alle halbe Stunde nach", every(1800)),
    ("ok lets automate it. mon to fri 8 o'clock pls", cron("0 8 * * 1-5")),
    ("good. same thing every morning 6:30 so i see it with my coffee", cron("30 6 * * *")),
    ("we publish sundays 6pm so thats when it has to be there. every sunday", cron("0 18 * * 0")),
    ("so on the 1st each month at 9 you do exactly this", cron("0 9 1 * *")),
    ("Can we do that on Wednesdays, say ten in the morning? The meeting is at 11.", cron("0 10 * * 3")),
    ("cool. weekdays 7am central US time please", cron("0 7 * * 1-5", "America/Chicago")),
    ("Das war gut. Ab jetzt immer freitags um 16 Uhr so.", cron("0 16 * * 5")),
    ("Montags halb acht hätte ich das gern, vor der Teamrunde um 9.", cron("30 7 * * 1")),
    ("lass das jede Nacht um 5 laufen bitte", cron("0 5 * * *")),
    ("lunes y jueves a las 12 del mediodía, así lo tengo antes de comer", cron("0 12 * * 1,4")),
    ("me gustaría tenerlo cada noche a las 20h", cron("0 20 * * *")),
    ("parfait. chaque mardi matin, 9h", cron("0 9 * * 2")),
    ("à partir de maintenant, tous les vendredis vers 17h", cron("0 17 * * 5")),
    ("ok final. please mail it on tuesday 20 october 8am", once("2026-10-20T08:00:00")),
    ("prepare the printable version for tomorrow 7am, I leave right after", once("2026-10-15T07:00:00")),
    ("check 4 times a day", every(21600)),
    ("look every couple of hours", every(7200)),
    ("monthly on the 15th. morning, 9ish", cron("0 9 15 * *")),
    ("after close, so 10pm on working days", cron("0 22 * * 1-5")),
    ("every hour is fine", every(3600)),
    ("Mondays six a.m. Athens time, and no earlier", cron("0 6 * * 1", "Europe/Athens")),
]  # fmt: skip

NOT_ASKED = [
    "Our office closes every Friday at 15:00, please mention that in the text.",
    "I go swimming three times a week, which shoes are good for the pool?",
    "The old job ran nightly at 3, it was terrible.",
    "We used to send this every Monday.",
    "The meeting was yesterday at 10.",
    "Write a text about our yoga class, which takes place every Tuesday at 18:00.",
    "Der Bus fährt jede Stunde, wie weit ist es zum See?",
    "Unser Laden ist montags geschlossen, das war schon immer so.",
    "Le magasin ferme tous les dimanches.",
    "La tienda cierra todos los domingos.",
    "How many people retire every year in Spain?",
    "Keep the last 5 daily and 3 weekly copies.",
    "Summarise the weekly meeting notes.",
    "The deadline is 30 November.",
    "The train leaves every 20 minutes, so pick one of those.",
    "Write a poem about a man who wakes up every day at 5.",
    "My daughter has piano lessons on Mondays at 16:00.",
    "Der Newsletter erscheint monatlich, hier ist der letzte.",
    "At most twice a day, please.",
    "I take 2 pills daily, is that too much?",
    "Explain how cron runs jobs every night.",
    "the competitor updates its page every two hours or so. what changed today?",
    "my mother takes her pills at 8 and 20 every day. write her a card that explains them",
    "Der Kurs läuft jeden Dienstag um 19 Uhr. Schreib bitte den Flyertext.",
    "Is there a bus on Sundays at 9 from the station?",
    "perfect. i'll run it by hand when I need it",
    "i row every tuesday at 6, so my back hurts. any stretches?",
    "how come the shop updates prices each hour?",
    "Just this once, no schedule needed.",
]


@pytest.mark.parametrize(("text", "expected"), ASKED)
def test_what_is_asked_for_is_proposed(text: str, expected: dict[str, Any]) -> None:
    assert found("Make me the list.", "> Here it is.", text).value == expected


@pytest.mark.parametrize("text", NOT_ASKED)
def test_what_else_happens_then_is_no_schedule(text: str) -> None:
    assert found(text, "> Fine.").value == NONE


CORRECTED = [
    (("Run it every Monday at 9:00.", "> Ok.", "Actually, make it 8:30."), cron("30 8 * * 1")),
    (("Run it every Monday at 9:00.", "> Ok.", "make it Tuesdays instead"), cron("0 9 * * 2")),
    (("Send it every day at 7.", "> Ok.", "sorry, only on weekdays please"), cron("0 7 * * 1-5")),
    (("Check every 10 minutes.", "> That is a lot.", "ok then check every 2 hours"), every(7200)),
    (("I want this weekly.", "> Which day?", "Thursdays at 16:00"), cron("0 16 * * 4")),
    (("Please do that every weekday.", "> At what time?", "8:15"), cron("15 8 * * 1-5")),
    (("Run it every Monday at 9:00.", "> In which time zone?", "Madrid"), cron("0 9 * * 1", "Europe/Madrid")),
    (("Mach das jeden Montag um 9 Uhr.", "> Gut.", "lieber dienstags"), cron("0 9 * * 2")),
    (("Bitte jeden Tag um 8 Uhr.", "> Gut.", "doch besser um 7:30 Uhr"), cron("30 7 * * *")),
    (("Fais-le tous les lundis à 9h.", "> D'accord.", "finalement plutôt à 10h"), cron("0 10 * * 1")),
    (("Hazlo cada lunes a las 9:00.", "> Bien.", "mejor a las 8:00"), cron("0 8 * * 1")),
    (("Run it every Monday at 9:00.", "> Ok.", "don't schedule it after all"), NONE),
    (("nice list", "> Shall I do this every Monday at 9:00?", "yes please"), cron("0 9 * * 1")),
    (("not on Mondays, we are closed. every Tuesday at 8:00 please", "> Ok."), cron("0 8 * * 2")),
    (("Every Friday please", "> I'll run it every Friday at 09:00 Europe/Oslo."), cron("0 9 * * 5", "Europe/Oslo")),
    (("Send it tomorrow at 9:00.", "> Ok.", "make that 10:30"), once("2026-10-15T10:30:00")),
]  # fmt: skip


@pytest.mark.parametrize(("said", "expected"), CORRECTED)
def test_later_words_change_earlier_ones(said: tuple[str, ...], expected: dict[str, Any]) -> None:
    assert found(*said).value == expected


def test_the_agent_alone_asks_for_nothing() -> None:
    assert found("Thanks for the chart.", "> I could run this every Monday at 9:00.").value == NONE


def test_it_says_where_it_read_that() -> None:
    finding = found("Nice.", "> Thanks.", "Please run it every Monday at 9:00.")
    assert finding.evidence[0].message == 2
    assert "every Monday at 9:00" in finding.evidence[0].excerpt
    assert finding.confidence > 0.7
