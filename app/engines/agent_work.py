"""An agent's attempt on its way: what it was given, and the count of what it has done."""

import time
from dataclasses import dataclass, field

from app.engines.agent_settings import AgentSettings
from app.engines.base import Cancellation, CostIncurred, Emit, ModelChoice, RunRequest
from app.infra.llm import Said


@dataclass
class Work:
    """One attempt on its way: what it was given, and what it has done so far (earlier attempts included)."""

    request: RunRequest
    settings: AgentSettings
    model: ModelChoice
    emit: Emit
    cancellation: Cancellation
    turns: int = 0
    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    last_tokens: int = 0  # in and out of the last turn: the next one sends all of it again
    spent_micros: int = 0
    has_price: bool = True
    answer: str = ""
    started: float = field(default_factory=time.monotonic)

    @property
    def cap_micros(self) -> int:
        """What the run may cost, in millionths of a US dollar: its own cap, or what a budget has left for it."""
        return self.own_cap_micros if self.budget_micros is None else min(self.own_cap_micros, self.budget_micros)

    @property
    def own_cap_micros(self) -> int:
        """What the task, or whoever raised it, lets the run cost."""
        raised = self.request.cost_cap_micros
        return self.settings.cost_cap_micros if raised is None else raised

    @property
    def budget_micros(self) -> int | None:
        """What a budget lets the run cost in all, None where none keeps it below its cap."""
        most = self.request.most_micros
        return None if most is None else self.request.spent_micros + most

    def take(self, said: Said) -> None:
        """Count a turn."""
        self.turns += 1
        self.calls += len(said.calls)
        self.tokens_in += said.tokens_in
        self.tokens_out += said.tokens_out
        self.last_tokens = said.tokens_in + said.tokens_out
        if said.cost_micros is not None:
            self.spent_micros += said.cost_micros
            self.emit(CostIncurred(said.cost_micros))
