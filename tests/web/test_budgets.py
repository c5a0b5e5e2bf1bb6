"""Settings > Budgets and limits, and the plans that the administrator sets."""

import re

import sqlalchemy as sa

from app.infra.database import db
from app.models.budgets import Budget
from app.models.runs import Alert, Run
from app.models.teams import Model, Team
from app.services.unit import batch
from tests import factories


def team_id(app, slug):
    with app.app_context():
        return db.session.scalar(sa.select(Team.id).where(Team.slug == slug))


def spent(app, slug, micros, name="digest"):
    """A task of the team whose run has cost so much just now; returns its id."""
    team = team_id(app, slug)
    with app.app_context():
        task = factories.task(team, name, "agent", {"prompt": "Write it."}, label=name.title())
        now = factories.ago(seconds=1)
        factories.run(team, task, "succeeded", started_at=now, ended_at=now, planned_at=now, cost_micros=micros)
        return task


def test_a_budget_is_set_shown_with_what_is_spent_and_taken_off(ada, app, northgate):
    spent(app, northgate, 3_500_000)
    page = ada.get(f"/t/{northgate}/settings/budgets").text
    assert "No limit: every run may cost what its own cap allows." in page
    sent = {"month": "20", "day": "", "timezone": "Europe/Berlin"}
    answer = ada.post(f"/t/{northgate}/settings/budgets", sent, follow_redirects=True)
    assert "Saved" in answer.text
    assert '<span class="strong">$3.50</span>' in answer.text
    assert "of $20.00" in answer.text
    assert "$16.50 left" in answer.text
    ada.post(f"/t/{northgate}/settings/budgets", {"month": "", "day": "", "timezone": "UTC"})
    assert "No limit: every run" in ada.get(f"/t/{northgate}/settings/budgets").text


def test_what_is_planned_until_the_end_of_the_month_is_foreseen(ada, app, northgate):
    task = spent(app, northgate, 500_000)
    with app.app_context():
        factories.schedule(team_id(app, northgate), task, "60s")
    ada.post(f"/t/{northgate}/settings/budgets", {"month": "9", "day": "", "timezone": "UTC"})
    page = ada.get(f"/t/{northgate}/settings/budgets").text
    assert "About $" in page
    assert "planned run" in page


def test_what_can_not_be_read_keeps_what_was_typed(ada, northgate):
    sent = {"month": "a lot", "day": "-1", "timezone": "UTC"}
    answer = ada.post(f"/t/{northgate}/settings/budgets", sent)
    assert answer.status_code == 422
    assert answer.text.count("Write an amount in dollars, like 20 or 0.50") == 2
    assert 'value="a lot"' in answer.text


def test_a_task_has_a_budget_of_its_own(ada, app, northgate):
    spent(app, northgate, 100_000)
    sent = {"task": "digest", "task_month": "1.50", "task_day": "", "task_timezone": "UTC"}
    page = ada.post(f"/t/{northgate}/settings/budgets/task", sent, follow_redirects=True).text
    assert 'href="/t/northgate/tasks/digest">Digest</a>' in page
    assert "$1.40 left" in page
    again = ada.get(f"/t/{northgate}/settings/budgets?task=digest").text
    assert 'value="1.50"' in again
    assert "of $1.50" in ada.get(f"/t/{northgate}/tasks/digest").text
    elsewhere = {"task": "nothing", "task_month": "1", "task_day": "", "task_timezone": "UTC"}
    assert ada.post(f"/t/{northgate}/settings/budgets/task", elsewhere).status_code == 404


def test_members_see_budgets_and_do_not_set_them(ben, northgate):
    page = ben.get(f"/t/{northgate}/settings/budgets")
    assert page.status_code == 200
    assert "Admins and owners set budgets." in page.text
    assert ben.post(f"/t/{northgate}/settings/budgets", {"month": "5"}).status_code == 403
    assert ben.post(f"/t/{northgate}/settings/plan/requests", {"note": "More."}).status_code == 403


def test_a_raised_limit_ends_what_was_told(ada, app, northgate):
    spent(app, northgate, 4_100_000)
    ada.post(f"/t/{northgate}/settings/budgets", {"month": "5", "day": "", "timezone": "UTC"})
    with app.app_context(), batch() as work:
        budget = work.connection.execute(sa.select(Budget.id)).scalar_one()
        values = {"team_id": team_id(app, northgate), "kind": "budget", "at": work.now, "sentence": "80 % spent."}
        work.connection.execute(sa.insert(Alert).values(key=f"budget:{budget}:2026-11:80", **values))
    assert "80 % spent." in ada.get(f"/t/{northgate}/today").text
    ada.post(f"/t/{northgate}/settings/budgets", {"month": "10", "day": "", "timezone": "UTC"})
    with app.app_context():
        assert factories.rows(Alert)[0].recovery == "It is $10.00 now."


