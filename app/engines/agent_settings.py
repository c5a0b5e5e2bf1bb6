"""The settings of an agent's task."""

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator

from app.domain import money
from app.engines.code import CodeSettings

Tool = Literal["http_get", "python", "shell", "read_file", "write_file"]

TIMEOUT_SECONDS = 900.0
"""The time limit of an agent's task that says nothing about it."""

_HOST = re.compile(r"(\*\.)?[a-z0-9.-]{1,250}|\[[0-9a-f:.]+\]")


class AgentSettings(CodeSettings):
    """What an agent is to do, with which model and tools, and what it may cost.

    `secrets`, `env` and `network` are for the programs it runs with the tools python and shell; the model is never
    shown a secret. Of `artifacts` and the folder of that name the files are kept, and all that write_file wrote.
    """

    prompt: str = Field(min_length=1, max_length=100_000)
    instructions: str = Field("", max_length=50_000, description="How it works, in every run: role, style, rules.")
    model: str = Field("", max_length=60, description="Empty: the team's default.")
    tools: tuple[Tool, ...] = Field((), description="What is not ticked is refused, and never asked for.")
    allowed_hosts: tuple[Annotated[str, Field(max_length=253)], ...] = Field(
        (), max_length=100, description="Hosts it may ask with http_get, one a line, like *.example.com. Empty: any."
    )
    max_turns: int = Field(20, ge=1, le=200)
    cost_cap_cents: int = Field(100, ge=0, le=1_000_000, description="It stops here; its work so far is kept.")
    temperature: float | None = Field(None, ge=0, le=2, description="Empty: as the provider has it.")

    @field_validator("prompt")
    @classmethod
    def _check_prompt(cls, prompt: str) -> str:
        if not prompt.strip():
            raise ValueError("Write what the agent is to do.")
        return prompt

    @field_validator("tools")
    @classmethod
    def _check_tools(cls, tools: tuple[Tool, ...]) -> tuple[Tool, ...]:
        return tuple(dict.fromkeys(tools))

    @field_validator("allowed_hosts")
    @classmethod
    def _check_hosts(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        plain = tuple(dict.fromkeys(host.strip().lower() for host in hosts if host.strip()))
        for host in plain:
            if not _HOST.fullmatch(host):
                raise ValueError(f"“{host}” is no host. Type one like example.com or *.example.com.")
        return plain

    @property
    def cost_cap_micros(self) -> int:
        """The cap in millionths of a US dollar."""
        return self.cost_cap_cents * money.MICROS_PER_CENT
