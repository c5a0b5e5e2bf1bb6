"""French phrases and what they plan: the next three times, and what is asked."""

import pytest

from tests.domain.spoken_words import asked, fires, rows

UNDERSTOOD = """
tous les lundis à 9h | 26-11-30 09:00, 26-12-07 09:00, 26-12-14 09:00
toutes les 20 minutes entre 8h et 18h en semaine | 26-11-25 08:00, 26-11-25 08:20, 26-11-25 08:40
le dernier jour ouvré du mois à 17h | 26-11-30 17:00, 26-12-31 17:00, 27-01-29 17:00
demain à 7h | 26-11-26 07:00
tous les jours à 9h et 17h | 26-11-25 09:00, 26-11-25 17:00, 26-11-26 09:00
tous les jours à 9h30 | 26-11-25 09:30, 26-11-26 09:30, 26-11-27 09:30
chaque jour à 9 heures | 26-11-25 09:00, 26-11-26 09:00, 26-11-27 09:00
toutes les deux heures | 26-11-25 04:00, 26-11-25 06:00, 26-11-25 08:00
toutes les heures | 26-11-25 04:00, 26-11-25 05:00, 26-11-25 06:00
toutes les demi-heures | 26-11-25 04:00, 26-11-25 04:30, 26-11-25 05:00
toutes les 90 minutes | 26-11-25 05:20, 26-11-25 06:50, 26-11-25 08:20
toutes les 15 minutes | 26-11-25 04:00, 26-11-25 04:15, 26-11-25 04:30
tous les jours ouvrés à 8h30 | 26-11-25 08:30, 26-11-26 08:30, 26-11-27 08:30
en semaine à 8h | 26-11-25 08:00, 26-11-26 08:00, 26-11-27 08:00
du lundi au vendredi à 9h | 26-11-25 09:00, 26-11-26 09:00, 26-11-27 09:00
le week-end à 10h | 26-11-28 10:00, 26-11-29 10:00, 26-12-05 10:00
lundi, mercredi et vendredi à 7h15 | 26-11-25 07:15, 26-11-27 07:15, 26-11-30 07:15
les lundis et jeudis à 17h30 | 26-11-26 17:30, 26-11-30 17:30, 26-12-03 17:30
le premier jour du mois à 6h | 26-12-01 06:00, 27-01-01 06:00, 27-02-01 06:00
le 1er et le 15 du mois à 9h | 26-12-01 09:00, 26-12-15 09:00, 27-01-01 09:00
le 15 de chaque mois à 9h | 26-12-15 09:00, 27-01-15 09:00, 27-02-15 09:00
le premier lundi du mois à 9h | 26-12-07 09:00, 27-01-04 09:00, 27-02-01 09:00
le dernier vendredi de chaque mois à 16h | 26-11-27 16:00, 26-12-25 16:00, 27-01-29 16:00
l'avant-dernier vendredi du mois à 16h | 26-12-18 16:00, 27-01-22 16:00, 27-02-19 16:00
le dernier jour du mois à 17h | 26-11-30 17:00, 26-12-31 17:00, 27-01-31 17:00
toutes les deux semaines le lundi à 9h | 26-11-30 09:00, 26-12-14 09:00, 26-12-28 09:00
un lundi sur deux à 9h | 26-11-30 09:00, 26-12-14 09:00, 26-12-28 09:00
tous les deux jours à 9h | 26-11-25 09:00, 26-11-27 09:00, 26-11-29 09:00
tous les 3 jours à 8h | 26-11-25 08:00, 26-11-28 08:00, 26-12-01 08:00
un jour sur deux à 9h | 26-11-25 09:00, 26-11-27 09:00, 26-11-29 09:00
dans 20 minutes | 26-11-25 04:10
dans une heure | 26-11-25 04:50
dans 3 jours à 9h | 26-11-28 09:00
après-demain à 10h | 26-11-27 10:00
aujourd'hui à 18h | 26-11-25 18:00
lundi prochain à 10h | 26-11-30 10:00
le 24 décembre à 8h | 26-12-24 08:00
le 24/12/2026 à 8h | 26-12-24 08:00
tous les ans le 24 décembre à 9h | 26-12-24 09:00, 27-12-24 09:00, 28-12-24 09:00
tous les soirs à 8h | 26-11-25 20:00, 26-11-26 20:00, 26-11-27 20:00
demain matin à 7h | 26-11-26 07:00
tous les jours à midi | 26-11-25 12:00, 26-11-26 12:00, 26-11-27 12:00
tous les jours à minuit | 26-11-26 00:00, 26-11-27 00:00, 26-11-28 00:00
tous les jours à neuf heures et quart | 26-11-25 09:15, 26-11-26 09:15, 26-11-27 09:15
tous les jours à huit heures moins le quart | 26-11-25 07:45, 26-11-26 07:45, 26-11-27 07:45
tous les jours à sept heures et demie | 26-11-25 07:30, 26-11-26 07:30, 26-11-27 07:30
deux fois par jour à 8h et 20h | 26-11-25 08:00, 26-11-25 20:00, 26-11-26 08:00
tous les jours à 9h sauf le dimanche | 26-11-25 09:00, 26-11-26 09:00, 26-11-27 09:00
tous les jours à 9h sauf en août | 26-11-25 09:00, 26-11-26 09:00, 26-11-27 09:00
tous les lundis à 9h jusqu'au 31 janvier | 26-11-30 09:00, 26-12-07 09:00, 26-12-14 09:00
à partir du 1er décembre tous les jours à 9h | 26-12-01 09:00, 26-12-02 09:00, 26-12-03 09:00
tous les jours à 9h à Lisbonne | 26-11-25 09:00, 26-11-26 09:00, 26-11-27 09:00 Europe/Lisbon
tous les jours à 9h heure de Paris | 26-11-25 09:00, 26-11-26 09:00, 26-11-27 09:00 Europe/Paris
chaque trimestre le premier jour à 9h | 27-01-01 09:00, 27-04-01 09:00, 27-07-01 09:00
tous les jours à 5h | 26-11-25 05:00, 26-11-26 05:00, 26-11-27 05:00
tous les jours de 8h à 18h toutes les heures | 26-11-25 08:00, 26-11-25 09:00, 26-11-25 10:00
chaque heure de 9h à 17h | 26-11-25 09:00, 26-11-25 10:00, 26-11-25 11:00
tous les deuxièmes lundis du mois à 9h | 26-12-14 09:00, 27-01-11 09:00, 27-02-08 09:00
mensuellement le 1er à 6h | 26-12-01 06:00, 27-01-01 06:00, 27-02-01 06:00
hebdomadaire le mardi à 10h | 26-12-01 10:00, 26-12-08 10:00, 26-12-15 10:00
toutes les heures en semaine | 26-11-25 04:00, 26-11-25 05:00, 26-11-25 06:00
tous les jours à 9h pendant 10 fois | 26-11-25 09:00, 26-11-26 09:00, 26-11-27 09:00
tous les jours à 21h30 | 26-11-25 21:30, 26-11-26 21:30, 26-11-27 21:30
tous les jours ouvrables à 18 h | 26-11-25 18:00, 26-11-26 18:00, 26-11-27 18:00
toutes les 3 heures, jour et nuit | 26-11-25 06:00, 26-11-25 09:00, 26-11-25 12:00
ce soir à 21 h | 26-11-25 21:00
à intervalle de 20 minutes | 26-11-25 04:00, 26-11-25 04:20, 26-11-25 04:40
"""

ASKED = """
tous les quinze jours à 9h | Every 15 days, or every 2 weeks?
vendredi prochain à 10h | Which Friday?
chaque matin | At what time?
fin du mois | On the last day of the month, or its last working day?
à la fin du mois | On the last day of the month, or its last working day?
tous les mois le 31 à 9h | Some months have no day 31. What then?
tous les lundis | At what time?
lundi à 9h | Every Monday, or once?
tous les jours à 5 | Morning or afternoon?
chaque deuxième lundi à 9h | Every other Monday, or the 2nd Monday of the month?
tous les 31 du mois à 9h | Some months have no day 31. What then?
à 9h | On which days?
"""


@pytest.mark.parametrize(("text", "expected"), rows(UNDERSTOOD))
def test_a_phrase_in_french_plans_what_it_says(text, expected):
    assert fires(text) == expected


@pytest.mark.parametrize(("text", "sentence"), rows(ASKED))
def test_what_in_french_can_mean_several_things_is_asked(text, sentence):
    assert asked(text) == sentence
