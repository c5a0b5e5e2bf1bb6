"""For load balancers and monitoring: alive, ready, and numbers for Prometheus."""

from collections.abc import Iterator, Mapping

from flask import Blueprint, Response, current_app, jsonify
from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector, generate_latest
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from app.services import health
from app.services.health import Numbers, figures
from app.services.health.figures import Figures
from app.web.guard import anyone

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
@anyone
def alive() -> Response:
    """Say that this process answers."""
    return jsonify(alive=True)


@blueprint.get("/readyz")
@anyone
def ready() -> tuple[Response, int]:
    """Say of each part whether it works; 503 while this server lacks one. Clock and worker are other processes."""
    parts = health.parts()
    is_ready = all(parts[name] for name in ("database", "tables", "redis"))
    return jsonify(ready=is_ready, **parts), 200 if is_ready else 503


@blueprint.get("/metrics")
@anyone
def metrics() -> Response:
    """Write the numbers for Prometheus."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    _write_numbers(registry, health.numbers())
    _write_figures(registry, figures.figures())
    if hub := current_app.extensions.get("hub"):
        for name, (help_, value) in hub.numbers().items():
            Gauge(f"carillon_{name}", help_, registry=registry).set(value)
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)


def _write_numbers(registry: CollectorRegistry, numbers: Numbers) -> None:
    _gauge(registry, "carillon_runs", "Runs under way, by state", numbers.runs, "state")
    _gauge(registry, "carillon_queue_depth", "Jobs that wait in a queue", numbers.depths or {}, "queue")
    _gauge(registry, "carillon_queue_up", "Whether Redis answers", numbers.depths is not None)
    oldest = "How long the oldest queued run waits"
    _gauge(registry, "carillon_oldest_queued_seconds", oldest, numbers.oldest_queued_seconds)
    _gauge(registry, "carillon_workers", "Workers seen in the last 15 seconds", numbers.workers)
    _gauge(registry, "carillon_clocks", "Clocks seen in the last 15 seconds", numbers.clocks)


def _write_figures(registry: CollectorRegistry, found: Figures) -> None:
    registry.register(_Lag(found))
    _counter(registry, "carillon_leases_lost_total", "Attempts whose worker vanished", found.counted["leases_lost"])
    refused = "Late writes refused, because another attempt held the run"
    _counter(registry, "carillon_writes_refused_total", refused, found.counted["writes_refused"])
    claimed = "Calls for a run that another worker had"
    _counter(registry, "carillon_already_claimed_total", claimed, found.counted["already_claimed"])
    ended = Gauge("carillon_runs_last_day", "Runs planned in the last day", ["state", "reason"], registry=registry)
    for (state, reason), count in found.ended.items():
        ended.labels(state, reason).set(count)
    _gauge(registry, "carillon_deliveries", "Messages of alerts, by state", found.deliveries, "state")
    if found.watchdog_seconds is not None:
        seen = "How long ago the watchdog was seen"
        _gauge(registry, "carillon_watchdog_seconds", seen, found.watchdog_seconds)
    _gauge(registry, "carillon_audit_unsealed", "Entries of the audit without a seal", found.unsealed)
    oldest = "How long the oldest of them has none"
    _gauge(registry, "carillon_audit_unsealed_seconds", oldest, found.unsealed_seconds)
    skew = "How far the clock of this host is ahead of the database's"
    _gauge(registry, "carillon_clock_skew_seconds", skew, found.skew_seconds)


class _Lag(Collector):
    """The histogram of lateness, which is counted in the database."""

    def __init__(self, found: Figures) -> None:
        self._found = found

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """Yield it."""
        help_ = "From the planned time of a run until it is queued"
        found = self._found
        yield HistogramMetricFamily(
            "carillon_lag_seconds", help_, buckets=found.lag_buckets, sum_value=found.lag_sum_seconds
        )


def _counter(registry: CollectorRegistry, name: str, help_: str, value: int) -> None:
    Counter(name, help_, registry=registry).inc(value)


def _gauge(
    registry: CollectorRegistry, name: str, help_: str, value: float | Mapping[str, float], label: str = ""
) -> None:
    gauge = Gauge(name, help_, [label] if label else [], registry=registry)
    for key, one in value.items() if isinstance(value, Mapping) else [("", value)]:
        (gauge.labels(key) if label else gauge).set(one)
