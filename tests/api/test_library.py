"""Templates for programs: found, read, used, saved, changed, withdrawn, and newer versions taken over or left."""

HTTP = {"name": "Probe", "engine": "http", "settings": {"url": "https://shop.example/health"}}
ABOUT = {"name": "Our probe", "category": "Watch", "sentence": "Asks a shop whether it is well."}


def test_a_template_is_found_read_and_used(ada_program):
    found = ada_program.get("/templates?q=price&category=Watch").json["items"]
    assert [one["slug"] for one in found] == ["price-watch"]
    whole = ada_program.get("/templates/price-watch").json
    assert [one["name"] for one in whole["form"]] == ["url", "after", "limit"]
    assert "Runs Python in the sandbox, without any network." in whole["permissions"]
    refused = ada_program.post("/templates/price-watch/tasks", {"answers": {"url": "shop"}})
    assert refused.status_code == 422
    assert "answers.url" in refused.text
    when = [{"text": "every day at 7:00", "timezone": "Europe/Berlin"}]
    sent = {"answers": {"url": "https://shop.example/"}, "schedules": when, "is_paused": True}
    made = ada_program.make("/templates/price-watch/tasks", sent)
    assert (made["name"], made["state"], len(made["schedules"])) == ("Price watch", "paused", 1)
    assert ada_program.get("/templates?q=price+watch").json["items"][0]["tasks"] == 1


def test_a_task_is_saved_as_a_template_and_its_versions_are_offered(ada_program):
    ada_program.make("/tasks", HTTP)
    unknown = ada_program.post("/tasks/probe/template", ABOUT | {"fields": [{"name": "colour"}]})
    assert unknown.status_code == 422
    saved = ada_program.make("/tasks/probe/template", ABOUT | {"fields": [{"name": "url", "label": "Shop"}]})
    assert (saved["slug"], saved["definition"]["settings"]["url"]) == ("our-probe", "{{ url }}")
    ada_program.make("/templates/our-probe/tasks", {"name": "Other", "answers": {"url": "https://other.example/"}})
    assert ada_program.get("/tasks/other/template-version").status_code == 404
    for note in ("Asks more slowly.", "Asks again."):
        ada_program.patch("/templates/our-probe", ABOUT | {"note": note})
        offer = ada_program.get("/tasks/other/template-version").json
        assert offer["notes"][-1] == note
        if note == "Asks again.":
            assert ada_program.post("/tasks/other/template-version").status_code == 200
        else:
            assert ada_program.delete("/tasks/other/template-version").status_code == 204
        assert ada_program.get("/tasks/other/template-version").status_code == 404
    assert ada_program.delete("/templates/our-probe").status_code == 204
    assert ada_program.post("/templates/our-probe/tasks", {"answers": {"url": "https://a.example/"}}).status_code == 404
