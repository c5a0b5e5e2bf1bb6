"""The engine of reports: what the answers of the team say for a period, as a file."""

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from app.core.errors import Unavailable
from app.domain.analytics.answers import Question
from app.domain.reporting import DAYS, ENGINE, Form, Order
from app.domain.wording import listed
from app.engines.base import (
    ArtifactMade,
    Cancellation,
    Done,
    EffectHeld,
    Emit,
    Lane,
    LogWritten,
    Outcome,
    RunRequest,
    StepEnded,
    StepStarted,
)

MOST_READERS = 50


class ReportSettings(BaseModel):
    """Which questions (none: all), about how many days, in which form, and which members get it by e-mail."""

    model_config = ConfigDict(extra="forbid")

    questions: list[Question] = Field(default_factory=list)
    days: int = 7
    format: Form = "pdf"
    mail_to: list[str] = Field(default_factory=list, max_length=MOST_READERS)

    @field_validator("days")
    @classmethod
    def _check_days(cls, days: int) -> int:
        if days not in DAYS:
            raise ValueError("Choose 7, 30 or 90 days.")
        return days

    @field_validator("mail_to")
    @classmethod
    def _tidy(cls, readers: list[str]) -> list[str]:
        return list(dict.fromkeys(one.strip().lower() for one in readers if one.strip()))


class ReportEngine:
    """Writes what it is handed; it asks nothing itself, and sends nothing: letters go when its run is stored."""

    name = ENGINE
    label = "Report"
    lane: Lane = "io"
    settings_schema: type[BaseModel] = ReportSettings

    def run(self, request: RunRequest, emit: Emit, cancellation: Cancellation) -> Outcome:
        """Write the report of `request.inputs`; see `Engine.run`."""
        try:
            settings = ReportSettings.model_validate(dict(request.settings))
        except ValidationError as error:
            sentence = error.errors()[0]["msg"].removeprefix("Value error, ")
            return Outcome("blocked", "settings", sentence, "permanent")
        order = request.inputs[ENGINE]
        assert isinstance(order, Order)
        emit(StepStarted("run"))
        for note in order.notes:
            emit(LogWritten(note, "warn"))
        try:
            file = order.write(order.report, settings.format)
        except Unavailable as error:
            return Outcome("blocked", "settings", error.message, "permanent")
        if cancellation.is_now:
            return Outcome("cancelled", cancellation.reason, "Stopped before its file was kept.")
        request.workspace.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = request.workspace / file.name
        path.write_bytes(file.content)
        emit(ArtifactMade(file.name, path, file.media_type))
        _tell_readers(order, file.name, emit, is_rehearsal=request.is_rehearsal)
        emit(StepEnded("run", detail=file.name))
        return _outcome(order)


def _tell_readers(order: Order, name: str, emit: Emit, *, is_rehearsal: bool) -> None:
    if not order.readers:
        return
    whom = listed(order.readers)
    if is_rehearsal:
        emit(EffectHeld(f"E-mail with {name} to {whom}", _said(order)))
    emit(LogWritten(f"Held back: an e-mail to {whom}" if is_rehearsal else f"Goes by e-mail to {whom}"))


def _said(order: Order) -> str:
    """Return all sentences of the report, as text."""
    return "\n".join(f"{one.heading}\n{one.sentence}\n" for one in order.report.answers)


def _outcome(order: Order) -> Outcome:
    report = order.report
    facts = {"from": report.period.first.isoformat(), "to": report.period.last.isoformat()}
    sentence = f"{report.days}: {report.answers[0].lead}"
    return Outcome("succeeded", "ok", sentence, facts=facts, done=Done(answer=_said(order)))


engine = ReportEngine()
