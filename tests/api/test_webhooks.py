"""Webhooks and hooks for programs: made, told once what is secret, looked at, and let count again."""

WEBHOOK = {"name": "Orders", "url": "http://127.0.0.1:9/in", "events": ["failed"]}


def test_a_webhook_is_made_shown_and_changed(ada_program):
    made = ada_program.make("/webhooks", WEBHOOK, Idempotency_Key="one")
    assert made["secret"].startswith("whsec_")
    assert ada_program.make("/webhooks", WEBHOOK, Idempotency_Key="one") == made
    [line] = ada_program.get("/webhooks").json["items"]
    assert "secret" not in line
    assert (line["state"], line["events"], line["waiting"]) == ("on", ["failed"], 0)
    changed = ada_program.put("/webhooks/1", WEBHOOK | {"condition": 'data.task == "probe"'}).json
    assert changed["condition"] == 'data.task == "probe"'
    wrong = ada_program.put("/webhooks/1", WEBHOOK | {"events": ["nonsense"]})
    assert (wrong.status_code, wrong.json["errors"][0]["field"]) == (422, "events")
    assert ada_program.post("/webhooks/1/rotation", {}).json["secret"] != made["secret"]
    assert ada_program.post("/webhooks/1/test").json == {"delivery": 1}
    [sent] = ada_program.get("/webhooks/1/deliveries?state=waiting").json["items"]
    assert (sent["kind"], sent["attempts"]) == ("test", [])
    assert ada_program.post("/webhooks/1/off").json["state"] == "off"
    assert ada_program.post("/webhooks/1/replay", {}).status_code == 409
    assert ada_program.post("/webhooks/1/on").json["state"] == "on"
    assert ada_program.post("/webhooks/1/replay", {}).json == {"messages": 1}
    assert ada_program.delete("/webhooks/1").status_code == 204
    assert ada_program.get("/webhooks/1").status_code == 404


def test_a_hook_is_made_called_and_let_count_again(ada_program, ben_program, cid_program, task):
    made = ben_program.make(f"/tasks/{task}/hooks", {"name": "Issues", "condition": "payload.n == 1"})
    path = "/hooks/" + made["url"].rpartition("/")[2]
    assert made["secret"] == ""
    assert ben_program.client.post(path, json={"n": 2}).json["status"] == "filtered"
    assert ben_program.client.post(f"{path}?answer=run", json={"n": 1}).json == {"status": "accepted", "run": 1}
    heard = ben_program.get(f"/tasks/{task}/hooks/1/calls").json["items"]
    assert [(one["verdict"], one["payload"]) for one in heard] == [("accepted", {"n": 1}), ("filtered", {"n": 2})]
    assert ben_program.post(f"/tasks/{task}/hooks/1/calls/2/replay").json == {"run": 2}
    assert ben_program.post(f"/tasks/{task}/hooks/1/calls/1/replay").status_code == 409
    tried = ben_program.post(f"/tasks/{task}/hooks/trial", {"payload": '{"n": 2}', "condition": "payload.n == 1"}).json
    assert (tried["starts"], tried["sentence"]) == (False, "The filter does not let it through.")
    changed = ben_program.put(f"/tasks/{task}/hooks/1", {"name": "Issues", "scheme": "github"}).json
    assert len(changed["secret"]) > 20
    assert ben_program.client.post(path, json={"n": 1}).status_code == 401
    renewed = ben_program.post(f"/tasks/{task}/hooks/1/rotation", {}).json
    assert renewed["url"] != made["url"]
    assert ben_program.post(f"/tasks/{task}/hooks/1/off").json["is_off"]
    assert ben_program.client.post(path, json={}).status_code == 404
    assert cid_program.get(f"/tasks/{task}/hooks/1").status_code == 404
    runs = ada_program.get("/runs?trigger=webhook").json["items"]
    assert [run["number"] for run in runs] == [2, 1]
