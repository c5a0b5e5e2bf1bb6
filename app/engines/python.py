"""The Python engine: a program in the sandbox, with the packages it asks for."""

import re
from typing import Annotated

from pydantic import BaseModel, Field, field_validator

from app.engines.base import Cancellation, Emit, Lane, Outcome, RunRequest
from app.engines.code import CodeSettings, Program, carry_out

_REQUIREMENT = re.compile(
    r"[A-Za-z0-9]([\w.-]*[A-Za-z0-9])?"  # name
    r"(\s*\[[\w., -]*\])?"  # extras
    r"(\s*@\s*https://\S+|\s*(~=|===?|!=|<=?|>=?)\s*[\w.*+!-]+(\s*,\s*(~=|===?|!=|<=?|>=?)\s*[\w.*+!-]+)*)?"
    r"(\s*;.*)?"  # marker
)


class PythonSettings(CodeSettings):
    """A program, its packages, and what it may use."""

    code: str = Field(min_length=1, max_length=500_000)
    requirements: list[Annotated[str, Field(max_length=500)]] = Field(
        [], max_length=100, description="Packages, one a line, like requests==2.34.2."
    )

    @field_validator("requirements")
    @classmethod
    def _check_requirements(cls, lines: list[str]) -> list[str]:
        """Take names only: environments are shared, so nothing but the list may decide what is in one."""
        for line in lines:
            if line.strip() and not _REQUIREMENT.fullmatch(line.strip()):
                raise ValueError(f"“{line.strip()}” is no package. Type a name, with a version if you like: name==1.2.")
        return [line.strip() for line in lines if line.strip()]


class PythonEngine:
    """Runs a Python program, in a workspace and an environment of its own."""

    name = "python"
    label = "Python"
    lane: Lane = "code"
    settings_schema: type[BaseModel] = PythonSettings

    def run(self, request: RunRequest, emit: Emit, cancellation: Cancellation) -> Outcome:
        """Run the program and answer how it ended."""
        settings = PythonSettings.model_validate(dict(request.settings))
        program = Program({"main.py": settings.code}, ("python", "main.py"), tuple(settings.requirements))
        return carry_out(program, settings, request, emit, cancellation)


engine = PythonEngine()
