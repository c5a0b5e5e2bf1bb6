"""Templates of others as somebody sees them: the report before publishing, the page before installing, ratings."""

import dataclasses
import io
import re

import pytest

from app.infra import bundles
from app.services import library
from tests.web.conftest import put_in

pytestmark = pytest.mark.alike

ABOUT = {"name": "Wiki check", "sentence": "Asks whether the wiki is well.", "category": "Watch", "minutes": "3",
         "about": "Written by Ada Park. The key was ghp_16C7e42F292c6912E7710c838347Ae178B4a."}  # fmt: skip


@pytest.fixture
def at(northgate):
    return f"/t/{northgate}"


@pytest.fixture
def saved(ada, at):
    """The address of a template that Ada saved."""
    form = {
        "name": "Wiki",
        "engine": "http",
        "url": "https://wiki.corp/health?from=https://api.github.com/x",
        "method": "GET",
    }
    assert ada.post(f"{at}/tasks/new", form).status_code == 303
    assert ada.post(f"{at}/tasks/wiki/template", ABOUT).status_code == 303
    return f"{at}/templates/wiki-check"


def report(ada, saved):
    """What the report's form would send, and the page."""
    page = ada.get(f"{saved}/publication").text
    ticked = dict.fromkeys(re.findall(r'name="(remove-\w+)" value="1" checked', page), "1")
    asked = re.findall(r'name="(remove-\w+)" value="1"(?! checked)', page)
    seen = re.search(r'name="seen" value="(\w+)"', page)[1]
    return {"seen": seen, "publisher": "Northgate", "visibility": "instance", "do": "publish", **ticked}, asked, page


def test_what_leaves_is_shown_first_and_the_page_before_installing_says_what_it_may(app, ada, cid, at, saved):
    form, asked, page = report(ada, saved)
    assert "is always removed" in page
    assert "16C7e42F292c6912E7710c838347Ae178B4a" not in page
    assert "Replace the person Ada Park by someone" in page
    assert "Replace the host wiki.corp by example.com" in page
    assert len(asked) == 1  # the public host
    refused = ada.post(f"{saved}/publication", form | {"publisher": ""})
    assert refused.status_code == 422
    assert "Say who publishes it." in refused.text
    assert ada.post(f"{saved}/publication", form | {"seen": "0"}).status_code == 409
    assert ada.post(f"{saved}/publication", form | {asked[0]: "1"}).headers["Location"].endswith("?saved=published")
    assert "Published here" in ada.get(saved).text

    theirs = f"/t/{cid.slug}/templates"
    gallery = cid.get(f"{theirs}?source=shared").text
    listing = re.search(r'href="([^"]+/templates/shared/\d+)"', gallery)[1]
    assert "Wiki check" in gallery
    assert "Wiki check" not in cid.get(f"{theirs}?source=shared&q=price").text
    page = cid.get(listing).text
    for words in ("Published by", "Northgate", "The signature is good. Signed by this installation.", "Asks example.com.",
                  "level 2 at least", "It runs no code", "Written by someone. The key was removed."):  # fmt: skip
        assert words in page, words
    assert "github" not in page
    answer = cid.post(listing)
    assert answer.headers["Location"].endswith("/templates/wiki-check?saved=installed")
    page = cid.get(f"{theirs}/wiki-check").text
    assert "From Northgate" in page
    assert "Edit</a>" not in page
    assert cid.get(f"{theirs}/wiki-check/edit").status_code == 404
    assert "Your team has it" in cid.get(listing).text
    assert cid.post(listing).status_code == 409

    assert cid.post(f"{listing}/rating", {"stars": "4", "sentence": "Does it."}).status_code == 303
    assert "<b>4 of 5</b> Does it." in cid.get(listing).text
    assert cid.post(f"{listing}/reports", {"reason": ""}).status_code == 422
    cid.post(f"{listing}/reports", {"reason": "It asks nobody."})
    assert cid.get(f"{theirs}/reports").status_code == 404
    page = ada.get(f"/t/{ada.slug}/templates/reports").text
    assert "It asks nobody." in page
    settle = re.search(r'action="([^"]+/reports/\d+)"', page)[1]
    assert ada.post(settle, {"do": "unpublish"}).status_code == 303
    assert "Nothing is reported." in ada.get(f"/t/{ada.slug}/templates/reports").text
    assert "Wiki check" not in ada.get(f"/t/{ada.slug}/templates?source=shared").text


