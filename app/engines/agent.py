"""The agent engine: a language model with tools, turn by turn, under a budget."""

import asyncio
from urllib.parse import urlsplit

from pydantic import BaseModel

from app.engines.agent_run import carry_out
from app.engines.agent_settings import AgentSettings
from app.engines.base import Cancellation, Emit, Lane, Outcome, RunRequest


class AgentEngine:
    """Lets a model work. It is a task on the worker's one loop: no thread waits while a model thinks."""

    name = "agent"
    label = "Agent"
    lane: Lane = "io"
    settings_schema: type[BaseModel] = AgentSettings

    def run(self, request: RunRequest, emit: Emit, cancellation: Cancellation) -> Outcome:
        """Do as `run_async`, on a loop of its own."""
        return asyncio.run(self.run_async(request, emit, cancellation))

    async def run_async(self, request: RunRequest, emit: Emit, cancellation: Cancellation) -> Outcome:
        """Work until there is an answer, the money or the time is used up, or it is stopped."""
        return await carry_out(request, emit, cancellation)

    def targets(self, request: RunRequest) -> list[str]:
        """Name the model it asks, and the host of that where the team has set one."""
        if request.model is None:
            return []
        host = urlsplit(request.model.base_url).netloc.rpartition("@")[2].lower()
        return [f"model:{request.model.name}", *([f"host:{host}"] if host else [])]


engine = AgentEngine()
