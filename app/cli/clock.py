"""Start the clock: it fires what is due and mends what was lost. Several may run; one leads."""

import argparse

from app.cli import prepared
from app.settings import read
from jobs import clock


def arguments(_parser: argparse.ArgumentParser) -> None:
    """Declare nothing: settings come from the environment."""


def run(_args: argparse.Namespace) -> int:
    """Work until SIGTERM."""
    settings = read()
    prepared.refuse_if_not(settings)
    return clock.main(settings)
