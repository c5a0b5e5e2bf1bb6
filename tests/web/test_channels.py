"""The pages of channels: a person's own and a team's, tested on the spot, their secrets never shown again."""

import pytest
import sqlalchemy as sa

from app.infra import fetch
from app.models.instance import Audit
from app.models.telling import Channel
from app.services import action_links
from app.services.unit import batch
from tests.factories import rows
from tests.servers import web_server

pytestmark = pytest.mark.alike


@pytest.fixture(autouse=True)
def server(settings):
    fetch.configure(settings)
    with web_server() as running:
        yield running


def made(visit, base, server, path="/status/200", **more):
    answer = visit.post(base, {"kind": "slack", "name": "#ops", "url": f"{server.url}{path}?key=hush-7", **more})
    assert answer.status_code == 303, answer.text
    return int(answer.headers["location"].rpartition("/")[2].partition("?")[0])


def test_a_channel_of_ones_own_is_set_up_tested_and_removed(ada, server):
    page = ada.get("/me/channels").text
    assert "ada@northgate.example" in page
    assert "This Carillon has no mail server yet." in page
    assert "Like https://hooks.slack.com/" in ada.get("/me/channels/new?kind=slack").text
    ident = made(ada, "/me/channels", server)
    page = ada.get("/me/channels").text
    assert "Not used yet" in page
    assert "Slack, 127.0.0.1" in page
    assert "hush-7" not in page + ada.get(f"/me/channels/{ident}").text
    row = ada.htmx(f"/me/channels/{ident}/test").text
    assert row.lstrip().startswith(f'<li id="channel-{ident}">')
    assert "Sent. The answer: 200 OK" in row
    assert "Delivered" in row
    assert b"This is a test: messages reach you here." in server.requests[0][3]
    ada.post(f"/me/channels/{ident}/removal")
    assert "#ops" not in ada.get("/me/channels").text


def test_what_the_other_side_said_is_shown_and_stays(ada, server):
    ident = made(ada, "/me/channels", server, "/status/404")
    page = ada.post(f"/me/channels/{ident}/test").text
    assert "Not sent. 127.0.0.1 answered 404 Not Found" in page
    assert "Refused" in page
    assert "127.0.0.1 answered 404 Not Found" in ada.get("/me/channels").text


def test_what_was_typed_stays_and_an_inner_address_is_refused(ada, settings, tmp_path):
    form = {"kind": "ntfy", "name": "Phone", "topic": "two words", "server": "nonsense", "token": ""}
    page = ada.post("/me/channels", form)
    assert page.status_code == 422
    assert 'value="two words"' in page.text
    assert "A topic has letters" in page.text
    fetch.configure(type(settings)(data_dir=tmp_path))
    page = ada.post("/me/channels", {"kind": "webhook", "name": "", "url": "http://127.0.0.1:9/"})
    assert "127.0.0.1 is an inner address." in page.text
    assert "Microsoft Teams" in ada.post("/me/channels", {"kind": "pigeon"}).text


def test_what_is_left_empty_stays_unless_it_would_go_to_another_server(app, ada, server):
    answer = ada.post("/me/channels", {"kind": "ntfy", "topic": "bells", "server": server.url, "token": "tk_quiet"})
    here = answer.headers["location"].partition("?")[0]
    page = ada.get(here).text
    assert 'value="bells"' in page
    assert "tk_quiet" not in page
    assert ada.post(here, {"name": "Phone", "topic": "chimes", "server": server.url, "token": ""}).status_code == 303
    ada.post(f"{here}/test")
    assert server.requests[-1][2]["Authorization"] == "Bearer tk_quiet"
    other = ada.post(
        here, {"name": "Phone", "topic": "chimes", "server": f"http://localhost:{server.port}", "token": ""}
    )
    assert "Type it again: it was given to the server of before." in other.text
    with app.app_context():
        [row] = rows(Channel)
    assert b"tk_quiet" not in row.sealed
    assert (row.shown, row.person_id) == ("chimes on 127.0.0.1", ada.id)


