"""Pools and the team's limit over the API."""


def test_pools_are_set_listed_and_deleted(ada_program):
    assert ada_program.put("/pools/gpu", {"slots": 2}).status_code == 204
    assert ada_program.put("/pools/gpu", {"slots": 3}).status_code == 204
    [pool] = ada_program.get("/pools").json["items"]
    assert pool == {"name": "gpu", "slots": 3, "taken": 0, "waiting": 0, "used_by": []}
    assert ada_program.put("/pools/gpu", {"slots": 0}).status_code == 422
    assert ada_program.delete("/pools/gpu").status_code == 204
    assert ada_program.delete("/pools/gpu").status_code == 404


def test_the_limit_of_the_team_is_set_and_taken_off(ada_program, ben_program):
    assert ada_program.get("/limit").json == {"max_running": None, "running": 0, "waiting": 0}
    assert ada_program.put("/limit", {"max_running": 8}).json["max_running"] == 8
    assert ben_program.get("/limit").json["max_running"] == 8
    assert ben_program.put("/limit", {"max_running": None}).status_code == 403
    assert ada_program.put("/limit", {"max_running": 0}).status_code == 422
    assert ada_program.put("/limit", {"max_running": None}).json["max_running"] is None


def test_a_task_names_a_pool_that_is_there(ada_program):
    task = {"name": "Probe", "engine": "http", "settings": {"url": "https://example.com/"}, "policy": {"pool": "gpu"}}
    refused = ada_program.post("/tasks", task)
    assert (refused.status_code, "There is no pool called gpu." in refused.text) == (422, True)
    ada_program.put("/pools/gpu", {"slots": 1})
    made = ada_program.post("/tasks", task)
    assert made.status_code == 201, made.text
    assert ada_program.get("/pools").json["items"][0]["used_by"] == ["Probe"]
