"""Start one worker: it carries out runs."""

import argparse

from app.cli import prepared
from app.settings import read
from jobs import worker


def arguments(_parser: argparse.ArgumentParser) -> None:
    """Declare nothing: settings come from the environment."""


def run(_args: argparse.Namespace) -> int:
    """Work until SIGTERM."""
    settings = read()
    prepared.refuse_if_not(settings)
    return worker.main(settings)
