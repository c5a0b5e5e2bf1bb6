"""Signing in with e-mail and password, and by link."""

from datetime import timedelta

import sqlalchemy as sa

from app.models.people import Throttle
from app.services import accounts
from app.services.unit import unit
from tests.web.conftest import PASSWORD, token_in


def sign_in(client, email, password=PASSWORD, **more):
    token = token_in(client.get("/login").text)
    return client.post("/login", data={"email": email, "password": password, "csrf_token": token, **more})


def test_the_right_password_leads_on(app, ada):
    client = app.test_client()
    answer = sign_in(client, "Ada@northgate.example ", next="/me/security")
    assert (answer.status_code, answer.location) == (303, "/me/security")
    assert client.get("/me/security").status_code == 200


def test_wrong_person_and_wrong_password_read_the_same(app, ada):
    wrong_password = sign_in(app.test_client(), ada.email, "not this one at all")
    nobody = sign_in(app.test_client(), "nobody@northgate.example", "not this one at all")
    assert wrong_password.status_code == nobody.status_code == 422
    assert "E-mail or password is not right." in wrong_password.text
    assert "E-mail or password is not right." in nobody.text


def test_next_never_leaves_the_site(app, ada):
    for address in ("https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"):
        assert sign_in(app.test_client(), ada.email, next=address).location == "/"


def test_after_five_wrong_tries_the_door_waits_and_says_how_long(app, ada):
    client = app.test_client()
    for _ in range(5):
        assert sign_in(client, ada.email, "wrong wrong wrong").status_code == 422
    answer = sign_in(client, ada.email)
    assert answer.status_code == 429
    assert 25 <= int(answer.headers["Retry-After"]) <= 32
    assert "Try again in" in answer.text
    assert f'value="{ada.email}"' in answer.text


def test_after_the_wait_the_right_password_counts(app, ada):
    client = app.test_client()
    for _ in range(5):
        sign_in(client, ada.email, "wrong wrong wrong")
    wait_is_over(app)
    assert sign_in(client, ada.email).status_code == 303
    assert sign_in(app.test_client(), ada.email, "wrong wrong wrong").status_code == 422


def test_another_address_is_not_shut_out(app, ada):
    for _ in range(6):
        sign_in(app.test_client(), ada.email, "wrong wrong wrong")
    client = app.test_client()
    client.environ_base["REMOTE_ADDR"] = "10.1.2.3"
    assert sign_in(client, ada.email).status_code == 303


def test_a_forwarded_address_is_not_believed(app, ada):
    client = app.test_client()
    for number in range(6):
        client.environ_base["HTTP_X_FORWARDED_FOR"] = f"10.0.0.{number}"
        answer = sign_in(client, ada.email, "wrong wrong wrong")
    assert answer.status_code == 429


def test_a_page_asked_for_before_comes_after(app, northgate):
    answer = app.test_client().get(f"/t/{northgate}/settings/members?x=1")
    assert answer.location == f"/login?next=/t/{northgate}/settings/members%3Fx%3D1"


def test_htmx_is_led_to_the_door_as_a_page(app, northgate):
    headers = {"HX-Request": "true", "HX-Current-URL": f"http://localhost/t/{northgate}/settings/members"}
    answer = app.test_client().get(f"/t/{northgate}/settings/members", headers=headers)
    assert answer.headers["HX-Redirect"] == f"/login?next=/t/{northgate}/settings/members"


def test_programs_get_a_401(app, northgate):
    answer = app.test_client().get(f"/t/{northgate}/settings/members", headers={"Accept": "application/json"})
    assert answer.status_code == 401


def test_a_new_installation_says_where_the_link_is(client):
    assert "first sign-in link" in client.get("/login").text


def test_a_sign_in_link_is_used_by_its_button_only(app, ada):
    path = link_for(app, ada)
    client = app.test_client()
    for _ in range(3):
        page = client.get(path)
        client.head(path)
    assert client.get("/me/profile").status_code == 302
    answer = client.post(path, data={"csrf_token": token_in(page.text)})
    assert (answer.status_code, answer.location) == (303, "/")
    assert client.get("/me/profile").status_code == 200
    assert app.test_client().get(path).status_code == 404


def link_for(app, visit):
    with app.app_context():
        return accounts.sign_in_link(visit.email)


def wait_is_over(app):
    with app.app_context(), unit() as work:
        past = work.now - timedelta(minutes=20)
        work.session.execute(sa.update(Throttle).values(blocked_until=past, failed_at=past))
