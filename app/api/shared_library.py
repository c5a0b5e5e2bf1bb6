"""Templates between teams and installations: published, exported, looked at, installed, rated, reported."""

from datetime import datetime
from typing import Any, Literal

from apiflask.fields import UploadFile
from apiflask.schemas import FileSchema
from flask import Response, current_app, g
from pydantic import Field

from app.api.idempotency import once
from app.api.library import AskedOut, TemplateOut, whole
from app.api.resource import In, Out, Resource, nothing
from app.domain import library as rules
from app.services import library
from app.services.library import installing, opinions, publishing
from app.services.library.installing import Offered
from app.services.library.publishing import Choice
from app.services.tasks import from_template

api = Resource("shared_library", "Shared templates")

_BUNDLE = FileSchema(type="string", format="binary")
_BUNDLE_TYPE = "application/octet-stream"
_MOST_CHOSEN = 1000


class FoundOut(Out):
    """Something that others would learn of the team."""

    id: str
    kind: Literal["secret", "e-mail", "person", "team", "team value", "host", "address"]
    value: str = Field(validation_alias="said", description="Of a secret the last characters")
    becomes: str
    places: list[str]
    excerpt: str
    is_always: bool = Field(description="Whether it never leaves")
    is_removed: bool = Field(description="Whether it is removed unless it is named in `kept`")


class PublicationOut(Out):
    """What would leave with a template, and how it is published now."""

    found: list[FoundOut]
    seen: str = Field(description="To send with what is decided")
    problem: str = Field(description="Why it can't leave, empty when it can")
    visibility: Literal["private", "team", "instance", "public"]
    listing: int | None = Field(description="The number under which others find it")
    published_version: int | None


class LeaveIn(In):
    """What somebody decided about what was found."""

    publisher: str = Field(min_length=1, max_length=120, description="The name that others see")
    kept: list[str] = Field([], max_length=_MOST_CHOSEN, description="Ids of those to stay though removed by default")
    replaced: list[str] = Field([], max_length=_MOST_CHOSEN, description="Of the others, ids of those to be replaced")


class PublishIn(LeaveIn):
    """To whom it is offered."""

    visibility: Literal["instance", "public"]
    seen: str = Field(max_length=64, description="As the report says that was looked at")


class ExportIn(LeaveIn):
    """A copy of it as a file."""

    seen: str = Field("", max_length=64, description="As the report says; empty: whatever is found now")


class VisibilityIn(In):
    """Who in the team sees it."""

    visibility: Literal["private", "team"]


class SharedLine(Out):
    """Something offered, in short."""

    id: int
    source: Literal["own", "index", "upload"] = Field(description="Published here, from an index, or from a file")
    name: str
    category: str
    sentence: str
    version: int
    publisher: str
    key: str = Field(description="The public key it is signed with")
    fingerprint: str
    trust: Literal["own", "known", "new", "changed"] = Field(description="Whether the publisher signed with it before")
    installs: int = Field(description="Teams that have installed it")
    stars: float = Field(description="The mean of its ratings, 0 for none")
    ratings: int
    installed: str | None = Field(description="The slug of the template that the team has of it")
    is_newer: bool = Field(description="Whether the team has an older version")


class SharedsOut(Out):
    """What a team can install."""

    items: list[SharedLine]


class AskOut(Out):
    """Something it asks to be allowed, in words."""

    what: str
    words: str


class RatingOut(Out):
    """What somebody thinks of it."""

    person: str
    stars: int
    sentence: str
    at: datetime


class SharedOut(SharedLine):
    """Something offered, in full, as it would be used here."""

    about: str
    sample: str
    notes: list[str]
    form: list[AskedOut]
    asks: list[AskOut]
    contract: list[str]
    min_isolation: int = Field(description="The isolation that its tasks need")
    offered_isolation: int = Field(description="The best that a worker offers now")
    changes: list[str] = Field(description="Lines of a diff to the version that the team has")
    said: list[RatingOut]
    definition: dict[str, Any]


class BundleIn(In):
    """A bundle, as it came."""

    file: UploadFile


class InstallIn(In):
    """Whether somebody is sure."""

    is_sure: bool = Field(False, description="Needed where `trust` is `changed`")


