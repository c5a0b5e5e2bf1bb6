"""The one list of built-in plug-ins, and the entry points through which foreign packages add theirs."""

from importlib import import_module
from importlib.metadata import entry_points

import structlog

from app.engines.base import engines

BUILT_IN = (
    "app.engines.agent", "app.engines.http", "app.engines.shell", "app.engines.python", "app.engines.ping",
    "app.engines.report",
)  # fmt: skip

log = structlog.get_logger()


def register() -> None:
    """Fill the registries. A foreign plug-in that can't be loaded is told in the log and left out."""
    for name in BUILT_IN:
        try:
            engines.add(import_module(name).engine)
        except ModuleNotFoundError:
            log.warning("engine_missing", engine=name)
    for point in entry_points(group="carillon.engines"):
        try:
            engines.add(point.load())
        except Exception:
            log.exception("plug_in_failed", plug_in=point.name, package=point.value)
