"""Tasks on the page: the list, a task, its buttons; as Ada who owns, Ben who edits, a viewer, and Cid the stranger."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from app.models.runs import Run
from app.models.tasks import Schedule, Task
from app.services.unit import unit
from tests.web.conftest import arrive, put_in

WEBSITE = {
    "engine": "http", "method": "GET", "url": "https://example.com/", "expect_status": "200", "name": "Shop window",
    "when-0-text": "every weekday at 9:00", "when-0-timezone": "Europe/Berlin", "version": "0",
}  # fmt: skip


def when(text, timezone="Europe/Berlin", number=0, **more):
    """The fields of one schedule, as the form sends them."""
    return {f"when-{number}-{name}": value for name, value in {"text": text, "timezone": timezone, **more}.items()}


def make(visit, team, **more):
    answer = visit.post(f"/t/{team}/tasks/new", {**WEBSITE, **more})
    assert answer.status_code == 303, answer.text
    return answer.location.partition("?")[0]


def fragment(visit, path):
    return visit.get(path, headers={"HX-Request": "true", "HX-Request-Type": "partial"})


@pytest.fixture
def shop(ada, northgate):
    """The address of a task with a schedule."""
    return make(ada, northgate)


@pytest.fixture
def viewer(app, northgate):
    visit = arrive(app, "Vic Sees", "vic@northgate.example")
    put_in(app, visit, northgate, "viewer")
    return visit


def rows(app, model):
    with app.app_context(), unit() as work:
        return work.session.scalars(sa.select(model).order_by(model.id)).all()


def store_run(app, state, number, minutes_ago=5, seconds=4, **more):
    task = rows(app, Task)[0]
    at = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    with app.app_context(), unit() as work:
        values = {
            "team_id": task.team_id, "task_id": task.id, "version_id": task.version_id, "number": number,
            "key": f"at:{number}", "trigger": "schedule", "planned_at": at, "lane": "io", "state": state, "facts": {},
            "sentence": f"It {state}.", "started_at": at, "ended_at": at + timedelta(seconds=seconds), **more,
        }  # fmt: skip
        work.session.add(Run(**values))


# --- the list


def test_an_empty_list_leads_to_the_first_task(ada, northgate):
    page = ada.get(f"/t/{northgate}/tasks").text
    assert "No tasks yet." in page
    assert f"/t/{northgate}/tasks/new?start=website" in page


def test_the_list_shows_when_a_task_runs_next_and_how_it_went(app, ada, northgate, shop):
    store_run(app, "succeeded", 1, minutes_ago=9)
    store_run(app, "failed", 2, minutes_ago=5)
    page = ada.get(f"/t/{northgate}/tasks").text
    assert "Shop window" in page
    assert "Every weekday at 09:00" in page
    assert "Last 2 runs: 1 succeeded, 1 failed" in page
    assert "4 s" in page
    assert re.search(r'c-next"><time datetime="20\d\d-', page)


def test_the_list_is_also_a_part(ada, northgate, shop):
    part = fragment(ada, f"/t/{northgate}/tasks?q=window").text
    assert part.lstrip().startswith('<form id="task-list"')
    assert "Shop window" in part
    assert "No task matches." in fragment(ada, f"/t/{northgate}/tasks?q=door").text


def test_filters_stand_in_the_address(app, ada, northgate, shop):
    make(ada, northgate, name="Cash desk", engine="shell", script="true", **when(""))

    def listed(query):
        page = ada.get(f"/t/{northgate}/tasks?{query}").text
        return set(re.findall(r"/tasks/(shop-window|cash-desk)\"", page))

    assert listed("type=shell") == {"cash-desk"}
    assert listed("status=paused") == set()
    assert listed(f"owner={ada.id}") == {"cash-desk", "shop-window"}
    assert listed("status=attention") == set()
    store_run(app, "failed", 1)
    assert listed("status=attention") == {"shop-window"}


def test_sorting_and_pages_go_on_where_the_last_one_ended(app, ada, northgate, shop, monkeypatch):
    monkeypatch.setattr("app.services.tasks.overviews.PAGE_ROWS", 2)
    for name in ("Alpha", "Beta", "Gamma"):
        make(ada, northgate, name=name, **when(""))
    for sort, expected in (
        ("name", ["alpha", "beta", "gamma", "shop-window"]),
        ("changed", ["gamma", "beta", "alpha", "shop-window"]),
        ("next", ["shop-window", "alpha", "beta", "gamma"]),
    ):
        seen, address = [], f"/t/{northgate}/tasks?sort={sort}"
        while address:
            page = ada.get(address).text
            seen += re.findall(r'class="t cut" href="[^"]+/tasks/([^"]+)"', page)
            older = re.search(r'rel="next" href="([^"]+)"', page)
            address = older[1].replace("&amp;", "&") if older else None
        assert seen == expected, sort


def test_the_selected_ones_are_paused_resumed_run_and_deleted(app, ada, northgate, shop):
    make(ada, northgate, name="Cash desk")
    both = {"task": ["shop-window", "cash-desk"]}
    ada.post(f"/t/{northgate}/tasks/selection/pause", both)
    assert [bool(task.paused_at) for task in rows(app, Task)] == [True, True]
    ada.post(f"/t/{northgate}/tasks/selection/resume", both)
    assert [bool(task.paused_at) for task in rows(app, Task)] == [False, False]
    ada.post(f"/t/{northgate}/tasks/selection/runs", both)
    assert len(rows(app, Run)) == 2
    page = ada.post(f"/t/{northgate}/tasks/selection/deletion", both, follow_redirects=True).text
    assert "2 tasks are deleted." in page
    undo = re.search(r'action="([^"]*/tasks/recovery[^"]*)"', page)[1].replace("&amp;", "&")
    page = ada.post(undo, follow_redirects=True).text
    assert "Shop window" in page
    assert "Cash desk" in page


# --- a task


def test_a_task_says_what_comes_and_what_was(app, ada, shop):
    store_run(app, "succeeded", 7)
    page = ada.get(shop).text
    assert "Every weekday at 09:00 (Europe/Berlin)." in page
    assert page.count("<li><time datetime=") == 5
    assert "Its only run was fine." in page
    assert "/runs/7" in page
    assert "GET https://example.com/" in page


@pytest.mark.parametrize(
    ("tab", "root"), [("", 'id="overview"'), ("/runs", 'id="task-runs"'), ("/history", 'id="history"')]
)
def test_every_tab_is_a_page_and_a_part(ada, cid, shop, tab, root):
    assert root in ada.get(shop + tab).text
    part = fragment(ada, shop + tab).text
    assert root in part
    assert "<html" not in part
    assert cid.get(shop + tab).status_code == 404


def test_run_now_leads_to_the_run(app, ada, northgate, shop):
    answer = ada.post(f"{shop}/runs")
    assert answer.status_code == 303
    assert answer.location == f"/t/{northgate}/runs/1"
    assert rows(app, Run)[0].trigger == "person"


def test_a_pause_says_why_and_who(app, ada, shop):
    assert "Why" in ada.get(f"{shop}/pause").text
    page = ada.post(f"{shop}/pause", {"note": "The shop moves."}, follow_redirects=True).text
    assert "“The shop moves.”" in page
    assert "by Ada Park" in page
    assert "Resume" in page
    assert rows(app, Schedule)[0].next_fire_at is None
    page = ada.post(f"{shop}/resume", follow_redirects=True).text
    assert "“The shop moves.”" not in page
    assert rows(app, Schedule)[0].next_fire_at > datetime.now(UTC)


def test_a_note_that_is_too_long_is_kept_and_told(ada, shop):
    answer = ada.post(f"{shop}/pause", {"note": "x" * 301})
    assert answer.status_code == 422
    assert "A note has at most 300 letters." in answer.text
    assert "x" * 301 in answer.text


def test_a_broken_schedule_is_shown_with_the_way_out(app, ada, northgate, shop):
    with app.app_context(), unit() as work:
        work.session.execute(
            sa.update(Schedule).values(state="broken", problem="There is no such zone.", next_fire_at=None)
        )
    page = ada.get(shop).text
    assert "There is no such zone." in page
    assert "Edit the schedule" in page
    assert "Error" in ada.get(f"/t/{northgate}/tasks").text
    page = ada.post(f"{shop}/schedule", when("every hour", "UTC"), follow_redirects=True).text
    assert "Scheduled. Next:" in page
    assert rows(app, Schedule)[0].state == "active"


def test_a_schedule_from_elsewhere_is_set_and_undone(app, ada, northgate):
    address = make(ada, northgate, **when(""))
    page = ada.post(f"{address}/schedule", when("tomorrow at 9:00", "UTC"), follow_redirects=True).text
    assert "Scheduled. Next: tomorrow 09:00" in page
    undo = re.search(r'action="([^"]+/undo)"', page)[1]
    page = ada.post(undo, follow_redirects=True).text
    assert "Undone." in page
    assert ada.post(undo).status_code == 409
    assert "Nothing is planned." in page


def test_a_schedule_that_cant_be_read_changes_nothing(ada, shop):
    answer = ada.post(f"{shop}/schedule", when("whenever it rains", "UTC"))
    assert answer.status_code == 422
    assert "The schedule stays as it was." in answer.text
    assert "Every weekday at 09:00" in ada.get(shop).text


def test_a_copy_is_paused(app, ada, shop):
    page = ada.post(f"{shop}/copy", follow_redirects=True).text
    assert "Shop window copy" in page
    assert "Paused" in page
    assert [schedule.next_fire_at is None for schedule in rows(app, Schedule)] == [False, True]


def test_a_deleted_task_is_gone_until_it_is_undone(ada, northgate, shop):
    page = ada.post(f"{shop}/deletion", follow_redirects=True).text
    assert "The task is deleted." in page
    assert ada.get(shop).status_code == 404
    undo = re.search(r'action="([^"]*/tasks/recovery[^"]*)"', page)[1]
    assert "Every weekday at 09:00" in ada.post(undo, follow_redirects=True).text
    assert ada.get(shop).status_code == 200


def test_the_history_says_in_words_what_changed_and_restores(ada, shop):
    ada.post(f"{shop}/schedule", when("every day at 8:00"))
    page = ada.get(f"{shop}/history").text
    assert "<del>every weekday at 09:00 (Europe/Berlin)</del> → <ins>every day at 08:00 (Europe/Berlin)</ins>" in page
    page = ada.post(f"{shop}/history/1/restoration", follow_redirects=True).text
    assert "This version is back." in page
    assert "Every weekday at 09:00" in page
    assert "Version 3" in page


def test_a_task_changes_by_itself(app, ada, cid, northgate, shop):
    assert f'hx-sse:connect="/t/{northgate}/live/task/shop-window/overview"' in ada.get(shop).text
    store_run(app, "running", 1, ended_at=None)
    first = next(
        part for part in ada.get(f"/t/{northgate}/live/task/shop-window/runs").response if b"task-state" in part
    )
    assert b"Running" in first
    assert b"/runs/1" in first
    assert cid.get(f"/t/{cid.slug}/live/task/shop-window/runs").status_code == 404


# --- rights


def test_a_viewer_sees_the_buttons_and_why_they_are_off(ada, viewer, northgate, shop):
    page = viewer.get(shop).text
    assert 'disabled aria-describedby="why-not"' in page
    assert "Your role is viewer: it lets you see tasks, not run or change them." in page
    assert viewer.post(f"{shop}/runs").status_code == 403
    assert viewer.post(f"{shop}/pause").status_code == 403
    assert viewer.get(f"/t/{northgate}/tasks/new").status_code == 403
    assert "Selected tasks" not in viewer.get(f"/t/{northgate}/tasks").text


def test_an_editor_may_do_it_all(ben, northgate, shop):
    assert "why-not" not in ben.get(shop).text
    assert ben.post(f"{shop}/runs").status_code == 303
    assert ben.post(f"{shop}/pause").status_code == 303
    make(ben, northgate, name="Ben's own")


def test_strangers_find_nothing(cid, northgate, shop):
    for path in (shop, f"{shop}/edit", f"{shop}/pause", f"/t/{northgate}/tasks"):
        assert cid.get(path).status_code == 404
        assert fragment(cid, path).status_code == 404
    assert cid.post(f"{shop}/runs").status_code == 404
