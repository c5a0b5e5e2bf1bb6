"""Calendars at Google: a person lets Carillon in, runs are put there, and access that ends is told once."""

from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

import pytest
import sqlalchemy as sa

from app.core.errors import Invalid, NotFound
from app.infra import fetch
from app.models.feeds import CalendarPush
from app.models.runs import Alert
from app.models.teams import Team
from app.services.feeds import accounts, google, pushing
from app.services.unit import batch
from app.settings import Settings
from tests import factories
from tests.dav import Google

pytestmark = pytest.mark.alike


@pytest.fixture
def there(app, settings, tmp_path):
    fetch.configure(settings)
    server = Google(tmp_path)
    yield server
    server.stop()
    fetch.configure(Settings(data_dir=tmp_path))


@pytest.fixture
def vault(app, team):
    vault = app.extensions["vault"]
    with batch() as work:
        work.connection.execute(sa.update(Team).values(data_key=vault.new_data_key(team)))
    return vault


@pytest.fixture
def values(settings, there):
    return replace(settings, public_url="https://carillon.example", **there.settings())


@pytest.fixture
def connect(actor, vault, values, there):
    """Connect as a person does who allows it, or returns with `said`."""

    def connect(actor=actor, **said):
        asked = google.begin(actor, vault, values)
        back = urlsplit(there.allow(urlsplit(asked).query))
        assert f"{back.scheme}://{back.netloc}{back.path}" == "https://carillon.example/me/calendars/google/return"
        google.finish(actor, vault, values, dict(parse_qsl(back.query)) | said)

    return connect


@pytest.fixture
def push(team, actor, vault, values, there):
    """Bring the calendar up to date as a worker does; returns what was asked of Google meanwhile."""
    task_id = factories.task(team, "monthly", label="Monthly digest")
    factories.schedule(team, task_id, "0 9 1,15 * *", "cron", timezone="Europe/Berlin")

    def push():
        there.asked.clear()
        pushing.push(vault, values)
        return dict(there.asked)

    return push


def state(actor):
    return accounts.find(actor.person_id)


def test_runs_are_put_there_once_the_calendar_has_a_name(actor, values, connect, push, there):
    connect()
    assert push() == {}
    accounts.choose(actor, values, there.calendar, "all")
    assert state(actor).calendar_id == there.calendar
    asked = push()
    assert (asked["/token"], asked["PROPFIND"]) == (1, 1)
    assert asked["PUT"] in {3, 4, 5}
    assert {str(event["SUMMARY"]) for event in there.events().values()} == {"Monthly digest"}
    assert push() == {}
    assert not any(token.encode() in state(actor).sealed for token in there.grants)


def test_a_token_that_has_run_out_is_renewed_on_the_way(actor, values, connect, push, there, monkeypatch):
    connect()
    accounts.choose(actor, values, there.calendar, "all")
    listing = pushing.Collection.listing

    def listed(collection):
        found = listing(collection)
        there.access.clear()
        return found

    monkeypatch.setattr(pushing.Collection, "listing", listed)
    asked = push()
    assert asked["/token"] == 2
    assert asked["PUT"] - 1 in {3, 4, 5}, "one more was refused, and sent again"
    assert state(actor).problem == ""


def test_access_that_was_taken_away_is_told_once_and_connecting_again_mends_it(actor, values, connect, push, there):
    connect()
    accounts.choose(actor, values, there.calendar, "all")
    push()
    there.grants.clear()
    with batch() as work:
        work.connection.execute(sa.update(CalendarPush).values(pushed_at=None))
    assert push() == {"/token": 1}
    assert state(actor).problem == "127.0.0.1 does not let Carillon in any more."
    assert push() == {}
    (alert,) = factories.rows(Alert)
    assert (alert.kind, alert.ended_at, "See My calendars" in alert.sentence) == ("calendar_push", None, True)
    connect()
    assert state(actor).calendar_id == there.calendar
    assert push()["PROPFIND"] == 1
    assert factories.rows(Alert)[0].ended_at


def test_who_disconnects_gives_the_access_back_and_is_told_where_that_fails(actor, vault, values, connect, there):
    connect()
    assert accounts.remove(actor, vault, values) is True
    assert (there.asked["/revoke"], there.grants, factories.rows(CalendarPush)) == (1, set(), [])
    connect()
    assert accounts.remove(actor, vault, replace(values, google_client_id="", google_client_secret="")) is False
    assert factories.rows(CalendarPush) == []


def test_who_does_not_allow_it_or_not_all_of_it_is_told_so_and_nothing_changes(connect, there):
    for said, sentence in (
        ({"error": "access_denied"}, "Google was not told to let Carillon in"),
        ({"scope": "openid"}, "leave every box ticked"),
    ):
        there.says = said
        with pytest.raises(Invalid, match=sentence):
            connect()
    assert factories.rows(CalendarPush) == []


def test_an_answer_for_another_one_or_a_changed_or_used_one_is_refused(actor, connect, vault, values, there):
    other = factories.owner(factories.team("other"))
    stolen = dict(parse_qsl(urlsplit(there.allow(urlsplit(google.begin(actor, vault, values)).query)).query))
    with batch() as work:
        mine = sa.update(Team).where(Team.id == other.team_id)
        work.connection.execute(mine.values(data_key=vault.new_data_key(other.team_id)))
    with pytest.raises(Invalid, match="not for you"):
        google.finish(other, vault, values, stolen)
    for state in ("", "x", "ä", stolen["state"][:-8] + "AAAAAAA="):
        with pytest.raises(Invalid, match="not for you"):
            connect(state=state)
    google.finish(actor, vault, values, stolen)
    with pytest.raises(Invalid, match="Connect again"):
        google.finish(actor, vault, values, stolen)


def test_an_answer_that_comes_too_late_is_refused(actor, connect, monkeypatch):
    monkeypatch.setattr(google, "_LASTS", -google._LASTS)
    with pytest.raises(Invalid, match="too old"):
        connect()


def test_a_calendar_is_named_by_its_id_alone_and_only_after_connecting(actor, values, connect):
    with pytest.raises(NotFound):
        accounts.choose(actor, values, "ada@northgate.example", "all")
    connect()
    for calendar in ("", "a/b", "a?b", "x" * 201, "a\nb"):
        with pytest.raises(Invalid) as refused:
            accounts.choose(actor, values, calendar, "all")
        assert set(refused.value.fields) == {"calendar"}


def test_a_wrong_client_is_the_administrators_to_mend(actor, vault, values, connect, there):
    there.client = (there.client[0], "another secret")
    with pytest.raises(Invalid, match="An administrator is to check its client id"):
        connect()
    with pytest.raises(NotFound):
        google.begin(actor, vault, replace(values, google_client_id=""))
