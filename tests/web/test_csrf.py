"""A form counts only when it comes from a page of ours."""

from tests.web.conftest import token_in

FORM = {"name": "Ada P.", "timezone": "UTC"}


def test_without_the_token_nothing_happens(ada):
    answer = ada.client.post("/me/profile", data=FORM)
    assert answer.status_code == 403
    assert 'value="Ada Park"' in ada.get("/me/profile").text


def test_the_header_counts_as_the_field_does(ada):
    assert ada.client.post("/me/profile", data=FORM, headers={"X-CSRFToken": ada.token()}).status_code == 303


def test_somebody_elses_token_does_not_count(ada, cid):
    assert ada.client.post("/me/profile", data={**FORM, "csrf_token": cid.token()}).status_code == 403


def test_another_site_is_refused_even_with_the_token(ada):
    for headers in (
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
    ):
        assert ada.post("/me/profile", FORM, headers=headers).status_code == 403
    assert ada.post("/me/profile", FORM, headers={"Origin": "null"}).status_code == 403


def test_our_own_origin_is_fine(ada):
    headers = {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"}
    assert ada.post("/me/profile", FORM, headers=headers).status_code == 303


def test_a_stale_form_can_be_sent_again_with_what_was_typed(ada):
    stale = ada.client.post(
        "/me/profile", data={**FORM, "csrf_token": "old"}, headers={"Sec-Fetch-Site": "same-origin"}
    )
    assert stale.status_code == 403
    assert 'name="name" value="Ada P."' in stale.text
    again = ada.client.post("/me/profile", data={**FORM, "csrf_token": token_in(stale.text.split("<main")[1])})
    assert again.status_code == 303


def test_passwords_are_not_written_into_the_stale_form(ada):
    answer = ada.client.post(
        "/me/password",
        data={"current": "old-password", "password": "new-password"},
        headers={"Origin": "http://localhost"},
    )
    assert "old-password" not in answer.text
    assert "new-password" not in answer.text


def test_a_form_from_elsewhere_is_not_offered_again(ada):
    answer = ada.client.post("/me/profile", data=FORM, headers={"Sec-Fetch-Site": "cross-site"})
    assert "Send it again" not in answer.text


def test_before_signing_in_the_cookie_and_the_field_must_agree(client):
    token = token_in(client.get("/login").text)
    assert client.post("/login", data={"email": "a@b.c", "password": "x", "csrf_token": token}).status_code == 422
    client.delete_cookie("carillon-form")
    assert client.post("/login", data={"email": "a@b.c", "password": "x", "csrf_token": token}).status_code == 403
