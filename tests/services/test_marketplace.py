"""Templates on their way: published by one team, installed and run by another, and read from another installation."""

import dataclasses
import json
from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.core.errors import Conflict, Forbidden, Invalid, NotFound
from app.domain import library as rules
from app.infra import bundles
from app.infra.database import db
from app.models.instance import Audit, Worker
from app.models.library import Install, Listing
from app.models.people import Person
from app.models.runs import Run
from app.models.teams import Membership, Team
from app.services import library, secrets, tasks, values
from app.services.library import indexes, installing, opinions, publishing, signing
from app.services.library.publishing import Choice
from app.services.tasks import from_template
from app.services.unit import batch
from tests import factories
from tests.factories import rows
from tests.servers import web_server
from tests.services.test_steps import carried_out, tools

__all__ = ["tools"]  # a fixture

pytestmark = pytest.mark.alike

PASSWORD = "a password nobody guesses"


@pytest.fixture(scope="module")
def server():
    with web_server() as running:
        yield running


@pytest.fixture
def vault(app):
    return app.extensions["vault"]


@pytest.fixture
def ada(tools, vault):
    """The owner of the first team."""
    return member(factories.team("northgate"), vault)


@pytest.fixture
def ben(ada, vault):
    """The owner of another one."""
    return member(factories.team("southgate"), vault)


def member(team_id, vault):
    with batch() as work:
        work.connection.execute(sa.update(Team).where(Team.id == team_id).values(data_key=vault.new_data_key(team_id)))
    return factories.owner(team_id)


def colleague(actor, role, name="Cleo Marsh"):
    with batch() as work:
        person = {"email": f"{role}@x.example", "name": name, "password_hash": "", "created_at": work.now}
        id_ = work.connection.execute(sa.insert(Person).values(person).returning(Person.id)).scalar_one()
        values_ = {"team_id": actor.team_id, "person_id": id_, "role": role, "created_at": work.now}
        work.connection.execute(sa.insert(Membership).values(values_))
    db.session.rollback()  # as at the start of each request
    return dataclasses.replace(actor, person_id=id_, role=role)


def probe(actor, url="{{ url }}", note="", slug="", **more):
    content = {
        "name": "Probe", "category": "Watch", "sentence": "Asks a page.", "engine": "http", "settings": {"url": url},
        "form": [{"name": "url", "label": "Page", "kind": "url"}],
        "contract": [{"kind": "pattern", "of": "answer", "pattern": "Hello"}], **more,
    }  # fmt: skip
    return library.save(actor, content, note, slug)


def look(actor, vault, slug="probe", choice=Choice()):  # noqa: B008 it never changes
    return publishing.look(actor, vault, slug, choice, from_template.problem)


def publish(actor, vault, visibility="instance", publisher="Northgate", slug="probe", choice=Choice()):  # noqa: B008 as above
    seen = look(actor, vault, slug).seen
    args = (visibility, publisher, choice, seen, from_template.problem)
    return publishing.publish(actor, vault, slug, *args)


def audited():
    return [row.action for row in rows(Audit)]


# --- published here, installed there


def test_what_one_team_publishes_another_installs_and_runs(tools, ada, ben, vault, server, tmp_path):
    values.put(ada, "depot", "Quayside 14")
    secrets.put(ada, vault, "SHOP", PASSWORD)
    probe(ada, about=f"Ada Park of Northgate asks Quayside 14 with {PASSWORD}.")
    listing = publish(ada, vault)
    (offered,) = installing.offered(ben, vault)
    assert offered.content.about == "someone of our team asks example with removed."
    assert PASSWORD in library.find(ada, "probe").content.about  # the team's own stays as it is
    slug = installing.install(ben, vault, listing.id)
    template = library.find(ben, slug)
    assert (template.source, template.origin.publisher) == ("shared", "Northgate")
    assert [one.source for one in rules.search(library.templates(ben), source="team")] == ["shared"]

    made = rules.made(template, {"url": server.url + "/"}, set())
    task = tasks.create(ben, from_template.draft(template, made, "Theirs"), tmp_path)
    assert tasks.definition(task)["min_isolation"] == 2
    less = from_template.of_definition(tasks.definition(task) | {"min_isolation": 0}, [])
    tasks.change(ben, task.slug, less, task.version_number, tmp_path)
    task = tasks.find(ben, task.slug)
    assert tasks.definition(task)["min_isolation"] == 2  # others have written it, whatever its people choose
    packaged = from_template.draft(template.model_copy(update={"slug": "shop.probe"}), made, "Of a package")
    other = tasks.create(ben, packaged, tmp_path)
    tasks.change(ben, other.slug, less, other.version_number, tmp_path)
    assert tasks.definition(tasks.find(ben, other.slug))["min_isolation"] == 2  # as what packages bring
    run = carried_out(tools, factories.run(ben.team_id, task.id, version_id=task.version_id))
    assert (run.state, run.reason) == ("succeeded", "ok")
    assert run.checks[0]["state"] == "met"
    assert rows(Run)[0].team_id == ben.team_id

    with pytest.raises(Conflict, match="version 1 of it already"):
        installing.install(ben, vault, listing.id)
    with pytest.raises(Conflict, match="Your team has made it"):
        installing.install(ada, vault, listing.id)
    with pytest.raises(NotFound):
        publishing.look(ben, vault, slug, Choice(), from_template.problem)  # what others made is not theirs to publish
    with pytest.raises(NotFound):
        library.save(ben, template.content.model_dump(exclude={"notes"}), "", slug)
    assert {"template_published", "template_installed"} <= set(audited())


