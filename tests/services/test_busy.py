"""When people are busy: the times of their own calendars are known, and nothing else of them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from app.core.errors import Invalid, NotFound
from app.domain.calendars import Span
from app.infra import fetch, queues, redis
from app.models.feeds import BusyCalendar
from app.models.teams import Team
from app.services import busy
from app.services.unit import batch
from app.settings import Settings
from jobs.recurring import TABLE
from tests import factories
from tests.services.test_calendars import site

pytestmark = pytest.mark.alike

NOW = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
MONDAY = NOW + (7 - NOW.weekday()) * DAY


@pytest.fixture(autouse=True)
def _reachable(app, settings, tmp_path):
    fetch.configure(settings)
    yield
    fetch.configure(Settings(data_dir=tmp_path))


@pytest.fixture
def vault(app, team):
    vault = app.extensions["vault"]
    with batch() as work:
        work.connection.execute(sa.update(Team).values(data_key=vault.new_data_key(team)))
    return vault


def vault_key(actor):
    return factories.rows(Team, Team.id == actor.team_id)[0].data_key


def ics(*events):
    lines = ["BEGIN:VCALENDAR"]
    for number, (begin, end, *more) in enumerate(events):
        lines += ["BEGIN:VEVENT", f"UID:{number}", "SUMMARY:Dentist"]
        lines += [f"DTSTART:{begin:%Y%m%dT%H%M%SZ}", f"DTEND:{end:%Y%m%dT%H%M%SZ}", *more, "END:VEVENT"]
    return "\r\n".join([*lines, "END:VCALENDAR", ""])


def test_a_file_says_when_and_nothing_of_what(actor, vault):
    nine = MONDAY + 9 * HOUR
    content = ics(
        (nine, nine + HOUR), (nine + HOUR / 2, nine + 2 * HOUR), (nine + DAY, nine + DAY + HOUR, "RRULE:FREQ=DAILY"),
        (nine + 5 * HOUR, nine + 6 * HOUR, "TRANSP:TRANSPARENT"), (nine + 7 * HOUR, nine + 8 * HOUR, "STATUS:CANCELLED"),
    )  # fmt: skip
    busy.add(actor, vault, "Work", content=content)
    expected = [Span(nine, nine + 2 * HOUR), *(Span(nine + n * DAY, nine + n * DAY + HOUR) for n in range(1, 3))]
    assert busy.spans([actor.person_id], MONDAY, MONDAY + 3 * DAY) == {actor.person_id: expected}
    assert busy.spans([actor.person_id], nine + HOUR, nine + 2 * HOUR) == {actor.person_id: expected[:1]}
    assert busy.spans([actor.person_id], MONDAY, nine) == {}
    assert "Dentist" not in str(factories.rows(BusyCalendar))


def test_an_address_is_sealed_and_fetched_by_a_worker_and_what_was_there_stays_when_that_fails(actor, vault):
    nine = MONDAY + 9 * HOUR
    with site(ics((nine, nine + HOUR))) as (url, state):
        row = busy.add(actor, vault, "", url.replace("team.ics", "secret.ics"))
        assert (row.name, row.spans) == ("127.0.0.1", [])
        (job,) = queues.waiting(queues.UPKEEP)
        asked = queues.SafeJob.fetch(job, connection=redis.client())
        assert (asked.func_name, list(asked.args)) == (queues.BUSY, [row.id])
        assert busy.refresh(vault, row.id) == {"fetched": 1, "failed": 0}
        assert busy.spans([actor.person_id], MONDAY, MONDAY + DAY) == {actor.person_id: [Span(nine, nine + HOUR)]}
        assert "secret" not in str(factories.rows(BusyCalendar))
        state[:] = [404, ""]
        assert busy.refresh(vault) == {"fetched": 0, "failed": 1}
        (line,) = busy.listing(actor.person_id)
        assert line.problem == "127.0.0.1 answered 404 Not Found. Check the address."
        assert busy.spans([actor.person_id], MONDAY, MONDAY + DAY) != {}


def test_an_address_for_subscribing_is_fetched_by_https_and_every_hour(actor, vault):
    row = busy.add(actor, vault, "", "webcal://calendar.example/ada.ics")
    assert vault.unseal(vault_key(actor), row.sealed, BusyCalendar.aad_of(actor.team_id, actor.person_id)) == (
        "https://calendar.example/ada.ics"
    )
    assert [(one.function, one.every_seconds) for one in TABLE if one.id == "recurring-busy"] == [(queues.BUSY, 3600)]


def test_inner_addresses_are_refused_as_everywhere(actor, vault, settings):
    fetch.configure(replace(settings, allow_hosts=()))
    with site(ics((MONDAY, MONDAY + HOUR))) as (url, _):
        row = busy.add(actor, vault, "Work", url)
        busy.refresh(vault, row.id)
    assert "inner address" in busy.listing(actor.person_id)[0].problem


def test_one_that_breaks_our_code_is_told_once_and_the_others_are_fetched(actor, vault, monkeypatch, caplog):
    nine = MONDAY + 9 * HOUR
    with site(ics((nine, nine + HOUR))) as (url, _):
        broken, unopened, fine = (busy.add(actor, vault, name, f"{url}?{name}").id for name in ("a", "b", "c"))
        with batch() as work:
            sealed = sa.update(BusyCalendar).where(BusyCalendar.id == unopened)
            work.connection.execute(sealed.values(sealed=b"sealed under another key"))
        document = fetch.document
        monkeypatch.setattr(fetch, "document", lambda url, *more: 1 / 0 if url.endswith("?a") else document(url, *more))
        for _ in range(2):
            assert busy.refresh(vault) == {"fetched": 1, "failed": 2}
    problems = {row.id: row.problem for row in busy.listing(actor.person_id)}
    assert problems[broken].startswith("Something broke on our side")
    assert "does not open with this key file" in problems[unopened]
    assert problems[fine] == ""
    assert sum("ZeroDivisionError" in record.getMessage() for record in caplog.records) == 1


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, "url"), ({"url": "ftp://x"}, "url"), ({"url": "https://x.example/a.ics", "content": "x"}, "url"),
        ({"content": "no calendar"}, "content"), ({"name": "x" * 61, "content": "x"}, "name"),
    ],
)  # fmt: skip
def test_what_can_not_be_used_is_refused_where_it_stands(actor, vault, given, field):
    with pytest.raises(Invalid) as refused:
        busy.add(actor, vault, **{"name": "", **given})
    assert set(refused.value.fields) == {field}


def test_nobody_touches_the_calendars_of_another(actor, vault, team):
    row = busy.add(actor, vault, "Work", content=ics((MONDAY, MONDAY + HOUR)))
    other = replace(actor, person_id=actor.person_id + 1)
    for call in (busy.remove, busy.fetch_again):
        with pytest.raises(NotFound):
            call(other, row.id)
    busy.remove(actor, row.id)
    assert busy.listing(actor.person_id) == []
