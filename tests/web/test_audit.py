"""Settings, Audit: who asked for what, and whether the chain is whole."""

import json

from app.services.audit import chain
from app.services.unit import batch


def note(app, visit, slug, action="secret_set", what="API_KEY", **data):
    with app.app_context(), batch(visit.actor(app, slug)) as work:
        work.audit(action, what, **data)


def test_entries_are_listed_filtered_and_lead_to_their_task(app, ada, northgate):
    ada.post(f"/t/{northgate}/tasks/new", {"engine": "http", "name": "Probe", "url": "https://example.com/"})
    note(app, ada, northgate)
    shown = ada.get(f"/t/{northgate}/settings/audit").text
    assert "Task created" in shown
    assert f'href="/t/{northgate}/tasks/probe"' in shown
    only = ada.get(f"/t/{northgate}/settings/audit?action=secret_set&what=api&person={ada.id}&from=2026-01-01").text
    assert "API_KEY" in only
    assert "/tasks/probe" not in only
    assert "No entry matches" in ada.get(f"/t/{northgate}/settings/audit?to=2026-01-01").text


def test_older_entries_are_a_page_away(app, ada, northgate):
    for number in range(60):
        note(app, ada, northgate, what=f"KEY_{number}")
    first = ada.get(f"/t/{northgate}/settings/audit").text
    assert "KEY_59<" in first
    assert "KEY_0<" not in first
    older = first.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
    assert "KEY_0<" in ada.get(older).text


def test_the_page_says_whether_the_chain_is_whole(app, ada, northgate, tmp_path):
    address = f"/t/{northgate}/settings/audit"
    assert "not checked yet" in ada.get(address).text
    with app.app_context():
        while chain.seal_new():
            pass
        chain.verify(tmp_path)
        assert "The chain is whole" in ada.get(address).text
        with batch() as work:
            work.connection.exec_driver_sql("UPDATE audit SET object = 'Nothing' WHERE number = 1")
        chain.verify(tmp_path)
    assert "Entry 1 does not fit its seal" in ada.get(address).text


def test_all_of_it_is_a_file(app, ada, northgate):
    note(app, ada, northgate, what="=cmd()", note="a, b")
    lines = ada.get(f"/t/{northgate}/settings/audit.ndjson?action=secret_set").text.splitlines()
    assert [json.loads(line)["object"] for line in lines] == ["=cmd()"]
    table = ada.get(f"/t/{northgate}/settings/audit.csv?action=secret_set").text
    assert "'=cmd()" in table
    assert '"data","seal"\r\n' in table
    assert ada.get(f"/t/{northgate}/settings/audit.exe").status_code == 404


def test_an_editor_does_not_see_it(ben, northgate):
    assert ben.get(f"/t/{northgate}/settings/audit").status_code == 403
    assert ben.get(f"/t/{northgate}/settings/audit.csv").status_code == 403
    assert "settings/audit" not in ben.get(f"/t/{northgate}/settings/general").text


def test_entries_of_the_installation_are_for_those_who_look_after_it(app, ada, cid, northgate):
    assert "Signed in" in ada.get(f"/t/{northgate}/settings/audit?of=installation").text
    assert cid.get(f"/t/{cid.slug}/settings/audit?of=installation").status_code == 403
    assert "The installation" not in cid.get(f"/t/{cid.slug}/settings/audit").text