def test_a_newer_version_reaches_who_has_it_only_once_it_is_published(ada, ben, vault, tmp_path):
    probe(ada)
    listing = publish(ada, vault)
    slug = installing.install(ben, vault, listing.id)
    made = rules.made(library.find(ben, slug), {"url": "https://a.example/"}, set())
    task = tasks.create(ben, from_template.draft(library.find(ben, slug), made, "Theirs"), tmp_path)
    probe(ada, url="https://other.example/", note="Asks another host.", slug="probe", form=[])
    assert installing.newer([library.find(ben, slug)]) == {}
    assert installing.find(ben, vault, listing.id).content.settings["url"] == "{{ url }}"  # a frozen copy
    publish(ada, vault)
    assert installing.newer([library.find(ben, slug)]) == {slug: (listing.id, 2)}
    offered = installing.find(ben, vault, listing.id)
    assert offered.is_newer
    assert "Hosts in it: other.example" in rules.newly_asked(library.find(ben, slug).content, offered.content)
    assert any(line.startswith("+") and "other.example" in line
               for line in rules.diff(library.find(ben, slug).content, offered.content))  # fmt: skip
    assert installing.install(ben, vault, listing.id) == slug
    use = tasks.origins.of(task)
    assert from_template.offer(task, library.find(ben, slug), use).notes == ("Asks another host.",)


def test_unpublished_it_stays_with_those_who_have_it_and_is_offered_to_nobody(ada, ben, vault):
    probe(ada)
    listing = publish(ada, vault)
    slug = installing.install(ben, vault, listing.id)
    cid = member(factories.team("westgate"), vault)
    publishing.unpublish(ada, "probe")
    assert installing.offered(cid, vault) == []
    with pytest.raises(NotFound):
        installing.find(cid, vault, listing.id)
    assert library.find(ben, slug).content.name == "Probe"
    assert library.find(ada, "probe").visibility == "team"
    publish(ada, vault, "public")
    library.withdraw(ada, "probe")
    assert installing.offered(cid, vault) == []


def test_nothing_leaves_that_was_not_shown(ada, vault):
    probe(ada, url="https://api.github.com/x?who=ada-4@x.example", about="Ask Cleo at https://wiki.corp/.", form=[])
    shown = look(ada, vault)
    host = next(one for one in shown.found if one.value == "api.github.com")
    inner = next(one for one in shown.found if one.value == "wiki.corp")
    assert (host.is_removed, inner.is_removed) == (False, True)
    colleague(ada, "editor")  # Cleo comes, so that her name would be found now
    args = ("instance", "Northgate", Choice(), shown.seen, from_template.problem)
    with pytest.raises(Conflict, match="has changed since you looked"):
        publishing.publish(ada, vault, "probe", *args)
    listing = publish(ada, vault, choice=Choice([inner.id], [host.id]))
    assert listing.content["about"] == "Ask someone at https://wiki.corp/."
    assert listing.content["settings"]["url"].startswith("https://example.com/x")
    with pytest.raises(Invalid, match="Say who publishes it"):
        publish(ada, vault, publisher=" ")


def test_what_is_no_template_any_more_without_what_is_removed_is_refused(ada, vault):
    values.put(ada, "word", "minutes")
    probe(ada, url="https://a.example/{{ run.date | plus_days(1) }}", form=[],
          variables=[{"name": "a", "label": "A", "kind": "number", "value": "minutes"}])  # fmt: skip
    assert "number" in look(ada, vault).problem.lower()
    with pytest.raises(Invalid):
        publish(ada, vault)
    assert rows(Listing) == []


