"""Me, my calendars: what a person sets up for themselves, and what the page says of it."""

from dataclasses import replace
from io import BytesIO
from urllib.parse import urlsplit

import pytest

from app.infra import fetch
from app.models.feeds import BusyCalendar, CalendarPush
from app.services.feeds import accounts
from app.settings import Settings
from tests import factories
from tests.dav import Google

URL = "/me/calendars"
FILE = b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nSUMMARY:Dentist\nDTSTART:20300101\nEND:VEVENT\nEND:VCALENDAR\n"
SERVER = "https://cloud.example/dav/runs/"


def test_a_file_says_when_one_is_busy_and_is_forgotten_again(app, ada, ben):
    ada.post(f"{URL}/busy", {"name": "Work", "file": (BytesIO(FILE), "work.ics")})
    page = ada.get(URL).text
    assert "From a file" in page
    assert "Dentist" not in page
    with app.app_context():
        (row,) = factories.rows(BusyCalendar)
    assert ben.post(f"{URL}/busy/{row.id}/removal").status_code == 404
    assert ben.post(f"{URL}/busy/{row.id}/fetching").status_code == 404
    assert ada.post(f"{URL}/busy/{row.id}/fetching").status_code == 422
    assert "From a file" not in ada.post(f"{URL}/busy/{row.id}/removal", follow_redirects=True).text


def test_what_can_not_be_read_is_said_where_it_was_typed(ada):
    answer = ada.post(f"{URL}/busy", {"name": "Work", "url": "calendar"})
    assert answer.status_code == 422
    assert "Type an address like" in answer.text
    assert 'value="Work"' in answer.text
    answer = ada.post(f"{URL}/busy", {"file": (BytesIO(b"no calendar"), "work.ics")})
    assert (answer.status_code, "Line 1 can&#39;t be read" in answer.text) == (422, True)


def test_a_calendar_elsewhere_is_kept_without_showing_its_password(app, ada):
    given = {"server": SERVER, "username": "ada", "password": "a quiet bell", "scope": "all"}
    assert ada.post(f"{URL}/push", given | {"password": ""}).status_code == 422
    page = ada.post(f"{URL}/push", given, follow_redirects=True).text
    assert SERVER in page
    assert "a quiet bell" not in page
    assert "Nothing was written yet" in page
    ada.post(f"{URL}/push", given | {"password": "", "scope": "mine"})
    with app.app_context():
        row = accounts.find(ada.id)
        assert (row.scope, b"a quiet bell" in row.sealed) == ("mine", False)
    assert "Asked" in ada.post(f"{URL}/push/now", follow_redirects=True).text
    ada.post(f"{URL}/push/removal")
    with app.app_context():
        assert factories.rows(CalendarPush) == []
    assert ada.post(f"{URL}/push/now").status_code == 404


# --- one at Google


@pytest.fixture
def there(app, settings, tmp_path, monkeypatch):
    fetch.configure(settings)
    server = Google(tmp_path)
    monkeypatch.setitem(app.config, "SETTINGS", replace(settings, **server.settings()))
    yield server
    server.stop()
    fetch.configure(Settings(data_dir=tmp_path))


def connect(visit, there):
    """Press Connect, say at Google what `there.says`, and come back."""
    asked = visit.get(f"{URL}/google")
    assert (asked.status_code, asked.location.partition("?")[0]) == (303, f"{there.root}/authorize")
    back = urlsplit(there.allow(urlsplit(asked.location).query))
    return visit.get(f"{back.path}?{back.query}", follow_redirects=True)


def test_a_calendar_at_google_is_connected_named_and_disconnected(ada, there):
    assert "Connect Google Calendar" in ada.get(URL).text
    page = connect(ada, there).text
    assert "Google Calendar is connected. Name the calendar" in page
    assert ada.post(f"{URL}/google", {"calendar": "", "scope": "all"}).status_code == 422
    page = ada.post(f"{URL}/google", {"calendar": there.calendar, "scope": "mine"}, follow_redirects=True).text
    assert "Nothing was written yet" in page
    assert f'value="{there.calendar}"' in page
    given = {"server": SERVER, "username": "ada", "password": "x", "scope": "all"}
    assert "Disconnect Google Calendar first" in ada.post(f"{URL}/push", given).text
    page = ada.post(f"{URL}/push/removal", follow_redirects=True).text
    assert "Turned off; what was put there stays" in page
    assert there.grants == set()
    connect(ada, there)
    there.root, there.grants = "", {}
    there.stop()
    assert "Google did not answer" in ada.post(f"{URL}/push/removal", follow_redirects=True).text


def test_who_does_not_allow_it_reads_so_and_where_it_is_not_set_up_there_is_nothing(app, ada, there, settings):
    there.says = {"error": "access_denied"}
    page = connect(ada, there)
    assert (page.status_code, "Google was not told to let Carillon in" in page.text) == (422, True)
    app.config["SETTINGS"] = settings
    assert "Google" not in ada.get(URL).text.partition('id="push-head"')[2].partition("</section>")[0]
    for path in ("google", "google/return?state=x&code=y"):
        assert ada.get(f"{URL}/{path}").status_code == 404
