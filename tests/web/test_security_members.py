"""Who has left a team, or may no longer invite, keeps no way back in."""

import pytest

from tests.web.conftest import put_in
from tests.web.test_members import invite, membership


@pytest.fixture
def cids_link(app, cid, northgate):
    """An invitation that Cid has made as an admin."""
    put_in(app, cid, northgate, "admin")
    return invite(cid, northgate, "editor")


def test_a_member_who_is_taken_out_does_not_come_back_by_a_link_of_their_own(app, ada, cid, northgate, cids_link):
    ada.post(f"/t/{northgate}/settings/members/{membership(app, cid, northgate)}/removal")
    assert cid.post(cids_link).status_code == 404
    assert cid.get(f"/t/{northgate}/today").status_code == 404


def test_who_may_no_longer_invite_gains_nothing_by_an_older_link(app, ada, ben, cid, northgate, cids_link):
    bens_link = invite(ada, northgate, "viewer")
    ada.post(f"/t/{northgate}/settings/members/{membership(app, cid, northgate)}/role", {"role": "viewer"})
    assert cid.post(f"/t/{northgate}/settings/leaving").status_code == 303
    assert cid.post(cids_link).status_code == 404
    assert cid.post(bens_link).status_code == 303


def test_what_others_invited_stays_open(app, ada, ben, cid, northgate, cids_link):
    ada.post(f"/t/{northgate}/settings/members/{membership(app, ben, northgate)}/removal")
    assert ben.post(cids_link).status_code == 303


def test_who_may_only_see_can_change_nothing_but_leave(app):
    open_ = {
        rule.rule
        for rule in app.url_map.iter_rules()
        if rule.methods & {"POST", "PUT", "PATCH", "DELETE"}
        and getattr(app.view_functions[rule.endpoint], "action", "") == "see"
    }
    own = {
        "/t/<team>/settings/leaving",
        "/t/<team>/settings/tokens",
        "/t/<team>/satisfaction",
        "/t/<team>/notifications/read",
        "/t/<team>/notifications/<int:notification_id>/read",
        "/t/<team>/notifications/mute",
        "/api/v1/satisfaction",
        "/t/<team>/settings/tokens/<int:token_id>/revocation",
        "/t/<team>/settings/integrations/feeds/<scope>",
        "/t/<team>/settings/integrations/feeds/<scope>/rotation",
        "/t/<team>/settings/integrations/feeds/<scope>/removal",
    }
    looks = {"/api/v1/me", "/api/v1/schedules/preview", "/api/v1/schedules/conflicts"}  # sent by POST, changing nothing
    assert open_ == own | looks
