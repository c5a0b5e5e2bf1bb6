"""What is measured, under which names, and what is aimed at on two shared cores."""

from dataclasses import dataclass

from app.domain.analytics.answers import QUESTIONS


@dataclass(frozen=True)
class Aim:
    """That a figure is at most, or at least, so much."""

    path: str
    limit: float
    unit: str
    is_least: bool = False

    def is_met(self, value):
        return value >= self.limit if self.is_least else value <= self.limit

    def __str__(self):
        return f"{'≥' if self.is_least else '≤'} {self.limit:g} {self.unit}"


FIGURES = {
    "lateness": "lateness_ms",
    "first_line": "first_line_ms",
    "run_now": "run_now_ms",
    "steps": "steps",
    "herd": "herd_s",
    "throughput": "throughput_runs_per_s",
    "dispatch": "dispatch",
    "recovery": "recovery",
    "waiting": "waiting",
    "idle": "idle",
    "idle_schedules": "idle_schedules",
    "sse": "sse",
    "pages": "pages_ms",
    "calendar": "calendar_ms",
    "threads": "threads",
    "conflicts": "conflicts",
    "forecast": "forecast",
    "insights": "insights_ms",
}
"""Module -> name in the answer."""

TOGETHER = (
    ("idle", "lateness", "first_line", "run_now", "steps", "herd", "throughput"),
    ("dispatch",),
    ("recovery",),
    ("waiting",),
    ("idle_schedules",),
    ("sse", "pages"),
    ("calendar",),
    ("threads",),
    ("conflicts", "forecast"),
    ("insights",),
)
"""Those that share a house, in their order: none stands in the way of the next."""

AIMS = (
    Aim("lateness_ms.p50", 8, "ms"),
    Aim("lateness_ms.p95", 15, "ms"),
    Aim("first_line_ms.python.p95", 40, "ms"),
    Aim("first_line_ms.shell.p95", 40, "ms"),
    Aim("run_now_ms.p95", 20, "ms"),
    Aim("steps.overhead_ms.p50", 15, "ms"),
    Aim("steps.forty_s", 1, "s"),
    Aim("herd_s.last_started", 4, "s"),
    Aim("throughput_runs_per_s", 250, "/s", is_least=True),
    Aim("dispatch.steady_ms.p99", 1000, "ms"),
    Aim("dispatch.at_once_ms.p99", 2000, "ms"),
    Aim("recovery.dead_worker_s", 15, "s"),
    Aim("recovery.redis_wiped_s", 10, "s"),
    Aim("waiting.workers_pss_mb", 400, "MiB"),
    Aim("idle.cpu_percent", 1, "%"),
    Aim("sse.delay_ms.p95", 100, "ms"),
    *(Aim(f"calendar_ms.{view}.p95", 150, "ms") for view in ("month", "week", "agenda")),
    Aim("threads.worker_peak_mb", 300, "MiB"),
    Aim("conflicts.box_ms.p95", 60, "ms"),
    Aim("forecast.rows_per_s", 1000, "/s", is_least=True),
    Aim("forecast.estimate_ms.p95", 0.2, "ms"),
    *(Aim(f"insights_ms.{question}.p95", 200, "ms") for question in QUESTIONS),
    *(Aim(f"pages_ms.{page}.p99", 15, "ms") for page in ("today", "tasks", "task", "runs", "run")),
)


def table(answer):
    """The answer as lines for a person: each number, its aim, and whether it is met."""
    aims = {aim.path: aim for aim in AIMS}
    lines = [f"{'':34}{'measured':>12}   aim"]
    for path, value in _numbers(answer):
        aim = aims.get(path)
        beside = f"   {'✓' if aim.is_met(value) else '✕'} {aim}" if aim else ""
        lines.append(f"{path:34}{value:>12,}{beside}")
    return [*lines, f"{answer['database']}, Carillon {answer['version']}"]


def _numbers(answer, before=""):
    for name, value in answer.items():
        if isinstance(value, dict):
            yield from _numbers(value, f"{before}{name}.")
        elif isinstance(value, int | float):
            yield f"{before}{name}", value
