"""Settings > Calendars on the page: what is listed, what forms refuse and show, and who may."""

import re
from datetime import UTC, datetime
from io import BytesIO

import pytest

from app.infra import fetch
from app.services.calendars import feeds
from tests import factories
from tests.services.test_calendars import ics, site, used_by

YEAR = datetime.now(UTC).year + 1
FREEZE = {
    "kind": "blackout",
    "name": "Freeze",
    "timezone": "Europe/Berlin",
    "dated": f"{YEAR}-12-24 - {YEAR + 1}-01-01 Year end",
}
OFFICE = {"kind": "hours", "name": "Office", "timezone": "UTC", "hours": "Mon-Fri 09:00-17:00\nSat 10:00-14:00"}
BERLIN = {
    "kind": "holidays",
    "name": "Berlin",
    "timezone": "Europe/Berlin",
    "country": "DE",
    "region": "BE",
    "own": "12-24 Eve",
}


def add(visit, slug, **fields):
    return visit.post(f"/t/{slug}/settings/calendars", fields)


def listed(visit, slug):
    return visit.get(f"/t/{slug}/settings/calendars").text


def test_without_one_each_kind_is_offered_with_what_it_is_for(ada, ben, northgate):
    page = listed(ada, northgate)
    assert "No calendars yet." in page
    for word in ("Business hours", "Public holidays", "Blackout", "Imported calendar"):
        assert f">{word}</a>" in page
    assert "Admins and owners add and change calendars." in listed(ben, northgate)
    assert "calendars/new" not in listed(ben, northgate)


@pytest.mark.parametrize("fields", [FREEZE, OFFICE, BERLIN])
def test_each_kind_has_a_form_that_makes_it(ada, northgate, fields):
    form = ada.get(f"/t/{northgate}/settings/calendars/new?kind={fields['kind']}").text
    for name in fields:
        assert f'name="{name}"' in form
    answer = add(ada, northgate, **fields)
    assert answer.status_code == 303
    page = ada.get(answer.location).text
    assert "Saved" in page
    assert f'value="{fields["name"]}"' in page
    assert "Nothing in the next three years." not in page


def test_a_calendar_is_listed_with_what_it_covers_next_and_who_uses_it(app, ada, northgate):
    add(ada, northgate, **FREEZE)
    page = listed(ada, northgate)
    assert re.search(r"Next: \w+ 24 Dec \d+ – \w+ 1 Jan \d+, Year end", page)
    assert "Not used yet." in page
    with app.app_context():
        used_by(ada.actor(app, northgate), (1, "exclude"), name="report")
    assert "Used by report." in listed(ada, northgate)
    assert f'href="/t/{northgate}/tasks/report"' in ada.get(f"/t/{northgate}/settings/calendars/freeze").text


def test_holidays_have_their_names_and_the_region_of_the_country(ada, northgate):
    page = ada.get(add(ada, northgate, **BERLIN).location).text
    for word in ("Eve", "Christmas Day", '<option value="BE" selected>Berlin</option>', "Covers next"):
        assert word in page
    assert "Public holidays of Berlin, Germany and 1 line of its own, Europe/Berlin" in listed(ada, northgate)


def test_a_preview_shows_the_next_ones_and_the_regions_and_keeps_nothing(ada, northgate):
    look = f"/t/{northgate}/settings/calendars/preview"
    page = ada.post(look, BERLIN | {"country": "FR", "own": ""}).text
    assert "Fête nationale" in page or "National Day" in page
    assert "The whole country" in page
    assert ">Berlin</option>" not in page
    part = ada.htmx(look + "?regions=1", BERLIN | {"country": "US"}).text
    assert "<form" not in part
    assert 'hx-swap-oob="innerHTML"' in part
    assert ">California</option>" in part
    assert "No calendars yet." in listed(ada, northgate)


def test_a_preview_says_what_it_does_not_understand(ada, northgate):
    part = ada.htmx(f"/t/{northgate}/settings/calendars/preview", OFFICE | {"hours": "Mon 9-5"}).text
    assert "Line 1: “Mon 9-5” can" in part
    page = ada.post(f"/t/{northgate}/settings/calendars/preview", OFFICE | {"hours": "Mon 9-5"}).text
    assert ">\nMon 9-5</textarea>" in page


def test_what_was_typed_stays_when_something_needs_another_look(ada, northgate):
    answer = add(ada, northgate, **FREEZE | {"dated": "2026-12-24 - 2026-12-20 Wrong", "weekly": "Sun"})
    assert answer.status_code == 422
    assert "ends before it begins" in answer.text
    assert "2026-12-24 - 2026-12-20 Wrong</textarea>" in answer.text
    assert ">\nSun</textarea>" in answer.text


