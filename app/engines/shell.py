"""The script engine: a shell script in the sandbox."""

from typing import Literal

from pydantic import BaseModel, Field

from app.engines.base import Cancellation, Emit, Lane, Outcome, RunRequest
from app.engines.code import CodeSettings, Program, carry_out


class ShellSettings(CodeSettings):
    """A script and what it may use."""

    script: str = Field(min_length=1, max_length=500_000)
    interpreter: Literal["bash", "sh"] = "bash"


class ShellEngine:
    """Runs a script with bash or sh, in a workspace of its own."""

    name = "shell"
    label = "Script"
    lane: Lane = "code"
    settings_schema: type[BaseModel] = ShellSettings

    def run(self, request: RunRequest, emit: Emit, cancellation: Cancellation) -> Outcome:
        """Run the script and answer how it ended."""
        settings = ShellSettings.model_validate(dict(request.settings))
        program = Program({"main.sh": settings.script}, (settings.interpreter, "main.sh"), is_called_again=True)
        return carry_out(program, settings, request, emit, cancellation)


engine = ShellEngine()
