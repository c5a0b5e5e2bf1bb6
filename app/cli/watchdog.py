"""Start the watchdog: it looks for what should have happened and has not, and tells people by e-mail and webhook.

It needs the database alone, and goes on telling while that is away. Several may run.
"""

import argparse

import sqlalchemy as sa

from app import bootstrap
from app.infra import database, processes
from app.settings import SettingError, Settings, read
from jobs import watchdog


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the test."""
    parser.add_argument(
        "--test", action="store_true", help="send a test message by each channel, and say what came back"
    )


def run(args: argparse.Namespace) -> int:
    """Work until SIGTERM, or test the channels: then the exit code is 1 when one did not take the message."""
    settings = read()
    if args.test:
        return _test(settings)
    _refuse_if_behind(settings)
    processes.say_ready()
    return watchdog.main(settings)


def _test(settings: Settings) -> int:
    results = watchdog.try_channels(settings)
    if not results:
        raise SettingError(
            "No channel is set. Set CARILLON_SMTP_URL with CARILLON_ALERT_EMAIL, or CARILLON_ALERT_WEBHOOK."
        )
    for result in results:
        print(f"{result.channel}: {'sent' if result.is_sent else 'not sent'}. {result.said}")
    return 0 if all(result.is_sent for result in results) else 1


def _refuse_if_behind(settings: Settings) -> None:
    """Raise SettingError where the tables are of another version. A database that is away may come back."""
    with bootstrap.start_keyless(settings).app_context():
        try:
            if not database.is_current():
                raise SettingError("The database is not at this version. Run ./carillon migrate first.")
        except sa.exc.DBAPIError:
            return
        finally:
            database.dispose()
