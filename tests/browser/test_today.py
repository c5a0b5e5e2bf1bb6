"""Today and search in the browser: for everybody, in both themes, and live."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from playwright.sync_api import expect

from app.services.unit import batch
from tests import factories
from tests.browser.conftest import DESK, PHONE

EARLIER = datetime.now(UTC) - timedelta(minutes=3)


@pytest.fixture
def busy(site):
    """A team with something in each band."""
    with site.app.app_context():
        probe, digest = (factories.task(site.actor.team_id, name) for name in ("probe", "digest"))
        factories.run(
            site.actor.team_id, probe, "failed", planned_at=EARLIER, ended_at=EARLIER, sentence="It said 503."
        )
        factories.run(site.actor.team_id, digest, "succeeded", planned_at=EARLIER, started_at=EARLIER, ended_at=EARLIER)
        factories.run(site.actor.team_id, digest, "running", started_at=EARLIER)
        factories.schedule(site.actor.team_id, probe, "2h")
    return site


def test_today_and_search_have_no_flaw_that_axe_finds(busy):
    for path in ("/today", "/search?q=probe", "/search?q=zebra"):
        busy.open(path)
        assert flaws(busy) == []
    busy.page.keyboard.press("Control+k")
    assert flaws(busy) == []


def flaws(site):
    """What axe finds in the page that is open, light and dark, wide and narrow."""
    found = []
    for size, scheme in product((DESK, PHONE), ("light", "dark")):
        site.turn(scheme, size)
        found += [f"{scheme} {size['width']} {flaw}" for flaw in site.flaws()]
    return found


def test_an_empty_today_has_no_flaw_that_axe_finds(site):
    site.open("/today")
    assert site.flaws() == []


def test_today_follows_what_happens(busy):
    page = busy.open("/today")
    expect(page.locator("#today-now")).to_contain_text("digest")
    with busy.app.app_context():
        factories.run(busy.actor.team_id, factories.task(busy.actor.team_id, "late-one"), "running", started_at=EARLIER)
        with batch() as work:
            work.ring(busy.actor.team_id)
    expect(page.locator("#today-now")).to_contain_text("late-one")
    expect(page.locator("#today-ruler")).to_contain_text("Two runs are going.")


def test_a_running_run_counts_on(busy):
    page = busy.open("/today")
    time = page.locator("#today-now [data-since]").last
    before = time.text_content()
    expect(time).not_to_have_text(before)
