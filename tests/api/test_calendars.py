"""Calendars for programs: made, looked at, changed and deleted; what each covers next; countries and regions."""

from datetime import UTC, datetime

import pytest

from tests.services.test_calendars import ics, used_by

YEAR = datetime.now(UTC).year + 1
FREEZE = {
    "name": "Freeze",
    "kind": "blackout",
    "timezone": "Europe/Berlin",
    "dated": [f"{YEAR}-12-24 - {YEAR + 1}-01-01 Year end"],
}


def test_a_calendar_is_made_read_and_listed(ada_program, ben_program):
    made = ada_program.make("/calendars", FREEZE)
    assert made["slug"] == "freeze"
    assert made["coming"] == [
        {"begin": f"{YEAR}-12-23T23:00:00Z", "end": f"{YEAR + 1}-01-01T23:00:00Z", "what": "Year end"}
    ]
    assert ben_program.get("/calendars/freeze").json == made
    assert [item["name"] for item in ben_program.get("/calendars").json["items"]] == ["Freeze"]


def test_a_change_keeps_what_was_not_sent(ada_program):
    ada_program.make("/calendars", FREEZE)
    answer = ada_program.patch("/calendars/freeze", {"weekly": ["Sun 02:00-04:00 Backup"]})
    assert answer.status_code == 200
    assert (answer.json["dated"], answer.json["weekly"]) == (FREEZE["dated"], ["Sun 02:00-04:00 Backup"])
    assert (answer.json["version"], answer.json["timezone"], answer.json["name"]) == (2, "Europe/Berlin", "Freeze")


def test_one_that_is_used_is_not_deleted(app, ada, ada_program, northgate):
    ada_program.make("/calendars", FREEZE)
    with app.app_context():
        used_by(ada.actor(app, northgate), (1, "exclude"), name="report")
    refused = ada_program.delete("/calendars/freeze")
    assert refused.status_code == 422
    assert "The task report uses Freeze." in refused.text
    assert ada_program.get("/calendars/freeze").json["used_by"] == [{"name": "report", "slug": "report"}]


def test_one_that_is_not_used_is_deleted(ada_program):
    ada_program.make("/calendars", FREEZE)
    assert ada_program.delete("/calendars/freeze").status_code == 204
    assert ada_program.get("/calendars/freeze").status_code == 404


@pytest.mark.parametrize(
    ("sent", "field", "sentence"),
    [
        ({"dated": ["soon"]}, "dated", "Line 1: “soon” can't be read."),
        ({"kind": "hours"}, "hours", "Write when it is open"),
        ({"timezone": "Mars"}, "timezone", "There is no time zone “Mars”."),
        ({"kind": "ics", "url": "ftp://x"}, "url", "Type an address like https://"),
    ],
)
def test_what_can_not_be_used_is_named_by_its_field(ada_program, sent, field, sentence):
    for path in ("/calendars", "/calendars/preview"):
        answer = ada_program.post(path, FREEZE | sent)
        assert answer.status_code == 422
        assert f'"{field}"' in answer.text
        assert sentence in str(answer.json)


def test_a_preview_keeps_nothing(ada_program):
    answer = ada_program.post("/calendars/preview", FREEZE)
    assert [item["what"] for item in answer.json["items"]] == ["Year end"]
    assert ada_program.get("/calendars").json == {"items": []}


def test_stretches_are_listed_from_an_instant_on(ada_program):
    ada_program.make("/calendars", {"name": "Berlin", "kind": "holidays", "country": "DE", "region": "BE"})
    found = ada_program.get("/calendars/berlin/stretches?after=2026-12-01T00:00:00Z&count=2").json["items"]
    assert [item["what"] for item in found] == ["Christmas Day", "Second Day of Christmas"]
    assert ada_program.get("/calendars/berlin/stretches?after=9999-12-31T00:00:00Z").status_code == 200


def test_a_file_is_imported_by_its_text_and_its_address_is_for_those_who_set_it(ada_program, ben_program):
    ada_program.make("/calendars", {"name": "Team", "kind": "ics", "url": "https://calendar.example/a-secret.ics"})
    assert ada_program.get("/calendars/team").json["url"] == "https://calendar.example/a-secret.ics"
    assert ben_program.get("/calendars/team").json["url"] == ""
    assert ada_program.post("/calendars/team/refresh").status_code == 204
    changed = ada_program.patch("/calendars/team", {"content": ics(f"{YEAR}1225", "Party")}).json
    assert (changed["url"], [one["what"] for one in changed["coming"]]) == ("", ["Party"])


def test_countries_and_regions_are_listed_by_name(ben_program):
    assert {"code": "DE", "name": "Germany"} in ben_program.get("/countries").json["items"]
    assert {"code": "BE", "name": "Berlin"} in ben_program.get("/countries/DE").json["items"]
    assert ben_program.get("/countries/XX").status_code == 404


def test_only_admins_and_owners_set_them_and_strangers_find_none(ada_program, ben_program, cid_program):
    ada_program.make("/calendars", FREEZE)
    assert ben_program.post("/calendars", FREEZE).status_code == 403
    assert ben_program.delete("/calendars/freeze").status_code == 403
    assert cid_program.get("/calendars/freeze").status_code == 404
