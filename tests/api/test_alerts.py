"""Alerts for programs."""

import sqlalchemy as sa

from app.models.runs import Delivery
from app.services import alerting
from app.services.unit import batch


def test_alerts_come_in_pages_with_their_messages(app, ada, ada_program, northgate):
    team_id = ada.actor(app, northgate).team_id
    with app.app_context(), batch() as work:
        for number in range(3):
            alerting.begin(work, f"slow:{number}", "slow", f"Job {number} is slow.", team_id)
        alerting.end(work, "slow:0", "Job 0 has ended.")
        row = {"alert_id": 1, "is_recovery": False, "channel": "email", "state": "failed", "tries": 5, "at": work.now}
        work.connection.execute(sa.insert(Delivery).values(row | {"problem": "Away.", "next_try_at": None}))
    first = ada_program.get("/alerts?limit=1&state=open").json
    assert [item["sentence"] for item in first["items"]] == ["Job 2 is slow."]
    second = ada_program.get(f"/alerts?limit=1&state=open&cursor={first['next_cursor']}").json
    assert [item["sentence"] for item in second["items"]] == ["Job 1 is slow."]
    (over,) = ada_program.get("/alerts?state=over").json["items"]
    assert over["recovery"] == "Job 0 has ended."
    assert over["messages"] == [
        {"channel": "email", "way": "E-mail", "is_recovery": False, "state": "failed", "tries": 5,
         "problem": "Ask who looks after this Carillon why.", "next_try_at": None, "sent_at": None},
    ]  # fmt: skip


def test_a_stranger_sees_none_and_nonsense_is_refused(cid_program):
    assert cid_program.get("/alerts").json == {"items": [], "next_cursor": None}
    assert cid_program.get("/alerts?state=loud").status_code == 422
    assert cid_program.get("/alerts?cursor=bm8").status_code == 422


def test_who_acknowledges_is_named(app, ada, ada_program, cid_program, northgate):
    with app.app_context(), batch() as work:
        alerting.begin(work, "slow:1", "slow", "Job 1 is slow.", ada.actor(app, northgate).team_id)
    assert cid_program.post("/alerts/1/acknowledgement").status_code == 404
    assert ada_program.post("/alerts/1/acknowledgement").status_code == 204
    (shown,) = ada_program.get("/alerts").json["items"]
    assert (shown["acknowledged_by"], shown["incident"]) == ("Ada Park", None)
    with app.app_context(), batch() as work:
        alerting.end(work, "slow:1", "Job 1 has ended.")
    assert ada_program.post("/alerts/1/acknowledgement").status_code == 409
