"""The command line as people use it: processes of their own, with an environment that says nothing."""

import os
import signal
import socket
import subprocess
import sys
import threading

import psutil
import pytest

from app.settings import ROOT

READY_LINE = "scheduler ready"


def clean_environment(**settings):
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("CARILLON_", "REDIS_", "DATABASE_"))
    }
    return kept | {"PYTHONPATH": str(ROOT)} | settings


@pytest.fixture(scope="session")
def carillon():
    """Run one command to its end."""

    def run(*words, cwd=ROOT, **settings):
        command = [sys.executable, "-m", "app.cli", *map(str, words)]
        return subprocess.run(
            command, cwd=cwd, env=clean_environment(**settings), capture_output=True, text=True, timeout=60
        )

    return run


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.fixture
def port():
    return free_port()


class Up:
    """A running `up`: what it printed, what it says meanwhile."""

    def __init__(self, data, port, **settings):
        self.data, self.port = data, port
        settings = {"CARILLON_LOG_LEVEL": "error"} | settings
        command = [sys.executable, "-m", "app.cli", "up", "--port", str(port), "--data", str(data)]
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=clean_environment(**settings),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.said = []
        self.listener = threading.Thread(target=lambda: self.said.extend(self.process.stderr))
        self.listener.start()
        self.greeting = []
        for line in self.process.stdout:
            self.greeting.append(line.rstrip())
            if READY_LINE in line:
                return
        raise AssertionError("".join(self.said))

    def children(self):
        return [child.pid for child in psutil.Process(self.process.pid).children()]

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(40)

    def close(self):
        if self.process.poll() is None:
            self.stop()
        self.listener.join(10)
        self.process.stdout.close()
        self.process.stderr.close()


@pytest.fixture
def up(tmp_path, port):
    started = []

    def start(data=tmp_path / "data", **settings):
        started.append(Up(data, port, **settings))
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """One `up` for the tests of a file that leave it running."""
    one = Up(tmp_path_factory.mktemp("running") / "data", free_port())
    yield one
    one.close()
