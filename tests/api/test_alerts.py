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
        {"channel": "email", "is_recovery": False, "state": "failed", "tries": 5,
         "problem": "Ask who looks after this Carillon why.", "next_try_at": None, "sent_at": None},
    ]  # fmt: skip


def test_a_stranger_sees_none_and_nonsense_is_refused(cid_program):
    assert cid_program.get("/alerts").json == {"items": [], "next_cursor": None}
    assert cid_program.get("/alerts?state=loud").status_code == 422
    assert cid_program.get("/alerts?cursor=bm8").status_code == 422
