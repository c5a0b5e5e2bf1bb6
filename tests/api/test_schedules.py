"""Schedules over the API: previewed, replaced, added, removed; in words, or by kind and expression."""

import pytest


def preview(program, **sent):
    answer = program.post("/schedules/preview", sent)
    assert answer.status_code == 200, answer.text
    return answer.json


def test_words_are_understood_with_their_times(ada_program):
    found = preview(
        ada_program, text="every weekday at 9:00", timezone="Europe/Berlin", after="2026-11-27T12:00:00Z", show=2
    )
    assert (found["state"], found["kind"], found["expression"]) == ("understood", "cron", "0 9 * * 1-5")
    assert [fire["at"] for fire in found["fires"]] == ["2026-11-30T08:00:00Z", "2026-12-01T08:00:00Z"]
    assert found["fires"][0]["local"].startswith("2026-11-30T09:00")


def test_the_zone_in_the_words_is_the_one_that_is_told_and_count_shows_as_many(ada_program):
    found = preview(ada_program, text="every day at 9:00 in Lisbon", timezone="Europe/Berlin", count=7)
    assert (found["timezone"], len(found["fires"])) == ("Europe/Lisbon", 7)


def test_a_doubt_is_asked_about_and_nonsense_is_not_known(ada_program):
    asked = preview(ada_program, text="every day")
    assert (asked["state"], asked["fires"], bool(asked["choices"])) == ("ask", [], True)
    assert preview(ada_program, text=asked["choices"][0]["text"])["state"] == "understood"
    assert preview(ada_program, text="at the end of time")["state"] == "unknown"


@pytest.mark.parametrize(
    ("kind", "expression", "first"),
    [
        ("cron", "*/15 8-18 * * 1-5", "2026-11-27T12:15:00Z"),
        ("once", "2026-12-01T09:00", "2026-12-01T09:00:00Z"),
        ("rrule", "FREQ=MONTHLY;BYMONTHDAY=-1;BYHOUR=17;BYMINUTE=0", "2026-11-30T17:00:00Z"),
        ("interval", "90m", "2026-11-27T13:30:00Z"),
        ("interval", "PT90M", "2026-11-27T13:30:00Z"),
        ("interval", "5400", "2026-11-27T13:30:00Z"),
    ],
)
def test_each_kind_has_its_expression(ada_program, kind, expression, first):
    found = preview(ada_program, kind=kind, expression=expression, timezone="UTC", after="2026-11-27T12:00:00Z", show=1)
    assert (found["state"], found["kind"]) == ("understood", kind)
    assert found["fires"][0]["at"] == first


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"kind": "cron", "expression": "every day at 9:00"}, ""),
        ({"kind": "interval", "expression": "0 9 * * *"}, "expression"),
        ({"kind": "rrule", "expression": "0 9 * * *"}, "expression"),
        ({"kind": "cron"}, "expression"),
        ({"expression": "0 9 * * *"}, "kind"),
        ({"text": "every hour", "kind": "cron"}, "text"),
        ({}, "text"),
        ({"text": "every hour", "show": 1001}, "show"),
        ({"text": "every hour", "gap": "maybe"}, "gap"),
        ({"text": "every hour", "after": "tomorrow"}, "after"),
        ({"text": "every hour", "tiemzone": "UTC"}, "tiemzone"),
    ],
)
def test_what_is_wrong_is_said_by_field(ada_program, sent, field):
    answer = ada_program.post("/schedules/preview", sent)
    if field:
        assert answer.status_code == 422
        assert [problem["field"] for problem in answer.json["errors"]] == [field]
    else:
        assert answer.json["kind"] == "cron"


def test_the_zone_is_that_of_the_person_and_clock_changes_are_told(ada_program):
    assert preview(ada_program, text="every day at 9:00")["timezone"] == "UTC"
    found = preview(
        ada_program, text="every day at 2:30", timezone="Europe/Berlin", after="2027-03-01T00:00:00Z", gap="skip"
    )
    assert found["notes"]


def test_limits_end_a_schedule(ada_program):
    found = preview(
        ada_program, text="every day at 9:00", timezone="UTC", after="2026-11-27T12:00:00Z", count=2, show=10
    )
    assert len(found["fires"]) == 2
    assert found["last"]["at"] == "2026-11-29T09:00:00Z"


def test_schedules_of_a_task_are_replaced_added_and_removed(ada_program, task):
    path = f"/tasks/{task}/schedules"
    one = {"text": "every weekday at 9:00", "timezone": "Europe/Berlin"}
    put = ada_program.put(path, {"schedules": [one, {"kind": "cron", "expression": "0 18 * * *"}]}).json
    assert [(rule["position"], rule["state"], rule["timezone"]) for rule in put["items"]] == [
        (0, "active", "Europe/Berlin"), (1, "active", "UTC"),
    ]  # fmt: skip
    assert put["version"] == 2
    added = ada_program.make(path, {"text": "every 90 minutes", "count": 3})
    assert (len(added["items"]), added["items"][2]["count"], added["items"][2]["kind"]) == (3, 3, "interval")
    removed = ada_program.delete(f"{path}/0").json
    assert removed["items"][0]["expression"] == "0 18 * * *"
    assert ada_program.get(path).json == removed
    assert ada_program.delete(f"{path}/7").status_code == 404
    wrong = ada_program.post(path, {"text": "every day"})
    assert (wrong.status_code, wrong.json["errors"][0]["field"]) == (422, "text")


@pytest.fixture
def office(ada_program):
    """A calendar of business hours."""
    given = {"name": "Office", "kind": "hours", "timezone": "UTC", "hours": ["Mon-Fri 09:00-17:00"]}
    answer = ada_program.post("/calendars", given)
    assert answer.status_code == 201, answer.json
    return answer.json["slug"]


def test_a_preview_says_what_calendars_and_jitter_do(ada_program, office):
    asked = {
        "text": "every day at 9:00", "timezone": "UTC", "after": "2026-11-27T12:00:00Z", "show": 3, "jitter": 300,
        "calendars": [{"calendar": office, "use": "next_day"}],
    }  # fmt: skip
    found = ada_program.post("/schedules/preview", asked).json
    assert [fire["at"] for fire in found["fires"]] == ["2026-11-30T09:00:00Z"] * 3
    assert found["fires"][0]["by_rule"] == "2026-11-28T09:00:00Z"
    assert "Office" in found["fires"][0]["notes"][0]
    assert "up to 5 min later (jitter)" in found["notes"][-1]
    left_out = asked | {"calendars": [{"calendar": office, "use": "only"}]}
    fires = ada_program.post("/schedules/preview", left_out).json["fires"]
    assert [fire["is_left_out"] for fire in fires] == [True, True, False]


def test_a_schedule_keeps_its_calendars(ada_program, task, office):
    used = [{"calendar": office, "use": "exclude"}]
    given = {"text": "every day at 9:00", "timezone": "UTC", "calendars": used}
    stored = ada_program.put(f"/tasks/{task}/schedules", {"schedules": [given]}).json
    assert stored["items"][0]["calendars"] == used
    unknown = given | {"calendars": [{"calendar": "nowhere", "use": "exclude"}]}
    refused = ada_program.put(f"/tasks/{task}/schedules", {"schedules": [unknown]})
    assert refused.status_code == 422
    assert "There is no calendar called nowhere." in refused.text