def test_who_sees_a_template_of_a_team(ada, vault):
    editor, other = colleague(ada, "editor"), colleague(ada, "viewer", "Dora Lee")
    probe(editor)
    publishing.share(editor, "probe", "private")
    assert library.find(editor, "probe").visibility == library.find(ada, "probe").visibility == "private"
    with pytest.raises(NotFound):
        library.find(other, "probe")
    assert all(one.slug != "probe" for one in library.templates(other))
    publishing.share(editor, "probe", "team")
    assert library.find(other, "probe").author == "Cleo Marsh"
    publish(ada, vault)
    with pytest.raises(Conflict, match="Unpublish it first"):
        publishing.share(editor, "probe", "private")


# --- in files


def test_a_file_is_looked_at_by_one_team_and_a_changed_key_needs_somebody_to_be_sure(ada, ben, vault):
    probe(ada)
    name, data = publishing.export(ada, vault, "probe", "Northgate", Choice(), "", from_template.problem)
    assert name == "probe.carillon"
    assert bundles.unpack(data).manifest.key == signing.public(vault) == signing.public(vault)
    with pytest.raises(Invalid, match="changed"):
        installing.upload(ben, data.replace(b"Asks a page", b"Eats a page"))
    foreign = bundles.pack(bundles.unpack(data).content, "probe", "Westgate", "2026-11-28", bytes(32))
    first = installing.find(ben, vault, installing.upload(ben, foreign))
    assert (first.trust, first.content.min_isolation) == ("new", 2)
    with pytest.raises(NotFound):
        installing.find(ada, vault, first.listing.id)
    assert installing.offered(ben, vault) == []
    installing.install(ben, vault, first.listing.id)
    forged = bundles.pack(bundles.unpack(data).content, "other", "westgate", "2026-11-28", bytes([1] * 32))
    second = installing.find(ben, vault, installing.upload(ben, forged))
    assert second.trust == "changed"
    with pytest.raises(Invalid, match="another one than before"):
        installing.install(ben, vault, second.listing.id)
    assert installing.install(ben, vault, second.listing.id, is_sure=True) == "probe-2"


# --- opinions


def test_only_those_who_have_it_rate_it_once_and_reports_reach_who_looks_after_it_all(ada, ben, vault):
    probe(ada)
    listing = publish(ada, vault)
    with pytest.raises(Forbidden, match="Only teams that have installed"):
        opinions.rate(ben, listing.id, 5, "Fine.")
    installing.install(ben, vault, listing.id)
    with pytest.raises(Invalid, match="1 to 5"):
        opinions.rate(ben, listing.id, 6, "")
    opinions.rate(ben, listing.id, 2, "Slow.")
    opinions.rate(ben, listing.id, 4, "Fine now.")
    opinions.rate(colleague(ben, "viewer"), listing.id, 5, "")
    offered = installing.find(ben, vault, listing.id)
    assert (offered.stars, offered.ratings, offered.installs) == (4.5, 2, 1)
    assert {(one.stars, one.sentence) for one in opinions.said(listing.id)} == {(4, "Fine now."), (5, "")}
    opinions.report(ben, listing.id, "It asks for a password.")
    with pytest.raises(Forbidden):
        opinions.reports(ben)
    (told,) = opinions.reports(ada)
    assert (told.reason, told.listing.id) == ("It asks for a password.", listing.id)
    opinions.settle(ada, told.id, unpublish=True)
    assert opinions.reports(ada) == []
    assert installing.offered(member(factories.team("westgate"), vault), vault) == []
    assert {"template_rated", "template_reported", "template_unpublished"} <= set(audited())


# --- indexes


class Elsewhere:
    """Another installation: its index and bundles as a web server gives them out."""

    def __init__(self, server, seed=bytes(32)):
        self.server, self.seed, self.files, self.made_at = server, seed, {}, "2026-11-28T09:00:00+00:00"

    def offers(self, slug, content, publisher="Elsewhere"):
        self.files[slug] = bundles.pack(content, slug, publisher, self.made_at, self.seed)

    def give(self, monkeypatch, seed=None, **payload):
        entries = []
        for slug, data in self.files.items():
            said = bundles.unpack(data).manifest
            one = {"slug": slug, "version": said.version, "publisher": said.publisher, "key": said.key}
            entries.append(one | {"digest": bundles.sha256(data).hexdigest()})
        text = json.dumps({"format": 1, "made_at": self.made_at, "templates": entries, **payload})
        index = {"payload": text, "signature": bundles.sign(seed or self.seed, text.encode())}
        sent = {"/index.json": json.dumps(index).encode()}
        sent |= {f"/index/{slug}.carillon": data for slug, data in self.files.items()}
        handler = self.server.RequestHandlerClass
        monkeypatch.setattr(
            handler, "handle_any", lambda one: one.reply(200 if one.path in sent else 404, sent.get(one.path, b""))
        )
        monkeypatch.setattr(handler, "do_GET", handler.handle_any)


