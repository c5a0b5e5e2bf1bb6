"""The list of runs and the page of a run: whole, as parts, for those who may and for those who may not."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from app.infra.storage import Storage
from app.models.runs import Artifact, Attempt, LogChunk, Run, Step
from app.models.tasks import Task
from app.models.teams import Team
from app.services.unit import batch
from tests import factories
from tests.web.conftest import arrive, put_in

XSS = (
    "<script>alert(1)</script>",
    "\x1b[31m<img src=x onerror=alert(1)>\x1b[0m",
    '"><svg onload=alert(1)>',
    "javascript:alert(1)",
    "{{ 7 * 7 }}",
)
PART = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.fixture
def team(app, northgate):
    with app.app_context():
        return factories.rows(Team, Team.slug == northgate)[0].id


@pytest.fixture
def make(app, ada, team):
    """Make a run of Ada's; returns its number."""
    tasks = {}

    def run(state="succeeded", task="probe", log=(), **values):
        with app.app_context():
            if task not in tasks:
                tasks[task] = factories.task(team, task)
            if state not in {"queued", "missed", "skipped", "blocked"}:
                values.setdefault("started_at", factories.ago(seconds=30))
            run_id = factories.run(team, tasks[task], state, requested_by_id=ada.id, **values)
            if log:
                store_log(run_id, log)
            return factories.rows(Run, Run.id == run_id)[0].number

    return run


def store_log(run_id, texts, first=1):
    lines = [[n / 10, "error" if "Error" in text else "info", text] for n, text in enumerate(texts)]
    chunk = {"run_id": run_id, "first": first, "count": len(lines), "size_bytes": 9, "token": 1, "lines": lines}
    with batch() as work:
        work.connection.execute(sa.insert(LogChunk).values(chunk | {"at": work.now}))


def stored(app, number):
    with app.app_context():
        return factories.rows(Run, Run.number == number)[0]


def attempt(app, run_number, *steps, **values):
    """Give a run an attempt with steps: (name, state, seconds)."""
    run = stored(app, run_number)
    with app.app_context(), batch() as work:
        row = {"run_id": run.id, "number": 1, "token": 1, "state": "running", "worker": "w", "isolation": {}}
        row |= {"started_at": run.started_at} | values
        new = work.connection.execute(sa.insert(Attempt).values(row).returning(Attempt.id)).scalar_one()
        for position, (name, state, seconds) in enumerate(steps, 1):
            step = {"attempt_id": new, "position": position, "name": name, "state": state}
            times = {"started_at": row["started_at"], "ended_at": row["started_at"] + timedelta(seconds=seconds)}
            work.connection.execute(sa.insert(Step).values(step | times))


@pytest.fixture
def page(northgate):
    return f"/t/{northgate}/runs"


@pytest.fixture
def viewer(app, northgate):
    visit = arrive(app, "Vic Low", "vic@northgate.example")
    put_in(app, visit, northgate, "viewer")
    return visit


# --- the list


def test_without_runs_the_list_says_so(ada, page):
    assert "No run in this period, and none is planned." in ada.get(page).text


def test_without_runs_the_list_says_when_the_next_one_is(app, ada, team, page):
    with app.app_context():
        factories.schedule(team, factories.task(team), "1h")
    assert re.search(r"No run in this period; the next one is (Today|Tomorrow) at \d\d:\d\d\.", ada.get(page).text)


def test_what_was_planned_adds_up_in_words(ada, make, page):
    for state in ("succeeded", "failed", "running", "skipped", "missed"):
        make(state)
    text = ada.get(page).text
    assert "5 runs were planned in the last 24 hours." in text
    assert "<b>2 ran</b>, 1 is going, 2 did not, and each has its reason." in text


def test_what_did_not_happen_stands_with_its_reason(ada, make, page):
    make("missed", reason="grace", sentence="Missed: no worker took it within its grace.")
    make("succeeded", task="other")
    text = ada.get(f"{page}?status=not").text
    assert "Missed: no worker took it within its grace." in text
    assert ">grace</a>" in text
    assert "other" not in text.partition('id="run-list"')[2]


def test_filters_stand_in_the_address_and_lead_back(ada, make, page):
    make("failed")
    text = ada.get(f"{page}?period=7d&status=going").text
    assert "No run matches." in text
    assert f'href="{page}"' in text
    assert f'href="{page}?period=7d&amp;status=failed"' in text
    assert ada.get(f"{page}?status=fine").status_code == 404


