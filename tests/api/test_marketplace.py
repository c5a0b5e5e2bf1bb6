"""Templates for programs on their way between teams: report, publish, inspect, install, rate, report, unpublish."""

import io

import pytest

from tests.api.conftest import program

pytestmark = pytest.mark.alike

HTTP = {"name": "Probe", "engine": "http", "settings": {"url": "https://wiki.corp/health"}}
ABOUT = {"name": "Our probe", "category": "Watch", "sentence": "Asks the wiki of Northgate."}


@pytest.fixture
def probe(ada_program):
    ada_program.make("/tasks", HTTP)
    return ada_program.make("/tasks/probe/template", ABOUT)["slug"]


def sent(program, path, data):
    headers = {"Authorization": f"Bearer {program.token}"}
    form = {"file": (io.BytesIO(data), "x.carillon")}
    return program.client.post(f"/api/v1{path}", data=form, content_type="multipart/form-data", headers=headers)


def test_a_template_is_published_and_another_team_installs_rates_and_reports_it(
    ada_program, cid_program, app, ada, probe
):
    report = ada_program.get(f"/templates/{probe}/publication").json
    assert {(one["kind"], one["value"]) for one in report["found"]} == {("host", "wiki.corp"), ("team", "Northgate")}
    body = {"visibility": "instance", "publisher": "Northgate", "seen": "x"}
    assert ada_program.post(f"/templates/{probe}/publication", body).status_code == 409
    published = ada_program.post(f"/templates/{probe}/publication", body | {"seen": report["seen"]}).json
    assert (published["visibility"], published["published_version"]) == ("instance", 1)

    (line,) = cid_program.get("/shared-templates").json["items"]
    path = f"/shared-templates/{line['id']}"
    whole = cid_program.get(path).json
    assert (whole["sentence"], whole["trust"], whole["min_isolation"]) == ("Asks the wiki of our team.", "own", 2)
    assert {"what": "Hosts in it", "words": "example.com"} in whole["asks"]
    assert cid_program.put(f"{path}/rating", {"stars": 5}).status_code == 403
    installed = cid_program.make(f"{path}/installation", {})
    assert (installed["source"], installed["publisher"]) == ("shared", "Northgate")
    assert cid_program.post(f"{path}/installation", {}).status_code == 409
    assert cid_program.put(f"{path}/rating", {"stars": 4, "sentence": "Fine."}).status_code == 204
    assert cid_program.post(f"{path}/reports", {"reason": "It asks nobody."}).status_code == 204
    whole = cid_program.get(path).json
    assert (whole["stars"], whole["installs"], whole["said"][0]["sentence"]) == (4.0, 1, "Fine.")

    owner = program(app, ada, ada.slug)  # of the first team
    (told,) = owner.get("/template-reports").json["items"]
    assert told["reason"] == "It asks nobody."
    assert ada_program.get("/template-reports").status_code == 403
    assert owner.post(f"/template-reports/{told['id']}", {"unpublish": True}).status_code == 204
    assert owner.get("/shared-templates").json["items"] == []
    assert ada_program.delete(f"/templates/{probe}/publication").status_code == 404


def test_a_bundle_goes_out_and_is_inspected_before_it_is_installed(ada_program, ben_program, cid_program, probe):
    assert ben_program.post(f"/templates/{probe}/bundle", {"publisher": "Northgate"}).status_code == 403
    answer = ada_program.post(f"/templates/{probe}/bundle", {"publisher": "Northgate"})
    assert answer.headers["Content-Disposition"] == 'attachment; filename="our-probe.carillon"'
    assert b"wiki.corp" not in answer.data
    refused = sent(cid_program, "/shared-templates/files", answer.data[:-30])
    assert (refused.status_code, "damaged or changed" in refused.text) == (422, True)
    whole = sent(cid_program, "/shared-templates/files", answer.data).json
    assert (whole["source"], whole["publisher"], whole["installed"]) == ("upload", "Northgate", None)
    assert ada_program.get(f"/shared-templates/{whole['id']}").status_code == 404
    assert cid_program.make(f"/shared-templates/{whole['id']}/installation", {})["slug"] == "our-probe"


def test_a_private_template_is_its_authors_alone(ada_program, ben_program, probe):
    ben_program.make("/tasks", HTTP | {"name": "Mine"})
    mine = ben_program.make("/tasks/mine/template", ABOUT | {"name": "Mine"})["slug"]
    assert ben_program.put(f"/templates/{mine}/visibility", {"visibility": "private"}).json["visibility"] == "private"
    assert ada_program.get(f"/templates/{mine}").status_code == 200  # an owner
    ada_program.put(f"/templates/{probe}/visibility", {"visibility": "private"})
    assert ben_program.get(f"/templates/{probe}").status_code == 404
