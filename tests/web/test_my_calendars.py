"""Me, my calendars: what a person sets up for themselves, and what the page says of it."""

from io import BytesIO

from app.models.feeds import BusyCalendar, CalendarPush
from app.services.feeds import pushing
from tests import factories

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
        row = pushing.find(ada.id)
        assert (row.scope, b"a quiet bell" in row.sealed) == ("mine", False)
    assert "Asked" in ada.post(f"{URL}/push/now", follow_redirects=True).text
    ada.post(f"{URL}/push/removal")
    with app.app_context():
        assert factories.rows(CalendarPush) == []
    assert ada.post(f"{URL}/push/now").status_code == 404
