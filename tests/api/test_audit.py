"""The audit for programs."""


def test_entries_come_in_pages(ada_program, task):
    for number in range(3):
        ada_program.put(f"/secrets/KEY_{number}", {"value": "hidden"})
    first = ada_program.get("/audit?limit=2&action=secret_set").json
    assert [item["object"] for item in first["items"]] == ["KEY_2", "KEY_1"]
    second = ada_program.get(f"/audit?limit=2&action=secret_set&cursor={first['next_cursor']}").json
    assert [item["object"] for item in second["items"]] == ["KEY_0"]
    assert second["next_cursor"] is None
    assert ada_program.get("/audit/chain").json == {"checked_at": None, "checked": 0, "flaw": ""}


def test_it_needs_the_right_and_the_scope(ben_program, cid_program):
    assert ben_program.get("/audit").status_code == 403
    assert cid_program.get("/audit?of=installation").status_code == 403
    assert cid_program.get("/audit?cursor=bm8").status_code == 422
