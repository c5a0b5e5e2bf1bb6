"""Spanish phrases and what they plan: the next three times, and what is asked."""

import pytest

from tests.domain.spoken_words import asked, fires, rows

UNDERSTOOD = """
todos los lunes a las 9 | 26-11-30 09:00, 26-12-07 09:00, 26-12-14 09:00
cada 20 minutos entre las 8 y las 18 de lunes a viernes | 26-11-25 08:00, 26-11-25 08:20, 26-11-25 08:40
el último día laborable del mes a las 17:00 | 26-11-30 17:00, 26-12-31 17:00, 27-01-29 17:00
mañana a las 7 | 26-11-26 07:00
cada dos semanas el lunes a las 9 | 26-11-30 09:00, 26-12-14 09:00, 26-12-28 09:00
cada lunes a las 9 | 26-11-30 09:00, 26-12-07 09:00, 26-12-14 09:00
todos los días a las 9 y a las 17 | 26-11-25 09:00, 26-11-25 17:00, 26-11-26 09:00
todos los días a las 9 y 17 | 26-11-25 09:00, 26-11-25 17:00, 26-11-26 09:00
cada día a las 9:30 | 26-11-25 09:30, 26-11-26 09:30, 26-11-27 09:30
cada 15 minutos | 26-11-25 04:00, 26-11-25 04:15, 26-11-25 04:30
cada hora | 26-11-25 04:00, 26-11-25 05:00, 26-11-25 06:00
cada dos horas | 26-11-25 04:00, 26-11-25 06:00, 26-11-25 08:00
cada media hora | 26-11-25 04:00, 26-11-25 04:30, 26-11-25 05:00
cada 90 minutos | 26-11-25 05:20, 26-11-25 06:50, 26-11-25 08:20
cada hora y media | 26-11-25 05:20, 26-11-25 06:50, 26-11-25 08:20
de lunes a viernes a las 8 | 26-11-25 08:00, 26-11-26 08:00, 26-11-27 08:00
entre semana a las 8:30 | 26-11-25 08:30, 26-11-26 08:30, 26-11-27 08:30
los días laborables a las 8:30 | 26-11-25 08:30, 26-11-26 08:30, 26-11-27 08:30
los fines de semana a las 10 | 26-11-28 10:00, 26-11-29 10:00, 26-12-05 10:00
lunes, miércoles y viernes a las 7:15 | 26-11-25 07:15, 26-11-27 07:15, 26-11-30 07:15
los lunes y jueves a las 17:30 | 26-11-26 17:30, 26-11-30 17:30, 26-12-03 17:30
los lunes a las 9 | 26-11-30 09:00, 26-12-07 09:00, 26-12-14 09:00
el primer día del mes a las 6 de la mañana | 26-12-01 06:00, 27-01-01 06:00, 27-02-01 06:00
el 1 y el 15 de cada mes a las 9 | 26-12-01 09:00, 26-12-15 09:00, 27-01-01 09:00
el día 15 de cada mes a las 9 | 26-12-15 09:00, 27-01-15 09:00, 27-02-15 09:00
el primer lunes de cada mes a las 9 | 26-12-07 09:00, 27-01-04 09:00, 27-02-01 09:00
el último viernes del mes a las 16:00 | 26-11-27 16:00, 26-12-25 16:00, 27-01-29 16:00
el penúltimo viernes del mes a las 16 | 26-12-18 16:00, 27-01-22 16:00, 27-02-19 16:00
el último día del mes a las 17 | 26-11-30 17:00, 26-12-31 17:00, 27-01-31 17:00
cada dos días a las 9 | 26-11-25 09:00, 26-11-27 09:00, 26-11-29 09:00
cada 3 días a las 8 | 26-11-25 08:00, 26-11-28 08:00, 26-12-01 08:00
en 20 minutos | 26-11-25 04:10
dentro de una hora | 26-11-25 04:50
dentro de 3 días a las 9 | 26-11-28 09:00
pasado mañana a las 10 | 26-11-27 10:00
hoy a las 18 | 26-11-25 18:00
el próximo lunes a las 10 | 26-11-30 10:00
el 24 de diciembre a las 8 | 26-12-24 08:00
el 24 de diciembre de 2026 a las 8 | 26-12-24 08:00
el 24/12/2026 a las 8 | 26-12-24 08:00
cada año el 24 de diciembre a las 9 | 26-12-24 09:00, 27-12-24 09:00, 28-12-24 09:00
todas las mañanas a las 7 | 26-11-25 07:00, 26-11-26 07:00, 26-11-27 07:00
todas las noches a las 9 | 26-11-25 21:00, 26-11-26 21:00, 26-11-27 21:00
mañana por la mañana a las 7 | 26-11-26 07:00
todos los días a mediodía | 26-11-25 12:00, 26-11-26 12:00, 26-11-27 12:00
todos los días a medianoche | 26-11-26 00:00, 26-11-27 00:00, 26-11-28 00:00
todos los días a las nueve y media | 26-11-25 09:30, 26-11-26 09:30, 26-11-27 09:30
todos los días a las nueve y cuarto | 26-11-25 09:15, 26-11-26 09:15, 26-11-27 09:15
todos los días a las nueve menos cuarto | 26-11-25 08:45, 26-11-26 08:45, 26-11-27 08:45
todos los días a las 5 de la tarde | 26-11-25 17:00, 26-11-26 17:00, 26-11-27 17:00
dos veces al día a las 8 y a las 20 | 26-11-25 08:00, 26-11-25 20:00, 26-11-26 08:00
todos los días a las 9 excepto los domingos | 26-11-25 09:00, 26-11-26 09:00, 26-11-27 09:00
todos los días a las 9 excepto en agosto | 26-11-25 09:00, 26-11-26 09:00, 26-11-27 09:00
todos los lunes a las 9 hasta el 31 de enero | 26-11-30 09:00, 26-12-07 09:00, 26-12-14 09:00
a partir del 1 de diciembre todos los días a las 9 | 26-12-01 09:00, 26-12-02 09:00, 26-12-03 09:00
todos los días a las 9 en Lisboa | 26-11-25 09:00, 26-11-26 09:00, 26-11-27 09:00 Europe/Lisbon
todos los días a las 9 hora de Madrid | 26-11-25 09:00, 26-11-26 09:00, 26-11-27 09:00 Europe/Madrid
cada trimestre el primer día a las 9 | 27-01-01 09:00, 27-04-01 09:00, 27-07-01 09:00
cada hora de 9 a 17 | 26-11-25 09:00, 26-11-25 10:00, 26-11-25 11:00
cada hora los días laborables | 26-11-25 04:00, 26-11-25 05:00, 26-11-25 06:00
diariamente a las 9 | 26-11-25 09:00, 26-11-26 09:00, 26-11-27 09:00
semanalmente el martes a las 10 | 26-12-01 10:00, 26-12-08 10:00, 26-12-15 10:00
mensualmente el día 1 a las 6:00 | 26-12-01 06:00, 27-01-01 06:00, 27-02-01 06:00
todos los días a la una de la tarde | 26-11-25 13:00, 26-11-26 13:00, 26-11-27 13:00
todos los días a las 21:30 | 26-11-25 21:30, 26-11-26 21:30, 26-11-27 21:30
todos los días a las 9 durante 10 veces | 26-11-25 09:00, 26-11-26 09:00, 26-11-27 09:00
un viernes sí y otro no a las 10 | 26-11-27 10:00, 26-12-11 10:00, 26-12-25 10:00
un jueves de cada dos a las 17 | 26-11-26 17:00, 26-12-10 17:00, 26-12-24 17:00
cada tres horas, día y noche | 26-11-25 06:00, 26-11-25 09:00, 26-11-25 12:00
esta noche a las 22 | 26-11-25 22:00
en ciclos de 20 minutos | 26-11-25 04:00, 26-11-25 04:20, 26-11-25 04:40
"""

ASKED = """
el lunes a las 9 | Every Monday, or once?
cada quince días a las 9 | Every 15 days, or every 2 weeks?
el próximo viernes a las 10 | Which Friday?
el viernes que viene a las 10 | Which Friday?
cada mañana | At what time?
fin de mes | On the last day of the month, or its last working day?
a fin de mes | On the last day of the month, or its last working day?
todos los días a las 5 | Morning or afternoon?
cada mes el 31 a las 9 | Some months have no day 31. What then?
todos los lunes | At what time?
cada hora entre las nueve y las cinco | Between which hours?
a las 9 | On which days?
"""


@pytest.mark.parametrize(("text", "expected"), rows(UNDERSTOOD))
def test_a_phrase_in_spanish_plans_what_it_says(text, expected):
    assert fires(text) == expected


@pytest.mark.parametrize(("text", "sentence"), rows(ASKED))
def test_what_in_spanish_can_mean_several_things_is_asked(text, sentence):
    assert asked(text) == sentence
