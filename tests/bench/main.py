"""The bench: starts houses, measures in them, and prints the figures as JSON or as a table."""

import json
import logging
import signal
import sys
import time
import tomllib
from importlib import import_module

from app.infra import database
from app.settings import ROOT, SettingError
from tests.bench import recovery, waiting
from tests.bench.figures import FIGURES, TOGETHER, table
from tests.bench.house import house
from tests.bench.telling import say


def run(args):
    """Measure what was asked for, and print it; 1 when a figure could not be measured."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends like Ctrl-C: everything is cleared away
    logging.disable(logging.INFO)  # of this process, which only arranges and looks
    answer, where = {}, ""
    for names in _chosen(args.only):
        variables = {"CARILLON_IO_SLOTS": str(_SLOTS[names[0]])} if names[0] in _SLOTS else {}
        with house(args.database, **variables) as here:
            answer |= {FIGURES[name]: _measure(name, here, args.quick) for name in names}
            where = _database()
    answer |= {"database": where, "version": _version()}
    say(*([json.dumps(answer)] if args.json else table(answer)), file=sys.stdout)
    return 1 if None in answer.values() else 0


_SLOTS = {"waiting": waiting.SLOTS, "recovery": recovery.SLOTS}


def _chosen(only):
    wanted = [name.strip() for name in only.split(",") if name.strip()] or list(FIGURES)
    for name in wanted:
        if name not in FIGURES:
            raise SettingError(f"There is no figure “{name}”. There are: {', '.join(FIGURES)}.")
    groups = [tuple(name for name in together if name in wanted) for together in TOGETHER]
    return [group for group in groups if group]


def _measure(name, here, is_quick):
    began = time.monotonic()
    try:
        found = import_module(f"tests.bench.{name}").measure(here, is_quick)
    except AssertionError as problem:
        say(f"{name}: not measured: {problem}")
        return None
    say(f"{name}: {json.dumps(found)} ({time.monotonic() - began:.0f} s)")
    return found


def _database():
    with database.read() as connection:
        version = ".".join(map(str, connection.dialect.server_version_info))
        return f"{connection.dialect.name} {version}"


def _version():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
