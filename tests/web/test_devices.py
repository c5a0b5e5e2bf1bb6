"""Me, devices: added by the browser itself, named, tried and removed by whoever they belong to."""

import re

import pytest

from app.infra import fetch
from app.services import accounts, devices
from app.settings import Settings
from tests.push_service import Phone, PushService
from tests.web.conftest import PASSWORD


@pytest.fixture
def service(tmp_path):
    with PushService() as service:
        fetch.configure(Settings(data_dir=tmp_path, allow_hosts=(service.host,)))
        yield service
    fetch.configure(Settings(data_dir=tmp_path))


@pytest.fixture
def phone(service):
    return Phone(service)


def turn_on(visit, phone):
    given = phone.given()
    form = {"endpoint": given.endpoint, "public_key": given.public_key, "auth": given.auth}
    assert visit.post("/me/devices", form).location == "/me/devices?saved=device"
    return int(re.findall(r"/me/devices/(\d+)/test", visit.get("/me/devices").text)[-1])


def test_a_device_is_added_named_tried_and_removed(ada, phone):
    ident = turn_on(ada, phone)
    page = ada.get("/me/devices").text
    assert "Firefox" in page or "A program" in page
    assert "Not told of anything yet" in page
    assert ada.post(f"/me/devices/{ident}/name", {"name": "Pixel <9>"}).status_code == 303
    assert "Pixel &lt;9&gt;" in ada.get("/me/devices").text
    assert "127.0.0.1 answered 201 Created." in ada.post(f"/me/devices/{ident}/test").text
    [(told, _)] = phone.opened()
    assert told["url"] == "/me/devices"
    phone.service.answers["/one"] = 403
    assert "Not sent. Pixel &lt;9&gt;: 127.0.0.1 answered 403" in ada.post(f"/me/devices/{ident}/test").text
    assert ada.post(f"/me/devices/{ident}/removal").status_code == 303
    assert "Pixel" not in ada.get("/me/devices").text


def test_a_name_that_is_none_is_asked_for_again_as_it_was_typed(ada, phone):
    ident = turn_on(ada, phone)
    again = ada.post(f"/me/devices/{ident}/name", {"name": "n" * 61})
    assert again.status_code == 422
    assert "Type a name of 1 to 60 letters." in again.text
    assert "n" * 61 in again.text


def test_a_push_service_on_an_inner_address_is_refused_with_a_sentence(ada, service):
    given = Phone(service).given()
    form = {"endpoint": "https://127.0.0.1:1/x", "public_key": given.public_key, "auth": given.auth}
    again = ada.post("/me/devices", form)
    assert again.status_code == 422
    assert "127.0.0.1 is an inner address." in again.text


def test_somebody_elses_device_is_not_there(ada, cid, phone):
    ident = turn_on(ada, phone)
    for path in ("name", "removal", "test"):
        assert cid.post(f"/me/devices/{ident}/{path}", {"name": "Mine"}).status_code == 404
    assert phone.given().endpoint not in cid.get("/me/devices").text


def test_who_signs_out_by_hand_is_told_nothing_more_on_that_device(app, ada, phone):
    turn_on(ada, phone)
    assert ada.post("/me/devices/seen", {"endpoint": phone.given().endpoint}).status_code == 204
    ada.post("/logout")
    with app.app_context():
        assert not devices.of(ada.id)


def test_another_person_before_a_device_ends_it(app, ada, cid, phone):
    turn_on(ada, phone)
    assert cid.post("/me/devices/seen", {"endpoint": phone.given().endpoint}).status_code == 404
    with app.app_context():
        assert not devices.of(ada.id)


def test_signing_out_everywhere_else_leaves_this_device_alone(app, ada, service):
    turn_on(ada, Phone(service))
    with app.app_context():
        other = accounts.who(accounts.sign_in(ada.email, PASSWORD, accounts.Browser("127.0.0.1", "Chrome")))
        devices.add(ada.id, other.sign_in_id, Phone(service, "/two").given("Old phone"))
        devices.add(ada.id, None, Phone(service, "/three").given("Older phone"))
    ada.post("/me/sign-ins/revocation")
    with app.app_context():
        assert [row.endpoint for row in devices.of(ada.id)] == [service.url + "/one"]
