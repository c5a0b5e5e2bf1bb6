"""Settings, API keys: made, shown once, listed, revoked."""

import re

from tests.web.conftest import arrive, put_in


def make(visit, team, **typed):
    return visit.post(f"/t/{team}/settings/tokens", {"name": "Deploy script", "scopes": ["run"], "days": "30", **typed})


def shown_in(page):
    return re.search(r'id="new-token">(car_\w+)<', page)[1]


def test_a_token_is_shown_once_and_works(app, ada, northgate):
    answer = make(ada, northgate)
    token = shown_in(answer.text)
    assert answer.headers["Cache-Control"] == "no-store"
    later = ada.get(f"/t/{northgate}/settings/tokens").text
    assert token not in later
    assert token[:12] in later
    assert "Never used" in later
    assert app.test_client().get("/api/v1/me", headers={"Authorization": f"Bearer {token}"}).json["scopes"] == ["run"]
    assert "Never used" not in ada.get(f"/t/{northgate}/settings/tokens").text


def test_the_form_keeps_what_was_typed(ada, northgate):
    answer = make(ada, northgate, scopes=[], days="365")
    assert answer.status_code == 422
    assert "Choose at least one of read, run, write, admin." in answer.text
    assert 'value="Deploy script"' in answer.text
    assert '<option value="365" selected>' in answer.text


def test_a_token_is_revoked(app, ada, northgate):
    token = shown_in(make(ada, northgate).text)
    page = ada.get(f"/t/{northgate}/settings/tokens").text
    action = re.search(r'action="([^"]+/revocation)"', page)[1]
    assert ada.post(action).status_code == 303
    assert app.test_client().get("/api/v1/me", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    assert "No tokens yet." in ada.get(f"/t/{northgate}/settings/tokens").text


def test_members_see_their_own_and_owners_all(app, ada, ben, northgate):
    make(ben, northgate, name="Ben's script")
    make(ada, northgate, name="Ada's script")
    page = ben.get(f"/t/{northgate}/settings/tokens").text
    assert "Ben&#39;s script" in page
    assert "Ada&#39;s script" not in page
    assert "of Ben Okri" in ada.get(f"/t/{northgate}/settings/tokens").text


def test_only_scopes_of_ones_role_are_offered(app, ada, northgate):
    dan = arrive(app, "Dan Lee", "dan@northgate.example")
    put_in(app, dan, northgate, "viewer")
    page = dan.get(f"/t/{northgate}/settings/tokens").text
    assert 'value="read"' in page
    assert 'value="run"' not in page
    assert make(dan, northgate).status_code == 422