class RateIn(In):
    """A rating."""

    stars: int = Field(ge=1, le=opinions.MOST_STARS)
    sentence: str = Field("", max_length=300)


class ReportIn(In):
    """What is wrong with it."""

    reason: str = Field(min_length=1, max_length=500)


class ReportOut(Out):
    """A report that nobody has settled."""

    id: int
    listing: int
    name: str
    publisher: str
    reason: str
    person: str
    at: datetime


class ReportsOut(Out):
    """Reports, the oldest first."""

    items: list[ReportOut]


class SettleIn(In):
    """What becomes of it."""

    unpublish: bool = Field(description="Whether it is no longer offered")


# --- going out


@api.get("/templates/<slug>/publication")
@api.allow("manage")
@api.output(PublicationOut)
def read_publication(slug: str) -> PublicationOut:
    """Read what would leave the team with a template, and whether it is published"""
    return _publication(slug)


def _publication(slug: str) -> PublicationOut:
    leaving = publishing.look(g.actor, _vault(), slug, Choice(), from_template.problem)
    listing = publishing.listing_of(g.actor, slug)
    values = {name: getattr(leaving, name) for name in ("found", "seen", "problem")}
    now = {"listing": listing.id, "published_version": listing.number} if listing else {}
    return PublicationOut.model_validate(
        {"listing": None, "published_version": None, "visibility": leaving.template.visibility} | values | now
    )


@api.post("/templates/<slug>/publication")
@api.allow("manage")
@api.input(PublishIn, example={"visibility": "instance", "publisher": "Northgate", "seen": "9f86d0…"})
@api.output(PublicationOut)
def publish_template(slug: str, json_data: PublishIn) -> PublicationOut:
    """Offer a copy of a template to all teams of this installation, or also in its index"""
    args = (json_data.visibility, json_data.publisher, _choice(json_data), json_data.seen, from_template.problem)
    publishing.publish(g.actor, _vault(), slug, *args)
    return _publication(slug)


@api.delete("/templates/<slug>/publication")
@api.allow("manage")
@api.output({}, status_code=204)
def unpublish_template(slug: str) -> Response:
    """No longer offer a template beyond the team; whoever has it keeps it"""
    publishing.unpublish(g.actor, slug)
    return nothing()


@api.put("/templates/<slug>/visibility")
@api.allow("edit")
@api.input(VisibilityIn, example={"visibility": "private"})
@api.output(TemplateOut)
def share_template(slug: str, json_data: VisibilityIn) -> TemplateOut:
    """Show a template to the team, or only to its author and admins"""
    publishing.share(g.actor, slug, json_data.visibility)
    return whole(library.find(g.actor, slug))


@api.post("/templates/<slug>/bundle")
@api.allow("manage")
@api.input(ExportIn, example={"publisher": "Northgate"})
@api.output(_BUNDLE, content_type=_BUNDLE_TYPE)
def export_template(slug: str, json_data: ExportIn) -> Response:
    """Download a copy of a template as a signed bundle"""
    args = (json_data.publisher, _choice(json_data), json_data.seen, from_template.problem)
    return _sent(*publishing.export(g.actor, _vault(), slug, *args))


# --- coming in


@api.get("/shared-templates")
@api.allow("see")
@api.output(SharedsOut)
def list_shared_templates() -> SharedsOut:
    """List what is offered in this installation and by the indexes it reads"""
    found = [_line(one) for one in installing.offered(g.actor, _vault())]
    return SharedsOut.model_validate({"items": found})


@api.post("/shared-templates/files")
@api.allow("edit")
@api.input(BundleIn, location="files")
@api.output(SharedOut, status_code=201)
def inspect_bundle(files_data: BundleIn) -> SharedOut:
    """Read what is in a bundle; nothing is installed"""
    listing_id = installing.upload(g.actor, files_data.file.stream.read(installing.LARGEST + 1))
    return _shared(listing_id)


@api.get("/shared-templates/<int:listing_id>")
@api.allow("see")
@api.output(SharedOut)
def read_shared_template(listing_id: int) -> SharedOut:
    """Read who signed it, what it asks to be allowed, and what it changes"""
    return _shared(listing_id)