def test_channels_of_a_team_are_set_up_by_who_manages_it_alone(ada, ben, cid, northgate, server):
    base = f"/t/{northgate}/settings/channels"
    ident = made(ada, base, server)
    other = made(ada, base, server, name="#backup", fallback_id=str(ident))
    assert f'<option value="{ident}" selected>#ops' in ada.get(f"{base}/{other}").text
    page = ben.get(base).text
    assert "#ops" in page
    assert "Send a test" not in page
    for path in (f"{base}/{ident}", f"{base}/{ident}/test", f"{base}/{ident}/removal", base):
        assert ben.post(path, {"kind": "slack"}).status_code == 403
        assert cid.post(path, {"kind": "slack"}).status_code == 404
    assert server.requests == []
    assert ada.get(f"/me/channels/{ident}").status_code == 404
    assert "E-mail" in ada.get(f"{base}/new").text


def test_a_strange_channel_is_not_there(ada, cid, server):
    ident = made(ada, "/me/channels", server)
    for path in (f"/me/channels/{ident}/test", f"/me/channels/{ident}/removal", f"/me/channels/{ident}"):
        assert cid.post(path, {"name": "Mine"}).status_code == 404
    assert server.requests == []


def test_an_address_of_a_team_says_whether_it_was_confirmed_and_is_asked_again(app, ada, northgate):
    base = f"/t/{northgate}/settings/channels"
    form = {"kind": "email", "name": "On call", "addresses": "ada@northgate.example, oncall@x.example"}
    ident = ada.post(base, form).headers["location"].rpartition("/")[2].partition("?")[0]
    page = ada.get(base).text
    assert "oncall@x.example has not confirmed yet: a letter is on its way." in page
    assert "ada@northgate.example has not confirmed yet" in page  # an account proves no address
    assert ada.post(f"{base}/{ident}/letters").status_code == 303
    assert "at most once a day" in ada.get(f"{base}?saved=asked").text
    with app.app_context():
        team = rows(Channel)[0].team_id
        with batch() as work:
            path = action_links.to_confirm(work, "Ada Park (ada@northgate.example)", team, "oncall@x.example", "")
    nobody = app.test_client()
    shown = nobody.get(path).text
    assert "Northgate wants to send them to oncall@x.example" in shown
    assert "Asked for by Ada Park (ada@northgate.example)." in shown
    waits = "oncall@x.example has not confirmed yet"
    assert waits in ada.get(base).text  # to look changes nothing
    assert "Northgate sends its alerts to oncall@x.example from now on." in nobody.post(path).text
    assert waits not in ada.get(base).text
    assert nobody.post(path).status_code == 410  # pressed twice
    assert "Stop these messages" in nobody.get(path).text
    assert waits not in ada.get(base).text
    assert "Northgate sends nothing more to oncall@x.example." in nobody.post(path, data={"stop": "1"}).text
    assert waits in ada.get(base).text
    with app.app_context():
        entries = [row for row in rows(Audit) if row.action == "link_used"]
    said = [(row.team_id, row.person_id, row.object, row.data["purpose"]) for row in entries]
    assert said == [(team, None, "oncall@x.example", purpose) for purpose in ("confirm", "stop")]


def test_addresses_that_do_not_fit_are_said_to_be_asked(app, ada, northgate):
    base = f"/t/{northgate}/settings/channels"
    ada.post(base, {"kind": "email", "name": "On call", "addresses": "oncall@x.example"})
    with app.app_context(), batch() as work:
        work.connection.execute(sa.update(Channel).values(shown="oncall@x.example …"))
    page = ada.get(base).text
    assert "Addresses that are cut off here are asked once, when the next message is due." in page
    assert page.count("has not confirmed yet") == 1


def test_ones_own_space_offers_no_second_way_to_ones_own_mail_and_says_why(ada):
    base = f"/t/{ada.slug}/settings/channels"
    for page in (base, f"{base}/new", f"{base}/new?kind=email"):
        assert "kind=email" not in ada.get(page).text
    answer = ada.post(base, {"kind": "email", "addresses": "oncall@x.example"})
    assert answer.status_code == 422
    assert "Your own e-mail is a way to reach you already." in answer.text
