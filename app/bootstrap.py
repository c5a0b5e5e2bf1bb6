"""The start that web, worker, clock and command line share: logs, database, Redis, vault, plug-ins."""

import logging
import re
import sys
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import structlog
from flask import Flask

from app import plugins
from app.infra import database, disk, redis, storage
from app.infra.vault import Vault
from app.services import unit
from app.services.execution import dependents
from app.settings import Settings

ROOT = Path(__file__).parents[1]

_PRIVATE = re.compile(r"password|secret|token|cookie|authorization|csrf", re.IGNORECASE)
_LINK = re.compile(r"(/(?:setup|sign-in|invite|ping|feeds|badge)/|[?&]token=)[\w-]+")
_API_TOKEN = re.compile(r"(car_\w{8})_\w+")


def start(settings: Settings) -> Flask:
    """Return a bare application whose context gives services their database, Redis and vault."""
    app = start_keyless(settings)
    storage.attach(settings)
    app.extensions["vault"] = Vault.open(settings.master_key_file)
    plugins.register()
    return app


def start_keyless(settings: Settings) -> Flask:
    """The same without vault, files and plug-ins, for a process that looks and tells."""
    set_up_logs(settings.log_level, is_console=sys.stderr.isatty())
    app = Flask("app", root_path=str(ROOT / "app"), template_folder=str(ROOT / "templates"), static_folder=None)
    app.config["SETTINGS"] = settings
    database.attach(app, settings)
    redis.attach(settings)
    disk.attach(settings)
    unit.let_follow(dependents.follow)
    return app


def set_up_logs(level: str, *, is_console: bool) -> None:
    """Send every log line, ours and the libraries', to standard error: readable on a terminal, else JSON."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        hide_private,
    ]
    renderer: Any = structlog.dev.ConsoleRenderer() if is_console else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    handler.set_name("carillon")
    root = logging.getLogger()
    root.handlers[:] = [kept for kept in root.handlers if kept.get_name() != "carillon"] + [handler]
    root.setLevel(level.upper())
    logging.getLogger("alembic").setLevel(max(logging.WARNING, root.level))  # it tells of every look at the tables


def hide_private(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Take values with private names, and the tokens of links and programs, out of a log line."""
    for name, value in line.items():
        if isinstance(value, str):
            line[name] = "…" if _PRIVATE.search(name) else _API_TOKEN.sub(r"\1_…", _LINK.sub(r"\1…", value))
    return line