def test_a_day_of_ones_own_zone_is_a_whole_day(app, ada, make, page):
    make("failed", planned_at=datetime(2026, 3, 1, 23, 59, 59, tzinfo=UTC))
    assert "1 run was planned on 1 Mar 2026." in ada.get(f"{page}?from=2026-03-01&to=2026-03-01").text
    assert "No run" in ada.get(f"{page}?from=2026-03-02&to=2026-03-03").text
    assert ada.get(f"{page}?from=nonsense&period=nonsense").status_code == 200


def test_older_runs_are_on_the_next_page(app, ada, make, page):
    first = make()
    for _ in range(50):
        make()
    text = ada.get(page).text
    assert f'id="run-{first}"' not in text
    older = re.search(r'rel="next" href="([^"]+)"', text)[1].replace("&amp;", "&")
    assert f'id="run-{first}"' in ada.get(older).text


def test_the_list_comes_as_a_part(ada, make, page):
    make()
    assert ada.get(page, headers=PART).text.startswith('<form class="mt4" id="run-list"')


# --- the page of a run, state by state


STATES = (
    ("queued", {}, "● Queued", "Cancel it"),
    ("waiting", {"reason": "retry"}, "‖ Waiting", "Cancel it"),
    ("waiting", {"reason": "approval"}, "‖ Waiting", "Run it again"),
    ("running", {}, "● Running", "Cancel…"),
    ("running", {"stop_mode": "after_step"}, "● Stopping…", "Stop now…"),
    ("succeeded", {}, "✓ Succeeded", "Run again"),
    ("degraded", {}, "✓ Degraded", "Run again"),
    ("unmet", {}, "✕ Unmet", "Run again"),
    ("failed", {}, "✕ Failed", "Run again"),
    ("timed_out", {}, "✕ Timed out", "Run again"),
    ("cancelled", {}, "‖ Cancelled", "Run again"),
    ("skipped", {}, "‖ Skipped", "Run it now"),
    ("missed", {}, "✕ Missed", "Run it now"),
    ("blocked", {}, "✕ Blocked", "Run it now"),
)


def test_every_state_has_its_sign_its_sentence_and_its_action(ada, make, page):
    for state, values, title, action in STATES:
        ended = {} if state in {"queued", "waiting", "running"} else {"ended_at": factories.ago(seconds=1)}
        number = make(state, sentence=f"It is {state}.", **ended, **values)
        text = ada.get(f"{page}/{number}").text
        assert f"<title>{title} · probe #{number} · Carillon</title>" in text
        assert action in text.partition('id="run-head"')[2].partition('id="run-facts"')[0]
        assert f"It is {state}." in text or state == "running"
        assert ("hx-sse:connect" in text) == ('http-equiv="refresh"' in text) == (not ended)


def test_a_run_that_goes_on_listens_from_its_last_line_and_refreshes_without_scripts(ada, make, page):
    number = make("running", log=["one", "two"])
    text = ada.get(f"{page}/{number}").text
    assert f'hx-sse:connect="/t/northgate/live/runs/{number}?after=2" hx-sse:close="finished"' in text
    assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in text


def test_steps_stand_on_one_axis_and_tries_share_a_row(app, ada, make, page):
    number = make("failed", ended_at=factories.ago(seconds=1))
    attempt(app, number, ("prepare", "succeeded", 1), ("run", "failed", 5), ended_at=factories.ago(seconds=20))
    attempt(app, number, ("run", "failed", 3), number=2, token=2, started_at=factories.ago(seconds=10))
    text = ada.get(f"{page}/{number}").text
    assert text.count('id="step-') == 2
    assert "2 tries" in text
    assert 'class="idle-line"' in text


def test_a_step_leads_to_its_first_line(app, ada, make, page):
    number = make("failed", ended_at=factories.ago(seconds=1), log=["early", "later"])
    attempt(app, number, ("run", "failed", 3))
    text = ada.get(f"{page}/{number}?step=run").text
    assert 'aria-current="true"' in text.partition('id="step-run"')[2].partition("</li>")[0]
    assert '<li id="L1" class="pick">' in text


