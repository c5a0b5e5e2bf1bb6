"""The first person comes in by the printed link, once."""

import pytest

from app.services import accounts
from tests.web.conftest import PASSWORD, token_in

FORM = {"name": "Ada Park", "email": "Ada@Northgate.example", "password": PASSWORD, "timezone": "Europe/Berlin"}


@pytest.fixture
def path(app, settings):
    with app.app_context():
        return accounts.setup_link(settings).removeprefix(settings.url)


def send(client, path, **changes):
    token = token_in(client.get(path).text)
    return client.post(path, data={**FORM, **changes, "csrf_token": token})


def test_the_link_leads_to_today_signed_in(client, path):
    answer = send(client, path)
    assert answer.status_code == 303
    assert answer.location == "/t/ada-park/today"
    assert client.get("/me/profile").status_code == 200


def test_the_first_person_owns_a_space_of_their_own(client, path):
    send(client, path)
    page = client.get("/t/ada-park/settings/members").text
    assert "owner" in page
    assert "This is your own space" in page


def test_the_link_works_once(app, client, path):
    send(client, path)
    assert app.test_client().get(path).status_code == 404


def test_a_newer_link_replaces_the_older(app, client, settings, path):
    with app.app_context():
        accounts.setup_link(settings)
    answer = client.get(path)
    assert answer.status_code == 404
    assert "This link was used, or is too old." in answer.text


def test_nobody_gets_a_link_once_somebody_has_an_account(app, client, settings, path):
    send(client, path)
    with app.app_context():
        assert accounts.setup_link(settings) is None


def test_what_was_typed_stays_when_something_is_wrong(client, path):
    answer = send(client, path, email="ada", name="Ada Park")
    assert answer.status_code == 422
    assert 'value="Ada Park"' in answer.text
    assert "Type an e-mail like ada@example.com." in answer.text
    assert PASSWORD not in answer.text


def test_a_weak_password_is_refused_with_a_reason(client, path):
    answer = send(client, path, password="short")
    assert answer.status_code == 422
    assert 'id="f-password-error"' in answer.text


def test_opening_the_link_uses_nothing_up(client, path):
    for _ in range(3):
        client.get(path)
        client.head(path)
    assert send(client, path).status_code == 303
