"""Bring a template of a team into a signed file, or look at a file and install what is in it."""

import argparse
import sys
from pathlib import Path

import sqlalchemy as sa

from app import bootstrap
from app.cli import acting
from app.core.errors import Unavailable
from app.domain import library
from app.domain.access import Actor
from app.infra.vault import Vault
from app.services import teams
from app.services.library import installing, publishing
from app.services.library.publishing import Choice
from app.services.tasks import from_template
from app.settings import SettingError, read


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the template, the file and the team."""
    verbs = parser.add_subparsers(dest="verb", required=True)
    out = verbs.add_parser("export", help="write a template into a file, without what belongs to the team")
    out.add_argument("slug", help="the name of the template in its address")
    out.add_argument("--publisher", default="", help="the name that others see (that of the team)")
    bring = verbs.add_parser("import", help="say what the template in a file asks for; with --yes, install it")
    bring.add_argument("--yes", action="store_true", help="install it")
    bring.add_argument("--new-key", action="store_true", help="install it though its publisher signed with another key")
    for one in (out, bring):
        one.add_argument("file", type=Path, help="a file that ends in .carillon")
        one.add_argument("--team", required=True, help="the name of the team in its address")
        one.add_argument("--person", default="", metavar="EMAIL", help="who does it (an owner of the team)")


def run(args: argparse.Namespace) -> int:
    """Write the file, or say what is in it and install it."""
    settings = read()
    with bootstrap.start(settings).app_context():
        try:
            actor = acting.actor(args.team, args.person, "manage" if args.verb == "export" else "edit")
            vault = Vault.open(settings.master_key_file)
            return _export(actor, vault, args) if args.verb == "export" else _import(actor, vault, args)
        except sa.exc.DBAPIError as error:
            raise Unavailable("The database can't be used. ./carillon doctor says more.") from error
        except OSError as error:
            raise SettingError(f"{args.file} can't be used: {error.strerror or error}.") from error


def _export(actor: Actor, vault: Vault, args: argparse.Namespace) -> int:
    leaving = publishing.look(actor, vault, args.slug, Choice(), from_template.problem)
    for one in leaving.found:
        became = f"replaced by {one.becomes}" if one.is_removed else "kept"
        print(f"carillon: {one.kind} {one.said}: {became} ({', '.join(one.places)})", file=sys.stderr)
    publisher = args.publisher or next(one.name for one in teams.of(actor.person_id) if one.id == actor.team_id)
    parts = (publisher, Choice(), leaving.seen, from_template.problem)
    _, data = publishing.export(actor, vault, args.slug, *parts)
    args.file.write_bytes(data)
    print(f"{leaving.template.content.name}, version {leaving.template.number}, is in {args.file}.")
    return 0


def _import(actor: Actor, vault: Vault, args: argparse.Namespace) -> int:
    with args.file.open("rb") as stream:
        listing_id = installing.upload(actor, stream.read(installing.LARGEST + 1))
    found = installing.find(actor, vault, listing_id)
    listing = found.listing
    said = [
        ("Template", f"{found.content.name}, version {listing.number}"),
        ("Publisher", listing.publisher),
        ("Fingerprint", found.fingerprint),
        ("Signature", f"good. {library.trust_words(found.trust, listing.publisher)}"),
        *library.asks(found.content),
        ("Isolation", f"level {found.content.min_isolation} at least"),
        *(("Contract", words) for words in library.promises(found.content)),
    ]
    print("\n".join(f"{what + ':':20}{_plain(words)}" for what, words in said))
    if not args.yes:
        print("Nothing is installed. With --yes it is.")
        return 0
    slug = installing.install(actor, vault, listing_id, is_sure=args.new_key)
    print(f"Installed as {slug}.")
    return 0


def _plain(words: str) -> str:
    """Return words of strangers without what a terminal would obey."""
    return "".join(one if one.isprintable() else " " for one in words)
