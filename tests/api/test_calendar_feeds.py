"""Calendar feeds and busy times for programs: those of the token's person, and never beyond its team."""

from tests.api.conftest import program

FILE = """\
BEGIN:VCALENDAR
BEGIN:VEVENT
UID:1
DTSTART:20200101T090000Z
DTEND:20200101T100000Z
RRULE:FREQ=DAILY
END:VEVENT
END:VCALENDAR
"""


def test_a_feed_is_turned_on_renewed_and_turned_off(app, ada_program):
    feed = ada_program.put("/calendar-feeds/team").json
    assert ada_program.put("/calendar-feeds/team").json["url"] == feed["url"]
    assert "url" not in ada_program.get("/calendar-feeds").json["items"][0]
    client = app.test_client()

    def status(url):
        return client.get("/feeds/" + url.rpartition("/")[2]).status_code

    fresh = ada_program.post("/calendar-feeds/team/rotation").json
    assert (status(feed["url"]), status(fresh["url"])) == (404, 200)
    assert ada_program.get("/calendar-feeds").json["items"][0]["fetched_at"]
    assert ada_program.delete("/calendar-feeds/team").status_code == 204
    assert status(fresh["url"]) == 404
    assert ada_program.get("/calendar-feeds").json == {"items": []}
    assert ada_program.post("/calendar-feeds/team/rotation").status_code == 404


def test_a_token_reaches_no_further_than_its_team_and_a_reading_one_changes_nothing(app, ada, northgate, ada_program):
    assert ada_program.put("/calendar-feeds/all").status_code == 404
    assert program(app, ada, ada.slug).put("/calendar-feeds/all").status_code == 404
    for scopes in (("read",), ("read", "run")):
        small = program(app, ada, northgate, scopes)
        for answer in (
            small.put("/calendar-feeds/team"), small.post("/calendar-feeds/team/rotation"),
            small.delete("/calendar-feeds/team"),
        ):  # fmt: skip
            assert (answer.status_code, "no scope “write”" in answer.json["detail"]) == (403, True)
        assert small.get("/calendar-feeds").json == {"items": []}


def test_calendars_of_ones_own_are_for_tokens_of_ones_own_space(app, ada, northgate, ada_program):
    made = program(app, ada, ada.slug).make("/busy-calendars", {"name": "Work", "content": FILE})
    for answer in (
        ada_program.get("/busy-calendars"), ada_program.post("/busy-calendars", {"content": FILE}),
        ada_program.post(f"/busy-calendars/{made['id']}/refresh"), ada_program.delete(f"/busy-calendars/{made['id']}"),
    ):  # fmt: skip
        assert (answer.status_code, "token in your own space" in answer.json["detail"]) == (403, True)
    small = program(app, ada, ada.slug, ("read", "run"))
    assert small.delete(f"/busy-calendars/{made['id']}").status_code == 403
    assert small.get("/busy-calendars").json["items"] == [made]
    assert len(ada_program.get("/busy-times").json["items"]) in {60, 61}


def test_a_calendar_of_ones_own_says_when_one_is_busy(app, ada, ben):
    ada_program, ben_program = (program(app, one, one.slug) for one in (ada, ben))
    made = ada_program.make("/busy-calendars", {"name": "Work", "content": FILE})
    assert ada_program.get("/busy-calendars").json["items"] == [made]
    assert len(ada_program.get("/busy-times").json["items"]) in {60, 61}
    assert ben_program.get("/busy-times").json == {"items": []}
    assert ben_program.delete(f"/busy-calendars/{made['id']}").status_code == 404
    assert ada_program.post(f"/busy-calendars/{made['id']}/refresh").status_code == 422
    assert ada_program.delete(f"/busy-calendars/{made['id']}").status_code == 204
    assert ada_program.get("/busy-times").json == {"items": []}