def _shared(listing_id: int) -> SharedOut:
    found = installing.find(g.actor, _vault(), listing_id)
    content, before = found.content, found.installed.content if found.installed else None
    stored = content.model_dump(mode="json")
    more = {name: stored[name] for name in ("about", "sample", "notes", "form")}
    parts = ("engine", "settings", "steps", "variables", "contract", "repair", "limits", "policy", "min_isolation")
    asks = [{"what": what, "words": words} for what, words in rules.asks(content)]
    return SharedOut.model_validate(
        _line(found)
        | more
        | {
            "asks": asks,
            "contract": rules.promises(content),
            "min_isolation": content.min_isolation,
            "offered_isolation": installing.offers_level(),
            "changes": rules.diff(before, content) if before else [],
            "said": opinions.said(listing_id),
            "definition": {name: stored[name] for name in parts},
        }
    )


@api.get("/shared-templates/<int:listing_id>/bundle")
@api.allow("see")
@api.output(_BUNDLE, content_type=_BUNDLE_TYPE)
def read_shared_bundle(listing_id: int) -> Response:
    """Download what is published here as a signed bundle"""
    return _sent(*installing.bundle(g.actor, _vault(), listing_id))


@api.post("/shared-templates/<int:listing_id>/installation")
@api.allow("edit")
@api.input(InstallIn)
@api.output(TemplateOut, status_code=201)
@once
def install_template(listing_id: int, json_data: InstallIn) -> TemplateOut:
    """Install it, or its newer version, as a template of the team"""
    slug = installing.install(g.actor, _vault(), listing_id, is_sure=json_data.is_sure)
    return whole(library.find(g.actor, slug))


# --- opinions


@api.put("/shared-templates/<int:listing_id>/rating")
@api.allow("run")
@api.input(RateIn, example={"stars": 4, "sentence": "Does what it says."})
@api.output({}, status_code=204)
def rate_template(listing_id: int, json_data: RateIn) -> Response:
    """Rate what the team has installed; once a person, a later one counts"""
    opinions.rate(g.actor, listing_id, json_data.stars, json_data.sentence)
    return nothing()


@api.post("/shared-templates/<int:listing_id>/reports")
@api.allow("run")
@api.input(ReportIn, example={"reason": "It sends the orders to a host of its own."})
@api.output({}, status_code=204)
def report_template(listing_id: int, json_data: ReportIn) -> Response:
    """Tell those who look after the installation what is wrong with it"""
    opinions.report(g.actor, listing_id, json_data.reason)
    return nothing()


@api.get("/template-reports")
@api.allow("own")
@api.output(ReportsOut)
def list_template_reports() -> ReportsOut:
    """List the reports that nobody has settled; for owners of the first team"""
    found = [
        {
            "id": one.id, "listing": one.listing.id, "name": one.listing.content["name"], "person": one.person,
            "publisher": one.listing.publisher, "reason": one.reason, "at": one.at,
        }
        for one in opinions.reports(g.actor)
    ]  # fmt: skip
    return ReportsOut.model_validate({"items": found})


@api.post("/template-reports/<int:report_id>")
@api.allow("own")
@api.input(SettleIn, example={"unpublish": True})
@api.output({}, status_code=204)
def settle_template_report(report_id: int, json_data: SettleIn) -> Response:
    """Settle a report: unpublish what it is about, or leave it; for owners of the first team"""
    opinions.settle(g.actor, report_id, unpublish=json_data.unpublish)
    return nothing()


def _line(one: Offered) -> dict[str, Any]:
    content, listing = one.content, one.listing
    said = {name: getattr(content, name) for name in ("name", "category", "sentence")}
    known = {name: getattr(listing, name) for name in ("id", "source", "publisher", "key")}
    names = ("trust", "fingerprint", "installs", "stars", "ratings", "is_newer")
    counted = {name: getattr(one, name) for name in names}
    installed = {"installed": one.installed.slug if one.installed else None, "version": listing.number}
    return said | known | counted | installed


def _choice(sent: LeaveIn) -> Choice:
    return Choice(frozenset(sent.kept), frozenset(sent.replaced))


def _sent(name: str, data: bytes) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(data, mimetype=_BUNDLE_TYPE, headers=headers)


def _vault() -> Any:
    return current_app.extensions["vault"]