def test_a_line_of_the_address_is_marked(ada, make, page):
    number = make(log=["fine", "Error: no"])
    assert '<li id="L2" class="lv-fail pick">' in ada.get(f"{page}/{number}?line=2").text


def test_a_long_log_shows_its_end_and_earlier_lines_on_request(app, ada, make, page):
    number = make(log=[f"line {n}" for n in range(1, 2101)])
    text = ada.get(f"{page}/{number}").text
    assert 'id="L100"' not in text
    assert 'id="L101"' in text
    part = ada.get(f"{page}/{number}?before=101", headers=PART).text
    assert '<hx-partial hx-target="#log-lines" hx-swap="afterbegin"><li id="L1"' in part
    assert 'id="L101"' not in part
    assert "log-earlier" not in part
    whole = ada.get(f"{page}/{number}?before=101").text
    assert 'id="L1"' in whole
    assert "Show the newest lines" in whole
    assert 'id="L5" class="pick"' in ada.get(f"{page}/{number}?line=5").text


def test_a_very_long_line_is_shown_in_part(ada, make, page):
    number = make(log=["x" * 5000])
    assert "… 3,000 more letters in the text file" in ada.get(f"{page}/{number}").text
    assert "x" * 5000 in ada.get(f"{page}/{number}/log.txt").text


def test_the_log_is_a_file_of_text(ada, make, page):
    answer = ada.get(f"{page}/{make(log=['<b>one</b>'])}/log.txt")
    assert answer.mimetype == "text/plain"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.text.endswith("info  <b>one</b>\n")


def test_details_show_the_version_and_how_the_code_was_confined(app, ada, make, page):
    number = make("failed", ended_at=factories.ago(seconds=1))
    attempt(app, number, isolation={"level": 2, "controls": {"network": "none"}})
    text = ada.get(f"{page}/{number}?tab=details").text
    for words in ("Level 2", "network: none", "Version 1", "http://127.0.0.1:9/"):
        assert words in text


def test_a_first_success_by_hand_offers_a_schedule(app, ada, viewer, team, make, page):
    number = make("succeeded", ended_at=factories.ago(seconds=1))
    assert "Do this regularly?" in ada.get(f"{page}/{number}").text
    assert "Do this regularly?" not in viewer.get(f"{page}/{number}").text
    with app.app_context():
        factories.schedule(team, factories.rows(Task)[0].id, "1h")
    assert "Do this regularly?" not in ada.get(f"{page}/{number}").text


# --- files


@pytest.fixture
def file(app, settings, team, make):
    """The number of a run that made report/a<b>.html."""
    number = make(ended_at=factories.ago(seconds=1))
    made = settings.data_dir / "made.html"
    made.write_text("<script>alert(1)</script>")
    digest, size = Storage(settings.data_dir / "files").keep_file(made)
    row = {"team_id": team, "run_id": stored(app, number).id, "name": "report/a<b>.html", "media_type": "text/html"}
    with app.app_context(), batch() as work:
        kept = {"size_bytes": size, "digest": digest, "created_at": work.now}
        work.connection.execute(sa.insert(Artifact).values(row | kept))
    return number


def test_a_file_is_stored_by_the_browser_and_never_shown_as_a_page(ada, file, page):
    link = re.search(r'href="([^"]+/files/[^"]+)"', ada.get(f"{page}/{file}?tab=files").text)[1]
    answer = ada.get(link)
    assert answer.text == "<script>alert(1)</script>"
    assert answer.mimetype == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"].startswith("sandbox")
    answer.close()


def test_a_file_of_another_team_or_run_is_not_there(ada, cid, file, make, page):
    assert cid.get(f"{page}/{file}/files/report/a%3Cb%3E.html").status_code == 404
    assert ada.get(f"{page}/{make()}/files/report/a%3Cb%3E.html").status_code == 404
    assert ada.get(f"{page}/{file}/files/../../key").status_code == 404


# --- what people do


def test_a_run_is_cancelled_after_its_step_or_now(app, ada, make, page):
    number = make("running")
    assert "After this step" in ada.get(f"{page}/{number}/cancellation").text
    answer = ada.post(f"{page}/{number}/cancellation", {"mode": "after_step"})
    assert (answer.status_code, answer.location) == (303, f"{page}/{number}")
    assert stored(app, number).stop_mode == "after_step"
    assert ada.post(f"{page}/{number}/cancellation", {"mode": "later"}).status_code == 422
    ada.post(f"{page}/{number}/cancellation", {"mode": "now"})
    assert stored(app, number).stop_mode == "now"


