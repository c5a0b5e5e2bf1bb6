"""English phrases and what they plan: the next three times, what is asked, what is not read."""

import pytest

from app.domain.phrases import EXAMPLES, read
from tests.domain.spoken_words import NOW, ZONE, asked, fires, rows

UNDERSTOOD = """
every 2 weeks on Monday at 9 | 26-11-30 09:00, 26-12-14 09:00, 26-12-28 09:00
last working day of the month at 5pm | 26-11-30 17:00, 26-12-31 17:00, 27-01-29 17:00
last working day of the month at 5pm in Lisbon | 26-11-30 17:00, 26-12-31 17:00, 27-01-29 17:00 Europe/Lisbon
2nd to last friday of every month at 9 | 26-12-18 09:00, 27-01-22 09:00, 27-02-19 09:00
every other day at 9 | 26-11-25 09:00, 26-11-27 09:00, 26-11-29 09:00
every 3 days at 8 | 26-11-25 08:00, 26-11-28 08:00, 26-12-01 08:00
every 2 hours between 8 and 18 on weekdays | 26-11-25 08:00, 26-11-25 10:00, 26-11-25 12:00
every 20 minutes between 8 and 18 on weekdays | 26-11-25 08:00, 26-11-25 08:20, 26-11-25 08:40
every day at 9am and 5pm | 26-11-25 09:00, 26-11-25 17:00, 26-11-26 09:00
weekdays at 9 and 17:30 | 26-11-25 09:00, 26-11-25 17:30, 26-11-26 09:00
every sunday 2:30 am | 26-11-29 02:30, 26-12-06 02:30, 26-12-13 02:30
every hour on weekdays | 26-11-25 04:00, 26-11-25 05:00, 26-11-25 06:00
every hour at quarter past | 26-11-25 04:15, 26-11-25 05:15, 26-11-25 06:15
twice a day at 8 and 20 | 26-11-25 08:00, 26-11-25 20:00, 26-11-26 08:00
every weekend at 10 | 26-11-28 10:00, 26-11-29 10:00, 26-12-05 10:00
mon, wed and fri 7:15 | 26-11-25 07:15, 26-11-27 07:15, 26-11-30 07:15
tomorrow at 7 | 26-11-26 07:00
in 20 minutes | 26-11-25 04:10
on dec 24 at 8:00 | 26-12-24 08:00
today at 18 | 26-11-25 18:00
in 3 days at 9 | 26-11-28 09:00
on 2026-12-01 09:00 | 26-12-01 09:00
every day at 9 until 31 dec | 26-11-25 09:00, 26-11-26 09:00, 26-11-27 09:00
every day at 9 from 1 dec | 26-12-01 09:00, 26-12-02 09:00, 26-12-03 09:00
every monday at 9 starting 7 dec | 26-12-07 09:00, 26-12-14 09:00, 26-12-21 09:00
from 1 dec to 24 dec every day at 9 | 26-12-01 09:00, 26-12-02 09:00, 26-12-03 09:00
every day at 9 except sundays | 26-11-25 09:00, 26-11-26 09:00, 26-11-27 09:00
every day at 9 except on the 1st | 26-11-25 09:00, 26-11-26 09:00, 26-11-27 09:00
every day at 9 except in august | 26-11-25 09:00, 26-11-26 09:00, 26-11-27 09:00
every day at 9 for 10 times | 26-11-25 09:00, 26-11-26 09:00, 26-11-27 09:00
every day at 9 Europe/Berlin | 26-11-25 09:00, 26-11-26 09:00, 26-11-27 09:00
every day at 9 UTC | 26-11-25 09:00, 26-11-26 09:00, 26-11-27 09:00 UTC
every 1h30 | 26-11-25 05:20, 26-11-25 06:50, 26-11-25 08:20
every hour and a half | 26-11-25 05:20, 26-11-25 06:50, 26-11-25 08:20
every half hour | 26-11-25 04:00, 26-11-25 04:30, 26-11-25 05:00
at quarter past nine every day | 26-11-25 09:15, 26-11-26 09:15, 26-11-27 09:15
every day at half past 8 in the evening | 26-11-25 20:30, 26-11-26 20:30, 26-11-27 20:30
every monday morning at 9 | 26-11-30 09:00, 26-12-07 09:00, 26-12-14 09:00
tonight at 8 | 26-11-25 20:00
every 2nd tuesday of the month at 9 | 26-12-08 09:00, 27-01-12 09:00, 27-02-09 09:00
every month on the last friday at 17:00 | 26-11-27 17:00, 26-12-25 17:00, 27-01-29 17:00
every 3 months on the 1st at 9 | 26-12-01 09:00, 27-03-01 09:00, 27-06-01 09:00
every hour, 15 minutes past the hour | 26-11-25 04:15, 26-11-25 05:15, 26-11-25 06:15
every january 15 at 9 | 27-01-15 09:00, 28-01-15 09:00, 29-01-15 09:00
from june to august every monday at 9 | 27-06-07 09:00, 27-06-14 09:00, 27-06-21 09:00
every 24 december at 8 | 26-12-24 08:00, 27-12-24 08:00, 28-12-24 08:00
friday next week at 9 | 26-12-04 09:00
once tomorrow at 9 | 26-11-26 09:00
every hour between 8 and 18 from monday to friday | 26-11-25 08:00, 26-11-25 09:00, 26-11-25 10:00
every month at 9 on the 15 | 26-12-15 09:00, 27-01-15 09:00, 27-02-15 09:00
day 15 of the month at 9 | 26-12-15 09:00, 27-01-15 09:00, 27-02-15 09:00
every hour between 22 and 6 | 26-11-25 04:00, 26-11-25 05:00, 26-11-25 06:00
every monday at 9 except in july and august | 26-11-30 09:00, 26-12-07 09:00, 26-12-14 09:00
every 2 months on the last working day at 17:30 | 26-11-30 17:30, 27-01-29 17:30, 27-03-31 17:30
on 12/24 at 9 | 26-12-24 09:00
every day at 7 | 26-11-25 07:00, 26-11-26 07:00, 26-11-27 07:00
every 10 minutes from 9am to 5pm on mon and wed | 26-11-25 09:00, 26-11-25 09:10, 26-11-25 09:20
every 45 minutes on weekdays | 26-11-25 04:30, 26-11-25 05:15, 26-11-25 06:00
every 45 minutes between 8 and 18 | 26-11-25 08:00, 26-11-25 08:45, 26-11-25 09:30
every 90 minutes on weekdays | 26-11-25 04:30, 26-11-25 06:00, 26-11-25 07:30
every weekday except friday at 9 | 26-11-25 09:00, 26-11-26 09:00, 26-11-30 09:00
twice a week on mon and thu at 9 | 26-11-26 09:00, 26-11-30 09:00, 26-12-03 09:00
3 times a day at 8, 12 and 18 | 26-11-25 08:00, 26-11-25 12:00, 26-11-25 18:00
once a day at 9 | 26-11-25 09:00, 26-11-26 09:00, 26-11-27 09:00
every day at 9:30 and 14:00 and 17:45 | 26-11-25 09:30, 26-11-25 14:00, 26-11-25 17:45
first and third monday at 9 | 26-12-07 09:00, 26-12-21 09:00, 27-01-04 09:00
first day of the quarter at 9 | 27-01-01 09:00, 27-04-01 09:00, 27-07-01 09:00
last working day of the quarter at 9 | 26-12-31 09:00, 27-03-31 09:00, 27-06-30 09:00
first day of the year at 0:00 | 27-01-01 00:00, 28-01-01 00:00, 29-01-01 00:00
every 6 months on the 1st at 9 | 26-12-01 09:00, 27-06-01 09:00, 27-12-01 09:00
every 2 years on 24 dec at 9 | 26-12-24 09:00, 28-12-24 09:00, 30-12-24 09:00
every wednesday until 31 jan at 18:00 | 26-11-25 18:00, 26-12-02 18:00, 26-12-09 18:00
every monday at 9 starting next monday | 26-11-30 09:00, 26-12-07 09:00, 26-12-14 09:00
every monday at 9 from tomorrow for 3 times | 26-11-30 09:00, 26-12-07 09:00, 26-12-14 09:00
today at 7 | 26-11-25 07:00
next monday at 10 | 26-11-30 10:00
this friday at 10 | 26-11-27 10:00
monday next week at 9 | 26-11-30 09:00
in 2 weeks at 9 | 26-12-09 09:00
in half an hour | 26-11-25 04:20
in an hour and 15 minutes | 26-11-25 05:05
3 hours from now | 26-11-25 06:50
tomorrow at midnight | 26-11-26 00:00
every day at 12 | 26-11-25 12:00, 26-11-26 12:00, 26-11-27 12:00
run every day at 9 | 26-11-25 09:00, 26-11-26 09:00, 26-11-27 09:00
please run every day at 9am | 26-11-25 09:00, 26-11-26 09:00, 26-11-27 09:00
every  day at 9. | 26-11-25 09:00, 26-11-26 09:00, 26-11-27 09:00
every hour on the hour | 26-11-25 04:00, 26-11-25 05:00, 26-11-25 06:00
every hour at :15 and :45 | 26-11-25 04:15, 26-11-25 04:45, 26-11-25 05:15
every 2 hours at quarter past | 26-11-25 04:15, 26-11-25 06:15, 26-11-25 08:15
every 2 hours at quarter past between 8 and 18 | 26-11-25 08:15, 26-11-25 10:15, 26-11-25 12:15
daily at 6pm Europe/London | 26-11-25 18:00, 26-11-26 18:00, 26-11-27 18:00 Europe/London
every day at 9 pm in new york | 26-11-25 21:00, 26-11-26 21:00, 26-11-27 21:00 America/New_York
every other weekend at 10 | 26-11-28 10:00, 26-11-29 10:00, 26-12-12 10:00
every other month on the 1st at 9 | 26-12-01 09:00, 27-02-01 09:00, 27-04-01 09:00
every 2nd week on monday at 9 | 26-11-30 09:00, 26-12-14 09:00, 26-12-28 09:00
every hour and 30 minutes | 26-11-25 05:20, 26-11-25 06:50, 26-11-25 08:20
at 8 in the morning and 5 in the afternoon every day | 26-11-25 08:00, 26-11-25 17:00, 26-11-26 08:00
every day at nine thirty | 26-11-25 09:30, 26-11-26 09:30, 26-11-27 09:30
every day at ten to nine | 26-11-25 08:50, 26-11-26 08:50, 26-11-27 08:50
every day at twenty past 4 in the afternoon | 26-11-25 16:20, 26-11-26 16:20, 26-11-27 16:20
at midnight every monday | 26-11-30 00:00, 26-12-07 00:00, 26-12-14 00:00
every monday at 9 in Munich | 26-11-30 09:00, 26-12-07 09:00, 26-12-14 09:00
every day at 9 London | 26-11-25 09:00, 26-11-26 09:00, 26-11-27 09:00 Europe/London
weekdays at 7:30 Berlin time | 26-11-25 07:30, 26-11-26 07:30, 26-11-27 07:30
every day at 9 UTC+2 | 26-11-25 09:00, 26-11-26 09:00, 26-11-27 09:00 Etc/GMT-2
jan 5 2027 10:00 | 27-01-05 10:00
5th of january at 10 | 27-01-05 10:00
Monday 30 Nov at 9 | 26-11-30 09:00
every day in december at 9 | 26-12-01 09:00, 26-12-02 09:00, 26-12-03 09:00
0 9 * * 1-5 | 26-11-25 09:00, 26-11-26 09:00, 26-11-27 09:00
@weekly | 26-11-29 00:00, 26-12-06 00:00, 26-12-13 00:00
90m | 26-11-25 05:20, 26-11-25 06:50, 26-11-25 08:20
2026-12-01T09:00 | 26-12-01 09:00
every weekday at 9:00 until 31 Dec 2026 | 26-11-25 09:00, 26-11-26 09:00, 26-11-27 09:00
every day at 9 from 2026-12-01 until 2026-12-10 | 26-12-01 09:00, 26-12-02 09:00, 26-12-03 09:00
every 90 minutes from 1 dec | 26-12-01 00:00, 26-12-01 01:30, 26-12-01 03:00
every 36 hours | 26-11-26 15:50, 26-11-28 03:50, 26-11-29 15:50
every 15 minutes for 5 times | 26-11-25 04:00, 26-11-25 04:15, 26-11-25 04:30
every day at 9 only 3 times | 26-11-25 09:00, 26-11-26 09:00, 26-11-27 09:00
every 14 days on monday at 9 | 26-11-30 09:00, 26-12-14 09:00, 26-12-28 09:00
quarter past nine tomorrow | 26-11-26 09:15
every working day at 9 | 26-11-25 09:00, 26-11-26 09:00, 26-11-27 09:00
every business day at 9 | 26-11-25 09:00, 26-11-26 09:00, 26-11-27 09:00
the last business day of the quarter at 9 | 26-12-31 09:00, 27-03-31 09:00, 27-06-30 09:00
every 1st and 15th at 9 | 26-12-01 09:00, 26-12-15 09:00, 27-01-01 09:00
every mon-fri at 9 | 26-11-25 09:00, 26-11-26 09:00, 26-11-27 09:00
at 9 mon through fri | 26-11-25 09:00, 26-11-26 09:00, 26-11-27 09:00
every monday, wednesday, friday at 9, 12 and 17 | 26-11-25 09:00, 26-11-25 12:00, 26-11-25 17:00
every day at 9 but not on the 24th | 26-11-25 09:00, 26-11-26 09:00, 26-11-27 09:00
only on mondays at 9 | 26-11-30 09:00, 26-12-07 09:00, 26-12-14 09:00
5 minutes past every hour | 26-11-25 04:05, 26-11-25 05:05, 26-11-25 06:05
every hour at 5 past | 26-11-25 04:05, 26-11-25 05:05, 26-11-25 06:05
every hour at minute 5 | 26-11-25 04:05, 26-11-25 05:05, 26-11-25 06:05
at 5 past every hour | 26-11-25 04:05, 26-11-25 05:05, 26-11-25 06:05
at 9:00:30 tomorrow | 26-11-26 09:00
tomorrow at 7 in Tokyo | 26-11-26 07:00 Asia/Tokyo
31/12/2026 9:00 | 26-12-31 09:00
2026/12/31 9:00 | 26-12-31 09:00
31.12. 9:00 | 26-12-31 09:00
29 feb at 9 | 28-02-29 09:00
day after tomorrow at 9 | 26-11-27 09:00
a week from now at 9 | 26-12-02 09:00
in a month at 9 | 26-12-25 09:00
every 100 days at 9 | 26-11-25 09:00, 27-03-05 09:00, 27-06-13 09:00
every last friday at 9 | 26-11-27 09:00, 26-12-25 09:00, 27-01-29 09:00
last friday of the month at 4pm | 26-11-27 16:00, 26-12-25 16:00, 27-01-29 16:00
5th friday of the month at 9 | 27-01-29 09:00, 27-04-30 09:00, 27-07-30 09:00
last day of every quarter at 23:59 | 26-12-31 23:59, 27-03-31 23:59, 27-06-30 23:59
noon tomorrow | 26-11-26 12:00
tomorrow noon | 26-11-26 12:00
weekend at 9 | 26-11-28 09:00, 26-11-29 09:00, 26-12-05 09:00
on weekends at 9am and 9pm | 26-11-28 09:00, 26-11-28 21:00, 26-11-29 09:00
saturdays 10am | 26-11-28 10:00, 26-12-05 10:00, 26-12-12 10:00
10am saturdays | 26-11-28 10:00, 26-12-05 10:00, 26-12-12 10:00
every 30 minutes 9-17 | 26-11-25 09:00, 26-11-25 09:30, 26-11-25 10:00
every 30 minutes, 9am-5pm, mon-fri | 26-11-25 09:00, 26-11-25 09:30, 26-11-25 10:00
every 30 minutes from 9am to 5:30pm mon-fri | 26-11-25 09:00, 26-11-25 09:30, 26-11-25 10:00
every 10 minutes between 8:05 and 8:55 | 26-11-25 08:05, 26-11-25 08:15, 26-11-25 08:25
every hour between 8:30 and 12:00 | 26-11-25 08:30, 26-11-25 09:30, 26-11-25 10:30
every minute between 8 and 9 | 26-11-25 08:00, 26-11-25 08:01, 26-11-25 08:02
every minute on weekdays | 26-11-25 03:51, 26-11-25 03:52, 26-11-25 03:53
every minute in december | 26-12-01 00:00, 26-12-01 00:01, 26-12-01 00:02
weekday mornings at 7 | 26-11-25 07:00, 26-11-26 07:00, 26-11-27 07:00
weekday evenings at 8 | 26-11-25 20:00, 26-11-26 20:00, 26-11-27 20:00
every night at 2 | 26-11-26 02:00, 26-11-27 02:00, 26-11-28 02:00
every night at 11 | 26-11-25 23:00, 26-11-26 23:00, 26-11-27 23:00
every afternoon at 3 | 26-11-25 15:00, 26-11-26 15:00, 26-11-27 15:00
in a 20-minute cycle | 26-11-25 04:00, 26-11-25 04:20, 26-11-25 04:40
at 15-minute intervals | 26-11-25 04:00, 26-11-25 04:15, 26-11-25 04:30
every 90 minutes, day and night | 26-11-25 05:20, 26-11-25 06:50, 26-11-25 08:20
every day at :30 from 9:30 to 20:30 | 26-11-25 09:30, 26-11-25 10:30, 26-11-25 11:30
every weeknight at 22:00 | 26-11-25 22:00, 26-11-26 22:00, 26-11-27 22:00
first thing every morning at 7 | 26-11-25 07:00, 26-11-26 07:00, 26-11-27 07:00
"""