def test_a_blocked_run_leads_to_the_budgets(ada, app, northgate):
    task = spent(app, northgate, 0)
    with app.app_context():
        sentence = "Out of budget: the team's November has $0.12 left of $20.00, and this run may cost $1.00."
        factories.run(team_id(app, northgate), task, "blocked", reason="budget", sentence=sentence)
        number = factories.rows(Run)[-1].number
    page = ada.get(f"/t/{northgate}/runs/{number}").text
    assert "this run may cost $1.00." in page
    assert f'href="/t/{northgate}/settings/budgets">See the budgets</a>' in page
    assert "Run again" in page


def held_back(app, northgate, limit=20_000_000):
    """A budget of which almost nothing is left, and a run that did not start for want of it; returns its number."""
    team, now = team_id(app, northgate), factories.ago(seconds=1)
    with app.app_context():
        spent(app, northgate, limit - 120_000, name="other")
        task = factories.task(team, "digest", "agent", {"prompt": "Write it."}, label="Digest")
        sentence = "Out of budget: the team's November has $0.12 left of $20.00, and this run may cost $1.00."
        factories.run(team, task, "blocked", reason="budget", sentence=sentence, ended_at=now)
        return factories.rows(Run)[-1].number


def test_one_press_raises_the_budget_as_far_as_a_run_needs_and_runs_it(ada, ben, app, northgate):
    number = held_back(app, northgate)
    ada.post(f"/t/{northgate}/settings/budgets", {"month": "20", "day": "", "timezone": "UTC"})
    page = ada.get(f"/t/{northgate}/runs/{number}").text
    assert re.search(r"Raise the team's \w+ to \$21.00, run it", page.replace("&#39;", "'"))
    assert "run it</button>" not in ben.get(f"/t/{northgate}/runs/{number}").text
    at = f"/t/{northgate}/settings/budgets/runs/{number}"
    assert ben.post(at).status_code == 403
    answer = ada.post(at)
    assert answer.location == f"/t/{northgate}/runs/{number + 1}"
    with app.app_context():
        assert [row.limit_micros for row in factories.rows(Budget)] == [21_000_000]
        assert factories.rows(Run)[-1].state == "queued"
    assert ada.post(at).location == answer.location  # pressed twice, it runs once


def test_what_was_held_back_is_offered_once_there_is_room(ada, app, northgate):
    held_back(app, northgate)
    ada.post(f"/t/{northgate}/settings/budgets", {"month": "20", "day": "", "timezone": "UTC"})
    at = f"/t/{northgate}/settings/budgets"
    assert "did not start for want of budget" not in ada.get(at).text
    ada.post(at, {"month": "30", "day": "", "timezone": "UTC"})
    assert "<b>Digest</b> did not start for want of budget, and could now." in ada.get(at).text
    ada.post(f"{at}/runs")
    with app.app_context():
        assert factories.rows(Run)[-1].state == "queued"
    assert "did not start for want of budget" not in ada.get(at).text


def test_a_plan_in_the_way_is_nothing_that_a_team_can_raise(ada, app, northgate):
    number = held_back(app, northgate)
    ada.post(f"/system/plans/{northgate}", {"monthly": "20"})
    page = ada.get(f"/t/{northgate}/runs/{number}").text
    assert "run it</button>" not in page
    assert ada.post(f"/t/{northgate}/settings/budgets/runs/{number}").status_code == 409


# --- plans


def test_the_administrator_sets_plans_and_teams_ask_for_more(ada, cid, app):
    theirs = f"/t/{cid.slug}/settings"
    assert ada.post(f"/system/plans/{cid.slug}", {"daily_runs": "50", "max_running": "2"}).status_code == 303
    page = cid.get(f"{theirs}/budgets").text
    assert "0 of 50" in page
    assert "Ask for more" in page
    assert cid.post(f"{theirs}/plan/requests", {"note": "Forty more reports a day."}).status_code == 303
    assert cid.post(f"{theirs}/plan/requests", {"note": "Once more."}).status_code == 409
    assert "asks for more" in ada.get("/system/plans").text
    form = ada.get(f"/system/plans/{cid.slug}").text
    assert "Forty more reports a day." in form
    number = form.partition('name="request" value="')[2].partition('"')[0]
    sent = {"daily_runs": "90", "max_running": "", "decision": "accepted", "answer": "Granted.", "request": number}
    assert ada.post(f"/system/plans/{cid.slug}", sent).status_code == 303
    page = cid.get(f"{theirs}/budgets").text
    assert "0 of 90" in page
    assert "Accepted" in page
    assert "Granted." in page
    with app.app_context():
        told = [(one.kind, one.sentence, one.ended_at is not None) for one in factories.rows(Alert)]
    assert [one[0] for one in told] == ["plan_request", "plan_answered"]
    assert told[1][1] == "The request for a larger plan was accepted: Granted."
    assert all(over for *_, over in told)


