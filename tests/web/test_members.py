"""Who belongs to a team, in which role, and how others get in."""

import re
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from app.models.people import SignInLink
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


# --- invitations with a note and a time


def test_an_invitation_says_for_whom_by_whom_and_how_long(ada, northgate):
    form = {"role": "viewer", "email": "eve@northgate.example", "days": "30"}
    page = ada.post(f"/t/{northgate}/settings/invitations", form).text
    assert "Invitation as viewer for eve@northgate.example" in page
    until = datetime.now(UTC) + timedelta(days=30)
    assert re.search(rf"by Ada Park, until <time datetime=\"{until:%Y-%m-%d}", page)


def test_an_invitation_ends_after_its_time(app, ada, cid, northgate):
    page = ada.post(f"/t/{northgate}/settings/invitations", {"role": "viewer", "days": "1"}).text
    path = re.search(r"/invite/[\w-]+", page)[0]
    with app.app_context(), unit() as work:
        [link] = work.session.scalars(sa.select(SignInLink).where(SignInLink.purpose == "invite"))
        assert timedelta(hours=23) < link.expires_at - datetime.now(UTC) <= timedelta(days=1)
        link.expires_at = datetime.now(UTC) - timedelta(seconds=1)
    assert cid.post(path).status_code == 404
    assert "Invitation as viewer" not in ada.get(f"/t/{northgate}/settings/members").text


def test_what_cannot_be_an_invitation_comes_back_with_what_was_typed(ada, northgate):
    for form, sentence in (
        ({"days": "400"}, "Choose how long the link works from the list."),
        ({"days": "x"}, "Make a link"),
        ({"role": "king"}, "Choose a role from the list."),
        ({"email": "e" * 300}, "A note has at most 254 letters."),
    ):
        answer = ada.post(f"/t/{northgate}/settings/invitations", {"role": "viewer", "email": "for Eve", **form})
        assert sentence in answer.text
        assert answer.status_code == (200 if form == {"days": "x"} else 422)


def test_an_admin_does_not_withdraw_what_is_above_them(app, ada, cid, northgate):
    put_in(app, cid, northgate, "admin")
    invite(ada, northgate, "owner")
    page = cid.get(f"/t/{northgate}/settings/members").text
    assert "Invitation as owner" in page
    assert "withdrawal" not in page
    path = re.search(r"/t/\S+/withdrawal", ada.get(f"/t/{northgate}/settings/members").text)[0]
    assert cid.post(path).status_code == 403


# --- owners


def test_a_team_is_handed_over_by_making_another_owner(app, ada, ben, northgate):
    members = f"/t/{northgate}/settings/members"
    assert "You are the only owner." in ada.get(members).text
    assert ada.post(f"{members}/{membership(app, ben, northgate)}/role", {"role": "owner"}).status_code == 303
    assert "You are the only owner." not in ada.get(members).text
    assert ada.post(f"/t/{northgate}/settings/leaving").status_code == 303
    assert ben.actor(app, northgate).role == "owner"
    assert ben.post(f"/t/{northgate}/settings/leaving").status_code == 409


def test_what_each_role_may_do_stands_on_the_page(ben, northgate):
    page = ben.get(f"/t/{northgate}/settings/members").text
    assert '<th scope="col" aria-current="true">editor</th>' in page
    row = re.search(r'<th scope="row">Start and cancel runs</th>(.*?)</tr>', page)[1]
    assert [("yes" in cell) for cell in row.split("</td>")[:-1]] == [False, True, True, True, True, True]


# --- several teams


def test_the_switcher_names_the_role_and_marks_where_one_is(ada, ben, northgate):
    page = ben.get(f"/t/{northgate}/today").text
    switcher = page.partition('<summary class="team">')[2].partition("</details>")[0]
    assert re.search(
        rf'href="/t/{northgate}/today" aria-current="true">.*Northgate <small>editor</small>.*"here"', switcher
    )
    assert re.search(rf'href="/t/{ben.slug}/today"><.*<small>only you</small></span></a>', switcher)
