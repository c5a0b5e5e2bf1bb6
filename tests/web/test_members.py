"""Who belongs to a team, in which role, and how others get in."""

import re

import sqlalchemy as sa

from app.models.teams import Membership
from app.services.unit import unit
from tests.web.conftest import PASSWORD, put_in, token_in


def membership(app, visit, slug):
    actor = visit.actor(app, slug)
    with app.app_context(), unit() as work:
        query = sa.select(Membership.id).where(Membership.team_id == actor.team_id, Membership.person_id == visit.id)
        return work.session.scalars(query).one()


def invite(visit, slug, role="runner"):
    page = visit.post(f"/t/{slug}/settings/invitations", {"role": role}).text
    return re.search(r"/invite/[\w-]+", page)[0]


def test_members_see_each_other(ben, northgate):
    page = ben.get(f"/t/{northgate}/settings/members").text
    assert "Ada Park" in page
    assert "Ben Okri" in page


def test_an_owner_changes_a_role(app, ada, ben, northgate):
    path = f"/t/{northgate}/settings/members/{membership(app, ben, northgate)}/role"
    assert ada.post(path, {"role": "viewer"}).status_code == 303
    assert ben.actor(app, northgate).role == "viewer"


def test_an_editor_is_told_whom_to_ask(app, ben, northgate):
    path = f"/t/{northgate}/settings/members/{membership(app, ben, northgate)}/role"
    answer = ben.post(path, {"role": "owner"})
    assert answer.status_code == 403
    assert "manage members" in answer.text
    assert "Ask Ada Park" in answer.text


def test_an_admin_gives_roles_up_to_editor_only(app, ada, ben, cid, northgate):
    put_in(app, cid, northgate, "admin")
    path = f"/t/{northgate}/settings/members/{membership(app, ben, northgate)}/role"
    assert cid.post(path, {"role": "runner"}).status_code == 303
    assert cid.post(path, {"role": "admin"}).status_code == 403
    adas = f"/t/{northgate}/settings/members/{membership(app, ada, northgate)}"
    assert cid.post(f"{adas}/role", {"role": "viewer"}).status_code == 403
    assert cid.post(f"{adas}/removal").status_code == 403


def test_the_last_owner_stays(app, ada, ben, northgate):
    mine = f"/t/{northgate}/settings/members/{membership(app, ada, northgate)}"
    for answer in (
        ada.post(f"{mine}/role", {"role": "viewer"}),
        ada.post(f"{mine}/removal"),
        ada.post(f"/t/{northgate}/settings/leaving"),
    ):
        assert answer.status_code == 409
        assert "A team keeps at least one owner." in answer.text


def test_who_is_removed_finds_nothing_any_more(app, ada, ben, northgate):
    ada.post(f"/t/{northgate}/settings/members/{membership(app, ben, northgate)}/removal")
    assert ben.get(f"/t/{northgate}/settings/members").status_code == 404


def test_anybody_may_leave(ben, northgate):
    assert ben.post(f"/t/{northgate}/settings/leaving").location == "/me/teams?saved=left"
    assert ben.get(f"/t/{northgate}/settings/general").status_code == 404


def test_somebody_with_an_account_joins_by_link_once(app, ada, ben, cid, northgate):
    path = invite(ada, northgate)
    assert "Join Northgate" in cid.get(path).text
    assert cid.post(path).location == f"/t/{northgate}/today"
    assert cid.actor(app, northgate).role == "runner"
    assert ben.post(path).status_code == 404


def test_a_member_does_not_use_an_invitation_up(ada, ben, cid, northgate):
    path = invite(ada, northgate)
    assert ben.post(path).status_code == 409
    assert cid.post(path).status_code == 303


def test_somebody_new_joins_with_a_new_account(app, ada, northgate):
    path = invite(ada, northgate)
    client = app.test_client()
    form = {"name": "Eve Low", "email": "eve@northgate.example", "password": PASSWORD, "timezone": "UTC"}
    answer = client.post(path, data={**form, "csrf_token": token_in(client.get(path).text)})
    assert answer.location == f"/t/{northgate}/today"
    assert "Eve Low" in client.get(f"/t/{northgate}/settings/members").text


def test_a_withdrawn_invitation_is_gone(ada, northgate):
    path = invite(ada, northgate)
    page = ada.get(f"/t/{northgate}/settings/members").text
    ada.post(re.search(r"/t/\S+/settings/invitations/\d+/withdrawal", page)[0])
    assert ada.get(path).status_code == 404


def test_nobody_is_invited_into_ones_own_space(ada):
    answer = ada.post(f"/t/{ada.slug}/settings/invitations", {"role": "viewer"})
    assert answer.status_code == 409


def test_only_an_owner_renames_the_team(ada, ben, northgate):
    assert ben.post(f"/t/{northgate}/settings/general", {"name": "Ours"}).status_code == 403
    ada.post(f"/t/{northgate}/settings/general", {"name": "Southgate"})
    assert "Southgate" in ben.get(f"/t/{northgate}/settings/general").text


def test_refusals_come_as_parts_to_htmx(ben, northgate):
    answer = ben.htmx(f"/t/{northgate}/settings/general", {"name": "Ours"})
    assert answer.status_code == 403
    assert answer.text.startswith('<div class="note')
    assert answer.headers["Cache-Control"] == "no-store"
