"""The pages of webhooks: the secret once, what was sent and answered, and nothing of it to those who may only look."""

import re

import pytest
import sqlalchemy as sa

from app.models.webhooks import Webhook, WebhookDelivery
from app.services import webhooks
from app.services.unit import batch
from app.services.webhooks import Wanted, fanout, sending
from tests.factories import rows

FORM = {"name": "Orders", "url": "https://orders.example/in?key=quiet", "events": ["failed", "succeeded"]}


@pytest.fixture
def base(northgate):
    return f"/t/{northgate}/settings/webhooks"


@pytest.fixture
def made(app, ada, northgate):
    """The id of a webhook, whose address nobody answers at."""
    with app.app_context():
        wanted = Wanted("Orders", "http://127.0.0.1:9/?key=quiet", ["failed"])
        return webhooks.create(ada.actor(app, northgate), app.extensions["vault"], wanted)[0].id


def test_the_secret_is_shown_once(ada, base):
    assert "No webhooks yet." in ada.get(base).text
    page = ada.post(base, FORM).text
    secret = re.search(r'id="new-secret">(whsec_[^<]+)<', page)[1]
    assert secret not in ada.get(f"{base}/1").text
    assert "orders.example, 2 events" in ada.get(base).text
    again = ada.post(f"{base}/1/rotation").text
    assert re.search(r'id="new-secret">(whsec_[^<]+)<', again)[1] != secret
    assert "the signature of the old one" in again


def test_what_was_typed_stays_when_something_is_wrong(ada, base):
    page = ada.post(base, FORM | {"url": "nonsense", "events": [], "condition": "run.x == 1"})
    assert page.status_code == 422
    assert 'value="nonsense"' in page.text
    assert "Type an address like" in page.text
    assert "Choose at least one event." in page.text
    assert "Names begin with data" in page.text


def test_the_log_shows_what_was_sent_and_answered_and_sends_it_again(app, ada, base, made):
    ada.post(f"{base}/{made}/test")
    with app.app_context():
        fanout.fan_out("https://carillon.example")
        [due] = sending.take(1.0, {})
        sending.carry_out(due, app.extensions["vault"], 1.0)
        with batch() as work:
            work.connection.execute(sa.update(WebhookDelivery).values(state="failed", next_try_at=None))
            work.connection.execute(sa.update(Webhook).values(rests_until=None))
    page = ada.get(f"{base}/{made}").text
    assert "&#34;type&#34;: &#34;test&#34;" in page
    assert "CARILLON_ALLOW_HOSTS" in page or "refused the connection" in page
    assert "No message is sent." in ada.get(f"{base}/{made}?state=sent").text
    assert ada.post(f"{base}/{made}/deliveries/1/replay").status_code == 303
    with app.app_context():
        assert [row.state for row in rows(WebhookDelivery)] == ["waiting"]
    assert (
        'hx-trigger="every 2s"'
        in ada.get(f"{base}/{made}/log", headers={"HX-Request": "true", "HX-Request-Type": "partial"}).text
    )


def test_it_is_turned_off_and_on_and_deleted(app, ada, base, made):
    ada.post(f"{base}/{made}/off")
    page = ada.get(f"{base}/{made}").text
    assert "It is off and told nothing." in page
    assert f"{base}/{made}/test" not in page
    assert ada.post(f"{base}/{made}/test").status_code == 409
    ada.post(f"{base}/{made}/on")
    assert f"{base}/{made}/test" in ada.get(f"{base}/{made}").text
    assert ada.post(f"{base}/{made}", FORM | {"name": "Shop"}).status_code == 303
    assert "Shop" in ada.get(base).text
    ada.post(f"{base}/{made}/deletion")
    assert "No webhooks yet." in ada.get(base).text


def test_who_may_not_change_it_sees_where_it_goes_and_no_more(ben, base, made):
    page = ben.get(base).text
    assert "127.0.0.1" in page
    assert "key=quiet" not in page
    assert "Admins and owners add webhooks" in page
    assert ben.get(f"{base}/{made}").status_code == 403


def test_an_answer_is_shown_as_text(app, ada, base, made):
    ada.post(f"{base}/{made}/test")
    with app.app_context(), batch() as work:
        attempt = {
            "at": work.now.isoformat(), "status": 500, "problem": "<img src=x onerror=alert(1)>",
            "answer": "<script>alert(1)</script>", "seconds": 0.1,
        }  # fmt: skip
        work.connection.execute(sa.update(WebhookDelivery).values(attempts=[attempt], state="failed"))
    page = ada.get(f"{base}/{made}").text
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "&lt;script&gt;alert(1)" in page
