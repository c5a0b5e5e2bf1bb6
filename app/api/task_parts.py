"""The parts that a task is sent with: steps, variables, a repair, and what it runs after."""

from typing import Annotated, Any, Literal

from pydantic import Field

from app.api.resource import In
from app.domain import conditions, graph, repairs, variables
from app.services.tasks import mending, steps


class StepIn(In):
    """A step of a task; `settings` are those of its engine, with placeholders like {{ steps.fetch.json.id }}."""

    name: str = Field(max_length=steps.LONGEST_NAME, description="By which later steps name its outputs")
    engine: str = Field(max_length=24, description="http, shell, python, agent, or one of a plug-in")
    settings: dict[str, Any] = Field(default_factory=dict)
    condition: str = Field(
        "", max_length=conditions.LONGEST, description="Only if this holds, like steps.fetch.outputs.status == 200"
    )
    is_optional: bool = Field(False, description="Whether the run goes on without it, as `degraded`")
    timeout_seconds: float = Field(steps.DEFAULTS["timeout_seconds"], ge=3, le=604_800)
    retries: int = Field(0, ge=0, le=10, description="Within the attempt")
    retry_delay_seconds: int = Field(10, ge=0, le=3600)


class VariableIn(In):
    """A variable of a task: what differs from run to run, used as {{ name }} in settings."""

    name: str = Field(max_length=variables.LONGEST_NAME, description="As expressions and programs name it")
    label: str = Field("", max_length=variables.LONGEST_LABEL, description="What a form calls it")
    kind: variables.Kind = "text"
    source: variables.Source = Field("value", description="web: asked of `url` when it runs, with `value` as fallback")
    value: str = Field("", description="A text that may hold expressions, like {{ run.date | format('%Y-%m') }}")
    url: str = Field("", max_length=4000)
    path: str = Field("", max_length=300, description="Where in the JSON of the answer; empty: all of it")
    help: str = Field("", max_length=variables.LONGEST_HELP)
    is_required: bool = Field(True, description="Whether a run without a value is blocked")
    options: list[str] = Field(
        default_factory=list, max_length=variables.MOST_OPTIONS, description="Of the kind choice: what to choose from"
    )


class RepairOf(In):
    """An agent that may repair a step that failed, or that leaves the contract unmet."""

    model: str = Field("", max_length=mending.LONGEST_MODEL, description="A model of the team; empty: its default")
    cost_cap_cents: int = Field(
        repairs.DEFAULT_CAP_CENTS, ge=1, le=repairs.LARGEST_CAP_CENTS, description="What the repairs of a run may cost"
    )


class LinkOf(In):
    """A task that another runs after."""

    task: str = Field(max_length=80, description="Its slug")
    on: graph.On = Field("success", description="The end that is waited for; any: however it went")


class AfterOf(In):
    """What a task runs after: without schedules it starts then, with schedules it waits at its planned times."""

    tasks: list[LinkOf] = Field(min_length=1, max_length=graph.MOST)
    join: Literal["all", "any"] | Annotated[int, Field(ge=1, le=graph.MOST)] = Field(
        "all", description="How many of them: all, any, or a number"
    )
    window_seconds: float = Field(
        graph.DAY_SECONDS, ge=graph.SHORTEST_SECONDS, le=graph.LONGEST_SECONDS,
        description="How long a run waits for those that are missing; then it is skipped",
    )  # fmt: skip
    passes: bool = Field(True, description="Whether code and agents find the files of their runs in `upstream/`")
