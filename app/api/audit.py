"""The audit of the team: who asked for what."""

from datetime import datetime
from typing import Any, Literal

from flask import g
from pydantic import AwareDatetime, Field

from app.api.paging import Answer, PageQuery, gathered, number, page
from app.api.resource import Out, Resource
from app.services import audit
from app.services.audit import Entry, Filters, chain

api = Resource("audit", "Audit")


class AuditQuery(PageQuery):
    """Which entries, and which page of them."""

    person_id: int | None = Field(None, ge=1, le=2**31, description="Of this person alone")
    action: str = Field("", max_length=40, description="Of this action alone, like task_changed")
    what: str = Field("", max_length=120, description="Only about things whose name has this in it")
    since: AwareDatetime | None = Field(None, description="From this instant on")
    until: AwareDatetime | None = Field(None, description="Before this instant")
    of: Literal["team", "installation"] = Field("team", description="`installation`: those that belong to no team")


class EntryOut(Out):
    """Who asked for what."""

    id: int
    number: int | None = Field(description="Its place in the chain; null until it is sealed, within seconds")
    at: datetime
    person_id: int | None = Field(description="null: Carillon by itself")
    person: str
    action: str
    object: str
    data: dict[str, Any]
    seal: str | None = Field(description="SHA-256 of the entry and of the seal before it")


class EntriesOut(Out):
    """Entries, the newest first."""

    items: list[EntryOut]
    next_cursor: str | None


class ChainOut(Out):
    """The last walk over the whole chain."""

    checked_at: datetime | None = Field(description="null: never yet")
    checked: int = Field(description="So many entries")
    flaw: str = Field(description="What is wrong with the first bad entry; empty when all are as they were sealed")


@api.get("/audit")
@api.allow("audit")
@api.input(AuditQuery, location="query")
@api.output(EntriesOut)
def list_audit(query_data: AuditQuery) -> Answer[EntriesOut]:
    """List who asked for what, the newest first"""
    filters = Filters(
        query_data.person_id, query_data.action, query_data.what, query_data.since, query_data.until,
        query_data.of == "installation",
    )  # fmt: skip
    found, next_place = gathered(query_data, lambda at: _fetch(filters, at), lambda entry: str(entry.id))
    return page(EntriesOut, found, next_place)


def _fetch(filters: Filters, at: str) -> tuple[list[Entry], bool]:
    found = audit.listing(g.actor, filters, number(at))
    return list(found.entries), found.has_older


@api.get("/audit/chain")
@api.allow("audit")
@api.output(ChainOut)
def show_chain() -> ChainOut:
    """Show when the chain of the audit was last checked, and whether it was whole"""
    last = chain.last_checked()
    return ChainOut(checked_at=last.at, checked=last.checked, flaw=last.flaw) if last else _NEVER


_NEVER = ChainOut(checked_at=None, checked=0, flaw="")