ASKED = """
last day of the month | At what time?
first Monday of the month | At what time?
every 3rd Thursday | At what time?
second to last Friday | Every time, or once?
every quarter on the first day | At what time?
yearly on 24 December | At what time?
at noon | On which days?
midnight | On which days?
hourly between nine and five | Between which hours?
1st and 15th at 6 | Morning or afternoon?
next friday at 10 | Which Friday?
next monday | At what time?
every morning | At what time?
end of month | On the last day of the month, or its last working day?
every month on the 31st | Some months have no day 31. What then?
9am London time | On which days?
every monday at 9 EST | Which time zone?
every 2nd monday at 9 | Every other Monday, or the 2nd Monday of the month?
every weekday between 9 and 17 | How often?
on the 1st at 9 except in august | Every time, or once?
every month on the 30th at 9 | Some months have no day 30. What then?
every month on the 31st at 9 | Some months have no day 31. What then?
every year on 29 feb at 9 | Most years have no 29 February. What then?
every month on the 29th and 30th at 9 | Some months have no day 30. What then?
on 03/04 at 9 | Which day comes first, or the month?
on 3/4/2027 at 9 | Which day comes first, or the month?
at 5 tomorrow | Morning or afternoon?
every day at 5 | Morning or afternoon?
between 9 and 5 every hour | Between which hours?
weekdays except on the 1st | At what time?
every month at 9 | On which day?
every year at 9 | On which day?
every 2 weeks | On which day?
every 2 weeks at 9 | On which day?
biweekly on monday at 9 | Every 2 weeks, or twice a week?
biweekly | Every 2 weeks, or twice a week?
twice a week at 9 | On which day?
twice a day | At what times?
on the last day of february at 9 | Every time, or once?
today at 3 | Morning or afternoon?
today at 3am | Wed 25 Nov 2026 at 03:00 is past. When instead?
friday at 10 | Every Friday, or once?
tonight | At what time?
tomorrow morning | At what time?
every evening | At what time?
every monday morning | At what time?
at 9 every month | On which day?
every day at 9 CET | Which time zone?
every december at 9 | On which day?
in december at 9 | On which days?
twice a month at 9 | On which day?
every 15 days at 9 | Every 15 days, or every 2 weeks?
once a month at 9 | On which day?
once a year | On which day?
today at 11 in Tokyo | Wed 25 Nov 2026 at 11:00 is past. When instead?
today at 3 in Los Angeles | Morning or afternoon?
2/3 | Which day comes first, or the month?
1/2/2027 9:00 | Which day comes first, or the month?
last friday at 9 | Every time, or once?
sunday | Every Sunday, or once?
every day from 9 to 17 | How often?
mornings at 7 | On which days?
monday evenings at 8 | Every Monday, or once?
"""

