"""Calendar feeds as people use them: fetched by vdirsyncer over HTTP, shown by khal."""

import os
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from werkzeug.serving import make_server

from app.services.runs import moving
from tests.web.test_feeds import address, daily, team_id

__all__ = ["daily", "team_id"]

BIN = Path(sys.executable).parent

VDIRSYNCER = """
[general]
status_path = "{folder}/status/"
[pair runs]
a = "here"
b = "there"
collections = null
[storage here]
type = "filesystem"
path = "{folder}/runs/"
fileext = ".ics"
[storage there]
type = "http"
url = "{url}"
"""

KHAL = """
[calendars]
[[runs]]
path = {folder}/runs/
[locale]
timeformat = %H:%M
dateformat = %Y-%m-%d
longdateformat = %Y-%m-%d
datetimeformat = %Y-%m-%d %H:%M
longdatetimeformat = %Y-%m-%d %H:%M
local_timezone = Europe/Berlin
default_timezone = Europe/Berlin
[sqlite]
path = {folder}/khal.db
"""


@pytest.fixture
def site(app):
    """The application on a port of this machine."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


class Subscriber:
    """Somebody who reads a feed with vdirsyncer and khal."""

    def __init__(self, folder, url):
        self.folder = folder
        (folder / "vdirsyncer.conf").write_text(VDIRSYNCER.format(folder=folder, url=url))
        (folder / "khal.conf").write_text(KHAL.format(folder=folder))
        (folder / "runs").mkdir()
        self.run("vdirsyncer", "discover", "runs")

    def run(self, command, *args):
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "VDIRSYNCER_CONFIG": f"{self.folder}/vdirsyncer.conf",
        }
        more = ["-c", f"{self.folder}/khal.conf"] if command == "khal" else []
        done = subprocess.run(
            [BIN / command, *more, *args], env=env, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def sync(self):
        self.run("vdirsyncer", "sync")

    def files(self, line):
        return [path for path in (self.folder / "runs").iterdir() if line in path.read_text().splitlines()]

    def agenda(self, day, days):
        return self.run(
            "khal", "list", "-df", "", "-f", "{status}{start-time} {title} {description}", f"{day:%Y-%m-%d}", f"{days}d"
        ).splitlines()


def test_a_run_that_is_moved_moves_in_the_calendar_of_whoever_subscribes(app, ada, northgate, daily, site, tmp_path):
    subscriber = Subscriber(tmp_path, site + address(ada))
    subscriber.sync()
    berlin = ZoneInfo("Europe/Berlin")
    day = (datetime.now(berlin) + timedelta(days=3)).replace(hour=9, minute=0, second=0, microsecond=0)
    assert len(subscriber.files(f"DTSTART;TZID=Europe/Berlin:{day:%Y%m%d}T090000")) == 1
    actor, later = ada.actor(app, northgate), day + timedelta(hours=2, minutes=30)
    with app.app_context():
        moving.move(actor, "digest", day.astimezone(UTC), later)
        moving.skip(actor, "digest", (day + timedelta(days=1)).astimezone(UTC))
    subscriber.sync()
    moved, skipped = subscriber.agenda(day, 2)
    assert moved.startswith("CONFIRMED 11:30 Morning digest; news, and more Every day at 09:00. Moved by Ada Park from")
    assert skipped.split()[0] == "CANCELLED"
