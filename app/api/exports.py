"""Answers of Insights, and runs that match, as files."""

from typing import Literal

from apiflask.schemas import FileSchema
from flask import Response, g
from pydantic import Field

from app.api.insights import PeriodQuery
from app.api.resource import Resource
from app.api.runs import RunFilterQuery, filters_of
from app.domain.analytics.answers import Question
from app.domain.reporting import Form
from app.services import insights
from app.services.insights import reports
from app.services.run_list import exporting

api = Resource("exports", "Exports")

_BYTES = "application/octet-stream"


class InsightsFileQuery(PeriodQuery):
    """Which answer, about which time, in which form."""

    question: Question | Literal[""] = Field("", description="Empty: all; CSV and Parquet come as an archive then")
    form: Form = "pdf"


class RunsFileQuery(RunFilterQuery):
    """Which runs, in which form."""

    form: Literal["csv", "json", "parquet"] = "csv"


@api.get("/insights/export")
@api.allow("see")
@api.input(InsightsFileQuery, location="query")
@api.output(FileSchema(type="string", format="binary"), content_type=_BYTES)
def export_insights(query_data: InsightsFileQuery) -> Response:
    """Download answers of Insights as PDF, CSV, JSON or Parquet"""
    first, last = (one.isoformat() if one else "" for one in (query_data.first, query_data.last))
    chosen = insights.period(query_data.days, first, last, g.bearer.timezone)
    name, made = reports.file(g.actor, chosen, query_data.question, query_data.form, compares=query_data.compares)
    return Response(made.content, mimetype=_BYTES, headers=_as(name))


@api.get("/runs/export")
@api.allow("see")
@api.input(RunsFileQuery, location="query")
@api.output(FileSchema(type="string", format="binary"), content_type=_BYTES)
def export_runs(query_data: RunsFileQuery) -> Response:
    """Download all runs that match as CSV, JSON or Parquet, the newest first"""
    _, pieces = exporting.export(g.actor, filters_of(query_data), query_data.form)
    return Response(pieces, mimetype=_BYTES, headers=_as(f"runs.{query_data.form}"))


def _as(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}
