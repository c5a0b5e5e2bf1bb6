"""Insights: answers to questions about the past, what runs save, problems with runs, and how Carillon does."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Literal

from flask import g
from pydantic import Field

from app.api.resource import In, Out, Resource, nothing
from app.domain.analytics.answers import Answer, Column, Kind, Named, Question
from app.domain.analytics.success import Area
from app.services import insights
from app.services.insights import metrics, problems, satisfaction, savings

api = Resource("insights", "Insights")


class ColumnOut(Out):
    """A column of a table."""

    name: str
    label: str
    kind: Kind = Field(description="share, change: 0.1 is 10 %; money: millionths of a US dollar; hour: 0 to 23")


class ActionOut(Out):
    """What to do about it, and the page of the app on which to do it."""

    sentence: str
    label: str
    place: str
    values: dict[str, str]


class AnswerOut(Out):
    """The answer to a question: a sentence, a table, a figure for Plotly and one thing to do."""

    question: Question
    heading: str
    sentence: str
    columns: list[ColumnOut]
    rows: list[dict[str, Any]] = Field(description="By the names of the columns; a task has its name and slug")
    figure: dict[str, Any] | None = Field(description="Colours are names of tokens, such as $bronze")
    action: ActionOut | None
    note: str = Field(description="What it assumes")


class SavingOut(Out):
    """What a run of a task spares a person, in minutes; null: nobody has said."""

    slug: str
    name: str
    minutes: float | None


class SavingsOut(Out):
    """What people say that runs save."""

    hourly_micros: int | None = Field(description="What an hour is worth to the team, in millionths of a US dollar")
    tasks: list[SavingOut]


class PeriodQuery(In):
    """The time that is asked about, in days of the zone of the token's person."""

    days: Literal["1", "7", "30", "90"] = Field("30", description="The last days, today included; 1: the last 24 hours")
    first: date | None = Field(None, description="Instead of them: the first day")
    last: date | None = Field(None, description="And the last; by default today")
    compares: bool = Field(False, description="Told beside the period before")


class MinutesIn(In):
    """What a run of a task spares a person, in minutes; null: unknown."""

    minutes: float | None = Field(ge=0, le=savings.MOST_MINUTES)


class HourlyIn(In):
    """What an hour of a person is worth to the team; null: unknown."""

    micros: int | None = Field(gt=0, le=savings.MOST_HOURLY_MICROS, description="Millionths of a US dollar")


class ProblemIn(In):
    """What is wrong with a run."""

    note: str = Field(min_length=1, max_length=problems.LONGEST, pattern=r"\S")


class ProblemMadeOut(Out):
    """A reported problem, by its id."""

    id: int


class ProblemReportOut(Out):
    """A problem that somebody has reported."""

    id: int
    team: str = Field(description="The slug of the team")
    number: int | None = Field(description="The number of the run; null: it is deleted")
    task: str | None
    person: str | None
    note: str
    at: datetime
    settled_at: datetime | None


class ProblemReportsOut(Out):
    """The problems of all teams, open ones first."""

    items: list[ProblemReportOut]


class MeasureOut(Out):
    """One measure of how Carillon does."""

    area: Area
    name: str
    sentence: str
    columns: list[ColumnOut]
    rows: list[dict[str, Any]]


class MetricsOut(Out):
    """All measures: adoption, performance and business."""

    items: list[MeasureOut]


class SatisfactionIn(In):
    """Whether Carillon is a help: 1 not at all, 5 very much; null: rather not say."""

    score: Literal[1, 2, 3, 4, 5] | None
    note: str = Field("", max_length=satisfaction.LONGEST)


@api.get("/insights/<question>")
@api.allow("see")
@api.input(PeriodQuery, location="query")
@api.output(AnswerOut)
def ask_question(question: str, query_data: PeriodQuery) -> AnswerOut:
    """Ask one of the questions: failures, slower, money, busy, punctuality, agents, value, trust"""
    first, last = (one.isoformat() if one else "" for one in (query_data.first, query_data.last))
    chosen = insights.period(query_data.days, first, last, g.bearer.timezone)
    return _answer(insights.answer(question, g.actor, chosen, compares=query_data.compares))