def test_a_calendar_is_changed_where_it_is_shown(ada, northgate):
    place = add(ada, northgate, **OFFICE).location.partition("?")[0]
    assert ada.post(place, OFFICE | {"name": "Opening hours", "hours": "Mon 09:00-10:00"}).status_code == 303
    page = ada.get(place).text
    assert 'value="Opening hours"' in page
    assert ">\nMon 09:00-10:00</textarea>" in page
    refused = ada.post(place, OFFICE | {"hours": ""})
    assert refused.status_code == 422
    assert "Write when it is open" in refused.text


def test_it_is_deleted_after_a_question_and_not_while_it_is_used(app, ada, northgate):
    place = add(ada, northgate, **FREEZE).location.partition("?")[0]
    assert "Freeze would be gone for good." in ada.get(place).text
    with app.app_context():
        used_by(ada.actor(app, northgate), (1, "exclude"), name="report")
    assert "gone for good" not in ada.get(place).text
    refused = ada.post(f"{place}/deletion")
    assert refused.status_code == 422
    assert "The task report uses Freeze. Take it out of its schedules first." in refused.text
    add(ada, northgate, **OFFICE)
    assert ada.post(f"/t/{northgate}/settings/calendars/office/deletion").status_code == 303
    assert "Office" not in listed(ada, northgate)


def test_only_admins_and_owners_set_calendars_and_all_see_them(ada, ben, northgate):
    place = add(ada, northgate, **FREEZE).location.partition("?")[0]
    page = ben.get(place).text
    assert "Year end" in page
    assert "<textarea" not in page
    for path in (
        place,
        f"{place}/deletion",
        f"/t/{northgate}/settings/calendars",
        f"/t/{northgate}/settings/calendars/preview",
    ):
        assert ben.post(path, FREEZE).status_code == 403


# --- imported


def test_a_file_is_imported_and_one_that_can_not_be_read_says_which_line(ada, northgate):
    sent = {"kind": "ics", "name": "Team", "timezone": "UTC"}
    answer = add(ada, northgate, **sent, file=(BytesIO(b"BEGIN:VCALENDAR\nnonsense"), "team.ics"))
    assert answer.status_code == 422
    assert "Line 2 can&#39;t be read: “nonsense”." in answer.text
    answer = add(ada, northgate, **sent, file=(BytesIO(b"\xff"), "team.ics"))
    assert "not in UTF-8" in answer.text
    answer = add(ada, northgate, **sent, file=(BytesIO(ics(f"{YEAR}1225", "Party").encode()), "team.ics"))
    page = ada.get(answer.location).text
    assert "Party" in page
    assert "Replace it by a file" in page


def test_pasted_text_is_imported(ada, northgate):
    answer = add(ada, northgate, kind="ics", name="Team", timezone="UTC", content=ics(f"{YEAR}1225", "Party"))
    assert "Party" in ada.get(answer.location).text


def test_an_address_is_fetched_by_a_worker_and_its_problem_shown(app, settings, ada, ben, northgate):
    fetch.configure(settings)
    with site(ics(f"{YEAR}1225", "Party")) as (url, state):
        answer = add(ada, northgate, kind="ics", name="Team", timezone="UTC", url=url)
        assert "Being fetched…" in listed(ada, northgate)
        assert 'http-equiv="refresh"' in listed(ada, northgate)
        assert (
            "hx-get"
            in ada.get(f"/t/{northgate}/settings/calendars/team/row", headers={"HX-Request-Type": "partial"}).text
        )
        with app.app_context():
            feeds.refresh()
        page = ada.get(answer.location).text
        assert "Party" in page
        assert url in page
        assert url not in ben.get(answer.location).text, "an address is often a secret"
        state[0] = 500
        place = answer.location.partition("?")[0]
        assert ada.post(f"{place}/refresh").status_code == 303
        with app.app_context():
            feeds.refresh()
    page = ada.get(place).text
    assert "127.0.0.1 answered 500" in page
    assert "What was fetched before still counts." in page
    assert "Party" in page


def test_one_that_can_not_be_read_any_more_is_shown_with_its_problem(app, ada, northgate):
    with app.app_context():
        factories.calendar(ada.actor(app, northgate).team_id, "Old", "holidays", country="XX")
    assert "No holidays of “XX” are known." in listed(ada, northgate)
    assert "No holidays of “XX” are known." in ada.get(f"/t/{northgate}/settings/calendars/old").text
