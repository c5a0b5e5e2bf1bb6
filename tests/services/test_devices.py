"""Devices are told what their push service alone carries, and forgotten when they are gone."""

from dataclasses import replace

import pytest
import sqlalchemy as sa

from app.channels.base import Message, NotSent
from app.channels.kinds import Means
from app.core.errors import Conflict, Invalid, NotFound
from app.infra import database, fetch
from app.models.people import Person
from app.models.runs import Delivery
from app.services import alerting, devices, telling
from app.services.deliveries.sending import Sender
from app.services.telling import Outside
from app.services.unit import batch
from app.settings import Settings
from tests import factories
from tests.push_service import Phone, PushService, signed_claims

pytestmark = pytest.mark.alike


@pytest.fixture
def service(tmp_path):
    with PushService() as service:
        fetch.configure(Settings(data_dir=tmp_path, allow_hosts=(service.host,)))
        yield service
    fetch.configure(Settings(data_dir=tmp_path))


@pytest.fixture
def vault(app):
    return app.extensions["vault"]


@pytest.fixture
def ada(team):
    return factories.owner(team).person_id


@pytest.fixture
def ben(team):
    with batch() as work:
        new = {"email": "ben@northgate.example", "name": "Ben", "password_hash": "", "created_at": work.now}
        return work.connection.execute(sa.insert(Person).values(new).returning(Person.id)).scalar_one()


def message(**more):
    at = factories.ago(minutes=1)
    given = {
        "kind": "failing",
        "sentence": "Digest failed: no channel #ops.",
        "team": "Northgate",
        "thread": "incident-7",
    }
    return Message(
        **({"id": "alert-1", "url": "https://carillon.example/t/northgate/runs/4?x=1", "at": at} | given | more)
    )


def test_a_message_reaches_every_device_of_a_person_sealed_and_signed(service, vault, ada):
    phones = [Phone(service, path) for path in ("/one", "/two")]
    for phone in phones:
        devices.add(ada, None, phone.given())
    devices.opened(vault, ada, "https://carillon.example").send(message())
    for phone in phones:
        [(told, headers)] = phone.opened()
        assert told["title"] == "Northgate"
        assert told["body"] == "Digest failed: no channel #ops."
        assert told["url"] == "/t/northgate/runs/4?x=1"
        assert not told["asks"]
        assert headers["Content-Encoding"] == "aes128gcm"
        assert (headers["TTL"], headers["Urgency"]) == ("86400", "high")
        claims = signed_claims(headers["Authorization"], devices.public_key(vault))
        assert claims["aud"] == service.url
        assert claims["sub"] == "https://carillon.example"
        assert b"Digest" not in service.got[0][2]
    assert all(row.told_at and not row.problem for row in devices.of(ada))


def test_what_comes_later_of_one_thing_takes_the_place_of_what_came_before(service, vault, ada):
    phone = Phone(service)
    devices.add(ada, None, phone.given())
    channel = devices.opened(vault, ada, "http://localhost:8000")
    channel.send(message())
    channel.send(message(id="alert-1-over", recovered_at=factories.ago()))
    channel.send(message(id="alert-2", thread="", kind="approval"))
    topics = [headers["Topic"] for _, headers in phone.opened()]
    assert topics[0] == topics[1] != topics[2]
    assert all(len(topic) == 32 for topic in topics)
    assert [told["asks"] for told, _ in phone.opened()] == [False, False, True]


def test_a_device_that_its_push_service_does_not_know_any_more_is_forgotten(service, vault, ada):
    for path in ("/here", "/gone", "/missing"):
        devices.add(ada, None, Phone(service, path).given(path))
    service.answers |= {"/gone": 410, "/missing": 404}
    assert "/gone" in devices.opened(vault, ada, "").send(message())
    assert [row.name for row in devices.of(ada)] == ["/here"]


