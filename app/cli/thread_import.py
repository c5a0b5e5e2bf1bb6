"""The part of `threads` that needs the database: conversations of a file become threads of a team."""

import argparse
import sys

import sqlalchemy as sa

from app import bootstrap
from app.cli import acting
from app.core.errors import CarillonError, Unavailable
from app.infra.storage import Storage
from app.infra.vault import Vault
from app.services.threads import imports, reading
from app.settings import Settings, read


def run(args: argparse.Namespace) -> int:
    """Import a file in this process, and say what became of it; 1 where something can't be read."""
    settings = read()
    with bootstrap.start(settings).app_context():
        try:
            return _import(settings, args)
        except sa.exc.DBAPIError as error:
            raise Unavailable("The database can't be used. ./carillon doctor says more.") from error


def _import(settings: Settings, args: argparse.Namespace) -> int:
    actor, storage = acting.actor(args.team, args.person, "edit"), Storage(settings.data_dir / "files")
    try:
        stream = args.file.open("rb")
    except OSError as error:
        raise CarillonError(f"{args.file} can't be read: {error.strerror}.") from error
    with stream:
        import_id = imports.start(actor, storage.folder, stream, args.file.name, settings.import_bytes, "cli")
    reading.carry_out(storage, Vault.open(settings.master_key_file), import_id, settings.import_bytes)
    row = imports.find(actor, import_id)
    for one in row.broken:
        print(f"carillon: {one['name']}: {one['sentence']}", file=sys.stderr)
    print(imports.told(row), file=sys.stderr if row.state == "failed" else sys.stdout)
    return 1 if row.broken or row.state == "failed" else 0
