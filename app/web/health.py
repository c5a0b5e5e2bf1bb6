"""For load balancers and monitoring: alive, ready, and numbers for Prometheus."""

from flask import Blueprint, Response, current_app, jsonify
from prometheus_client import CollectorRegistry, Gauge, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from app.services import health
from app.web import security
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
    parts = health.parts(security.settings())
    is_ready = all(parts[name] for name in ("database", "tables", "redis"))
    return jsonify(ready=is_ready, **parts), 200 if is_ready else 503


@blueprint.get("/metrics")
@anyone
def metrics() -> Response:
    """Write the numbers for Prometheus."""
    numbers = health.numbers()
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    runs = Gauge("carillon_runs", "Runs under way, by state", ["state"], registry=registry)
    for state, count in numbers.runs.items():
        runs.labels(state).set(count)
    depth = Gauge("carillon_queue_depth", "Jobs that wait in a queue", ["queue"], registry=registry)
    for queue, count in (numbers.depths or {}).items():
        depth.labels(queue).set(count)
    is_up = Gauge("carillon_queue_up", "Whether Redis answers", registry=registry)
    is_up.set(numbers.depths is not None)
    oldest = Gauge("carillon_oldest_queued_seconds", "How long the oldest queued run waits", registry=registry)
    oldest.set(numbers.oldest_queued_seconds)
    Gauge("carillon_workers", "Workers seen in the last 15 seconds", registry=registry).set(numbers.workers)
    Gauge("carillon_clocks", "Clocks seen in the last 15 seconds", registry=registry).set(numbers.clocks)
    if hub := current_app.extensions.get("hub"):
        for name, (help_, value) in hub.numbers().items():
            Gauge(f"carillon_{name}", help_, registry=registry).set(value)
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)