def test_what_another_installation_lists_is_checked_and_installed(ada, ben, vault, settings, server, monkeypatch):
    content = library.builtin.templates()["website-check"].content
    there = Elsewhere(server)
    there.offers("check", content)
    there.give(monkeypatch)
    here = dataclasses.replace(
        settings, index_urls=(f"{server.url}/index.json",), index_keys=(bundles.public_key(bytes(32)),)
    )
    assert indexes.refresh(here) == {"read": 1, "failed": 0}
    (offered,) = installing.offered(ben, vault)
    assert (offered.listing.publisher, offered.trust, offered.listing.source) == ("Elsewhere", "new", "index")
    slug = installing.install(ben, vault, offered.listing.id)
    assert library.find(ben, slug).content.min_isolation == 2

    there.offers("check", content.model_copy(update={"notes": ("First version.", "More.")}))
    there.give(monkeypatch, seed=bytes([7] * 32))
    indexes.refresh(here)
    assert "signed with none of the keys" in indexes.states(here)[0].problem
    there.give(monkeypatch, made_at="2026-01-01")
    indexes.refresh(here)
    assert "older than the one" in indexes.states(here)[0].problem
    good = there.files["check"]
    there.give(monkeypatch)
    there.files["check"] = good[:-9]
    handler = server.RequestHandlerClass.do_GET
    monkeypatch.setattr(server.RequestHandlerClass, "do_GET",
        lambda one: one.reply(200, good[:-9]) if one.path.endswith("carillon") else handler(one))  # fmt: skip
    indexes.refresh(here)
    assert "not the one that the index names" in indexes.states(here)[0].problem
    assert installing.newer([library.find(ben, slug)]) == {}
    monkeypatch.setattr(server.RequestHandlerClass, "do_GET", handler)
    indexes.refresh(here)
    assert indexes.states(here)[0].problem == ""
    assert installing.newer([library.find(ben, slug)]) == {slug: (offered.listing.id, 2)}

    there.files.clear()
    there.give(monkeypatch)
    indexes.refresh(here)
    assert installing.offered(ada, vault) == []
    assert library.find(ben, slug).content.name == "Website check"


def test_this_installation_lists_what_is_public_only_when_it_is_told_to(ada, vault, settings, server, monkeypatch):
    probe(ada)
    publish(ada, vault, "public")
    probe(ada, name="Inner")
    publish(ada, vault, slug="inner")
    with pytest.raises(NotFound):
        indexes.document(vault, settings)
    with pytest.raises(NotFound):
        indexes.public_bundle(vault, settings, "probe")
    told = dataclasses.replace(settings, publish=True)
    said = indexes.document(vault, told)
    assert bundles.is_signed(signing.public(vault), said["payload"].encode(), said["signature"])
    with monkeypatch.context() as counted:  # asked again, nothing is packed and signed anew until something changes
        counted.delattr(installing, "packed")
        assert indexes.document(vault, told) == said
    (entry,) = json.loads(said["payload"])["templates"]
    data = indexes.public_bundle(vault, told, entry["slug"])
    assert (entry["slug"], entry["digest"]) == ("probe", bundles.unpack(data).digest)
    with pytest.raises(NotFound):
        indexes.public_bundle(vault, told, "inner")
    sent = {"/index.json": json.dumps(said).encode(), "/index/probe.carillon": data}  # and another one can read it
    monkeypatch.setattr(server.RequestHandlerClass, "do_GET", lambda one: one.reply(200, sent[one.path]))
    there = dataclasses.replace(settings, index_urls=(f"{server.url}/index.json",), index_keys=(said["key"],))
    assert indexes.refresh(there) == {"read": 1, "failed": 0}
    read = [one for one in installing.offered(ada, vault) if one.listing.source == "index"]
    assert [(one.content.name, one.listing.publisher) for one in read] == [("Probe", "Northgate")]
    assert indexes.refresh(settings) == {"read": 0, "failed": 0}  # no longer in the settings
    assert all(one.listing.source != "index" for one in installing.offered(ada, vault))


def test_the_level_that_workers_offer_is_the_best_of_those_alive(app, team):
    with batch() as work:
        base = {
            "host": "h",
            "pid": 1,
            "io_slots": 1,
            "code_slots": 1,
            "busy": 0,
            "is_draining": False,
            "started_at": work.now,
        }
        for name, level, seen in (("a", 1, work.now), ("b", 2, work.now), ("c", 3, work.now - timedelta(hours=1))):
            row = {"name": name, "isolation": {"level": level}, "seen_at": seen, **base}
            work.connection.execute(sa.insert(Worker).values(row))
    assert installing.offers_level() == 2
    assert rows(Install) == []