def test_a_push_service_that_refuses_is_named_and_asked_again_only_if_that_may_help(service, vault, ada):
    devices.add(ada, None, Phone(service).given("Pixel"))
    for status, is_permanent in ((429, False), (503, False), (403, True)):
        service.answers["/one"] = status
        with pytest.raises(NotSent) as caught:
            devices.opened(vault, ada, "").send(message())
        assert caught.value.is_permanent is is_permanent
        assert f"answered {status}" in devices.of(ada)[0].problem
    with pytest.raises(NotSent, match="No device") as caught:
        devices.opened(vault, ada + 1, "").send(message())
    assert caught.value.is_permanent


def test_a_long_storm_still_fits_into_one_message(service, vault, ada):
    phone = Phone(service)
    devices.add(ada, None, phone.given())
    devices.opened(vault, ada, "").send(message(sentence="ü" * 5000, team="Ü" * 500, url="/t/x/" + "y" * 900))
    [(told, _)] = phone.opened()
    assert told["body"].endswith(" …")


def test_a_push_service_on_an_inner_address_is_refused(tmp_path, ada, service):
    given = Phone(service).given()
    fetch.configure(Settings(data_dir=tmp_path))
    with pytest.raises(Invalid, match="inner address"):
        devices.add(ada, None, given)
    for wrong in ({"endpoint": "ftp://x.example"}, {"public_key": "AAAA"}, {"public_key": "ü"}, {"auth": "AAAA"},
                  {"endpoint": "https://x.example/" + "y" * 1000}):  # fmt: skip
        with pytest.raises(Invalid):
            devices.add(ada, None, replace(given, **wrong))


def test_a_browser_belongs_to_whoever_asked_last(service, ada, ben):
    phone = Phone(service)
    first = devices.add(ada, 1, phone.given())
    devices.rename(ada, first, "Pixel of Ada")
    assert devices.add(ada, 2, phone.given()) == first
    assert devices.of(ada)[0].name == "Pixel of Ada"
    devices.add(ben, 3, phone.given("Chrome"))
    assert (len(devices.of(ada)), devices.of(ben)[0].name) == (0, "Chrome")
    with pytest.raises(NotFound):
        devices.remove(ada, first)
    assert devices.seen(ben, 4, phone.given().endpoint)
    assert not devices.seen(ada, 5, phone.given().endpoint)
    assert not devices.of(ben)


def test_one_has_so_many_devices_at_most(service, ada):
    for number in range(devices.MOST):
        devices.add(ada, None, Phone(service, f"/{number}").given())
    with pytest.raises(Conflict):
        devices.add(ada, None, Phone(service, "/more").given())


def test_an_alert_reaches_the_devices_of_who_looks_after_the_team(service, vault, team, ada):
    phone = Phone(service)
    devices.add(ada, None, phone.given())
    with batch() as work:
        alerting.begin(work, "missed:1", "missed", "A planned time was missed.", team)
    telling.route(Outside())
    sender = Sender({}, Means("http://localhost"), vault, lambda person: devices.opened(vault, person, ""))
    assert sender.send_next(f"push:{ada}")
    [(told, _)] = phone.opened()
    assert (told["title"], told["body"]) == ("Northgate", "A planned time was missed.")
    assert told["url"].startswith("/t/northgate/")
    assert told["badge"] == 1
    assert not sender.send_next(f"push:{ada}")


def test_push_is_due_for_who_has_a_device_and_the_house_need_not_hear_then(service, team, ada):
    for number in range(2):
        with batch() as work:
            alerting.begin(work, f"missed:{number}", "missed", "A planned time was missed.", team)
        telling.route(Outside(["webhook"]))
        devices.add(ada, None, Phone(service).given())
    with database.read() as connection:
        rows = connection.execute(sa.select(Delivery.alert_id, Delivery.channel).order_by(Delivery.id)).all()
    first, second = sorted({row.alert_id for row in rows})
    assert {row.channel for row in rows if row.alert_id == first} == {"webhook"}
    assert {row.channel for row in rows if row.alert_id == second} == {f"push:{ada}"}
