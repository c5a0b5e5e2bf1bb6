"""The engine of jobs that run elsewhere and say so by pings: it carries nothing out."""

from pydantic import BaseModel

from app.engines.base import Cancellation, Emit, Lane, Outcome, RunRequest


class PingSettings(BaseModel):
    """Nothing: what is expected stands in schedule, grace and time limit."""


class PingEngine:
    """Says that nothing here can start such a job."""

    name = "ping"
    label = "Runs elsewhere"
    lane: Lane = "io"
    settings_schema: type[BaseModel] = PingSettings

    def run(self, request: RunRequest, emit: Emit, cancellation: Cancellation) -> Outcome:
        """Answer that the job must be started where it runs."""
        del request, emit, cancellation
        sentence = "This job runs elsewhere: start it there. It says so by a ping."
        return Outcome("blocked", "runs_elsewhere", sentence, "permanent")


engine = PingEngine()