def test_a_newer_version_says_what_it_asks_anew(ada, cid, at, saved):
    form, _, _ = report(ada, saved)
    ada.post(f"{saved}/publication", form)
    listing = re.search(r'href="([^"]+/shared/\d+)"', cid.get(f"/t/{cid.slug}/templates?source=shared").text)[1]
    cid.post(listing)
    change = {"name": "Wiki", "engine": "shell", "script": "echo $TOKEN", "version": "1"}
    assert ada.post(f"{at}/tasks/wiki/edit", change).status_code == 303
    ada.post(f"{at}/tasks/wiki/template", ABOUT | {"as": "version", "note": "A script now."})
    gallery = f"/t/{cid.slug}/templates?source=team"
    assert "is there" not in cid.get(gallery).text
    assert " is offered." not in cid.get(f"/t/{cid.slug}/templates/wiki-check").text
    assert "Publish version 2" in ada.get(saved).text
    form, _, _ = report(ada, saved)
    ada.post(f"{saved}/publication", form)
    assert "Version 2 is offered." in cid.get(f"/t/{cid.slug}/templates/wiki-check").text
    assert "version 2 is there" in cid.get(gallery).text
    page = cid.get(listing).text
    for words in ("New since version 1", "A script now.", "Runs code: yes, in the sandbox", "echo $TOKEN",
                  "No worker is there now", "Take version 2"):  # fmt: skip
        assert words in page, words
    assert cid.post(listing).status_code == 303
    assert "is there" not in cid.get(gallery).text
    assert ada.post(f"{saved}/publication/end").status_code == 303
    assert "It is no longer offered." not in cid.get(listing).text  # they have it
    assert "Your team has it" in cid.get(listing).text


def test_a_file_goes_out_and_comes_in_elsewhere(app, ada, ben, cid, at, saved):
    form, _, _ = report(ada, saved)
    answer = ada.post(f"{saved}/publication", form | {"do": "export"})
    assert answer.headers["Content-Disposition"] == 'attachment; filename="wiki-check.carillon"'
    assert b"wiki.corp" not in answer.data
    assert ben.get(f"{saved}/publication").status_code == 403  # an editor
    foreign = bundles.pack(bundles.unpack(answer.data).content, "wiki", "Westgate", "2026", bytes(32))
    theirs = f"/t/{cid.slug}/templates"

    def sent(data):
        return cid.post(
            f"{theirs}/bundles", {"file": (io.BytesIO(data), "x.carillon")}, content_type="multipart/form-data"
        )

    refused = sent(foreign[:-40])
    assert refused.status_code == 422
    assert "damaged or changed" in refused.text
    assert "Look at it" in refused.text  # the gallery, to choose another file
    assert sent(b"").status_code == 422
    page = cid.get(sent(foreign).headers["Location"]).text
    assert "Nothing of Westgate was installed here before." in page
    assert bundles.fingerprint(bundles.public_key(bytes(32))) in page


def test_a_private_template_is_seen_by_its_author_and_admins(app, ada, ben, cid, at, saved):
    ada.post(f"{saved}/visibility", {"visibility": "private"})
    assert "Private" in ada.get(saved).text
    assert ben.get(saved).status_code == 404
    assert "Wiki check" not in ben.get(f"{at}/templates?source=team").text
    put_in(app, cid, at.rpartition("/")[2], "viewer")
    ada.post(f"{saved}/visibility", {"visibility": "team"})
    assert "Wiki check" in cid.get(saved).text


def test_others_read_the_index_only_where_it_is_published(app, ada, client, saved):
    form, _, _ = report(ada, saved)
    ada.post(f"{saved}/publication", form | {"visibility": "public"})
    assert client.get("/index.json").status_code == 404
    assert client.get("/index/wiki-check.carillon").status_code == 404
    app.config["SETTINGS"] = dataclasses.replace(app.config["SETTINGS"], publish=True)
    said = client.get("/index.json").json
    assert bundles.is_signed(said["key"], said["payload"].encode(), said["signature"])
    assert "Wiki check" in said["payload"]
    assert bundles.unpack(client.get("/index/wiki-check.carillon").data).content.name == "Wiki check"
    with app.app_context():
        assert said["key"] == library.signing.public(app.extensions["vault"])
