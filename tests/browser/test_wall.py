"""The wall in a browser: alive by itself, honest when it hears nothing, blank when it was removed."""

import re

import pytest

from app.services import wall
from app.services.unit import batch
from app.web import hub
from tests import factories

SCREENS = {"width": 1920, "height": 1080}, {"width": 390, "height": 844}
FASTER = "STALE = 15000, AGAIN = 3000", "STALE = 1200, AGAIN = 200"


@pytest.fixture
def shown(site, monkeypatch):
    """A wall of two teams on a screen of Ada's, with all its times shorter."""
    monkeypatch.setattr(hub, "PULSE_SECONDS", 0.2)
    with site.app.app_context():
        task = factories.task(site.actor.team_id, "digest", label="Morning digest")
        factories.run(site.actor.team_id, task, "running", started_at=factories.ago(minutes=2))
        line = wall.create(site.actor, site.app.extensions["vault"], "Kitchen", [site.ada.slug])
    site.context.clear_cookies()
    script = site.app.extensions["assets"].served["wall.js"].body.decode().replace(*FASTER)
    site.context.route("**/static/wall.*.js", lambda route: route.fulfill(body=script, content_type="text/javascript"))
    site.wall = line
    return site


def test_it_never_gives_up_lives_says_since_when_it_is_stale_and_goes_blank(shown, monkeypatch):
    page, live = shown.page, shown.page.get_by_text("Live", exact=True)
    page.route("**/wall/live*", lambda route: route.fulfill(status=502))  # as a proxy says while the server is away
    page.goto(shown.url + shown.wall.path)
    page.get_by_text("As of ").wait_for()
    page.unroute("**/wall/live*")
    live.wait_for()
    page.get_by_text("Morning digest").wait_for()
    for size in SCREENS:
        page.set_viewport_size(size)
        assert shown.flaws() == []
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    monkeypatch.setattr(hub, "PULSE_SECONDS", 60)
    page.get_by_text("Stale since ").wait_for()
    with shown.app.app_context(), batch() as work:
        work.ring(shown.actor.team_id)
    live.wait_for()
    with shown.app.app_context():
        wall.remove(shown.actor, shown.wall.id)
    page.locator("main:empty").wait_for(state="attached")
    shown.problems[:] = [one for one in shown.problems if not re.search("404|502", one)]


def test_it_turns_between_its_teams_but_not_for_who_wants_no_motion(shown):
    page = shown.page
    page.clock.install()
    page.goto(shown.url + shown.wall.path)
    heading = page.get_by_role("heading", level=1)
    page.get_by_text("Live", exact=True).wait_for()
    page.clock.run_for(31_000)
    page.get_by_role("heading", name="Ada Park", level=1).wait_for()
    page.emulate_media(reduced_motion="reduce")
    page.clock.run_for(61_000)
    assert heading.inner_text() == "Ada Park"
    page.emulate_media(reduced_motion="no-preference")
    shown.problems.clear()
