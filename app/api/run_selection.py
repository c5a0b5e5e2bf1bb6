"""What is done with several runs together, and how it went with each."""

from typing import Annotated, Literal

from flask import g
from pydantic import Field

from app.api.idempotency import once
from app.api.resource import In, Out, Resource
from app.core.together import Done, Refused, each
from app.services import run_list, runs

api = Resource("run_selection", "Several runs")


class SelectionIn(In):
    """Which runs, by number."""

    numbers: list[Annotated[int, Field(ge=1, le=2**31 - 1)]] = Field(min_length=1, max_length=run_list.MOST_AT_ONCE)


class CancelSelectionIn(SelectionIn):
    """Which runs to stop, and how."""

    mode: Literal["now", "after_step"] = "now"


class DecideSelectionIn(SelectionIn):
    """Which runs to decide on, and how."""

    answer: Literal["again", "end"]


class DoneOut(Out):
    """A run that was dealt with."""

    number: int
    new: int | None = Field(description="The run that came of it")


class RefusedOut(Out):
    """A run that could not be dealt with."""

    number: int
    why: str


class SelectionOut(Out):
    """How it went with each."""

    done: list[DoneOut]
    refused: list[RefusedOut]


@api.post("/runs/selection/cancellation")
@api.allow("run")
@api.input(CancelSelectionIn, example={"numbers": [41, 42], "mode": "now"})
@api.output(SelectionOut)
def cancel_runs(json_data: CancelSelectionIn) -> SelectionOut:
    """Cancel several runs"""
    return _told(*each(_numbers(json_data), lambda number: runs.cancel(g.actor, number, json_data.mode)))


@api.post("/runs/selection/again")
@api.allow("run")
@api.input(SelectionIn, example={"numbers": [41, 42]})
@api.output(SelectionOut, status_code=201)
@once
def repeat_runs(json_data: SelectionIn) -> SelectionOut:
    """Run several once more"""
    return _told(*each(_numbers(json_data), _again))


@api.post("/runs/selection/decision")
@api.allow("run")
@api.input(DecideSelectionIn, example={"numbers": [41, 42], "answer": "again"})
@api.output(SelectionOut)
def decide_runs(json_data: DecideSelectionIn) -> SelectionOut:
    """Decide on several runs whose workers vanished"""
    return _told(*each(_numbers(json_data), lambda number: runs.decide(g.actor, number, json_data.answer)))


def _again(number: int) -> int:
    key = f"event:{g.ticket}:{number}" if g.ticket else ""
    return runs.again(g.actor, number, trigger="api", key=key)


def _numbers(sent: SelectionIn) -> list[int]:
    return list(dict.fromkeys(sent.numbers))


def _told(done: list[Done], refused: list[Refused]) -> SelectionOut:
    return SelectionOut.model_validate({"done": done, "refused": refused})
