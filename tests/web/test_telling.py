"""What people are told, as they set it and see it: notifications and the bell, wishes, alert rules of a team."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from app.models.runs import Alert
from app.models.teams import Team
from app.models.telling import AlertRule, Channel, Incident, IncidentTask, Mute, Notification, Wish
from app.services.unit import batch
from tests import factories
from tests.factories import rows

NOW = datetime.now(UTC)
FAILED = {"events": "failed", "tell": "owner", "after": "1", "tells_end": "1", "name": "Nights"}


@pytest.fixture
def team(app, northgate):
    with app.app_context(), batch() as work:
        return work.connection.execute(sa.select(Team.id).where(Team.slug == northgate)).scalar_one()


@pytest.fixture
def task(app, team):
    with app.app_context():
        return factories.task(team, "digest", label="Morning digest")


@pytest.fixture
def told(app, ada, team, task):
    """Tell Ada so many things, the last the newest; returns their ids."""

    def tell(count=1, person=ada.id, **more):
        usual = {"event": "failed", "person_id": person, "team_id": team, "task_id": task, "is_over": False}
        with app.app_context(), batch() as work:
            found = []
            for number in range(count):
                at = NOW - timedelta(minutes=count - number)
                values = {"key": f"alert:{number}:{person}", "sentence": f"Digest failed, {number}.", "created_at": at}
                new = (
                    sa.insert(Notification)
                    .values(usual | values | {"changed_at": at} | more)
                    .returning(Notification.id)
                )
                found.append(work.connection.execute(new).scalar_one())
            return found

    return tell


def kept(app, model):
    with app.app_context():
        return rows(model)


# --- notifications


def test_the_bell_counts_what_is_unread_until_it_is_read(app, ada, northgate, told):
    first, second = told(2)
    at = f"/t/{northgate}/notifications"
    assert "Notifications, 2 unread" in ada.get(f"/t/{northgate}/today").text
    assert "Notifications, 2 unread" in ada.get("/me/profile").text  # a page of no team has it too
    ada.post(f"{at}/{first}/read")
    assert "Notifications, 1 unread" in ada.get(f"{at}/bell").text
    answer = ada.get(f"{at}/{second}")  # who opens it has read it
    assert answer.location == f"/t/{northgate}/tasks/digest"
    assert "Notifications, none unread" in ada.get(at).text
    told(1, key="alert:9")
    ada.post(f"{at}/read")
    assert all(row.read_at for row in kept(app, Notification))


def test_nobody_sees_or_reads_what_another_was_told(app, ada, ben, northgate, told):
    (hers,) = told()
    at = f"/t/{northgate}/notifications"
    assert "Digest failed" not in ben.get(at).text
    assert "Nothing was told to you yet." in ben.get(at).text
    assert ben.post(f"{at}/{hers}/read").status_code == ben.get(f"{at}/{hers}").status_code == 404
    ben.post(f"{at}/read")
    assert kept(app, Notification)[0].read_at is None


def test_the_panel_has_the_newest_by_task(ada, northgate, told, team, app):
    told(5)
    told(1, key="alert:x", task_id=None, sentence="No worker is alive.", is_over=True)
    page = ada.get(f"/t/{northgate}/notifications/panel").text
    assert page.index("Morning digest") < page.index("Digest failed, 4.") < page.index("and 2 more")
    assert "No worker is alive." in page
    assert "Digest failed, 0." not in page


def test_a_thousand_are_read_page_by_page_each_once(ada, northgate, told):
    told(130)
    seen, address = [], f"/t/{northgate}/notifications"
    while address:
        page = ada.get(address).text
        seen += [int(line.partition(".")[0]) for line in page.split("Digest failed, ")[1:]]
        link = page.partition('rel="next" href="')[2].partition('"')[0]
        address = link.replace("&amp;", "&")
    assert seen == list(reversed(range(130)))
    assert ada.get(f"/t/{northgate}/notifications?after=nonsense").status_code == 200


def test_filters_leave_out_the_rest(ada, northgate, told):
    told(1, read_at=NOW)
    told(1, key="a", event="slow", sentence="Digest is slow.")
    at = f"/t/{northgate}/notifications"
    unread, failures = ada.get(f"{at}?only=unread").text, ada.get(f"{at}?only=failures").text
    assert "Digest is slow." in unread
    assert "Digest failed" not in unread
    assert "Digest failed" in failures
    assert "Digest is slow." not in failures


def test_what_is_over_says_how_it_ended(app, ada, northgate, told, team):
    with app.app_context(), batch() as work:
        alert = {"key": "a", "kind": "failing", "sentence": "x", "team_id": team, "at": NOW, "ended_at": NOW}
        new = sa.insert(Alert).values(alert | {"recovery": "Morning digest works again."}).returning(Alert.id)
        ident = work.connection.execute(new).scalar_one()
    told(1, alert_id=ident, is_over=True)
    assert "Morning digest works again." in ada.get(f"/t/{northgate}/notifications").text


def test_a_failure_is_told_by_its_cause(app, ada, northgate, told, team, task):
    with app.app_context(), batch() as work:
        incident = {"signature": "x", "cause": "The file stock.csv is not there", "sentence": "Ended with exit code 1."}
        times = {"team_id": team, "opened_at": NOW, "last_at": NOW}
        ident = work.connection.execute(
            sa.insert(Incident).values(incident | times).returning(Incident.id)
        ).scalar_one()
        touched = {"incident_id": ident, "task_id": task, "first_at": NOW, "last_at": NOW}
        work.connection.execute(sa.insert(IncidentTask).values(touched))
    told(1, incident_id=ident)
    assert "Morning digest failed: The file stock.csv is not there." in ada.get(f"/t/{northgate}/notifications").text


def test_a_task_is_muted_from_a_notification_and_unmuted_on_the_page_of_channels(app, ada, northgate, told, task):
    told()
    ada.post(f"/t/{northgate}/notifications/mute", {"task": "digest"})
    assert [(row.person_id, row.task_id) for row in kept(app, Mute)] == [(ada.id, task)]
    assert "Unmute" in ada.get("/me/channels").text
    ada.post(f"/me/mutes/{task}/removal")
    assert kept(app, Mute) == []
    assert ada.post(f"/t/{northgate}/notifications/mute", {"task": "elsewhere"}).status_code == 404


# --- wishes


def test_what_a_person_wants_is_kept_and_shown(app, ada, team):
    with app.app_context(), batch() as work:
        values = {"team_id": team, "person_id": ada.id, "kind": "ntfy", "name": "My phone", "sealed": b"", "shown": ""}
        times = {"created_at": NOW, "changed_at": NOW}
        work.connection.execute(sa.insert(Channel).values(values | times))
    wanted = {
        "of-events": "1", "ways-failed": ["email", "channel:1"], "when-failed": "digest", "ways-slow": [],
        "after": "2", "reach": "all",
    }  # fmt: skip
    assert ada.post("/me/wishes/events", wanted).location.endswith("?saved=wishes")
    (row,) = kept(app, Wish)
    assert row.events["ways"]["failed"] == ["app", "channel:1", "email"]  # what matters is always on their page
    assert row.events["ways"]["slow"] == []
    assert (row.events["held"], row.after, row.reach) == (["failed"], 2, "all")
    page = ada.get("/me/channels").text
    assert 'value="channel:1" checked' in page
    assert "My phone" in page


def test_quiet_hours_and_the_digest_are_kept(app, ada):
    form = {
        "of-hours": "1",
        "is_quiet": "1",
        "since": "22:00",
        "until": "07:00",
        "but": ["budget"],
        "digest_at": "17:00",
    }
    ada.post("/me/wishes/hours", form)
    (row,) = kept(app, Wish)
    assert row.quiet == {"since": "22:00", "until": "07:00", "but": ["budget"]}
    assert row.digest_hour == ""  # its switch is off
    ada.post("/me/wishes/hours", {"of-hours": "1", "has_digest": "1", "digest_at": "08:30"})
    (row,) = kept(app, Wish)
    assert (row.quiet, row.digest_hour) == ({}, "08:30")


@pytest.mark.parametrize(
    ("path", "form", "sentence"),
    [
        ("events", {"of-events": "1", "after": "0"}, "Choose a number from 1 to 100."),
        ("events", {"of-events": "1", "after": "1", "ways-failed": "channel:9"}, "Set it up first."),
        ("hours", {"of-hours": "1", "is_quiet": "1", "since": "22:00", "until": ""}, "need a beginning and an end"),
        ("hours", {"of-hours": "1", "is_quiet": "1", "since": "7", "until": "8"}, "Write a time like 22:00."),
    ],
)
def test_what_cant_be_used_is_said_and_nothing_is_kept(app, ada, path, form, sentence):
    answer = ada.post(f"/me/wishes/{path}", form)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert kept(app, Wish) == []


# --- rules


def test_a_rule_is_made_changed_turned_off_deleted_and_taken_back(app, ada, northgate, task):
    at = f"/t/{northgate}/settings/rules"
    form = FAILED | {
        "tags": "Billing, nightly",
        "tasks": "digest",
        "escalates_after": "30",
        "escalates_to": f"person:{ada.id}",
    }
    shown = ada.get(ada.post(at, form).location.partition("?")[0]).text
    assert (
        "When a run failed of Morning digest or tasks tagged billing or nightly, tell the owner of the task at once; if"
        " nobody reacts, tell Ada Park after 30 min."
    ) in shown
    ada.post(f"{at}/1", FAILED | {"when": "digest", "digest_at": "17:00", "after": "2"})
    listed = ada.get(at).text
    assert "When a run failed 2 times in a row, tell the owner of the task in one message at 17:00." in listed
    ada.post(f"{at}/1/off")
    assert "It is off." in ada.get(at).text
    gone = ada.get(ada.post(f"{at}/1/deletion").location).text
    assert "The rule is deleted." in gone
    assert "No alert rules yet." in gone
    assert ada.get(f"{at}/1").status_code == 404
    ada.post(f"{at}/1/recovery")
    (row,) = kept(app, AlertRule)
    assert (row.is_on, row.deleted_at) == (False, None)
    ada.post(f"{at}/1/on")
    assert kept(app, AlertRule)[0].is_on


def test_a_rule_shows_what_it_would_have_sent_before_it_is_saved(app, ada, northgate, task, team):
    at = f"/t/{northgate}/settings/rules"
    assert "Nothing." in ada.post(f"{at}/preview", FAILED).text
    with app.app_context(), batch() as work:
        for days in (1, 2, 40):
            alert = {"key": f"a{days}", "kind": "failing", "sentence": f"Failed {days} days ago.", "team_id": team}
            work.connection.execute(
                sa.insert(Alert).values(alert | {"task_id": task, "at": NOW - timedelta(days=days)})
            )
    page = ada.post(f"{at}/preview", FAILED).text
    assert page.index("Failed 1 days ago.") < page.index("Failed 2 days ago.")
    assert "2 messages on 2 days; most on one day: 1." in page
    assert "40 days ago" not in page
    assert kept(app, AlertRule) == []


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"name": ""}, "A name has 1 to 80 letters"),
        ({"events": []}, "Choose at least one event."),
        ({"tell": []}, "Choose whom it tells."),
        ({"tell": "channel:77"}, "There is no person or channel called channel:77."),
        ({"tasks": "nothing"}, "There is no task called nothing."),
        ({"after": ""}, "Choose a number from 1 to 100."),
        ({"tags": "a<b"}, "can&#39;t be a tag"),
        ({"escalates_after": "30"}, "Choose whom it tells then."),
        ({"is_quiet": "1", "quiet_since": "22:00"}, "need a beginning and an end"),
    ],
)
def test_a_rule_that_cant_be_used_is_shown_again_with_what_was_typed(app, ada, northgate, more, sentence):
    answer = ada.post(f"/t/{northgate}/settings/rules", FAILED | more)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert kept(app, AlertRule) == []


def test_an_editor_sees_rules_and_sets_none(ben, northgate):
    at = f"/t/{northgate}/settings/rules"
    assert "Admins and owners set alert rules." in ben.get(at).text
    assert ben.post(at, FAILED).status_code == 403


# --- tags


def test_tasks_are_tagged_and_found_by_their_tags(app, ada, northgate, task, team):
    with app.app_context():
        factories.task(team, "other", label="Shop sync")
    at = f"/t/{northgate}/tasks"
    assert ada.post(f"{at}/digest/tags", {"tags": "Nightly, büro 2, nightly"}).status_code == 303
    assert "büro 2" in ada.get(f"{at}/digest").text
    found = ada.get(at, query_string={"tag": "büro 2"}).text
    assert "Morning digest" in found
    assert "Shop sync" not in found
    assert "No task matches." in ada.get(f"{at}?tag=night").text
    answer = ada.post(f"{at}/digest/tags", {"tags": "a/b"})
    assert answer.status_code == 422
    assert "can&#39;t be a tag" in answer.text
    assert 'value="a/b"' in answer.text
    assert ada.post(f"{at}/elsewhere/tags", {"tags": "a"}).status_code == 404