def test_plans_are_for_owners_of_the_first_team(ada, cid):
    assert cid.get("/system/plans").status_code == 403
    assert cid.post(f"/system/plans/{cid.slug}", {"daily_runs": "9"}).status_code == 403
    assert ada.get("/system/plans/no-such-team").status_code == 404
    wrong = ada.post(f"/system/plans/{cid.slug}", {"daily_runs": "0", "monthly": "x"})
    assert wrong.status_code == 422
    assert "Write a whole number from 1 to 1,000,000, or nothing for no limit." in wrong.text


SCHEDULED = {"engine": "http", "url": "https://example.com/", "method": "GET", "name": "Probe", "min_isolation": "1"}


def test_a_schedule_that_passes_the_plan_is_refused_unless_an_admin_insists(ada, northgate):
    ada.post(f"/system/plans/{northgate}", {"daily_runs": "24"})
    often = {**SCHEDULED, "when-0-text": "every 30 minutes", "when-0-timezone": "UTC"}
    refused = ada.post(f"/t/{northgate}/tasks/new", often)
    assert refused.status_code == 422
    assert "More than 24 of its runs would start on " in refused.text
    assert "the plan allows the team 24." in refused.text
    assert "Save it all the same" in refused.text
    assert ada.post(f"/t/{northgate}/tasks/new", {**often, "over_plan": "1"}).status_code == 303
    hourly = {**SCHEDULED, "name": "Hourly", "when-0-text": "every hour", "when-0-timezone": "UTC"}
    assert ada.post(f"/t/{northgate}/tasks/new", hourly).status_code == 303


def test_the_editor_says_what_another_rhythm_or_model_costs_in_a_month(ada, app, northgate):
    team = team_id(app, northgate)
    with app.app_context():
        for name, price in (("Small", 1_000_000), ("Large", 8_000_000)):
            prices = {"price_in_micros": price, "price_out_micros": price}
            with batch() as work:
                row = {"team_id": team, "name": name, "provider": "compatible", "base_url": "", "model": name}
                times = {"created_at": work.now, "changed_at": work.now, "test": {}}
                work.connection.execute(sa.insert(Model).values(is_default=name == "Small", **row, **prices, **times))
        settings = {"prompt": "Write it.", "model": "Small"}
        task = factories.task(team, "digest", "agent", settings)
        factories.schedule(team, task, "24h")
        now, facts = factories.ago(seconds=1), {"tokens_in": 60_000, "tokens_out": 10_000}
        factories.run(
            team, task, "succeeded", started_at=now, ended_at=now, planned_at=now, cost_micros=70_000, facts=facts
        )
    seen = {"boxes": "none", "task": "digest", "engine": "agent", "when-0-timezone": "UTC"}

    def said(**typed):
        part = {"HX-Request": "true", "HX-Request-Type": "partial"}
        query = {**seen, "model": "Small", "when-0-text": "every 24 hours", **typed}
        text = ada.get(f"/t/{northgate}/tasks/schedule/preview", query_string=query, headers=part).text
        return text.partition("<dt>A month</dt><dd>")[2].partition("</dd>")[0]

    assert said() == "$2.10"
    assert said(**{"when-0-text": "every 3 hours"}) == "$16.80 <small>now $2.10</small>"
    assert said(model="Large") == "$16.80 <small>now $2.10</small>"


def preview(visit, slug, text, **more):
    """What the schedule box says of a schedule."""
    query = {"task": "digest", "engine": "agent", "when-0-timezone": "UTC", "when-0-text": text, "model": "", **more}
    headers = {"HX-Request": "true", "HX-Request-Type": "partial"}
    return visit.get(f"/t/{slug}/tasks/schedule/preview", query_string=query, headers=headers).text


def test_the_box_says_which_budget_or_plan_a_schedule_would_pass(ada, app, northgate):
    spent(app, northgate, 500_000)
    ada.post(f"/t/{northgate}/settings/budgets", {"month": "0.60", "day": "", "timezone": "UTC"})
    every_minute = preview(ada, northgate, "every minute")
    assert " would pass the team&#39;s " in every_minute
    assert " of $0.60." in every_minute
    ada.post(f"/t/{northgate}/settings/budgets", {"month": "900000", "day": "", "timezone": "UTC"})
    assert "would pass the team" not in preview(ada, northgate, "every minute")
    ada.post(f"/system/plans/{northgate}", {"daily_runs": "20"})
    assert "4 runs would pass the 20 runs a day of the plan on " in preview(ada, northgate, "every hour")
    assert "would pass" not in preview(ada, northgate, "every 2 hours")
