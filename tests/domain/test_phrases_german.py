"""German phrases and what they plan: the next three times, and what is asked."""

import pytest

from tests.domain.spoken_words import asked, fires, rows

UNDERSTOOD = """
alle zwei Wochen montags um 9 | 26-11-30 09:00, 26-12-14 09:00, 26-12-28 09:00
werktags um 8:30 | 26-11-25 08:30, 26-11-26 08:30, 26-11-27 08:30
jeden Tag um 9 und 17 Uhr | 26-11-25 09:00, 26-11-25 17:00, 26-11-26 09:00
morgen um 7 | 26-11-26 07:00
jeden Tag um halb acht | 26-11-25 07:30, 26-11-26 07:30, 26-11-27 07:30
täglich um viertel nach neun | 26-11-25 09:15, 26-11-26 09:15, 26-11-27 09:15
täglich um viertel vor neun | 26-11-25 08:45, 26-11-26 08:45, 26-11-27 08:45
täglich um 20 Uhr | 26-11-25 20:00, 26-11-26 20:00, 26-11-27 20:00
alle 20 Minuten zwischen 8 und 18 Uhr an Werktagen | 26-11-25 08:00, 26-11-25 08:20, 26-11-25 08:40
alle 15 Minuten | 26-11-25 04:00, 26-11-25 04:15, 26-11-25 04:30
alle zwei Stunden | 26-11-25 04:00, 26-11-25 06:00, 26-11-25 08:00
jede Stunde | 26-11-25 04:00, 26-11-25 05:00, 26-11-25 06:00
stündlich | 26-11-25 04:00, 26-11-25 05:00, 26-11-25 06:00
jede halbe Stunde | 26-11-25 04:00, 26-11-25 04:30, 26-11-25 05:00
alle 90 Minuten | 26-11-25 05:20, 26-11-25 06:50, 26-11-25 08:20
jeden Montag um 9 Uhr | 26-11-30 09:00, 26-12-07 09:00, 26-12-14 09:00
montags und donnerstags um 17:30 | 26-11-26 17:30, 26-11-30 17:30, 26-12-03 17:30
am Wochenende um 10 | 26-11-28 10:00, 26-11-29 10:00, 26-12-05 10:00
am letzten Tag des Monats um 17 Uhr | 26-11-30 17:00, 26-12-31 17:00, 27-01-31 17:00
am letzten Werktag des Monats um 17 Uhr | 26-11-30 17:00, 26-12-31 17:00, 27-01-29 17:00
am ersten Tag des Monats um 6 Uhr | 26-12-01 06:00, 27-01-01 06:00, 27-02-01 06:00
am 1. jeden Monats um 6 Uhr | 26-12-01 06:00, 27-01-01 06:00, 27-02-01 06:00
am 1. und 15. des Monats um 9 Uhr | 26-12-01 09:00, 26-12-15 09:00, 27-01-01 09:00
jeden ersten Montag im Monat um 9 | 26-12-07 09:00, 27-01-04 09:00, 27-02-01 09:00
am letzten Freitag des Monats um 16 Uhr | 26-11-27 16:00, 26-12-25 16:00, 27-01-29 16:00
am vorletzten Freitag des Monats um 16 Uhr | 26-12-18 16:00, 27-01-22 16:00, 27-02-19 16:00
übermorgen um 10 | 26-11-27 10:00
heute um 18 Uhr | 26-11-25 18:00
heute abend um 8 | 26-11-25 20:00
morgen früh um 7 | 26-11-26 07:00
in 20 Minuten | 26-11-25 04:10
in 3 Tagen um 9 | 26-11-28 09:00
am 24. Dezember um 8 Uhr | 26-12-24 08:00
am 24.12. um 8 Uhr | 26-12-24 08:00
am 24.12.2026 um 8:00 | 26-12-24 08:00
nächsten Montag um 10 | 26-11-30 10:00
jeden Abend um 8 | 26-11-25 20:00, 26-11-26 20:00, 26-11-27 20:00
alle drei Tage um 8 | 26-11-25 08:00, 26-11-28 08:00, 26-12-01 08:00
jeden zweiten Tag um 9 | 26-11-25 09:00, 26-11-27 09:00, 26-11-29 09:00
jährlich am 24. Dezember um 9 Uhr | 26-12-24 09:00, 27-12-24 09:00, 28-12-24 09:00
jeden Tag um 9 außer sonntags | 26-11-25 09:00, 26-11-26 09:00, 26-11-27 09:00
jeden Tag um 9 außer im August | 26-11-25 09:00, 26-11-26 09:00, 26-11-27 09:00
jeden Montag um 9 bis 31. Januar | 26-11-30 09:00, 26-12-07 09:00, 26-12-14 09:00
ab 1. Dezember jeden Tag um 9 | 26-12-01 09:00, 26-12-02 09:00, 26-12-03 09:00
täglich um 9 in Lissabon | 26-11-25 09:00, 26-11-26 09:00, 26-11-27 09:00 Europe/Lisbon
täglich um 9 Uhr Berliner Zeit | 26-11-25 09:00, 26-11-26 09:00, 26-11-27 09:00
von Montag bis Freitag um 8 | 26-11-25 08:00, 26-11-26 08:00, 26-11-27 08:00
Mo-Fr 8:15 | 26-11-25 08:15, 26-11-26 08:15, 26-11-27 08:15
Mo, Mi und Fr 7:15 | 26-11-25 07:15, 26-11-27 07:15, 26-11-30 07:15
zweimal am Tag um 8 und 20 Uhr | 26-11-25 08:00, 26-11-25 20:00, 26-11-26 08:00
zweimal täglich um 8 und 20 Uhr | 26-11-25 08:00, 26-11-25 20:00, 26-11-26 08:00
jede Stunde werktags | 26-11-25 04:00, 26-11-25 05:00, 26-11-25 06:00
um 5 morgens jeden Tag | 26-11-25 05:00, 26-11-26 05:00, 26-11-27 05:00
täglich um Mitternacht | 26-11-26 00:00, 26-11-27 00:00, 26-11-28 00:00
vierteljährlich am ersten Tag um 9 | 27-01-01 09:00, 27-04-01 09:00, 27-07-01 09:00
alle 6 Monate am 1. um 9 | 26-12-01 09:00, 27-06-01 09:00, 27-12-01 09:00
mittwochs um 17 Uhr 30 | 26-11-25 17:30, 26-12-02 17:30, 26-12-09 17:30
jeden Dienstag um fünf Uhr nachmittags | 26-12-01 17:00, 26-12-08 17:00, 26-12-15 17:00
alle vierzehn Tage montags um 9 | 26-11-30 09:00, 26-12-14 09:00, 26-12-28 09:00
jede zweite Woche montags um 9 | 26-11-30 09:00, 26-12-14 09:00, 26-12-28 09:00
alle 20 minuten between 8 and 18 on weekdays | 26-11-25 08:00, 26-11-25 08:20, 26-11-25 08:40
naechsten Montag um 10 | 26-11-30 10:00
taeglich um fuenf Uhr | 26-11-25 05:00, 26-11-26 05:00, 26-11-27 05:00
stündlich von 9 bis 17 Uhr | 26-11-25 09:00, 26-11-25 10:00, 26-11-25 11:00
am letzten Arbeitstag im Monat um 17 Uhr in Lissabon | 26-11-30 17:00, 26-12-31 17:00, 27-01-29 17:00 Europe/Lisbon
täglich um 9 Uhr für 10 Mal | 26-11-25 09:00, 26-11-26 09:00, 26-11-27 09:00
im 20-Minuten-Takt | 26-11-25 04:00, 26-11-25 04:20, 26-11-25 04:40
Montagmorgens um 7 | 26-11-30 07:00, 26-12-07 07:00, 26-12-14 07:00
jeden Freitagnachmittag um 15 Uhr | 26-11-27 15:00, 26-12-04 15:00, 26-12-11 15:00
jeden Sonntagabend um 20 Uhr | 26-11-29 20:00, 26-12-06 20:00, 26-12-13 20:00
werktäglich um 6:30 | 26-11-25 06:30, 26-11-26 06:30, 26-11-27 06:30
alle 90 Minuten Tag und Nacht | 26-11-25 05:20, 26-11-25 06:50, 26-11-25 08:20
heute Abend um 20 Uhr | 26-11-25 20:00
"""

ASKED = """
jeden zweiten Montag um 9 | Every other Monday, or the 2nd Monday of the month?
nächsten Freitag um 10 | Which Friday?
jeden Morgen | At what time?
Monatsende | On the last day of the month, or its last working day?
am Ende des Monats | On the last day of the month, or its last working day?
jeden 31. um 9 | Some months have no day 31. What then?
am 31. jeden Monats um 9 Uhr | Some months have no day 31. What then?
täglich um 5 | Morning or afternoon?
jeden Montag | At what time?
montags | At what time?
Montag um 9 | Every Monday, or once?
am Montag um 9 | Every Monday, or once?
um halb acht | On which days?
stündlich zwischen neun und fünf | Between which hours?
"""


@pytest.mark.parametrize(("text", "expected"), rows(UNDERSTOOD))
def test_a_phrase_in_german_plans_what_it_says(text, expected):
    assert fires(text) == expected


@pytest.mark.parametrize(("text", "sentence"), rows(ASKED))
def test_what_in_german_can_mean_several_things_is_asked(text, sentence):
    assert asked(text) == sentence
