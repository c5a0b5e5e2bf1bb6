"""Make a backup while Carillon runs: the database as of one moment, and the stored files.

The key for secrets is left out: keep a copy of it in another place, once. Whoever has both has the secrets.
"""

import argparse
import sys
from pathlib import Path

import sqlalchemy as sa

from app import bootstrap
from app.cli import prepared
from app.core.clock import utc_now
from app.core.errors import Unavailable
from app.services import backups
from app.settings import read

_MIB = 1024**2


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare where it goes, and whether the key goes with it."""
    parser.add_argument(
        "folder", nargs="?", type=Path, metavar="FOLDER", help="a new folder for it (default: one in DATA/backups)"
    )
    parser.add_argument("--with-key", action="store_true", help="put the key for secrets into it, too")


def run(args: argparse.Namespace) -> int:
    """Make it, and say what it holds."""
    settings = read()
    prepared.refuse_if_not(settings)
    folder = (args.folder or settings.backups / f"{utc_now():%Y-%m-%dT%H-%M-%SZ}").absolute()
    with bootstrap.start(settings).app_context():
        try:
            manifest = backups.make(settings, folder, with_key=args.with_key)
        except sa.exc.DBAPIError as error:
            raise Unavailable("The database can't be used. ./carillon doctor says more.") from error
    print(folder)
    print(f"carillon: {manifest.files:,} files, {manifest.bytes / _MIB:,.1f} MiB, checked.", file=sys.stderr)
    if args.with_key:
        print("carillon: The key is in it: whoever has this folder has the secrets.", file=sys.stderr)
    else:
        print(
            f"carillon: The key is not in it. Keep a copy of {settings.master_key_file} in another place.",
            file=sys.stderr,
        )
    return 0
