"""Bring a backup back. Nothing runs afterwards until somebody confirms: every task is paused.

carillon restore FOLDER              into an empty data folder and database
carillon restore FOLDER --replace    in place of what is there, which is kept aside
carillon restore --confirm           let the tasks go on that a restore has paused
"""

import argparse
import shutil
import sys
from contextlib import suppress
from pathlib import Path

import sqlalchemy as sa

from app import bootstrap
from app.cli import home
from app.core.clock import utc_now
from app.core.errors import Conflict, Unavailable
from app.domain.access import Actor
from app.infra import archives, database, migrations, snapshots
from app.infra.archives import Manifest
from app.infra.vault import Vault
from app.services import keys, restoring
from app.services.audit import chain
from app.services.tasks import restored
from app.settings import SettingError, Settings, read


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the backup, and what may be done."""
    parser.add_argument("folder", nargs="?", type=Path, metavar="FOLDER", help="the backup")
    parser.add_argument("--replace", action="store_true", help="put what is there now aside")
    parser.add_argument("--confirm", action="store_true", help="resume the tasks that a restore has paused")


def run(args: argparse.Namespace) -> int:
    """Restore, or confirm."""
    if bool(args.folder) == args.confirm:
        raise SettingError("Name the folder of a backup, or give --confirm.")
    settings = read()
    try:
        _confirm(settings) if args.confirm else _restore(settings, args.folder.absolute(), is_replacing=args.replace)
    except sa.exc.DBAPIError as error:
        raise Unavailable(f"The database can't be used: {str(error.orig).splitlines()[0]}.") from error
    return 0


def _restore(settings: Settings, folder: Path, *, is_replacing: bool) -> None:
    with home.held(settings.data_dir, settings.url):
        manifest = archives.check(settings, folder)
        _make_place(settings, manifest, is_replacing=is_replacing)
        archives.put_back(settings, folder, manifest)
        migrations.run(settings)
        done = _settle(settings, manifest)
    _say(f"Restored from the backup of {manifest.at:%Y-%m-%d %H:%M} UTC (Carillon {manifest.version}).")
    _say(f"{done.runs} runs of that time were ended; {done.tasks} tasks are paused.")
    if settings.redis_url and not done.is_redis_empty:
        _say("Redis did not answer and was not emptied. It counts as wiped all the same.")
    _say("Start Carillon and look around. Resume all on its pages, or with ./carillon restore --confirm.")


def _settle(settings: Settings, manifest: Manifest) -> restoring.Restored:
    app = bootstrap.start(settings)
    with app.app_context():
        chain.after_restore(settings.data_dir)
        done = restoring.settle(manifest.at)
        keys.check(app.extensions["vault"])
        database.dispose()
    return done


def _make_place(settings: Settings, manifest: Manifest, *, is_replacing: bool) -> None:
    """Make sure that the backup can be used here, and put aside what is in its place."""
    _refuse_without_key(settings, manifest)
    if manifest.database != snapshots.name(settings):
        raise SettingError("The backup is of the other kind of database. Set DATABASE_URL as it was then.")
    if not snapshots.is_empty(settings):
        _refuse_if_alive(settings)
        if not is_replacing:
            raise Conflict("There are data here already. Give --replace to put them aside, or another CARILLON_DATA.")
    if aside := _put_aside(settings):
        _say(f"What was here before lies in {aside}.")


def _refuse_without_key(settings: Settings, manifest: Manifest) -> None:
    if settings.master_key_file.exists() or not manifest.has_key:
        Vault.open(settings.master_key_file)


def _refuse_if_alive(settings: Settings) -> None:
    alive: list[str] = []
    with bootstrap.start(settings).app_context(), suppress(sa.exc.DatabaseError):  # a damaged one can't say
        alive = restoring.alive()
    database.dispose()
    if alive:
        raise Conflict(f"Carillon runs on this database ({alive[0]}). Stop it, wait 15 s, then try again.")


def _put_aside(settings: Settings) -> Path | None:
    """Move what is here into a folder of its own, and return that; what the queue kept on disk is of no more use."""
    shutil.rmtree(settings.data_dir / "redis", ignore_errors=True)
    aside = settings.data_dir / f"before-{utc_now():%Y-%m-%dT%H-%M-%SZ}"
    files = settings.data_dir / archives.FILES
    is_empty = snapshots.is_empty(settings)
    if is_empty and not files.exists():
        return None
    aside.mkdir(mode=0o700)
    if files.exists():
        files.rename(aside / files.name)
    if not is_empty:
        snapshots.put_aside(settings, aside)
    return aside


def _confirm(settings: Settings) -> None:
    with bootstrap.start(settings).app_context():
        count = sum(restored.resume_all(Actor(0, team, "owner")) for team in restored.waiting_teams())
        database.dispose()
    _say(f"{count} tasks go on with their next planned times.")


def _say(sentence: str) -> None:
    print(f"carillon: {sentence}", file=sys.stderr)