@api.get("/savings")
@api.allow("see")
@api.output(SavingsOut)
def list_savings() -> SavingsOut:
    """List what a run of each task saves, and what an hour is worth"""
    return SavingsOut.model_validate(savings.listing(g.actor))


@api.put("/tasks/<slug>/saving")
@api.allow("edit")
@api.input(MinutesIn, example={"minutes": 15})
@api.output({}, status_code=204)
def set_saving(slug: str, json_data: MinutesIn) -> Any:
    """Say what a run of a task saves"""
    savings.put(g.actor, {slug: json_data.minutes})
    return nothing()


@api.put("/savings/hourly")
@api.allow("manage")
@api.input(HourlyIn, example={"micros": 50_000_000})
@api.output({}, status_code=204)
def set_hourly(json_data: HourlyIn) -> Any:
    """Say what an hour of a person is worth to the team"""
    savings.put_rate(g.actor, json_data.micros)
    return nothing()


@api.post("/runs/<int:number>/problems")
@api.allow("run")
@api.input(ProblemIn, example={"note": "It says that it worked, but the file is empty."})
@api.output(ProblemMadeOut, status_code=201)
def report_problem(number: int, json_data: ProblemIn) -> ProblemMadeOut:
    """Report a problem with a run to those who look after the installation"""
    return ProblemMadeOut(id=problems.report(g.actor, number, json_data.note))


@api.put("/satisfaction")
@api.allow("see")
@api.input(SatisfactionIn, example={"score": 4, "note": ""})
@api.output({}, status_code=204)
def tell_satisfaction(json_data: SatisfactionIn) -> Any:
    """Say whether Carillon is a help to the token's person"""
    satisfaction.answer(g.actor, json_data.score, json_data.note)
    return nothing()


@api.get("/system/problems")
@api.allow("own")
@api.output(ProblemReportsOut)
def list_problems() -> ProblemReportsOut:
    """List the problems with runs that people report; for owners of the first team"""
    found = problems.listing(g.actor.person_id, g.actor.token_team_id)
    return ProblemReportsOut(items=[ProblemReportOut.model_validate(one) for one in found])


@api.put("/system/problems/<int:report_id>/settlement")
@api.allow("own")
@api.output(ProblemReportOut)
def settle_problem(report_id: int) -> ProblemReportOut:
    """Say that a reported problem is settled; for owners of the first team"""
    return ProblemReportOut.model_validate(problems.settle(g.actor.person_id, report_id, g.actor.token_team_id))


@api.get("/system/metrics")
@api.allow("own")
@api.output(MetricsOut)
def show_metrics() -> MetricsOut:
    """Show how Carillon is taken up, how it does and what it brings; for owners of the first team"""
    found = metrics.measures(g.actor.person_id, g.actor.token_team_id)
    return MetricsOut(
        items=[
            MeasureOut(
                area=one.area, name=one.name, sentence=one.sentence,
                columns=[ColumnOut.model_validate(column) for column in one.columns], rows=_rows(one.columns, one.rows),
            )
            for one in found
        ]
    )  # fmt: skip


def _answer(one: Answer) -> AnswerOut:
    return AnswerOut(
        question=one.question, heading=one.heading, sentence=one.sentence,
        columns=[ColumnOut.model_validate(column) for column in one.columns], rows=_rows(one.columns, one.rows),
        figure=dict(one.figure) if one.figure else None,
        action=ActionOut.model_validate(one.action) if one.action else None, note=one.note,
    )  # fmt: skip


def _rows(columns: Sequence[Column], rows: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
    return [{column.name: _plain(value) for column, value in zip(columns, row, strict=True)} for row in rows]


def _plain(value: Any) -> Any:
    if isinstance(value, Named):
        return {"name": value.name, "slug": value.slug or None}
    return value.isoformat() if isinstance(value, date) else value
