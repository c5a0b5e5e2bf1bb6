"""Restart what `up` started, process by process, without a pause: after an upgrade.

The new version is installed first, then `up` brings the database to it and replaces workers, clock, watchdog and web.
"""

import argparse
import os
import signal
from pathlib import Path

from app.cli import home
from app.settings import SettingError, read


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the data folder."""
    parser.add_argument("--data", type=Path, metavar="DIR", help="the folder for all data (carillon-data)")


def run(args: argparse.Namespace) -> int:
    """Ask the supervisor of the folder, and leave the rest to it."""
    settings = read(data_dir=args.data)
    held = home.holder(settings.data_dir)
    if held is None:
        raise SettingError(f"No Carillon runs on {settings.data_dir}. Start it: ./carillon up")
    os.kill(held[0], signal.SIGUSR1)
    print(f"Carillon (process {held[0]}) replaces its processes one by one, and says so where it was started.")
    return 0
