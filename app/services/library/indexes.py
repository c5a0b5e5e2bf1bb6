"""The signed list of what this installation publishes, and those of others, read by a worker again and again."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urljoin

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.core.errors import NotFound
from app.infra import bundles, fetch
from app.infra.addresses import Failure, read_target
from app.infra.bundles import Bundle, Manifest, Refused
from app.infra.database import db
from app.infra.vault import Vault
from app.models.instance import Fact
from app.models.library import Listing
from app.services.library import installing, signing
from app.services.unit import unit
from app.settings import Settings

MOST = 200
"""So many templates of an index are read."""

FORMAT = 1
_PATIENCE_SECONDS = 20.0
_OK = 200
_LONGEST_PROBLEM = 300


class _Entry(BaseModel):
    """A template of an index. The digest is that of its bundle."""

    model_config = ConfigDict(extra="ignore")

    slug: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,79}$")
    version: int
    publisher: str
    key: str
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")


@dataclass(frozen=True)
class State:
    """How an index was found last: how many templates it offers, and what was wrong, empty for nothing."""

    url: str
    count: int
    problem: str
    at: datetime


# --- our own

_made: dict[tuple[str, datetime | None], dict[str, Any]] = {}
"""The list as it was signed last, by the key and by the newest change of a template that is published."""


def document(vault: Vault, settings: Settings) -> dict[str, Any]:
    """Return the list of what is public here, signed. Raises NotFound while nothing is to be published."""
    if not settings.publish:
        raise NotFound
    seed, key = signing.seed(vault), signing.public(vault)
    changed = db.session.scalar(sa.select(sa.func.max(Listing.changed_at)).where(Listing.source == "own"))
    made_of = (key, changed)
    if made_of not in _made:  # anybody may ask for it as often as they like
        _made.clear()
        _made[made_of] = _document(seed, key, changed)
    return _made[made_of]


def _document(seed: bytes, key: str, changed: datetime | None) -> dict[str, Any]:
    public = (Listing.source == "own", Listing.visibility == "public", Listing.state == "offered")
    listings = db.session.scalars(sa.select(Listing).where(*public).order_by(Listing.slug).limit(MOST))
    entries = [_entry(one, key, installing.packed(one, seed)) for one in listings]
    content = {"format": FORMAT, "made_at": changed.isoformat() if changed else "", "templates": entries}
    payload = json.dumps(content, ensure_ascii=False, sort_keys=True)
    return {"format": FORMAT, "key": key, "payload": payload, "signature": bundles.sign(seed, payload.encode())}


def public_bundle(vault: Vault, settings: Settings, slug: str) -> bytes:
    """Return the bundle of one that is public here. Raises NotFound."""
    its = (Listing.source == "own", Listing.slug == slug, Listing.visibility == "public", Listing.state == "offered")
    listing = db.session.scalar(sa.select(Listing).where(*its)) if settings.publish else None
    if listing is None:
        raise NotFound
    return installing.packed(listing, signing.seed(vault))


def _entry(listing: Listing, key: str, data: bytes) -> dict[str, Any]:
    said = {name: listing.content[name] for name in ("name", "category", "sentence")}
    return said | {
        "slug": listing.slug, "version": listing.number, "publisher": listing.publisher, "key": key,
        "digest": hashlib.sha256(data).hexdigest(), "bytes": len(data),
    }  # fmt: skip


# --- those of others


def states(settings: Settings) -> list[State]:
    """Return how the indexes of the settings were found last; one that was not read yet is left out."""
    names = [_fact_of(url) for url in settings.index_urls]
    facts = db.session.scalars(sa.select(Fact).where(Fact.name.in_(names)).order_by(Fact.name))
    return [State(one.value["url"], one.value["count"], one.value["problem"], one.at) for one in facts]


def refresh(settings: Settings) -> dict[str, int]:
    """Read the indexes of the settings; return how many were read and how many failed. What failed stays as it was."""
    db.session.rollback()  # no transaction is open while others are waited for
    with unit() as work:
        left = (Listing.source == "index", Listing.state == "offered", Listing.address.not_in(settings.index_urls))
        work.session.execute(sa.update(Listing).where(*left).values(state="gone", changed_at=work.now))
    problems = [_refresh(url, settings.index_keys) for url in settings.index_urls]
    return {"read": problems.count(""), "failed": len(problems) - problems.count("")}


def _refresh(url: str, keys: Sequence[str]) -> str:
    fact = db.session.get(Fact, _fact_of(url))
    before: dict[str, Any] = dict(fact.value) if fact else {"url": url, "made_at": "", "count": 0}
    problem = ""
    try:
        made_at, entries = _read(_fetched(url), keys, before["made_at"])
        fetched, problem = _bundles(url, entries)
        _store(url, entries, fetched)
        before |= {"made_at": made_at, "count": len(entries)}
    except (Refused, Failure) as error:
        problem = str(error)
    with unit() as work:
        row = work.session.get(Fact, _fact_of(url)) or Fact(name=_fact_of(url))
        row.value, row.at = {**before, "problem": problem[:_LONGEST_PROBLEM]}, work.now
        work.session.add(row)
    return problem


def _fetched(url: str) -> bytes:
    most = bundles.LARGEST
    answer = fetch.Call(fetch.Request("GET", url, timeout_seconds=_PATIENCE_SECONDS, keep_bytes=most)).answer()
    if answer.status != _OK:
        raise Refused(f"{read_target(url).host} answered {answer.status} {answer.phrase}.")
    if answer.is_cut:
        raise Refused(f"{read_target(url).host} sent more than {most // 1024} KB.")
    return answer.body


def _read(data: bytes, keys: Sequence[str], since: str) -> tuple[str, list[_Entry]]:
    """Return when an index was made, and what it offers. Raises Refused."""
    signed = bundles.parsed(data, "The index")
    try:
        payload, signature = signed["payload"].encode(), signed["signature"]
        if not any(bundles.is_signed(key, payload, signature) for key in keys):
            raise Refused("The index is signed with none of the keys of CARILLON_INDEX_KEYS.")
        content = bundles.parsed(payload, "The index")
        entries = [_Entry.model_validate(one) for one in content["templates"][:MOST]]
        if content["format"] != FORMAT:
            raise Refused("The index was made by another version of Carillon.")
        if content["made_at"] < since:
            raise Refused("The index is older than the one that was read before.")
        return str(content["made_at"]), entries
    except (KeyError, TypeError, AttributeError, ValidationError):
        raise Refused("The index is not as this version of Carillon reads it.") from None


def _bundles(url: str, entries: Iterable[_Entry]) -> tuple[dict[str, Bundle], str]:
    """Return the bundles that are new, each checked, and what was wrong with the first that could not be had."""
    known = {
        row.slug: row.digest
        for row in db.session.execute(sa.select(Listing.slug, Listing.digest).where(Listing.address == url))
    }
    db.session.rollback()  # no transaction is open while others are waited for
    fetched, problem = {}, ""
    for one in entries:
        if known.get(one.slug) == one.digest:
            continue
        try:
            fetched[one.slug] = _checked(one, _fetched(urljoin(url, f"index/{one.slug}{bundles.ENDING}")))
        except (Refused, Failure) as error:
            problem = problem or f"{one.slug}: {error}"
    return fetched, problem


def _checked(entry: _Entry, data: bytes) -> Bundle:
    if hashlib.sha256(data).hexdigest() != entry.digest:
        raise Refused("The bundle is not the one that the index names.")
    bundle = bundles.unpack(data)
    said: Manifest = bundle.manifest
    if (said.slug, said.version, said.publisher, said.key) != (
        entry.slug, entry.version, entry.publisher, entry.key,
    ):  # fmt: skip
        raise Refused("The bundle and the index say different things of it.")
    return bundle


def _store(url: str, entries: Sequence[_Entry], fetched: dict[str, Bundle]) -> None:
    with unit() as work:
        known = {one.slug: one for one in work.session.scalars(sa.select(Listing).where(Listing.address == url))}
        for slug, bundle in fetched.items():
            row = known.get(slug)
            if row is None:
                row = Listing(source="index", address=url, slug=slug, visibility="public", created_at=work.now)
                row.state, known[slug] = "offered", row
                work.session.add(row)
            said = bundle.manifest
            row.number, row.publisher, row.key, row.digest = said.version, said.publisher, said.key, bundle.digest
            row.content, row.changed_at = bundle.content.model_dump(mode="json"), work.now
        named = {one.slug for one in entries}
        for slug, row in known.items():
            if row.state != "unpublished":  # whoever looks after this installation does not want it
                row.state = "offered" if slug in named else "gone"


def _fact_of(url: str) -> str:
    return f"index-{hashlib.sha256(url.encode()).hexdigest()[:16]}"
