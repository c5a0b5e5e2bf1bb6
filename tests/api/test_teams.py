"""Secrets, teams, members and invitations over the API."""


def test_secrets_are_set_listed_and_never_read(ada_program):
    assert ada_program.put("/secrets/API_KEY", {"value": "a quiet value"}).status_code == 204
    listed = ada_program.get("/secrets")
    assert [one["name"] for one in listed.json["items"]] == ["API_KEY"]
    assert "a quiet value" not in listed.text
    wrong = ada_program.put("/secrets/api-key", {"value": "abc"})
    assert [problem["field"] for problem in wrong.json["errors"]] == ["name", "value"]
    assert "abc" not in wrong.text
    assert ada_program.delete("/secrets/API_KEY").status_code == 204
    assert ada_program.delete("/secrets/API_KEY").status_code == 404


def test_a_team_is_read_and_renamed_by_who_owns_it(ada_program, ben_program):
    assert [team["slug"] for team in ada_program.get("/teams").json["items"]][-1] == "northgate"
    assert ada_program.patch("/teams/northgate", {"name": "North Gate"}).json["name"] == "North Gate"
    assert ada_program.get("/teams/northgate").json["role"] == "owner"
    assert ben_program.patch("/teams/northgate", {"name": "Mine"}).status_code == 403


def test_members_are_listed_given_roles_and_removed(ada_program, ben):
    members = {one["name"]: one for one in ada_program.get("/members").json["items"]}
    assert {name: one["role"] for name, one in members.items()} == {"Ada Park": "owner", "Ben Okri": "editor"}
    changed = ada_program.patch(f"/members/{members['Ben Okri']['id']}", {"role": "viewer"})
    assert changed.json["role"] == "viewer"
    last = ada_program.patch(f"/members/{members['Ada Park']['id']}", {"role": "viewer"})
    assert (last.status_code, "at least one owner" in last.json["detail"]) == (409, True)
    assert ada_program.patch(f"/members/{members['Ben Okri']['id']}", {"role": "king"}).status_code == 422
    assert ada_program.delete(f"/members/{members['Ben Okri']['id']}").status_code == 204


def test_invitations_are_made_shown_once_and_withdrawn(ada_program):
    made = ada_program.make("/invitations", {"role": "runner"})
    assert "/invite/" in made["url"]
    [invitation] = ada_program.get("/invitations").json["items"]
    assert (invitation["role"], "url" in invitation) == ("runner", False)
    assert ada_program.delete(f"/invitations/{invitation['id']}").status_code == 204
    assert ada_program.get("/invitations").json["items"] == []


def test_models_are_named(ada_program):
    assert ada_program.get("/models").json == {"items": []}
