"""What an engine emits, gathered until it is stored: steps, log lines without secrets, artifacts."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from app.core.clock import utc_now
from app.core.errors import NoSpace
from app.domain import agents
from app.domain.redaction import Redactor, Stream
from app.engines.base import (
    ArtifactMade,
    CheckpointReached,
    CostIncurred,
    EffectHeld,
    Emission,
    IsolationChosen,
    LogWritten,
    Outcome,
    PackagesHeld,
    StepEnded,
    StepStarted,
)
from app.infra import disk
from app.services.execution.checkpoints import TooManyFiles
from app.services.execution.claims import Claim
from app.services.execution.outcomes import LogBatch, StepRow

BATCH_BYTES = 64 * 1024
"""A stored piece of the log is at most about this large."""


MOST_EFFECTS = 50
"""So many effects of a rehearsal are listed; its log has them all."""

LONGEST_SENTENCE = 400
"""What is quoted is cut only after secrets are hidden; behind it there is room for when it is tried again."""


class Recorder:
    """Collects the emissions of one attempt; any thread may emit, one at a time takes what is new."""

    def __init__(
        self,
        held: Claim,
        redactor: Redactor,
        on_news: Callable[["Recorder"], None],
        keep_checkpoint: Callable[[CheckpointReached, int | None], None] | None = None,
    ) -> None:
        self.held = held
        self.cost_micros: int | None = None  # of this attempt; none: nothing that has a price was used
        self._keep_checkpoint = keep_checkpoint
        self.artifacts: list[ArtifactMade] = []
        self.isolation: dict[str, Any] = {}
        self.effects: list[dict[str, str]] = []  # what a rehearsal did not send
        self.storing = threading.Lock()
        self._redactor = redactor
        self._on_news = on_news
        self._lock = threading.Lock()
        self._steps: list[StepRow] = []
        self._changed: set[int] = set()
        self._lines: list[tuple[datetime, str, str]] = []
        self._not_stored: list[LogBatch] = []
        self._cut: dict[str, Stream] = {}
        self._first = held.lines + 1
        self._has_said_full = False

    @property
    def left_micros(self) -> int | None:
        """What a budget still lets the attempt spend, None where none keeps it below its own caps."""
        most = self.held.most_micros
        return None if most is None else max(0, most - (self.cost_micros or 0))

    def emit(self, emission: Emission) -> None:
        """Take one emission; a checkpoint is stored when it returns. Raises Stale for one of a lost attempt."""
        if isinstance(emission, CheckpointReached):
            self._reach(emission)
            return
        now = utc_now()
        with self._lock:
            is_first = not self._changed and not self._lines
            match emission:
                case LogWritten(text, level, is_cut):
                    self._write(now, level, self._redacted(text, level, is_cut=is_cut))
                case StepStarted(name):
                    self._steps.append(StepRow(len(self._steps) + 1, name, "running", "", now, None))
                    self._changed.add(len(self._steps))
                case StepEnded(name, is_ok, detail, facts):
                    detail = self._redactor.redact(detail)
                    self._end_step(name, "succeeded" if is_ok else "failed", detail, now, facts)
                case CostIncurred(micros):
                    self.cost_micros = (self.cost_micros or 0) + micros
                case IsolationChosen() | PackagesHeld():
                    self.isolation = {**self.isolation, **self._around(emission)}
                case EffectHeld(words, content):
                    self._hold({"words": self.redact(words), "content": self.redact(content)})
                case ArtifactMade():
                    self.artifacts.append(emission)
        if is_first:
            self._on_news(self)

    def _around(self, emission: IsolationChosen | PackagesHeld) -> dict[str, Any]:
        """Return what is kept of how its code ran; of several steps the packages of all."""
        if isinstance(emission, IsolationChosen):
            return {"level": emission.level, "controls": dict(emission.controls)}
        return {"python": emission.python, "packages": {**self.isolation.get("packages", {}), **emission.packages}}

    def end_step(self, name: str, state: str, detail: str) -> None:
        """End a step of the task in a state that no emission has, with one short line."""
        with self._lock:
            is_first = not self._changed and not self._lines
            self._end_step(name, state, self._redactor.redact(detail), utc_now())
        if is_first:
            self._on_news(self)

    def redact(self, text: str) -> str:
        """Return a text as it may be stored: without secrets, and without what no database takes."""
        return self._redactor.redact(agents.storable(text))

    def hide(self, outcome: Outcome) -> Outcome:
        """Return the outcome without secrets: its sentence, facts and answer quote what the work said."""
        facts = {
            name: self._redactor.redact(value) if isinstance(value, str) else value
            for name, value in outcome.facts.items()
        }
        done = replace(outcome.done, answer=outcome.done.answer and self.redact(outcome.done.answer))
        sentence = self._redactor.redact(outcome.sentence)[:LONGEST_SENTENCE]
        return replace(outcome, sentence=sentence, facts=facts, done=done)

    def close_steps(self, state: str) -> None:
        """End the steps that are still open, as they are when an attempt ends in the middle of one."""
        with self._lock:
            for step in self._steps:
                if step.ended_at is None:
                    self._end_step(step.name, state, step.detail, utc_now())

    def take(self) -> tuple[list[StepRow], list[LogBatch]]:
        """Return what is new since the last take, and forget it."""
        with self._lock:
            steps = [self._steps[position - 1] for position in sorted(self._changed)]
            lines, self._lines = self._lines, []
            again, self._not_stored = self._not_stored, []
            self._changed.clear()
        return steps, again + self._batches(lines)

    def give_back(self, steps: list[StepRow], logs: list[LogBatch]) -> None:
        """Keep what was taken and could not be stored for the next take."""
        with self._lock:
            self._changed.update(step.position for step in steps)
            self._not_stored = logs + self._not_stored
        self._on_news(self)

    def _write(self, now: datetime, level: str, text: str) -> None:
        """Take a line, unless the disk is full: then what is left is for how the run ends."""
        is_full = disk.is_full()
        if not is_full:
            self._lines.append((now, level, text))
        elif not self._has_said_full:
            self._lines.append((now, "warn", "The log is cut here: the disk is full."))
        self._has_said_full = is_full

    def _redacted(self, text: str, level: str, *, is_cut: bool) -> str:
        """Hide secrets; what a cut line may end with is held back until its next piece shows what it is."""
        stream = self._cut.pop(level, None)
        if not is_cut and stream is None:
            return self._redactor.redact(text)
        stream = stream or self._redactor.stream()
        shown = stream.feed(text)
        if not is_cut:
            return shown + stream.flush()
        self._cut[level] = stream
        return shown

    def _hold(self, effect: dict[str, str]) -> None:
        if effect not in self.effects and len(self.effects) < MOST_EFFECTS:
            self.effects.append(effect)

    def _reach(self, reached: CheckpointReached) -> None:
        if self._keep_checkpoint is None:
            return
        try:
            self._keep_checkpoint(reached, self.cost_micros)
        except (OSError, NoSpace, TooManyFiles) as error:
            why = f"A checkpoint could not be kept: {error.strerror}." if isinstance(error, OSError) else error
            self.emit(LogWritten(str(why), "warn"))

    def _end_step(
        self, name: str, state: str, detail: str, now: datetime, facts: Mapping[str, Any] | None = None
    ) -> None:
        for index in range(len(self._steps) - 1, -1, -1):
            step = self._steps[index]
            if step.name == name and step.ended_at is None:
                self._steps[index] = replace(
                    step, state=state, detail=detail[:300], ended_at=now, facts=dict(facts or {})
                )
                self._changed.add(step.position)
                return

    def _batches(self, lines: list[tuple[datetime, str, str]]) -> list[LogBatch]:
        batches: list[LogBatch] = []
        content: list[list[Any]] = []
        size, start = 0, lines[0][0] if lines else utc_now()
        for at, level, text in lines:
            if content and size + len(text) > BATCH_BYTES:
                batches.append(self._batch(start, content, size))
                content, size, start = [], 0, at
            content.append([round((at - start).total_seconds(), 3), level, text])
            size += len(text) + 1
        if content:
            batches.append(self._batch(start, content, size))
        return batches

    def _batch(self, start: datetime, content: list[list[Any]], size: int) -> LogBatch:
        batch = LogBatch(self._first, start, content, size)
        self._first += len(content)
        return batch