NOT_READ = """
every day in Atlantis at 9
every day at 9 and every friday at 10
not every day at 9
every day at 9 until 18
every hour until 18
every 2 hours starting at 8
every 7 minutes between 8 and 18
every friday the 13th at 9
three times a day at 8 and 12
9 every day
every day 9
every other weekday at 9
every second at 9
every 1.5 hours
half past
every monday and 1st of the month at 9
every day at 9 in 2 weeks
Tuesday 30 Nov at 9
every 5 minutes at :02
every monday at 9 or 10
every monday or tuesday at 9
every day around 9
every day at 9 if it rains
daily at 9 unless it is a holiday
every day at 9 except 24 dec
every day at 9 except christmas
every day at 24:00
every day at 9 in Lisbon and Berlin
in Lisbon
feb 30 at 9
29.02.2027 9:00
in 100000 weeks at 9
every 0 minutes
every 999999 hours
every 1000000 days at 9
6th friday of the month at 9
32nd at 9
next week
next month
next year
sat 10
every 3 hours from 6am
every 30 minutes in the morning
"""


@pytest.mark.parametrize(("text", "expected"), rows(UNDERSTOOD))
def test_a_phrase_plans_what_it_says(text, expected):
    assert fires(text) == expected


@pytest.mark.parametrize(("text", "sentence"), rows(ASKED))
def test_what_can_mean_several_things_is_asked(text, sentence):
    assert asked(text) == sentence


@pytest.mark.parametrize("text", NOT_READ.strip().splitlines())
def test_what_is_not_in_the_grammar_is_not_guessed(text):
    reading = read(text, NOW, ZONE)
    assert (reading.state, reading.trigger) == ("unknown", None)
    assert tuple(choice.text for choice in reading.choices) == EXAMPLES
