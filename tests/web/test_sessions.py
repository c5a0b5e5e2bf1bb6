"""A sign-in: its cookie, how long it stands, and how it ends."""

from dataclasses import replace
from datetime import timedelta

import sqlalchemy as sa

from app.factory import create_app
from app.models.people import SignIn
from app.services.unit import unit
from tests.web.conftest import PASSWORD, arrive
from tests.web.test_login import sign_in


def age(app, **columns):
    with app.app_context(), unit() as work:
        work.session.execute(sa.update(SignIn).values({name: work.now - by for name, by in columns.items()}))


def cookie_of(answer, name="carillon"):
    return next(cookie for cookie in answer.headers.getlist("Set-Cookie") if cookie.startswith(f"{name}="))


def test_the_cookie_is_for_this_site_and_not_for_scripts(app, ada):
    cookie = cookie_of(sign_in(app.test_client(), ada.email))
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Path=/" in cookie


def test_behind_https_the_cookie_is_secure_and_bound_to_the_host(settings, app, ada):
    secure = create_app(replace(settings, public_url="https://bells.example"))
    answer = secure.test_client().get("/login", base_url="https://bells.example")
    cookie = cookie_of(answer, "__Host-carillon-form")
    assert "Secure" in cookie
    assert "Domain" not in cookie
    assert answer.headers["Strict-Transport-Security"]


def test_the_database_holds_no_token(app, ada):
    cookie = cookie_of(sign_in(app.test_client(), ada.email)).split("=")[1].split(";")[0]
    with app.app_context(), unit() as work:
        assert cookie not in work.session.scalars(sa.select(SignIn.token_hash)).all()


def test_signing_in_again_gives_a_new_token(app, ada):
    first = cookie_of(sign_in(app.test_client(), ada.email))
    assert cookie_of(sign_in(app.test_client(), ada.email)) != first


def test_after_logout_the_old_cookie_is_worth_nothing(app, ada):
    old = ada.client.get_cookie("carillon").value
    assert ada.post("/logout").location == "/login"
    ada.client.set_cookie("carillon", old)
    assert ada.get("/me/profile").status_code == 302


def test_twelve_quiet_hours_end_it(app, ada):
    age(app, seen_at=timedelta(hours=12, minutes=1))
    assert ada.get("/me/profile").status_code == 302


def test_use_keeps_it(app, ada):
    age(app, seen_at=timedelta(hours=11))
    assert ada.get("/me/profile").status_code == 200
    with app.app_context(), unit() as work:
        assert work.session.scalars(sa.select(SignIn.seen_at)).one() > work.now - timedelta(minutes=1)


def test_thirty_days_end_it_in_any_case(app, ada):
    age(app, expires_at=timedelta(seconds=1))
    assert ada.get("/me/profile").status_code == 302


def test_another_browser_can_be_signed_out(app, ada):
    other = app.test_client()
    sign_in(other, ada.email)
    page = ada.get("/me/security").text
    number = page.split("/me/sign-ins/")[1].split("/")[0]
    assert ada.post(f"/me/sign-ins/{number}/revocation").status_code == 303
    assert other.get("/me/profile").status_code == 302
    assert ada.get("/me/profile").status_code == 200


def test_somebody_elses_browser_cannot(app, ada, cid):
    with app.app_context(), unit() as work:
        adas = work.session.scalars(sa.select(SignIn.id).where(SignIn.person_id == ada.id)).one()
    assert cid.post(f"/me/sign-ins/{adas}/revocation").status_code == 404
    assert ada.get("/me/profile").status_code == 200


def test_everywhere_else_at_once(app, ada):
    other = app.test_client()
    sign_in(other, ada.email)
    ada.post("/me/sign-ins/revocation")
    assert other.get("/me/profile").status_code == 302
    assert ada.get("/me/profile").status_code == 200


def test_a_new_password_signs_other_browsers_out(app, ada):
    other = app.test_client()
    sign_in(other, ada.email)
    new = "another bell at eight rings"
    assert ada.post("/me/password", {"current": PASSWORD, "password": new}).status_code == 303
    assert other.get("/me/profile").status_code == 302
    assert ada.get("/me/profile").status_code == 200
    assert sign_in(app.test_client(), ada.email, new).status_code == 303


def test_the_current_password_is_asked_for(app, ada):
    answer = ada.post("/me/password", {"current": "guess", "password": "another bell at eight rings"})
    assert answer.status_code == 422
    assert "This is not your current password." in answer.text


def test_nobody_with_two_spaces(app):
    dee = arrive(app, "Dee Moss", "dee@northgate.example")
    dee.get("/")
    dee.get("/")
    assert dee.get("/me/teams").text.count("Only you") == 2  # in the list and under the switcher
