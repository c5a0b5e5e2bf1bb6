"""Slow receivers of one team hold back neither another team's messages nor the installation's own."""

import threading
import time

import pytest

from app.domain import turns
from app.infra import fetch
from app.models.teams import Team
from app.services import devices
from app.services import teams as all_teams
from app.services.channels import Wanted, create
from app.services.deliveries import Sender, waiting
from jobs.watchdog import Watchdog
from tests.factories import rows
from tests.push_service import Phone, PushService
from tests.services.test_deliveries import Kept
from tests.services.test_devices import message
from tests.services.test_reaching import alert, due, house  # noqa: F401 a fixture

pytestmark = pytest.mark.alike


@pytest.fixture
def dog(house, settings):  # noqa: F811 the fixture
    """A watchdog that sends in the house, on a thread; with a channel of the installation that keeps what it is told."""
    own = Kept("webhook")
    dog = Watchdog(settings)
    dog._sender = Sender({"webhook": own}, house.means, house.vault)
    thread = threading.Thread(target=dog._send_on)
    yield dog, own, thread.start
    dog._wants_end.set()
    house.server.released.set()
    for one in [thread, *dog._going.values()]:
        one.join()


def test_a_hundred_slow_deliveries_of_a_team_delay_no_other(house, dog):  # noqa: F811
    dog, own, start = dog
    slow = [
        create(house.actor, house.vault, Wanted("webhook", "", {"url": f"{house.server.url}/delay/20?{number}"}))
        for number in range(20)
    ]  # fmt: skip
    first = [alert(house, "failing", f"Task {number} failed.") for number in range(5)]
    for ident in first:
        for channel in slow:
            due(house, ident, f"channel:{channel}")
    all_teams.create(house.vault, house.person, "Southgate")
    letter = alert(house, "failing", "The report failed.", team_id=rows(Team)[-1].id)
    due(house, letter, house.email)
    due(house, alert(house, "clock", "No clock leads.", team_id=None), "webhook")
    assert len(waiting()) == 22
    began = time.monotonic()
    start()
    while not (house.box.mails and own.told):
        assert time.monotonic() - began < 2
        time.sleep(0.02)
    assert house.box.subjects == ["[Southgate] The report failed."]
    assert own.told[0].sentence == "No clock leads."
    assert house.server.going.total() <= turns.OF_TEAM


def test_a_device_that_does_not_answer_delays_none_of_the_others(house, settings):  # noqa: F811
    with PushService() as service:
        fetch.configure(settings)
        devices.add(house.person, None, Phone(house.server, "/delay/20").given("Dead"))
        devices.add(house.person, None, Phone(service).given("Pixel"))
        sending = threading.Thread(target=devices.opened(house.vault, house.person, "").send, args=(message(),))
        began = time.monotonic()
        sending.start()
        while not service.got:
            assert time.monotonic() - began < 2
            time.sleep(0.02)
        house.server.released.set()
        sending.join()
