"""What people set for themselves."""


def test_name_and_zone_are_kept_and_times_follow(ada):
    answer = ada.post("/me/profile", {"name": "Ada P.", "timezone": "Asia/Tokyo"})
    assert answer.location == "/me/profile?saved=profile"
    page = ada.get(answer.location).text
    assert 'value="Ada P."' in page
    assert '<option value="Asia/Tokyo" selected>' in page
    assert 'role="status"' in page


def test_an_unknown_zone_is_refused_and_the_name_stays_typed(ada):
    answer = ada.post("/me/profile", {"name": "Ada Q.", "timezone": "Mars/Base"})
    assert answer.status_code == 422
    assert "Choose a time zone from the list." in answer.text
    assert 'value="Ada Q."' in answer.text


def test_the_theme_stands_in_the_page_without_a_cookie(ada):
    ada.post("/me/appearance", {"theme": "dark"})
    assert '<html lang="en" data-theme="dark"' in ada.get("/me/profile").text
    ada.post("/me/appearance", {"theme": "auto"})
    assert "data-theme" not in ada.get("/me/profile").text


def test_single_keys_can_be_turned_off(ada):
    assert 'data-keys="off"' not in ada.get("/me/shortcuts").text
    ada.post("/me/shortcuts", {})
    assert 'data-keys="off"' in ada.get("/me/shortcuts").text
    ada.post("/me/shortcuts", {"keys": "1"})
    assert 'data-keys="off"' not in ada.get("/me/shortcuts").text


def test_a_team_can_be_made_and_is_remembered(ada):
    answer = ada.post("/me/teams", {"name": "Bell Tower"})
    assert answer.location == "/t/bell-tower/settings/members"
    ada.get(answer.location)
    assert ada.get("/").location == "/t/bell-tower/today"


def test_t_me_is_ones_own_space(ada):
    assert ada.get("/t/me/settings/general?a=1").location == f"/t/{ada.slug}/settings/general?a=1"
