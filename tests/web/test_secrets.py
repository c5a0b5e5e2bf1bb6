"""Secrets on the page: names, never values."""

import re

from tests.web.conftest import put_in

VALUE = "s3cr3t-of-the-bell"


def put(visit, slug, name="API_KEY", value=VALUE):
    return visit.post(f"/t/{slug}/settings/secrets", {"name": name, "value": value})


def test_a_secret_is_listed_by_name_with_who_set_it(ada, northgate):
    assert put(ada, northgate).status_code == 303
    page = ada.get(f"/t/{northgate}/settings/secrets").text
    assert "API_KEY" in page
    assert "by Ada Park" in page


def test_no_page_ever_shows_the_value(ada, northgate):
    put(ada, northgate)
    refused = put(ada, northgate, name="not a name")
    assert refused.status_code == 422
    assert VALUE not in refused.text
    assert VALUE not in ada.get(f"/t/{northgate}/settings/secrets").text


def test_wrong_names_and_sizes_are_told(ada, northgate):
    for name in ("api_key", "1KEY", "A", "A" * 65, "KEY-1", ""):
        assert "A name has capital letters" in put(ada, northgate, name=name).text
    assert "at least 4 characters" in put(ada, northgate, value="abc").text
    assert "at most 64 KB" in put(ada, northgate, value="a" * 65_537).text


def test_an_editor_sees_names_and_sets_none(ada, ben, northgate):
    put(ada, northgate)
    page = ben.get(f"/t/{northgate}/settings/secrets").text
    assert "API_KEY" in page
    assert "Set a secret" not in page
    assert put(ben, northgate).status_code == 403


def test_an_admin_may(app, cid, northgate):
    put_in(app, cid, northgate, "admin")
    assert put(cid, northgate).status_code == 303


def test_a_deleted_one_is_gone(ada, northgate):
    put(ada, northgate)
    page = ada.get(f"/t/{northgate}/settings/secrets").text
    ada.post(re.search(r"/t/\S+/settings/secrets/\d+/deletion", page)[0])
    assert "No secrets yet." in ada.get(f"/t/{northgate}/settings/secrets").text
