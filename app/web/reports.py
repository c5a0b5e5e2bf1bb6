"""Answers of Insights, and runs that match, as files."""

from flask import Blueprint, Response, g, request

from app.core.errors import NotFound
from app.domain.reporting import FORMS, Form
from app.services.insights import reports
from app.services.run_list import exporting
from app.web import insights, run_filters
from app.web.guard import guard

blueprint = Blueprint("reports", __name__, url_prefix="/t/<team>")


@blueprint.get("/insights/export.<form>")
@guard("see")
def all_answers(form: str) -> Response:
    """Send all answers for the time that the page shows: tables as an archive, else one document."""
    return _file("", form)


@blueprint.get("/insights/<question>/export.<form>")
@guard("see")
def one_answer(question: str, form: str) -> Response:
    """Send one answer for the time that the page shows."""
    return _file(question, form)


@blueprint.get("/runs/export.<form>")
@guard("see")
def runs(form: str) -> Response:
    """Send all runs that the list shows, page after page of it."""
    filters = run_filters.read(request.args).filters
    media_type, pieces = exporting.export(g.actor, filters, _form(form))
    return Response(pieces, mimetype=media_type, headers=_as(f"runs-{g.team.slug}.{form}"))


def _file(question: str, form: str) -> Response:
    chosen, _ = insights.asked_period()
    name, made = reports.file(g.actor, chosen, question, _form(form), compares=insights.compares())
    return Response(made.content, mimetype=made.media_type, headers=_as(f"{g.team.slug}-{name}"))


def _form(form: str) -> Form:
    if form not in FORMS:
        raise NotFound
    return form


def _as(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}
