"""What planning says while a schedule is typed: clashes with a way out by one press, also without JavaScript."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from app.models.runs import Event
from app.models.tasks import Task
from app.models.teams import Model
from app.services import estimates
from app.services.planning import loads
from app.services.unit import batch
from tests import factories
from tests.factories import rows

pytestmark = pytest.mark.alike
MONDAY = 0


@pytest.fixture
def crowded(app, ada, northgate):
    """Six tasks of ten minutes each at nine, on what is one slot while there is no worker."""
    with app.app_context():
        team_id = ada.actor(app, northgate).team_id
        for number in range(6):
            factories.schedule(team_id, factories.task(team_id, f"t{number}", "agent"), "0 9 * * *", "cron")
        loads.refresh()


def look(ada, northgate, text="every day at 9:00", **more):
    sent = {"when-0-text": text, "when-0-timezone": "UTC", "engine": "agent", **more}
    headers = {"HX-Request": "true", "HX-Request-Type": "partial"}
    return ada.get(f"/t/{northgate}/tasks/schedule/preview", query_string=sent, headers=headers).text


def test_a_crowd_is_told_with_a_better_time_in_words(ada, northgate, crowded):
    text = look(ada, northgate)
    assert "6 other runs start at 09:00; 1 slot. Expect a wait of about 6 min." in text
    assert 'value="every day at 08:59"' in text
    assert "Use 08:59" in text


def test_the_better_time_leaves_nothing_to_say(ada, northgate, crowded):
    assert "Expect a wait" not in look(ada, northgate, "every day at 08:50")


def test_a_blackout_is_used_by_one_press(app, ada, northgate):
    with app.app_context():
        factories.calendar(ada.actor(app, northgate).team_id, weekly=["Mon 00:00 - Tue 00:00"])
    assert "in Freeze, and it would run all the same." in look(ada, northgate)
    form = {"name": "Probe", "engine": "http", "url": "https://example.com/", "when-0-text": "every day at 9:00",
            "when-0-timezone": "UTC", "when-0-calendars": "", "set": "when-0-calendars=exclude:freeze"}  # fmt: skip
    text = ada.post(f"/t/{northgate}/tasks/new", form).text
    assert '<option value="exclude:freeze" selected>' in text
    assert "would run all the same" not in text


def test_a_press_sets_what_belongs_to_another_field(ada, northgate, crowded):
    form = {"name": "Probe", "engine": "agent", "prompt": "Hello", "when-0-text": "every day at 9:00",
            "when-0-timezone": "UTC", "set": "priority=high"}  # fmt: skip
    text = ada.post(f"/t/{northgate}/tasks/new", form).text
    assert '<option value="high" selected>' in text


def test_its_own_runs_are_no_crowd(app, ada, northgate, crowded):
    assert "5 other runs start at 09:00" in look(ada, northgate, task="t0")


def test_another_teams_task_is_not_looked_at(app, ada, cid, northgate, crowded):
    assert "6 other runs" in look(ada, northgate, task="of-nobody")


# --- each line, a month, and splitting


def mondays(ada, northgate, app):
    """Two tasks of which one holds the only slot for half an hour each Monday."""
    with app.app_context():
        team_id = ada.actor(app, northgate).team_id
        for number in range(40):
            factories.schedule(team_id, factories.task(team_id, f"m{number}", "agent"), "0 9 * * 1", "cron")
        loads.refresh()


def test_each_line_says_what_it_collides_with(app, ada, northgate):
    mondays(ada, northgate, app)
    text = look(ada, northgate, "every day at 9:00")
    lines = re.findall(r"<li>.*?</li>", text.partition('id="fires"')[2].partition("</ul>")[0], re.DOTALL)
    days = [datetime.fromisoformat(re.search(r'datetime="([^"]+)"', line)[1]) for line in lines]
    assert ["busy" in line for line in lines] == [day.weekday() == MONDAY for day in days]
    assert sum("busy" in line for line in lines) == 1 or len(lines) == 5


def test_a_crowded_weekday_is_split_off_by_one_press(app, ada, northgate):
    mondays(ada, northgate, app)
    text = look(ada, northgate, "every weekday at 9:00")
    pressed = re.search(r'name="split" value="([^"]+)"', text)[1]
    assert pressed == "0|every Tuesday, Wednesday, Thursday and Friday at 09:00|every Monday at 08:59"
    form = {"name": "Probe", "engine": "agent", "prompt": "Hello", "when-0-text": "every weekday at 9:00",
            "when-0-timezone": "UTC", "split": pressed}  # fmt: skip
    page = ada.post(f"/t/{northgate}/tasks/new", form).text
    assert [text in page for text in pressed.split("|")[1:]] == [True, True]
    assert page.count('class="when-box') == 2
    assert "Expect a wait" not in page
    for nonsense in ("7|a|b", "x|a"):
        assert "Probe" in ada.post(f"/t/{northgate}/tasks/new", form | {"split": nonsense}).text


def test_it_may_move_by_itself_after_one_press(app, ada, northgate):
    mondays(ada, northgate, app)
    assert 'value="flexible=30"' in look(ada, northgate, "every weekday at 9:00")
    form = {"name": "Probe", "engine": "agent", "prompt": "Hello", "when-0-text": "every weekday at 9:00",
            "when-0-timezone": "UTC", "set": "flexible=30"}  # fmt: skip
    page = ada.post(f"/t/{northgate}/tasks/new", form).text
    assert re.search(r'id="f-flexible"[^>]*value="30"', page) or re.search(r'value="30"[^>]*id="f-flexible"', page)
    assert 'value="flexible=30"' not in page


def test_the_others_are_spread_from_where_they_meet(ada, northgate, crowded):
    address = re.search(r'href="([^"]+/spread[^"]+)"', look(ada, northgate))[1]
    page = ada.get(address).text
    assert "6 of 6 go at once now." in page


def test_the_form_of_a_task_begins_without_its_own_runs_in_its_way(app, ada, northgate, crowded):
    form = {"name": "Own", "engine": "agent", "prompt": "Hello", "when-0-text": "every day at 9:00",
            "when-0-timezone": "UTC", "min_isolation": "1"}  # fmt: skip
    assert ada.post(f"/t/{northgate}/tasks/new", form).status_code == 303
    with app.app_context():
        loads.refresh()
    assert "6 other runs start at 09:00" in ada.get(f"/t/{northgate}/tasks/own/edit").text
    dialog = ada.get(f"/t/{northgate}/tasks/own/schedule").text
    assert "6 other runs start at 09:00" in dialog
    assert 'value="priority=high"' not in dialog  # it has no such field


def test_a_press_in_the_form_of_the_schedule_alone_works_too(app, ada, northgate, crowded):
    with app.app_context():
        factories.calendar(ada.actor(app, northgate).team_id, weekly=["Mon 00:00 - Tue 00:00"])
    form = {"when-0-text": "every day at 9:00", "when-0-timezone": "UTC", "set": "when-0-calendars=exclude:freeze"}
    assert '<option value="exclude:freeze" selected>' in ada.post(f"/t/{northgate}/tasks/t0/schedule", form).text


@pytest.fixture
def local(app, ada, northgate):
    """An agent with a model of its own machine, which has run: tokens are known, and no price."""
    with app.app_context():
        team_id = ada.actor(app, northgate).team_id
        with batch() as work:
            times = {"created_at": work.now, "changed_at": work.now, "test": {}}
            for name, price in (("llama", None), ("Night", 1_000_000)):
                hours = [{"from": "20:00", "to": "23:59", "zone": "UTC", "days": list(range(7)), "factor": 0.5}]
                more = {"price_in_micros": price, "price_out_micros": price, "price_hours": hours if price else []}
                row = {"team_id": team_id, "name": name, "provider": "compatible", "base_url": "", "model": name}
                work.connection.execute(sa.insert(Model).values(is_default=not price, **row, **more, **times))
        task = factories.task(team_id, "notes", "agent", {"prompt": "Write it."})
        factories.schedule(team_id, task, "0 9 * * *", "cron")
        for days in range(3):
            at = datetime.now(UTC).replace(hour=9, minute=0, second=0, microsecond=0) - timedelta(days=days + 1)
            over = {"started_at": at, "ended_at": at + timedelta(minutes=4), "planned_at": at}
            facts = {"tokens_in": 9_000, "tokens_out": 1_000}
            run = factories.run(team_id, task, "succeeded", facts=facts, **over)
            with batch() as work:
                event = {"kind": "succeeded", "team_id": team_id, "run_id": run, "at": at, "data": {}}
                work.connection.execute(sa.insert(Event).values(event))
        estimates.learn()
        return rows(Task)[0].slug


def said(page, name):
    return page.partition(f"<dt>{name}</dt><dd>")[2].partition("</dd>")[0]


def test_what_has_no_price_is_told_in_tokens(ada, northgate, local):
    page = look(ada, northgate, "every day at 9:00", task=local, model="")
    assert (said(page, "A run"), said(page, "A month")) == ("10,000 tokens", "300,000 tokens")
    assert "No price known for llama." in page
    twice = look(ada, northgate, "every day at 9:00 and 15:00", task=local, model="")
    assert said(twice, "A month") == "600,000 tokens <small>now 300,000 tokens</small>"
    assert '<span class="cost">10,000 tokens</span>' in page
    assert re.search(r'<span class="dur">[34–]+ min</span>', page)


def test_another_model_is_told_in_money_and_its_cheap_hours_are_marked(ada, northgate, local):
    page = look(ada, northgate, "every day at 9:00 and 21:00", task=local, model="Night")
    assert said(page, "A run") == "$0.01"
    assert said(page, "A month") == "$0.60 <small>now 300,000 tokens</small>"
    assert "half price</span></span><span" in page
    assert '<span class="cost">$0.005</span>' in page
    assert '<span class="cost">$0.01</span>' in page
