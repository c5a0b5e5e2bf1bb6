"""List the people, or make a link that signs somebody in once, within 15 minutes."""

import argparse

import sqlalchemy as sa

from app import bootstrap
from app.cli import home
from app.core.errors import Unavailable
from app.services import accounts
from app.settings import Settings, read


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `list` and `link EMAIL`."""
    what = parser.add_subparsers(dest="what", required=True, metavar="list | link EMAIL")
    what.add_parser("list", help="list the people").set_defaults(do=_list)
    link = what.add_parser("link", help="make a link that signs somebody in")
    link.add_argument("email", metavar="EMAIL")
    link.set_defaults(do=_link)


def run(args: argparse.Namespace) -> int:
    """Carry out one of them."""
    settings = read()
    with bootstrap.start(settings).app_context():
        try:
            args.do(settings, args)
        except sa.exc.DBAPIError as error:
            raise Unavailable("The database can't be used. ./carillon doctor says more.") from error
    return 0


def _list(_settings: Settings, _args: argparse.Namespace) -> None:
    for person in accounts.everybody():
        print(f"{person.email}\t{person.name}")


def _link(settings: Settings, args: argparse.Namespace) -> None:
    running = home.holder(settings.data_dir)
    print((running[1] if running else settings.url) + accounts.sign_in_link(args.email))
