"""Workers come with the load and go without it."""

import signal
import subprocess
import sys

import pytest

from app import bootstrap
from app.cli import scaler as scaling
from app.cli.scaler import Scaler
from app.cli.supervisor import Child
from app.domain.scaling import Look
from app.services.unit import batch
from app.settings import SettingError, read
from tests import factories
from tests.cli.test_up import wait_for
from tests.factories import ago

SLEEPER = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]


class House:
    """Sleeping processes as workers, and a queue that is looked at when a test says so."""

    def __init__(self, monkeypatch):
        self.now = 0.0
        self.workers, self.leaving = [], []
        monkeypatch.setattr(scaling.time, "monotonic", lambda: self.now)
        self.scaler = Scaler(self.workers, self.leaving, self.hire, 1, 3)
        self.workers.append(self.hire(1))

    def hire(self, number):
        return Child(f"worker {number}", lambda: subprocess.Popen(SLEEPER))

    def look(self, oldest_seconds, depth=1):
        self.now += self.scaler.seconds_until_look()
        self.scaler.step(lambda: Look(self.now, oldest_seconds, depth if oldest_seconds else 0))
        return [child.name for child in self.workers]

    def close(self):
        for one in (*self.workers, *self.leaving):
            one.send(signal.SIGKILL)
            one.process.wait()


@pytest.fixture
def house(monkeypatch):
    house = House(monkeypatch)
    yield house
    house.close()


def test_workers_come_one_by_one_while_runs_wait_and_the_newest_goes_first(house, capfd):
    assert house.look(6) == ["worker 1"]
    assert house.look(9) == ["worker 1", "worker 2"]
    assert house.look(9) == ["worker 1", "worker 2"]  # the new one gets its time
    assert house.look(9) == house.look(9) == ["worker 1", "worker 2", "worker 3"]
    newest = house.workers[-1]
    names = [house.look(0) for _ in range(22)]
    assert names[-1] == ["worker 1", "worker 2"]
    assert newest.process.wait(5) == -signal.SIGUSR1  # what a worker hears as: end when you are done
    assert house.leaving == [newest]
    assert "Workers: 1 → 2, since runs wait too long." in capfd.readouterr().err
    assert [house.look(0) for _ in range(22)][-1] == ["worker 1"]
    assert [house.look(0) for _ in range(40)][-1] == ["worker 1"]
    assert house.look(9) == ["worker 1"]
    assert house.look(9) == ["worker 1", "worker 2"]


def test_a_queue_that_can_not_be_looked_at_changes_nothing(house):
    house.look(9)
    house.now += house.scaler.seconds_until_look()
    house.scaler.step(lambda: None)
    assert len(house.workers) == 1


def test_where_the_number_is_fixed_nobody_looks():
    assert Scaler([], [], lambda _: None, 2, 2).seconds_until_look() == float("inf")


def test_fewer_at_most_than_at_least_is_refused():
    assert read({"CARILLON_WORKERS": "2"}).most_workers == 2
    assert read({"CARILLON_WORKERS": "2", "CARILLON_WORKERS_MAX": "4"}).most_workers == 4
    with pytest.raises(SettingError, match="CARILLON_WORKERS_MAX is at least CARILLON_WORKERS"):
        read({"CARILLON_WORKERS": "3", "CARILLON_WORKERS_MAX": "2"})


@pytest.mark.slow
def test_up_starts_workers_while_runs_wait(up, tmp_path):
    running = up(CARILLON_WORKERS_MAX="2", CARILLON_CODE_SLOTS="1", CARILLON_STOP_GRACE_SECONDS="0.5")
    here = read({"CARILLON_DATA": str(running.data), "CARILLON_LOG_LEVEL": "error"})
    with bootstrap.start(here).app_context():
        team = factories.team()
        task = factories.task(team, engine="shell", settings={"script": "sleep 5", "interpreter": "sh"})
        runs = [factories.run(team, task, lane="code", queued_at=ago(seconds=30)) for _ in range(3)]
        with batch() as work:
            for run in runs:
                work.enqueue(run, 1, "code")
    wait_for(lambda: "carillon: Workers: 1 → 2, since runs wait too long.\n" in running.said, 12)
    assert len(running.children()) == 6
    assert running.stop() == 0


def test_without_a_carillon_there_is_nothing_to_restart(carillon, tmp_path):
    done = carillon("restart", "--data", tmp_path)
    assert (done.returncode, done.stderr) == (
        1, f"carillon: No Carillon runs on {tmp_path}. Start it: ./carillon up\n",
    )  # fmt: skip
