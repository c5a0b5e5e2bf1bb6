"""A run beside another one, and the change of its task that a failed run offers."""

from typing import Literal

from flask import current_app, g
from pydantic import Field

from app.api import run_models
from app.api.idempotency import once
from app.api.resource import In, Out, Resource
from app.api.run_models import RunOut
from app.api.versions import ChangeOut
from app.core.errors import Conflict
from app.domain.parting import Parting
from app.services import run_list, runs
from app.services.runs import comparing
from app.services.tasks import remedies, versions

api = Resource("run_comparison", "Runs, compared and mended")


class ComparisonQuery(In):
    """Which run stands beside it."""

    other: int | None = Field(None, ge=1, le=2**31 - 1, description="Left out: the last good run of its task before it")


class DifferenceOut(Out):
    """One thing that is compared: what differs comes first."""

    part: str = Field(description="What it belongs to, like Packages or Duration by step")
    what: str
    left: str = Field(description="How it was in the other run")
    right: str = Field(description="How it is in this one")
    differs: bool
    words: str = Field(description="What differs, in words; empty where nothing does")


class ChangedLineOut(Out):
    """A line where two texts part."""

    mark: Literal["-", "+", " "]
    text: str


class PartingOut(Out):
    """Where two texts part, times and colours left out; no lines: they are the same."""

    same: int = Field(description="So many lines at the start are the same")
    lines: list[ChangedLineOut]


class MadeOut(PartingOut):
    """Where a file or an answer of the one run parts from that of the other."""

    name: str


class ComparisonOut(Out):
    """A run beside another one, which counts as the one before."""

    number: int
    other: int
    sentence: str
    items: list[DifferenceOut]
    definition: list[ChangeOut] = Field(description="What differs between the versions that they ran")
    log: PartingOut
    made: list[MadeOut]


@api.get("/runs/<int:number>/comparison")
@api.allow("see")
@api.input(ComparisonQuery, location="query")
@api.output(ComparisonOut)
def compare_run(number: int, query_data: ComparisonQuery) -> ComparisonOut:
    """Compare a run with the last good one of its task, or with another"""
    other = query_data.other or run_list.last_good(g.actor, number)
    if other is None:
        raise Conflict(f"No run of its task before #{number} worked. Name another one.")
    both = comparing.compare(g.actor, number, other, current_app.config["SETTINGS"].data_dir / "files")
    same_version = both.left.version_id == both.right.version_id
    changes = [] if same_version else versions.compare(both.left.version.definition, both.right.version.definition)
    rows = sorted(both.rows, key=lambda row: not row.differs)
    return ComparisonOut(
        number=number, other=other, sentence=both.sentence,
        items=[DifferenceOut.model_validate(row) for row in rows],
        definition=[ChangeOut.model_validate(one) for one in changes],
        log=_parting(both.log),
        made=[MadeOut(name=name, **_parting(one).model_dump()) for name, one in both.outputs.items()],
    )  # fmt: skip


def _parting(found: Parting) -> PartingOut:
    lines = [ChangedLineOut.model_validate({"mark": mark, "text": text}) for mark, text in found.lines]
    return PartingOut(same=found.same, lines=lines)


@api.post("/runs/<int:number>/remedy")
@api.allow("edit")
@api.output(RunOut, status_code=201)
@once
def mend_run(number: int) -> RunOut:
    """Change the task as a run offers it, and run it again if it failed

    What would be changed stands in `insight.remedy` of the run. It becomes a new version of the task. Of one that
    worked close to its memory limit the answer is that run.
    """
    is_again = remedies.apply(g.actor, number)
    return run_models.run(g.actor, runs.again(g.actor, number, trigger="api") if is_again else number)