def test_a_queued_run_is_cancelled_by_one_press(app, ada, make, page):
    number = make("queued")
    ada.post(f"{page}/{number}/cancellation")
    assert stored(app, number).state == "cancelled"


def test_what_has_ended_can_not_be_cancelled(ada, make, page):
    answer = ada.post(f"{page}/{make('failed')}/cancellation", {"mode": "now"})
    assert answer.status_code == 409
    assert "already ended" in answer.text


def test_running_again_leads_to_the_new_run(app, ada, make, page):
    answer = ada.post(f"{page}/{make('failed')}/again")
    number = int(answer.location.rpartition("/")[2])
    assert stored(app, number).state == "queued"
    assert f"#{number}" in ada.get(answer.location).text


def test_a_vanished_worker_leaves_the_decision_to_a_person(app, ada, make, page):
    number = make("waiting", reason="approval")
    assert ada.post(f"{page}/{number}/decision", {"answer": "maybe"}).status_code == 422
    ada.post(f"{page}/{number}/decision", {"answer": "end"})
    assert stored(app, number).state == "failed"


# --- who may


def test_a_viewer_sees_everything_and_does_nothing(app, viewer, make, page):
    number = make("running", log=["one"])
    text = viewer.get(f"{page}/{number}").text
    assert "Your role can't start or cancel runs" in text
    assert "cancellation" not in text
    for path in ("cancellation", "again", "decision"):
        assert viewer.post(f"{page}/{number}/{path}", {"mode": "now", "answer": "end"}).status_code == 403
    assert stored(app, number).stop_mode == ""


def test_a_stranger_finds_nothing(cid, make, page):
    number = make("running", log=["one"])
    for path in (page, f"{page}/{number}", f"{page}/{number}/log.txt", f"/t/{cid.slug}/runs/{number}"):
        assert cid.get(path).status_code == 404


# --- what programs write is never markup


def test_nothing_that_a_run_or_a_person_wrote_is_markup(app, ada, team, page):
    with app.app_context():
        task = factories.task(team, "probe", settings={"url": XSS[2], "headers": {XSS[0]: XSS[1]}})
        with batch() as work:
            work.connection.execute(sa.update(Task).values(name=XSS[0]))
        run_id = factories.run(
            team,
            task,
            "failed",
            sentence=XSS[1],
            reason=XSS[2][:32],
            worker=XSS[2],
            started_at=factories.ago(minutes=1),
        )
        store_log(run_id, XSS)
        number = factories.rows(Run, Run.id == run_id)[0].number
    attempt(app, number, (XSS[2], "failed", 1), sentence=XSS[0], reason=XSS[2][:32], isolation={"level": XSS[0]})
    for path in (page, f"{page}?status=failed", f"{page}/{number}", f"{page}/{number}?tab=details&step={XSS[2]}"):
        text = ada.get(path).text
        for mark in ("<script>alert", "<img src=x", "<svg onload", 'href="javascript'):
            assert mark not in text, path
        assert "{{ 7 * 7 }}" in text or "line" not in path


# --- live


def test_the_live_view_sends_the_same_parts_and_lines_as_the_page(app, ada, make, page):
    number = make("running", log=["one", "<b>two</b>"])
    text = ada.get(f"{page}/{number}").text
    with app.app_context(), batch() as work:
        work.connection.execute(sa.update(Run).values(state="succeeded", ended_at=work.now))
    stream = ada.get(f"/t/northgate/live/runs/{number}?after=1").text
    assert 'hx-swap="beforeend"><li id="L2">' in stream
    assert "id: 2" in stream
    assert "&lt;b&gt;two" in stream
    assert "event: finished" in stream
    for part in ("run-head", "run-insight", "run-facts", "run-steps", "run-files", "run-regularly"):
        assert f'hx-target="#{part}"' in stream
        assert text.count(f'id="{part}"') == 1
    assert "✓ Succeeded" in stream
    assert "Do this regularly?" in stream
    assert ada.token() in stream


def test_a_live_view_of_nothing_is_not_there(ada, northgate):
    for key in ("9999", "nonsense", "1e3", "٣", "99999999999"):
        assert ada.get(f"/t/{northgate}/live/runs/{key}").status_code == 404
