"""Bring the database to this version. On a first start it makes the key for secrets, too."""

import argparse
import sys

import sqlalchemy as sa
from alembic.util import CommandError

from app import bootstrap
from app.cli import home
from app.infra import migrations, snapshots, vault
from app.infra.storage import Storage
from app.services import accounts, keys
from app.settings import SettingError, Settings, read


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `up` asks for."""
    parser.add_argument(
        "--setup-link", action="store_true", help="print a link for the first person, while nobody has an account"
    )
    parser.add_argument(
        "--files", action="store_true", help="bring the files of the data folder into the database (CARILLON_STORAGE)"
    )


def run(args: argparse.Namespace) -> int:
    """Migrate; running it again changes nothing."""
    settings = read()
    home.make(settings.data_dir)
    try:
        _migrate(settings)
    except sa.exc.DBAPIError as error:
        raise SettingError(f"The database can't be used: {str(error.orig).splitlines()[0]}.") from error
    except CommandError as error:
        raise SettingError("The database was made by a newer Carillon. Start that version.") from error
    app = bootstrap.start(settings)
    with app.app_context():
        keys.check(app.extensions["vault"])
        if args.files:
            print(f"{_share(settings)} files of {settings.data_dir} are in the database.", file=sys.stderr)
        if args.setup_link:
            print(accounts.setup_link(settings) or "")
    return 0


def _share(settings: Settings) -> int:
    if settings.storage != "database":
        raise SettingError("Files go into the database where CARILLON_STORAGE is database. Set it first.")
    return Storage(settings.data_dir / "files").share()


def _migrate(settings: Settings) -> None:
    # A key is made only for data that is new: what another key has sealed stays closed, and is said to be.
    if not settings.master_key_file.exists() and snapshots.is_empty(settings):
        try:
            vault.create_key(settings.master_key_file)
        except OSError as error:
            raise SettingError(
                f"The key file {settings.master_key_file} can't be written: {error.strerror}."
            ) from error
    vault.Vault.open(settings.master_key_file)
    migrations.run(settings)
